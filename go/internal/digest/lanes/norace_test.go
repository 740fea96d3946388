//go:build !race

package lanes

const underRace = false
