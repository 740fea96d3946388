// Package engine checks the files of a directory against its manifest.
//
// It finds and reads the manifest, hashes the files on a bounded number of
// goroutines, and gives a verdict on every file, in the manifest's order: the
// first failure stops nothing. Success means that at least one file was
// verified, that no line was left unread, and that every listed file was hashed
// and has every digest listed for it.
//
// It does not promise that a file stays as it was: a write through a memory
// map that is in flight while the file is read may go unnoticed.
package engine

import (
	"fmt"

	"checksig/internal/beneath"
	"checksig/internal/discover"
	"checksig/internal/limits"
)

// Options change how a run works. The zero value is the default.
type Options struct {
	discover.Options // which manifest; the task sets NamesOnly and NoDigests

	Workers       int    // how many files are read at once, at most 256; 0: as many as pay off
	IgnoreMissing bool   // a missing file is not bad
	Task          Task   // how far to go
	Extra         Extra  // what files that no entry names are
	Shard         Shard  // which of the files count
	Totals        bool   // count the bytes of all files in advance, for Progress
	Results       Wanted // which results [Job.Next] gives
}

// Task says how far a run goes.
type Task int

// The results of a run that reads entries are the entries, those of one that finds
// files all that is below the root and no directory; one that finds manifests has
// none. None of these has a verdict. One that hashes files takes the names and the
// algorithms of the entries that it is given, and their digests are its results.
const (
	VerifyFiles Task = iota
	ReadEntries
	FindManifests
	FindFiles
	HashFiles
)

// Extra says what becomes of files in the directory that the manifest does not list.
type Extra int

// Unless they are ignored, each gets the verdict [Unlisted]; then a directory that
// cannot be listed is a bad file.
const (
	IgnoreExtra Extra = iota
	ReportExtra       // they are not bad
	FailExtra         // they are bad
)

// A Shard is the files, of those that the manifests list, whose numbers from 1 on are
// Number, Number + Of, Number + 2 Of, …: the shards 1 to Of are together all files, and
// each file is in one. So are those that are not listed. The zero value is all files.
type Shard struct{ Number, Of int }

// has reports whether a file is in the shard, by its index from 0.
func (s Shard) has(index int) bool { return s.Of == 0 || index%s.Of == s.Number-1 }

// empty says why no file of so many is in the shard.
func (s Shard) empty(listed int) string {
	files := "1 file is"
	if listed != 1 {
		files = fmt.Sprintf("%d files are", listed)
	}
	return fmt.Sprintf("shard %d of %d is empty, since %s listed", s.Number, s.Of, files)
}

// Wanted says which results a job keeps until they are taken.
type Wanted int

// A job that keeps none needs nobody who takes them.
const (
	NoResults Wanted = iota
	BadResults
	AllResults
)

// Run verifies every file that the manifest of the directory root lists. An
// error means that there is no verdict: an [*beneath.OSError], a [*manifest.NotFoundError], a
// [*manifest.Error] or a [*PanicError].
func Run(root string, options Options) (*Report, error) {
	if err := limits.PrimePoller(); err != nil {
		return nil, err
	}
	options.Results = NoResults
	j := newJob(root, options)
	j.run(beneath.OpenRoot)
	return j.Outcome()
}
