package trace

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/windows"
)

type file windows.Handle

// open opens the file for appending and returns its size; -1 is a device.
func open(path string) (file, int64, error) {
	fail := func(err error) (file, int64, error) {
		return 0, 0, &os.PathError{Op: "open", Path: path, Err: err}
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
			return file(h), int64(facts.FileSizeHigh)<<32 | int64(facts.FileSizeLow), nil
		}
	case windows.FILE_TYPE_CHAR:
		return file(h), -1, nil
	default:
		err = errors.New("neither a file nor a device")
	}
	_ = windows.CloseHandle(h)
	return fail(err)
}

func (f file) close() { _ = windows.CloseHandle(windows.Handle(f)) }

// rename renames the file, unless another thread or process is about it. It
// reports whether path is another file now. Only who has a file's lock renames
// it; the lock is of a byte that no file reaches, since it keeps others from
// writing there.
func (f file) rename(path, to string) (bool, error) {
	beyond := &windows.Overlapped{OffsetHigh: 1 << 30}
	err := windows.LockFileEx(windows.Handle(f), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, beyond)
	if err == windows.ERROR_LOCK_VIOLATION {
		return false, nil
	}
	if err != nil {
		return false, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	var own, there windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(f), &own); err != nil {
		return false, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	now, _, err := open(path)
	if err != nil {
		return true, nil
	}
	err = windows.GetFileInformationByHandle(windows.Handle(now), &there)
	now.close()
	if err != nil || own.VolumeSerialNumber != there.VolumeSerialNumber || own.FileIndexHigh != there.FileIndexHigh || own.FileIndexLow != there.FileIndexLow {
		return true, nil
	}
	if err := os.Rename(path, to); err != nil {
		return false, err
	}
	return true, nil
}

// append writes a line.
func (f file) append(line []byte, _ int64) error {
	var n uint32
	err := windows.WriteFile(windows.Handle(f), line, &n, nil)
	if err == nil && int(n) < len(line) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
