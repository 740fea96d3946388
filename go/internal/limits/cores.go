package limits

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// spareProcessors is how many processors the runtime has besides one for each core. The runtime
// takes the processor of a call into C away after 20 µs, and gives it to another thread, unless a
// processor is idle. A spare one is: so a worker keeps its own while it reads what is in memory.
const spareProcessors = 1

var cores = func() *atomic.Int32 {
	var n atomic.Int32
	n.Store(int32(runtime.GOMAXPROCS(0)))
	return &n
}()

// Cores returns how many cores this process may use.
func Cores() int { return int(cores.Load()) }

// SetCores sets what Cores returns, and the processors of the runtime. It returns how many cores
// there were before.
func SetCores(n int) (before int) {
	before = int(cores.Swap(int32(n)))
	runtime.GOMAXPROCS(n + spareProcessors)
	return before
}

// AddProcessors gives the runtime its spare processors, once in a process.
var AddProcessors = sync.OnceFunc(func() {
	if !few {
		SetCores(Cores())
	}
})
