package transport

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/windows"
)

func TestKnownErrorTexts(t *testing.T) {
	for code, k := range knownErrors {
		err := systemError("call", withText(code))
		if err.Error() != "call: "+k.text || !errors.Is(err, k.kind) || !errors.Is(err, code) {
			t.Errorf("%d is %q, of kind %v: %v, and with its code: %v", code, err, k.kind, errors.Is(err, k.kind), errors.Is(err, code))
		}
	}
	// Any other error keeps the text of Windows, and has no kind.
	const strange = syscall.Errno(windows.WSAENOPROTOOPT)
	err := systemError("call", withText(strange))
	if !errors.Is(err, strange) || err.Error() != "call: "+strange.Error() || classify(withText(strange)) != nil {
		t.Errorf("%v", err)
	}
	if withText(nil) != nil {
		t.Error("success is an error")
	}
	for _, err := range []error{windows.WSAEWOULDBLOCK, windows.WSAEINTR} {
		if !isAgain(withText(err)) {
			t.Errorf("%v ends an operation", err)
		}
	}
}

// The error for a port that Windows has reserved shows how to list these ports.
func TestBindErrorNamesTheRemedy(t *testing.T) {
	err := bindError(windows.WSAEACCES)
	if !errors.Is(err, ErrPermission) || !strings.HasPrefix(err.Error(), "bind: permission denied (") || !strings.Contains(err.Error(), "excludedportrange") {
		t.Errorf("%v", err)
	}
	if err := bindError(windows.WSAEADDRINUSE); !errors.Is(err, ErrInUse) || err.Error() != "bind: address already in use" {
		t.Errorf("%v", err)
	}
}
