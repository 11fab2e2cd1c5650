package session

import (
	"sync"
	"time"
)

// Instance is one node of a diagram, or one clone of it, with the calls that are
// in flight through it: so that an abort of the diagram ends those and no others.
// A node makes one call at a time, but nothing here depends on that.
type Instance struct {
	mu    sync.Mutex
	calls map[*flight]struct{}
}

// flight is a call in flight through an instance.
type flight struct {
	cancel  func()
	over    chan struct{} // closed when the call has returned
	aborted bool
}

// Run makes a call that Abort can end; cancel wakes what blocks in it.
func (i *Instance) Run(cancel func(), call func() error) error {
	f := &flight{cancel: cancel, over: make(chan struct{})}
	i.mu.Lock()
	if i.calls == nil {
		i.calls = map[*flight]struct{}{}
	}
	i.calls[f] = struct{}{}
	i.mu.Unlock()
	defer func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		delete(i.calls, f)
		close(f.over)
	}()
	return call()
}

// Abort ends the calls in flight and does not wait for them: it is called on the
// thread of the user interface. Later calls are spared.
func (i *Instance) Abort() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for f := range i.calls {
		if !f.aborted {
			f.aborted = true
			f.cancel()
			go i.insist(f)
		}
	}
}

// insist cancels again until the call has returned: a cancel misses a call that
// is still on its way to where it blocks.
func (i *Instance) insist(f *flight) {
	defer func() {
		// No abort is worth the host program's life.
		_ = recover()
	}()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-f.over:
			return
		case <-again.C:
			i.again(f)
		}
	}
}

// again cancels a call, unless it has returned in the meantime: the next one is spared.
func (i *Instance) again(f *flight) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, flying := i.calls[f]; flying {
		f.cancel()
	}
}
