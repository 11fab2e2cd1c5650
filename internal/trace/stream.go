package trace

import "io"

// Stream writes messages to a writer, such as the standard output, instead of a file: the
// first line of the format, and then a line for each message, with one Write each. After an
// error it can be used again: what was written of a line is then a line of its own, which
// readers skip. Only one goroutine at a time may use it.
type Stream struct {
	To    io.Writer
	begun bool
	cut   bool // the last line has no end
}

// Write writes a message.
func (s *Stream) Write(r Record) error {
	line, err := r.line()
	if err != nil {
		return err
	}
	if !s.begun {
		if err := s.write(r.appendFirst(nil)); err != nil {
			return err
		}
		s.begun = true
	}
	return s.write(line)
}

func (s *Stream) write(line []byte) error {
	if s.cut {
		line = append([]byte("\n"), line...)
	}
	n, err := s.To.Write(line)
	if n > 0 {
		s.cut = n < len(line)
	}
	return err
}
