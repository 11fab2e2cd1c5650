package socket

// unsent is the rest of replies to one connection, as copies, in order.
type unsent struct{ parts [][]byte }

func (u *unsent) isEmpty() bool { return len(u.parts) == 0 }

// add appends a part. With TLS the rest of a reply may be empty: its last bytes are
// encrypted already.
func (u *unsent) add(part []byte) {
	if len(part) > 0 {
		u.parts = append(u.parts, part)
	}
}

// front returns the next bytes to send, at most n.
func (u *unsent) front(n int) []byte {
	if u.isEmpty() {
		return nil
	}
	return u.parts[0][:min(len(u.parts[0]), n)]
}

// advance removes n bytes of front. It reports whether that freed the memory of a part,
// which is held until its last byte is sent.
func (u *unsent) advance(n int) (freed bool) {
	if n == 0 {
		return false
	}
	u.parts[0] = u.parts[0][n:]
	if len(u.parts[0]) > 0 {
		return false
	}
	u.parts = u.parts[1:]
	return true
}

// memory returns how many bytes the parts hold, if the first one is whole.
func (u *unsent) memory() (bytes int) {
	for _, part := range u.parts {
		bytes += cap(part)
	}
	return bytes
}

func (u *unsent) clear() { u.parts = nil }
