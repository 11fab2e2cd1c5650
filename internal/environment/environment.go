// Package environment is the list of the variables that the library reads from the
// environment. The documentation is generated from it. Nothing else in the library reads a
// variable; a test checks that.
package environment

import "os"

// Name is the name of a variable.
type Name string

// The variables that the library itself reads.
const (
	Trace      Name = "OBE_TRACE"
	TraceLimit Name = "OBE_TRACE_LIMIT"
	Procs      Name = "GOMAXPROCS"
	Preload    Name = "LD_PRELOAD"
)

// Get returns the value of a variable, or "".
func Get(name Name) string { return os.Getenv(string(name)) }

// Variable is a row of the table.
type Variable struct {
	Name Name
	Doc  string
}

// Variables are those that matter to a user, in the order of the documentation. The last
// ones are read by the parts of Go that the library contains.
var Variables = []Variable{
	{Trace, "The path of a file to which every message of every socket is written; see the option trace. It is read when a socket is created. A program with more rights than the user that started it (setuid) ignores it."},
	{TraceLimit, "The size in bytes at which that file is renamed; see the option trace_limit. A value that is not a whole number of at least 4194304 is ignored."},
	{Procs, "How many threads run Go code at the same time. The default is the number of processors, and at least 8, since a call that waits occupies one for a moment."},
	{"GOTRACEBACK", "What Go's runtime prints when it ends the process: none, single, all, system, or crash, which also leaves a core file."},
	{"SSL_CERT_FILE", "The file with the system's certificates, which a client with the option tls trusts if tls_ca is not set. Not on Windows and macOS."},
	{"SSL_CERT_DIR", "Directories with the system's certificates, separated by colons. Not on Windows and macOS."},
}
