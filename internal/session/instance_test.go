package session

import (
	"errors"
	"sync/atomic"
	"testing"
)

// A cancel that comes before the call blocks is repeated until the call returns.
func TestAbortRetriesCancel(t *testing.T) {
	var i Instance
	var cancels atomic.Int32
	enough := make(chan struct{})
	begun := make(chan struct{})
	returned := make(chan error)
	cancelled := errors.New("cancelled")
	go func() {
		returned <- i.Do(func() {
			if cancels.Add(1) == 3 {
				close(enough)
			}
		}, func() error {
			close(begun)
			<-enough
			return cancelled
		})
	}()
	<-begun
	i.Abort()
	i.Abort()
	if err := <-returned; err != cancelled {
		t.Error(err)
	}
	if len(i.calls) != 0 {
		t.Error("the call is still in flight")
	}
}

// The repeated cancel stops with its call and does not reach a later one.
func TestRepeatedCancelSparesLaterCalls(t *testing.T) {
	var i Instance
	cancels := 0
	var ended *inFlight
	_ = i.Do(func() { cancels++ }, func() error {
		for ended = range i.calls {
			i.cancelInFlight(ended)
		}
		return nil
	})
	i.cancelInFlight(ended)
	if cancels != 1 {
		t.Errorf("%d cancels, want 1: the one while the call was in flight", cancels)
	}
}

func TestAbortSparesLaterCallsAndOtherNodes(t *testing.T) {
	var node, other Instance
	cancel := func() { t.Error("cancelled") }
	err := other.Do(cancel, func() error {
		node.Abort()
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := node.Do(cancel, func() error { return nil }); err != nil {
		t.Error(err)
	}
	node.Abort()
}

// A call that ends with a panic is no longer in flight.
func TestDoThatPanics(t *testing.T) {
	var i Instance
	func() {
		defer func() { _ = recover() }()
		_ = i.Do(func() { t.Error("cancelled") }, func() error { panic("provoked") })
	}()
	i.Abort()
}
