//go:build unix

package trace

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// file is an open trace file. It does not use package os, which would register the
// descriptor with the runtime's network poller, and that has descriptors that stay open.
type file struct {
	fd     int
	path   string // without symbolic links
	size   int64  // when it was opened; streaming if the file is never renamed
	stream bool   // a pipe or a device, where a write cannot be undone
	pipe   bool
}

// maxRaces is how often open starts again because the path changed.
const maxRaces = 10

// open opens the file for appending, and creates it if it is missing. Only this user may
// read the messages in it: a file that another user owns, can write to or has linked here
// is refused.
func open(path string) (*file, error) {
	for race := 0; ; race++ {
		f, err := tryOpen(path)
		if !errors.Is(err, errRace) {
			return f, err
		}
		if race == maxRaces {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

// errRace reports a path that another thread or process changed between two calls.
var errRace = errors.New("the file is constantly being replaced")

// O_NONBLOCK: a pipe without a reader, or one that is full, must not block a call.
const openFlags = unix.O_WRONLY | unix.O_APPEND | unix.O_CLOEXEC | unix.O_NOCTTY | unix.O_NONBLOCK

func tryOpen(path string) (*file, error) {
	if fd, err := openWithoutLinks(path, openFlags); err == nil {
		return checkOpened(&file{fd: fd, path: path, size: streaming}, path, false)
	}
	t, err := resolve(path)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	flags := openFlags
	if !t.open {
		flags |= unix.O_NOFOLLOW
	}
	if t.missing {
		flags |= unix.O_CREAT | unix.O_EXCL
	}
	fd, err := unix.Open(t.path, flags, 0o600)
	switch {
	case err == unix.EINTR, err == unix.ELOOP && !t.open, err == unix.EEXIST && t.missing:
		return nil, errRace
	case err == unix.ENOENT && !t.missing && !t.open:
		return nil, errRace
	case err == unix.ENXIO && t.pipe:
		err = errNoReader
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return checkOpened(&file{fd: fd, path: t.path, size: streaming}, path, t.open)
}

// checkOpened returns the file, or closes it if check refuses it; path is for the error.
func checkOpened(f *file, path string, isOpen bool) (*file, error) {
	if err := f.check(isOpen); err != nil {
		f.close()
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return f, nil
}

// check checks type, owner and mode of what was opened, and sets its size. A stream that
// the process already has open is accepted from any user.
func (f *file) check(isOpen bool) error {
	var stat unix.Stat_t
	if err := unix.Fstat(f.fd, &stat); err != nil {
		return fmt.Errorf("fstat: %w", err)
	}
	kind := uint32(stat.Mode) & unix.S_IFMT
	switch kind {
	case unix.S_IFREG:
		if !isOpen {
			f.size = stat.Size
		}
	case unix.S_IFIFO, unix.S_IFCHR:
		f.stream, f.pipe = true, kind == unix.S_IFIFO
		if isOpen || kind == unix.S_IFCHR { // only root creates devices
			return nil
		}
	default:
		return errors.New("it is neither a file, a pipe nor a character device")
	}
	user := uint32(os.Geteuid())
	switch {
	case stat.Uid != user:
		return &refusal{fmt.Sprintf("it belongs to user %d and not to this process's user %d; remove it or choose another path", stat.Uid, user)}
	case stat.Mode&0o022 != 0:
		return &refusal{fmt.Sprintf("other users can write to it (mode %04o); run chmod go-w on it", stat.Mode&0o7777)}
	case stat.Nlink > 1:
		return &refusal{"it is a hard link, whose other name another user may read; remove it or choose another path"}
	}
	return nil
}

// target is the result of resolving a path.
type target struct {
	path    string
	missing bool // the file does not exist
	pipe    bool
	open    bool // a descriptor of this process, such as /dev/stderr
}

// maxLinks is how many symbolic links a path may have, as in Linux.
const maxLinks = 40

// resolve follows the symbolic links of an absolute path. The system would also follow a
// link that another user created, for example in /tmp.
func resolve(path string) (target, error) {
	if !filepath.IsAbs(path) {
		return target{}, unix.ENOENT
	}
	user := uint32(os.Geteuid())
	done, left := "/", strings.TrimPrefix(filepath.Clean(path), "/")
	if left == "" {
		return target{}, unix.EISDIR
	}
	for links := 0; ; {
		var name string
		name, left, _ = strings.Cut(left, "/")
		next := filepath.Join(done, name)
		var stat unix.Stat_t
		if err := unix.Lstat(next, &stat); err != nil {
			if err == unix.ENOENT && left == "" {
				return target{path: next, missing: true}, nil
			}
			return target{}, err
		}
		isLink := stat.Mode&unix.S_IFMT == unix.S_IFLNK
		if isDescriptor(next) {
			// A link in /proc leads to the open file itself, not to its name.
			return target{path: next, open: true}, nil
		}
		if !isLink {
			if done = next; left == "" {
				return target{path: done, pipe: stat.Mode&unix.S_IFMT == unix.S_IFIFO}, nil
			}
			continue
		}
		if stat.Uid != user && stat.Uid != 0 {
			return target{}, &refusal{fmt.Sprintf("%s is a symbolic link of user %d, which is not followed; remove it or choose another path", next, stat.Uid)}
		}
		if links++; links > maxLinks {
			return target{}, unix.ELOOP
		}
		to, err := os.Readlink(next)
		if err != nil {
			return target{}, errRace
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(done, to)
		}
		done, left = "/", strings.TrimPrefix(filepath.Join(to, left), "/")
		if left == "" {
			return target{}, unix.EISDIR
		}
	}
}

// isDescriptor reports whether a path, whose directory contains no links, names a
// descriptor of a process.
func isDescriptor(path string) bool {
	dir := filepath.Dir(path)
	return dir == "/dev/fd" || strings.HasPrefix(dir, "/proc/") && filepath.Base(dir) == "fd"
}

func (f *file) close() { _ = unix.Close(f.fd) }

// rename adds a suffix to the name of the file, unless another thread or process is doing
// that. It reports whether the file no longer has its old name. Only the holder of the
// file's lock renames it.
func (f *file) rename(suffix string) (bool, error) {
	if held, err := f.lock(); err != nil || !held {
		return false, err
	}
	defer f.unlock()
	var opened, current unix.Stat_t
	if err := unix.Fstat(f.fd, &opened); err != nil {
		return false, &os.PathError{Op: "stat", Path: f.path, Err: err}
	}
	if err := unix.Lstat(f.path, &current); err != nil || opened.Ino != current.Ino || opened.Dev != current.Dev {
		return true, nil // it was renamed already; open reports anything else
	}
	if err := unix.Rename(f.path, f.path+suffix); err != nil {
		return false, &os.LinkError{Op: "rename", Old: f.path, New: f.path + suffix, Err: err}
	}
	return true, nil
}

// length returns the size of the file.
func (f *file) length() (int64, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(f.fd, &stat); err != nil {
		return 0, &os.PathError{Op: "stat", Path: f.path, Err: err}
	}
	return stat.Size, nil
}

// append writes a line.
func (f *file) append(line []byte) error {
	if f.stream {
		return f.send(line)
	}
	if exceedsLimit(f.size, len(line)) {
		return errFull
	}
	for {
		n, err := quietWrite(f.fd, line)
		if err == unix.EINTR {
			continue
		}
		if err == unix.EFBIG {
			return errFull
		}
		if err == nil && n < len(line) {
			err = errPartial
			f.undoWrite(n)
		}
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		return nil
	}
}

// exceedsLimit reports whether a file would exceed the process's limit for file sizes, at
// which the system sends a signal that ends the process.
func exceedsLimit(size int64, more int) bool {
	var limit unix.Rlimit
	return unix.Getrlimit(unix.RLIMIT_FSIZE, &limit) == nil && uint64(limit.Cur) < math.MaxInt64 && size+int64(more) > int64(limit.Cur)
}

// undoWrite removes the last n bytes that were written, if they are still the end of the
// file.
func (f *file) undoWrite(n int) {
	end, err := unix.Seek(f.fd, 0, io.SeekCurrent)
	var stat unix.Stat_t
	if err == nil && unix.Fstat(f.fd, &stat) == nil && stat.Size == end {
		_ = unix.Ftruncate(f.fd, end-int64(n))
	}
}

const (
	// stallTimeout is how long a line waits for a pipe or a terminal that accepts nothing.
	stallTimeout = 10 * time.Millisecond
	// streamTimeout is how long a line waits for one that accepts little at a time.
	streamTimeout = 10 * stallTimeout
)

// lock locks the file among those that use this library. It reports whether it succeeded: it
// does not wait for another thread or process.
func (f *file) lock() (bool, error) {
	err := unix.Flock(f.fd, unix.LOCK_EX|unix.LOCK_NB)
	if err == nil || err == unix.EWOULDBLOCK {
		return err == nil, nil
	}
	return false, &os.PathError{Op: "lock", Path: f.path, Err: err}
}

// unlock releases the lock. Closing the file is not enough: a forked child that holds it
// open would keep the lock.
func (f *file) unlock() { _ = unix.Flock(f.fd, unix.LOCK_UN) }

// send writes a line to a pipe or a device. There only short writes are atomic. A lock
// keeps longer lines whole among the writers that use this library.
func (f *file) send(line []byte) error {
	end := time.Now().Add(streamTimeout)
	if f.pipe {
		for {
			if held, err := f.lock(); held || err != nil {
				break
			}
			if time.Until(end) <= 0 {
				return fmt.Errorf("lock: %w", errSlow)
			}
			time.Sleep(time.Millisecond)
		}
		defer f.unlock()
	}
	for size := len(line); ; {
		n, err := quietWrite(f.fd, line)
		line = line[max(n, 0):]
		switch {
		case len(line) == 0:
			return nil
		case err == unix.EPIPE:
			err = errNoReader
		case err == nil, err == unix.EINTR, err == unix.EAGAIN:
			if err = f.awaitRoom(end); err == nil {
				continue
			}
		}
		if len(line) < size {
			return fmt.Errorf("write: %w; the line is cut after %d bytes", err, size-len(line))
		}
		return fmt.Errorf("write: %w", err)
	}
}

// awaitRoom waits until a pipe or a device accepts more.
func (f *file) awaitRoom(end time.Time) error {
	for stall := time.Now().Add(stallTimeout); ; {
		left := min(time.Until(stall), time.Until(end))
		if left <= 0 {
			return errSlow
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(f.fd), Events: unix.POLLOUT}}, int((left+time.Millisecond-1)/time.Millisecond))
		if n > 0 || err != nil && err != unix.EINTR {
			return err
		}
	}
}

var (
	errFull     = errors.New("the file has reached the size limit of this process (ulimit -f)")
	errPartial  = errors.New("the disk is full, or the file has reached the size limit of this process (ulimit -f); a part of the line was written and removed again")
	errNoReader = errors.New("no process reads from the pipe; start its reader first")
	errSlow     = errors.New("the pipe or device is full; its reader is too slow")
)

// refusal is why a trace is not written to a file. It is a fs.ErrPermission.
type refusal struct{ why string }

func (r *refusal) Error() string        { return r.why }
func (r *refusal) Is(target error) bool { return target == fs.ErrPermission }
