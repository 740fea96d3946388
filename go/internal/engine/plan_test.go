package engine

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"checksig/internal/discover"
	"checksig/internal/limits"
	"checksig/internal/manifest"
)

// An oracle groups entries with a map that keeps every name.
type oracle struct {
	first []uint32
	more  map[uint32][]uint32
	by    map[string]uint32
}

func newOracle(names []string) *oracle {
	o := &oracle{more: map[uint32][]uint32{}, by: map[string]uint32{}}
	for i, name := range names {
		entry := uint32(i)
		if known, ok := o.by[name]; ok {
			o.more[known] = append(o.more[known], entry)
			continue
		}
		o.by[name] = entry
		o.first = append(o.first, entry)
	}
	return o
}

// checkPlan compares the plan of one or several manifests with that of the oracle.
func checkPlan(t *testing.T, lists ...[]string) {
	t.Helper()
	var sources discover.Sources
	var all []string
	for _, names := range lists {
		var text strings.Builder
		for _, name := range names {
			fmt.Fprintf(&text, "%040d  %s\n", len(name), name)
		}
		m, err := manifest.Parse(text.String(), manifest.Options{}, new(atomic.Bool))
		if err != nil || m.Len() != len(names) {
			t.Fatal(err, names)
		}
		sources = append(sources, &discover.Source{Manifest: m, First: sources.Len()})
		all = append(all, names...)
	}
	want := newOracle(all)
	p := makePlan(sources, new(atomic.Bool))
	if !slices.Equal(p.first, want.first) {
		t.Fatalf("%q: got the files %v, want %v", all, p.first, want.first)
	}
	if !maps.EqualFunc(p.more, want.more, slices.Equal) {
		t.Fatalf("%q: got the other entries %v, want %v", all, p.more, want.more)
	}
	p.keep(Shard{1, 3}) // the names of the other shards stay known
	for _, name := range all {
		if entry, ok := p.names.find(name); !ok || entry != want.by[name] {
			t.Fatalf("%q: got %d, %v for %q, want %d", all, entry, ok, name, want.by[name])
		}
		for _, other := range []string{name + "0", name[1:], "0" + name} {
			if _, there := want.by[other]; p.names.has(other) != there {
				t.Fatalf("%q: got %v for %q", all, !there, other)
			}
		}
	}
}

// randomNames returns n names, of which some may be the same.
func randomNames(r *rand.Rand, n, different int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("d%d/%x", r.IntN(3), r.IntN(different))
	}
	return names
}

func TestPlanIsThatOfATableOfAllNames(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		names := randomNames(r, 1+r.IntN(40), 1+r.IntN(80))
		checkPlan(t, names)
		slices.Sort(names) // sorted, with doubles side by side
		checkPlan(t, names)
		for range 1 + r.IntN(2) { // nearly sorted
			names[r.IntN(len(names))] = names[r.IntN(len(names))]
		}
		checkPlan(t, names)
		i, j := r.IntN(len(names)), r.IntN(len(names))
		names[i], names[j] = names[j], names[i]
		checkPlan(t, names)
		checkPlan(t, names, slices.Sorted(slices.Values(names)), randomNames(r, 5, 80))
	}
}

func TestDoublesAtAnyPlaceOfASortedManifestAreFound(t *testing.T) {
	var sorted []string
	for i := range 12 {
		sorted = append(sorted, fmt.Sprintf("%03d", 2*i))
	}
	for from := range sorted {
		for to := range len(sorted) + 1 {
			checkPlan(t, slices.Insert(slices.Clone(sorted), to, sorted[from]))
		}
	}
}

func TestSortedNamesNeedNoTable(t *testing.T) {
	text := strings.Repeat("0", 40) + "  a\n" + strings.Repeat("0", 40) + "  b\n"
	if p := makePlan(parsed(t, text), new(atomic.Bool)); p.names.slots != nil {
		t.Error("got a table for names that come sorted")
	}
	if p := makePlan(parsed(t, text+text), new(atomic.Bool)); p.names.slots == nil {
		t.Error("got no table for names that do not")
	}
}

func TestFewEntriesAreReadForASortedName(t *testing.T) {
	for _, count := range []int{1, 2, 15, 16, 17, 31, 32, 33, 1000} {
		nameOf := func(number int) string { return fmt.Sprintf("%04d", number) }
		read := 0
		n := newNames(count, func(entry uint32) string {
			read++
			return nameOf(2*int(entry) + 1)
		})
		for entry := range uint32(count) {
			n.sorted = append(n.sorted, entry)
		}
		n.has("")
		if most := count/markEvery + 1; read > most {
			t.Errorf("%d names were read to mark %d", read, most)
		}
		for number := range 2*count + 2 {
			read = 0
			entry, ok := n.find(nameOf(number))
			if is := number%2 == 1 && number < 2*count; ok != is || ok && int(entry) != number/2 {
				t.Errorf("got %d, %v for %d of %d", entry, ok, number, count)
			}
			if read > 4+1 { // 15 between two marks, and the one that was found
				t.Errorf("%d names were read for one of %d", read, count)
			}
		}
	}
}

// planOf returns a plan that has the entries of a manifest, but no files yet.
func planOf(t *testing.T, names []string) *plan {
	t.Helper()
	var text strings.Builder
	for _, name := range names {
		fmt.Fprintf(&text, "%040d  %s\n", 0, name)
	}
	return &plan{list: parsed(t, text.String())}
}

// lookInParts makes plans look at two or more entries on each of three cores.
func lookInParts(t *testing.T) {
	cores := limits.SetCores(3)
	minPart = 2
	t.Cleanup(func() {
		limits.SetCores(cores)
		minPart = 16 << 10
	})
}

func TestDisorderInAnyPartIsSeen(t *testing.T) {
	lookInParts(t)
	for n := 4; n < 14; n++ {
		var sorted []string
		for i := range n {
			sorted = append(sorted, fmt.Sprintf("%03d", i))
		}
		if !planOf(t, sorted).isAscending(new(atomic.Bool)) {
			t.Errorf("got disorder in %d names that ascend", n)
		}
		checkPlan(t, sorted)
		for i := 1; i < n; i++ {
			double, swapped := slices.Clone(sorted), slices.Clone(sorted)
			double[i] = "./" + double[i-1]
			swapped[i], swapped[i-1] = swapped[i-1], swapped[i]
			for _, names := range [][]string{double, swapped} {
				if planOf(t, names).isAscending(new(atomic.Bool)) {
					t.Errorf("got no disorder in %v", names)
				}
			}
			checkPlan(t, swapped)
		}
	}
}

func TestAPlanLooksInPartsIfItPays(t *testing.T) {
	lookInParts(t)
	p := planOf(t, []string{"a", "b", "c", "d", "e", "f"})
	threads := limits.Threads
	limits.Threads = limits.NewThreadPool(1)
	defer func() { limits.Threads = threads }()
	if !p.isAscending(new(atomic.Bool)) {
		t.Error("without threads, the parts were not looked at one after the other")
	}
	minPart = 4
	if p.isAscending(new(atomic.Bool)) {
		t.Error("parts of fewer than 4 entries were looked at")
	}
	minPart = 2
	p.list[0].First = 3 // the first entries are in no manifest
	for _, threads := range []int{1, 3} {
		limits.Threads = limits.NewThreadPool(threads)
		var err error
		func() {
			defer Contain(&err)
			p.isAscending(new(atomic.Bool))
		}()
		if err == nil {
			t.Errorf("with %d threads, a panic was overlooked", threads)
		}
	}
}

func FuzzPlan(f *testing.F) {
	f.Add("a b c b")
	f.Add("b a")
	f.Fuzz(func(t *testing.T, text string) {
		names := strings.FieldsFunc(text, func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') })
		if len(names) > 0 && len(names) < 200 {
			checkPlan(t, names)
		}
	})
}
