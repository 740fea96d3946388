package limits

import (
	"errors"
	"strconv"
	"strings"
	"syscall"
)

// AreFar reports whether this process can surely have n more threads, as far as the limits
// tell. If it returns false, they may be near, and only starting threads shows whether it can.
func AreFar(n int) bool { return kernel.areFar(n) }

// A system is what the kernel says about limits. A test replaces its functions.
type system struct {
	read   func(path string) (string, error) // returns the content of a file
	inode  func(path string) (uint64, error)
	filter func() bool                    // reports whether the kernel filters system calls of this thread
	limit  func(kind int) (uint64, error) // returns a soft limit of getrlimit
}

var kernel = system{read: readKernelFile, inode: inodeOf, filter: hasFilter, limit: softLimit}

const (
	// The inodes of the initial namespaces, PROC_USER_INIT_INO and so on.
	initialUser   = 0xEFFFFFFD
	initialPID    = 0xEFFFFFFC
	initialCgroup = 0xEFFFFFFB

	rlimitProcesses = 6 // RLIMIT_NPROC, on the processors that this is built for
	unlimited       = ^uint64(0)

	// sparedThreads is how many threads must be left for others besides those that are
	// wanted, because other processes start threads meanwhile.
	sparedThreads = 1024

	// mapsOfThread is how many memory maps a thread needs at most: stack, guard, and two for
	// the arena of malloc.
	mapsOfThread = 4

	procMagic       = 0x9fa0  // PROC_SUPER_MAGIC
	maxKernelFile   = 1 << 20 // bytes; a process with more maps is near the limit on maps
	cgroupDirectory = "/sys/fs/cgroup"
)

// areFar knows only limits that this process can see. In a namespace other than the initial
// one, the limits of those around it count, too, and are hidden; for example, a user namespace
// has the limit on processes that its creator had. So it is never far there.
//
// A finite RLIMIT_NPROC is far if all threads of the machine together are far from it, since
// no user can have more. Nobody needs to know who the user is, and whether capabilities lift
// the limit.
func (s system) areFar(n int) bool {
	return n > 0 && s.isInitial("user", initialUser) && s.isInitial("pid", initialPID) &&
		s.isInitial("cgroup", initialCgroup) && !s.filter() && s.hasMemory(n) && s.hasTasks(n) && s.hasCgroups(n)
}

func (s system) isInitial(namespace string, initial uint64) bool {
	inode, err := s.inode("/proc/thread-self/ns/" + namespace)
	return err == nil && inode == initial
}

// hasMemory reports whether no limit on address space, data, committed memory or memory maps
// can keep a thread from getting its stack.
func (s system) hasMemory(n int) bool {
	for _, kind := range []int{syscall.RLIMIT_AS, syscall.RLIMIT_DATA} {
		if limit, err := s.limit(kind); err != nil || limit != unlimited {
			return false
		}
	}
	if mode, err := s.number("/proc/sys/vm/overcommit_memory"); err != nil || mode > 1 {
		return false
	}
	most, err := s.number("/proc/sys/vm/max_map_count")
	if err != nil {
		return false
	}
	maps, err := s.read("/proc/self/maps")
	return err == nil && strings.Count(maps, "\n")+mapsOfThread*(n+sparedThreads) <= most
}

// hasTasks reports whether the machine has so few threads that no limit on their number is near.
func (s system) hasTasks(n int) bool {
	most := 1 << 31
	for _, name := range []string{"threads-max", "pid_max"} {
		limit, err := s.number("/proc/sys/kernel/" + name)
		if err != nil {
			return false
		}
		most = min(most, limit)
	}
	limit, err := s.limit(rlimitProcesses)
	if err != nil {
		return false
	}
	load, err := s.read("/proc/loadavg") // such as "0.20 0.18 0.12 1/80 11206", with 80 threads
	fields := strings.Fields(load)
	if err != nil || len(fields) != 5 {
		return false
	}
	_, total, _ := strings.Cut(fields[3], "/")
	tasks, err := parseNumber(total)
	return err == nil && tasks+n+sparedThreads <= int(min(limit, uint64(most)))
}

// hasCgroups reports whether the pids controllers of the cgroup of this thread and of those
// around it allow n more threads.
func (s system) hasCgroups(n int) bool {
	list, err := s.read("/proc/thread-self/cgroup")
	if err != nil {
		return false
	}
	unified, found := "", false
	for line := range strings.Lines(list) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) != 3 {
			return false
		}
		if strings.Contains(","+fields[1]+",", ",pids,") {
			return s.hasPids(cgroupDirectory+"/pids", fields[2], n)
		}
		if fields[0] == "0" {
			unified, found = fields[2], true
		}
	}
	if !found {
		return false
	}
	for _, mount := range []string{cgroupDirectory, cgroupDirectory + "/unified"} {
		if _, err := s.read(mount + "/cgroup.controllers"); err == nil {
			return s.hasPids(mount, unified, n)
		}
	}
	return false
}

// hasPids reports whether the cgroup path, and all around it up to the mount point, which must
// be the root of its hierarchy, allow n more threads.
func (s system) hasPids(mount, path string, n int) bool {
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "/..") {
		return false
	}
	for path = strings.TrimRight(path, "/"); ; path = path[:strings.LastIndexByte(path, '/')] {
		if _, err := s.read(mount + path + "/cgroup.procs"); err != nil {
			return false // something else is mounted here
		}
		limit, err := s.read(mount + path + "/pids.max")
		if path == "" {
			return errors.Is(err, syscall.ENOENT) // only the root has no limit
		}
		switch {
		case errors.Is(err, syscall.ENOENT) || err == nil && limit == "max\n":
			continue // the controller is not enabled here, or there is no limit
		case err != nil:
			return false
		}
		most, err := parseNumber(limit)
		if err != nil {
			return false
		}
		now, err := s.number(mount + path + "/pids.current")
		if err != nil || now+n+sparedThreads > most {
			return false
		}
	}
}

func (s system) number(path string) (int, error) {
	text, err := s.read(path)
	if err != nil {
		return 0, err
	}
	return parseNumber(text)
}

func parseNumber(text string) (int, error) {
	number, err := strconv.ParseUint(strings.TrimSuffix(text, "\n"), 10, 31)
	return int(number), err
}

// readKernelFile returns the content of a file. What is not procfs below /proc is refused: it
// may tell of a container only.
func readKernelFile(path string) (string, error) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer syscall.Close(fd)
	var system syscall.Statfs_t
	if err := syscall.Fstatfs(fd, &system); err != nil {
		return "", err
	}
	if strings.HasPrefix(path, "/proc/") && system.Type != procMagic {
		return "", syscall.EINVAL
	}
	content := make([]byte, 0, 1<<14)
	for {
		if len(content) == cap(content) {
			content = append(content, 0)[:len(content)]
		}
		n, err := syscall.Read(fd, content[len(content):cap(content)])
		if err != nil {
			return "", err
		}
		if n == 0 {
			return string(content), nil
		}
		if content = content[:len(content)+n]; len(content) > maxKernelFile {
			return "", syscall.EFBIG
		}
	}
}

func inodeOf(path string) (uint64, error) {
	var status syscall.Stat_t
	err := syscall.Stat(path, &status)
	return status.Ino, err
}

func hasFilter() bool {
	const getSeccomp = 21 // PR_GET_SECCOMP
	mode, _, err := syscall.RawSyscall(syscall.SYS_PRCTL, getSeccomp, 0, 0)
	return err != 0 || mode != 0
}

func softLimit(kind int) (uint64, error) {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(kind, &limit)
	return limit.Cur, err
}
