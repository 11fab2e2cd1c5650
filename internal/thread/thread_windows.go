package thread

import "golang.org/x/sys/windows"

func system() ID { return ID(windows.GetCurrentThreadId()) }

// Ended reports whether a thread of this process has ended.
func Ended(id ID) bool {
	h, err := windows.OpenThread(windows.SYNCHRONIZE, false, uint32(id))
	if err != nil {
		return err == windows.ERROR_INVALID_PARAMETER
	}
	defer func() { _ = windows.CloseHandle(h) }()
	event, err := windows.WaitForSingleObject(h, 0)
	return err == nil && event == windows.WAIT_OBJECT_0
}
