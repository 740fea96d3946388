package engine

import (
	"cmp"
	"slices"
	"time"
)

const (
	// scoutAfter is how long a run lasts before it is looked for large files in what is
	// left, and scoutFor how long one worker looks.
	scoutAfter = 50 * time.Millisecond
	scoutFor   = 5 * time.Millisecond

	// stragglers is into how many parts what is left, divided by the workers, is cut:
	// a file larger than a part would hold up the end of the run.
	stragglers = 8
)

// A sized file is one of which the size is known, in bytes.
type sized struct {
	number int
	size   int64
}

// scout looks, once in a run that lasts, for files so large that the run would wait for
// one of them at its end, and has them begun next. It looks from the end on.
func (w *worker) scout() {
	if w.job.size == nil || w.crew.scouted.Load() || time.Since(w.crew.start) < scoutAfter || w.crew.scouted.Swap(true) {
		return
	}
	var found []sized
	var t target
	total := int64(0)
	start := time.Now()
	for number := len(w.plan.first) - 1; number >= w.job.results.handedOut(); number-- {
		if time.Since(start) > scoutFor || w.Stopped.Load() {
			break
		}
		if w.plan.target(number, &t) != nil {
			continue
		}
		if size, err := w.job.size(t.name); err == nil {
			total += size
			found = append(found, sized{number, size})
		}
	}
	w.job.results.prefer(large(found, total/int64(stragglers*w.crew.size.Load())))
}

// large returns the numbers of the files larger than that, the largest first.
func large(files []sized, than int64) (numbers []int) {
	slices.SortFunc(files, func(a, b sized) int { return cmp.Compare(b.size, a.size) })
	for _, file := range files {
		if file.size > than {
			numbers = append(numbers, file.number)
		}
	}
	return numbers
}
