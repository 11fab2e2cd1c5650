package transport

import (
	"fmt"
	"strings"

	"libobe/internal/excerpt"
)

// unixPrefix begins the address of a Unix-domain socket.
const unixPrefix = "unix:"

// checkPath reports whether a Unix-domain socket can have that path.
func checkPath(path string) error {
	switch {
	case !strings.HasPrefix(path, "/"):
		return fmt.Errorf("%w: %s is not unix: and an absolute path, such as unix:/run/obe.sock", ErrAddress, excerpt.Quote(unixPrefix+path))
	case strings.IndexByte(path, 0) >= 0:
		return fmt.Errorf("%w: there is a NUL inside %s", ErrAddress, excerpt.Quote(path))
	case len(path) > longestPath:
		return fmt.Errorf("%w: the path %s has %d bytes, and the system allows a socket %d", ErrAddress, excerpt.Quote(path), len(path), longestPath)
	}
	return nil
}
