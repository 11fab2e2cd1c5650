package session

import (
	"errors"
	"sync/atomic"
	"testing"
)

// A cancel that comes too early is repeated until the call has it.
func TestAbortInsists(t *testing.T) {
	var i Instance
	var cancels atomic.Int32
	enough := make(chan struct{})
	begun := make(chan struct{})
	over := make(chan error)
	cancelled := errors.New("cancelled")
	go func() {
		over <- i.Run(func() {
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
	if err := <-over; err != cancelled {
		t.Error(err)
	}
	if len(i.calls) != 0 {
		t.Error("the call is still in flight")
	}
}

// A cancel that is repeated ends with its call, and meets none that comes after it.
func TestRepeatedCancelSparesLaterCalls(t *testing.T) {
	var i Instance
	cancels := 0
	var ended *flight
	_ = i.Run(func() { cancels++ }, func() error {
		for ended = range i.calls {
			i.again(ended)
		}
		return nil
	})
	i.again(ended)
	if cancels != 1 {
		t.Errorf("%d cancels, and 1 of them while the call was in flight", cancels)
	}
}

func TestAbortSparesLaterCallsAndOtherNodes(t *testing.T) {
	var node, other Instance
	cancel := func() { t.Error("cancelled") }
	err := other.Run(cancel, func() error {
		node.Abort()
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := node.Run(cancel, func() error { return nil }); err != nil {
		t.Error(err)
	}
	node.Abort()
}

// The call is no longer in flight even if it ends in a panic.
func TestRunThatPanics(t *testing.T) {
	var i Instance
	func() {
		defer func() { _ = recover() }()
		_ = i.Run(func() { t.Error("cancelled") }, func() error { panic("provoked") })
	}()
	i.Abort()
}
