package socket

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// lock is a mutex that a call waits for until its deadline, or until it is
// interrupted. Waiting calls get it in order of arrival. A channel of capacity 1
// would need less code, but takes 60 ns for an uncontended lock and unlock, and one
// allocation for each connection.
type lock struct {
	state   atomic.Int32
	mu      sync.Mutex // guards waiting; held by each change of a contended state
	waiting []chan struct{}
}

// The states of a lock.
const (
	lockFree int32 = iota
	lockHeld
	lockContended // held, and unlock has to look for calls that wait
)

// lock also fails if the call was interrupted, for example together with the call
// that held the lock.
func (l *lock) lock(c *call) error {
	err := l.wait(c)
	if err == ErrTimeout {
		return fmt.Errorf("%w: another call on this socket did not finish in time", ErrBusy)
	}
	if err == nil {
		if err = c.ended(); err != nil {
			l.unlock()
		}
	}
	return err
}

func (l *lock) wait(c *call) error {
	if l.tryLock() {
		return nil
	}
	l.mu.Lock()
	if l.state.Swap(lockContended) == lockFree {
		l.mu.Unlock()
		return nil
	}
	granted := make(chan struct{}, 1)
	l.waiting = append(l.waiting, granted)
	l.mu.Unlock()
	err := c.park(granted)
	if err != nil {
		l.mu.Lock()
		place := slices.Index(l.waiting, granted)
		if place >= 0 {
			l.waiting = slices.Delete(l.waiting, place, place+1)
		}
		l.mu.Unlock()
		if place < 0 {
			l.unlock() // it was granted at the same moment
		}
	}
	return err
}

// tryLock locks without waiting and reports whether it did.
func (l *lock) tryLock() bool { return l.state.CompareAndSwap(lockFree, lockHeld) }

func (l *lock) unlock() {
	if !l.state.CompareAndSwap(lockHeld, lockFree) {
		l.pass()
	}
}

// pass unlocks a contended lock: it belongs to the next call, if one waits.
func (l *lock) pass() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > 0 {
		l.waiting[0] <- struct{}{}
		l.waiting = l.waiting[1:]
		return
	}
	l.state.Store(lockFree)
}
