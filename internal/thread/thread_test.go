package thread_test

import (
	"runtime"
	"testing"
	"time"

	"libobe/internal/systemtest"
	"libobe/internal/thread"
)

// The main goroutine keeps the main thread, which would not end with another goroutine
// that is locked to it.
func init() { runtime.LockOSThread() }

const testTimeout = systemtest.Timeout

func TestCurrentAndEnded(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	mine := thread.Current()
	if again := thread.Current(); again != mine || mine == 0 {
		t.Fatalf("the same thread is %d and %d", mine, again)
	}
	ids, end := make(chan thread.ID), make(chan struct{})
	go func() {
		// A goroutine that ends locked to its thread ends the thread.
		runtime.LockOSThread()
		ids <- thread.Current()
		<-end
	}()
	other := <-ids
	if other == mine {
		t.Errorf("two threads are both %d", mine)
	}
	if thread.Ended(mine) || thread.Ended(other) {
		t.Errorf("a running thread has ended: this one %v, the other %v", thread.Ended(mine), thread.Ended(other))
	}
	close(end)
	if runtime.GOOS == "darwin" {
		return
	}
	for deadline := time.Now().Add(testTimeout); !thread.Ended(other); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a thread that has ended is still running")
		}
	}
}

func BenchmarkCurrent(b *testing.B) {
	for range b.N {
		thread.Current()
	}
}
