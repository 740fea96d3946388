package digest

import (
	"encoding/binary"
	"hash"
	"hash/crc32"
	"math/bits"
)

// sums lists the checksums of POSIX cksum and of the two kinds of sum. No line names them:
// their numbers are decimal, and the size of the file is beside them.
var sums = []*Algorithm{
	{Name: "crc", Size: 4, New: func() hash.Hash { return &posixCRC{} }, Decimal: true},
	{Name: "bsd", Size: 2, New: func() hash.Hash { return &bsdSum{} }, Unit: 1024, Decimal: true},
	{Name: "sysv", Size: 2, New: func() hash.Hash { return &sysvSum{} }, Unit: 512, Decimal: true},
}

// ListedSize returns what a manifest lists as the size of a file of size bytes. If the
// algorithm has a Unit, that is the size rounded up to whole units.
func (a *Algorithm) ListedSize(size int64) int64 {
	if a.Unit == 0 || size%a.Unit == 0 {
		return size
	}
	return size - size%a.Unit + a.Unit
}

// A bsdSum adds each byte after a rotation of the 16 bits to the right.
type bsdSum struct{ sum uint16 }

func (s *bsdSum) Write(p []byte) (int, error) {
	sum := s.sum
	for _, c := range p {
		sum = bits.RotateLeft16(sum, -1) + uint16(c)
	}
	s.sum = sum
	return len(p), nil
}

func (s *bsdSum) Sum(b []byte) []byte { return binary.BigEndian.AppendUint16(b, s.sum) }
func (s *bsdSum) Reset()              { s.sum = 0 }
func (s *bsdSum) Size() int           { return 2 }
func (s *bsdSum) BlockSize() int      { return 1 }

// A sysvSum adds all bytes, and folds the sum to 16 bits.
type sysvSum struct{ sum uint32 }

func (s *sysvSum) Write(p []byte) (int, error) {
	sum := s.sum
	for _, c := range p {
		sum += uint32(c)
	}
	s.sum = sum
	return len(p), nil
}

func (s *sysvSum) Sum(b []byte) []byte {
	folded := s.sum&0xffff + s.sum>>16
	return binary.BigEndian.AppendUint16(b, uint16(folded&0xffff+folded>>16))
}

func (s *sysvSum) Reset()         { s.sum = 0 }
func (s *sysvSum) Size() int      { return 2 }
func (s *sysvSum) BlockSize() int { return 1 }

// A posixCRC is the CRC of POSIX cksum, which also covers the length. Its polynomial is that
// of CRC-32, but the bits of each byte come in the other order. So it is computed as the
// CRC-32 of the reversed bytes, for which Go has fast code.
type posixCRC struct {
	register uint32 // bit-reversed
	length   uint64
}

func (s *posixCRC) Write(p []byte) (int, error) {
	s.register = crcOfReversed(s.register, p)
	s.length += uint64(len(p))
	return len(p), nil
}

func (s *posixCRC) Sum(b []byte) []byte {
	var length []byte // the least significant byte first, without leading zeros
	for rest := s.length; rest > 0; rest >>= 8 {
		length = append(length, byte(rest))
	}
	return binary.BigEndian.AppendUint32(b, ^bits.Reverse32(crcOfReversed(s.register, length)))
}

func (s *posixCRC) Reset()         { *s = posixCRC{} }
func (s *posixCRC) Size() int      { return 4 }
func (s *posixCRC) BlockSize() int { return 1 }

// crcOfReversed adds p, with the bits of each byte reversed, to the register of a CRC-32.
func crcOfReversed(register uint32, p []byte) uint32 {
	var reversed [1024]byte
	for len(p) > 0 {
		n := min(len(p), len(reversed))
		reverseBits(reversed[:n], p)
		register = ^crc32.Update(^register, crc32.IEEETable, reversed[:n])
		p = p[n:]
	}
	return register
}

// reverseBits fills to with the bytes of from, the bits of each in reverse order.
func reverseBits(to, from []byte) {
	for len(to) >= 8 {
		binary.BigEndian.PutUint64(to, bits.Reverse64(binary.LittleEndian.Uint64(from)))
		to, from = to[8:], from[8:]
	}
	for i := range to {
		to[i] = bits.Reverse8(from[i])
	}
}
