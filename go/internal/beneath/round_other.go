//go:build !(cgo && linux && (amd64 || arm64))

package beneath

// A kernelRound does not exist in this build.
type kernelRound struct{}

func (*Root) newKernelRound() *kernelRound { return nil }

func (*kernelRound) run(*Round, []*Piece, bool) {}
func (*kernelRound) reset()                     {}
func (*kernelRound) close()                     {}
func (*kernelRound) at() int                    { return 0 }
func (*kernelRound) leaveAlone()                {}
