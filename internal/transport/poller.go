package transport

// Interest is what a Poller waits for on a connection.
type Interest uint8

const (
	// Readable is for bytes, or the end.
	Readable Interest = 1 << iota
	// Writable is for room to write.
	Writable
)

// Add begins to wait for bytes, or the end, of a connection.
func (p *Poller) Add(c *Conn, id uint64) error {
	fd, err := c.acquire()
	if err != nil {
		return err
	}
	defer c.release()
	return p.add(fd, id)
}

// Watch changes what is waited for on a connection, which is added if it is not there
// yet; without any interest it is removed.
func (p *Poller) Watch(c *Conn, id uint64, what Interest) error {
	fd, err := c.acquire()
	if err != nil {
		return err
	}
	defer c.release()
	if what == 0 {
		p.remove(fd)
		return nil
	}
	return p.watch(fd, id, what)
}

// Remove ends that. It must come before the connection's Close.
func (p *Poller) Remove(c *Conn) {
	if fd, err := c.acquire(); err == nil {
		p.remove(fd)
		c.release()
	}
}

// AddListener begins to wait for connections of a listener.
func (p *Poller) AddListener(l *Listener, id uint64) error { return p.add(l.fd, id) }

// RemoveListener ends that.
func (p *Poller) RemoveListener(l *Listener) { p.remove(l.fd) }

// Wake ends the wait under way, or the next one.
func (p *Poller) Wake() { p.waker.Wake() }
