package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
)

// tlsConn is the TLS layer of a Conn. crypto/tls does the cryptography over a
// tlsTransport, which differs from the connection in two ways, because crypto/tls can
// continue after an interrupted read, but not after an interrupted write or handshake:
//
//   - Its output is kept in memory, and flush sends as much of it as the connection
//     accepts.
//   - A server's handshake runs in a separate goroutine, which pauses where it would have
//     to wait. The next Read of the connection resumes it, so no thread waits for a
//     client that stalls.
type tlsConn struct {
	conn   *Conn
	tls    *tls.Conn
	server bool
	done   atomic.Bool // the handshake is complete
	closed atomic.Bool // by this side

	reading sync.Mutex // also guards the fields up to writing
	wait    Wait       // of the read in progress, or of the client's handshake
	cause   error      // the last error of the connection itself since the read began
	peeked  []byte
	failed  error // why a server's handshake or stream failed

	writing sync.Mutex
	out     []byte // encrypted output that is not sent yet

	// A server's handshake.
	begun    bool
	resumeCh chan struct{} // resumes it
	paused   chan error    // its result, or ErrTimeout when it pauses
	quit     chan struct{} // closed by close
	once     sync.Once
}

// StartTLS makes the connection a TLS client. It waits for the connection and the
// handshake. If it fails, the caller must close the connection.
func (c *Conn) StartTLS(config *tls.Config, w Wait) error {
	if err := c.connect(w); err != nil {
		return err
	}
	t := &tlsConn{conn: c, wait: w}
	t.tls = tls.Client(tlsTransport{c, t}, config)
	err := t.tls.Handshake()
	switch {
	case err == nil:
		t.done.Store(true)
		c.tls = t
		return nil
	case t.cause == nil:
		_ = t.flush(NoWait) // the alert, which informs the server of the reason
		return tlsError(err, false)
	case errors.Is(t.cause, io.EOF), errors.Is(t.cause, ErrReset):
		return fmt.Errorf("%w: the server closed the connection during the handshake; it may not support TLS 1.3", ErrTLS)
	}
	return t.cause
}

// AcceptTLS makes the connection a TLS server. The handshake is part of the reads to
// come, which must not wait.
func (c *Conn) AcceptTLS(config *tls.Config) {
	t := &tlsConn{conn: c, server: true}
	t.resumeCh, t.paused, t.quit = make(chan struct{}), make(chan error, 1), make(chan struct{})
	t.tls = tls.Server(tlsTransport{c, t}, config)
	c.tls = t
}

// Secure reports whether the connection uses TLS. It may then hold data that a Poller does
// not see, so that the caller must read until ErrTimeout.
func (c *Conn) Secure() bool { return c.tls != nil }

// Handshaking reports whether a server's handshake has begun and not ended.
func (c *Conn) Handshaking() bool {
	return c.tls != nil && c.tls.begun && !c.tls.done.Load() && c.tls.failed == nil
}

// read is Conn.Read.
func (t *tlsConn) read(p []byte, w Wait) (int, error) {
	t.reading.Lock()
	defer t.reading.Unlock()
	return t.readWithin(p, w)
}

func (t *tlsConn) readWithin(p []byte, w Wait) (int, error) {
	if len(t.peeked) > 0 {
		n := copy(p, t.peeked)
		t.peeked = t.peeked[n:]
		return n, nil
	}
	if t.failed != nil {
		return t.drainAfterFailure(p)
	}
	if !t.done.Load() {
		if err := t.stepHandshake(); err != nil {
			if !errors.Is(err, ErrTimeout) {
				t.failed = err
			}
			return 0, t.readError(err)
		}
		t.done.Store(true)
	}
	t.wait, t.cause = w, nil
	n, err := t.tls.Read(p)
	// TLS itself may have replied, for example to a key update. An error of this flush
	// returns with the next read or write.
	_ = t.flush(NoWait)
	if n > 0 {
		return n, nil // crypto/tls keeps an error, and the next read returns it
	}
	return 0, t.readError(err)
}

// readError converts an error of crypto/tls into the error that a read returns.
func (t *tlsConn) readError(err error) error {
	var system *SystemError
	switch {
	case t.closed.Load():
		return ErrClosed
	case errors.Is(err, ErrTimeout):
		if errors.Is(t.cause, ErrWoken) {
			return ErrWoken
		}
		return ErrTimeout
	case errors.As(err, &system):
		return system
	case err == io.EOF && !t.begun, (err == io.EOF || err == io.ErrUnexpectedEOF) && t.done.Load():
		return io.EOF
	}
	err = tlsError(err, t.server)
	if t.server {
		t.failed = err
		_ = t.flush(NoWait)
		t.conn.closeWrite()
	}
	return err
}

// drainAfterFailure discards input after a failure, until the client has read the alert
// and closes. If this side closed first, the system would answer what the client still
// sends with a reset, and discard the alert before the client reads it.
func (t *tlsConn) drainAfterFailure(p []byte) (int, error) {
	_, err := t.conn.readRaw(p, &NoWait)
	if err == nil {
		err = ErrTimeout
	}
	return 0, err
}

// pending is Conn.Pending.
func (t *tlsConn) pending() (data, ended bool) {
	if !t.reading.TryLock() {
		return false, false // the read in progress will find out
	}
	defer t.reading.Unlock()
	if len(t.peeked) > 0 {
		return true, false
	}
	var one [1]byte
	n, err := t.readWithin(one[:], NoWait)
	if n > 0 {
		t.peeked = append(t.peeked, one[0])
		return true, false
	}
	return false, !errors.Is(err, ErrTimeout)
}

// stepHandshake continues a server's handshake as far as possible without waiting.
func (t *tlsConn) stepHandshake() error {
	if !t.begun {
		// A client that sends nothing costs no goroutine.
		if data, ended := t.conn.pendingRaw(); ended {
			_, err := t.conn.readRaw(make([]byte, 1), &NoWait)
			return err
		} else if !data {
			return ErrTimeout
		}
		t.begun = true
		go t.runHandshake()
	} else {
		select {
		case t.resumeCh <- struct{}{}:
		case <-t.quit:
			return ErrClosed
		}
	}
	return <-t.paused
}

// runHandshake is the goroutine of a server's handshake.
func (t *tlsConn) runHandshake() {
	err := errors.New("the handshake failed")
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the handshake failed: %v", p)
		}
		t.paused <- err
	}()
	err = t.tls.Handshake()
}

// pauseHandshake blocks the handshake's goroutine until the next stepHandshake.
func (t *tlsConn) pauseHandshake() error {
	t.paused <- ErrTimeout
	select {
	case <-t.resumeCh:
		return nil
	case <-t.quit:
		return ErrClosed
	}
}

const (
	// maxPlaintext is how much is encrypted before its output must be sent.
	maxPlaintext = 64 << 10
	// firstRecordMax is how much of a body is copied behind its header, so that a small
	// frame is a single record.
	firstRecordMax = 16<<10 - 64
)

// writeFrame is Conn.WriteFrame. Encrypted bytes count as written, because they cannot be
// taken back. So nothing is encrypted until the system has room for a part of it.
func (t *tlsConn) writeFrame(head, body []byte, w Wait) (total int, err error) {
	for len(head)+len(body) > 0 {
		if total > 0 {
			if err := w.err(); err != nil {
				return total, t.writeError(err)
			}
		}
		if err := t.conn.WaitWritable(w); err != nil {
			return total, t.writeError(err)
		}
		part := head
		switch {
		case len(head) == 0:
			part = body[:min(len(body), maxPlaintext)]
			body = body[len(part):]
		case len(body) > 0:
			n := min(len(body), firstRecordMax)
			part = slices.Concat(head, body[:n])
			head, body = nil, body[n:]
		default:
			head = nil
		}
		n, err := t.tls.Write(part)
		total += n
		if err == nil {
			err = t.flush(w)
		}
		if err != nil {
			return total, t.writeError(err)
		}
	}
	return total, t.writeError(t.flush(w))
}

// writeError converts an error of crypto/tls into the error that a write returns.
func (t *tlsConn) writeError(err error) error {
	switch {
	case err == nil:
		return nil
	case t.closed.Load():
		return ErrClosed
	case errors.Is(err, ErrReset) && t.reading.TryLock():
		// The reason may be available to read: a server that rejects the client's
		// certificate sends an alert after the client's handshake has ended.
		defer t.reading.Unlock()
		var one [1]byte
		if _, alert := t.readWithin(one[:], NoWait); errors.Is(alert, ErrTLS) {
			return alert
		}
	}
	return err
}

// close sends close_notify if that is possible without waiting. The Conn then closes the
// descriptor.
func (t *tlsConn) close() {
	t.once.Do(func() {
		t.closed.Store(true)
		if t.quit != nil {
			close(t.quit)
		}
		if t.done.Load() {
			_ = t.tls.CloseWrite()
			_ = t.flush(NoWait)
		}
	})
}
