package receipts

import "fmt"

// A trust says whether a file that was touched always has another stamp on a file system.
type trust int

const (
	untrusted trust = iota
	local
	remote // if the server is asked
)

// fileSystems has the file systems with true ctimes and stable inodes, by their numbers in
// statfs(2). On others, such as tmpfs, overlay, vfat and FUSE, a receipt would prove too little.
var fileSystems = map[uint32]trust{
	0xEF53:     local,  // ext2, ext3, ext4
	0x58465342: local,  // XFS
	0x9123683E: local,  // Btrfs
	0x2FC12FC1: local,  // ZFS
	0xF2F52010: local,  // F2FS
	0xCA451A4E: local,  // bcachefs
	0x6969:     remote, // NFS
	0x0BD00BD0: remote, // Lustre
	0x47504653: remote, // GPFS
	0x00C36400: remote, // CephFS
}

// names has the names of other file systems that users meet.
var names = map[uint32]string{
	0x01021994: "tmpfs",
	0x794C7630: "overlay",
	0x4D44:     "vfat",
	0x2011BAB0: "exfat",
	0x65735546: "FUSE",
	0xFF534D42: "CIFS",
	0xFE534D42: "SMB",
	0x01021997: "9p",
	0x73717368: "squashfs",
	0x9660:     "ISO 9660",
	0x858458F6: "ramfs",
}

// trustOf returns how far a file system is trusted, and its name for a note.
func trustOf(kind uint32, err error) (trust, string) {
	if err != nil {
		return untrusted, "a file system of unknown kind"
	}
	if level := fileSystems[kind]; level != untrusted {
		return level, ""
	}
	if name := names[kind]; name != "" {
		return untrusted, name
	}
	return untrusted, fmt.Sprintf("the file system of kind %#x", kind)
}
