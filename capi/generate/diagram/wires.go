package diagram

import "slices"

type point struct{ x, y int }

// wire is a wire with its corners, in the order from its source.
type wire struct {
	source Port
	kind   Type
	path   []point
}

// Wire joins an output and an input. Each number of bends is the coordinate of a straight part
// of the wire: first that of a vertical part, then that of a horizontal one, and so on. Without
// bends the wire is straight, or has one vertical part in the middle.
func (d *Diagram) Wire(from, to Port, bends ...int) {
	if !from.output || to.output {
		d.fail("the wire from %s to %s does not go from an output to an input", from.name(), to.name())
	}
	if from.Type != to.Type {
		d.fail("the wire from %s to %s joins different types", from.name(), to.name())
	}
	if len(bends) == 0 && from.y != to.y {
		bends = []int{(from.x + to.x) / 2}
	}
	if len(bends) > 0 && len(bends)%2 == 0 {
		d.fail("the wire from %s to %s ends with a horizontal part that has no place", from.name(), to.name())
	}
	at := point{from.x, from.y}
	path := []point{at}
	for i, bend := range bends {
		if i%2 == 0 {
			at.x = bend
		} else {
			at.y = bend
		}
		path = append(path, at)
	}
	path = append(path, point{at.x, to.y}, point{to.x, to.y})
	d.wires = append(d.wires, wire{from, from.Type, corners(path)})
}

// corners leaves out the points of a path at which it does not turn.
func corners(path []point) []point {
	path = slices.Compact(path)
	turns := path[:1:1]
	for i := 1; i < len(path)-1; i++ {
		a, b, c := path[i-1], path[i], path[i+1]
		if (a.x == b.x) != (b.x == c.x) {
			turns = append(turns, b)
		}
	}
	return append(turns, path[len(path)-1])
}

// Branch wires an output to several inputs by a horizontal line at height y, from which a
// vertical part leads to each input.
func (d *Diagram) Branch(from Port, y int, to ...Port) {
	for _, in := range to {
		d.Wire(from, in, from.x+8, y, in.x-10)
	}
}

func (p Port) name() string {
	if p.object == nil {
		return "nothing"
	}
	return p.object.Title + ", " + p.Terminal.Name
}

// junctions returns the points at which wires of the same source part.
func (d *Diagram) junctions() (dots []wire) {
	for _, a := range d.wires {
		for _, b := range d.wires {
			if a.source != b.source {
				continue
			}
			for _, corner := range a.path[1 : len(a.path)-1] {
				if b.passes(corner) {
					dots = append(dots, wire{a.source, a.kind, []point{corner}})
				}
			}
		}
	}
	return dots
}

// passes reports whether a point is on a straight part of the wire, between its corners.
func (w wire) passes(p point) bool {
	for i := 1; i < len(w.path); i++ {
		a, b := w.path[i-1], w.path[i]
		if a.x == b.x && p.x == a.x && min(a.y, b.y) < p.y && p.y < max(a.y, b.y) ||
			a.y == b.y && p.y == a.y && min(a.x, b.x) < p.x && p.x < max(a.x, b.x) {
			return true
		}
	}
	return false
}
