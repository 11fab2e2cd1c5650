//go:build unix

package natsserver

import "syscall"

// Stop stops the server as a debugger does: it neither reads from its connections nor closes them.
func (s *Server) Stop() { s.signal(syscall.SIGSTOP) }

// Continue lets a stopped server run.
func (s *Server) Continue() { s.signal(syscall.SIGCONT) }

// Quit ends the server in an orderly way, and waits until it has ended.
func (s *Server) Quit() {
	s.t.Helper()
	s.signal(syscall.SIGINT)
	<-s.ended
}

func (s *Server) signal(signal syscall.Signal) {
	s.t.Helper()
	if err := s.process.Process.Signal(signal); err != nil {
		s.t.Fatalf("nats-server at %d: %v: %v", s.Port, signal, err)
	}
}
