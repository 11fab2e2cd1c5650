package session

import (
	"sync"
	"time"
)

// Instance is one node of a diagram, or one clone of it, with the calls that are in
// flight through it, so that an abort of the diagram cancels these and no others. A node
// makes one call at a time, but nothing here depends on that.
type Instance struct {
	mu    sync.Mutex
	calls map[*inFlight]struct{}
}

// inFlight is a call in flight through an instance.
type inFlight struct {
	cancel   func()
	returned chan struct{} // closed when the call has returned
	aborted  bool
}

// Do runs a call that Abort can end. cancel wakes the call where it blocks.
func (i *Instance) Do(cancel func(), call func() error) error {
	f := &inFlight{cancel: cancel, returned: make(chan struct{})}
	i.mu.Lock()
	if i.calls == nil {
		i.calls = map[*inFlight]struct{}{}
	}
	i.calls[f] = struct{}{}
	i.mu.Unlock()
	defer func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		delete(i.calls, f)
		close(f.returned)
	}()
	return call()
}

// Abort cancels the calls in flight. It does not wait for them, because it is called on
// the user interface thread. Later calls are not affected.
func (i *Instance) Abort() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for f := range i.calls {
		if !f.aborted {
			f.aborted = true
			f.cancel()
			go i.retryCancel(f)
		}
	}
}

// retryCancel cancels a call again until it has returned: a cancel does not reach a call
// that has not yet blocked.
func (i *Instance) retryCancel(f *inFlight) {
	defer func() {
		// A panic here must not end the host process.
		_ = recover()
	}()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-f.returned:
			return
		case <-ticker.C:
			i.cancelInFlight(f)
		}
	}
}

// cancelInFlight cancels a call, unless it has returned in the meantime: then the cancel
// would reach the next call.
func (i *Instance) cancelInFlight(f *inFlight) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, ok := i.calls[f]; ok {
		f.cancel()
	}
}
