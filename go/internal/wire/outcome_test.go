package wire

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"checksig/internal/beneath"
	"checksig/internal/engine"
	"checksig/internal/manifest"
)

type panickingError struct{}

func (panickingError) Error() string { panic("injected") }

func TestPanicInErrorMethodIsInternal(t *testing.T) {
	for _, err := range []error{panickingError{}, fmt.Errorf("open: %w", errors.Join(panickingError{}))} {
		got := OutcomeOf(err)
		if got.Kind != Internal || !strings.Contains(got.Message, "injected") {
			t.Errorf("got %+v, want an internal error that names the panic", got)
		}
	}
}

func TestOutcomeOfAnErrorHasItsKindAndDetails(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Outcome
	}{
		{ArgumentError("no"), Outcome{Kind: Argument, Message: "no"}},
		{engine.ErrCancelled, Outcome{Kind: Cancelled, Message: "cancelled"}},
		{errors.New("other"), Outcome{Kind: Internal, Message: "other"}},
		{
			&manifest.Error{Path: "m", Line: 3, Reason: "bad"},
			Outcome{Kind: Manifest, Line: 3, Message: `"m" - line 3: bad`, Path: "m", Reason: "bad"},
		},
		{
			&beneath.OSError{Path: "d", Err: syscall.EIO},
			Outcome{Kind: OS, Errno: systemErrno(syscall.EIO), Message: `"d" - ` + syscall.EIO.Error(), Path: "d"},
		},
	} {
		if got := OutcomeOf(fmt.Errorf("%w", c.err)); got != c.want {
			t.Errorf("got %+v, want %+v", got, c.want)
		}
	}
}
