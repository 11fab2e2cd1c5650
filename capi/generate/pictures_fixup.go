package main

import "libobe/capi/generate/diagram"

func fixUp(lib *library) *sketch {
	s := newSketch(lib, "The fix-up VI",
		"Recursive File List finds the VIs of a folder. For each of them, Open VI Reference, a Property Node that makes it reentrant, the subVI Fix Nodes, "+
			"Save Instrument and Close Reference. Below, the subVI: a Property Node lists the nodes of the diagram, and for each one that is a "+
			"Call Library Function Node, Property Nodes set its path, its thread, and its callbacks if its name ends with _i.")
	const y, rows, bus = 118, 4, 92
	list := s.own(130, y, rows, "Recursive File List")
	open := s.own(list.Right()+130, y, rows, "Open VI Reference")
	vi := s.own(open.Right()+60, y, rows, "Property Node: VI")
	fix := s.Place(vi.Right()+70, y, rows, own("Fix Nodes", in(diagram.Reference.In("diagram"), diagram.Path.In("library path"), errorIn), in(errorOut)))
	save := s.own(fix.Right()+60, y, rows, "Invoke Node: VI, Save.Instrument")
	closing := s.own(save.Right()+40, y, rows, "Close Reference")
	loop := s.ForLoop(list.Right()+60, 72, closing.Right()+20-list.Right()-60, 196)
	handler := s.own(loop.Right()+40, y, rows, "Simple Error Handler")

	s.Wire(s.Constant(diagram.Path, 16, list.In("Folder Path").Y(), "folder"), list.In("Folder Path"))
	s.ConstantTo(list.In("pattern"), "*.vi")
	outside, file := loop.EnterIndexing(diagram.Path, list.Out("All Files in Dir").Y())
	s.Wire(list.Out("All Files in Dir"), outside)
	s.Wire(file, open.In("vi path"))
	after := s.shift(loop, list.Out("error out"), closing.Out("error out"), open.In("error in"))
	s.Wire(after, handler.In("error in"))
	s.chain(open, vi, fix, save, closing)
	s.Wire(open.Out("vi reference"), vi.In("reference"))
	s.ConstantTo(vi.In("Exec.IsReentrant"), "T")
	s.ConstantTo(vi.In("Exec.ReentrancyType"), "1")
	s.Wire(vi.Out("Diagram"), fix.In("diagram"), vi.Right()+36)
	s.Branch(vi.Out("reference out"), bus, save.In("reference"))
	s.Wire(save.Out("reference out"), closing.In("reference"))
	path := s.enter(loop, s.Constant(diagram.Path, 16, 226, "library path"))
	s.Wire(path, fix.In("library path"), fix.X()-14)

	s.fixNodes(300)
	return s
}

// fixNodes draws the subVI Fix Nodes, below the VI.
func (s *sketch) fixNodes(top int) {
	y, rows := top+80, 7
	s.Label(16, top, "The subVI Fix Nodes")
	list := s.own(120, y, 3, "Property Node: Diagram")
	specific := s.own(list.Right()+160, y, 3, "To More Specific Class")
	library := s.own(specific.Right()+150, y, rows, "Property Node: CallLibrary")
	match := s.own(library.Right()+90, y+62, 1, "Match Pattern")
	callbacks := s.own(match.Right()+180, y, rows, "Property Node: CallLibrary, callbacks")
	loop := s.ForLoop(list.Right()+40, top+10, callbacks.Right()+100-list.Right()-40, 298)
	found := s.Case(specific.Right()+40, top+34, callbacks.Right()+66-specific.Right()-40, 234, "No Error")
	suffix := s.Case(match.Right()+30, top+58, callbacks.Right()+30-match.Right()-30, 186, `"_i"`)

	s.Wire(s.Constant(diagram.Reference, 16, list.In("reference").Y(), "diagram"), list.In("reference"))
	outside, node := loop.EnterIndexing(diagram.Reference, specific.In("reference").Y())
	s.Wire(list.Out("Nodes[]"), outside, list.Right()+20)
	s.Wire(node, specific.In("reference"))
	s.ConstantTo(specific.In("target class"), "CallLibrary")
	s.Wire(specific.Out("error out"), found.Selector(diagram.Error, specific.Out("error out").Y()))

	s.Wire(s.enter(found, specific.Out("specific class reference")), library.In("reference"))
	s.ConstantTo(library.In("AnyThread"), "T")
	path := s.enter(found, s.enter(loop, s.Constant(diagram.Path, 16, y+116, "library path")))
	s.Wire(path, library.In("LibPath"), library.X()-50)
	s.Wire(library.Out("FuncName"), match.In("string"), library.Right()+20)
	s.ConstantTo(match.In("regular expression"), "_i$")
	s.Wire(match.Out("match substring"), suffix.Selector(diagram.String, match.Out("match substring").Y()))
	s.Wire(s.enter(suffix, library.Out("reference out")), callbacks.In("reference"))
	s.ConstantTo(callbacks.In("ReserveCallback"), s.function("obe_lv_reserve"))
	s.ConstantTo(callbacks.In("UnreserveCallback"), s.function("obe_lv_unreserve"))
	s.ConstantTo(callbacks.In("AbortCallback"), s.function("obe_lv_abort"))

	failed := library.In("error in").Y()
	s.Wire(s.Constant(diagram.Error, 16, list.In("error in").Y(), "error in"), list.In("error in"))
	before, inside := loop.ShiftIn(diagram.Error, failed)
	s.Wire(list.Out("error out"), before, list.Right()+20)
	s.Wire(s.enter(found, inside), library.In("error in"))
	s.Wire(s.enter(suffix, library.Out("error out")), callbacks.In("error in"))
	last, after := loop.ShiftOut(diagram.Error, failed)
	s.Wire(s.leave(found, s.leave(suffix, callbacks.Out("error out"))), last)
	s.Wire(after, s.Indicator(after.Type, loop.Right()+24, failed, "error out"))
	s.Label(16, top+322, "The case Error, for nodes that do not call a library, and the case of other names only pass the error of the loop on.")
}
