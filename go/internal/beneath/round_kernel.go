//go:build cgo && linux && (amd64 || arm64)

package beneath

// #cgo noescape checksig_run_round
// #cgo nocallback checksig_run_round
// #include "round.h"
import "C"

import (
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// A kernelRound is what a [Round] passes to C.
type kernelRound struct {
	dir    handle
	round  C.struct_checksig_round
	pieces []C.struct_checksig_piece
	names  []byte
}

// If the layout of a stamp differs from C's, this does not compile.
var _ = [1]struct{}{}[unsafe.Sizeof(Stamp{})-C.sizeof_struct_checksig_stamp]

func (r *Root) newKernelRound() *kernelRound {
	if r.root != nil {
		return nil
	}
	return &kernelRound{dir: r.dir}
}

// close frees what run has made.
func (k *kernelRound) close() {
	C.checksig_free_ring(k.round.ring)
	k.round.ring, k.round.has_tried = nil, 0
}

func (k *kernelRound) reset() { k.round.at, k.round.left_alone = 0, 0 }

func (k *kernelRound) at() int { return int(atomic.LoadInt32((*int32)(&k.round.at))) }

func (k *kernelRound) leaveAlone() { atomic.StoreInt32((*int32)(&k.round.left_alone), 1) }

func (k *kernelRound) run(r *Round, list []*Piece, read bool) {
	k.prepare(list, read)
	if len(list) == 0 {
		return
	}
	k.round.time, k.round.ahead = C.int64_t(r.Time), C.int64_t(r.Ahead)
	k.round.waits = 0
	if r.Waits {
		k.round.waits = 1
	}
	k.round.directory, k.round.count = C.int32_t(k.dir), C.int32_t(len(list))
	C.checksig_run_round(&k.round, &k.pieces[0], (*C.char)(unsafe.Pointer(unsafe.SliceData(k.names))),
		(*C.uint8_t)(unsafe.SliceData(r.Memory)), (*C.uint32_t)(unsafe.Pointer(r.Stopped)))
	if k.round.exhausted != 0 {
		r.Exhausted = Reason(syscall.Errno(k.round.exhausted))
	}
	r.Waited = int(k.round.waited)
	for i, p := range list {
		k.take(p, &k.pieces[i])
	}
}

// prepare sets k.pieces and k.names.
func (k *kernelRound) prepare(list []*Piece, read bool) {
	k.pieces, k.names = k.pieces[:0], k.names[:0]
	for _, p := range list {
		piece := C.struct_checksig_piece{fd: -1, from: C.uint64_t(p.From), size: C.uint32_t(p.Size)}
		if read {
			piece.todo = C.CHECKSIG_READ
		}
		if p.File == nil {
			if err := nameError(p.Name); err != nil {
				p.Begun, p.Err = true, err
				piece.todo = 0
			} else {
				piece.todo |= C.CHECKSIG_OPEN
				piece.name = C.uint64_t(len(k.names))
				k.names = append(append(k.names, p.Name...), 0)
			}
		} else {
			f := p.File.(*openFile)
			piece.fd, piece.left, piece.ahead = C.int32_t(f.fd), C.int64_t(p.Left), C.int64_t(p.ahead)
			piece.stamp = *(*C.struct_checksig_stamp)(unsafe.Pointer(&f.stamp))
		}
		k.pieces = append(k.pieces, piece)
	}
}

// nameError returns why no file can have a name, or nil.
func nameError(name string) error {
	switch {
	case len(name) >= maxPath:
		return Reason(syscall.ENAMETOOLONG)
	case strings.IndexByte(name, 0) >= 0:
		return Reason(syscall.EINVAL)
	}
	return nil
}

// take sets what became of a piece.
func (k *kernelRound) take(p *Piece, piece *C.struct_checksig_piece) {
	if piece.state == C.CHECKSIG_UNTOUCHED {
		return
	}
	wasOpen := p.File != nil
	p.Begun, p.Got = true, int(piece.got)
	p.Left, p.ahead = int64(piece.left), int64(piece.ahead)
	if !wasOpen {
		p.Stamp = *(*Stamp)(unsafe.Pointer(&piece.stamp))
	}
	p.File = nil
	errno := syscall.Errno(piece.error)
	switch piece.state {
	case C.CHECKSIG_OPENED, C.CHECKSIG_MORE:
		p.File = &openFile{fd: int(piece.fd), stamp: p.Stamp}
	case C.CHECKSIG_ENDED:
		p.Last = true
	case C.CHECKSIG_CHANGED:
		p.Err = ErrChanged
	case C.CHECKSIG_IRREGULAR:
		p.Err = errorOf(typeOf(uint32(piece.mode)))
	case C.CHECKSIG_NOT_OPENED:
		p.Err = k.dir.openError(p.Name, errno)
	case C.CHECKSIG_NOT_READ:
		p.Err = Reason(errno)
		if errno == syscall.ECANCELED {
			p.Err = ErrStopped
		}
	}
}
