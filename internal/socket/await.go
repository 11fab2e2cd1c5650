package socket

import "time"

// Await waits until a message can be received, and leaves it to the call that receives
// next. The result is for comparison only. A message that has to wait for the reply to the
// one before is not there yet.
func (s *Server) Await(timeout time.Duration) (*Message, error) {
	call, err := s.begin("await", timeout)
	if err != nil {
		return nil, err
	}
	defer s.end(call)
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.next(call, nil, nil)
	if err != nil {
		return nil, call.wrap(s.Name(), err)
	}
	m.awaited = true
	s.kept = m
	return m, nil
}
