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

// open opens the file for appending, and creates it if it is missing. Who else can read
// and write it is what its folder says.
func open(path string) (*file, error) {
	fail := func(err error) (*file, error) {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return fail(err)
	}
	// Package os does not let others rename a file that is open. The lock of rename
	// needs a file that can be read.
	h, err := windows.CreateFile(name, windows.GENERIC_READ|windows.FILE_APPEND_DATA|windows.SYNCHRONIZE,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil, windows.OPEN_ALWAYS, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return fail(err)
	}
	switch kind, _ := windows.GetFileType(h); kind {
	case windows.FILE_TYPE_DISK:
		var facts windows.ByHandleFileInformation
		if err = windows.GetFileInformationByHandle(h, &facts); err == nil {
			return &file{h, path, int64(facts.FileSizeHigh)<<32 | int64(facts.FileSizeLow)}, nil
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

// rename adds a suffix to the name of the file, unless another thread or process is
// about it. It reports whether another file has the name now. Only the holder of a
// file's lock renames it; the lock is of a byte that no file reaches, since it keeps
// others from writing there.
func (f *file) rename(suffix string) (bool, error) {
	beyond := &windows.Overlapped{OffsetHigh: 1 << 30}
	err := windows.LockFileEx(f.handle, windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, beyond)
	if err == windows.ERROR_LOCK_VIOLATION {
		return false, nil
	}
	if err != nil {
		return false, &os.PathError{Op: "lock", Path: f.path, Err: err}
	}
	var own, there windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(f.handle, &own); err != nil {
		return false, &os.PathError{Op: "stat", Path: f.path, Err: err}
	}
	now, err := open(f.path)
	if err != nil {
		return true, nil
	}
	err = windows.GetFileInformationByHandle(now.handle, &there)
	path := now.finalPath()
	now.close()
	if err != nil || own.VolumeSerialNumber != there.VolumeSerialNumber || own.FileIndexHigh != there.FileIndexHigh || own.FileIndexLow != there.FileIndexLow {
		return true, nil
	}
	if err := os.Rename(path, path+suffix); err != nil {
		return false, err
	}
	return true, nil
}

// finalPath returns the path of the file that was opened, and the path that it was
// opened by where the system does not know.
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
