//go:build !cgo || !(amd64 || arm64)

package lanes

type kernel struct{ lanes, least uint32 }

func (kernel) String() string { return none }

var sets []string

func kernelsOf(kind, []string) []kernel { return nil }

// Run is not called where there are no kernels.
func (k *Kernels) Run([]Stream, []byte) { panic("no kernels") }
