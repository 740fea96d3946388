package main

// #cgo linux LDFLAGS: -Wl,--wrap=pthread_create
// #include <stdlib.h>
// #include "checksig.h"
//
// // Go has no const. The exported functions need these types to match checksig.h.
// typedef const char const_char;
// typedef const checksig_request const_request;
//
// void checksig_restore_host(void);
// int32_t checksig_spare_threads(int32_t wanted);
import "C"

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
	"unsafe"

	"checksig/internal/digest"
	"checksig/internal/engine"
	"checksig/internal/limits"
	"checksig/internal/wire"
)

// This file is the boundary to C. checksig.h is its contract. Go initializes all packages,
// package os among them, before it runs the first export.

func init() {
	C.checksig_restore_host()
	limits.SpareThreads = spareThreads
	// Most of the memory of a job is the manifest's content, which the garbage collector
	// does not scan. Frequent collections are therefore cheap.
	debug.SetGCPercent(25)
}

// spareThreads starts threads only where a limit may be near, because that takes long.
func spareThreads(n int) int {
	if limits.AreFar(n) {
		return n
	}
	return int(C.checksig_spare_threads(C.int32_t(n)))
}

//export verify
func verify(root *C.const_char) *C.char { return checksig_verify(root) }

//export checksig_verify
func checksig_verify(root *C.const_char) (message *C.char) {
	err := wire.Contained(func() error {
		path := stringOf(root)
		err := cmp.Or(wire.CheckRoot(path), wire.CheckKernels())
		if err == nil {
			err = CheckSignatures(path)
		}
		if err != nil {
			message = C.CString(err.Error())
		}
		return nil
	})
	if err != nil {
		return C.CString(err.Error())
	}
	return message
}

//export checksig_start
func checksig_start(request *C.const_request, handle *C.uint64_t, out *C.checksig_error) C.int32_t {
	return answer(out, func() (int32, error) {
		if request == nil || handle == nil {
			return 0, errNull
		}
		*handle = 0
		r, err := requestOf(request)
		if err != nil {
			return 0, err
		}
		job, err := r.Start()
		if err != nil {
			return 0, err
		}
		*handle = C.uint64_t(jobs.add(job))
		return wire.More, nil
	})
}

//export checksig_next
func checksig_next(
	handle C.uint64_t, buffer unsafe.Pointer, size C.size_t, milliseconds C.int32_t,
	written *C.size_t, progress *C.checksig_progress, out *C.checksig_error,
) C.int32_t {
	return answer(out, func() (int32, error) {
		if buffer == nil || written == nil || progress == nil {
			return 0, errNull
		}
		*written = 0
		job := jobs.get(uint64(handle))
		if job == nil {
			return 0, wire.ArgumentError("unknown job handle")
		}
		if size < C.CHECKSIG_BUFFER {
			return 0, wire.ArgumentError("the buffer is smaller than CHECKSIG_BUFFER")
		}
		if err := checkSize("checksig_progress", progress.struct_size, C.sizeof_checksig_progress); err != nil {
			return 0, err
		}
		records := wire.NewRecordWriter(unsafe.Slice((*byte)(buffer), int(size)))
		ended, err := job.NextRecords(time.Duration(milliseconds)*time.Millisecond, records)
		*written = C.size_t(records.Written())
		fillProgress(progress, job)
		if ended {
			return wire.OK, err
		}
		return wire.More, err
	})
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

//export checksig_error_free
func checksig_error_free(e *C.checksig_error) {
	if e == nil {
		return
	}
	for _, text := range []**C.char{&e.message, &e.path, &e.reason} {
		C.free(unsafe.Pointer(*text))
		*text = nil
	}
}

//export checksig_algorithms
func checksig_algorithms() *C.const_char { return cAlgorithms() }

var cAlgorithms = sync.OnceValue(func() *C.const_char { return (*C.const_char)(C.CString(digest.Names())) })

//export checksig_version
func checksig_version() *C.const_char { return cVersion() }

var cVersion = sync.OnceValue(func() *C.const_char { return (*C.const_char)(C.CString(version)) })

// errNull refuses NULL. To touch it would raise a signal, whose handler may be the host's.
const errNull = wire.ArgumentError("a pointer that must not be NULL is NULL")

// answer performs a call, and returns the kind that the call returns to C. If the call
// returns an error or panics, answer fills *out. It contains its own panics, too, which may
// come from the methods of an error.
func answer(out *C.checksig_error, call func() (int32, error)) (kind C.int32_t) {
	kind = C.CHECKSIG_INTERNAL
	_ = wire.Contained(func() error {
		if out == nil || checkSize("checksig_error", out.struct_size, C.sizeof_checksig_error) != nil {
			kind = C.CHECKSIG_ARGUMENT
			return nil
		}
		*out = C.checksig_error{struct_size: out.struct_size}
		var result int32
		err := wire.Contained(func() (err error) {
			result, err = call()
			return err
		})
		if err != nil {
			result = fillError(out, wire.OutcomeOf(err))
		}
		kind = C.int32_t(result)
		return nil
	})
	return kind
}

// fillError makes *out say how a call ended, in memory of C's, and returns the kind.
func fillError(out *C.checksig_error, o wire.Outcome) int32 {
	*out = C.checksig_error{
		struct_size: out.struct_size,
		kind:        C.int32_t(o.Kind),
		os_errno:    C.int32_t(o.Errno),
		line:        C.int64_t(o.Line),
		message:     C.CString(o.Message),
		path:        cString(o.Path),
		reason:      cString(o.Reason),
	}
	return o.Kind
}

// cString returns a copy of text in memory of C's; NULL for "".
func cString(text string) *C.char {
	if text == "" {
		return nil
	}
	return C.CString(text)
}

// fillProgress makes *out say how far a job has come.
func fillProgress(out *C.checksig_progress, job *wire.Job) {
	p := job.Progress()
	*out = C.checksig_progress{
		struct_size: out.struct_size,
		files:       C.int64_t(p.Files),
		total_files: C.int64_t(p.TotalFiles),
		bytes:       C.int64_t(p.Bytes),
		total_bytes: C.int64_t(p.TotalBytes),
		bad:         C.int64_t(p.Bad),
		bad_lines:   C.int64_t(job.BadLines()),

		by_receipt:     C.int64_t(p.ByReceipt),
		oldest_receipt: C.int64_t(p.OldestReceipt),
		listed:         C.int64_t(p.Listed),
		nanoseconds:    C.int64_t(p.Elapsed),
	}
	for status, count := range p.Counts {
		out.counts[status] = C.int64_t(count)
	}
}

// requestOf copies a request. It refuses one with members that this library does not know,
// because to ignore them could weaken what the caller asked for.
func requestOf(request *C.const_request) (*wire.Request, error) {
	q := (*C.checksig_request)(request)
	if err := checkSize("checksig_request", q.struct_size, C.sizeof_checksig_request); err != nil {
		return nil, err
	}
	for _, b := range unsafe.Slice((*byte)(unsafe.Pointer(q)), q.struct_size)[C.sizeof_checksig_request:] {
		if b != 0 {
			return nil, wire.ArgumentError("checksig_request has members that this version of the library does not know")
		}
	}
	r := &wire.Request{
		Root:      bytesOf(q.root, q.root_length),
		Algorithm: optional(q.algorithm),
		Manifest:  optional(q.manifest),
		Name:      optional(q.name),
		Format:    optional(q.format),
		Prefix:    optional(q.strip_prefix),
		Signature: optional(q.signature),
		NameSpace: optional(q.name_space),
		Workers:   int(q.workers),
		Flags:     int(q.flags),
		Shard:     int(q.shard),
		Shards:    int(q.shards),
		Receipts:  optional(q.receipts),
		MaxAge:    int(q.max_age),

		MinSigners: int(q.min_signers),
	}
	if q.keys != nil {
		keys := bytesOf(q.keys, q.keys_length)
		r.Keys = &keys
	}
	if q.list != nil {
		list := bytesOf(q.list, q.list_length)
		r.List = &list
	}
	return r, nil
}

// checkSize refuses a structure that is smaller than this library's.
func checkSize(structure string, size C.uint32_t, least uintptr) error {
	if uintptr(size) < least {
		return wire.ArgumentError(fmt.Sprintf("%s.struct_size is %d, less than %d", structure, size, least))
	}
	return nil
}

// bytesOf returns length bytes of C's, which may contain NUL; "" for NULL.
func bytesOf(pointer *C.const_char, length C.size_t) string {
	if pointer == nil {
		return ""
	}
	return string(unsafe.Slice((*byte)(unsafe.Pointer(pointer)), int(length)))
}

// stringOf returns a string of C's; "" for NULL.
func stringOf(pointer *C.const_char) string { return C.GoString((*C.char)(pointer)) }

// optional returns a string of C's; nil for NULL.
func optional(pointer *C.const_char) *string {
	if pointer == nil {
		return nil
	}
	text := stringOf(pointer)
	return &text
}

// The numbers of checksig.h are those of package wire. A difference is an index out of range,
// which the compiler refuses.
const differences = (C.CHECKSIG_FAILED - wire.Failed) |
	(C.CHECKSIG_MANIFEST - wire.Manifest) |
	(C.CHECKSIG_NOT_FOUND - wire.NotFound) |
	(C.CHECKSIG_OS - wire.OS) |
	(C.CHECKSIG_ARGUMENT - wire.Argument) |
	(C.CHECKSIG_INTERNAL - wire.Internal) |
	(C.CHECKSIG_CANCELLED - wire.Cancelled) |
	(C.CHECKSIG_MORE - wire.More) |
	(C.CHECKSIG_NOT_SIGNED - wire.NotSigned) |
	(C.CHECKSIG_STATUS_OK - uint(engine.OK)) |
	(C.CHECKSIG_STATUS_FAILED - uint(engine.Failed)) |
	(C.CHECKSIG_STATUS_MISSING - uint(engine.Missing)) |
	(C.CHECKSIG_STATUS_CHANGED - uint(engine.Changed)) |
	(C.CHECKSIG_STATUS_ERROR - uint(engine.Error)) |
	(C.CHECKSIG_STATUS_CONFLICT - uint(engine.Conflict)) |
	(C.CHECKSIG_STATUS_EXTRA - uint(engine.Extra)) |
	(C.CHECKSIG_RECORD_FILE - wire.FileRecord) |
	(C.CHECKSIG_RECORD_BAD_LINE - wire.BadLineRecord) |
	(C.CHECKSIG_RECORD_MANIFEST - wire.ManifestRecord) |
	(C.CHECKSIG_RECORD_ENTRY - wire.EntryRecord) |
	(C.CHECKSIG_RECORD_SIGNATURE - wire.SignatureRecord) |
	(C.CHECKSIG_RECORD_NOTE - wire.NoteRecord) |
	(C.CHECKSIG_RECORD_LINES - wire.LinesRecord) |
	(C.CHECKSIG_RECORD_NAMES - wire.NamesRecord) |
	(C.CHECKSIG_ALL_RESULTS - wire.AllResults) |
	(C.CHECKSIG_IGNORE_MISSING - wire.IgnoreMissing) |
	(C.CHECKSIG_TOTALS - wire.Totals) |
	(C.CHECKSIG_REPORT_EXTRA - wire.ReportExtra) |
	(C.CHECKSIG_FAIL_EXTRA - wire.FailExtra) |
	(C.CHECKSIG_READ_ENTRIES - wire.ReadEntries) |
	(C.CHECKSIG_FIND_MANIFESTS - wire.FindManifests) |
	(C.CHECKSIG_FIND_FILES - wire.FindFiles) |
	(C.CHECKSIG_HASH_FILES - wire.HashFiles) |
	(C.CHECKSIG_CONTENT - wire.Content) |
	(C.CHECKSIG_RECEIPTS - wire.Receipts) |
	(C.CHECKSIG_COUNT_RECEIPTS - wire.CountReceipts) |
	(C.CHECKSIG_WRITE_ENTRIES - wire.WriteEntries) |
	(C.CHECKSIG_DIGEST_ENTRIES - wire.DigestEntries) |
	(C.CHECKSIG_PACK_NAMES - wire.PackNames) |
	(C.CHECKSIG_BUFFER - wire.MinBuffer) |
	(C.sizeof_checksig_record - wire.RecordSize) |
	(C.sizeof_checksig_progress - wire.ProgressSize)

var _ = [1]struct{}{}[differences]
