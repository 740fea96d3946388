package engine

import (
	"sync"

	"checksig/internal/discover"
	"checksig/internal/limits"
	"checksig/internal/manifest"
)

// parallel calls work with each number below count, on this goroutine and on as many others as there
// are threads for. It waits for all of them, and passes on a panic of one.
func parallel(count int, work func(number int)) {
	var group sync.WaitGroup
	errs := make([]error, count)
	run := func(number int) {
		defer Contain(&errs[number])
		work(number)
	}
	for number := 1; number < count; number++ {
		if !limits.Threads.TryTake() {
			run(number)
			continue
		}
		group.Go(func() {
			defer limits.Threads.Give()
			run(number)
		})
	}
	run(0)
	group.Wait()
	for _, err := range errs {
		if err != nil {
			panic(err)
		}
	}
}

// minPart is how many entries a goroutine looks at, at least. A test may replace it.
var minPart = 16 << 10

// partsOf returns in how many parts goroutines should look at the entries of a list, at least 1.
func partsOf(list discover.Sources) int {
	return max(1, min(limits.Cores(), list.Len()/minPart))
}

// chunkSize is how many entries one goroutine renders at once. A test may replace it.
var chunkSize = 2048

// maxChunks is how many chunks are rendered at once, at most: they are in memory.
const maxChunks = 8

// A chunk is what one goroutine makes of some entries.
type chunk struct {
	entry    manifest.Entry // the last that was read
	lines    []byte
	digested []byte // what the digest of entries is made of
}

// chunks renders entries in rounds, with a chunk on each core.
type chunks struct {
	count int // of the entries
	next  int // the index of the first entry of the next round
	ready []chunk
}

// round lets render append the next entries, by their index, to chunks, and returns these in order. They
// are valid until the next round. It returns none once there are no more entries.
func (c *chunks) round(render func(p *chunk, index int)) []chunk {
	if c.ready == nil {
		c.ready = make([]chunk, min(limits.Cores(), maxChunks))
	}
	left := c.count - c.next
	count := min(len(c.ready), (left+chunkSize-1)/chunkSize)
	if count == 0 {
		return nil
	}
	parallel(count, func(number int) {
		p := &c.ready[number]
		p.lines, p.digested = p.lines[:0], p.digested[:0]
		begin := c.next + number*chunkSize
		for index := begin; index < min(begin+chunkSize, c.count); index++ {
			render(p, index)
		}
	})
	c.next += min(left, count*chunkSize)
	return c.ready[:count]
}
