package thread

import "golang.org/x/sys/unix"

func system() ID {
	id, _ := unix.RawSyscallNoError(unix.SYS_GETTID, 0, 0, 0)
	return ID(id)
}

// Ended reports whether a thread of this process has ended.
func Ended(id ID) bool {
	return unix.Tgkill(unix.Getpid(), int(id), 0) == unix.ESRCH
}
