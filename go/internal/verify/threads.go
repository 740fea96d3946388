package verify

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"
	"syscall"

	"checksig/internal/beneath"
)

// SpareThreads returns how many of n more threads this process may have at once.
// Package main sets it; without it no limit is known.
var SpareThreads = func(n int) int { return n }

// manyWorkers is how many workers all runs together have before a run that asks
// for no number gets one alone: more threads than that help none of them.
const manyWorkers = 64

// threads are those of the Go runtime, which ends the process when it wants one
// more and gets none. Each goroutine that reads may hold a thread, so a run starts
// no more of them than threads are known to be there; Go never gives one back.
var threads threadPool

type threadPool struct {
	mu       sync.Mutex
	secured  int // that the runtime has
	promised int // to the goroutines of runs
}

// ownThreads is how many the runtime may want beside those in system calls: one
// for each processor, and a few of its own.
func ownThreads() int { return max(runtime.NumCPU(), runtime.GOMAXPROCS(0)) + 4 }

// take promises up to want threads, which give returns. Its error, when there is
// none, wraps EAGAIN.
func (t *threadPool) take(want int) (granted int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	taken := ownThreads() + t.promised
	if taken+want > t.secured {
		t.secured = secure(taken + want)
	}
	granted = min(want, t.secured-taken)
	if granted < 1 {
		return 0, tooFewThreads(taken + 1)
	}
	t.promised += granted
	return granted, nil
}

// takeWorkers is take for the workers of a run beside its first: up to asked of
// them with that, or, if asked is 0, as many as pay off for that many files.
func (t *threadPool) takeWorkers(asked, files int) (granted int) {
	want := min(asked, maxWorkers)
	if asked <= 0 {
		t.mu.Lock()
		want = min(max(runtime.GOMAXPROCS(0), minWorkers), manyWorkers-t.promised)
		t.mu.Unlock()
	}
	if want = min(want, files) - 1; want > 0 {
		granted, _ = t.take(want)
	}
	return granted
}

func (t *threadPool) give(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.promised -= n
}

// spareThreads stay free when the runtime is made to have more: for the thread
// from which it starts others, and for the process around it.
const spareThreads = 2

// secure makes the runtime have n threads, if it may, and returns how many it has.
func secure(n int) (have int) {
	have = runtimeThreads()
	if have < n {
		n = have + SpareThreads(n-have+spareThreads) - spareThreads
	}
	gate := make(chan struct{})
	defer close(gate)
	for have < n {
		ready := make(chan struct{})
		go func() {
			runtime.LockOSThread() // it waits on a thread of its own
			defer runtime.UnlockOSThread()
			close(ready)
			<-gate
		}()
		<-ready
		have = runtimeThreads()
	}
	return have
}

// runtimeThreads returns how many threads the runtime has.
func runtimeThreads() int {
	sample := []metrics.Sample{{Name: "/sched/threads/total:threads"}}
	metrics.Read(sample)
	return int(sample[0].Value.Uint64())
}

func tooFewThreads(needed int) error {
	const reason = "too few threads: checksig needs %d, and the limit on processes (ulimit -u, or the container's) leaves fewer"
	return &beneath.Error{Reason: fmt.Sprintf(reason, needed), Err: syscall.EAGAIN}
}
