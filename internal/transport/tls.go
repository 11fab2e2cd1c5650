package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// secure is the TLS of a Conn. crypto/tls does the cryptography, over a stream
// that differs from the connection in two ways, because crypto/tls goes on after
// a read that was broken off, but not after a write, nor after a handshake:
//
//   - What it writes is kept in memory and goes out in flush, as far as the
//     connection takes it.
//   - A server's handshake runs in a goroutine of its own, which sleeps where it
//     would have to wait. It goes on inside the Read of whoever finds the
//     connection readable, and nobody waits for a client that stalls.
type secure struct {
	conn   *Conn
	tls    *tls.Conn
	server bool
	done   atomic.Bool // the handshake is complete
	closed atomic.Bool // by this side

	reading sync.Mutex
	wait    Wait  // of the read under way, or the client's handshake
	cause   error // what the connection itself said last, if it was no success
	peeked  []byte
	failed  error // a server's TLS that came to nothing

	writing sync.Mutex
	out     []byte // what is to go out

	// Of a server's handshake.
	begun  bool
	resume chan struct{} // goes on with it
	paused chan error    // ErrTimeout where it cannot go on, or its result
	quit   chan struct{} // closed by Close
	once   sync.Once
}

// StartTLS makes the connection a TLS one, as its client. It waits for the
// connection and the handshake. If it fails, the connection must be closed.
func (c *Conn) StartTLS(config *tls.Config, w Wait) error {
	if err := c.connect(w); err != nil {
		return err
	}
	s := newSecure(c)
	s.wait = w
	s.tls = tls.Client(stream{c, s}, config)
	err := s.tls.Handshake()
	switch {
	case err == nil:
		s.done.Store(true)
		c.tls = s
		return nil
	case s.cause == nil:
	case errors.Is(s.cause, io.EOF), errors.Is(s.cause, ErrReset):
		return fmt.Errorf("%w: the server ended the connection during the handshake; perhaps it speaks no TLS 1.3", ErrTLS)
	}
	if s.cause != nil {
		return s.cause
	}
	_ = s.flush(NoWait) // the alert that tells the server why
	return tlsError(err, false)
}

// AcceptTLS makes the connection a TLS one, as its server. The handshake is part
// of the reads to come, which must not wait.
func (c *Conn) AcceptTLS(config *tls.Config) {
	s := newSecure(c)
	s.server = true
	s.resume, s.paused, s.quit = make(chan struct{}), make(chan error, 1), make(chan struct{})
	s.tls = tls.Server(stream{c, s}, config)
	c.tls = s
}

func newSecure(c *Conn) *secure { return &secure{conn: c} }

// Secure reports whether it is a TLS connection. Such a one may hold bytes that
// a Poller does not see, so that it must be read until it says ErrTimeout.
func (c *Conn) Secure() bool { return c.tls != nil }

// Handshaking reports whether a server's handshake has begun and not ended.
func (c *Conn) Handshaking() bool {
	return c.tls != nil && c.tls.begun && !c.tls.done.Load() && c.tls.failed == nil
}

// read is Conn.Read.
func (s *secure) read(p []byte) (int, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	return s.readWithin(p, s.conn.readWait)
}

func (s *secure) readWithin(p []byte, w Wait) (int, error) {
	if len(s.peeked) > 0 {
		n := copy(p, s.peeked)
		s.peeked = s.peeked[n:]
		return n, nil
	}
	if s.failed != nil {
		return s.discard(p)
	}
	if !s.done.Load() {
		if err := s.advance(); err != nil {
			if err != ErrTimeout {
				s.failed = err
			}
			return 0, s.broken(err)
		}
		s.done.Store(true)
	}
	s.wait, s.cause = w, nil
	n, err := s.tls.Read(p)
	// The answers of TLS itself, to a change of keys say. An error of this comes
	// back with the next write or read.
	_ = s.flush(NoWait)
	if n > 0 {
		return n, nil // an error stays and is told by the next read
	}
	return 0, s.broken(err)
}

// broken gives the error of a read its final form.
func (s *secure) broken(err error) error {
	var system *SystemError
	switch {
	case s.closed.Load():
		return ErrClosed
	case errors.Is(err, ErrTimeout):
		if s.cause == ErrWoken {
			return ErrWoken
		}
		return ErrTimeout
	case errors.As(err, &system):
		return system
	case err == io.EOF && !s.begun, (err == io.EOF || err == io.ErrUnexpectedEOF) && s.done.Load():
		return io.EOF
	}
	err = tlsError(err, s.server)
	if s.server {
		s.failed = err
		_ = s.flush(NoWait)
		s.conn.finish()
	}
	return err
}

// discard reads on after a failure, until the client has read why and closes. If
// this side closed first, what the client is still sending would make the system
// reset the connection, and take the alert away before it is read.
func (s *secure) discard(p []byte) (int, error) {
	_, err := s.conn.readRaw(p, &NoWait)
	if err == nil {
		err = ErrTimeout
	}
	return 0, err
}

// pending is Conn.Pending.
func (s *secure) pending() (data, ended bool) {
	if !s.reading.TryLock() {
		return false, false // whoever reads will see
	}
	defer s.reading.Unlock()
	if len(s.peeked) > 0 {
		return true, false
	}
	var one [1]byte
	n, err := s.readWithin(one[:], NoWait)
	if n > 0 {
		s.peeked = append(s.peeked, one[0])
		return true, false
	}
	return false, err != ErrTimeout
}

// advance goes on with a server's handshake as far as it goes without waiting.
func (s *secure) advance() error {
	if !s.begun {
		// A client that says nothing costs no goroutine.
		if data, ended := s.conn.pendingRaw(); ended {
			_, err := s.conn.readRaw(make([]byte, 1), &NoWait)
			return err
		} else if !data {
			return ErrTimeout
		}
		s.begun = true
		go s.shake()
	} else {
		select {
		case s.resume <- struct{}{}:
		case <-s.quit:
			return ErrClosed
		}
	}
	return <-s.paused
}

// shake is the goroutine of a server's handshake.
func (s *secure) shake() {
	err := errors.New("the handshake failed")
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the handshake failed: %v", p)
		}
		s.paused <- err
	}()
	err = s.tls.Handshake()
}

// pause sleeps until advance is called again.
func (s *secure) pause() error {
	s.paused <- ErrTimeout
	select {
	case <-s.resume:
		return nil
	case <-s.quit:
		return ErrClosed
	}
}

const (
	// encryptAtOnce is how much is encrypted before it must be out.
	encryptAtOnce = 64 << 10
	// oneRecord is how much of a body is copied behind its header, so that a small
	// frame is one record.
	oneRecord = 16<<10 - 64
)

// writeFrame is Conn.WriteFrame. What was encrypted counts as written: it cannot
// be taken back. Nothing is encrypted before the system has room for a part of
// it.
func (s *secure) writeFrame(head, body []byte, w Wait) (total int, err error) {
	for len(head)+len(body) > 0 {
		if total > 0 {
			if err := w.over(); err != nil {
				return total, s.unwritten(err)
			}
		}
		if err := s.conn.WaitWritable(w); err != nil {
			return total, s.unwritten(err)
		}
		part := head
		switch {
		case len(head) == 0:
			part = body[:min(len(body), encryptAtOnce)]
			body = body[len(part):]
		case len(body) > 0:
			n := min(len(body), oneRecord)
			part = slices.Concat(head, body[:n])
			head, body = nil, body[n:]
		default:
			head = nil
		}
		n, err := s.tls.Write(part)
		total += n
		if err == nil {
			err = s.flush(w)
		}
		if err != nil {
			return total, s.unwritten(err)
		}
	}
	return total, s.unwritten(s.flush(w))
}

// unwritten gives the error of a write its final form.
func (s *secure) unwritten(err error) error {
	switch {
	case err == nil:
		return nil
	case s.closed.Load():
		return ErrClosed
	case errors.Is(err, ErrReset) && s.reading.TryLock():
		// The reason may be there to be read: a server that does not take the
		// client's certificate says so after the client's handshake has ended.
		defer s.reading.Unlock()
		var one [1]byte
		if _, alert := s.readWithin(one[:], NoWait); errors.Is(alert, ErrTLS) {
			return alert
		}
	}
	return err
}

// flush sends what is to go out.
func (s *secure) flush(w Wait) error {
	for {
		err := s.flushSome()
		if err != ErrTimeout || w.Deadline.Equal(past) {
			return err
		}
		if err = s.conn.WaitWritable(w); err != nil {
			return err
		}
	}
}

// flushSome sends what the system takes now; ErrTimeout if that is not all.
func (s *secure) flushSome() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if len(s.out) == 0 {
		return nil
	}
	n, err := s.conn.writeRaw(s.out, nil, &NoWait)
	s.out = s.out[:copy(s.out, s.out[n:])]
	if len(s.out) == 0 && cap(s.out) > encryptAtOnce/2 {
		s.out = nil // many connections may be open and idle
	}
	return err
}

func (s *secure) unsent() bool {
	s.writing.Lock()
	defer s.writing.Unlock()
	return len(s.out) > 0
}

// shut says goodbye to the peer, if that goes without waiting, before the
// connection is closed.
func (s *secure) shut() {
	s.once.Do(func() {
		s.closed.Store(true)
		if s.quit != nil {
			close(s.quit)
		}
		if s.done.Load() {
			_ = s.tls.CloseWrite()
			_ = s.flush(NoWait)
		}
	})
}

// stream is a connection as crypto/tls sees it.
type stream struct {
	*Conn
	s *secure
}

// Read brings out what was written before it waits. It is of the goroutine that
// holds s.reading, of the client's handshake, or of the server's.
func (t stream) Read(p []byte) (int, error) {
	s := t.s
	for {
		wait := &s.wait
		if s.done.Load() {
			_ = s.flush(NoWait)
		} else if s.server {
			wait = &NoWait
			if err := s.flush(NoWait); err != nil && err != ErrTimeout {
				return 0, s.caused(err)
			}
		} else if err := s.flush(s.wait); err != nil {
			return 0, s.caused(err)
		}
		n, err := t.Conn.readRaw(p, wait)
		if err == nil {
			return n, nil
		}
		if err != ErrTimeout || !s.server || s.done.Load() {
			return n, s.caused(err)
		}
		if err = s.pause(); err != nil {
			return 0, err
		}
	}
}

// caused notes an error of the connection and gives it the form in which
// crypto/tls goes on after it, if it can.
func (s *secure) caused(err error) error {
	s.cause = err
	if err == ErrWoken {
		return ErrTimeout
	}
	return err
}

// mostUnsent bounds what a peer can make TLS itself say to it without reading it.
const mostUnsent = 1 << 20

// Write keeps p for flush.
func (t stream) Write(p []byte) (int, error) {
	s := t.s
	s.writing.Lock()
	defer s.writing.Unlock()
	if len(s.out)+len(p) > mostUnsent {
		return 0, errors.New("the peer does not read what it is sent")
	}
	s.out = append(s.out, p...)
	return len(p), nil
}

// Deadlines and the end are matters of the Conn.
func (t stream) Close() error                     { return nil }
func (t stream) SetDeadline(time.Time) error      { return nil }
func (t stream) SetReadDeadline(time.Time) error  { return nil }
func (t stream) SetWriteDeadline(time.Time) error { return nil }
