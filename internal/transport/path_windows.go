package transport

import "fmt"

const longestPath = 107

var errNoUnix = fmt.Errorf("%w: Unix-domain sockets; use an address and a port", ErrUnsupported)

func dialUnix(string) (*Conn, error) { return nil, errNoUnix }

func listenUnix(string) (*Listener, error) { return nil, errNoUnix }

// socketFile is the file of a listener's Unix-domain socket, which never is.
type socketFile struct{ path string }

func (socketFile) remove() {}
