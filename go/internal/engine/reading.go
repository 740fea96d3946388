package engine

import (
	"sync"
	"sync/atomic"

	"checksig/internal/beneath"
)

// bufferSize is what one read asks for, in bytes, at most: larger does not pay.
const bufferSize = 128 * 1024

// buffers outlive a run, since a new one costs more than to read a small file.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// A File is a regular file, open for reading.
type File interface {
	Read([]byte) (int, error) // 0 and nil at the end
	Opened() beneath.Stamp    // as of the opening
	Stamp() (beneath.Stamp, error)
	Close() error
}

// A reading is a file that is read piece by piece. It reads at most one byte more than
// the file had when it was opened, so that a file without end ends.
type reading struct {
	file File
	left int64 // of the size that the file had
}

func read(file File) reading { return reading{file, file.Opened().Size} }

// fill reads the next piece, as long as buffer but for one byte, into buffer. The piece
// is shorter, or one byte longer, if it is the last.
func (r *reading) fill(buffer []byte, stopped *atomic.Bool) (n int, last bool, err error) {
	piece := len(buffer) - 1
	for n < piece {
		if stopped.Load() {
			return n, false, errStopped
		}
		asked := int64(piece - n)
		if r.left <= asked {
			asked = r.left + 1
		}
		got, err := r.file.Read(buffer[n : n+int(asked)])
		if err != nil {
			return n, false, err
		}
		n += got
		r.left -= int64(got)
		if got == 0 || r.left < 0 || r.left == 0 && int64(got) < asked {
			return n, true, nil
		}
	}
	return n, false, nil
}

// end returns errChanged if the file, of which the last piece was read, was touched
// since it was opened.
func (r *reading) end() error {
	now, err := r.file.Stamp()
	if err != nil {
		return err
	}
	if r.left != 0 || now != r.file.Opened() {
		return errChanged
	}
	return nil
}

// drain passes the content of file to sink, piece by piece.
func drain(file File, buffer []byte, stopped *atomic.Bool, sink func([]byte)) error {
	r := read(file)
	for {
		n, last, err := r.fill(buffer, stopped)
		if err != nil {
			return err
		}
		sink(buffer[:n])
		if last {
			return r.end()
		}
	}
}
