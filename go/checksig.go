// Command checksig is built as a C shared library (-buildmode=c-shared): the checksig engine
// behind a C interface. checksig.h describes the interface; export.go implements it.
package main

import (
	"checksig/internal/engine"
	"checksig/internal/wire"
)

// version is the version of the package. The build sets it with a linker flag.
var version = "unknown"

// CheckSignatures verifies every file that the manifests of the directory rootDir list. It
// returns nil if at least one file is listed, and all files and all lines of the manifests
// are good.
//
// Otherwise it returns an [*engine.FailedError], whose message has a line for each bad file,
// or, if there is no verdict, one of the errors of [engine.Run].
func CheckSignatures(rootDir string) error {
	report, err := wire.Run(rootDir, engine.Options{})
	if err != nil {
		return err
	}
	return report.Err()
}

func main() {}
