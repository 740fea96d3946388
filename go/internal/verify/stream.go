package verify

import "sync"

// window is how many files may be ahead of the first one that is not done, so
// that a large file holds up no small ones; keptWindow the same, with those whose
// results wait to be taken, where good files have results too. They bound memory.
const (
	window     = 1 << 16
	keptWindow = 1 << 13
)

// A stream hands out the numbers of the files to check, takes the results as
// they come, and gives them on in order.
type stream struct {
	mu     sync.Mutex
	room   *sync.Cond
	report *Report
	wanted Wanted
	total  int
	taken  int // the next number to hand out
	head   int // the next number to give on
	ring   []slot
	out    []*Result // in order, kept, not yet given
	ended  bool
	wake   chan struct{} // holds a token when out is not empty
}

// A slot holds the result of a file whose predecessors are not all done.
type slot struct {
	done   bool
	result *Result // nil: OK, and not wanted
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
		ring:   make([]slot, min(report.Files, size)),
		wake:   make(chan struct{}, 1),
	}
	s.room = sync.NewCond(&s.mu)
	return s
}

// take returns the number of the next file to check; false: there is none.
func (s *stream) take() (number int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.ended && s.taken < s.total && s.taken-s.head+len(s.out) >= len(s.ring) {
		s.room.Wait()
	}
	if s.ended || s.taken == s.total {
		return 0, false
	}
	s.taken++
	return s.taken - 1, true
}

// put takes the result of a file; nil is OK, when such results are not wanted.
func (s *stream) put(number int, result *Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ring[number%len(s.ring)] = slot{true, result}
	for s.head < s.total && s.ring[s.head%len(s.ring)].done {
		next := &s.ring[s.head%len(s.ring)]
		s.pass(next.result)
		*next = slot{}
		s.head++
	}
	s.room.Broadcast()
}

// pass notes a result, in its order, and keeps it if it is wanted.
func (s *stream) pass(result *Result) {
	if result == nil {
		s.report.Counts[OK]++
		return
	}
	s.report.note(result)
	if s.wanted == AllResults || s.wanted == BadResults && (result.Bad || result.Status == Unlisted) {
		s.out = append(s.out, result)
		s.signal()
	}
}

// add takes a result that comes after those of the numbers, when there is room
// for it; false: the stream was stopped.
func (s *stream) add(result *Result) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.ended && len(s.out) >= keptWindow {
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

// give gives the results that are there to use, until it returns false. It
// reports whether none is left.
func (s *stream) give(use func(*Result) bool) (all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	given := 0
	for given < len(s.out) && use(s.out[given]) {
		s.out[given] = nil
		given++
	}
	s.out = s.out[given:]
	if len(s.out) > 0 {
		s.signal()
	}
	s.room.Broadcast()
	return len(s.out) == 0
}

// stop makes take hand out nothing more.
func (s *stream) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.room.Broadcast()
}

// finished reports whether every file has its verdict.
func (s *stream) finished() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head == s.total
}

// counts returns how many files are done, how many of them are bad, and how
// many have each verdict.
func (s *stream) counts() (done, failed int64, by [statuses]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(s.head), int64(s.report.Failed), s.report.Counts
}
