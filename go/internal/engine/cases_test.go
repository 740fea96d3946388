package engine

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"checksig/internal/beneath"
	"checksig/internal/digest"
	"checksig/internal/discover"
	"checksig/internal/manifest"
)

// A testCase is one file of testdata/cases. The README there describes the format.
type testCase struct {
	Rule, Origin, Verdict string
	Needs                 string // an algorithm that a build may lack
	Options               map[string]string
	Tree                  [][]any
	Line                  int
	Message               []string

	SignedBy   []string `json:"signed_by"`
	Signature  string
	Namespace  string
	MinSigners int `json:"min_signers"`
	Signers    []string
}

func TestEveryCaseEndsAsItSays(t *testing.T) {
	paths, err := filepath.Glob("../../../testdata/cases/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("found no case (error %v)", err)
	}
	for resolution, open := range resolutions {
		for _, path := range paths {
			name := strings.TrimSuffix(filepath.Base(path), ".json")
			t.Run(resolution+"/"+name, func(t *testing.T) { runCase(t, path, open) })
		}
	}
}

var resolutions = map[string]func(string) (*beneath.Root, error){
	"kernel": beneath.OpenRoot,
	"go":     beneath.OpenGoRoot,
}

func runCase(t *testing.T, path string, open func(string) (*beneath.Root, error)) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var c testCase
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	if c.Needs != "" && digest.ByName(c.Needs) == nil {
		t.Skipf("this build is without %s", c.Needs)
	}
	root := t.TempDir()
	for _, item := range c.Tree {
		create(t, root, item)
	}
	j := newJob(root, Options{
		Options: discover.Options{
			Manifest:    strings.ReplaceAll(c.Options["manifest"], "ROOT", root),
			Format:      manifest.FormatByName(c.Options["format"]),
			Algorithm:   digest.ByName(c.Options["algorithm"]),
			StripPrefix: discover.CleanPrefix(c.Options["strip_prefix"]),
			Trust:       c.trust(root),
		},
		Workers: 3,
		Extra:   map[string]ExtraMode{"": IgnoreExtra, "report": ReportExtra, "fail": FailExtra}[c.Options["extra"]],
	})
	j.run(open)
	report, err := j.Outcome()
	if err == nil {
		err = report.Err()
	}
	if got := verdictOf(err); got != c.Verdict {
		t.Fatalf("got %s (%v), want %s", got, err, c.Verdict)
	}
	if err == nil {
		if got := signers(report); !slices.Equal(got, c.Signers) {
			t.Errorf("got signers %q, want %q", got, c.Signers)
		}
		return
	}
	got, want := strings.ReplaceAll(err.Error(), root, "ROOT"), strings.Join(c.Message, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var bad *manifest.Error
	if errors.As(err, &bad) && bad.Line != c.Line {
		t.Errorf("got line %d, want %d", bad.Line, c.Line)
	}
}

// trust returns whose signatures a case demands.
func (c *testCase) trust(root string) discover.Trust {
	trust := discover.Trust{Min: c.MinSigners, Namespace: c.Namespace, Signature: strings.ReplaceAll(c.Signature, "ROOT", root)}
	for _, key := range c.SignedBy {
		file := discover.KeyFile{Path: strings.Replace(key, "ROOT", root, 1)}
		if !strings.HasPrefix(key, "ROOT/") {
			content := string(latin1(key))
			file = discover.KeyFile{Content: &content}
		}
		trust.Keys = append(trust.Keys, file)
	}
	return trust
}

func signers(report *Report) (names []string) {
	for _, source := range report.Sources {
		for _, signer := range source.Signers {
			names = append(names, signer.Name)
		}
	}
	return names
}

func verdictOf(err error) string {
	switch err.(type) {
	case nil:
		return "ok"
	case *FailedError:
		return "failed"
	case *manifest.NotFoundError:
		return "not-found"
	case *discover.NotSignedError:
		return "not-signed"
	case *manifest.Error:
		return "manifest"
	}
	return err.Error()
}

// create creates one item of a case's tree below root.
func create(t *testing.T, root string, item []any) {
	t.Helper()
	kind, path := item[0].(string), filepath.Join(root, string(latin1(item[1])))
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err != nil {
		t.Fatal(err)
	}
	switch kind {
	case "file":
		content := latin1(item[2])
		if len(item) > 3 {
			content = []byte(strings.Repeat(string(content), int(item[3].(float64))))
		}
		err = os.WriteFile(path, content, 0o644)
	case "sparse":
		err = os.WriteFile(path, nil, 0o644)
		if err == nil {
			err = os.Truncate(path, int64(item[2].(float64)))
		}
	case "directory":
		err = os.Mkdir(path, 0o755)
	case "symlink":
		err = os.Symlink(strings.ReplaceAll(string(latin1(item[2])), "ROOT", root), path)
	case "fifo":
		err = syscall.Mkfifo(path, 0o644)
	case "socket":
		listener, failure := net.ListenUnix("unix", &net.UnixAddr{Name: path})
		if err = failure; err == nil {
			listener.SetUnlinkOnClose(false)
			err = listener.Close()
		}
	case "device":
		err = syscall.Mknod(path, syscall.S_IFCHR|0o666, 1<<8|3) // the null device
		if errors.Is(err, syscall.EPERM) {
			t.Skip("only root makes devices")
		}
	default:
		t.Fatalf("unknown kind %q", kind)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// latin1 returns one byte for each character, because names need not be UTF-8.
func latin1(value any) []byte {
	var b []byte
	for _, r := range value.(string) {
		b = append(b, byte(r))
	}
	return b
}
