//go:build race

package signature

// underRace says that the race detector makes tests slow. Tests without goroutines do less then.
const underRace = true
