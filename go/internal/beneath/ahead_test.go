package beneath

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// measureAlways makes walks compare the time of each listing during a test.
func measureAlways(t *testing.T) {
	before := measureFor
	t.Cleanup(func() { measureFor = before })
	measureFor = 0
}

// wait waits until done reports true.
func wait(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("this does not happen")
		}
	}
}

// A fakeTree is directories by name.
type fakeTree map[string]*fakeDirectory

type fakeDirectory struct {
	names []string // a subdirectory begins with "d"
	err   error    // after the names
	slow  time.Duration
	never bool // it has its names again and again
}

// randomTree returns a tree with everything that a walk may meet.
func randomTree(random *rand.Rand) fakeTree {
	tree := fakeTree{}
	var grow func(name string, depth int)
	grow = func(name string, depth int) {
		d := &fakeDirectory{}
		tree[name] = d
		for i := range random.IntN(12) {
			d.names = append(d.names, fmt.Sprintf("f%d", i*7%12))
		}
		if random.IntN(20) == 0 {
			for i := range 300 {
				d.names = append(d.names, fmt.Sprintf("g%d", i))
			}
		}
		if random.IntN(8) == 0 {
			d.err = []error{Reason(syscall.EIO), Reason(syscall.EACCES), ErrMissing}[random.IntN(3)]
		}
		if random.IntN(6) == 0 {
			d.slow = time.Duration(random.IntN(300)) * time.Microsecond
		}
		d.never = len(d.names) > 0 && depth > 0 && random.IntN(40) == 0
		if depth == 5 || d.never {
			return
		}
		for i := range random.IntN(8 - depth) {
			below := fmt.Sprintf("d%d%s", i, []string{"", "-", "!"}[random.IntN(3)])
			d.names = append(d.names, below)
			grow(join(name, below), depth+1)
		}
		random.Shuffle(len(d.names), func(i, k int) { d.names[i], d.names[k] = d.names[k], d.names[i] })
	}
	grow(".", 0)
	return tree
}

// list is a [Lister].
func (tree fakeTree) list(dir string, each func(string, os.FileMode) bool) error {
	d := tree[dir]
	time.Sleep(d.slow)
	for again := true; again; again = d.never {
		for _, name := range d.names {
			mode := os.FileMode(0)
			if strings.HasPrefix(name, "d") {
				mode = os.ModeDir
			}
			if !each(name, mode) {
				return nil
			}
		}
	}
	return d.err
}

// visits are everything that a walk tells.
type visits struct {
	items []Item
	sum   Sum
}

func visitsOf(w *Walk) (v visits) {
	v.sum = w.Run(".", func(item Item) bool { v.items = append(v.items, item); return true })
	return v
}

// add adds what a walk must tell of a directory, in a simple way.
func (v *visits) add(tree fakeTree, dir string, most int, keep func(string, *Sum) bool) {
	d := tree[dir]
	var names, below []string
	for again := true; again && len(names)+len(below) <= most; again = d.never {
		for _, name := range d.names {
			if strings.HasPrefix(name, "d") {
				below = append(below, name)
			} else if keep(join(dir, name), &v.sum) {
				names = append(names, name)
			}
			if len(names)+len(below) > most {
				v.items = append(v.items, Item{dir, os.ModeDir, errTooMany(most)})
				return
			}
		}
	}
	slices.Sort(names)
	for _, name := range names {
		v.items = append(v.items, Item{Name: join(dir, name)})
	}
	if d.err != nil {
		v.items = append(v.items, Item{dir, os.ModeDir, d.err})
	}
	slices.Sort(below)
	for _, name := range below {
		v.add(tree, join(dir, name), most, keep)
	}
}

func TestAWalkVisitsTheSameIfHelpersListAhead(t *testing.T) {
	measureAlways(t)
	const most = 5000
	helped := atomic.Int64{}
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 11))
		tree := randomTree(random)
		keep := func(name string, sum *Sum) bool {
			sum.Files, sum.Bytes = sum.Files+1, sum.Bytes+int64(len(name))
			return !strings.HasSuffix(name, "3")
		}
		var want visits
		want.add(tree, ".", most, keep)
		w := &Walk{List: tree.list, Stopped: new(atomic.Bool), Most: most, Keep: keep}
		if got := visitsOf(w); !reflect.DeepEqual(got, want) {
			t.Errorf("seed %d, without helpers: got %v, want %v", seed, got, want)
		}
		var chance atomic.Uint64
		oneOf := func(n int) int { return rand.New(rand.NewPCG(seed, chance.Add(1))).IntN(n) }
		var ahead sync.Map // the directories that helpers list now
		w.AtOnce = 1 + random.IntN(32)
		w.Ahead = func(dir string, each func(string, os.FileMode) bool) error {
			helped.Add(1)
			ahead.Store(dir, true)
			defer ahead.Delete(dir)
			kind := oneOf(12)
			if kind == 0 {
				return ErrNotNow
			}
			err := tree.list(dir, each)
			if kind == 1 {
				return ErrNotNow // after some names
			}
			return err
		}
		w.Keep = func(name string, sum *Sum) bool {
			if _, ok := ahead.Load(path.Dir(name)); ok && oneOf(200) == 0 {
				sum.Exhausted = true
				return false
			}
			return keep(name, sum)
		}
		if got := visitsOf(w); !reflect.DeepEqual(got, want) {
			t.Errorf("seed %d: got %v, want %v", seed, got, want)
		}
	}
	if helped.Load() < 300 {
		t.Errorf("helpers listed only %d directories", helped.Load())
	}
}

// A gate lets a test see and decide when directories are listed.
type gate struct {
	mu      sync.Mutex
	begun   map[string]int
	open    map[string]chan struct{} // what a listing waits for
	busy    atomic.Int32             // listings that are under way
	flat    int                      // how many subdirectories the root has
	names   int                      // that each of them has
	listing atomic.Int64             // names that were listed ahead
}

func newGate(flat, names int, closed ...string) *gate {
	g := &gate{begun: map[string]int{}, open: map[string]chan struct{}{}, flat: flat, names: names}
	for _, name := range closed {
		g.open[name] = make(chan struct{})
	}
	return g
}

func (g *gate) list(dir string, each func(string, os.FileMode) bool) error {
	g.busy.Add(1)
	defer g.busy.Add(-1)
	g.mu.Lock()
	g.begun[dir]++
	open := g.open[dir]
	g.mu.Unlock()
	if open != nil {
		<-open
	}
	time.Sleep(time.Millisecond) // as storage that is waited for
	for i := range g.flat {
		if dir == "." && !each(fmt.Sprintf("d%04d", i), os.ModeDir) {
			return nil
		}
	}
	for i := range g.names {
		if dir != "." && !each(fmt.Sprintf("f%d", i), 0) {
			return nil
		}
	}
	return nil
}

func (g *gate) listAhead(dir string, each func(string, os.FileMode) bool) error {
	return g.list(dir, func(name string, mode os.FileMode) bool { g.listing.Add(1); return each(name, mode) })
}

func (g *gate) times(dir string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.begun[dir]
}

func (g *gate) walk() *Walk {
	return &Walk{List: g.list, Ahead: g.listAhead, AtOnce: 8, Stopped: new(atomic.Bool), Most: math.MaxInt, Keep: everything}
}

func TestADirectoryThatDoesNotAnswerHoldsUpOnlyWhatComesAfterIt(t *testing.T) {
	measureAlways(t)
	g := newGate(100, 1, "d0050")
	var visited atomic.Int32
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		g.walk().Run(".", func(Item) bool { visited.Add(1); return true })
	}()
	wait(t, func() bool { return visited.Load() == 50 && g.times("d0099") == 1 })
	close(g.open["d0050"])
	<-ended
	if visited.Load() != 100 || g.times("d0050") != 1 {
		t.Errorf("visited %d items, and listed the directory %d times", visited.Load(), g.times("d0050"))
	}
}

func TestHelpersListFewNamesAhead(t *testing.T) {
	measureAlways(t)
	const names = 5000
	g := newGate(100, names)
	var visited int
	run := func(item Item) bool {
		if visited++; visited == 1 {
			for before := int64(-1); before != g.listing.Load(); time.Sleep(50 * time.Millisecond) {
				before = g.listing.Load()
			}
			if got := g.listing.Load(); got > maxAhead+8*namesAtOnce {
				t.Errorf("%d names were listed ahead", got)
			}
		}
		return true
	}
	g.walk().Run(".", run)
	if visited != 100*names || g.listing.Load() < 2*maxAhead {
		t.Errorf("got %d visits of items, %d of which were listed ahead", visited, g.listing.Load())
	}
}

func TestALargeDirectoryThatIsWaitedForIsListedOnce(t *testing.T) {
	measureAlways(t)
	g := newGate(3, 2*maxAhead, "d0001")
	ended := make(chan struct{})
	r := newRun(g.walk())
	visited := 0
	go func() {
		defer close(ended)
		r.visit(".", func(Item) bool { visited++; return true })
	}()
	wait(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.path) > 0 && r.path[0].next == 2
	})
	close(g.open["d0001"])
	<-ended
	if visited != 3*2*maxAhead || g.times("d0001") != 1 {
		t.Errorf("visited %d items, and listed the directory %d times", visited, g.times("d0001"))
	}
}

func TestHelpersListBelowWhatTheyListed(t *testing.T) {
	measureAlways(t)
	tree := fakeTree{".": {names: []string{"d0", "d1", "d2"}}, "d0": {}, "d1": {}, "d2": {names: []string{"d0"}}, "d2/d0": {names: []string{"d0"}}, "d2/d0/d0": {}}
	deepest := make(chan struct{})
	list := func(dir string, each func(string, os.FileMode) bool) error {
		switch dir {
		case "d1":
			<-deepest
		case "d2/d0/d0":
			close(deepest)
		}
		time.Sleep(time.Millisecond)
		return tree.list(dir, each)
	}
	w := walkOf(list)
	w.Ahead, w.AtOnce = list, 4
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		visitsOf(w)
	}()
	wait(t, func() bool { return isClosed(ended) })
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestALargeDirectoryIsListedInItsTurn(t *testing.T) {
	measureAlways(t)
	tree := fakeTree{".": {names: []string{"d0", "d1", "d2"}}, "d0": {slow: 5 * time.Millisecond}, "d1": {names: []string{"f"}}, "d2": {names: []string{"f"}, never: true}}
	w := walkOf(tree.list)
	var ahead, most atomic.Int64
	w.Most, w.AtOnce = 3*maxAhead, 4
	w.Ahead = func(dir string, each func(string, os.FileMode) bool) error {
		listed := int64(0)
		err := tree.list(dir, func(name string, mode os.FileMode) bool { listed++; return each(name, mode) })
		if dir == "d2" {
			most.Store(listed)
			ahead.Add(1)
		}
		return err
	}
	var visited []string
	w.Run(".", func(item Item) bool {
		if item.Name == "d1/f" {
			wait(t, func() bool { return ahead.Load() > 0 })
		}
		visited = append(visited, fmt.Sprint(item.Name, " ", item.Err != nil))
		return true
	})
	if want := []string{"d1/f false", "d2 true"}; !reflect.DeepEqual(visited, want) {
		t.Errorf("visited %q, want %q", visited, want)
	}
	if most.Load() > maxAhead+1 || ahead.Load() != 1 {
		t.Errorf("%d names of the large directory were listed ahead, %d times", most.Load(), ahead.Load())
	}
}

func TestNoHelperListsAfterTheEndOfAWalk(t *testing.T) {
	measureAlways(t)
	for _, end := range []string{"stopped", "visit", "panic"} {
		g := newGate(300, 1)
		w := g.walk()
		func() {
			defer func() { recover() }()
			visited := 0
			w.Run(".", func(Item) bool {
				if visited++; visited < 30 {
					return true
				}
				switch end {
				case "stopped":
					w.Stopped.Store(true)
				case "panic":
					panic("injected")
				}
				return end != "visit"
			})
		}()
		if busy := g.busy.Load(); busy != 0 || g.times("d0299") != 0 {
			t.Errorf("%s: %d listings are under way, and the last directory was listed %d times", end, busy, g.times("d0299"))
		}
	}
}

func TestAPanicOfAHelperIsOneOfTheWalk(t *testing.T) {
	measureAlways(t)
	g := newGate(50, 1)
	w := g.walk()
	w.Ahead = func(dir string, each func(string, os.FileMode) bool) error {
		if dir == "d0040" {
			panic("injected")
		}
		return g.listAhead(dir, each)
	}
	visited := 0
	defer func() {
		if value := recover(); value != "injected" || visited != 40 {
			t.Errorf("got %v after %d visits", value, visited)
		}
		if g.busy.Load() != 0 {
			t.Error("helpers list on")
		}
	}()
	w.Run(".", func(Item) bool { visited++; return true })
}

func TestAWalkHasManyHelpersOnlyIfItWaitsForTheStorage(t *testing.T) {
	cores := runtime.GOMAXPROCS(0)
	for _, c := range []struct {
		helpers, idle int
		spent         time.Duration // on a directory without names
		want          result
	}{
		{0, 0, measureFor / 2, incomplete},
		{0, 0, 3 * directoryTime, enough},
		{cores - 1, 0, 5 * directoryTime, tooFew},
		{cores - 1, 0, 3 * directoryTime, enough},
		{cores, 0, 3 * directoryTime, tooMany},
		{cores, 1, 3 * directoryTime, enough},
		{4*cores - 1, 0, 15 * directoryTime, tooMany},
		{4*cores - 1, 0, 17 * directoryTime, tooFew},
	} {
		r := newRun(&Walk{})
		r.helpers, r.idle = c.helpers, c.idle
		got, timer := incomplete, listTimer{}
		for spent := time.Duration(0); spent < measureFor-c.spent; spent += c.spent {
			if r.measure(&timer, c.spent, 0) != incomplete {
				t.Errorf("%v: complete after %v", c, spent)
			}
		}
		if c.want != incomplete {
			got = r.measure(&timer, c.spent, 0)
		}
		if got != c.want {
			t.Errorf("%v: got %v", c, got)
		}
	}
}

// The directories are in memory, so helpers must cost nothing.
func BenchmarkWalk(b *testing.B) {
	for _, c := range []struct{ directories, files int }{{5000, 1}, {5, 5000}} {
		top := b.TempDir()
		for i := range c.directories {
			dir := filepath.Join(top, fmt.Sprint(i))
			if err := os.Mkdir(dir, 0o755); err != nil {
				b.Fatal(err)
			}
			for k := range c.files {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(k)), nil, 0o644); err != nil {
					b.Fatal(err)
				}
			}
		}
		root, err := OpenRoot(top)
		if err != nil {
			b.Fatal(err)
		}
		defer root.Close()
		for _, atOnce := range []int{1, 32} {
			b.Run(fmt.Sprintf("%dx%d/%d", c.directories, c.files, atOnce), func(b *testing.B) {
				for b.Loop() {
					w := walkOf(root.List)
					w.Ahead, w.AtOnce = root.List, atOnce
					w.Run(".", func(Item) bool { return true })
				}
			})
		}
	}
}
