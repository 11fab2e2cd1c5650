// Package transport moves bytes: connections, listeners and their addresses, over
// TCP and Unix-domain sockets, in plain text or with TLS. It knows nothing of frames
// and messages, which are in package wire and the packages above it.
//
// The one thing to know first: the calling thread makes the system calls itself and,
// where it has to wait, blocks in poll. Package net would hand each wait to the
// runtime's network poller and be woken by it again, which costs more than the whole
// exchange on the loopback interface. So every descriptor here is non-blocking. A
// [Wait] specifies what ends a wait other than its descriptor: a deadline, and a [Waker],
// through which another thread ends it (cancel, close). A server waits for many
// descriptors at once with a [Poller].
//
// [Conn] also implements net.Conn. TLS is a layer between a Conn's methods and its
// descriptor (tls.go).
//
// What differs between systems is in the files with a system's name, the same set for
// each: errors, wait, waker, poller, socket and unixsocket.
package transport
