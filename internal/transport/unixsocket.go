package transport

import (
	"fmt"
	"strings"

	"libobe/internal/excerpt"
)

// unixPrefix is the prefix of the address of a Unix-domain socket.
const unixPrefix = "unix:"

// checkPath returns an error for a path that a Unix-domain socket cannot have.
func checkPath(path string) error {
	switch {
	case !strings.HasPrefix(path, "/"):
		return fmt.Errorf("%w: %s is not unix: followed by an absolute path, such as unix:/run/obe.sock", ErrAddress, excerpt.Quote(unixPrefix+path))
	case strings.IndexByte(path, 0) >= 0:
		return fmt.Errorf("%w: %s contains a NUL byte", ErrAddress, excerpt.Quote(path))
	case len(path) > maxPath:
		return fmt.Errorf("%w: the path %s is %d bytes long; for a socket the system allows at most %d", ErrAddress, excerpt.Quote(path), len(path), maxPath)
	}
	return nil
}
