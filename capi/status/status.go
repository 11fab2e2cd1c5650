// Package status is the table of the codes that the C ABI returns, and the one
// function that gives an error its code. Header, Python exceptions and
// documentation are generated from the table.
package status

import (
	"errors"
	"io/fs"

	"libobe/internal/command"
	"libobe/internal/jsondoc"
	"libobe/internal/memory"
	"libobe/internal/session"
	"libobe/internal/socket"
	"libobe/internal/transport"
	"libobe/internal/wire"
)

// Code is what a function of the C ABI returns: 0, or a negative number of
// LabVIEW's user range -8999..-8000, so that a VI can put it into an error
// cluster as it is.
type Code int32

// Status is one row of the table.
type Status struct {
	Code   Code
	Name   string
	Text   string // what obe_strerror says; one sentence
	Python string // the built-in exception that the binding's derives from besides libobe.Error
}

// The codes. Append only: a code, once released, keeps its number and meaning.
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
	{Argument, "OBE_E_ARGUMENT", "An argument is not valid.", "ValueError"},
	{Handle, "OBE_E_HANDLE", "The handle is not one of this kind, or was freed.", "ValueError"},
	{State, "OBE_E_STATE", "The call does not fit the socket's role or state.", "RuntimeError"},
	{Timeout, "OBE_E_TIMEOUT", "The call did not end within its timeout.", "TimeoutError"},
	{Cancelled, "OBE_E_CANCELLED", "The call was ended by a cancel.", ""},
	{Closed, "OBE_E_CLOSED", "This side closed the connection or the handle.", "RuntimeError"},
	{PeerClosed, "OBE_E_PEER_CLOSED", "The peer closed the connection before the message was complete.", "RuntimeError"},
	{Reset, "OBE_E_RESET", "The connection broke: the peer reset it, or is gone.", "ConnectionResetError"},
	{Refused, "OBE_E_REFUSED", "Nobody listens at that address and port.", "ConnectionRefusedError"},
	{Unreachable, "OBE_E_UNREACHABLE", "The address cannot be reached, or the name not be resolved.", "OSError"},
	{InUse, "OBE_E_IN_USE", "The address and port are in use by another server.", "OSError"},
	{Permission, "OBE_E_PERMISSION", "The system does not permit it.", "PermissionError"},
	{Frame, "OBE_E_FRAME", "The peer sent something that is not a frame of this protocol.", "ValueError"},
	{TooLarge, "OBE_E_TOO_LARGE", "The message is larger than max_message.", "ValueError"},
	{JSON, "OBE_E_JSON", "The text is not valid JSON in UTF-8.", "ValueError"},
	{Buffer, "OBE_E_BUFFER", "The buffer is too small; nothing was lost.", "BufferError"},
	{NotFound, "OBE_E_NOT_FOUND", "The document has nothing at that pointer.", "LookupError"},
	{Type, "OBE_E_TYPE", "The value has another type than asked for.", "TypeError"},
	{Range, "OBE_E_RANGE", "The number does not fit the type asked for.", "OverflowError"},
	{Busy, "OBE_E_BUSY", "Another call uses the handle and did not end in time.", ""},
	{TLS, "OBE_E_TLS", "The peer's identity or encryption is not as required.", "OSError"},
	{Forked, "OBE_E_FORKED", "The library cannot be used in a forked child; start a new process instead.", "RuntimeError"},
	{Unsupported, "OBE_E_UNSUPPORTED", "This platform or build does not support it.", "NotImplementedError"},
	{IO, "OBE_E_IO", "The system reported another input or output failure.", "OSError"},
	{Memory, "OBE_E_MEMORY", "Out of memory.", "MemoryError"},
	{Internal, "OBE_E_INTERNAL", "A fault inside the library; please report it.", "RuntimeError"},
	{Reply, "OBE_E_REPLY", "The server's reply is not what the command has as its answer.", "RuntimeError"},
}

// byError pairs errors with their codes; the first match counts, so the more
// particular come first.
var byError = []struct {
	err  error
	code Code
}{
	{socket.ErrArgument, Argument},
	{transport.ErrAddress, Argument},
	{transport.ErrTLS, TLS},
	{transport.ErrUnsupported, Unsupported},
	{command.ErrReply, Reply},
	{jsondoc.ErrPointer, Argument},
	{jsondoc.ErrNotFound, NotFound},
	{jsondoc.ErrType, Type},
	{jsondoc.ErrRange, Range},
	{jsondoc.ErrText, JSON},
	{socket.ErrState, State},
	{socket.ErrCancelled, Cancelled},
	{socket.ErrTimeout, Timeout},
	{transport.ErrTimeout, Timeout},
	{socket.ErrClosed, Closed},
	{transport.ErrClosed, Closed},
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
	{fs.ErrPermission, Permission}, // of a file; that of a socket is transport's
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
