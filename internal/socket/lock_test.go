package socket

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestLockInOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lock
		var order []int
		if err := l.lock(newCall()); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			go func() {
				if l.lock(newCall()) == nil {
					order = append(order, i)
					l.unlock()
				}
			}()
			synctest.Wait()
		}
		if l.tryLock() {
			t.Fatal("the lock was held, and another call got it")
		}
		l.unlock()
		synctest.Wait()
		if !slices.Equal(order, []int{0, 1, 2}) {
			t.Errorf("the order is %v", order)
		}
		if !l.tryLock() {
			t.Error("the lock is still held")
		}
	})
}

func TestLockEndsWithTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lock
		if !l.tryLock() {
			t.Fatal("a new lock is held")
		}
		late := newCall()
		late.deadline = time.Now().Add(time.Second)
		if err := l.lock(late); !errors.Is(err, ErrBusy) || errors.Is(err, ErrTimeout) {
			t.Errorf("the call ended with %v, want ErrBusy", err)
		}
		interrupted := newCall()
		interrupted.cause = ErrCancelled
		interrupted.over.Store(true)
		close(interrupted.done)
		if err := l.lock(interrupted); err != ErrCancelled {
			t.Errorf("the interrupted call ended with %v", err)
		}
		l.unlock()
		// An interrupted call does not get a free lock either.
		if err := l.lock(interrupted); err != ErrCancelled {
			t.Errorf("the interrupted call got the lock: %v", err)
		}
		if !l.tryLock() {
			t.Error("a call that ended holds the lock")
		}
	})
}
