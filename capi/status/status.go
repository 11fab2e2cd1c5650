// Package status is the table of the codes that the C ABI returns, and the only mapping
// from errors to codes. The header, the Python exceptions and the documentation are
// generated from the table. It contains no error messages of calls; those come with the
// errors.
//
// The one thing to know first: the first match in byError wins, so the order of its rows
// matters.
package status

import (
	"errors"
	"io/fs"

	"libobe/internal/command"
	"libobe/internal/jsondoc"
	"libobe/internal/memory"
	"libobe/internal/session"
	"libobe/internal/socket"
	"libobe/internal/trace"
	"libobe/internal/transport"
	"libobe/internal/wire"
)

// Code is what a function of the C ABI returns: 0, or a negative number in LabVIEW's range
// of user-defined codes, -8999 to -8000, so that a VI can use it in an error cluster.
type Code int32

// Status is one row of the table.
type Status struct {
	Code   Code
	Name   string
	Text   string // what obe_strerror returns
	Python string // the built-in exception that the binding's class derives from, in addition to libobe.Error
}

// The codes. New ones are added at the end. A released code keeps its number and meaning.
const (
	OK          Code = 0
	Argument    Code = -8001
	Handle      Code = -8002
	State       Code = -8003
	Timeout     Code = -8004
	Cancelled   Code = -8005
	Closed      Code = -8006
	PeerClosed  Code = -8007
	Reset       Code = -8008
	Refused     Code = -8009
	Unreachable Code = -8010
	InUse       Code = -8011
	Permission  Code = -8012
	Frame       Code = -8013
	TooLarge    Code = -8014
	JSON        Code = -8015
	Buffer      Code = -8016
	NotFound    Code = -8017
	Type        Code = -8018
	Range       Code = -8019
	Busy        Code = -8020
	TLS         Code = -8021
	Forked      Code = -8022
	Unsupported Code = -8023
	IO          Code = -8024
	Memory      Code = -8025
	Internal    Code = -8026
	Reply       Code = -8027
)

// Unknown is the text for a number that is not a code.
const Unknown = "Unknown status code."

// Table has a row for every code.
var Table = []Status{
	{OK, "OBE_OK", "Success.", ""},
	{Argument, "OBE_E_ARGUMENT", "Invalid argument.", "ValueError"},
	{Handle, "OBE_E_HANDLE", "Invalid handle: wrong kind, or already freed.", "ValueError"},
	{State, "OBE_E_STATE", "Operation not valid in this role or state.", "RuntimeError"},
	{Timeout, "OBE_E_TIMEOUT", "Operation timed out.", "TimeoutError"},
	{Cancelled, "OBE_E_CANCELLED", "Operation cancelled.", ""},
	{Closed, "OBE_E_CLOSED", "Connection or handle closed locally.", "RuntimeError"},
	{PeerClosed, "OBE_E_PEER_CLOSED", "Peer closed the connection before the message was complete.", "RuntimeError"},
	{Reset, "OBE_E_RESET", "Connection reset by the peer, or lost.", "ConnectionResetError"},
	{Refused, "OBE_E_REFUSED", "Connection refused: no server is listening there.", "ConnectionRefusedError"},
	{Unreachable, "OBE_E_UNREACHABLE", "Host unreachable, or name resolution failed.", "OSError"},
	{InUse, "OBE_E_IN_USE", "Address and port in use by another server.", "OSError"},
	{Permission, "OBE_E_PERMISSION", "Permission denied.", "PermissionError"},
	{Frame, "OBE_E_FRAME", "Malformed frame: the peer does not speak the OBE protocol.", "ValueError"},
	{TooLarge, "OBE_E_TOO_LARGE", "Message larger than max_message.", "ValueError"},
	{JSON, "OBE_E_JSON", "Invalid JSON, or invalid UTF-8.", "ValueError"},
	{Buffer, "OBE_E_BUFFER", "Buffer too small; no data was lost.", "BufferError"},
	{NotFound, "OBE_E_NOT_FOUND", "No value at that JSON pointer.", "LookupError"},
	{Type, "OBE_E_TYPE", "Value has a different type.", "TypeError"},
	{Range, "OBE_E_RANGE", "Number out of range for the requested type.", "OverflowError"},
	{Busy, "OBE_E_BUSY", "Busy: another call on the handle did not finish in time.", ""},
	{TLS, "OBE_E_TLS", "TLS handshake or certificate verification failed.", "OSError"},
	{Forked, "OBE_E_FORKED", "Not usable in a forked child; start a new process instead.", "RuntimeError"},
	{Unsupported, "OBE_E_UNSUPPORTED", "Not supported on this platform or by this build.", "NotImplementedError"},
	{IO, "OBE_E_IO", "I/O error.", "OSError"},
	{Memory, "OBE_E_MEMORY", "Out of memory.", "MemoryError"},
	{Internal, "OBE_E_INTERNAL", "Internal error; please report it.", "RuntimeError"},
	{Reply, "OBE_E_REPLY", "Unexpected reply to the command.", "RuntimeError"},
}

// byError maps errors to codes. The first match wins, so more specific errors come first.
var byError = []struct {
	err  error
	code Code
}{
	{socket.ErrArgument, Argument},
	{transport.ErrAddress, Argument},
	{trace.ErrNotTrace, Argument},
	{trace.ErrVersion, Argument},
	{transport.ErrTLS, TLS},
	{transport.ErrUnsupported, Unsupported},
	{command.ErrReply, Reply},
	{jsondoc.ErrPointer, Argument},
	{jsondoc.ErrNotFound, NotFound},
	{jsondoc.ErrType, Type},
	{jsondoc.ErrRange, Range},
	{jsondoc.ErrText, JSON},
	{jsondoc.ErrDepth, JSON},
	{socket.ErrState, State},
	{socket.ErrCancelled, Cancelled},
	{socket.ErrTimeout, Timeout},
	{socket.ErrClosed, Closed},
	{socket.ErrPeerClosed, PeerClosed},
	{wire.ErrIncomplete, PeerClosed},
	{socket.ErrBuffer, Buffer},
	{socket.ErrBusy, Busy},
	{wire.ErrMalformed, Frame},
	{wire.ErrTooLarge, TooLarge},
	{transport.ErrRefused, Refused},
	{transport.ErrReset, Reset},
	{transport.ErrUnreachable, Unreachable},
	{transport.ErrInUse, InUse},
	{transport.ErrPermission, Permission},
	{transport.ErrExhausted, IO},
	{session.ErrEncoding, JSON},
	{memory.ErrMemory, Memory},
	{fs.ErrPermission, Permission}, // of a file; transport.ErrPermission is that of a socket
}

// Of returns the code of an error.
func Of(err error) Code {
	if err == nil {
		return OK
	}
	var syntax *jsondoc.SyntaxError
	var size *jsondoc.SizeError
	switch {
	case errors.As(err, &syntax):
		return JSON
	case errors.As(err, &size):
		return Buffer
	}
	for _, row := range byError {
		if errors.Is(err, row.err) {
			return row.code
		}
	}
	var system *transport.SystemError
	var file *fs.PathError
	if errors.As(err, &system) || errors.As(err, &file) {
		return IO
	}
	return Internal
}

// Find returns the row of a code.
func Find(code Code) (Status, bool) {
	for _, s := range Table {
		if s.Code == code {
			return s, true
		}
	}
	return Status{}, false
}
