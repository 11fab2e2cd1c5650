// Package recorder writes what is to be recorded from a goroutine of its own, so that a slow
// disk or network delays no message. It does not know what is recorded, nor where.
//
// The one thing to know first: memory is bounded, and recording never waits. What does not fit,
// and what cannot be written, is lost, counted and told.
package recorder

import (
	"sync"
	"time"
)

// Config is how a Recorder is made.
type Config[T any] struct {
	// Size returns how much memory an item takes, about.
	Size func(*T) int
	// Write writes items, and returns how many it could write, and why the first of the others
	// is lost. It is called from one goroutine.
	Write func([]T) (written int, err error)
	// Slow is why an item is lost that does not fit.
	Slow error
	// Lost is called with why items are lost: once for each Write that loses some, and each time
	// that items begin not to fit. It is called from any goroutine.
	Lost func(error)
}

// Recorder queues items, and writes them.
type Recorder[T any] struct {
	config Config[T]

	mu      sync.Mutex
	more    sync.Cond // the queue is not empty, or closed is set
	queue   []T
	size    int // of the items in queue, and of those that Write has
	writing int // items that Write has
	closed  bool
	full    bool  // the last item did not fit
	first   error // why the first item was lost
	written int64
	lost    int64
	done    chan struct{}
}

// MaxQueued is the largest size of the items that wait to be written.
const MaxQueued = 64 << 20

// New returns a Recorder.
func New[T any](config Config[T]) *Recorder[T] {
	r := &Recorder[T]{config: config, done: make(chan struct{})}
	r.more.L = &r.mu
	go r.run()
	return r
}

// Add queues an item. It does not wait.
func (r *Recorder[T]) Add(item T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.size > MaxQueued {
		r.lost++
		if r.closed || r.full {
			return
		}
		r.full = true
		if r.first == nil {
			r.first = r.config.Slow
		}
		go r.config.Lost(r.config.Slow)
		return
	}
	r.full = false
	r.size += r.config.Size(&item)
	if r.queue = append(r.queue, item); len(r.queue) == 1 {
		r.more.Signal()
	}
}

// batchTime is how long items are gathered. Writing each at once would take time from the
// exchange that it belongs to, on a machine with few processors: 40 µs on one with two.
const batchTime = 10 * time.Millisecond

func (r *Recorder[T]) run() {
	defer close(r.done)
	var batch []T
	for {
		r.mu.Lock()
		for len(r.queue) == 0 && !r.closed {
			r.more.Wait()
		}
		wait := !r.closed
		r.mu.Unlock()
		if wait {
			time.Sleep(batchTime)
		}
		r.mu.Lock()
		batch, r.queue = r.queue, batch[:0]
		r.writing = len(batch)
		r.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		written, err := r.config.Write(batch)
		r.mu.Lock()
		r.writing = 0
		r.written += int64(written)
		r.lost += int64(len(batch) - written)
		if err != nil && r.first == nil {
			r.first = err
		}
		for i := range batch {
			r.size -= r.config.Size(&batch[i])
			batch[i] = *new(T) // its memory is free
		}
		r.mu.Unlock()
		if err != nil {
			r.config.Lost(err)
		}
	}
}

// IsFull reports whether the last item did not fit.
func (r *Recorder[T]) IsFull() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.full
}

// Counts returns how many items were written, are lost, and wait.
func (r *Recorder[T]) Counts() (written, lost, waiting int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.written, r.lost, int64(len(r.queue) + r.writing)
}

// silentTime is how long Close writes before it says that it does: less than a program has
// to end after a signal.
const silentTime = 80 * time.Millisecond

// Close writes what is queued, and returns how many items were written and lost, and why
// the first one was lost. If that takes long, it calls slow with how many items are not
// certainly written yet.
func (r *Recorder[T]) Close(slow func(left int64)) (written, lost int64, first error) {
	r.mu.Lock()
	r.closed = true
	r.more.Signal()
	r.mu.Unlock()
	select {
	case <-r.done:
	case <-time.After(silentTime):
		_, _, left := r.Counts()
		slow(left)
		<-r.done
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.written, r.lost, r.first
}
