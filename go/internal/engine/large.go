package engine

import (
	"cmp"
	"slices"
	"time"
)

const (
	// findLargeAfter is how long a job verifies before it looks for large files among those
	// that are left, and findLargeFor how long one worker looks.
	findLargeAfter = 50 * time.Millisecond
	findLargeFor   = 5 * time.Millisecond

	// A file is large if it has more than 1/largeParts of the bytes that are left for one
	// worker: started last, it would delay the end of the job.
	largeParts = 8
)

// A sizedFile is the number of a file and its size in bytes.
type sizedFile struct {
	number int
	size   int64
}

// findLarge makes large files come next, so that the job does not wait for one of them at
// its end. It looks once in a job, from the last file backward.
func (w *worker) findLarge() {
	if w.job.size == nil || w.pool.lookedForLarge.Load() || time.Since(w.pool.start) < findLargeAfter ||
		w.pool.lookedForLarge.Swap(true) {
		return
	}
	var found []sizedFile
	var t target
	total := int64(0)
	start := time.Now()
	for number := len(w.plan.first) - 1; number >= w.job.results.handedOut(); number-- {
		if time.Since(start) > findLargeFor || w.Stopped.Load() {
			break
		}
		if w.plan.target(number, &t) != nil {
			continue
		}
		if size, err := w.job.size(t.name); err == nil {
			total += size
			found = append(found, sizedFile{number, size})
		}
	}
	w.job.results.prefer(largerThan(found, total/int64(largeParts*w.pool.size.Load())))
}

// largerThan returns the numbers of the files of more than size bytes, the largest first.
func largerThan(files []sizedFile, size int64) (numbers []int) {
	slices.SortFunc(files, func(a, b sizedFile) int { return cmp.Compare(b.size, a.size) })
	for _, file := range files {
		if file.size > size {
			numbers = append(numbers, file.number)
		}
	}
	return numbers
}
