package limits

import (
	"errors"
	"maps"
	"strings"
	"syscall"
	"testing"
)

// A machine is a fake system: the content of its files, and its limits. An absent file does
// not exist, and one with the content "?" cannot be read.
type machine struct {
	files    map[string]string
	limits   map[int]uint64
	inodes   map[string]uint64
	filtered bool
}

// roomy returns a machine on which all limits are far.
func roomy() machine {
	return machine{
		files: map[string]string{
			"/proc/sys/vm/overcommit_memory":                    "0\n",
			"/proc/sys/vm/max_map_count":                        "65530\n",
			"/proc/self/maps":                                   strings.Repeat("a map\n", 300),
			"/proc/sys/kernel/threads-max":                      "63000\n",
			"/proc/sys/kernel/pid_max":                          "32768\n",
			"/proc/loadavg":                                     "0.20 0.18 0.12 1/800 11206\n",
			"/proc/thread-self/cgroup":                          "0::/user.slice/session\n",
			"/sys/fs/cgroup/cgroup.controllers":                 "cpu pids\n",
			"/sys/fs/cgroup/cgroup.procs":                       "1\n",
			"/sys/fs/cgroup/user.slice/cgroup.procs":            "",
			"/sys/fs/cgroup/user.slice/pids.max":                "9000\n",
			"/sys/fs/cgroup/user.slice/pids.current":            "90\n",
			"/sys/fs/cgroup/user.slice/session/cgroup.procs":    "2\n",
			"/sys/fs/cgroup/user.slice/session/pids.max":        "max\n",
			"/sys/fs/cgroup/pids/cgroup.procs":                  "1\n",
			"/sys/fs/cgroup/pids/user.slice/cgroup.procs":       "2\n",
			"/sys/fs/cgroup/pids/user.slice/pids.max":           "9000\n",
			"/sys/fs/cgroup/pids/user.slice/pids.current":       "90\n",
			"/sys/fs/cgroup/unified/cgroup.procs":               "2\n",
			"/sys/fs/cgroup/unified/user.slice/cgroup.procs":    "2\n",
			"/sys/fs/cgroup/user.slice/without/cgroup.procs":    "2\n",
			"/sys/fs/cgroup/pids/user.slice/other/cgroup.procs": "?",
		},
		limits: map[int]uint64{syscall.RLIMIT_AS: unlimited, syscall.RLIMIT_DATA: unlimited, rlimitProcesses: 31500},
		inodes: map[string]uint64{
			"/proc/thread-self/ns/user":   4026531837,
			"/proc/thread-self/ns/pid":    4026531836,
			"/proc/thread-self/ns/cgroup": 4026531835,
		},
	}
}

func (m machine) system() system {
	return system{
		read: func(path string) (string, error) {
			content, ok := m.files[path]
			switch {
			case !ok:
				return "", syscall.ENOENT
			case content == "?":
				return "", syscall.EACCES
			}
			return content, nil
		},
		inode: func(path string) (uint64, error) {
			if inode, ok := m.inodes[path]; ok {
				return inode, nil
			}
			return 0, syscall.ENOENT
		},
		filter: func() bool { return m.filtered },
		limit: func(kind int) (uint64, error) {
			if limit, ok := m.limits[kind]; ok {
				return limit, nil
			}
			return 0, errors.New("no such limit")
		},
	}
}

func TestLimitsAreFarOnlyIfAllAreKnownToBeFar(t *testing.T) {
	if m := roomy(); !m.system().areFar(30) {
		t.Fatal("the limits of a roomy machine are near")
	}
	for name := range roomy().inodes {
		m := roomy()
		m.inodes[name] = 0xF0000001
		expectNear(t, m, "another namespace: "+name)
		delete(m.inodes, name)
		expectNear(t, m, "without "+name)
	}
	for kind := range roomy().limits {
		m := roomy()
		m.limits[kind] = 1800
		expectNear(t, m, "a low limit")
		delete(m.limits, kind)
		expectNear(t, m, "an unknown limit")
	}
	m := roomy()
	m.filtered = true
	expectNear(t, m, "filtered system calls")

	needed := []string{"/proc/sys/vm/overcommit_memory", "/proc/sys/vm/max_map_count", "/proc/self/maps",
		"/proc/sys/kernel/threads-max", "/proc/sys/kernel/pid_max", "/proc/loadavg", "/proc/thread-self/cgroup",
		"/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/user.slice/cgroup.procs",
		"/sys/fs/cgroup/user.slice/session/cgroup.procs", "/sys/fs/cgroup/user.slice/pids.current"}
	for _, name := range needed {
		m := roomy()
		delete(m.files, name)
		expectNear(t, m, "without "+name)
	}
	unreadable := append(needed, "/sys/fs/cgroup/user.slice/pids.max", "/sys/fs/cgroup/user.slice/session/pids.max")
	for _, name := range unreadable {
		expectNear(t, with(name, "?"), "unreadable "+name)
	}
}

func TestEachLimitCanBeNear(t *testing.T) {
	for name, content := range map[string]string{
		"/proc/sys/vm/overcommit_memory":         "2\n",
		"/proc/sys/vm/max_map_count":             "4500\n",
		"/proc/self/maps":                        strings.Repeat("a map\n", 62000),
		"/proc/sys/kernel/threads-max":           "1853\n",
		"/proc/sys/kernel/pid_max":               "1853\n",
		"/proc/loadavg":                          "0.20 0.18 0.12 1/30600 11206\n",
		"/proc/thread-self/cgroup":               "0::/../session\n",
		"/sys/fs/cgroup/user.slice/pids.max":     "1143\n",
		"/sys/fs/cgroup/user.slice/pids.current": "8000\n",
		"/sys/fs/cgroup/pids.max":                "max\n", // so it is not the root
	} {
		expectNear(t, with(name, content), name+" with "+content[:min(20, len(content))])
	}
	for name, content := range map[string]string{
		"/proc/sys/kernel/threads-max":           "1854\n",
		"/sys/fs/cgroup/user.slice/pids.max":     "1144\n",
		"/sys/fs/cgroup/user.slice/pids.current": "7946\n",
		"/proc/loadavg":                          "0.20 0.18 0.12 1/30446 11206\n",
	} {
		if !with(name, content).system().areFar(30) {
			t.Errorf("near for %s with %q", name, content)
		}
	}
	for _, name := range []string{"/proc/sys/vm/overcommit_memory", "/proc/sys/vm/max_map_count",
		"/proc/sys/kernel/threads-max", "/proc/sys/kernel/pid_max", "/proc/loadavg", "/proc/thread-self/cgroup",
		"/sys/fs/cgroup/user.slice/pids.max", "/sys/fs/cgroup/user.slice/pids.current"} {
		for _, damaged := range []string{"", "x\n", "-1\n", "1:2\n", "0.20 0.18 0.12 1/-80 11206\n"} {
			expectNear(t, with(name, damaged), name+" with "+damaged)
		}
	}
}

func TestCgroupsOfBothVersionsAreFound(t *testing.T) {
	for list, far := range map[string]bool{
		"0::/user.slice/session\n":               true,
		"0::/user.slice/without\n":               true, // its controller is not enabled
		"0::/\n":                                 true,
		"0::/user.slice/gone\n":                  false,
		"9:pids:/user.slice\n0::/user.slice\n":   true,
		"9:cpu,pids:/user.slice\n0::/gone\n":     true,
		"9:pids:/\n0::/\n":                       true,
		"9:pids:/gone\n0::/user.slice/session\n": false,
		"9:pids:/user.slice/other\n":             false,
		"9:cpu:/\n":                              false,
		"9:cpu\n0::/\n":                          false,
		"":                                       false,
	} {
		if got := with("/proc/thread-self/cgroup", list).system().areFar(30); got != far {
			t.Errorf("%q: got %t", list, got)
		}
	}
	hybrid := with("/proc/thread-self/cgroup", "3:cpu:/\n0::/user.slice\n")
	delete(hybrid.files, "/sys/fs/cgroup/cgroup.controllers")
	expectNear(t, hybrid, "without a mount point")
	hybrid.files["/sys/fs/cgroup/unified/cgroup.controllers"] = "pids\n"
	if !hybrid.system().areFar(30) {
		t.Error("near with the unified hierarchy beside the others")
	}
}

func TestTheKernelsFilesAreRead(t *testing.T) {
	if _, err := kernel.number("/proc/sys/kernel/pid_max"); err != nil {
		t.Error(err)
	}
	if maps, err := kernel.read("/proc/self/maps"); err != nil || strings.Count(maps, "\n") < 5 || !strings.HasSuffix(maps, "\n") {
		t.Errorf("got %q, %v", maps, err)
	}
	if inode, err := kernel.inode("/proc/thread-self/ns/user"); err != nil || inode == 0 {
		t.Errorf("got %d, %v", inode, err)
	}
	if _, err := kernel.read("/sys/fs/cgroup/no such file"); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("got %v", err)
	}
	before := syscall.Rlimit{}
	if err := syscall.Getrlimit(syscall.RLIMIT_DATA, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: 1 << 40, Max: before.Max}); err != nil {
		t.Skip(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_DATA, &before)
	if AreFar(1) {
		t.Error("far with a limit on data")
	}
}

func with(name, content string) machine {
	m := roomy()
	m.files = maps.Clone(m.files)
	m.files[name] = content
	return m
}

func expectNear(t *testing.T, m machine, what string) {
	t.Helper()
	if m.system().areFar(30) {
		t.Errorf("far: %s", what)
	}
}
