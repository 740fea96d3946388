package manifest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"checksig/internal/digest"
)

// parseSum reads a line of sum or of cksum: a checksum in decimal digits, blanks, the size of
// the file, one blank, and the name. The size is in blocks for sum, and in bytes for cksum.
func parseSum(d *dialect, line string, _ int, e *Entry) error {
	number, rest, ok := leadingDecimal(trimBlanks(line))
	if !ok {
		return errNoSum
	}
	size, rest, ok := leadingDecimal(trimBlanks(rest))
	if !ok {
		return errors.New("no size after the checksum")
	}
	algorithm, err := d.sumAlgorithm(number)
	if err != nil {
		return err
	}
	unit := uint64(max(1, algorithm.Unit))
	if size > math.MaxInt64/unit {
		return fmt.Errorf("invalid size %d", size)
	}
	e.Name, e.Size, e.Algorithm = rest[1:], int64(size*unit), algorithm
	binary.BigEndian.PutUint64(e.sum[:], number<<(64-8*algorithm.Size))
	return checkName(e.Name)
}

var errNoSum = errors.New("no checksum in decimal digits")

// leadingDecimal reads the decimal number at the start of s, which a blank must follow.
func leadingDecimal(s string) (number uint64, rest string, ok bool) {
	end := blankAfter(s, 0)
	if end < 1 || s[0] == '+' || s[0] == '-' {
		return 0, "", false
	}
	number, err := strconv.ParseUint(s[:end], 10, 63)
	return number, s[end:], err == nil
}

// sumAlgorithm returns the algorithm of a line with that checksum.
func (d *dialect) sumAlgorithm(number uint64) (*digest.Algorithm, error) {
	algorithm := d.algorithm
	switch {
	case algorithm == nil && d.sum != nil:
		algorithm = d.sum
	case algorithm == nil && number > math.MaxUint16:
		algorithm = digest.ByName("crc")
	case algorithm == nil:
		algorithm = digest.ByName("bsd")
	case !algorithm.Decimal && algorithm.Name != "crc32":
		return nil, fmt.Errorf("checksum in decimal digits, not a digest of %s", algorithm.Name)
	}
	if number>>(8*algorithm.Size) != 0 {
		return nil, fmt.Errorf("checksum %d has more than the %d bits of %s", number, 8*algorithm.Size, algorithm.Name)
	}
	return algorithm, nil
}

// addSum counts a line that parseSum can read.
func (t *tally) addSum(line string) {
	t.sums++
	if number, _, _ := leadingDecimal(trimBlanks(line)); number > math.MaxUint16 {
		t.crcs++
	}
}

// sum returns the algorithm that the numbers of most lines have. CRCs can also be small.
func (t *tally) sum() *digest.Algorithm {
	if t.crcs > 0 && 2*t.crcs >= t.sums {
		return digest.ByName("crc")
	}
	return digest.ByName("bsd")
}

// Blocks returns how many blocks the line of that entry lists, if the manifest has sums of 16
// bits and nothing says which of two kinds they are: in blocks of 1,024 bytes or of 512.
func (m *Manifest) Blocks(index int) (blocks int64, unknown bool) {
	if m.dialect.sum == nil || m.dialect.sum.Name != "bsd" || m.dialect.algorithm != nil {
		return 0, false
	}
	return m.Entry(index).Size / m.dialect.sum.Unit, true
}

// UseSysV takes the sums for those of sum -s, which count blocks of 512 bytes.
func (m *Manifest) UseSysV() {
	m.dialect.sum = digest.ByName("sysv")
	m.Algorithms = []*digest.Algorithm{m.dialect.sum}
}
