package engine

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"checksig/internal/beneath"
	"checksig/internal/limits"
)

// A file whose opening or reading never ends must hold up no other file, of whatever size, even if
// its worker has begun others.
func TestAnAnswerThatNeverComesHoldsUpOnlyItsOwnFile(t *testing.T) {
	onTwoCores(t)
	const count = 300
	large := strings.Repeat("x", 3*beneath.PieceSize)
	content := func(number int) string {
		if number%7 == 0 {
			return large
		}
		return strconv.Itoa(number)
	}
	for _, stuck := range []int{0, 7, count - 1} {
		for _, inOpen := range []bool{true, false} {
			var list strings.Builder
			for number := range count {
				list.WriteString(listed(strconv.Itoa(number), content(number)))
			}
			answer := make(chan bool)
			var mu sync.Mutex
			verified := map[string]bool{}
			var open atomic.Int64
			j, p := newReadyJob(t, list.String(), Options{Workers: 2, Results: BadResults})
			ended := make(chan error)
			go func() {
				ended <- verifyFakes(j, p, func(name string) (beneath.File, error) {
					number, _ := strconv.Atoi(name)
					if number == stuck && inOpen {
						<-answer
					}
					open.Add(1)
					file := newFake(content(number))
					file.closed = func() {
						open.Add(-1)
						mu.Lock()
						defer mu.Unlock()
						if file.content == "" {
							verified[name] = true
						}
					}
					return &hookedFile{file, func() {
						if number == stuck && len(file.content) < 2*beneath.PieceSize {
							<-answer
						}
					}}, nil
				})
			}()
			for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
				mu.Lock()
				got := len(verified)
				mu.Unlock()
				if got == count-1 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("file %d, in open %v: it holds up %d others", stuck, inOpen, count-1-got)
				}
			}
			close(answer)
			if err := <-ended; err != nil || !j.results.finished() || j.results.report.Counts[OK] != count {
				t.Errorf("file %d, in open %v: %v, finished %v, %v", stuck, inOpen, err, j.results.finished(), j.results.report.Counts)
			}
			want := int64(0)
			for number := range count {
				want += int64(len(content(number)))
			}
			if got := j.bytes.Load(); got != want || open.Load() != 0 || limits.OpenFiles() != 0 {
				t.Errorf("file %d, in open %v: %d bytes counted of %d; %d open, %d counted as open", stuck, inOpen, got, want,
					open.Load(), limits.OpenFiles())
			}
		}
	}
}

func TestFilesThatAreTakenBackAreHandedOutAgainOnce(t *testing.T) {
	s := newStream(&Report{Files: 6}, NoResults)
	var free [10]int
	s.take(free[:4], 0, 1)
	s.takeBack([]int{1, 3})
	if n := s.take(free[:], 0, 1); n != 4 || s.rest() != 0 {
		t.Errorf("got %v, %d left", free[:n], s.rest())
	}
	if got := [4]int(free[:4]); got != [4]int{3, 1, 4, 5} {
		t.Errorf("got %v", got)
	}
}
