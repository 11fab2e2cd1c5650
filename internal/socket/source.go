package socket

// source is what the frames of a connection are read from, in one turn of it. Only the
// leader uses it.
type source struct {
	server     *Server
	conn       *serverConn
	budget     int   // bytes that may still be read in this turn
	progressed bool  // this turn has read something
	ended      error // why there is nothing more to read, if that is known; Read returns it
}

// readQuantum is how much of one connection is read, or sent to it, before the others
// get their turn.
const readQuantum = 1 << 20

// begin starts the turn of a connection.
func (r *source) begin(c *serverConn, ended error) {
	r.conn, r.budget, r.progressed, r.ended = c, readQuantum, false, ended
}

// Read reads available data without waiting, up to the budget of the turn. The turn ends
// early if the leader's call has to end.
func (r *source) Read(b []byte) (int, error) {
	if r.progressed && r.server.turns.leader.due() != nil {
		r.budget = 0
	}
	if r.budget <= 0 {
		return 0, ErrTimeout
	}
	if r.ended != nil {
		return 0, r.ended
	}
	c := r.conn
	if c.peeked {
		b[0], c.peeked, r.progressed = c.peekedByte, false, true
		return 1, nil
	}
	b = b[:min(len(b), r.budget, maxRead)]
	n, err := c.conn.TryRead(b)
	if n > 0 {
		r.progressed = true
		r.server.counters.bytesReceived.Add(int64(n))
		if r.budget -= n; n < len(b) && !c.conn.Secure() {
			r.budget = 0 // the next read would return EAGAIN
		}
	}
	return n, err
}
