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
			return &file{h, path, int64(info.FileSizeHigh)<<32 | int64(info.FileSizeLow)}, nil
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

// rename adds a suffix to the name of the file, unless another thread or process is doing
// that. It reports whether the file no longer has its old name. Only the holder of the
// file's lock renames it. The lock is on a byte that no file reaches, because it prevents
// others from writing to what it covers.
func (f *file) rename(suffix string) (bool, error) {
	beyond := &windows.Overlapped{OffsetHigh: 1 << 30}
	err := windows.LockFileEx(f.handle, windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, beyond)
	if err == windows.ERROR_LOCK_VIOLATION {
		return false, nil
	}
	if err != nil {
		return false, &os.PathError{Op: "lock", Path: f.path, Err: err}
	}
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
	if err := os.Rename(path, path+suffix); err != nil {
		return false, err
	}
	return true, nil
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
