package main

import "libobe/capi/generate/diagram"

func serverPicture(lib *library) *sketch {
	s := newSketch(lib, "A server",
		"A While Loop with obe_lv_receive, whose timeout is 100 ms. Clear Errors clears the code of a timeout. If there was a message, "+
			"obe_lv_get_string reads its command, which selects a case. The case temperature replies with obe_lv_command_new, "+
			"obe_lv_set_double and obe_lv_send_message.")
	const y, rows, bus = 164, 5, 110
	receive := s.vi(194, y, rows, "obe_lv_receive")
	noMessage := s.own(receive.Right()+gap, y, rows, "Clear Errors")
	name := s.vi(noMessage.Right()+150, y, rows, "obe_lv_get_string")
	begin := s.vi(name.Right()+100, y, rows, "obe_lv_command_new")
	set := s.vi(begin.Right()+90, y, rows, "obe_lv_set_double")
	reply := s.vi(set.Right()+74, y, rows, "obe_lv_send_message")
	loop := s.WhileLoop(104, 72, reply.Right()+80-104, 326)
	message := s.Case(noMessage.Right()+40, 94, reply.Right()+50-noMessage.Right()-40, 246, "False")
	command := s.Case(name.Right()+40, 132, reply.Right()+20-name.Right()-40, 190, `"temperature"`)

	handle := s.enter(loop, s.Constant(diagram.I32, 16, bus, "handle"))
	s.Branch(handle, bus, receive.In("handle"))
	inMessage := s.enter(message, handle)
	s.Branch(inMessage, bus, name.In("handle"))
	inCommand := s.enter(command, inMessage)
	s.Branch(inCommand, bus, begin.In("handle"), set.In("handle"), reply.In("handle"))

	failed := s.Constant(diagram.Error, 16, receive.In("error in").Y(), "error in")
	s.chain(receive, noMessage)
	s.ConstantTo(receive.In("timeout_ms"), "100")
	s.ConstantTo(noMessage.In("specific error code to clear"), "-8004")
	s.Wire(noMessage.Out("specific error cleared?"), message.Selector(diagram.Boolean, noMessage.Out("specific error cleared?").Y()))
	s.Wire(s.enter(message, noMessage.Out("error out")), name.In("error in"))
	s.ConstantTo(name.In("pointer"), "/command")
	s.ConstantTo(name.In("text_cap"), "64")
	s.Wire(name.Out("text"), command.Selector(diagram.String, name.Out("text").Y()))
	s.Wire(s.enter(command, name.Out("error out")), begin.In("error in"))
	s.chain(begin, set, reply)
	s.ConstantTo(begin.In("command"), "")
	s.ConstantTo(set.In("key"), "value")
	s.ConstantTo(set.In("value"), "21.5")
	s.ConstantTo(reply.In("timeout_ms"), "1000")
	out := s.leave(message, s.leave(command, reply.Out("error out")))
	after := s.shift(loop, failed, out, receive.In("error in"))
	s.Wire(after, s.Indicator(after.Type, loop.Right()+24, after.Y(), "error out"))
	s.Wire(s.Constant(diagram.Boolean, loop.Right()-120, loop.Stop().Y(), "stop"), loop.Stop())
	s.Label(104, 412, "It belongs between obe_lv_server_new and obe_lv_free. The case True is empty: it passes the error on.",
		`Each command has a case. The default case replies with obe_lv_send and {"error": "unknown command"}.`)
	return s
}
