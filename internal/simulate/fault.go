package simulate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"libobe/internal/command"
	"libobe/internal/excerpt"
	"libobe/internal/socket"
	"libobe/internal/wire"
)

// maxReply is more than the reply to a report has.
const maxReply = 1 << 20

// Faults are what goes wrong on the side of the instrument.
type Faults struct {
	// Outliers is the share of the measured values that are wrong.
	Outliers float64
	// Drops is the share of the requests for a setting and of the reports after which the connection is cut before the reply
	// is read. The instrument asks again for a setting. It does not report the measurement again, which might count twice.
	Drops float64
	// Stall is how long the instrument stops in the middle of one message, the report halfway through the run; 0: not at all.
	Stall time.Duration
}

// drop sends a command and cuts the connection.
func (d *Designer) drop(request []byte) error {
	if err := d.client.Send(request, d.timeout); err != nil {
		return err
	}
	return d.client.Close()
}

// stall sends a command with a pause in the middle of it, and reports whether a reply came. A server may have closed the
// connection in the meantime: then it has not executed the command. A client of the library sends a message in one piece, so
// this has a connection of its own.
func (d *Designer) stall(ctx context.Context, request []byte, pause time.Duration) (answered bool, err error) {
	network, address := "tcp", d.client.Address()
	if path, isPath := strings.CutPrefix(address, "unix:"); isPath {
		network, address = "unix", path
	}
	dialer := net.Dialer{Timeout: d.timeout}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return false, fmt.Errorf("cannot connect to %s: %w", d.client.Address(), err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	header := wire.Header(len(request))
	frame := append(header[:], request...)
	half := len(frame) / 2
	_ = conn.SetDeadline(time.Now().Add(d.timeout))
	if _, err := conn.Write(frame[:half]); err != nil {
		return false, ctx.Err()
	}
	if err := wait(ctx, pause); err != nil {
		return false, err
	}
	_ = conn.SetDeadline(time.Now().Add(d.timeout))
	if _, err := conn.Write(frame[half:]); err != nil {
		return false, ctx.Err()
	}
	frames := wire.Reader{Limit: maxReply}
	reply, err := frames.Next(conn, nil)
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return false, fmt.Errorf("newdat with a pause in the middle: %w: no reply within %d ms", socket.ErrTimeout, d.timeout.Milliseconds())
	case errors.Is(err, wire.ErrMalformed), errors.Is(err, wire.ErrTooLarge):
		return false, fmt.Errorf("newdat with a pause in the middle: %w", err)
	case err != nil:
		return false, nil
	case string(bytes.TrimSpace(reply)) != `"OK"`:
		return false, fmt.Errorf("newdat with a pause in the middle: %w: %s", command.ErrReply, excerpt.Message(reply))
	}
	return true, nil
}

// wait returns early, with an error, when the program has to end.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
