//go:build !cgo || !(amd64 || arm64)

package lanes

func has(int) bool { return false }

func kernelsIn(kind, uint32) []kernel { return nil }

// Run is never called, because there are no kernels.
func (k *Kernels) Run([]Stream, []byte) { panic("no kernels") }

func (f *Forest) run([]byte)  { panic("no kernels") }
func (f *Forest) runParents() { panic("no kernels") }
