package transport

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/windows"
)

func TestErrorsInWords(t *testing.T) {
	for code, k := range known {
		err := systemError("call", inWords(code))
		if err.Error() != "call: "+k.text || !errors.Is(err, k.kind) || !errors.Is(err, code) {
			t.Errorf("%d is %q, of kind %v: %v, and itself: %v", code, err, k.kind, errors.Is(err, k.kind), errors.Is(err, code))
		}
	}
	// What is not known keeps Windows's own words, and has no kind.
	const strange = syscall.Errno(windows.WSAENOPROTOOPT)
	err := systemError("call", inWords(strange))
	if !errors.Is(err, strange) || err.Error() != "call: "+strange.Error() || kindOf(inWords(strange)) != nil {
		t.Errorf("%v", err)
	}
	if inWords(nil) != nil {
		t.Error("success is an error")
	}
	for _, err := range []error{windows.WSAEWOULDBLOCK, windows.WSAEINTR} {
		if !isAgain(inWords(err)) {
			t.Errorf("%v ends an operation", err)
		}
	}
}

// A port that Windows has set aside is a riddle without this.
func TestBindErrorTellsTheRemedy(t *testing.T) {
	err := bindError(windows.WSAEACCES)
	if !errors.Is(err, ErrPermission) || !strings.HasPrefix(err.Error(), "bind: permission denied (") || !strings.Contains(err.Error(), "excludedportrange") {
		t.Errorf("%v", err)
	}
	if err := bindError(windows.WSAEADDRINUSE); !errors.Is(err, ErrInUse) || err.Error() != "bind: address already in use" {
		t.Errorf("%v", err)
	}
}
