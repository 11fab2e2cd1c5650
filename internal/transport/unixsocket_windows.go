package transport

import "fmt"

// maxPath is that of Linux, so that the same addresses are valid.
const maxPath = 107

var errNoUnixSockets = fmt.Errorf("%w: Unix-domain sockets; use an address and a port", ErrUnsupported)

func dialUnix(string) (*Conn, error) { return nil, errNoUnixSockets }

func listenUnix(string) (*Listener, error) { return nil, errNoUnixSockets }

// socketFile is the file of a Unix-domain listener, of which there are none here.
type socketFile struct{ path string }

func (socketFile) remove() {}
