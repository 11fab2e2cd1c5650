package proxy

import (
	"errors"
	"os"
	"sync"
	"time"
	"unsafe"

	"libobe/internal/trace"
)

// Recorder writes messages as lines of a trace, from its own goroutine, so that the
// disk delays no message. It holds a bounded amount of messages that are not written yet.
// What does not fit, and what cannot be written, is lost and counted.
type Recorder struct {
	write  func([]trace.Record) (written int, err error)
	failed func(error) // called once, with why the first message was lost

	mu      sync.Mutex
	more    sync.Cond // the queue is not empty, or closed is set
	queue   []trace.Record
	size    int // of the records in queue
	writing int // records that write has
	closed  bool
	first   error // why the first message was lost
	written int64
	lost    int64
	done    chan struct{}
}

// maxQueued is the largest size of the records that wait for the disk.
const maxQueued = 64 << 20

// sizeOf returns how much memory a record takes, about.
func sizeOf(r *trace.Record) int { return int(unsafe.Sizeof(*r)) + len(r.Body) }

var errSlow = errors.New("the trace is written too slowly: messages came faster for a long time, or the disk has stopped")

// NewRecorder returns a Recorder. write writes records, and returns how many it could
// write, and why the first of the others is lost; it is called from one goroutine. failed is
// called with why the first message was lost, from any goroutine.
func NewRecorder(write func([]trace.Record) (written int, err error), failed func(error)) *Recorder {
	r := &Recorder{write: write, failed: failed, done: make(chan struct{})}
	r.more.L = &r.mu
	go r.run()
	return r
}

// Record queues a message. It does not wait.
func (r *Recorder) Record(m Message) {
	record := trace.Record{
		Time: m.Time, Process: os.Getpid(), Role: "proxy", Direction: trace.Received,
		Peer: m.Peer, Local: m.Local, Elapsed: m.Took, Body: m.Body, Length: m.Length,
	}
	if m.Reply {
		record.Direction = trace.Sent
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.size > maxQueued {
		r.lost++
		if r.first == nil && !r.closed {
			r.first = errSlow
			go r.failed(errSlow)
		}
		return
	}
	r.size += sizeOf(&record)
	if r.queue = append(r.queue, record); len(r.queue) == 1 {
		r.more.Signal()
	}
}

// batchTime is how long messages are gathered. Writing each at once would take time from the
// exchange that it belongs to, on a machine with few processors: 40 µs on one with two.
const batchTime = 10 * time.Millisecond

func (r *Recorder) run() {
	defer close(r.done)
	var batch []trace.Record
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
		written, err := r.write(batch)
		r.mu.Lock()
		r.writing = 0
		r.written += int64(written)
		r.lost += int64(len(batch) - written)
		first := err != nil && r.first == nil
		if first {
			r.first = err
		}
		for i := range batch {
			r.size -= sizeOf(&batch[i])
			batch[i] = trace.Record{} // its body is free
		}
		r.mu.Unlock()
		if first {
			r.failed(err)
		}
	}
}

// silentTime is how long Close writes before it says that it does: less than a program has
// to end after a signal.
const silentTime = 80 * time.Millisecond

// Close writes what is queued, and returns how many messages were written and lost, and why
// the first one was lost. If that takes long, it calls slow with how many messages are not
// certainly written yet.
func (r *Recorder) Close(slow func(left int64)) (written, lost int64, first error) {
	r.mu.Lock()
	r.closed = true
	r.more.Signal()
	r.mu.Unlock()
	select {
	case <-r.done:
	case <-time.After(silentTime):
		r.mu.Lock()
		left := int64(len(r.queue) + r.writing)
		r.mu.Unlock()
		slow(left)
		<-r.done
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.written, r.lost, r.first
}
