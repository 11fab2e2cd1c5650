package trace

import "io"

// Stream writes messages to a writer, such as the standard output, instead of a file: the
// first line of the format, and then a line for each message, with one Write each. Only one
// goroutine at a time may use it.
type Stream struct {
	To    io.Writer
	begun bool
}

// Write writes a message.
func (s *Stream) Write(r Record) error {
	line, err := r.line()
	if err != nil {
		return err
	}
	if !s.begun {
		if _, err := s.To.Write(r.appendFirst(nil)); err != nil {
			return err
		}
		s.begun = true
	}
	_, err = s.To.Write(line)
	return err
}
