package transport

import (
	"slices"
	"sync"
	"unsafe"
)

// Poller waits for many descriptors at once, each known by a number of the
// caller's. One goroutine waits; all other methods are for any.
type Poller struct {
	waker *Waker

	mu      sync.Mutex
	ids     map[descriptor]watched
	changed bool // since fds was made
	waiting bool
	waits   int // how many have ended
	ended   sync.Cond

	// Of the goroutine that waits.
	fds   []pollFd
	first int // where the next Wait begins to report, so that all have their turn
}

// watched is what is waited for on a descriptor.
type watched struct {
	id     uint64
	events int16
}

const (
	pollReadable = 0x0100 | 0x0200 // POLLRDNORM, POLLRDBAND
	pollWritable = 0x0010          // POLLWRNORM
	pollError    = 0x0001          // POLLERR
)

// pollFd is a WSAPOLLFD.
type pollFd struct {
	fd      descriptor
	events  int16
	revents int16
}

// NewPoller makes a Poller. The number 0 is for its own wake-up.
func NewPoller() (*Poller, error) {
	waker, err := NewWaker()
	if err != nil {
		return nil, err
	}
	p := &Poller{waker: waker, ids: map[descriptor]watched{}}
	p.ended.L = &p.mu
	return p, p.add(waker.fd, 0)
}

// polled has the *Poller of each descriptor that is waited for.
var polled sync.Map

// forget ends the waiting for a descriptor that is about to be closed.
func forget(fd descriptor) {
	if p, found := polled.Load(fd); found {
		p.(*Poller).remove(fd)
	}
}

func (p *Poller) add(fd descriptor, id uint64) error { return p.watch(fd, id, Readable) }

func (p *Poller) watch(fd descriptor, id uint64, what Interest) error {
	w := watched{id: id}
	if what&Readable != 0 {
		w.events |= pollReadable
	}
	if what&Writable != 0 {
		w.events |= pollWritable
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ids[fd] = w
	polled.Store(fd, p)
	p.changed = true
	if p.waiting {
		p.waker.Wake() // the wait under way does not know it
	}
	return nil
}

// remove ends the wait under way, too: once the descriptor is closed, its number may
// be that of another socket, of anybody in the process. (The server of Wine 8 ends
// itself if it is asked about one that is just being made.)
func (p *Poller) remove(fd descriptor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	polled.Delete(fd)
	if _, known := p.ids[fd]; !known {
		return
	}
	delete(p.ids, fd)
	p.changed = true
	if p.waiting {
		p.waker.Wake()
	}
	for under := p.waits; p.waiting && p.waits == under; {
		p.ended.Wait()
	}
}

// mostReady is how many numbers one Wait gives.
const mostReady = 64

// Wait appends the numbers of what is ready, as Watch asked, to ready, at most 64 of them.
// It returns none when the time is over or Wake was called, and before that after a
// slice of the time.
func (p *Poller) Wait(ready []uint64, w Wait) ([]uint64, error) {
	p.begin()
	err := poll(p.fds, w.part().milliseconds())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = false
	p.waits++
	p.ended.Broadcast()
	if err != nil {
		return ready, systemError("WSAPoll", inWords(err))
	}
	found := 0
	for i := range p.fds {
		at := (p.first + i) % len(p.fds)
		f := &p.fds[at]
		if f.revents == 0 {
			continue
		}
		f.revents = 0
		w, known := p.ids[f.fd]
		switch {
		case !known:
		case w.id == 0:
			p.waker.Drain()
		case found == mostReady:
			p.first = at
			return ready, nil
		default:
			ready = append(ready, w.id)
			found++
		}
	}
	return ready, nil
}

// begin prepares a wait for what there is to wait for by now.
func (p *Poller) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = true
	if !p.changed {
		return
	}
	p.fds, p.changed = p.append(p.fds[:0]), false
}

// append appends what is waited for to fds. mu is held.
func (p *Poller) append(fds []pollFd) []pollFd {
	for fd, w := range p.ids {
		fds = append(fds, pollFd{fd: fd, events: w.events})
	}
	return fds
}

// ready reports whether a Wait would report something at once. A descriptor that is
// removed meanwhile is not closed before the look ends.
func (p *Poller) ready() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	fds := p.append(nil)
	return poll(fds, 0) == nil && slices.ContainsFunc(fds, func(f pollFd) bool {
		return f.revents != 0 && p.ids[f.fd].id != 0
	})
}

// poll is WSAPoll, which sets revents. Its one defect, before Windows 10 version
// 2004, does not matter here: it does not see connection attempts fail.
func poll(fds []pollFd, milliseconds int) error {
	n, _, err := wsaPoll.Call(uintptr(unsafe.Pointer(&fds[0])), uintptr(len(fds)), uintptr(milliseconds))
	if int32(n) < 0 {
		return err
	}
	return nil
}

// Close frees the Poller. No wait may be under way.
func (p *Poller) Close() { p.waker.Close() }
