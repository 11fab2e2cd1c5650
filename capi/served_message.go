package main

// #include "capi.h"
import "C"

import (
	"libobe/internal/jsondoc"
	"libobe/internal/socket"
)

// servedMessage creates the handles of the messages that one call of obe_serve receives, one
// after the other. Each gets a new handle, but usually the memory of the last one, which
// saves five allocations. A program may still use a handle when its handler has returned.
// Such a call finds that the handle was freed, or it has found its entry before. Then that
// memory is left to the garbage collector.
type servedMessage struct{ spare *servedEntry }

// servedEntry is what the handle of such a message refers to.
type servedEntry struct {
	handleEntry
	message  messageObject
	document jsondoc.Document
}

// handle calls the program's handler with a request, and frees the request.
func (s *servedMessage) handle(handler handlerFunc, request *socket.Message, user opaque) {
	e := s.spare
	if s.spare = nil; e == nil {
		e = &servedEntry{handleEntry: handleEntry{kind: kindMessage, counted: true}}
	}
	e.document.Reset(request.Body)
	e.message = messageObject{&e.document, request}
	e.object, e.freed, e.last = &e.message, false, ""
	h := handles.addEntry(&e.handleEntry)
	defer func() {
		if handles.removeEntry(&e.handleEntry) { // false if the handler has freed it
			s.spare = e
			request.Release()
		}
	}()
	C.capi_call(C.uintptr_t(handler), C.obe_message(h), C.uintptr_t(user))
}
