package transport

import (
	"errors"
	"time"
)

// tlsTransport is the net.Conn below crypto/tls: reads go to the connection, and writes
// to the memory of the tlsConn, until flush sends them.
type tlsTransport struct {
	*Conn
	tls *tlsConn
}

// Read flushes pending output before it waits. Its caller is a read, which holds
// t.tls.reading, or a handshake: in StartTLS, or in a server's goroutine, which pauses
// instead of waiting.
func (t tlsTransport) Read(p []byte) (int, error) {
	c := t.tls
	for {
		wait := &c.wait
		if c.done.Load() {
			_ = c.flush(NoWait)
		} else if c.server {
			wait = &NoWait
			if err := c.flush(NoWait); err != nil && !errors.Is(err, ErrTimeout) {
				return 0, c.recordCause(err)
			}
		} else if err := c.flush(c.wait); err != nil {
			return 0, c.recordCause(err)
		}
		n, err := t.Conn.readRaw(p, wait)
		if err == nil {
			return n, nil
		}
		if !errors.Is(err, ErrTimeout) || !c.server || c.done.Load() {
			return n, c.recordCause(err)
		}
		if err = c.pauseHandshake(); err != nil {
			return 0, err
		}
	}
}

// recordCause records an error of the connection and returns what crypto/tls gets
// instead: it can continue after a timeout, so a wake-up becomes one.
func (t *tlsConn) recordCause(err error) error {
	t.cause = err
	if errors.Is(err, ErrWoken) {
		return ErrTimeout
	}
	return err
}

// maxOutBuffer bounds the output that a peer can provoke from TLS without reading it.
const maxOutBuffer = 1 << 20

// Write keeps p for flush.
func (t tlsTransport) Write(p []byte) (int, error) {
	c := t.tls
	c.writing.Lock()
	defer c.writing.Unlock()
	if len(c.out)+len(p) > maxOutBuffer {
		return 0, errors.New("the output buffer is full: the peer is not reading")
	}
	c.out = append(c.out, p...)
	return len(p), nil
}

// Deadlines and closing are up to the Conn.

func (t tlsTransport) Close() error                     { return nil }
func (t tlsTransport) SetDeadline(time.Time) error      { return nil }
func (t tlsTransport) SetReadDeadline(time.Time) error  { return nil }
func (t tlsTransport) SetWriteDeadline(time.Time) error { return nil }

// flush sends the pending output.
func (t *tlsConn) flush(w Wait) error {
	for {
		err := t.flushSome()
		if !errors.Is(err, ErrTimeout) || w.nonblocking() {
			return err
		}
		if err = t.conn.WaitWritable(w); err != nil {
			return err
		}
	}
}

// flushSome sends what the system accepts now. It returns ErrTimeout if some remains.
func (t *tlsConn) flushSome() error {
	t.writing.Lock()
	defer t.writing.Unlock()
	if len(t.out) == 0 {
		return nil
	}
	n, err := t.conn.writeRaw(t.out, nil, &NoWait)
	t.out = t.out[:copy(t.out, t.out[n:])]
	if len(t.out) == 0 && cap(t.out) > maxPlaintext/2 {
		t.out = nil // many connections may be open and idle
	}
	return err
}

func (t *tlsConn) unsent() bool {
	t.writing.Lock()
	defer t.writing.Unlock()
	return len(t.out) > 0
}
