package receipts

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"strings"
	"time"

	"checksig/internal/beneath"
	"checksig/internal/manifest"
)

// A journal is a header and records, all little-endian, to which records are only ever appended:
//
//	header: magic, the length of the directory's path in 4 bytes, the path, the CRC-32 of all that
//	record: name 8, listing 16, stamp 16, time 4, the CRC-32 of all that in 4 bytes
//
// name, listing and stamp are the first bytes of SHA-256 values. Time is in seconds since 1970. In a
// revocation, listing and stamp are 0. It voids the receipts of its name that are before it or that
// are not newer, because another run may write a receipt later than it read the file.
const (
	magic        = "checksig receipts 1\n"
	recordSize   = 48
	recordTime   = recordSize - 8
	recordCRC    = recordSize - 4
	keptFor      = 366 * 24 * time.Hour // how long a compacted journal keeps receipts
	compactAbove = 10_000               // records
)

var (
	errForeign = errors.New("not a journal of this user for this directory")
	errLarge   = errors.New("the journal has more than 1 GiB")
)

type (
	nameKey [8]byte
	listing [16]byte
	stamp   [16]byte
)

// A receipt is the newest one for a listing.
type receipt struct {
	stamp stamp
	name  nameKey
	time  uint32
	void  bool // it was revoked: it only says when the file was OK
}

// A table has the receipts of a journal.
type table struct {
	receipts    map[listing]receipt
	revocations map[nameKey]revocation
	records     int
}

// A revocation is where the last one of a name is in the journal, and the latest time of one.
type revocation struct {
	at   int
	time uint32
}

func makeHeader(path string) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(path)))
	b = append(b, path...)
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// isTorn reports whether content ends in the middle of its header, or before it.
func isTorn(content, header []byte) bool {
	return len(content) < len(header) && bytes.HasPrefix(header, content)
}

func appendReceipt(b []byte, name string, l listing, s stamp, at time.Time) []byte {
	return appendRecord(b, keyOf(name), l, s, uint32(at.Unix()))
}

func appendRevocation(b []byte, name string, at time.Time) []byte {
	return appendRecord(b, keyOf(name), listing{}, stamp{}, uint32(at.Unix()))
}

func appendRecord(b []byte, name nameKey, l listing, s stamp, at uint32) []byte {
	start := len(b)
	b = append(append(append(b, name[:]...), l[:]...), s[:]...)
	b = binary.LittleEndian.AppendUint32(b, at)
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b[start:]))
}

// readRecords returns the receipts in the records of a journal. A record that is damaged may
// have been a revocation, so no receipt before it counts. A record that is cut off at the end was
// never written wholly, and says nothing.
func readRecords(b []byte) *table {
	t := &table{
		receipts:    map[listing]receipt{},
		revocations: map[nameKey]revocation{},
		records:     len(b) / recordSize,
	}
	first := 0
	for at := range t.records {
		record := b[at*recordSize:][:recordSize]
		if binary.LittleEndian.Uint32(record[recordCRC:]) != crc32.ChecksumIEEE(record[:recordCRC]) {
			first = at + 1
		} else if isRevocation(record) {
			name := nameKey(record)
			t.revocations[name] = revocation{at, max(t.revocations[name].time, timeOf(record))}
		}
	}
	for at := first; at < t.records; at++ {
		record := b[at*recordSize:][:recordSize]
		if isRevocation(record) {
			continue
		}
		r := receipt{stamp: stamp(record[24:]), name: nameKey(record), time: timeOf(record)}
		revoked, ok := t.revocations[r.name]
		r.void = ok && (at < revoked.at || r.time <= revoked.time)
		t.receipts[listing(record[8:])] = r
	}
	return t
}

func isRevocation(record []byte) bool { return listing(record[8:]) == listing{} }

func timeOf(record []byte) uint32 { return binary.LittleEndian.Uint32(record[recordTime:]) }

// mostlyOutdated reports whether a new journal would be less than half as large.
func (t *table) mostlyOutdated() bool {
	return t.records > compactAbove && t.records > 2*(len(t.receipts)+len(t.revocations))
}

// appendTo appends the records that still say something: receipts of up to keptFor, those that
// were revoked before the revocations.
func (t *table) appendTo(b []byte, now time.Time) []byte {
	oldest := now.Add(-keptFor).Unix()
	write := func(void bool) {
		for l, r := range t.receipts {
			if r.void == void && int64(r.time) >= oldest {
				b = appendRecord(b, r.name, l, r.stamp, r.time)
			}
		}
	}
	write(true)
	for name, r := range t.revocations {
		if int64(r.time) >= oldest {
			b = appendRecord(b, name, listing{}, stamp{}, r.time)
		}
	}
	write(false)
	return b
}

func keyOf(name string) nameKey {
	sum := sha256.Sum256([]byte(name))
	return nameKey(sum[:])
}

// listingOf returns the digest of what is listed for a file: its name and all digests and sizes,
// in any order.
func listingOf(name string, entries []manifest.Entry) listing {
	var buffer [256]byte
	b := binary.LittleEndian.AppendUint32(buffer[:0], uint32(len(name)))
	b = append(b, name...)
	if len(entries) > 1 {
		entries = slices.SortedFunc(slices.Values(entries), func(a, b manifest.Entry) int {
			return strings.Compare(a.Algorithm.Name, b.Algorithm.Name)
		})
	}
	for i := range entries {
		e := &entries[i]
		b = binary.LittleEndian.AppendUint32(b, uint32(len(e.Algorithm.Name)))
		b = append(b, e.Algorithm.Name...)
		b = binary.LittleEndian.AppendUint64(b, uint64(e.Size))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(e.Digest())))
		b = append(b, e.Digest()...)
	}
	sum := sha256.Sum256(b)
	return listing(sum[:])
}

func stampOf(s beneath.Stamp) stamp {
	var buffer [64]byte
	sum := sha256.Sum256(s.Append(buffer[:0]))
	return stamp(sum[:])
}
