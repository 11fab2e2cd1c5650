package socket_test

import (
	"testing"

	"libobe/internal/socket"
)

// If the listener cannot be added again after a pause, another pause follows. The server
// does not use CPU time in the meantime, and accepts again once it can.
func TestListenerCannotBeAddedAgain(t *testing.T) {
	s := newServer(t)
	remove := s.PauseAccepting()
	expectIdle(t, func() {
		_, err := s.Receive(nil, 10*moment)
		expectError(t, err, socket.ErrTimeout)
	})
	remove()
	p := dial(t, s)
	p.send("1")
	expectReceive(t, s, "1")
}
