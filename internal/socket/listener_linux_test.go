package socket_test

import (
	"testing"

	"libobe/internal/socket"
)

// A listener that cannot be added again after a rest rests again. Its server neither
// burns the processor nor stays deaf once the system agrees.
func TestListenerCannotBeAddedAgain(t *testing.T) {
	s := newServer(t)
	remove := s.RestListener()
	expectRest(t, func() {
		_, err := s.Receive(nil, 10*moment)
		expectError(t, err, socket.ErrTimeout)
	})
	remove()
	p := dial(t, s)
	p.send("1")
	expectReceive(t, s, "1")
}
