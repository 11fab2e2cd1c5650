package transport

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Programs that the host program starts can at no time inherit an accepted connection.
func TestAcceptedSocketIsNeverInherited(t *testing.T) {
	l, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const rounds, maxHandle = 300, 4 * 400
	var found atomic.Int64
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			for h := windows.Handle(4); h < maxHandle; h += 4 {
				if isInheritableSocket(h) {
					found.Add(1)
				}
			}
		}
	})
	for range rounds {
		c, err := Dial(l.Addr(), 0)
		if err != nil {
			t.Fatal(err)
		}
		c.SetWriteWait(Wait{})
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		var s Conn
		for err = ErrTimeout; err == ErrTimeout; {
			err = l.Accept(&s)
		}
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		c.Close()
	}
	close(done)
	watching.Wait()
	if n := found.Load(); n > 0 {
		t.Errorf("an inheritable socket was seen %d times", n)
	}
}

// isInheritableSocket reports whether a handle is a socket that new programs inherit.
func isInheritableSocket(h windows.Handle) bool {
	const socketType = 0x1008 // SO_TYPE
	var flags uint32
	r, _, _ := getHandleInformation.Call(uintptr(h), uintptr(unsafe.Pointer(&flags)))
	if r == 0 || flags&windows.HANDLE_FLAG_INHERIT == 0 {
		return false
	}
	_, err := windows.GetsockoptInt(h, windows.SOL_SOCKET, socketType)
	return err == nil
}

var getHandleInformation = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetHandleInformation")
