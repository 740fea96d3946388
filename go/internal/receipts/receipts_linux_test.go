package receipts

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"checksig/internal/beneath"
	"checksig/internal/manifest"
)

// A bench is a directory with a file, and its store. The clock of the store is set by hand.
type bench struct {
	*Store
	t       *testing.T
	root    string
	entries []manifest.Entry
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, root: t.TempDir()}
	if err := os.WriteFile(filepath.Join(b.root, "a"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := manifest.Parse(strings.Repeat("0", 64)+"  a\n", manifest.Options{}, new(atomic.Bool))
	if err != nil {
		t.Fatal(err)
	}
	b.entries = []manifest.Entry{list.Entry(0)}
	b.reopen(filepath.Join(t.TempDir(), "state"))
	return b
}

// reopen replaces the store by a new one, as a later run has it.
func (b *bench) reopen(directory string) {
	b.t.Helper()
	store, err := New(directory, b.root, 30*24*time.Hour)
	if err != nil {
		b.t.Fatal(err)
	}
	if b.Store != nil {
		store.now = b.now
	}
	store.fileType = func(beneath.File) (uint32, error) { return 0xEF53, nil }
	b.Store = store
	b.Load(new(atomic.Bool))
}

func (b *bench) at(when time.Time) { b.now = func() time.Time { return when } }

// open opens the file as a job does.
func (b *bench) open() beneath.File {
	b.t.Helper()
	file, err := beneath.OpenPath(filepath.Join(b.root, "a"))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { file.Close() })
	return file
}

// keep adds a receipt for the file if it may have one.
func (b *bench) keep() {
	file := b.open()
	b.Keep("a", b.entries, file.Opened(), b.Begin(file))
}

func (b *bench) has() bool {
	_, ok := b.Find("a", b.entries, b.open())
	return ok
}

func TestAFileGetsAReceiptOnceItsTimesAre60SecondsOld(t *testing.T) {
	for _, c := range []struct {
		age  time.Duration
		want bool
	}{{-time.Hour, false}, {-1, false}, {0, false}, {minAge - 1, false}, {minAge, true}, {time.Hour, true}} {
		b := newBench(t)
		b.at(b.open().Opened().Newest().Add(c.age))
		b.keep()
		b.Flush()
		b.reopen(b.directory)
		if got := b.has(); got != c.want {
			t.Errorf("age %v: got %v, want %v", c.age, got, c.want)
		}
	}
}

func TestTheNewerOneOfMtimeAndCtimeCounts(t *testing.T) {
	b := newBench(t)
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(b.root, "a"), old, old); err != nil {
		t.Fatal(err)
	}
	b.at(time.Now().Add(minAge / 2))
	b.keep()
	if len(b.pending) != 0 {
		t.Error("a file whose ctime is 30 s old got a receipt")
	}
}

func TestOnlyFileSystemsWithTrueTimesAreTrusted(t *testing.T) {
	trusted := "ef53 58465342 9123683e 2fc12fc1 f2f52010 ca451a4e 6969 bd00bd0 47504653 c36400"
	for kind := range fileSystems {
		if !strings.Contains(trusted, fmt.Sprintf("%x", kind)) {
			t.Errorf("%#x is trusted", kind)
		}
	}
	for kind, name := range map[uint32]string{0x01021994: "tmpfs", 0x65735546: "FUSE", 0x794C7630: "overlay", 0x4D44: "vfat", 7: "kind 0x7"} {
		b := newBench(t)
		b.at(time.Now().Add(time.Hour))
		b.keep()
		b.Flush()
		b.reopen(b.directory)
		b.fileType = func(beneath.File) (uint32, error) { return kind, nil }
		b.keep()
		if notes := b.Notes(); b.has() || len(b.pending) > 0 || len(notes) != 1 || !strings.Contains(notes[0], name) {
			t.Errorf("%s: has %v, pending %d, notes %q", name, b.has(), len(b.pending), notes)
		}
	}
	if level, _ := trustOf(0xEF53, errors.New("no statfs")); level != untrusted {
		t.Error("a file system that cannot be asked for is trusted")
	}
}

func TestOnANetworkFileSystemTheServerIsAsked(t *testing.T) {
	b := newBench(t)
	b.at(time.Now().Add(time.Hour))
	b.fileType = func(beneath.File) (uint32, error) { return 0x6969, nil }
	b.keep()
	b.Flush()
	b.reopen(b.directory)
	b.fileType = func(beneath.File) (uint32, error) { return 0x6969, nil }
	if !b.has() {
		t.Fatal("an untouched file has no receipt")
	}
	file := b.open()
	if err := os.Chmod(filepath.Join(b.root, "a"), 0o400); err != nil {
		t.Fatal(err)
	}
	if _, ok := b.Find("a", b.entries, file); ok {
		t.Error("a file that was touched after its stamp was taken is OK by receipt")
	}
}

func TestReceiptsThatWereFlushedOutliveAKill(t *testing.T) {
	b := newBench(t)
	b.at(time.Now().Add(time.Hour))
	b.keep()
	b.Flush() // and no Close
	b.keep()
	b.reopen(b.directory)
	if !b.has() {
		t.Error("the receipt is lost")
	}
	info, err := os.Stat(b.path)
	if want := int64(len(makeHeader(b.Store.root)) + recordSize); err != nil || info.Size() != want {
		t.Errorf("the journal has %v (%v), want %d bytes", info, err, want)
	}
}

func TestACompactedJournalSaysTheSame(t *testing.T) {
	b := newBench(t)
	b.at(time.Now().Add(time.Hour))
	b.keep()
	b.Flush()
	var revocations []string
	for i := range compactAbove {
		revocations = append(revocations, fmt.Sprint(i%3000))
	}
	b.Revoke(revocations)
	b.reopen(b.directory)
	now := b.now()
	b.at(now.Add(time.Second))
	b.Close()
	info, err := os.Stat(b.path)
	if want := int64(len(makeHeader(b.Store.root)) + 3001*recordSize); err != nil || info.Size() != want || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v; want %d bytes", info.Size(), err, want)
	}
	b.reopen(b.directory)
	if !b.has() {
		t.Error("the receipt is lost")
	}
	before := b.table
	b.Revoke([]string{"a"})
	content, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	table, err := b.parse(content)
	if err != nil || len(table.receipts) != len(before.receipts) {
		t.Fatal(err, table)
	}
	again := readRecords(table.appendTo(nil, b.now()))
	for l, r := range table.receipts {
		if again.receipts[l] != r || !r.void {
			t.Errorf("got %v, want %v, which is void", again.receipts[l], r)
		}
	}
	if old := readRecords(table.appendTo(nil, b.now().Add(2*keptFor))); old.records != 0 {
		t.Errorf("%d records are kept for ever", old.records)
	}
}

func TestALockIsNotWaitedForForever(t *testing.T) {
	b := newBench(t)
	b.at(time.Now().Add(time.Hour))
	b.keep()
	b.Flush()
	holder, err := openLocked(b.path, os.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	b.keep()
	b.Flush()
	if notes := b.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "locked by another process") {
		t.Errorf("got %q", notes)
	}
}

func FuzzReadRecords(f *testing.F) {
	receipt := appendReceipt(nil, "a", listing{1}, stamp{2}, time.Unix(1, 0))
	f.Add(receipt)
	f.Add(appendRevocation(receipt, "a", time.Unix(1, 0)))
	f.Fuzz(func(t *testing.T, content []byte) {
		table := readRecords(content)
		again := readRecords(table.appendTo(nil, time.Unix(0, 0)))
		for l, r := range table.receipts {
			if again.receipts[l] != r {
				t.Errorf("after compaction: got %v, want %v", again.receipts[l], r)
			}
		}
	})
}

func TestAReceiptHoldsForItsAgeUntilItIsRevoked(t *testing.T) {
	b := newBench(t)
	written := time.Now().Add(time.Hour)
	b.at(written)
	b.keep()
	b.Flush()
	b.reopen(b.directory)
	for _, c := range []struct {
		age  time.Duration
		want bool
	}{{-time.Hour, false}, {0, true}, {29 * 24 * time.Hour, true}, {31 * 24 * time.Hour, false}} {
		b.at(written.Add(c.age))
		if got := b.has(); got != c.want {
			t.Errorf("age %v: got %v, want %v", c.age, got, c.want)
		}
	}
	b.at(written)
	b.Revoke([]string{"a"})
	b.reopen(b.directory)
	if when, touched := b.Known("a", b.entries, b.open().Opened()); b.has() || when != written.Unix() || touched != 0 {
		t.Errorf("after the revocation: has %v, known %d, %d", b.has(), when, touched)
	}
}
