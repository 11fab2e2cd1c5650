package trace

import (
	"sync"

	"golang.org/x/sys/unix"
)

// isSecureExec reports whether the program has more rights than the user that started
// it: it is a set-user-ID program, or its file has capabilities. The kernel decided that
// at the start (AT_SECURE, getauxval(3)).
var isSecureExec = sync.OnceValue(func() bool {
	const secure = 23
	vector, _ := unix.Auxv()
	for _, pair := range vector {
		if pair[0] == secure {
			return pair[1] != 0
		}
	}
	return true // unknown
})
