package main

// #include <stdlib.h>
// #include "checksig.h"
// void checksig_restore_host(void);
// int32_t checksig_spare_threads(int32_t wanted);
import "C"

import (
	"cmp"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"checksig/internal/digest"
	"checksig/internal/manifest"
	engine "checksig/internal/verify"
)

// These are the exports; checksig.h is their contract. Go has initialized all
// packages, package os among them, before it runs the first of them.

func init() {
	C.checksig_restore_host()
	engine.SpareThreads = func(n int) int { return int(C.checksig_spare_threads(C.int32_t(n))) }
	// A run's memory is mostly the manifest's text, which a collection need not look
	// into: frequent ones are cheap.
	debug.SetGCPercent(25)
}

//export verify
func verify(root *C.char) *C.char {
	err := contained(func() error {
		path := C.GoString(root)
		if err := cmp.Or(checkRoot(path), checkKernels()); err != nil {
			return err
		}
		return CheckSignatures(path)
	})
	if err != nil {
		return C.CString(err.Error())
	}
	return nil
}

//export checksig_start
func checksig_start(request *C.checksig_request, handle *C.uint64_t, out *C.checksig_error) C.int32_t {
	*handle, *out = 0, C.checksig_error{}
	err := contained(func() error {
		root := bytesOf(request.root, request.root_length)
		options, err := optionsOf(request)
		if err := cmp.Or(err, checkRoot(root), checkKernels()); err != nil {
			return err
		}
		job, err := start(root, options)
		if err == nil {
			kind := uint8(fileKind)
			if options.Task != engine.VerifyFiles && options.Task != engine.HashFiles {
				kind = entryKind
			}
			*handle = C.uint64_t(jobs.add(job, kind))
		}
		return err
	})
	if err != nil {
		fill(out, err)
		return out.kind
	}
	return C.CHECKSIG_MORE
}

//export checksig_next
func checksig_next(
	handle C.uint64_t, buffer unsafe.Pointer, size C.size_t, milliseconds C.int32_t,
	written *C.size_t, progress *C.checksig_progress, out *C.checksig_error,
) (kind C.int32_t) {
	*written, *out = 0, C.checksig_error{}
	kind = C.CHECKSIG_MORE
	err := contained(func() error {
		job := jobs.get(uint64(handle))
		if job == nil {
			return argumentError("no such job")
		}
		if size < C.CHECKSIG_BUFFER {
			return argumentError("the buffer is smaller than CHECKSIG_BUFFER")
		}
		records := recordWriter{free: unsafe.Slice((*byte)(buffer), int(size))}
		ended, err := job.next(time.Duration(milliseconds)*time.Millisecond, &records)
		*written = C.size_t(records.written)
		report(job, progress)
		if ended && err == nil {
			kind = C.CHECKSIG_OK
		}
		return err
	})
	if err != nil {
		fill(out, err)
		kind = out.kind
	}
	return kind
}

//export checksig_cancel
func checksig_cancel(handle C.uint64_t) {
	_ = contained(func() error {
		if job := jobs.get(uint64(handle)); job != nil {
			job.Cancel()
		}
		return nil
	})
}

//export checksig_close
func checksig_close(handle C.uint64_t, milliseconds C.int32_t) C.int32_t {
	ended := true
	_ = contained(func() error {
		if job := jobs.remove(uint64(handle)); job != nil {
			ended = job.Close(time.Duration(milliseconds) * time.Millisecond)
		}
		return nil
	})
	if ended {
		return 1
	}
	return 0
}

//export checksig_free
func checksig_free(pointer unsafe.Pointer) { C.free(pointer) }

//export checksig_algorithms
func checksig_algorithms() *C.char { return cAlgorithms() }

var cAlgorithms = sync.OnceValue(func() *C.char { return C.CString(digest.Names()) })

//export checksig_version
func checksig_version() *C.char { return cVersion() }

var cVersion = sync.OnceValue(func() *C.char { return C.CString(version) })

// contained makes a panic of call an error of the kind CHECKSIG_INTERNAL.
func contained(call func() error) (err error) {
	defer engine.Contain(&err)
	return call()
}

// An argumentError says which argument is not allowed.
type argumentError string

func (e argumentError) Error() string { return string(e) }

// bytesOf returns length bytes of C's, which may have NUL among them.
func bytesOf(pointer *C.char, length C.size_t) string {
	return string(unsafe.Slice((*byte)(unsafe.Pointer(pointer)), int(length)))
}

func checkRoot(root string) error {
	if root == "" || strings.IndexByte(root, 0) >= 0 {
		return argumentError("the path of the directory is empty, or has a NUL in it")
	}
	return nil
}

func checkKernels() error {
	if err := digest.KernelsErr(); err != nil {
		return argumentError(err.Error())
	}
	return nil
}

func optionsOf(request *C.checksig_request) (engine.Options, error) {
	options := engine.Options{
		Workers:       int(request.workers),
		IgnoreMissing: request.flags&C.CHECKSIG_IGNORE_MISSING != 0,
		Totals:        request.flags&C.CHECKSIG_TOTALS != 0,
		Results:       engine.BadResults,
	}
	if request.flags&C.CHECKSIG_ALL_RESULTS != 0 {
		options.Results = engine.AllResults
	}
	if request.list != nil {
		list := bytesOf(request.list, request.list_length)
		switch {
		case request.flags&C.CHECKSIG_TEXT != 0:
			options.Text = &list
		case list == "":
			return options, argumentError("the list of entries is empty")
		default:
			options.List = list
		}
	}
	if request.name != nil {
		options.Name = C.GoString(request.name)
	}
	if request.manifest != nil {
		options.Manifest = C.GoString(request.manifest)
	}
	switch {
	case request.flags&C.CHECKSIG_READ_ENTRIES != 0:
		options.Task = engine.ReadEntries
	case request.flags&C.CHECKSIG_FIND_MANIFESTS != 0:
		options.Task = engine.FindManifests
	case request.flags&C.CHECKSIG_FIND_FILES != 0:
		options.Task = engine.FindFiles
	case request.flags&C.CHECKSIG_HASH_FILES != 0:
		options.Task = engine.HashFiles
	}
	switch {
	case request.flags&C.CHECKSIG_FAIL_EXTRA != 0:
		options.Extra = engine.FailExtra
	case request.flags&C.CHECKSIG_REPORT_EXTRA != 0:
		options.Extra = engine.ReportExtra
	}
	options.Shard = engine.Shard{Number: int(request.shard), Of: int(request.shards)}
	if request.shards < 0 || request.shard < min(1, request.shards) || request.shard > request.shards {
		return options, argumentError(fmt.Sprintf("there is no shard %d of %d", request.shard, request.shards))
	}
	if options.Workers < 0 {
		return options, argumentError("the number of workers is negative")
	}
	if request.algorithm != nil {
		name := C.GoString(request.algorithm)
		options.Algorithm = digest.ByName(name)
		if options.Algorithm == nil {
			return options, argumentError(fmt.Sprintf("%s; known are %s", digest.Unknown(name), digest.Names()))
		}
	}
	if request.format != nil {
		name := C.GoString(request.format)
		options.Format = manifest.FormatByName(name)
		if options.Format == nil {
			return options, argumentError(fmt.Sprintf("unknown format %q; known are %s", name, manifest.FormatNames()))
		}
	}
	return options, nil
}

// report makes *out say how far a job has come.
func report(job *job, out *C.checksig_progress) {
	p := job.Progress()
	*out = C.checksig_progress{
		files:       C.int64_t(p.Files),
		total_files: C.int64_t(p.TotalFiles),
		bytes:       C.int64_t(p.Bytes),
		total_bytes: C.int64_t(p.TotalBytes),
		failed:      C.int64_t(p.Failed),
		bad_lines:   C.int64_t(job.badLines.Load()),
	}
	for status, count := range p.Counts {
		out.counts[status] = C.int64_t(count)
	}
}

// fill makes *out say what err says, in memory of C's.
func fill(out *C.checksig_error, err error) {
	out.message = C.CString(err.Error())
	var (
		failed   *engine.FailedError
		bad      *manifest.Error
		notFound *manifest.NotFoundError
		refused  *engine.OSError
		argument argumentError
	)
	switch {
	case errors.As(err, &failed):
		out.kind = C.CHECKSIG_FAILED
		if hint := failed.Report.Hint; hint != "" {
			out.reason = C.CString(hint)
		}
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
		if reason := refused.Reason(); reason != "" {
			out.reason = C.CString(reason)
		}
	case errors.As(err, &argument):
		out.kind = C.CHECKSIG_ARGUMENT
	case errors.Is(err, engine.ErrCancelled):
		out.kind = C.CHECKSIG_CANCELLED
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
