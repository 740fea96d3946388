package engine

import (
	"bytes"
	"fmt"
	"hash"
	"slices"

	"checksig/internal/beneath"
	"checksig/internal/digest"
)

// maxHinted is the size in bytes of the largest file that is read again for a hint.
const maxHinted = 64 << 20

// hint returns which other algorithm fits the first file that does not match, if no file at
// all matches. Otherwise it returns "".
func (j *Job) hint(r *Report, dir *beneath.Root) string {
	at := slices.IndexFunc(r.first, func(r Result) bool { return r.Status == Failed && r.Size <= maxHinted })
	if r.Counts[OK] > 0 || at < 0 {
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
