package transport

import (
	"sync"

	"golang.org/x/sys/unix"
)

// Poller waits for many descriptors at once, each known by an id that the caller
// chooses, other than 0. One goroutine at a time may call Wait; any goroutine may call
// the other methods.
type Poller struct {
	fd     descriptor
	waker  *Waker // registered with the id 0
	events [maxEvents]unix.Kevent_t
	ids    idTable
}

// idTable keeps the id of each descriptor: package unix has no way to attach one to a
// kevent. The id of a closed descriptor is stale until the same number is added again;
// the caller knows its own ids and ignores a stale one.
type idTable struct {
	mu  sync.Mutex
	ids map[descriptor]uint64
}

func (t *idTable) set(fd descriptor, id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ids == nil {
		t.ids = map[descriptor]uint64{}
	}
	t.ids[fd] = id
}

func (t *idTable) get(fd descriptor) (uint64, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	id, ok := t.ids[fd]
	return id, ok
}

// NewPoller creates a Poller.
func NewPoller() (*Poller, error) {
	fd, err := unix.Kqueue()
	if err != nil {
		return nil, systemError("kqueue", err)
	}
	unix.CloseOnExec(fd)
	waker, err := NewWaker()
	if err != nil {
		sysClose(fd)
		return nil, err
	}
	p := &Poller{fd: fd, waker: waker}
	if err := p.add(waker.r, 0); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Poller) change(fd descriptor, filter, flags int) error {
	var event unix.Kevent_t
	unix.SetKevent(&event, fd, filter, flags)
	_, err := unix.Kevent(p.fd, []unix.Kevent_t{event}, nil, nil)
	return err
}

func (p *Poller) add(fd descriptor, id uint64) error { return p.watch(fd, id, Readable) }

func (p *Poller) watch(fd descriptor, id uint64, what Interest) error {
	p.ids.set(fd, id)
	for _, one := range []struct {
		interest Interest
		filter   int
	}{{Readable, unix.EVFILT_READ}, {Writable, unix.EVFILT_WRITE}} {
		if what&one.interest == 0 {
			_ = p.change(fd, one.filter, unix.EV_DELETE) // an error: it was not registered
		} else if err := p.change(fd, one.filter, unix.EV_ADD); err != nil {
			return systemError("kevent", err)
		}
	}
	return nil
}

func (p *Poller) remove(fd descriptor) {
	_ = p.change(fd, unix.EVFILT_READ, unix.EV_DELETE)
	_ = p.change(fd, unix.EVFILT_WRITE, unix.EV_DELETE)
}

// Wait appends the ids of the ready descriptors to ready, at most 64 of them. It appends
// none after the deadline of w, or if Wake was called.
func (p *Poller) Wait(ready []uint64, w Wait) ([]uint64, error) {
	for {
		var timeout *unix.Timespec
		if ms := w.milliseconds(); ms >= 0 {
			t := unix.NsecToTimespec(int64(ms) * 1e6)
			timeout = &t
		}
		n, err := unix.Kevent(p.fd, nil, p.events[:], timeout)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return ready, systemError("kevent", err)
		}
		for _, e := range p.events[:n] {
			id, known := p.ids.get(int(e.Ident))
			if !known {
				continue
			}
			if id == 0 {
				p.waker.Drain()
				continue
			}
			ready = append(ready, id)
		}
		return ready, nil
	}
}

// Close frees the Poller. No Wait may be in progress.
func (p *Poller) Close() {
	p.waker.Close()
	sysClose(p.fd)
}
