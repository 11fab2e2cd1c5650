package thread

import "golang.org/x/sys/unix"

func system() ID {
	id, _, _ := unix.Syscall(unix.SYS_THREAD_SELFID, 0, 0, 0)
	return ID(id)
}

// Ended reports whether a thread of this process has ended. The system has no
// documented way to ask for that by the number, so that the answer is always no.
func Ended(ID) bool { return false }
