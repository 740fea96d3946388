//go:build !race

package signature

const underRace = false
