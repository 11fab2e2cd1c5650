package main

import (
	"fmt"
	"slices"

	"libobe/capi/generate/diagram"
)

// pictures returns the block diagrams for LabVIEW's users by their names below root.
func pictures(_ string, lib *library) (map[string][]byte, error) {
	out := map[string][]byte{}
	for name, draw := range map[string]func(*library) *sketch{
		"first-exchange":   firstExchange,
		"measurement-loop": measurementLoop,
		"ask-ahead":        askAhead,
		"server":           serverPicture,
		"tcp-nodes":        tcpNodes,
		"fix-up":           fixUp,
	} {
		s := draw(lib)
		if s.err != nil {
			return nil, s.err
		}
		image, err := s.SVG()
		if err != nil {
			return nil, err
		}
		out["bindings/labview/pictures/"+name+".svg"] = image
	}
	return out, nil
}

// sketch is a drawing whose nodes are looked up by their names.
type sketch struct {
	*diagram.Diagram
	lib *library
	err error // the first node that does not exist
}

func newSketch(lib *library, title, description string) *sketch {
	return &sketch{Diagram: diagram.New(title, description), lib: lib}
}

// vi places the VI that the import wizard makes of a function.
func (s *sketch) vi(x, y, rows int, function string) *diagram.Placed {
	n, err := wizardNode(s.lib, function)
	if err != nil && s.err == nil {
		s.err = err
	}
	return s.Place(x, y, rows, n)
}

// function returns the name of a function that exists.
func (s *sketch) function(name string) string {
	if !slices.ContainsFunc(nodeGroups(s.lib), func(g nodeGroup) bool {
		return slices.ContainsFunc(g.Nodes, func(n node) bool { return n.Name == name })
	}) && s.err == nil {
		s.err = fmt.Errorf("a picture names %s, which is not a function", name)
	}
	return name
}

// own places one of LabVIEW's own nodes.
func (s *sketch) own(x, y, rows int, title string) *diagram.Placed {
	n, found := ownNodes[title]
	if !found && s.err == nil {
		s.err = fmt.Errorf("labview_nodes.go does not have the node %q of a picture", title)
	}
	return s.Place(x, y, rows, n)
}

// instrument places the VI of the reader's own that measures at a setting.
func (s *sketch) instrument(x, y, rows int) *diagram.Placed {
	return s.Place(x, y, rows, own("your instrument", in(diagram.DBL.In("setting"), errorIn), in(diagram.DBL.In("measured"), errorOut)))
}

// enter wires an output to the inside of a frame, at its height.
func (s *sketch) enter(f *diagram.Frame, from diagram.Port) diagram.Port {
	outside, inside := f.Enter(from.Type, from.Y())
	s.Wire(from, outside)
	return inside
}

// leave wires an output inside a frame to the outside, at its height.
func (s *sketch) leave(f *diagram.Frame, from diagram.Port) diagram.Port {
	inside, outside := f.Leave(from.Type, from.Y())
	s.Wire(from, inside)
	return outside
}

// shift wires the error before a loop, at the begin and the end of a round, and returns the one
// after the loop.
func (s *sketch) shift(f *diagram.Frame, before, last, first diagram.Port) diagram.Port {
	outside, inside := f.ShiftIn(diagram.Error, first.Y())
	s.Wire(before, outside)
	s.Wire(inside, first)
	inside, outside = f.ShiftOut(diagram.Error, last.Y())
	s.Wire(last, inside)
	return outside
}

// chain wires the error from each node to the next.
func (s *sketch) chain(nodes ...*diagram.Placed) {
	for i := 1; i < len(nodes); i++ {
		s.Wire(nodes[i-1].Out("error out"), nodes[i].In("error in"))
	}
}
