//go:build checksig_inject

package wire

import (
	"strings"
	"time"

	"checksig/internal/digest"
	"checksig/internal/discover"
	"checksig/internal/engine"
	"checksig/internal/signature"
)

// An errorThatPanics is an error without a text.
type errorThatPanics struct{}

func (errorThatPanics) Error() string { panic("injected") }

// For tests of the library and the helper: a root with one of these names makes the call, a
// worker of the job, the verifier of signatures, or the text of the call's error panic.
func init() {
	sha1 := digest.ByName("sha1")
	inject := func(root string) error {
		sha1.Prefix = nil
		switch {
		case strings.HasSuffix(root, "panic-in-call"):
			panic("injected")
		case strings.HasSuffix(root, "panic-in-verifier"):
			discover.Verify = func(signature.File, []signature.File, signature.Options) (string, []signature.Signer, error) {
				panic("injected")
			}
		case strings.HasSuffix(root, "panic-in-error"):
			return errorThatPanics{}
		case strings.HasSuffix(root, "panic-in-worker"):
			sha1.Prefix = func(int64) []byte {
				time.Sleep(20 * time.Millisecond) // until each worker has a file
				panic("injected")
			}
		}
		return nil
	}
	Run = func(root string, options engine.Options) (*engine.Report, error) {
		if err := inject(root); err != nil {
			return nil, err
		}
		return engine.Run(root, options)
	}
	begin = func(root string, options engine.Options) (*engine.Job, error) {
		if err := inject(root); err != nil {
			return nil, err
		}
		return engine.Start(root, options)
	}
}
