package diagram

// area is a rectangle.
type area struct{ left, top, right, bottom int }

func (a area) overlaps(b area) bool {
	return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
}

// borders returns the areas around the lines of a frame, in which its tunnels are.
func (f frame) borders() []area {
	const around = 7
	left, top, right, bottom := f.x-around, f.y-around, f.x+f.width+around, f.y+f.height+around
	return []area{{left, top, right, f.y + around}, {left, f.y + f.height - around, right, bottom},
		{left, top, f.x + around, bottom}, {f.x + f.width - around, top, right, bottom}}
}

// check fails if the drawing hides something: an object below another or below a frame, or a
// wire below a node.
func (d *Diagram) check() {
	type object struct {
		area
		title string
	}
	var objects []object
	for _, p := range d.nodes {
		if p.shape == box || p.shape == constant || p.shape == indicator {
			objects = append(objects, object{area{p.x, p.y, p.Right(), p.Bottom()}, p.Title})
		}
	}
	for _, l := range d.labels {
		objects = append(objects, object{area{l.x, l.y, l.x + l.width(), l.y + l.height()}, l.lines[0]})
	}
	for i, a := range objects {
		for _, b := range objects[:i] {
			if a.overlaps(b.area) {
				d.fail("%q is drawn over %q", a.title, b.title)
			}
		}
		for _, f := range d.frames {
			for _, border := range f.borders() {
				if border.overlaps(a.area) {
					d.fail("%q is at the border of a frame", a.title)
				}
			}
		}
		for _, w := range d.wires {
			for j := 1; j < len(w.path); j++ {
				p, q := w.path[j-1], w.path[j]
				part := area{min(p.x, q.x), min(p.y, q.y), max(p.x, q.x) + 1, max(p.y, q.y) + 1}
				inside := area{a.left + 1, a.top + 1, a.right - 1, a.bottom - 1}
				if part.overlaps(inside) {
					d.fail("the wire from %s is below %q", w.source.name(), a.title)
				}
			}
		}
	}
}
