package socket

import (
	"errors"
	"sync/atomic"
	"time"

	"libobe/internal/thread"
)

const (
	// stopInterval is how often Serve looks at its flag while no message arrives.
	stopInterval = 100 * time.Millisecond
	// serveBuffer is how large a body can be that Serve receives into the memory of an
	// earlier message.
	serveBuffer = 4096
)

// Serve receives messages and calls handler with each, on the caller's goroutine and
// without a lock, until Cancel, Close or Free ends it. If stop is not nil, Serve also
// returns, without an error, when *stop is not 0. It looks at *stop before it receives a
// message and every stopInterval. A message that handler does not answer is dropped.
// Several goroutines may serve at once.
func (s *Server) Serve(handler func(*Message), stop *atomic.Int32) error {
	call, err := s.begin("serve", Forever)
	if err != nil {
		return err
	}
	defer s.end(call)
	s.pairs.enter()
	defer s.pairs.exit()
	loop := serveLoop{server: s, call: call, thread: thread.Current()}
	defer loop.drop()
	if stop != nil {
		call.deadline = time.Now().Add(stopInterval)
	}
	for stop == nil || stop.Load() == 0 {
		m, err := loop.next()
		if stop != nil && errors.Is(err, ErrTimeout) {
			call.deadline = time.Now().Add(stopInterval)
			continue
		}
		if err != nil {
			return call.wrap(s.Name(), err)
		}
		handler(m)
		if err = call.ended(); err != nil {
			return call.wrap(s.Name(), err)
		}
		if s.options().trace != "" {
			call.began = time.Now()
		}
	}
	return nil
}

// serveLoop receives the messages of one Serve.
type serveLoop struct {
	server *Server
	call   *call
	thread thread.ID
	last   *Message // that the handler was called with; nil: it was dropped
	spare  *Message // whose memory is used for the next message; nil: none
}

// next drops the last message and receives the next one. Both are done with the lock held
// once, which saves time.
func (l *serveLoop) next() (*Message, error) {
	l.server.mu.Lock()
	defer l.server.mu.Unlock()
	l.dropLast()
	m, err := l.server.receiveMessage(l.call, l.thread, nil, l.spare)
	if m != nil && m == l.spare {
		l.spare = nil
	}
	l.last = m
	return m, err
}

// drop drops the last message, also after a panic of the handler.
func (l *serveLoop) drop() {
	l.server.mu.Lock()
	defer l.server.mu.Unlock()
	l.dropLast()
}

// dropLast drops the last message if it was not answered. core.mu is held.
func (l *serveLoop) dropLast() {
	m := l.last
	if l.last = nil; m == nil {
		return
	}
	m.drop()
	if m.released && m.isForgotten() {
		m.Body = nil // it may be large
		if m.buffer == nil {
			m.buffer = make([]byte, serveBuffer)
		}
		l.spare = m
	}
}
