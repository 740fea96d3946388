package wire

import (
	"bytes"
	"io"
	"reflect"
	"strings"
	"testing"
)

const logs = "../../../testdata/logs"

// pack returns a request with these members: names, each followed by its value.
func pack(members ...string) []byte {
	var b []byte
	for i := 0; i < len(members); i += 2 {
		name, value := members[i], members[i+1]
		b = append(append(b, byte(len(name))), name...)
		b = order.AppendUint64(b, uint64(len(value)))
		b = append(b, value...)
	}
	return append(order.AppendUint64(nil, uint64(len(b))), b...)
}

// A frame is the part of a frame that the tests look at.
type frame struct {
	kind            int32
	files, bad      int64
	message, reason string
	records         []byte
}

func parseFrames(t *testing.T, b []byte) (frames []frame) {
	t.Helper()
	number := func(at int) int64 { return int64(order.Uint64(b[at:])) }
	for len(b) > 0 {
		end := lengthSize + int(order.Uint32(b))
		f := frame{files: number(4 + 8), bad: number(4 + 40)}
		at := lengthSize + ProgressSize
		f.kind = int32(order.Uint32(b[at+4:]))
		message, path, reason := int(number(at+24)), int(number(at+32)), int(number(at+40))
		at += ErrorSize
		f.message = string(b[at : at+message])
		f.reason = string(b[at+message+path : at+message+path+reason])
		f.records = b[at+message+path+reason : end]
		frames = append(frames, f)
		b = b[end:]
	}
	return frames
}

// serve returns the answer to input. The input stays open.
func serve(t *testing.T, input []byte) ([]frame, error) {
	t.Helper()
	in, toIt := io.Pipe()
	defer toIt.Close()
	go func() { _, _ = toIt.Write(input) }()
	var out bytes.Buffer
	err := Serve(in, &out, "1.2.3", func() {})
	return parseFrames(t, out.Bytes()), err
}

func TestJobOverPipeEndsWithItsVerdict(t *testing.T) {
	frames, err := serve(t, pack("root", logs, "flags", "1", "workers", "2"))
	if err != nil || len(frames) < 3 {
		t.Fatalf("got %v, %v", frames, err)
	}
	if hello := frames[0]; hello.message != "1.2.3" || !strings.Contains(hello.reason, "sha1") {
		t.Errorf("the first frame is %v", hello)
	}
	records, last := 0, frames[len(frames)-1]
	for i, f := range frames {
		for rest := f.records; len(rest) > 0; rest = rest[order.Uint32(rest[4:]):] {
			records++
		}
		if f.kind != More && i < len(frames)-1 {
			t.Errorf("%v comes before the end", f)
		}
	}
	if records != 11 { // ten files, one manifest
		t.Errorf("got %d records, want 11", records)
	}
	want := frame{kind: Failed, files: 10, bad: 1, message: `"` + logs + `/httpd-08.log" - mismatch`}
	last.records = nil
	if !reflect.DeepEqual(last, want) {
		t.Errorf("the last frame is %v, want %v", last, want)
	}
}

func TestRefusedRequestIsAnsweredWithTheReason(t *testing.T) {
	for _, c := range []struct {
		members []string
		message string
	}{
		{[]string{}, "is empty"},
		{[]string{"root", "a\x00b"}, "NUL"},
		{[]string{"root", logs, "algorithm", "abacus"}, "abacus"},
		{[]string{"root", logs, "format", "abacus"}, "abacus"},
		{[]string{"root", logs, "workers", "-1"}, "negative"},
		{[]string{"root", logs, "list", ""}, "empty"},
	} {
		frames, err := serve(t, pack(c.members...))
		if err != nil || len(frames) != 2 || frames[1].kind != Argument || !strings.Contains(frames[1].message, c.message) {
			t.Errorf("%q: got %v, %v", c.members, frames, err)
		}
	}
}

func TestIncompleteRequestHasNoAnswer(t *testing.T) {
	whole := pack("root", logs, "flags", "1")
	inputs := [][]byte{pack("root", logs, "abacus", "1"), pack("root", logs, "flags", "many")}
	for length := range whole {
		inputs = append(inputs, whole[:length])
	}
	for at := 8; at < len(whole); at++ {
		shorter := order.AppendUint64(nil, uint64(at-8))
		if at != 8 && at != len(pack("root", logs)) {
			inputs = append(inputs, append(shorter, whole[8:at]...))
		}
	}
	for _, input := range inputs {
		var out bytes.Buffer
		err := Serve(bytes.NewReader(input), &out, "1.2.3", func() {})
		if frames := parseFrames(t, out.Bytes()); err == nil || len(frames) != 1 {
			t.Errorf("%q: got %v, %v", input, frames, err)
		}
	}
}

func TestEndOfInputIsReported(t *testing.T) {
	gone := make(chan bool)
	go func() {
		_ = Serve(bytes.NewReader(pack("root", logs)), io.Discard, "", func() { close(gone) })
	}()
	<-gone
}

// FuzzRequest states: a request that parses has the members that its bytes spell.
func FuzzRequest(f *testing.F) {
	f.Add(pack("root", logs, "flags", "1", "list", "")[8:])
	f.Add(pack("algorithm", "sha1", "manifest", "a", "name", "b", "format", "gnu", "workers", "2")[8:])
	f.Add([]byte{4, 'r', 'o', 'o', 't', 255, 255, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRequest(b)
		if (r == nil) != (err != nil) {
			t.Fatalf("got %v, %v", r, err)
		}
		if r == nil || r.List == nil || r.Name != nil {
			return
		}
		if !bytes.Contains(b, pack("list", *r.List)[8:]) || !bytes.Contains(b, []byte(r.Root)) {
			t.Errorf("%q has a list %q", b, *r.List)
		}
	})
}
