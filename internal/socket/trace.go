package socket

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"libobe/internal/excerpt"
	"libobe/internal/trace"
	"libobe/internal/transport"
)

// traceFromEnvironment sets the options of the trace from the environment with which
// the process was started.
func (s *settings) traceFromEnvironment() {
	path, limit := trace.Environment()
	if path != "" && setTrace(s, path) == nil {
		s.traceRefused = trace.CheckBegun(s.trace)
		if n, err := parseInteger(limit, trace.MinLimit, 1<<62); err == nil {
			s.traceLimit = n
		}
	}
}

// checkTrace opens the trace file, so that setting the option fails if the file cannot be
// written to, or has something else.
func checkTrace(path string) error {
	path, err := absolute(path)
	if err != nil || path == "" {
		return err
	}
	return trace.CheckContinue(path)
}

// setTrace sets the path of the trace file.
func setTrace(s *settings, path string) error {
	path, err := absolute(path)
	if err == nil {
		s.trace, s.traceRefused = path, nil
	}
	return err
}

// maxPath is the largest length of a path on Linux.
const maxPath = 4095

// absolute returns the absolute path of a trace file: it stays the same when the host
// program changes its working directory.
func absolute(path string) (string, error) {
	if strings.IndexByte(path, 0) >= 0 {
		return "", fmt.Errorf("%w: %s contains a NUL byte", ErrArgument, excerpt.Quote(path))
	}
	if len(path) > maxPath {
		return "", fmt.Errorf("%w: the path is %d bytes long, and at most %d are possible", ErrArgument, len(path), maxPath)
	}
	if path == "" {
		return "", nil
	}
	whole, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("%w: %s cannot be made an absolute path: %w", ErrArgument, excerpt.Quote(path), err)
	}
	return whole, nil
}

// traceMessage writes a message to the trace. It may wait for the disk, so the caller
// holds no lock that calls on other connections wait for. An error is counted and
// stored, but does not fail the call.
func (c *core) traceMessage(call *call, role string, direction trace.Direction, conn *transport.Conn, body []byte) {
	now := time.Now()
	var took time.Duration
	if !call.began.IsZero() {
		took = now.Sub(call.began)
	}
	s := c.options()
	if s.trace == "" {
		return // it was turned off since the caller checked
	}
	err := s.traceRefused
	if err == nil {
		err = trace.Write(s.trace, s.traceLimit, trace.Record{
			Time: now, Process: os.Getpid(), Role: role, Direction: direction, Peer: conn.RemoteName(), Local: conn.LocalName(), Connection: conn.Number(), Elapsed: took, Body: body,
		})
	}
	if err != nil {
		c.counters.traceFailed.Add(1)
		c.traceErr.Store(&err)
	}
}

// traceError returns why a message was last missing from the trace.
func (c *core) traceError() string {
	if err := c.traceErr.Load(); err != nil {
		return (*err).Error()
	}
	return ""
}
