package engine

import (
	"bytes"
	"fmt"
	"hash"
	"slices"
	"strings"

	"checksig/internal/beneath"
	"checksig/internal/digest"
	"checksig/internal/discover"
)

// maxHinted is the size in bytes of the largest file that is read again for a hint.
const maxHinted = 64 << 20

// hint returns why no file at all matches: another algorithm fits the first one that does not,
// or the names begin elsewhere. Otherwise it returns "".
func (j *Job) hint(r *Report, dir *beneath.Root, p *plan) string {
	if r.Counts[OK] > 0 {
		return ""
	}
	if r.Counts[Missing]+r.Counts[Error] == r.Files {
		return j.prefixHint(r, dir, p)
	}
	return j.algorithmHint(r, dir)
}

// prefixHint returns with which directory all names begin, if they are absolute, or if the first
// file exists without it.
func (j *Job) prefixHint(r *Report, dir *beneath.Root, p *plan) string {
	if j.options.StripPrefix != "" || r.Files == 0 {
		return ""
	}
	listed := func(index int) string { return p.list.EntryName(int(p.first[index])) }
	common := discover.CommonPrefix(len(p.first), listed)
	prefix := discover.WithoutPrefix(dir, listed(0), common)
	if prefix == "" && strings.HasPrefix(common, "/") {
		prefix = common
	}
	if prefix == "" {
		return ""
	}
	return fmt.Sprintf("all names begin with %q: --strip-prefix, or strip_prefix=, takes it off", prefix)
}

// algorithmHint returns which other algorithm fits the first file that does not match, or "".
func (j *Job) algorithmHint(r *Report, dir *beneath.Root) string {
	at := slices.IndexFunc(r.first, func(r Result) bool { return r.Status == Failed && r.Size <= maxHinted })
	if at < 0 {
		return ""
	}
	first := &r.first[at]
	file, err := dir.Open(first.Name)
	if err != nil {
		return ""
	}
	defer file.Close()
	var others []*digest.Algorithm
	var states []hash.Hash
	for _, a := range digest.Algorithms {
		if a.Size != len(first.Expected) || a == first.Algorithm {
			continue
		}
		state := a.New()
		a.Begin(state, file.Opened().Size)
		others, states = append(others, a), append(states, state)
	}
	buffer := make([]byte, beneath.PieceSize)
	err = beneath.ReadPieces(file, buffer, &j.stopped, func(p []byte) {
		for _, state := range states {
			state.Write(p)
		}
	})
	if err != nil {
		return ""
	}
	for i, state := range states {
		if bytes.Equal(state.Sum(nil), first.Expected) {
			const hint = "no file matches %s, but the listed digest of %q is its %s digest"
			return fmt.Sprintf(hint, first.Algorithm.Name, first.Name, others[i].Name)
		}
	}
	return ""
}
