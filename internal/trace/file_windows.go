package trace

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/windows"
)

type file struct {
	handle windows.Handle
	path   string
	size   int64 // when it was opened; streaming if the file is never renamed
}

// open opens the file for appending, and creates it if it is missing. The permissions of
// its directory determine which other users can read and write it.
func open(path string) (*file, error) {
	fail := func(err error) (*file, error) {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return fail(err)
	}
	// Package os does not allow others to rename an open file. The lock in rename needs
	// read access.
	h, err := windows.CreateFile(name, windows.GENERIC_READ|windows.FILE_APPEND_DATA|windows.SYNCHRONIZE,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil, windows.OPEN_ALWAYS, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return fail(err)
	}
	switch kind, _ := windows.GetFileType(h); kind {
	case windows.FILE_TYPE_DISK:
		var info windows.ByHandleFileInformation
		if err = windows.GetFileInformationByHandle(h, &info); err == nil {
			return &file{h, path, size(&info)}, nil
		}
	case windows.FILE_TYPE_CHAR:
		return &file{h, path, streaming}, nil
	default:
		err = errors.New("it is neither a file nor a device")
	}
	_ = windows.CloseHandle(h)
	return fail(err)
}

func (f *file) close() { _ = windows.CloseHandle(f.handle) }

// beyond is the place of the lock: a byte that no file reaches, because a lock prevents
// others from writing to what it covers.
func beyond() *windows.Overlapped { return &windows.Overlapped{OffsetHigh: 1 << 30} }

// lock locks the file among those that use this library. It reports whether it succeeded: it
// does not wait for another thread or process.
func (f *file) lock() (bool, error) {
	err := windows.LockFileEx(f.handle, windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, beyond())
	if err == nil || err == windows.ERROR_LOCK_VIOLATION {
		return err == nil, nil
	}
	return false, &os.PathError{Op: "lock", Path: f.path, Err: err}
}

// unlock releases the lock.
func (f *file) unlock() { _ = windows.UnlockFileEx(f.handle, 0, 1, 0, beyond()) }

// length returns the size of the file.
func (f *file) length() (int64, error) {
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(f.handle, &info); err != nil {
		return 0, &os.PathError{Op: "stat", Path: f.path, Err: err}
	}
	return size(&info), nil
}

func size(info *windows.ByHandleFileInformation) int64 {
	return int64(info.FileSizeHigh)<<32 | int64(info.FileSizeLow)
}

// rename adds a suffix to the name of the file, unless another thread or process is doing
// that. It reports whether the file no longer has its old name. Only the holder of the
// file's lock renames it.
func (f *file) rename(suffix string) (bool, error) {
	if held, err := f.lock(); err != nil || !held {
		return false, err
	}
	defer f.unlock()
	var opened, current windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(f.handle, &opened); err != nil {
		return false, &os.PathError{Op: "stat", Path: f.path, Err: err}
	}
	now, err := open(f.path)
	if err != nil {
		return true, nil
	}
	err = windows.GetFileInformationByHandle(now.handle, &current)
	path := now.finalPath()
	now.close()
	if err != nil || opened.VolumeSerialNumber != current.VolumeSerialNumber || opened.FileIndexHigh != current.FileIndexHigh || opened.FileIndexLow != current.FileIndexLow {
		return true, nil
	}
	err = os.Rename(path, path+suffix)
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		if info, missing := os.Lstat(path + suffix); missing == nil && info.Mode().IsRegular() {
			return false, nil // another program has one of the two open, such as a reader
		}
	}
	return err == nil, err
}

// finalPath returns the path of the opened file without symbolic links, or the path that
// it was opened with if the system does not know.
func (f *file) finalPath() string {
	var text [windows.MAX_LONG_PATH]uint16
	n, err := windows.GetFinalPathNameByHandle(f.handle, &text[0], uint32(len(text)), 0)
	if err != nil || n == 0 || int(n) >= len(text) {
		return f.path
	}
	return windows.UTF16ToString(text[:n])
}

// append writes a line.
func (f *file) append(line []byte) error {
	var n uint32
	err := windows.WriteFile(f.handle, line, &n, nil)
	if err == nil && int(n) < len(line) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// openToRead opens a file for reading. Package os would prevent others from renaming it.
func openToRead(path string) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err == nil {
		var h windows.Handle
		h, err = windows.CreateFile(name, windows.GENERIC_READ, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE,
			nil, windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL|windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
		if err == nil {
			return os.NewFile(uintptr(h), path), nil
		}
	}
	return nil, &os.PathError{Op: "open", Path: path, Err: err}
}
