package signature

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A tool verifies files of the vectors as its users do.
type tool struct {
	program string
	accepts func(t *testing.T, dir string, f signedFile) bool
	// stricter lists why this package refuses what the tool does not.
	stricter []string
}

var tools = []tool{
	{
		program: "minisign",
		accepts: func(t *testing.T, dir string, f signedFile) bool {
			return runs(dir, "", "minisign", "-V", "-q", "-p", "key", "-x", "signature", "-m", "manifest")
		},
		stricter: []string{errBehind.Error(), "that is not printable"},
	},
	{
		program: "signify-openbsd",
		accepts: func(t *testing.T, dir string, f signedFile) bool {
			inside := runs(dir, "", "signify-openbsd", "-V", "-q", "-e", "-p", "key", "-x", "manifest", "-m", "message")
			return inside || runs(dir, "", "signify-openbsd", "-V", "-q", "-p", "key", "-x", "signature", "-m", "manifest")
		},
		// signify passes over blanks in base64.
		stricter: []string{errBehind.Error(), "not signed", "is not a signature"},
	},
	{
		program: "ssh-keygen",
		accepts: func(t *testing.T, dir string, f signedFile) bool {
			return runs(dir, "manifest", "ssh-keygen", "-Y", "verify", "-f", "key", "-I", "ada", "-n", "file", "-s", "signature")
		},
		stricter: []string{errBehind.Error()},
	},
}

// runs reports whether a program succeeds.
func runs(dir, input, program string, arguments ...string) bool {
	command := exec.Command(program, arguments...)
	command.Dir = dir
	if input != "" {
		file, err := os.Open(filepath.Join(dir, input))
		if err != nil {
			panic(err)
		}
		defer file.Close()
		command.Stdin = file
	}
	return command.Run() == nil
}

// of returns the good vectors that the tool can verify, with the content of the key file.
func (tool *tool) of(t *testing.T) (all []signedFile) {
	t.Helper()
	for _, f := range signedFiles() {
		isSSH := strings.HasSuffix(f.name, ".sshsig")
		switch {
		case tool.program == "ssh-keygen" && isSSH:
			f.key = allowed(t, "ada", "", f.key)
		case tool.program == "minisign" && strings.HasSuffix(f.name, ".minisig"),
			tool.program == "signify-openbsd" && strings.HasSuffix(f.name, ".sig"):
			f.key = read(t, f.key)
		default:
			continue
		}
		all = append(all, f)
	}
	return all
}

// compare verifies files with the tool and with this package, which may refuse more for a reason.
func (tool *tool) compare(t *testing.T, dir string, f signedFile, files []File) (accepted bool) {
	t.Helper()
	names := map[string]string{"key": f.key, "manifest": files[0].Content, "signature": files[len(files)-1].Content}
	for name, content := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	theirs := tool.accepts(t, dir, f)
	keys, err := ParseKeys(f.key)
	if err == nil {
		_, _, err = Verify(files[0], files[1:], Options{Keys: keys, Now: now})
	}
	severalBlocks := strings.Count(names["signature"], sshBegin) > 1 // ssh-keygen reads only the first
	if ours := err == nil; ours && !theirs && !severalBlocks {
		t.Errorf("%s refuses what is accepted here: key %q, files %q", tool.program, f.key, files)
	} else if theirs && !ours && !tool.mayRefuse(err) {
		t.Errorf("%s accepts what is refused here: %v: key %q, files %q", tool.program, err, f.key, files)
	}
	return theirs
}

func (tool *tool) mayRefuse(err error) bool {
	for _, reason := range tool.stricter {
		if strings.Contains(err.Error(), reason) {
			return true
		}
	}
	return false
}

func TestVerdictsAreThoseOfTheTools(t *testing.T) {
	count := mutations(600) / 10
	for _, tool := range tools {
		t.Run(tool.program, func(t *testing.T) {
			if _, err := exec.LookPath(tool.program); err != nil {
				t.Skip(err)
			}
			t.Parallel()
			dir := t.TempDir()
			all := tool.of(t)
			for _, f := range all {
				if !tool.compare(t, dir, f, f.files(t)) {
					t.Errorf("%s refuses %s", tool.program, f.name)
				}
			}
			random := rand.New(rand.NewPCG(uint64(count), 3))
			accepted := 0
			for range count {
				f, other := all[random.IntN(len(all))], all[random.IntN(len(all))]
				files := f.files(t)
				i := random.IntN(len(files))
				files[i].Content = mutated(random, files[i].Content, read(t, other.name))
				if tool.compare(t, dir, f, files) {
					accepted++
				}
			}
			t.Logf("%s accepted %d of %d mutations", tool.program, accepted, count)
		})
	}
}

func TestKeysAreAllowedWhatSSHKeygenAllows(t *testing.T) {
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip(err)
	}
	tool := tools[len(tools)-1]
	dir := t.TempDir()
	key := read(t, "keys/ed25519.pub")
	for _, options := range []string{
		`namespaces="file"`, `namespaces="git"`, `namespaces="f*"`, `namespaces="*,!file"`, `namespaces="!git"`, `namespaces="?ile,git"`,
		`namespaces=file`, `namespaces="file`, `NAMESPACES="file"`, `namespaces="file",namespaces="file"`, `namespaces="file",`, `,`,
		`valid-after="20200101"`, `valid-after="20990101"`, `valid-before="20200101"`, `valid-before="20990101"`, `valid-before="20990101Z"`,
		`valid-after="20200101",valid-before="20990101"`, `valid-after="20990101",valid-before="20200101"`, `valid-after="2020"`, `unknown`,
		`unknown="x"`, `cert-authority`, `namespaces="git, file"`, `namespaces="file",valid-before="202011261200"`, `namespaces=""`,
	} {
		f := signedFile{name: "ed25519.sshsig", key: "ada " + options + " " + key}

		tool.compare(t, dir, f, f.files(t))
	}
	for _, line := range []string{
		"ada " + key, `"ada" ` + key, "*@example.org,ada " + key, "!bob,* " + key, "\tada  " + key, "ada\t" + key, "# ada " + key, "ada " + key[:60],
		"ada x " + key, "ada", "\nada " + key, "bob " + key + "ada " + key, `ada namespaces="git" ` + key + "ada " + key,
	} {
		f := signedFile{name: "ed25519.sshsig", key: line}
		tool.compare(t, dir, f, f.files(t))
	}
}
