package main

// #include "capi.h"
import "C"

import (
	"time"
)

//obe:labview 2 Talk
//
// What these receive is kept in the handle, in the place of the message before,
// which is given up at the beginning: after a failure there is none.

// obe_lv_send sends one message, a JSON text.
//
// The text is checked first: nothing is connected for what is not JSON. A client
// opens a connection for each message, unless the option persistent is set. A
// server answers the message that obe_lv_receive gave this handle last, on whatever
// threads the calls are made. One loop receives and answers with a handle: where two
// loops receive at the same time, the status is OBE_E_STATE, and nothing is sent.
//
//export obe_lv_send
func obe_lv_send(handle C.int, json inText, timeout_ms C.int) C.int {
	return lvSend(handle, json, timeout_ms, 0)
}

func lvSend(handle C.int, json inText, timeout_ms C.int, instance lvSlot) C.int {
	const op = "send"
	return blocking(op, handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		body, err := lvText(op, "json", json)
		if err != nil {
			return err
		}
		return s.Send(body, limit)
	})
}

// obe_lv_receive receives one message and keeps it. message_size is the room that
// obe_lv_get_text needs for it.
//
// A client reads from the connection that its last obe_lv_send opened. A server
// takes the next complete message of any of its clients, and remembers whose it
// is. If the message before was not answered, and this one comes from another
// client, the connection of the one before is closed (option one_way). A timeout
// or cancel loses nothing: a message that has begun goes on at the next call.
//
//export obe_lv_receive
func obe_lv_receive(handle C.int, message_size outInt, timeout_ms C.int) C.int {
	return lvReceive(handle, message_size, timeout_ms, 0)
}

func lvReceive(handle C.int, message_size outInt, timeout_ms C.int, instance lvSlot) C.int {
	const op = "receive"
	return receiving(op, handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		n, err := s.Receive(limit)
		if err != nil {
			return err
		}
		return put(op, "message_size", message_size, n+1)
	}, result{"message_size", message_size})
}

// obe_lv_tcmd sends a command, a JSON text, receives the reply and keeps it.
// reply_size is the room that obe_lv_get_text needs for it. For clients.
//
// The timeout is for all of it. After OBE_E_TIMEOUT it is open whether the server
// carries the command out; a Python optbayesexpt server never answers a command
// that it does not know.
//
//export obe_lv_tcmd
func obe_lv_tcmd(handle C.int, json inText, reply_size outInt, timeout_ms C.int) C.int {
	return lvTcmd(handle, json, reply_size, timeout_ms, 0)
}

func lvTcmd(handle C.int, json inText, reply_size outInt, timeout_ms C.int, instance lvSlot) C.int {
	const op = "tcmd"
	return receiving(op, handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		body, err := lvText(op, "json", json)
		if err != nil {
			return err
		}
		n, err := s.Tcmd(body, limit)
		if err != nil {
			return err
		}
		return put(op, "reply_size", reply_size, n+1)
	}, result{"reply_size", reply_size})
}

// obe_lv_get_text copies the kept message, as JSON text, to text. See "Texts" above
// for text_cap and text_size. The message stays.
//
//export obe_lv_get_text
func obe_lv_get_text(handle C.int, text lvBuffer, text_cap C.int, text_size outInt) C.int {
	const op = "text"
	return onSession(op, handle, func(s *lvSession) error {
		message, err := s.Text()
		if err != nil {
			return err
		}
		return putText(op, "text", message, text, text_cap, text_size)
	}, result{"text_size", text_size})
}

// obe_lv_wait_ready asks {"command": "ready"} until the server answers, whatever
// it says. While nobody listens it tries again: so a program can start its server
// and go on as soon as that is up. For clients.
//
//export obe_lv_wait_ready
func obe_lv_wait_ready(handle, timeout_ms C.int) C.int {
	return lvWaitReady(handle, timeout_ms, 0)
}

func lvWaitReady(handle, timeout_ms C.int, instance lvSlot) C.int {
	return blocking("wait_ready", handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		return s.WaitReady(limit)
	})
}
