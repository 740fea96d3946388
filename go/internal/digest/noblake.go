//go:build !checksig_blake

package digest

var blakes []*Algorithm
