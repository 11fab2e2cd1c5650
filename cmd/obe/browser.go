package main

import (
	"os"
	"os/exec"
	"runtime"
)

// hasDisplay reports whether there is a display that a browser could use.
func hasDisplay() bool {
	switch runtime.GOOS {
	case "windows", "darwin":
		return os.Getenv("SSH_CONNECTION") == ""
	}
	return os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != ""
}

// openBrowser opens an address in the browser of the user, and returns when the system's opener
// has ended, which may be the browser itself. The packages for that (github.com/pkg/browser,
// github.com/cli/browser) leave the browser in the process group of this program, so that
// Ctrl-C would end both.
func openBrowser(url string) error {
	opener := []string{"xdg-open", url}
	switch runtime.GOOS {
	case "windows":
		opener = []string{"rundll32", "url.dll,FileProtocolHandler", url}
	case "darwin":
		opener = []string{"open", url}
	}
	cmd := exec.Command(opener[0], opener[1:]...) // its streams are the null device
	cmd.SysProcAttr = ownGroup()
	return cmd.Run()
}
