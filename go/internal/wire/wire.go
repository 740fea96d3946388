// Package wire is what the two ways to reach the engine share: the C interface of the
// shared library, and the pipe of the helper. It takes a request, runs its job, and gives
// records, counters and the outcome as checksig.h describes them. It does not use C.
package wire

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"checksig/internal/digest"
	"checksig/internal/discover"
	"checksig/internal/engine"
	"checksig/internal/manifest"
)

// These do the work. A build with the tag checksig_inject replaces them to inject faults.
var (
	Run   = engine.Run
	begin = engine.Start
)

// A Request says what a job has to do, as checksig_request does. A nil member is NULL.
type Request struct {
	Root                                            string
	Algorithm, Manifest, Name, Format, List, Prefix *string
	Keys, Signature, NameSpace                      *string
	Workers, Flags, Shard, Shards, MinSigners       int

	Receipts *string // the directory of the journals of receipts
	MaxAge   int     // of receipts, in seconds
}

// Start starts the job of a request. The caller must close it.
func (r *Request) Start() (*Job, error) {
	options, err := r.options()
	if err := cmp.Or(err, CheckRoot(r.Root), CheckKernels()); err != nil {
		return nil, err
	}
	run, err := begin(r.Root, options)
	if err != nil {
		return nil, err
	}
	kind := uint8(EntryRecord)
	switch options.Task {
	case engine.VerifyFiles, engine.HashFiles, engine.WriteEntries:
		kind = FileRecord
	}
	return &Job{Job: run, kind: kind}, nil
}

func (r *Request) options() (engine.Options, error) {
	options := engine.Options{
		Options:       discover.Options{Manifest: valueOf(r.Manifest), Name: valueOf(r.Name)},
		Workers:       r.Workers,
		IgnoreMissing: r.has(IgnoreMissing),
		Totals:        r.has(Totals),
		Task:          r.task(),
		Extra:         r.extra(),
		Shard:         engine.Shard{Number: r.Shard, Of: r.Shards},
		Results:       engine.BadResults,
		DigestEntries: r.has(DigestEntries),
		PackNames:     r.has(PackNames),
		Receipts: engine.Receipts{
			Directory: valueOf(r.Receipts),
			Use:       r.has(Receipts),
			MaxAge:    time.Duration(r.MaxAge) * time.Second,
		},
	}
	if r.has(AllResults) {
		options.Results = engine.AllResults
	}
	switch {
	case r.has(Content) && r.List != nil:
		options.Content = r.List
	case r.List != nil && *r.List == "":
		return options, ArgumentError("the list of entries is empty")
	default:
		options.List = valueOf(r.List)
	}
	if r.Shards < 0 || r.Shard < min(1, r.Shards) || r.Shard > r.Shards {
		return options, ArgumentError(fmt.Sprintf("invalid shard %d of %d", r.Shard, r.Shards))
	}
	if r.Workers < 0 {
		return options, ArgumentError("the number of workers is negative")
	}
	if r.MaxAge < 0 {
		return options, ArgumentError("the greatest age of receipts is negative")
	}
	var err error
	options.Trust, err = r.trust()
	if r.Algorithm != nil && err == nil {
		options.Algorithm, err = algorithmOf(*r.Algorithm)
	}
	if r.Format != nil && err == nil {
		options.Format, err = formatOf(*r.Format)
	}
	if options.Task == engine.WriteEntries && err == nil {
		if options.Listing, options.Format = options.Format, nil; options.Listing == nil || options.List == "" {
			err = ArgumentError("entries cannot be written without a list and a format")
		}
	}
	if r.Prefix != nil && err == nil {
		options.StripPrefix, err = prefixOf(*r.Prefix)
	}
	return options, err
}

// trust returns whose signatures the manifests must have.
func (r *Request) trust() (discover.Trust, error) {
	trust := discover.Trust{Min: r.MinSigners, Signature: valueOf(r.Signature), Namespace: valueOf(r.NameSpace)}
	if r.Keys == nil {
		if r.MinSigners != 0 || r.Signature != nil || r.NameSpace != nil {
			return trust, ArgumentError("signature, name_space and min_signers need keys")
		}
		return trust, nil
	}
	if r.MinSigners < 0 {
		return trust, ArgumentError("the number of signers is negative")
	}
	for rest := *r.Keys; ; {
		path, after, _ := strings.Cut(rest, "\x00")
		length, after, ok := strings.Cut(after, "\x00")
		n, err := strconv.Atoi(length)
		if !ok || err != nil || n < -1 || n > len(after) {
			return trust, ArgumentError("the list of keys is empty or incomplete")
		}
		file := discover.KeyFile{Path: path}
		if n >= 0 {
			content := after[:n]
			file.Content = &content
		}
		trust.Keys = append(trust.Keys, file)
		if rest = after[max(n, 0):]; rest == "" {
			return trust, nil
		}
	}
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
	case r.has(WriteEntries):
		return engine.WriteEntries
	case r.has(HashFiles):
		return engine.HashFiles
	case r.has(CountReceipts):
		return engine.CountReceipts
	}
	return engine.VerifyFiles
}

func (r *Request) extra() engine.ExtraMode {
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
	return nil, ArgumentError(fmt.Sprintf("%s (known: %s)", digest.Unknown(name), digest.Names()))
}

func prefixOf(path string) (string, error) {
	prefix := discover.CleanPrefix(path)
	if prefix == "" {
		return "", ArgumentError(fmt.Sprintf("prefix %q names no directory", path))
	}
	return prefix, nil
}

func formatOf(name string) (*manifest.Format, error) {
	if known := manifest.FormatByName(name); known != nil {
		return known, nil
	}
	return nil, ArgumentError(fmt.Sprintf("unknown format %q (known: %s)", name, manifest.FormatNames()))
}

func valueOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// An ArgumentError says which argument is not allowed, and why.
type ArgumentError string

func (e ArgumentError) Error() string { return string(e) }

// CheckRoot returns an [ArgumentError] if root cannot be the path of a directory.
func CheckRoot(root string) error {
	if root == "" || strings.IndexByte(root, 0) >= 0 {
		return ArgumentError("the path of the directory is empty or contains NUL")
	}
	return nil
}

// CheckKernels returns an [ArgumentError] if CHECKSIG_KERNELS names kernels that this
// processor or this build does not have.
func CheckKernels() error {
	if err := digest.KernelsErr(); err != nil {
		return ArgumentError(err.Error())
	}
	return nil
}

// Contained performs call, and turns its panic into an error whose outcome is Internal.
func Contained(call func() error) (err error) {
	defer engine.Contain(&err)
	return call()
}
