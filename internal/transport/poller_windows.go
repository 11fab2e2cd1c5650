package transport

import (
	"sync"
	"unsafe"
)

// Poller waits for many descriptors at once, each known by a number of the
// caller's. One goroutine waits; all other methods are for any.
type Poller struct {
	waker *Waker

	mu      sync.Mutex
	ids     map[descriptor]uint64
	changed bool // since fds was made
	waiting bool
	waits   int // how many have ended
	ended   sync.Cond

	// Of the goroutine that waits.
	fds   []pollFd
	first int // where the next Wait begins to report, so that all have their turn
}

const (
	pollReadable = 0x0100 | 0x0200 // POLLRDNORM, POLLRDBAND
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
	p := &Poller{waker: waker, ids: map[descriptor]uint64{}}
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

func (p *Poller) add(fd descriptor, id uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ids[fd] = id
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

// Wait appends the numbers of what is readable to ready, at most 64 of them.
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
		id, known := p.ids[f.fd]
		switch {
		case !known:
		case id == 0:
			p.waker.Drain()
		case found == mostReady:
			p.first = at
			return ready, nil
		default:
			ready = append(ready, id)
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
	p.fds, p.changed = p.fds[:0], false
	for fd := range p.ids {
		p.fds = append(p.fds, pollFd{fd: fd, events: pollReadable})
	}
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
