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

// longestPath leaves room for a NUL.
const longestPath = len(unix.RawSockaddrUnix{}.Path) - 1

// dialUnix connects to the server at a path. There is nothing to wait for: such a
// connection is established at once or not at all. The error is ErrQueueFull where the
// server is there and has no room for another client yet.
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
		err = &SystemError{Call: "connect", Err: errors.New("the server's queue is full"), kind: ErrQueueFull}
	default:
		err = systemError("connect", err)
	}
	sysClose(fd)
	return 0, err
}

// socketFile is the file of a listener's Unix-domain socket. The zero value is
// none.
type socketFile struct {
	path   string
	device uint64
	number uint64
}

// listenUnix listens at a path, for this user alone. A file that a server left
// behind which did not end in order is replaced.
func listenUnix(path string) (*Listener, error) {
	unlock, err := lockFolder(filepath.Dir(path))
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
		l.file.device, l.file.number = uint64(stat.Dev), stat.Ino
		// Nobody can connect before the listening begins.
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

// removeStale removes the file of a server that is no more.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return systemError("stat", errors.Unwrap(err))
	}
	if info.Mode().Type() != os.ModeSocket {
		return &SystemError{Call: "bind", Err: errors.New("a file that is no socket has that path"), kind: ErrInUse}
	}
	fd, err := connectUnix(path)
	switch {
	case err == nil:
		sysCloseSocket(fd)
		return systemError("bind", unix.EADDRINUSE)
	case errors.Is(err, unix.ENOENT):
		return nil // its server has just removed it
	case errors.Is(err, unix.ECONNREFUSED):
		if err := unix.Unlink(path); err != nil && err != unix.ENOENT {
			return systemError("remove the socket of a server that has ended", err)
		}
		return nil
	case errors.Is(err, ErrRefused), errors.Is(err, ErrQueueFull):
		return systemError("bind", unix.EADDRINUSE) // a server that is alive has a full queue
	}
	return err
}

// remove removes the file, unless another one has taken its place.
func (f socketFile) remove() {
	var stat unix.Stat_t
	if f.path != "" && unix.Lstat(f.path, &stat) == nil && uint64(stat.Dev) == f.device && stat.Ino == f.number {
		_ = unix.Unlink(f.path)
	}
}

// folderPatience is how long one server waits for others that begin to listen in
// the same folder. Who holds the lock longer is none of them, and does not keep it
// from listening: anybody may lock a folder that is open to all.
const folderPatience = time.Second

// lockFolder lets one server at a time look for a stale socket and take its
// place; otherwise two that start together could each remove the other's.
func lockFolder(folder string) (unlock func(), err error) {
	fd, err := unix.Open(folder, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, systemError(fmt.Sprintf("open the folder %s", excerpt.Quote(folder)), err)
	}
	for end := time.Now().Add(folderPatience); ; time.Sleep(time.Millisecond) {
		err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if err == nil || err == unix.EWOULDBLOCK && time.Now().After(end) {
			return func() {
				// A forked child may have the descriptor, and with it the lock.
				_ = unix.Flock(fd, unix.LOCK_UN)
				sysClose(fd)
			}, nil
		}
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			sysClose(fd)
			return nil, systemError(fmt.Sprintf("lock the folder %s", excerpt.Quote(folder)), err)
		}
	}
}
