package wire

import "syscall"

// invented maps errors that Go invents on Windows to the numbers of Windows.
var invented = map[syscall.Errno]syscall.Errno{
	syscall.EACCES:       syscall.ERROR_ACCESS_DENIED,
	syscall.EAGAIN:       164,  // ERROR_MAX_THRDS_REACHED
	syscall.EIO:          1117, // ERROR_IO_DEVICE
	syscall.ELOOP:        1921, // ERROR_CANT_RESOLVE_FILENAME
	syscall.EMFILE:       4,    // ERROR_TOO_MANY_OPEN_FILES
	syscall.ENAMETOOLONG: 206,  // ERROR_FILENAME_EXCED_RANGE
	syscall.ENFILE:       4,
	syscall.ENOTDIR:      267, // ERROR_DIRECTORY
	syscall.EPERM:        syscall.ERROR_ACCESS_DENIED,
	syscall.EXDEV:        17, // ERROR_NOT_SAME_DEVICE
}

// systemErrno returns the error number that Windows uses for errno.
func systemErrno(errno syscall.Errno) int32 {
	if number, ok := invented[errno]; ok {
		return int32(number)
	}
	return int32(errno)
}
