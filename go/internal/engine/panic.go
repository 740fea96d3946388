package engine

import (
	"fmt"
	"runtime/debug"
)

// A PanicError is a contained panic, which means a bug in checksig.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("internal error: %v; please report it with this stack:\n%s", e.Value, e.Stack)
}

// Contain must be deferred. It recovers from a panic of its function, and sets *err to a
// [*PanicError].
func Contain(err *error) {
	switch value := recover().(type) {
	case nil:
	case *PanicError: // passed on from another goroutine
		*err = value
	default:
		*err = &PanicError{value, debug.Stack()}
	}
}
