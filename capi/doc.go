// Command capi is the C ABI of libobe, built with -buildmode=c-shared. It converts
// arguments, checks handles, and keeps errors and panics from reaching the caller. It
// contains no protocol logic.
//
// The one thing to know first: no parameter that C passes is a Go pointer. Handles and
// addresses arrive as integers (args.go), and a handle is looked up before it is used
// (handles.go).
//
//   - export_*.go: the exported functions, one file for each group. Their doc comments
//     become include/obe.h and the manual pages.
//   - export_command_bare.go, labview_commands_bare.go: generated from the table in
//     internal/command
//   - guard.go: how a body of an exported function is run: forked children, handle
//     lookup, recover, error messages
//   - args.go: C arguments to Go values, and results to C memory
//   - handles.go: the table of handles, and the quarantine of freed ones
//   - served_message.go: the handles of the messages that obe_serve receives
//   - statics.go, statics.c: memory in C that lives as long as the library
//   - libobe.map: the linker script that exports obe_* only
//   - capi.h, abi.c: the C types, and a generated copy of all prototypes, which the C
//     compiler compares with cgo's
//   - labview*.go, labview*.c: the functions of include/obe_labview.h and
//     obe_labview_extra.h. Their handles are plain ints.
//   - process_*: how the library fits into the process that loads it. entry: how C enters
//     Go and Go calls handlers, also under libgc; fork: how a forked child is detected;
//     descriptors: the limit of open files stays as it was; procs: GOMAXPROCS; wait:
//     blocking system calls in C; threadid: a thread's cached ID; modules: the libraries of
//     the process; copies: a second copy of this one is refused; arenas: no malloc arena for
//     Go's threads; pin: the DLL stays loaded; stack: the stack protector of the DLL
//   - testhooks.go: functions for tests, in builds with -tags obetest only
//   - version.go: the version, and the versioning policy
//   - status: the table of status codes
//   - generate: the generator of the headers, manual pages and tables
package main

//go:generate go run ./generate

// main is never called, but package main needs it.
func main() {}
