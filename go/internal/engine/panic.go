package engine

import (
	"fmt"
	"runtime/debug"
)

// A PanicError is a bug of ours that was contained.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("internal error: %v; please report it with this stack:\n%s", e.Value, e.Stack)
}

// Contain makes a panic of the function that defers it a [*PanicError] in *err.
func Contain(err *error) {
	switch value := recover().(type) {
	case nil:
	case *PanicError: // of another goroutine
		*err = value
	default:
		*err = &PanicError{value, debug.Stack()}
	}
}
