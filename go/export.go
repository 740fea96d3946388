package main

// #include <stdlib.h>
// #include "checksig.h"
// void checksig_restore_host(void);
import "C"

import (
	"errors"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	engine "checksig/internal/verify"

	"checksig/internal/manifest"
)

// These are the exports; checksig.h is their contract. Go has initialized all
// packages, package os among them, before it runs the first of them.

func init() { C.checksig_restore_host() }

//export verify
func verify(root *C.char) *C.char {
	err := contained(func() error { return check(C.GoString(root)) })
	if err != nil {
		return C.CString(err.Error())
	}
	return nil
}

//export checksig_check
func checksig_check(root *C.char, rootLength C.size_t, out *C.checksig_error) C.int32_t {
	*out = C.checksig_error{}
	err := contained(func() error {
		return check(string(unsafe.Slice((*byte)(unsafe.Pointer(root)), int(rootLength))))
	})
	if err != nil {
		fill(out, err)
	}
	return out.kind
}

//export checksig_free
func checksig_free(pointer unsafe.Pointer) { C.free(pointer) }

//export checksig_version
func checksig_version() *C.char { return cVersion() }

var cVersion = sync.OnceValue(func() *C.char { return C.CString(version) })

// contained makes a panic of call an error of the kind CHECKSIG_INTERNAL. In a
// forked child, where no goroutine would ever run, it does not call at all.
func contained(call func() error) (err error) {
	if C.checksig_forked != 0 {
		return errForked
	}
	defer engine.Contain(&err)
	return call()
}

var errForked = errors.New("the library was loaded before this process was forked")

var errArgument = errors.New("the path of the directory is empty, or has a NUL in it")

func check(root string) error {
	if root == "" || strings.IndexByte(root, 0) >= 0 {
		return errArgument
	}
	return CheckSignatures(root)
}

// fill makes *out say what err says, in memory of C's.
func fill(out *C.checksig_error, err error) {
	out.message = C.CString(err.Error())
	var (
		failed   *engine.FailedError
		bad      *manifest.Error
		notFound *manifest.NotFoundError
		refused  *engine.OSError
	)
	switch {
	case errors.As(err, &failed):
		out.kind = C.CHECKSIG_FAILED
	case errors.As(err, &bad):
		out.kind = C.CHECKSIG_MANIFEST
		out.line = C.int64_t(bad.Line)
		out.path = C.CString(bad.Path)
		out.reason = C.CString(bad.Reason)
	case errors.As(err, &notFound):
		out.kind = C.CHECKSIG_NOT_FOUND
		out.path = C.CString(notFound.Dir)
		out.reason = C.CString(notFound.Reason())
	case errors.As(err, &refused):
		out.kind = C.CHECKSIG_OS
		out.path = C.CString(refused.Path)
		out.os_errno = C.int32_t(errnoOf(refused))
	case err == errArgument:
		out.kind = C.CHECKSIG_ARGUMENT
	case err == errForked:
		out.kind = C.CHECKSIG_FORKED
	default:
		out.kind = C.CHECKSIG_INTERNAL
	}
}

func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return syscall.EIO
	}
	return errno
}
