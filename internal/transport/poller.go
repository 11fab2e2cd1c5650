package transport

// Interest is what a Poller waits for on a connection.
type Interest uint8

const (
	// Readable is for available data, or the end of the stream.
	Readable Interest = 1 << iota
	// Writable is for room in the send buffer.
	Writable
)

// maxEvents is the largest number of ids that one Wait of a Poller returns.
const maxEvents = 64

// Add registers a connection for readability.
func (p *Poller) Add(c *Conn, id uint64) error {
	fd, err := c.acquire()
	if err != nil {
		return err
	}
	defer c.release()
	return p.add(fd, id)
}

// Watch sets what a connection is registered for, and registers it if it is not
// registered yet. With an interest of 0 it removes the connection.
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

// Remove unregisters a connection. It must come before the connection's Close.
func (p *Poller) Remove(c *Conn) {
	if fd, err := c.acquire(); err == nil {
		p.remove(fd)
		c.release()
	}
}

// AddListener registers a listener for waiting connections.
func (p *Poller) AddListener(l *Listener, id uint64) error { return p.add(l.fd, id) }

// RemoveListener unregisters a listener.
func (p *Poller) RemoveListener(l *Listener) { p.remove(l.fd) }

// Wake ends the Wait in progress, or the next one.
func (p *Poller) Wake() { p.waker.Wake() }
