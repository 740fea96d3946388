//go:build race

package manifest

// underRace says that the race detector makes tests slow. Tests without goroutines do less then.
const underRace = true
