package main

// #include "capi.h"
import "C"

import (
	"fmt"

	"libobe/internal/session"
	"libobe/internal/socket"
)

//obe:labview 1 Open and close

// obe_lv_client_new makes a client of the server at address and port, and gives its
// handle.
//
// Nothing is connected until something is sent. address is an IPv4 or IPv6
// address or a host name; an empty one is this computer, 127.0.0.1. The server's
// port is 61981 unless it was told otherwise. Close the handle with
// obe_lv_free.
//
//export obe_lv_client_new
func obe_lv_client_new(address inText, port C.int, handle outInt) C.int {
	return open("client", address, port, handle, 0, session.NewClient)
}

// obe_lv_server_new makes a server that listens at address and port, and gives its
// handle.
//
// Clients can connect from then on; their messages wait until the first
// obe_lv_receive. An empty address is this computer only, 127.0.0.1; "0.0.0.0" is
// every network, where strangers can reach the server. Port 0 lets the system
// choose one, which obe_lv_port tells. A host name is looked up, for at most 10 s,
// which no abort ends. Close the handle with obe_lv_free.
//
//export obe_lv_server_new
func obe_lv_server_new(address inText, port C.int, handle outInt) C.int {
	return open("server", address, port, handle, 0, session.NewServer)
}

// open makes a session; a node that tells its instance owns it.
func open(op string, address inText, port C.int, handle outInt, instance lvSlot,
	create func(host string, port int) (*session.Session, error)) C.int {
	reset([]result{{"handle", handle}})
	return C.int(withoutHandle(op, func() error {
		if err := checkPointer(op, "handle", handle); err != nil {
			return err
		}
		text, err := addressArg(op, address)
		if err != nil {
			return err
		}
		s := &lvSession{}
		if instance != 0 {
			if s.owner, _, err = node(op, instance); err != nil {
				return err
			}
		}
		if s.Session, err = create(text, int(port)); err != nil {
			return withOp(op, err)
		}
		h, err := sessions.Add(s)
		if err != nil {
			s.Free()
			return withOp(op, err)
		}
		// A node whose program has stopped in the meantime has nobody to close it.
		if _, runs := instances.Find(s.owner); s.owner != 0 && !runs {
			if _, still := sessions.Remove(h); still {
				s.Free()
			}
			return withOp(op, fmt.Errorf("%w: the program of this node has stopped", socket.ErrCancelled))
		}
		handle.put(int32(h))
		return nil
	}))
}

// obe_lv_free closes a handle and whatever it holds; 0 is nothing. Calls that
// are blocked on the handle return OBE_E_CLOSED at once. A handle is closed once;
// its number is never used again.
//
//export obe_lv_free
func obe_lv_free(handle C.int) C.int {
	const op = "close"
	return C.int(withoutHandle(op, func() error {
		if handle == 0 {
			return nil
		}
		s, ok := sessions.Remove(session.Handle(handle))
		if !ok {
			return fmt.Errorf("%s: %w: %d was closed, or never was one", op, errInvalidHandle, handle)
		}
		s.close()
		return nil
	}))
}

// close frees what a handle stood for.
func (s *lvSession) close() {
	s.failure.retire()
	s.Free()
}

// obe_lv_free_all closes every handle there is in LabVIEW's process: those that an
// aborted VI has left open, of which nobody knows the numbers any more, and those of
// all other VIs, also of programs that are running beside. Call it first in a
// program that was aborted before and runs alone.
//
//export obe_lv_free_all
func obe_lv_free_all() C.int {
	return C.int(withoutHandle("close_all", func() error {
		closeAll(func(*lvSession) bool { return true })
		return nil
	}))
}

// closeAll closes the sessions that match says so of.
func closeAll(match func(*lvSession) bool) {
	for _, s := range sessions.RemoveAll(match) {
		s.close()
	}
}

// obe_lv_cancel wakes the calls that are blocked on the handle; they return
// OBE_E_CANCELLED. Later calls are not affected, and without a blocked call it
// does nothing. It is for a Stop button in a loop of its own.
//
//export obe_lv_cancel
func obe_lv_cancel(handle C.int) C.int {
	return onSession("cancel", handle, func(s *lvSession) error {
		s.Cancel()
		return nil
	})
}

// obe_lv_set_option sets an option by its name; the list of options is at the end.
// value is a text, such as a whole number, or 1 and 0 for on and off. It holds for
// calls and connections that begin later.
//
//export obe_lv_set_option
func obe_lv_set_option(handle C.int, name, value inText) C.int {
	const op = "set_option"
	return onSession(op, handle, func(s *lvSession) error {
		n, err := lvText(op, "name", name)
		if err != nil {
			return err
		}
		v, err := lvText(op, "value", value)
		if err != nil {
			return err
		}
		return withOp(op, s.SetOption(string(n), string(v)))
	})
}

// obe_lv_port gives the port that a server listens at; for port 0 at
// obe_lv_server_new it is the one that the system chose.
//
//export obe_lv_port
func obe_lv_port(handle C.int, port outInt) C.int {
	const op = "port"
	return onSession(op, handle, func(s *lvSession) error {
		n, err := s.Port()
		if err != nil {
			return err
		}
		return put(op, "port", port, n)
	}, result{"port", port})
}
