package engine

import "sync"

// window is how far a job may get ahead: how many files may be handed out from the first one
// that is not done on, plus how many results may wait to be taken. It is so large that a large
// file does not delay small ones, and it bounds memory. keptWindow is the same for a job that
// keeps all results.
const (
	window     = 1 << 16
	keptWindow = 1 << 13

	// keptNames is how many bytes of packed names may wait to be taken.
	keptNames = 1 << 20
)

// A stream hands out the numbers of the files to verify, accepts results in any order, and
// passes them on in the order of the numbers.
type stream struct {
	mu       sync.Mutex
	room     *sync.Cond
	report   *Report
	wanted   Wanted
	total    int
	taken    int          // the next number to hand out, except those in early
	first    []int        // numbers to hand out before it
	early    map[int]bool // numbers that were handed out before it
	again    []int        // numbers that were handed out, and come again
	head     int          // the first number that is not done
	ring     []cell       // the results from head on, by number modulo its length
	underWay int          // how many files are handed out and not done
	kept     []*Result    // in order, and not taken yet
	most     int          // of them, for add
	ended    bool
	wake     chan struct{} // holds a token when kept is not empty
}

// A cell has the result of a file while files before it are not done.
type cell struct {
	done   bool
	result *Result // nil: OK, where such results are not wanted
}

func newStream(report *Report, wanted Wanted) *stream {
	size := window
	if wanted == AllResults {
		size = keptWindow
	}
	s := &stream{
		report: report,
		wanted: wanted,
		total:  report.Files,
		most:   keptWindow,
		ring:   make([]cell, min(report.Files, size)),
		wake:   make(chan struct{}, 1),
	}
	s.room = sync.NewCond(&s.mu)
	return s
}

// A numbered is the result of the file with that number.
type numbered struct {
	number int
	result *Result // nil: OK, where such results are not wanted
}

// take writes numbers of files to verify to free, and returns how many. There are none left if
// it returns 0 to a worker that has none under way. underWay is how many files the worker has
// under way, and workers is the number of all workers: a worker gets at most its share. Only a
// worker that has none under way waits for the window to move.
func (s *stream) take(free []int, underWay, workers int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for underWay == 0 && !s.ended && s.rest() > 0 && s.ahead() <= 0 {
		s.room.Wait()
	}
	if s.ended {
		return 0
	}
	share := (s.rest()+s.underWay+workers-1)/workers - underWay
	n := max(0, min(len(free), s.rest(), s.ahead(), share))
	for i := range n {
		free[i] = s.next()
	}
	s.underWay += n
	return n
}

// awaitDone waits until that many files are done, or as many as there are, or until the stream is
// stopped.
func (s *stream) awaitDone(files int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.ended && int64(s.total-s.rest()-s.underWay) < min(files, int64(s.total)) {
		s.room.Wait()
	}
}

// rest returns how many files are not handed out.
func (s *stream) rest() int { return s.total - s.taken - len(s.early) + len(s.again) }

// next returns the number of the next file to hand out.
func (s *stream) next() int {
	if last := len(s.again) - 1; last >= 0 {
		number := s.again[last]
		s.again = s.again[:last]
		return number
	}
	if len(s.first) > 0 {
		number := s.first[0]
		s.first = s.first[1:]
		s.early[number] = true
		return number
	}
	for s.early[s.taken] {
		delete(s.early, s.taken)
		s.taken++
	}
	s.taken++
	return s.taken - 1
}

// handedOut returns the number before which all files were handed out.
func (s *stream) handedOut() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken
}

// prefer makes take hand out the files with these numbers next, except those that are outside
// the window or were handed out.
func (s *stream) prefer(numbers []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.early = map[int]bool{}
	for _, number := range numbers {
		if number >= s.taken && number < s.head+len(s.ring) {
			s.first = append(s.first, number)
		}
	}
}

// takeBack makes take hand out files again, next.
func (s *stream) takeBack(numbers []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.again = append(s.again, numbers...)
	s.underWay -= len(numbers)
	s.room.Broadcast()
}

// ahead returns how many numbers may be handed out before the window moves.
func (s *stream) ahead() int {
	return len(s.ring) - (s.taken - s.head + len(s.early) + len(s.kept)) + len(s.again)
}

// put accepts results.
func (s *stream) put(results []numbered) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range results {
		s.ring[r.number%len(s.ring)] = cell{true, r.result}
	}
	s.underWay -= len(results)
	for s.head < s.total && s.ring[s.head%len(s.ring)].done {
		next := &s.ring[s.head%len(s.ring)]
		if next.result != nil {
			next.result.Place = s.report.shard.place(s.head)
		}
		s.pass(next.result)
		*next = cell{}
		s.head++
	}
	s.room.Broadcast()
}

// pass counts a result, in its order, and keeps it if it is wanted.
func (s *stream) pass(result *Result) {
	if result == nil {
		s.report.Counts[OK]++
		return
	}
	s.report.note(result)
	if s.wanted == AllResults || s.wanted == BadResults && (result.Bad || result.Status == Extra) {
		s.kept = append(s.kept, result)
		s.signal()
	}
}

// add accepts a result that comes after all numbered ones, once there is room for it. It
// reports false if the stream was stopped.
func (s *stream) add(result *Result) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.ended && len(s.kept) >= s.most {
		s.room.Wait()
	}
	if s.ended {
		return false
	}
	s.pass(result)
	return true
}

func (s *stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// give calls use with each result that was kept, until use returns false. It reports whether
// none are left.
func (s *stream) give(use func(*Result) bool) (all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	given := 0
	for given < len(s.kept) && use(s.kept[given]) {
		s.kept[given] = nil
		given++
	}
	s.kept = s.kept[given:]
	if len(s.kept) > 0 {
		s.signal()
	}
	s.room.Broadcast()
	return len(s.kept) == 0
}

// stop makes take hand out nothing more.
func (s *stream) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.room.Broadcast()
}

// finished reports whether every file has a verdict.
func (s *stream) finished() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head == s.total
}

// counts returns how many files are done, how many of them are bad, and how many have each
// status.
func (s *stream) counts() (done, bad int64, by [statuses]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(s.head), int64(s.report.Bad), s.report.Counts
}
