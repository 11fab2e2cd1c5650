package socket

import (
	"encoding/binary"
	"os"
	"strconv"
	"sync"
)

// privileged reports whether the program has more rights than who started it, as the
// system said at its start (AT_SECURE, getauxval(3)): by its owner's rights, or by
// capabilities of its file.
var privileged = sync.OnceValue(func() bool {
	const secure, word = 23, strconv.IntSize / 8
	vector, err := os.ReadFile("/proc/self/auxv")
	number := func(b []byte) uint64 {
		if word == 4 {
			return uint64(binary.NativeEndian.Uint32(b))
		}
		return binary.NativeEndian.Uint64(b)
	}
	for ; err == nil && len(vector) >= 2*word; vector = vector[2*word:] {
		if number(vector) == secure {
			return number(vector[word:]) != 0
		}
	}
	return true // such a program may not read it
})
