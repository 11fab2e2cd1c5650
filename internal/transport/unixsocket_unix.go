//go:build linux || darwin

package transport

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"libobe/internal/excerpt"
)

// maxPath is the length of the longest path of a socket: sun_path without its NUL.
const maxPath = len(unix.RawSockaddrUnix{}.Path) - 1

// dialUnix connects to the server at a path. It never waits: such a connection is
// established at once or not at all. The error is ErrQueueFull if the server is running
// and its accept queue is full.
func dialUnix(path string) (*Conn, error) {
	fd, err := connectUnix(path)
	if err != nil {
		return nil, err
	}
	return &Conn{fd: fd, path: path}, nil
}

func connectUnix(path string) (descriptor, error) {
	fd, err := sysSocket(unix.AF_UNIX)
	if err != nil {
		return 0, systemError("socket", err)
	}
	for {
		if err = unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != unix.EINTR {
			break
		}
	}
	switch err {
	case nil, unix.EISCONN: // the latter after EINTR
		return fd, nil
	case unix.ENOENT, unix.ENOTDIR, unix.ENOTSOCK:
		err = &SystemError{Call: "connect", Err: err, kind: ErrRefused}
	case unix.EAGAIN:
		err = &SystemError{Call: "connect", Err: ErrQueueFull, kind: ErrQueueFull}
	default:
		err = systemError("connect", err)
	}
	sysClose(fd)
	return 0, err
}

// socketFile is the file of a Unix-domain listener. The zero value is that of a TCP
// listener, which has none.
type socketFile struct {
	path   string
	device uint64
	inode  uint64
}

// listenUnix listens on a path that only this user can connect to. It replaces a stale
// socket file, left by a server that did not shut down cleanly.
func listenUnix(path string) (*Listener, error) {
	unlock, err := lockDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := removeStale(path); err != nil {
		return nil, err
	}
	fd, err := sysSocket(unix.AF_UNIX)
	if err != nil {
		return nil, systemError("socket", err)
	}
	if err = unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		sysClose(fd)
		return nil, systemError("bind", err)
	}
	l := &Listener{fd: fd, file: socketFile{path: path}}
	var stat unix.Stat_t
	if err = unix.Lstat(path, &stat); err == nil {
		l.file.device, l.file.inode = uint64(stat.Dev), stat.Ino
		// No client can connect before Listen is called.
		err = unix.Chmod(path, 0o600)
	}
	if err == nil {
		err = unix.Listen(fd, listenBacklog)
	}
	if err != nil {
		l.Close()
		return nil, systemError("listen", err)
	}
	listeners.Store(l, nil)
	return l, nil
}

// removeStale removes the socket file of a server that is no longer running.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return systemError("stat", errors.Unwrap(err))
	}
	if info.Mode().Type() != os.ModeSocket {
		return &SystemError{Call: "bind", Err: errors.New("a file that is not a socket has that path"), kind: ErrInUse}
	}
	fd, err := connectUnix(path)
	switch {
	case err == nil:
		sysCloseSocket(fd)
		return systemError("bind", unix.EADDRINUSE)
	case errors.Is(err, unix.ENOENT):
		return nil // its server has just removed the file
	case errors.Is(err, unix.ECONNREFUSED):
		if err := unix.Unlink(path); err != nil && err != unix.ENOENT {
			return systemError("remove the socket file of a server that has ended", err)
		}
		return nil
	case errors.Is(err, ErrRefused), errors.Is(err, ErrQueueFull):
		return systemError("bind", unix.EADDRINUSE) // a running server has a full queue
	}
	return err
}

// remove removes the file, unless another file has replaced it.
func (f socketFile) remove() {
	var stat unix.Stat_t
	if f.path != "" && unix.Lstat(f.path, &stat) == nil && uint64(stat.Dev) == f.device && stat.Ino == f.inode {
		_ = unix.Unlink(f.path)
	}
}

// dirLockTimeout is how long a server waits for others that begin to listen in the same
// directory. After that it listens without the lock: no server holds it that long, but
// any user can lock a directory that all can read.
const dirLockTimeout = time.Second

// lockDir lets one server at a time look for a stale socket file and replace it.
// Without the lock, two servers that start together could each remove the other's file.
func lockDir(dir string) (unlock func(), err error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, systemError(fmt.Sprintf("open the directory %s", excerpt.Quote(dir)), err)
	}
	for end := time.Now().Add(dirLockTimeout); ; time.Sleep(time.Millisecond) {
		err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if err == nil || err == unix.EWOULDBLOCK && time.Now().After(end) {
			return func() {
				// A forked child may have the descriptor open, and would keep the lock.
				_ = unix.Flock(fd, unix.LOCK_UN)
				sysClose(fd)
			}, nil
		}
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			sysClose(fd)
			return nil, systemError(fmt.Sprintf("lock the directory %s", excerpt.Quote(dir)), err)
		}
	}
}
