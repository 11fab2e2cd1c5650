package socket

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"libobe/internal/excerpt"
	"libobe/internal/trace"
)

// traceFromEnvironment takes the settings of the trace from the environment, as
// the process was started with it. A program that has more rights than who
// started it writes no file of that one's choice.
func (s *settings) traceFromEnvironment() {
	if privileged() {
		return
	}
	if path := os.Getenv("OBE_TRACE"); path != "" && setTrace(s, path) == nil {
		if n, err := parseInteger(os.Getenv("OBE_TRACE_LIMIT"), trace.MinLimit, 1<<62); err == nil {
			s.traceLimit = n
		}
	}
}

// checkTrace opens the file of the trace, so that the one who sets it learns that it
// cannot be written to.
func checkTrace(path string) error {
	path, err := absolute(path)
	if err != nil || path == "" {
		return err
	}
	return trace.CheckPath(path)
}

// setTrace sets the file of the trace.
func setTrace(s *settings, path string) error {
	path, err := absolute(path)
	if err == nil {
		s.trace = path
	}
	return err
}

// maxPath is the length of the longest path of a trace; Linux accepts no longer ones.
const maxPath = 4095

// absolute returns the absolute path of a trace: a host program that changes its
// directory later finds it where it was.
func absolute(path string) (string, error) {
	if strings.IndexByte(path, 0) >= 0 {
		return "", fmt.Errorf("%w: there is a NUL inside %s", ErrArgument, excerpt.Quote(path))
	}
	if len(path) > maxPath {
		return "", fmt.Errorf("%w: the path has %d bytes, and may have %d at most", ErrArgument, len(path), maxPath)
	}
	if path == "" {
		return "", nil
	}
	whole, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("%w: %s has no place: %w", ErrArgument, excerpt.Quote(path), err)
	}
	return whole, nil
}

// note writes a message to the trace. It may have to wait for the disk, so the
// caller has no lock that calls on other connections wait for. A failure is
// counted, and nothing else.
func (b *base) note(call *call, role string, direction trace.Direction, peer string, body []byte) {
	now := time.Now()
	var took time.Duration
	if !call.began.IsZero() {
		took = now.Sub(call.began)
	}
	s := b.options()
	if s.trace == "" {
		return // it was turned off in this moment
	}
	err := trace.Write(s.trace, s.traceLimit, trace.Record{
		Time: now, Process: os.Getpid(), Role: role, Direction: direction, Peer: peer, Elapsed: took, Body: body,
	})
	if err != nil {
		b.counters.traceFailed.Add(1)
		b.untraced.Store(&err)
	}
}

// traceError returns why a message was last missing in the trace.
func (b *base) traceError() string {
	if err := b.untraced.Load(); err != nil {
		return (*err).Error()
	}
	return ""
}
