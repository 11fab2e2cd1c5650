// Command capi is the C ABI of libobe, built with -buildmode=c-shared. It
// translates and guards, and has no protocol logic:
//
//   - handles.go   what a C handle is, and why a stale one is harmless
//   - guard.go     panics, forked children, and the text of the last failure
//   - address.go   what C passes as pointers, which are integers here
//   - buffer.go    C memory and Go slices
//   - export_*.go  the exported functions, a file for each group; their doc
//     comments are what include/obe.h says
//   - labview*.go  the same for LabVIEW: handles that are plain integers, the
//     functions of include/obe_labview.h and obe_labview_extra.h, and LabVIEW's
//     own memory
//   - fork.go      how a forked child is recognised
//   - entry.c      how Go is entered, and what Boehm's garbage collector is told then
//   - wait_linux.* the system calls that wait, in C
//   - status       the table of status codes
//   - generate     the generator of include/obe.h and of the Python table
//
// The exported functions are checked against the headers by the C compiler: abi.c, which
// the generator writes with them, repeats each prototype, and cgo's own must agree.
package main

//go:generate go run ./generate

// main is never called: a c-shared library has none, but package main must.
func main() {}
