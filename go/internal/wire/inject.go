//go:build checksig_inject

package wire

import (
	"strings"
	"time"

	"checksig/internal/digest"
	"checksig/internal/engine"
)

// For tests of the engines from outside: a directory whose name ends so makes
// the call, or a worker of it, panic.
func init() {
	sha1 := digest.ByName("sha1")
	inject := func(root string) {
		if strings.HasSuffix(root, "panic-in-call") {
			panic("injected")
		}
		sha1.Prefix = nil
		if strings.HasSuffix(root, "panic-in-worker") {
			sha1.Prefix = func(int64) []byte {
				time.Sleep(20 * time.Millisecond) // until each worker has a file
				panic("injected")
			}
		}
	}
	Run = func(root string, options engine.Options) (*engine.Report, error) {
		inject(root)
		return engine.Run(root, options)
	}
	begin = func(root string, options engine.Options) (*engine.Job, error) {
		inject(root)
		return engine.Start(root, options)
	}
}
