package main

// #include "capi.h"
import "C"

import (
	"fmt"

	"libobe/internal/memory"
	"libobe/internal/session"
	"libobe/internal/socket"
)

//obe:labview 1 Create and free

// obe_lv_client_new creates a client for the server at address and port, and stores its
// handle in *handle.
//
// The client connects when something is sent. address is an IPv4 or IPv6 address or a
// host name. An empty address is this computer, 127.0.0.1. The default port of servers is
// 61981. Free the handle with obe_lv_free.
//
//export obe_lv_client_new
func obe_lv_client_new(address inText, port C.int, handle outInt) C.int {
	return obe_lv_client_new_i(address, port, handle, 0)
}

// obe_lv_client_new_i is obe_lv_client_new. The handle belongs to the node.
//
//export obe_lv_client_new_i
func obe_lv_client_new_i(address inText, port C.int, handle outInt, instance lvSlot) C.int {
	return lvNewSession("client_new", address, port, handle, instance, session.NewClient)
}

// obe_lv_server_new creates a server that listens on address and port, and stores its
// handle in *handle.
//
// Clients can connect immediately. Their messages wait for obe_lv_receive. An empty
// address accepts connections from this computer only, 127.0.0.1. "0.0.0.0" accepts them
// from every network, so that the server is reachable from outside. With port 0 the
// system chooses a port, which obe_lv_port returns. The lookup of a host name takes at
// most 10 s, and an abort does not end it. Free the handle with obe_lv_free.
//
//export obe_lv_server_new
func obe_lv_server_new(address inText, port C.int, handle outInt) C.int {
	return obe_lv_server_new_i(address, port, handle, 0)
}

// obe_lv_server_new_i is obe_lv_server_new. The handle belongs to the node.
//
//export obe_lv_server_new_i
func obe_lv_server_new_i(address inText, port C.int, handle outInt, instance lvSlot) C.int {
	return lvNewSession("server_new", address, port, handle, instance, session.NewServer)
}

// lvNewSession creates a session, which belongs to the node of instance if that is not 0.
func lvNewSession(op string, address inText, port C.int, handle outInt, instance lvSlot,
	create func(host string, port int) (*session.Session, error)) C.int {
	lvZeroResults([]lvResult{{"handle", handle}})
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
			if s.owner, _, err = lvEnsureInstance(op, instance); err != nil {
				return err
			}
		}
		if s.Session, err = create(text, int(port)); err != nil {
			return withOp(op, err)
		}
		h, err := lvSessions.Add(s)
		if err != nil {
			s.Free()
			return withOp(op, err)
		}
		// If the node's program has stopped in the meantime, its Unreserve did not see this
		// session, and nothing else would free it.
		if _, running := lvInstances.Find(s.owner); s.owner != 0 && !running {
			if _, removed := lvSessions.Remove(h); removed {
				s.Free()
			}
			return withOp(op, fmt.Errorf("%w: the program of this node has stopped", socket.ErrCancelled))
		}
		handle.put(int32(h))
		return nil
	}))
}

// obe_lv_free closes and frees a handle with everything that it holds. Freeing 0 does
// nothing. Calls that are blocked on the handle return OBE_E_CLOSED immediately. The
// number of a freed handle is never used again.
//
//export obe_lv_free
func obe_lv_free(handle C.int) C.int {
	const op = "free"
	return C.int(withoutHandle(op, func() error {
		if handle == 0 {
			return nil
		}
		s, ok := lvSessions.Remove(session.Handle(handle))
		if !ok {
			return lvInvalidHandle(op, handle)
		}
		s.free()
		return nil
	}))
}

func (s *lvSession) free() {
	s.failure.retire()
	s.Free()
}

// obe_lv_free_all frees every handle in the LabVIEW process: those that an aborted VI did
// not free, whose numbers are lost, and those of all other VIs and running programs. Call
// it at the start of a program that runs alone and may have been aborted before.
//
//export obe_lv_free_all
func obe_lv_free_all() C.int {
	return C.int(withoutHandle("free_all", func() error {
		lvFreeSessions(func(*lvSession) bool { return true })
		return nil
	}))
}

// lvFreeSessions frees the sessions that match accepts.
func lvFreeSessions(match func(*lvSession) bool) {
	for _, s := range lvSessions.RemoveAll(match) {
		s.free()
	}
}

// obe_lv_cancel wakes the calls that are blocked on the handle, which return
// OBE_E_CANCELLED. Later calls are not affected. If no call is blocked, it does nothing.
// It is for a Stop button in a separate loop.
//
//export obe_lv_cancel
func obe_lv_cancel(handle C.int) C.int {
	return lvCall("cancel", handle, func(s *lvSession) error {
		s.Cancel()
		return nil
	})
}

// obe_lv_set_option sets an option by its name. The options are listed at the end. value
// is a text: a whole number, 1 or 0 for on or off, or another text. With the option
// fields, the functions for commands send further members, such as {"instrument": "left"},
// so that a server can tell its clients apart. It applies to calls and
// connections that begin later.
//
//export obe_lv_set_option
func obe_lv_set_option(handle C.int, name, value inText) C.int {
	const op = "set_option"
	return lvCall(op, handle, func(s *lvSession) error {
		n, err := lvTextArg(op, "name", name)
		if err != nil {
			return err
		}
		v, err := lvTextArg(op, "value", value)
		if err != nil {
			return err
		}
		return withOp(op, s.SetOption(string(n), memory.String(v)))
	})
}

// obe_lv_get_option copies the value of an option or of a read-only property to value. See
// "Texts" above for value_cap and value_size. On a server, peer is the address of the
// client that sent the last message which obe_lv_receive received on the handle, on any
// thread; it stays after that client has disconnected.
//
//export obe_lv_get_option
func obe_lv_get_option(handle C.int, name inText, value lvBuffer, value_cap C.int, value_size outInt) C.int {
	const op = "get_option"
	return lvCall(op, handle, func(s *lvSession) error {
		n, err := lvTextArg(op, "name", name)
		if err != nil {
			return err
		}
		v, err := s.Option(string(n))
		if err != nil {
			return withOp(op, err)
		}
		return lvPutText(op, "value", v, value, value_cap, value_size)
	}, lvResult{"value_size", value_size})
}

// obe_lv_port stores the port on which a server listens in *port. If the server was
// created with port 0, the system has chosen it.
//
//export obe_lv_port
func obe_lv_port(handle C.int, port outInt) C.int {
	const op = "port"
	return lvCall(op, handle, func(s *lvSession) error {
		n, err := s.Port()
		if err != nil {
			return err
		}
		return lvPutInt(op, "port", port, n)
	}, lvResult{"port", port})
}
