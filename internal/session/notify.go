package session

import (
	"errors"
	"fmt"
	"sync"

	"libobe/internal/socket"
)

// notifier tells a program that a server has a message, so that its receiving loop need not
// poll. It has a goroutine, which waits as a call that receives does. There is at most one
// for each session; it ends when the session is freed.
type notifier struct {
	changed chan struct{} // there may be something to do
	freed   chan struct{} // closed when the session is freed

	mu     sync.Mutex // held while post runs, so that it never runs after it was replaced
	post   func() bool
	posted *socket.Message // the message for which post ran last
}

// Notify calls post on another goroutine when a message can be received, and again after
// each call that receives if there is another one; post must not call the session. It ends
// when post returns false, with a nil post, and when the session is freed: post does not
// run after Notify or Free has returned.
func (s *Session) Notify(post func() bool) error {
	if s.server == nil {
		return fmt.Errorf("%w: this function is not for a client", socket.ErrState)
	}
	s.mu.Lock()
	if s.freed {
		s.mu.Unlock()
		return socket.ErrClosed
	}
	n := s.notifier
	if n == nil && post != nil {
		n = &notifier{changed: make(chan struct{}, 1), freed: make(chan struct{})}
		s.notifier = n
		go n.run(s.server)
	}
	s.mu.Unlock()
	return n.replace(post)
}

// replace sets what runs when a message is there. It waits for a post that runs. After free
// it is ErrClosed: another thread may free the session during Notify.
func (n *notifier) replace(post func() bool) error {
	if n == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.isFreed() {
		return socket.ErrClosed
	}
	n.post, n.posted = post, nil
	n.look()
	return nil
}

func (n *notifier) isFreed() bool {
	select {
	case <-n.freed:
		return true
	default:
		return false
	}
}

// look makes the notifier look for a message again.
func (n *notifier) look() {
	if n == nil {
		return
	}
	select {
	case n.changed <- struct{}{}:
	default:
	}
}

func (n *notifier) run(server *socket.Server) {
	defer func() {
		// A panic here must not end the host process.
		_ = recover()
	}()
	for {
		select {
		case <-n.changed:
		case <-n.freed:
			return
		}
		if !n.isWanted() {
			continue
		}
		m, err := server.Await(socket.Forever)
		for errors.Is(err, socket.ErrCancelled) {
			m, err = server.Await(socket.Forever)
		}
		if errors.Is(err, socket.ErrClosed) {
			return
		}
		// Any other error, for which m is nil, is that of the next call that receives, too.
		n.notify(m)
	}
}

func (n *notifier) isWanted() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.post != nil
}

// notify runs post, once for each message.
func (n *notifier) notify(m *socket.Message) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.post == nil || m != nil && m == n.posted {
		return
	}
	n.posted = m
	if !n.post() {
		n.post = nil
	}
}

// free ends the notifier. It waits for a post that runs.
func (n *notifier) free() {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.post = nil
	close(n.freed)
}
