package main

// #include <stdlib.h>
// #include "checksig.h"
// void checksig_restore_host(void);
// int32_t checksig_spare_threads(int32_t wanted);
import "C"

import (
	"cmp"
	"runtime/debug"
	"sync"
	"time"
	"unsafe"

	"checksig/internal/digest"
	"checksig/internal/engine"
	"checksig/internal/wire"
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
	err := wire.Contained(func() error {
		path := C.GoString(root)
		if err := cmp.Or(wire.CheckRoot(path), wire.CheckKernels()); err != nil {
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
	err := wire.Contained(func() error {
		job, err := requestOf(request).Start()
		if err == nil {
			*handle = C.uint64_t(jobs.add(job))
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
	err := wire.Contained(func() error {
		job := jobs.get(uint64(handle))
		if job == nil {
			return wire.ArgumentError("no such job")
		}
		if size < C.CHECKSIG_BUFFER {
			return wire.ArgumentError("the buffer is smaller than CHECKSIG_BUFFER")
		}
		records := wire.NewRecordWriter(unsafe.Slice((*byte)(buffer), int(size)))
		ended, err := job.NextRecords(time.Duration(milliseconds)*time.Millisecond, records)
		*written = C.size_t(records.Written())
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
	_ = wire.Contained(func() error {
		if job := jobs.get(uint64(handle)); job != nil {
			job.Cancel()
		}
		return nil
	})
}

//export checksig_close
func checksig_close(handle C.uint64_t, milliseconds C.int32_t) C.int32_t {
	ended := true
	_ = wire.Contained(func() error {
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

// bytesOf returns length bytes of C's, which may have NUL among them.
func bytesOf(pointer *C.char, length C.size_t) string {
	return string(unsafe.Slice((*byte)(unsafe.Pointer(pointer)), int(length)))
}

func requestOf(request *C.checksig_request) *wire.Request {
	r := &wire.Request{
		Root:      bytesOf(request.root, request.root_length),
		Algorithm: textOf(request.algorithm),
		Manifest:  textOf(request.manifest),
		Name:      textOf(request.name),
		Format:    textOf(request.format),
		Workers:   int(request.workers),
		Flags:     int(request.flags),
		Shard:     int(request.shard),
		Shards:    int(request.shards),
	}
	if request.list != nil {
		list := bytesOf(request.list, request.list_length)
		r.List = &list
	}
	return r
}

// textOf returns a string of C's, nil for NULL.
func textOf(pointer *C.char) *string {
	if pointer == nil {
		return nil
	}
	text := C.GoString(pointer)
	return &text
}

// report makes *out say how far a job has come.
func report(job *wire.Job, out *C.checksig_progress) {
	p := job.Progress()
	*out = C.checksig_progress{
		files:       C.int64_t(p.Files),
		total_files: C.int64_t(p.TotalFiles),
		bytes:       C.int64_t(p.Bytes),
		total_bytes: C.int64_t(p.TotalBytes),
		failed:      C.int64_t(p.Failed),
		bad_lines:   C.int64_t(job.BadLines()),
	}
	for status, count := range p.Counts {
		out.counts[status] = C.int64_t(count)
	}
}

// fill makes *out say what err says, in memory of C's.
func fill(out *C.checksig_error, err error) {
	f := wire.FailureOf(err)
	*out = C.checksig_error{
		kind:     C.int32_t(f.Kind),
		os_errno: C.int32_t(f.Errno),
		line:     C.int64_t(f.Line),
		message:  C.CString(f.Message),
		path:     orNull(f.Path),
		reason:   orNull(f.Reason),
	}
}

func orNull(text string) *C.char {
	if text == "" {
		return nil
	}
	return C.CString(text)
}

// The numbers of checksig.h are those of package wire: a difference is an index out
// of range, which the compiler refuses.
const differences = (C.CHECKSIG_FAILED - wire.Failed) |
	(C.CHECKSIG_MANIFEST - wire.Manifest) |
	(C.CHECKSIG_NOT_FOUND - wire.NotFound) |
	(C.CHECKSIG_OS - wire.OS) |
	(C.CHECKSIG_ARGUMENT - wire.Argument) |
	(C.CHECKSIG_INTERNAL - wire.Internal) |
	(C.CHECKSIG_CANCELLED - wire.Cancelled) |
	(C.CHECKSIG_TEXT - wire.Text) |
	(C.CHECKSIG_MORE - wire.More) |
	(C.CHECKSIG_ALL_RESULTS - wire.AllResults) |
	(C.CHECKSIG_IGNORE_MISSING - wire.IgnoreMissing) |
	(C.CHECKSIG_TOTALS - wire.Totals) |
	(C.CHECKSIG_REPORT_EXTRA - wire.ReportExtra) |
	(C.CHECKSIG_FAIL_EXTRA - wire.FailExtra) |
	(C.CHECKSIG_READ_ENTRIES - wire.ReadEntries) |
	(C.CHECKSIG_FIND_MANIFESTS - wire.FindManifests) |
	(C.CHECKSIG_FIND_FILES - wire.FindFiles) |
	(C.CHECKSIG_HASH_FILES - wire.HashFiles) |
	(C.CHECKSIG_BUFFER - wire.MinBuffer) |
	(C.sizeof_checksig_record - wire.RecordHeader) |
	(C.sizeof_checksig_progress - wire.ProgressSize)

var _ = [1]struct{}{}[differences]
