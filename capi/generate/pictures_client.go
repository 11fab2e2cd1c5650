package main

import "libobe/capi/generate/diagram"

// gap is the space between two nodes with constants before the second one.
const gap = 92

func firstExchange(lib *library) *sketch {
	s := newSketch(lib, "The first exchange",
		"obe_lv_client_new, obe_lv_wait_ready, obe_lv_goodset1, the instrument, obe_lv_newdat1 and obe_lv_free in a row. "+
			"The handle of the first node is wired to each of the others. The error wire goes through all of them.")
	const y, rows, bus = 100, 6, 76
	client := s.vi(120, y, rows, "obe_lv_client_new")
	ready := s.vi(client.Right()+gap, y, rows, "obe_lv_wait_ready")
	ask := s.vi(ready.Right()+gap, y, rows, "obe_lv_goodset1")
	measure := s.instrument(ask.Right()+40, y, rows)
	report := s.vi(measure.Right()+gap, y, rows, "obe_lv_newdat1")
	free := s.vi(report.Right()+50, y, rows, "obe_lv_free")
	handler := s.own(free.Right()+40, y, rows, "Simple Error Handler")

	s.ConstantTo(client.In("address"), "127.0.0.1")
	s.ConstantTo(client.In("port"), "61981")
	s.ConstantTo(ready.In("timeout_ms"), "10000")
	s.Branch(client.Out("handle"), bus, ready.In("handle"), ask.In("handle"), report.In("handle"), free.In("handle"))
	s.exchange(ask, measure, report, y)
	s.chain(client, ready, ask, measure, report, free, handler)
	s.Label(120, 248, "Each box is a VI of the import wizard, with the name of its function. -2 is the handle's own timeout, 60 s.",
		"After an error the VIs that follow do not run, so the handle stays open until LabVIEW quits.")
	return s
}

// exchange wires a question, the instrument and the report, whose tops are at height y.
func (s *sketch) exchange(ask, measure, report *diagram.Placed, y int) {
	s.ConstantTo(ask.In("pickiness"), "4")
	s.ConstantTo(ask.In("timeout_ms"), "-2")
	turn := ask.Right() + 16
	s.Wire(ask.Out("x"), measure.In("setting"))
	s.Wire(ask.Out("x"), report.In("x"), turn, y-9, measure.Right()+34)
	s.reportWith(measure, report)
}

// reportWith wires what was measured to the report, and its constants.
func (s *sketch) reportWith(measure, report *diagram.Placed) {
	s.Wire(measure.Out("measured"), report.In("y"), measure.Right()+16)
	s.ConstantTo(report.In("s"), "0.005")
	s.ConstantTo(report.In("timeout_ms"), "-2")
}

func measurementLoop(lib *library) *sketch {
	s := newSketch(lib, "The loop of a measurement",
		"A For Loop of 200 rounds with obe_lv_goodset1, the instrument and obe_lv_newdat1. After the loop obe_lv_tcmd asks for the mean, "+
			"and obe_lv_get_double reads its first number. The error is in a shift register of the loop.")
	const y, rows, bus = 134, 6, 104
	ask := s.vi(200, y, rows, "obe_lv_goodset1")
	measure := s.instrument(ask.Right()+40, y, rows)
	report := s.vi(measure.Right()+gap, y, rows, "obe_lv_newdat1")
	loop := s.ForLoop(112, 72, report.Right()+40-112, 214)
	mean := s.vi(loop.Right()+200, y, rows, "obe_lv_tcmd")
	first := s.vi(mean.Right()+gap, y, rows, "obe_lv_get_double")

	s.Wire(s.Constant(diagram.I32, 60, 85, "200"), loop.Count())
	handle := s.enter(loop, s.Constant(diagram.I32, 16, bus, "handle"))
	s.Branch(handle, bus, ask.In("handle"), report.In("handle"))
	s.Branch(s.leave(loop, handle), bus, mean.In("handle"), first.In("handle"))
	s.exchange(ask, measure, report, y)

	failed := s.Constant(diagram.Error, 16, ask.In("error in").Y(), "error in")
	s.Wire(s.shift(loop, failed, report.Out("error out"), ask.In("error in")), mean.In("error in"))
	s.chain(ask, measure, report)
	s.chain(mean, first)
	s.ConstantTo(mean.In("json"), `{"command": "getmean"}`)
	s.ConstantTo(mean.In("timeout_ms"), "-2")
	s.ConstantTo(first.In("pointer"), "/0")
	s.results(first, "value")
	s.Label(112, 300, "It belongs between obe_lv_wait_ready and obe_lv_free of the first exchange.")
	return s
}

// results places the indicators of the last node of a subVI.
func (s *sketch) results(last *diagram.Placed, value string) {
	for _, name := range []string{value, "error out"} {
		out := last.Out(name)
		s.Wire(out, s.Indicator(out.Type, last.Right()+40, out.Y(), name))
	}
}

func askAhead(lib *library) *sketch {
	s := newSketch(lib, "Asking ahead",
		"obe_lv_goodset_ask before a For Loop. In each round obe_lv_goodset_fetch reads the setting, obe_lv_goodset_ask asks for the next one, "+
			"and the instrument and obe_lv_newdat1 follow while the server computes.")
	const y, rows, bus = 134, 6, 104
	begin := s.vi(150, y, rows, "obe_lv_goodset_ask")
	fetch := s.vi(438, y, rows, "obe_lv_goodset_fetch")
	ask := s.vi(fetch.Right()+gap, y, rows, "obe_lv_goodset_ask")
	element := s.own(fetch.Right()+36, y+155, 1, "Index Array")
	measure := s.instrument(element.Right()+40, y, rows)
	report := s.vi(measure.Right()+gap, y, rows, "obe_lv_newdat1")
	loop := s.ForLoop(350, 72, report.Right()+40-350, 280)

	handle := s.Constant(diagram.I32, 16, bus, "handle")
	s.Branch(handle, bus, begin.In("handle"))
	inside := s.enter(loop, handle)
	s.Branch(inside, bus, fetch.In("handle"), ask.In("handle"), report.In("handle"))
	s.Wire(s.Constant(diagram.I32, 298, 85, "200"), loop.Count())
	for _, a := range []*diagram.Placed{begin, ask} {
		s.ConstantTo(a.In("pickiness"), "4")
		s.ConstantTo(a.In("timeout_ms"), "-2")
	}
	s.ConstantTo(fetch.In("x_cap"), "8")
	s.ConstantTo(fetch.In("timeout_ms"), "-2")
	s.Wire(fetch.Out("x"), element.In("n-dimension array"), fetch.Right()+14)
	s.Wire(element.Out("element or subarray"), measure.In("setting"), element.Right()+18)
	s.Wire(element.Out("element or subarray"), report.In("x"), element.Right()+18, y-9, measure.Right()+34)
	s.reportWith(measure, report)
	failed := s.Constant(diagram.Error, 16, begin.In("error in").Y(), "error in")
	s.Wire(failed, begin.In("error in"))
	s.chain(fetch, ask, measure, report)
	out := s.shift(loop, begin.Out("error out"), report.Out("error out"), fetch.In("error in"))
	s.Wire(out, s.Indicator(out.Type, loop.Right()+40, out.Y(), "error out"))
	s.Label(130, 368, "obe_lv_goodset_ask returns at once. The server computes the next setting while the instrument measures.",
		"A setting is based on all reports but the last one.")
	return s
}
