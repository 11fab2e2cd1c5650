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
	queue atomic.Pointer[lockQueue] // nil: no call has waited yet
	state atomic.Int32
}

// lockQueue is the calls that wait for a lock.
type lockQueue struct {
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
	if l.queue.Load() == nil {
		l.queue.CompareAndSwap(nil, &lockQueue{})
	}
	q := l.queue.Load()
	q.mu.Lock()
	if l.state.Swap(lockContended) == lockFree {
		q.mu.Unlock()
		return nil
	}
	granted := make(chan struct{}, 1)
	q.waiting = append(q.waiting, granted)
	q.mu.Unlock()
	err := c.park(granted)
	if err != nil {
		q.mu.Lock()
		place := slices.Index(q.waiting, granted)
		if place >= 0 {
			q.waiting = slices.Delete(q.waiting, place, place+1)
		}
		q.mu.Unlock()
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
	q := l.queue.Load()
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) > 0 {
		q.waiting[0] <- struct{}{}
		q.waiting = q.waiting[1:]
		return
	}
	l.state.Store(lockFree)
}
