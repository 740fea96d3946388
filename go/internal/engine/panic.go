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
	if value := recover(); value != nil {
		*err = panicError(value)
	}
}

// passOn must be deferred. It makes a panic of its function one with a [*PanicError], which
// keeps the stack if another goroutine panics with it again.
func passOn() {
	if value := recover(); value != nil {
		panic(panicError(value))
	}
}

func panicError(value any) *PanicError {
	if known, ok := value.(*PanicError); ok { // passed on from another goroutine
		return known
	}
	return &PanicError{value, debug.Stack()}
}
