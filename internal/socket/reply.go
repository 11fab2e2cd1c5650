package socket

import (
	"cmp"
	"fmt"
	"time"

	"libobe/internal/trace"
	"libobe/internal/transport"
)

var (
	// errReplyTimeout is a reply that the client did not read in time. Its connection is
	// closed.
	errReplyTimeout = fmt.Errorf("%w: the client did not read the reply within message_timeout_ms", ErrTimeout)
	// errReplyBroken is what later replies to such a connection fail with. It is not a
	// timeout, which would suggest trying again.
	errReplyBroken = fmt.Errorf("%w, because the client did not read a whole reply in time", ErrClosed)
)

// maxWrite is how much of a reply is written before the call checks its deadline. With
// less, a message of 64 MB costs 10 % more CPU time.
const maxWrite = 4 << 20

// sending is a call that sends a reply, or one more message.
type sending struct {
	call    *call
	m       *Message    // that is answered; nil: none
	c       *serverConn // of the client
	holds   bool        // the call holds c.writing
	checked bool        // the connection is open, and replies before this one are sent
	frame   outgoingFrame
	begun   bool // sendFrame was called
	ended   bool // and has returned
}

// send sends body to the client that target returns: as the reply to the message that it
// returns and has marked with beginReply, or as one more message. target is called with
// core.mu held.
//
// Usually no other call sends to this client. Then core.mu is locked only twice, before
// the text is validated and after it was sent.
func (s *Server) send(op string, body []byte, timeout time.Duration, target func(*call) (*Message, *serverConn, error)) (err error) {
	var w sending
	defer func() { err = s.endSend(&w, err) }()
	if err = s.beginSend(&w, op, timeout, target); err != nil {
		return err
	}
	if err = w.call.encode(body, s.options().maxMessage); err != nil {
		return err
	}
	if !w.checked {
		if err = w.c.writing.lock(w.call); err != nil {
			return err
		}
		w.holds = true
		if err = s.checkSend(&w); err != nil {
			return err
		}
	}
	w.frame.head, w.frame.body, w.begun = w.call.head, w.call.rest, true
	err = s.sendFrame(w.call, w.c, &w.frame)
	s.counters.bytesSent.Add(int64(w.frame.sent))
	if err == nil && s.options().trace != "" {
		s.traceMessage(w.call, "server", trace.Sent, &w.c.conn, body)
	}
	w.ended = true
	return err
}

// beginSend registers the call. In the usual case it also locks c.writing.
func (s *Server) beginSend(w *sending, op string, timeout time.Duration, target func(*call) (*Message, *serverConn, error)) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.call, err = s.register(op, timeout); err != nil {
		return err
	}
	if w.m, w.c, err = target(w.call); err != nil {
		return err
	}
	if w.c.closeErr == nil && !w.c.outgoing.isRunning() && w.c.writing.tryLock() {
		w.holds, w.checked = true, true
	}
	return nil
}

// checkSend returns why nothing can be sent. The caller holds c.writing.
func (s *Server) checkSend(w *sending) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case w.c.closeErr != nil:
		return w.c.closeErr
	case w.c.closeWhenSent:
		return ErrClosed
	}
	w.frame.behind = w.c.outgoing.isRunning()
	return nil
}

// endSend settles the message, if it was answered, ends the call and returns its error.
func (s *Server) endSend(w *sending, err error) error {
	if w.call == nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.unregister(w.call) // also after a panic
	if w.begun && !w.ended {
		s.drop(w.c, ErrClosed) // after a panic it is unknown how much was sent
	} else if w.begun {
		err = s.settleSend(w, err)
	}
	if w.holds {
		w.c.writing.unlock()
	}
	if w.m != nil {
		w.m.endReply()
		if w.m.paired && w.m.isForgotten() {
			s.spare = w.m
		}
	}
	if err != nil && w.c != nil {
		err = w.call.wrap(w.c.conn.RemoteName(), err)
	}
	return err
}

// settleSend settles the message after its reply was sent, or closes the connection if a
// part of a frame was. core.mu is held.
func (s *Server) settleSend(w *sending, err error) error {
	c := w.c
	if err != nil {
		closeErr := c.closeErr
		if w.frame.sent > 0 || closeErr != nil || err != ErrTimeout && err != transport.ErrWoken {
			s.countUnread(c)
			reason := err
			if err == ErrTimeout || err == transport.ErrWoken || err == errReplyTimeout {
				reason = errReplyBroken // err is why this call ended, but not a later one
			}
			s.drop(c, reason)
		}
		return cmp.Or(closeErr, err)
	}
	s.counters.messagesSent.Add(1)
	if c.closeErr == nil {
		s.conns.touch(c)
	}
	if w.m != nil {
		w.m.settle(nil)
	} else if c.closeErr == nil {
		s.closeIfDone(c)
	}
	return nil
}

// outgoingFrame is a frame, or the rest of it, that a call sends.
type outgoingFrame struct {
	head, body []byte // not sent yet
	sent       int    // bytes that the system has accepted
	behind     bool   // bytes of earlier replies go first
}

func (f *outgoingFrame) len() int { return len(f.head) + len(f.body) }

// write writes a part of the frame without waiting. After nil there may be more.
func (f *outgoingFrame) write(conn *transport.Conn) error {
	n, err := conn.TryWriteFrame(f.head, f.body[:min(len(f.body), maxWrite)])
	f.sent += n
	skip := min(n, len(f.head))
	f.head, f.body = f.head[skip:], f.body[n-skip:]
	return err
}

// sendFrame sends a frame, or hands the rest of it over. Usually the system accepts all
// of it at once. The caller holds c.writing.
func (s *Server) sendFrame(call *call, c *serverConn, f *outgoingFrame) error {
	if !f.behind {
		// A non-blocking call does not begin a frame that it might have to break off.
		if call.timeout == 0 && !c.conn.Writable() {
			return ErrTimeout
		}
		err := f.write(&c.conn)
		if err == nil && f.len() == 0 || err != nil && err != ErrTimeout {
			return err
		}
	}
	return s.sendRest(call, c, f)
}

// sendRest sends the part of a frame that the system did not accept at once.
func (s *Server) sendRest(call *call, c *serverConn, f *outgoingFrame) error {
	wait, limited, err := s.replyWait(call)
	if err != nil {
		return err
	}
	s.beginSending(c)
	defer s.endSending(c)

	for noMemory := false; ; {
		err = s.sendMore(c, f)
		if err == nil && f.len() == 0 {
			return nil
		}
		if err == nil {
			// The system accepts all that is written, but the call may have to end.
			if err = call.due(); err == nil {
				continue
			}
			if call.timeout != 0 {
				return err
			}
		}
		if err != ErrTimeout {
			return err
		}
		fits := !noMemory && s.fits(f.len())
		if fits && (f.behind || call.timeout == 0) {
			if s.handOver(c, f) {
				return nil
			}
			noMemory = true
			continue
		}
		if call.timeout == 0 {
			return err
		}
		wait.Yield = nil
		if fits {
			wait.Yield = s.poller
		}
		err = c.conn.WaitWritable(call.withSpin(wait, &c.outbox.spin))
		switch {
		case err == nil:
		case err == transport.ErrYield:
			if s.handOver(c, f) {
				return nil
			}
			noMemory = true
		case err == ErrTimeout && limited:
			return errReplyTimeout
		default:
			return err
		}
	}
}

// sendMore sends what the system accepts of the unsent replies and of the frame. After
// nil there may be more of the frame.
func (s *Server) sendMore(c *serverConn, f *outgoingFrame) error {
	if f.behind {
		if err := s.flush(c); err != nil {
			return err
		}
		f.behind = false
	}
	return f.write(&c.conn)
}

// replyWait returns the Wait for the rest of a reply. limited reports whether
// message_timeout_ms ends it and not the timeout of the call.
func (s *Server) replyWait(call *call) (wait transport.Wait, limited bool, err error) {
	wait, err = s.wait(call)
	if err != nil {
		return wait, false, err
	}
	if limit := s.options().messageTimeout; limit >= 0 {
		if end := time.Now().Add(limit); wait.Deadline.IsZero() || end.Before(wait.Deadline) {
			wait.Deadline, limited = end, true
		}
	}
	return wait, limited, nil
}

// beginSending stops reading from a connection while a call waits for it.
func (s *Server) beginSending(c *serverConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.outbox == nil {
		c.outbox = &outbox{}
	}
	c.sending = true
	_ = s.updateInterest(c) // removing an interest does not fail
}

func (s *Server) endSending(c *serverConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.sending = false
	if c.closeErr == nil {
		s.resumeReading(c)
	}
}
