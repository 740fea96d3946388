//go:build race

package lanes

// underRace says that the race detector makes tests slow. Those of the kernels, which no other
// goroutine sees at work, do less then.
const underRace = true
