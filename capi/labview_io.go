package main

// #include "capi.h"
import "C"

import (
	"time"
)

//obe:labview 2 Send and receive
//
// The handle holds the last message received. A function that receives first drops that
// message, so that the handle holds no message after a failure.

// obe_lv_send sends one message, a JSON text.
//
// The text is validated before any connection is opened. A client opens a connection for
// each message, unless the option persistent is set. A server replies to the message that
// obe_lv_receive last received on this handle, regardless of the threads on which the
// calls are made. One loop receives and replies on a handle. If two loops receive at the
// same time, the status is OBE_E_STATE, and nothing is sent.
//
//export obe_lv_send
func obe_lv_send(handle C.int, json inText, timeout_ms C.int) C.int {
	return obe_lv_send_i(handle, json, timeout_ms, 0)
}

// obe_lv_send_i is obe_lv_send. The node's Abort callback ends it.
//
//export obe_lv_send_i
func obe_lv_send_i(handle C.int, json inText, timeout_ms C.int, instance lvSlot) C.int {
	const op = "send"
	return lvCallBlocking(op, handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		body, err := lvTextArg(op, "json", json)
		if err != nil {
			return err
		}
		return s.Send(body, limit)
	})
}

// obe_lv_receive receives one message, which the handle then holds. It stores in
// *message_size the size of the buffer that obe_lv_get_text needs for it.
//
// A client receives from the connection that its last obe_lv_send opened. A server
// receives the next complete message of any client. If it did not reply to the message
// before, and the next one comes from another client, it closes the connection of the
// earlier client, unless the option one_way is set. A timeout or a cancel loses nothing:
// the next call continues with a message that has partly arrived.
//
//export obe_lv_receive
func obe_lv_receive(handle C.int, message_size outInt, timeout_ms C.int) C.int {
	return obe_lv_receive_i(handle, message_size, timeout_ms, 0)
}

// obe_lv_receive_i is obe_lv_receive. The node's Abort callback ends it.
//
//export obe_lv_receive_i
func obe_lv_receive_i(handle C.int, message_size outInt, timeout_ms C.int, instance lvSlot) C.int {
	const op = "receive"
	return lvCallReceiving(op, handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		n, err := s.Receive(limit)
		if err != nil {
			return err
		}
		return lvPutInt(op, "message_size", message_size, n+1)
	}, lvResult{"message_size", message_size})
}

// obe_lv_tcmd sends a command, a JSON text, and receives the reply, which the handle then
// holds. It stores in *reply_size the size of the buffer that obe_lv_get_text needs for
// it. For clients only.
//
// The timeout applies to the whole exchange. After OBE_E_TIMEOUT the server may still
// execute the command. A Python optbayesexpt server never replies to an unknown command.
//
//export obe_lv_tcmd
func obe_lv_tcmd(handle C.int, json inText, reply_size outInt, timeout_ms C.int) C.int {
	return obe_lv_tcmd_i(handle, json, reply_size, timeout_ms, 0)
}

// obe_lv_tcmd_i is obe_lv_tcmd. The node's Abort callback ends it.
//
//export obe_lv_tcmd_i
func obe_lv_tcmd_i(handle C.int, json inText, reply_size outInt, timeout_ms C.int, instance lvSlot) C.int {
	const op = "tcmd"
	return lvCallReceiving(op, handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		body, err := lvTextArg(op, "json", json)
		if err != nil {
			return err
		}
		n, err := s.Tcmd(body, limit)
		if err != nil {
			return err
		}
		return lvPutInt(op, "reply_size", reply_size, n+1)
	}, lvResult{"reply_size", reply_size})
}

// obe_lv_get_text copies the last message, as JSON text, to text. See "Texts" above for
// text_cap and text_size. The handle continues to hold the message.
//
//export obe_lv_get_text
func obe_lv_get_text(handle C.int, text lvBuffer, text_cap C.int, text_size outInt) C.int {
	const op = "get_text"
	return lvCall(op, handle, func(s *lvSession) error {
		message, err := s.Text(op)
		if err != nil {
			return err
		}
		return lvPutText(op, "text", message, text, text_cap, text_size)
	}, lvResult{"text_size", text_size})
}

// obe_lv_wait_ready sends {"command": "ready"} until the server replies; any reply counts.
// While no server is listening, it tries again, so that a program can start its server and
// continue as soon as the server is ready. For clients only.
//
//export obe_lv_wait_ready
func obe_lv_wait_ready(handle, timeout_ms C.int) C.int {
	return obe_lv_wait_ready_i(handle, timeout_ms, 0)
}

// obe_lv_wait_ready_i is obe_lv_wait_ready. The node's Abort callback ends it.
//
//export obe_lv_wait_ready_i
func obe_lv_wait_ready_i(handle, timeout_ms C.int, instance lvSlot) C.int {
	return lvCallBlocking("wait_ready", handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		return s.WaitReady(limit)
	})
}
