//go:build unix

package trace

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"syscall"
)

// file is a descriptor. Package os would give it to the runtime's network poller,
// which has descriptors of its own for good.
type file int

// open opens the file for appending and returns its size; -1 is a device.
func open(path string) (file, int64, error) {
	const flags = syscall.O_WRONLY | syscall.O_APPEND | syscall.O_CREAT | syscall.O_CLOEXEC | syscall.O_NOCTTY | syscall.O_NONBLOCK
	for {
		fd, err := syscall.Open(path, flags, 0o600)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return 0, 0, &os.PathError{Op: "open", Path: path, Err: err}
		}
		var facts syscall.Stat_t
		if err = syscall.Fstat(fd, &facts); err == nil {
			switch facts.Mode & syscall.S_IFMT {
			case syscall.S_IFREG:
				return file(fd), facts.Size, nil
			case syscall.S_IFCHR:
				return file(fd), -1, nil
			}
			err = errors.New("neither a file nor a device") // a pipe may raise SIGPIPE
		}
		_ = syscall.Close(fd)
		return 0, 0, &os.PathError{Op: "open", Path: path, Err: err}
	}
}

func (f file) close() { _ = syscall.Close(int(f)) }

// rename renames the file, unless another thread or process is about it. It
// reports whether path is another file now. Only who has a file's lock renames it.
func (f file) rename(path, to string) (bool, error) {
	if err := syscall.Flock(int(f), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if err == syscall.EWOULDBLOCK {
			return false, nil
		}
		return false, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	var own, there syscall.Stat_t
	if err := syscall.Fstat(int(f), &own); err != nil {
		return false, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if err := syscall.Stat(path, &there); err != nil || own.Ino != there.Ino || own.Dev != there.Dev {
		return true, nil // it was renamed already; what is wrong else, open says
	}
	if err := syscall.Rename(path, to); err != nil {
		return false, &os.LinkError{Op: "rename", Old: path, New: to, Err: err}
	}
	return true, nil
}

// append writes a line; size is what the file had before.
func (f file) append(line []byte, size int64) error {
	// Beyond this limit the system would not only refuse, but end the process by
	// a signal.
	var most syscall.Rlimit
	if size >= 0 && syscall.Getrlimit(syscall.RLIMIT_FSIZE, &most) == nil && uint64(most.Cur) < math.MaxInt64 && size+int64(len(line)) > int64(most.Cur) {
		return errFull
	}
	for {
		n, err := syscall.Write(int(f), line)
		if err == syscall.EINTR {
			continue
		}
		if err == nil && n < len(line) {
			err = io.ErrShortWrite
			f.takeBack(n)
		}
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		return nil
	}
}

// takeBack takes back the last n bytes that were written, if they are still the
// end of the file.
func (f file) takeBack(n int) {
	end, err := syscall.Seek(int(f), 0, io.SeekCurrent)
	var facts syscall.Stat_t
	if err == nil && syscall.Fstat(int(f), &facts) == nil && facts.Size == end {
		_ = syscall.Ftruncate(int(f), end-int64(n))
	}
}
