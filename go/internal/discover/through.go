package discover

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"checksig/internal/beneath"
)

const maxLinks = 40 // symlinks on the way of a path, as in Linux

// leadsThrough reports whether a path, or a symlink on its way, is looked up in the directory
// root or below it. Then whoever can change the files there decides where the path leads.
func leadsThrough(path, root string) (bool, error) {
	if path == "" {
		return false, nil
	}
	directory, err := os.Stat(root)
	if err != nil {
		return false, &beneath.OSError{Path: root, Err: err}
	}
	here, err := os.Getwd()
	if err == nil {
		here, err = filepath.EvalSymlinks(here)
	}
	here, rest := startOf(path, here)
	for links := 0; err == nil && rest != ""; {
		var name, target string
		name, rest = cutElement(rest)
		if name == "" || name == "." {
			continue
		}
		if name == ".." {
			here = filepath.Dir(here)
			continue
		}
		below, failed := isBelow(here, directory)
		if below || failed != nil {
			return below, failed
		}
		next := filepath.Join(here, name)
		if target, err = linkOf(next); target == "" {
			here = next
			continue
		}
		if links++; links > maxLinks {
			err = syscall.ELOOP
		}
		here, rest = startOf(target+string(filepath.Separator)+rest, here)
	}
	if err != nil {
		return false, &beneath.OSError{Path: path, Err: err}
	}
	return false, nil
}

// startOf returns where a path begins, which is here unless it is absolute, and the rest of it.
func startOf(path, here string) (start, rest string) {
	if !filepath.IsAbs(path) {
		return here, path
	}
	volume := filepath.VolumeName(path)
	return volume + string(filepath.Separator), path[len(volume):]
}

// cutElement returns the first element of a path, and the rest.
func cutElement(path string) (name, rest string) {
	at := strings.IndexFunc(path, func(c rune) bool { return c == '/' || c == filepath.Separator })
	if at < 0 {
		return path, ""
	}
	return path[:at], path[at+1:]
}

// linkOf returns where a symlink leads, or "" if the path is something else.
func linkOf(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeSymlink == 0 {
		return "", err
	}
	target, err := os.Readlink(path)
	if err == nil && target == "" {
		err = errors.New("is an empty symlink")
	}
	return target, err
}

// isBelow reports whether the path, which has no symlinks, is a directory or below it.
func isBelow(path string, directory os.FileInfo) (bool, error) {
	for {
		info, err := os.Stat(path)
		if err != nil {
			return false, &beneath.OSError{Path: path, Err: err}
		}
		if os.SameFile(info, directory) {
			return true, nil
		}
		if filepath.Dir(path) == path {
			return false, nil
		}
		path = filepath.Dir(path)
	}
}
