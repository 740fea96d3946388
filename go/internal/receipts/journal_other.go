//go:build !linux

package receipts

import (
	"errors"
	"sync/atomic"
)

type opening int

const (
	existing opening = iota
	created
)

// errUnsupported says that there are no receipts here: package beneath does not read ctimes.
var errUnsupported = errors.New("not supported on this operating system")

func makeDirectory(string) error { return errUnsupported }
func removeJournal(string) error { return nil }

func readJournal(string, *atomic.Bool) ([]byte, error)          { return nil, errUnsupported }
func appendJournal(string, []byte, []byte, opening) error       { return nil }
func syncJournal(string) error                                  { return nil }
func rewriteJournal(string, func([]byte) ([]byte, error)) error { return errUnsupported }
