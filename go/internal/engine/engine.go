// Package engine verifies the files of a directory against its manifests.
//
// It finds and reads the manifests, hashes the files on a bounded number of goroutines, and
// gives a verdict on every file, in the manifests' order. It does not stop at the first bad
// file. Success means that at least one file was verified, that there was no bad line, and
// that every listed file was hashed and has every digest that is listed for it.
//
// It does not promise to notice every change of a file while it reads the file: a write
// through a memory map may go unnoticed.
package engine

import (
	"fmt"

	"checksig/internal/beneath"
	"checksig/internal/discover"
	"checksig/internal/limits"
	"checksig/internal/manifest"
)

// Options say what a job does. The zero value is the default.
type Options struct {
	discover.Options // which manifest, and how to read it; Task sets NamesOnly and NoDigests

	Workers       int       // how many workers verify files, at most 256; 0: as many as pay off
	IgnoreMissing bool      // a missing file is not bad
	Task          Task      // what to do
	Extra         ExtraMode // how to treat extra files
	Shard         Shard     // which files to verify
	Totals        bool      // count the bytes of all files in advance, for Progress
	Results       Wanted    // which results [Job.Next] passes on
	Receipts      Receipts  // what to do with receipts
	PackNames     bool      // with [FindFiles], a result has many names of regular files, each with NUL
	DigestEntries bool      // set [discover.Source.Entries]; with [ReadEntries] there are no results

	Listing *manifest.Format // of the [Report.Listing] that [WriteEntries] makes
}

// Task says what a job does.
type Task int

const (
	VerifyFiles   Task = iota
	ReadEntries        // the results are the entries, without a verdict
	FindManifests      // there are no results; the report has the manifests
	FindFiles          // the results are all files below the root, without a verdict
	HashFiles          // the results have the digests of the listed names by the listed algorithms
	WriteEntries       // like HashFiles, and the report has a listing; listed digests are taken over
	CountReceipts      // there are no results; Progress has the receipts of the root
)

// ExtraMode says how to treat extra files, which are in the directory but in no manifest.
type ExtraMode int

// Unless extra files are ignored, each gets the status [Extra], and a directory that cannot
// be listed counts as a bad file.
const (
	IgnoreExtra ExtraMode = iota
	ReportExtra           // extra files are not bad
	FailExtra             // extra files are bad
)

// A Shard is a part of the listed files: those with the numbers Number, Number + Of,
// Number + 2·Of, and so on, counted from 1. So every file is in exactly one of the shards 1 to
// Of. Extra files are divided among those shards that are not empty. The zero value stands for
// all files.
type Shard struct{ Number, Of int }

// has reports whether the shard has the file with that index, counted from 0.
func (s Shard) has(index int) bool { return s.Of == 0 || index%s.Of == s.Number-1 }

// place returns the number among all files of the shard's file with that index, both from 0.
func (s Shard) place(index int) int { return index*max(1, s.Of) + max(1, s.Number) - 1 }

// empty returns the reason why none of that many listed files is in the shard.
func (s Shard) empty(listed int) string {
	files := "1 file is"
	if listed != 1 {
		files = fmt.Sprintf("%d files are", listed)
	}
	return fmt.Sprintf("shard %d of %d is empty because only %s listed", s.Number, s.Of, files)
}

// Wanted says which results a job keeps until [Job.Next] passes them on.
type Wanted int

// A job with NoResults ends even if [Job.Next] is never called.
const (
	NoResults Wanted = iota
	BadResults
	AllResults
)

// Run does a whole job in the directory root. An error means that there is no verdict: a
// [*beneath.OSError], a [*manifest.NotFoundError], a [*manifest.Error], or a [*PanicError].
func Run(root string, options Options) (*Report, error) {
	limits.AddProcessors()
	if err := limits.PrimePoller(); err != nil {
		return nil, err
	}
	options.Results = NoResults
	j := newJob(root, options)
	j.run(beneath.OpenRoot)
	return j.Outcome()
}
