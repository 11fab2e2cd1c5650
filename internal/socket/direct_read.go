package socket

// directRead lets the leader read a message directly into the memory of its caller,
// which saves a copy. One connection at a time may use that memory: it is lent to the
// first one that is read, and stays with it while a part of its message is there. Only
// the leader uses it.
type directRead struct {
	dst   []byte      // the caller's memory; empty: none
	conn  *serverConn // the borrower; nil: none
	spare *Message    // to be used for the message that the call returns; nil: none
}

// begin offers the memory of the call that starts to lead.
func (d *directRead) begin(dst []byte) { d.dst = dst }

// lend returns the memory for a read from c, or nil if another connection uses it.
func (d *directRead) lend(c *serverConn) []byte {
	if d.conn != nil && d.conn != c {
		return nil
	}
	d.conn = c
	return d.dst
}

// reclaim takes the memory back after a read from c, unless a part of a message is in
// it.
func (d *directRead) reclaim(c *serverConn) {
	if d.conn == c && !c.frames.InCallerBuffer() {
		d.conn = nil
	}
}

// end copies a part of a message out of the memory, which then belongs to the caller
// alone again.
func (d *directRead) end() {
	if d.conn != nil {
		d.conn.frames.CopyOut()
	}
	*d = directRead{}
}
