package thread

// local returns the thread-local variable at an offset from the thread pointer.
//
//go:noescape
func local(offset uintptr) ID

// UseLocal replaces the system call that Current makes by a thread-local variable, which is
// zero until first, called on a thread, has set it to what it returns: the thread's number.
// It must come before the first call of Current. A read of the variable takes two
// instructions, and a call from Go to C 280.
func UseLocal(offset uintptr, first func() ID) {
	current = func() ID {
		if id := local(offset); id != 0 {
			return id
		}
		return first()
	}
}
