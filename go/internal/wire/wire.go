// Package wire is what every door to the engine shares: the C interface of the
// shared library, and the pipe of the helper. It takes a request, runs its job, and
// gives records, counters and failures as checksig.h describes them. It knows
// nothing of C.
package wire

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"checksig/internal/digest"
	"checksig/internal/engine"
	"checksig/internal/manifest"
)

// These do the work. A build with the tag checksig_inject replaces them.
var (
	Run   = engine.Run
	begin = engine.Start
)

// What calls return, and checksig_error.kind.
const (
	OK = iota
	Failed
	Manifest
	NotFound
	OS
	Argument
	Internal
	Cancelled
	More
)

// The flags of a request.
const (
	AllResults = 1 << iota
	IgnoreMissing
	Totals
	ReportExtra
	FailExtra
	ReadEntries
	FindManifests
	FindFiles
	HashFiles
	Text
)

// MinBuffer is CHECKSIG_BUFFER: every record fits.
const MinBuffer = 135168

// A Request is checksig_request. A nil member is NULL.
type Request struct {
	Root                                    string
	Algorithm, Manifest, Name, Format, List *string
	Workers, Flags, Shard, Shards           int
}

// Start begins the job of a request. The caller must close it.
func (r *Request) Start() (*Job, error) {
	options, err := r.options()
	if err := cmp.Or(err, CheckRoot(r.Root), CheckKernels()); err != nil {
		return nil, err
	}
	run, err := begin(r.Root, options)
	if err != nil {
		return nil, err
	}
	kind := uint8(entryKind)
	if options.Task == engine.VerifyFiles || options.Task == engine.HashFiles {
		kind = fileKind
	}
	return &Job{Job: run, kind: kind}, nil
}

func (r *Request) options() (engine.Options, error) {
	options := engine.Options{
		Manifest:      valueOf(r.Manifest),
		Name:          valueOf(r.Name),
		Workers:       r.Workers,
		IgnoreMissing: r.has(IgnoreMissing),
		Totals:        r.has(Totals),
		Task:          r.task(),
		Extra:         r.extra(),
		Shard:         engine.Shard{Number: r.Shard, Of: r.Shards},
		Results:       engine.BadResults,
	}
	if r.has(AllResults) {
		options.Results = engine.AllResults
	}
	switch {
	case r.has(Text) && r.List != nil:
		options.Text = r.List
	case r.List != nil && *r.List == "":
		return options, ArgumentError("the list of entries is empty")
	default:
		options.List = valueOf(r.List)
	}
	if r.Shards < 0 || r.Shard < min(1, r.Shards) || r.Shard > r.Shards {
		return options, ArgumentError(fmt.Sprintf("there is no shard %d of %d", r.Shard, r.Shards))
	}
	if r.Workers < 0 {
		return options, ArgumentError("the number of workers is negative")
	}
	var err error
	if r.Algorithm != nil {
		options.Algorithm, err = algorithmOf(*r.Algorithm)
	}
	if r.Format != nil && err == nil {
		options.Format, err = formatOf(*r.Format)
	}
	return options, err
}

func (r *Request) has(flag int) bool { return r.Flags&flag != 0 }

func (r *Request) task() engine.Task {
	switch {
	case r.has(ReadEntries):
		return engine.ReadEntries
	case r.has(FindManifests):
		return engine.FindManifests
	case r.has(FindFiles):
		return engine.FindFiles
	case r.has(HashFiles):
		return engine.HashFiles
	}
	return engine.VerifyFiles
}

func (r *Request) extra() engine.Extra {
	switch {
	case r.has(FailExtra):
		return engine.FailExtra
	case r.has(ReportExtra):
		return engine.ReportExtra
	}
	return engine.IgnoreExtra
}

func algorithmOf(name string) (*digest.Algorithm, error) {
	if known := digest.ByName(name); known != nil {
		return known, nil
	}
	return nil, ArgumentError(fmt.Sprintf("%s; known are %s", digest.Unknown(name), digest.Names()))
}

func formatOf(name string) (*manifest.Format, error) {
	if known := manifest.FormatByName(name); known != nil {
		return known, nil
	}
	return nil, ArgumentError(fmt.Sprintf("unknown format %q; known are %s", name, manifest.FormatNames()))
}

func valueOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// An ArgumentError says which argument is not allowed.
type ArgumentError string

func (e ArgumentError) Error() string { return string(e) }

// CheckRoot refuses what cannot be the path of a directory.
func CheckRoot(root string) error {
	if root == "" || strings.IndexByte(root, 0) >= 0 {
		return ArgumentError("the path of the directory is empty, or has a NUL in it")
	}
	return nil
}

// CheckKernels refuses ways to hash that the user asked for and that are not there.
func CheckKernels() error {
	if err := digest.KernelsErr(); err != nil {
		return ArgumentError(err.Error())
	}
	return nil
}

// Contained makes a panic of call an error, whose failure is of the kind Internal.
func Contained(call func() error) (err error) {
	defer engine.Contain(&err)
	return call()
}

// A Failure is checksig_error. An empty string is NULL.
type Failure struct {
	Kind, Errno           int32
	Line                  int64
	Message, Path, Reason string
}

// FailureOf returns what there is to say of an error, which is not nil.
func FailureOf(err error) Failure {
	var (
		failed   *engine.FailedError
		bad      *manifest.Error
		notFound *manifest.NotFoundError
		refused  *engine.OSError
		argument ArgumentError
	)
	f := Failure{Kind: Internal, Message: err.Error()}
	switch {
	case errors.As(err, &failed):
		f.Kind, f.Reason = Failed, failed.Report.Hint
	case errors.As(err, &bad):
		f.Kind, f.Line, f.Path, f.Reason = Manifest, int64(bad.Line), bad.Path, bad.Reason
	case errors.As(err, &notFound):
		f.Kind, f.Path, f.Reason = NotFound, notFound.Dir, notFound.Reason()
	case errors.As(err, &refused):
		f.Kind, f.Path, f.Reason = OS, refused.Path, refused.Reason()
		f.Errno = systemsOwn(errnoOf(refused))
	case errors.As(err, &argument):
		f.Kind = Argument
	case errors.Is(err, engine.ErrCancelled):
		f.Kind = Cancelled
	}
	return f
}

func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return syscall.EIO
	}
	return errno
}
