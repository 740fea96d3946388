// Command checksig is built as a C shared library (-buildmode=c-shared): the
// checksig engine behind a C interface, which checksig.h describes.
package main

import (
	"checksig/internal/engine"
	"checksig/internal/wire"
)

// version is the package's; the build sets it by a linker flag.
var version = "unknown"

// CheckSignatures verifies every file that the manifest of the directory
// rootDir lists: sha1sum.txt, or another usual name. It returns nil if there is
// at least one file, and all of them, and the manifest itself, are good.
//
// Otherwise it returns an [*engine.FailedError], whose message has a line for
// each bad file, or, without any verdict, one of the errors of [engine.Run].
func CheckSignatures(rootDir string) error {
	report, err := wire.Run(rootDir, engine.Options{})
	if err != nil {
		return err
	}
	return report.Err()
}

func main() {}
