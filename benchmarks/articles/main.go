// Command articles verifies a manifest of SHA-1 digests in the way that articles about
// goroutines show: one goroutine for each file, without a limit, sharing only the first error.
//
//	articles DIRECTORY MANIFEST
package main

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// A group runs goroutines until one of them fails.
type group struct {
	wait   sync.WaitGroup
	once   sync.Once
	cancel context.CancelFunc
	err    error
}

func (g *group) start(work func() error) {
	g.wait.Add(1)
	go func() {
		defer g.wait.Done()
		if err := work(); err != nil {
			g.once.Do(func() {
				g.err = err
				g.cancel()
			})
		}
	}()
}

func check(ctx context.Context, path, want string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	hash := sha1.New()
	if _, err := io.Copy(hash, file); err != nil {
		return err
	}
	if hex.EncodeToString(hash.Sum(nil)) != want {
		return fmt.Errorf("%q - mismatch", path)
	}
	return nil
}

func run(directory, manifest string) error {
	file, err := os.Open(manifest)
	if err != nil {
		return err
	}
	defer file.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	all := group{cancel: cancel}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		digest, name, found := strings.Cut(lines.Text(), "  ")
		if !found {
			return fmt.Errorf("bad line: %q", lines.Text())
		}
		all.start(func() error { return check(ctx, filepath.Join(directory, name), digest) })
	}
	all.wait.Wait()
	if all.err != nil {
		return all.err
	}
	return lines.Err()
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: articles DIRECTORY MANIFEST")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
