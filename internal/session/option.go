package session

import (
	"libobe/internal/excerpt"
	"libobe/internal/memory"
)

// SetOption sets an option of the socket, or the code page.
func (s *Session) SetOption(name, value string) error {
	if name != CodePage {
		v, err := s.decodeValue(name, memory.Bytes(value))
		if err != nil {
			return err
		}
		return s.socket().SetOption(name, v)
	}
	p, err := findCodePage(value)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codePage = p
	return nil
}

// decodeValue converts the value of an option to UTF-8. That of fields is JSON.
func (s *Session) decodeValue(name string, value []byte) (string, error) {
	op, parameter := "option "+excerpt.Quote(name), "the value"
	if name == fieldsOption {
		value, err := s.DecodeJSON(op, parameter, value)
		if err == nil {
			err = s.requireUTF8(op, parameter, value)
		}
		return memory.String(value), err
	}
	return s.decodeUTF8(op, parameter, value)
}

// fieldsOption is the option whose value is JSON.
const fieldsOption = "fields"

// Option returns the value of an option or a property of the socket, or the code page, in
// the code page. On a server, peer is the client that sent the last message which this
// session received, also if that client has left.
func (s *Session) Option(name string) ([]byte, error) {
	switch {
	case name == CodePage:
		if p := s.currentCodePage(); p != nil {
			return []byte(p.name), nil
		}
		return []byte(CodePageDoc.Default), nil
	case name == "peer" && s.server != nil:
		return []byte(s.requestPeer()), nil
	}
	v, err := s.socket().Option(name)
	if err != nil {
		return nil, err
	}
	if name == fieldsOption {
		return s.EncodeJSON(memory.Bytes(v)), nil
	}
	return s.EncodeLossy(v), nil
}

// requestPeer returns the address of the client that sent the last message which this
// session of a server received, or "".
func (s *Session) requestPeer() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.request == nil {
		return ""
	}
	return s.request.Peer()
}
