package wire

import (
	"errors"
	"strings"
	"syscall"

	"checksig/internal/beneath"
	"checksig/internal/discover"
	"checksig/internal/engine"
	"checksig/internal/manifest"
)

// An Outcome says how a call or a job ended, as checksig_error does. An empty string is NULL.
type Outcome struct {
	Kind, Errno           int32
	Line                  int64
	Message, Path, Reason string
}

// OutcomeOf returns the outcome of an error, which must not be nil. A panic in one of the
// error's methods is an outcome of the kind Internal.
func OutcomeOf(err error) (o Outcome) {
	panicked := Contained(func() error {
		o = describe(err)
		return nil
	})
	if panicked != nil {
		return Outcome{Kind: Internal, Message: panicked.Error()}
	}
	return o
}

func describe(err error) Outcome {
	var (
		failed   *engine.FailedError
		bad      *manifest.Error
		notFound *manifest.NotFoundError
		unsigned *discover.NotSignedError
		refused  *beneath.OSError
		argument ArgumentError
		cannot   *engine.UnwritableError
	)
	o := Outcome{Kind: Internal, Message: err.Error()}
	switch {
	case errors.As(err, &failed):
		o.Kind, o.Reason = Failed, failed.Report.Hint
	case errors.As(err, &bad):
		o.Kind, o.Line, o.Path, o.Reason = Manifest, int64(bad.Line), bad.Path, bad.Reason
	case errors.As(err, &unsigned):
		o.Kind, o.Path = NotSigned, unsigned.Path
		o.Reason = strings.Join(append([]string{unsigned.Reason}, unsigned.Claimed...), "\n")
	case errors.As(err, &notFound):
		o.Kind, o.Path, o.Reason = NotFound, notFound.Dir, notFound.Reason()
	case errors.As(err, &refused):
		o.Kind, o.Path, o.Reason = OS, refused.Path, refused.Reason()
		o.Errno = systemErrno(errnoOf(refused))
	case errors.As(err, &argument), errors.As(err, &cannot):
		o.Kind = Argument
	case errors.Is(err, engine.ErrCancelled):
		o.Kind = Cancelled
	}
	return o
}

func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return syscall.EIO
	}
	return errno
}
