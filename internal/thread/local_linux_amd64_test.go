package thread

import (
	"runtime"
	"testing"
)

// Go's own thread-local variable, the current goroutine, is 8 bytes below the thread pointer.
func TestLocalVariableOfAThread(t *testing.T) {
	defer func(f func() ID) { current = f }(current)
	const offset = ^uintptr(7)
	UseLocal(offset, func() ID { return 0 })
	ids := make(chan ID)
	for range 2 {
		go func() {
			runtime.LockOSThread()
			first := Current()
			runtime.Gosched()
			if again := Current(); again != first {
				t.Errorf("one thread has %#x and %#x", first, again)
			}
			ids <- first
		}()
	}
	if a, b := <-ids, <-ids; a == b || a == 0 || b == 0 {
		t.Errorf("the variables are %#x and %#x", a, b)
	}
}
