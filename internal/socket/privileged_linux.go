package socket

import (
	"sync"

	"golang.org/x/sys/unix"
)

// privileged reports whether the program has more rights than who started it, as the
// system said at its start (AT_SECURE, getauxval(3)): by its owner's rights, or by
// capabilities of its file.
var privileged = sync.OnceValue(func() bool {
	const secure = 23
	vector, _ := unix.Auxv()
	for _, pair := range vector {
		if pair[0] == secure {
			return pair[1] != 0
		}
	}
	return true // it is not known
})
