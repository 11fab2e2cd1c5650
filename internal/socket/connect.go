package socket

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"libobe/internal/transport"
)

const (
	// firstShare is the time of the first attempt to connect to one of several
	// addresses: the Connection Attempt Delay of RFC 8305.
	firstShare = 250 * time.Millisecond
	// maxReadyShare bounds the shares of wait_ready, which has to retry each address
	// often: its server may have started in the meantime.
	maxReadyShare = 2 * time.Second
)

// attempt is the result of connecting to one address.
type attempt struct {
	at  netip.AddrPort
	err error // why it failed; errSilent: no answer; nil: not tried yet
}

var errSilent = errors.New("no answer")

// open connects to one of the addresses and sends the first frame. Each address gets a
// share of the time. When it has passed, open tries the next address. In each further
// round, every address that has not answered gets twice the time. Unlike RFC 8305 it
// makes one attempt at a time: if two succeeded at once, one of them would have to be
// closed without a message, and that ends a Python optbayesexpt server.
func (c *Client) open(call *call, wait transport.Wait, addresses []netip.AddrPort, body []byte) error {
	attempts := make([]attempt, 0, 2) // on the stack if two are enough
	for _, at := range addresses {
		attempts = append(attempts, attempt{at: at})
	}
	if call.share == 0 {
		call.share = firstShare
	}
	// wait_ready tries failed addresses again, too, and does not stay with one.
	retries := call.untilReady && len(addresses) > 1
	for left := len(attempts); left > 0; {
		turns, silent := left, false
		for i := range attempts {
			a := &attempts[i]
			if a.err != nil && a.err != errSilent {
				continue
			}
			var by time.Time // zero: the last remaining address may use all the time
			if left > 1 || retries {
				by = shareEnd(call.share, wait.Deadline, turns)
			}
			turns--
			err := c.connect(call, wait, by, a.at, body)
			if err == nil || !errors.Is(err, errNotConnected) {
				return err
			}
			if ended := call.ended(); ended != nil {
				return ended
			}
			if !errors.Is(err, ErrTimeout) {
				a.err = err
				left--
				continue
			}
			a.err, silent = errSilent, true
			if !wait.Deadline.IsZero() && !time.Now().Before(wait.Deadline) {
				return c.connectTimeout(attempts)
			}
		}
		if silent && !(retries && call.share >= maxReadyShare) {
			call.share *= 2
		}
		if retries && left < len(attempts) {
			break
		}
	}
	err := mostTelling(attempts)
	if list := c.describe(attempts); list != "" {
		err = &rewordedError{err, list}
	}
	return dialError{call.withHint(err, attempts)}
}

// connectTimeout is the error of a call whose deadline passed before a connection was
// established.
func (c *Client) connectTimeout(attempts []attempt) error {
	list := c.describe(attempts)
	if list != "" {
		list = " (" + list + ")"
	}
	return fmt.Errorf("%w: no connection within the timeout%s; the address may be wrong, or the server's accept queue full", ErrTimeout, list)
}

// shareEnd returns the end of an attempt to connect that is the first of several.
func shareEnd(share time.Duration, deadline time.Time, attempts int) time.Time {
	now := time.Now()
	if !deadline.IsZero() {
		share = min(share, max(0, deadline.Sub(now))/time.Duration(attempts))
	}
	return now.Add(share)
}

// describe lists the results of the attempts. The list is empty if there is only the
// address that the client was created with.
func (c *Client) describe(attempts []attempt) string {
	if len(attempts) == 1 && (!attempts[0].at.IsValid() || attempts[0].at.String() == c.address.String()) {
		return ""
	}
	const most = 4
	var texts []string
	more := 0
	for _, a := range attempts {
		switch {
		case a.err == nil:
		case len(texts) == most:
			more++
		default:
			texts = append(texts, a.at.String()+": "+a.err.Error())
		}
	}
	if more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, "; ")
}

// mostTelling returns the error that decides the status. The error of an address where
// a machine answered precedes that of an unreachable one.
func mostTelling(attempts []attempt) error {
	err, best := fmt.Errorf("%w: the name has no address", transport.ErrUnreachable), -1
	for _, a := range attempts {
		rank := 2
		switch {
		case a.err == nil || a.err == errSilent:
			continue
		case errors.Is(a.err, transport.ErrUnreachable):
			rank = 0
		case errors.Is(a.err, transport.ErrRefused):
			rank = 1
		}
		if rank > best {
			best, err = rank, a.err
		}
	}
	return err
}

// rewordedError is an error with another text.
type rewordedError struct {
	error
	text string
}

func (r *rewordedError) Error() string { return r.text }
func (r *rewordedError) Unwrap() error { return r.error }

// errNotConnected marks the failure of a connection attempt, after which another
// address may be tried.
var errNotConnected = errors.New("no connection")

type dialError struct{ error }

func (d dialError) Unwrap() error        { return d.error }
func (d dialError) Is(target error) bool { return target == errNotConnected }

// queueRetryInterval is how often a client tries again to enter the full accept queue
// of a Unix-domain socket.
const queueRetryInterval = 5 * time.Millisecond

// connect opens a connection and sends its first frame. The connection must be
// established by a time, unless that is zero.
func (c *Client) connect(call *call, wait transport.Wait, by time.Time, at netip.AddrPort, body []byte) error {
	options := c.options()
	dial := c.address.Dial
	if call.brief && options.tls == nil && len(call.head)+len(call.rest) <= transport.MaxBrief {
		dial = c.address.DialBrief
	}
	conn, err := dial(at, options.keepAlive)
	// If the queue is full, the system itself tries again on TCP, but leaves that to
	// the client on a Unix-domain socket.
	for errors.Is(err, transport.ErrQueueFull) {
		if call.sleep(queueRetryInterval) != nil {
			return dialError{ErrTimeout}
		}
		conn, err = dial(at, options.keepAlive)
	}
	if err != nil {
		return dialError{err}
	}
	conn.SetConnectDeadline(by)
	if options.tls != nil {
		if err := conn.StartTLS(options.tls, wait); err != nil {
			connecting := conn.Connecting()
			conn.Close()
			if !connecting && errors.Is(err, ErrTimeout) {
				return fmt.Errorf("%w: no TLS connection within the timeout; does the server speak TLS 1.3?", ErrTimeout)
			}
			return dialError{err}
		}
	}
	opened := &clientConn{client: c, conn: conn}
	opened.frames.init()
	c.mu.Lock()
	// The call may have been interrupted during the handshake. Without TLS the message
	// is sent all the same: a connection that is closed before its message ends a Python
	// optbayesexpt server.
	if options.tls != nil && call.cause != nil {
		c.mu.Unlock()
		conn.Close()
		return ErrClosed
	}
	if opened.orphan = call.cause == ErrClosed; !opened.orphan {
		c.conn = opened
	}
	c.mu.Unlock()
	err = c.write(call, opened, wait, body)
	if err != nil && conn.Connecting() {
		c.drop(opened)
		return dialError{err}
	}
	return err
}

// withHint adds to a refused connection what the caller can do about it.
func (c *call) withHint(err error, attempts []attempt) error {
	if !errors.Is(err, transport.ErrRefused) {
		return err
	}
	hint := "no server is listening there"
	if !c.untilReady {
		hint += "; use wait_ready to wait for one that is starting"
	}
	if slices.ContainsFunc(attempts, isRefusedElsewhere) {
		hint += `; a server is reachable only on its own machine, at 127.0.0.1, unless it was created with another address, such as "0.0.0.0"`
	}
	return fmt.Errorf("%w (%s)", err, hint)
}

// isRefusedElsewhere reports whether a connection was refused at an address at which a
// server that listens on the loopback interface is not reachable.
func isRefusedElsewhere(a attempt) bool {
	ip := a.at.Addr().Unmap()
	return errors.Is(a.err, transport.ErrRefused) && ip.IsValid() && !ip.IsLoopback() && !ip.IsUnspecified()
}
