package beneath

import (
	"errors"
	"sync/atomic"
)

// PieceSize is the size in bytes of the largest read that pays off.
const PieceSize = 128 * 1024

var (
	// ErrChanged says that a file changed between its opening and the end of reading.
	ErrChanged = errors.New("changed while it was read")

	// ErrStopped says that work ended early because its job was cancelled.
	ErrStopped = errors.New("stopped")
)

// A File is a regular file, open for reading.
type File interface {
	Read([]byte) (int, error) // returns 0 and nil at the end
	Opened() Stamp            // as of the opening
	Stamp() (Stamp, error)    // as of now
	Close() error
}

// A Reader reads a file piece by piece, and detects whether the file changed meanwhile. It
// reads at most one byte more than the size at opening, so it ends even if the file does not.
type Reader struct {
	File File
	Left int64 // how many bytes of the size at opening are not read yet; -1 if there were more
}

// NewReader returns a Reader for a file that was just opened.
func NewReader(file File) Reader { return Reader{file, file.Opened().Size} }

// Fill reads the next piece into buffer. The piece has one byte less than buffer. The last
// piece may be shorter, or one byte longer. Fill returns [ErrStopped] once stopped is set.
func (r *Reader) Fill(buffer []byte, stopped *atomic.Bool) (n int, last bool, err error) {
	piece := len(buffer) - 1
	for n < piece {
		if stopped.Load() {
			return n, false, ErrStopped
		}
		asked := int64(piece - n)
		if r.Left <= asked {
			asked = r.Left + 1
		}
		got, err := r.File.Read(buffer[n : n+int(asked)])
		if err != nil {
			return n, false, err
		}
		n += got
		r.Left -= int64(got)
		if got == 0 || r.Left < 0 || r.Left == 0 && int64(got) < asked {
			return n, true, nil
		}
	}
	return n, false, nil
}

// Verify returns [ErrChanged] if the file changed since it was opened. It must be called
// after the last piece was read.
func (r *Reader) Verify() error {
	now, err := r.File.Stamp()
	if err != nil {
		return err
	}
	if r.Left != 0 || now != r.File.Opened() {
		return ErrChanged
	}
	return nil
}

// ReadPieces reads file into buffer, piece by piece, and calls each with every piece. If it
// returns nil, the file did not change meanwhile. It returns [ErrStopped] once stopped is set.
func ReadPieces(file File, buffer []byte, stopped *atomic.Bool, each func([]byte)) error {
	r := NewReader(file)
	for {
		n, last, err := r.Fill(buffer, stopped)
		if err != nil {
			return err
		}
		each(buffer[:n])
		if last {
			return r.Verify()
		}
	}
}
