// Package diagram draws block diagrams in the conventions of LabVIEW: nodes with terminals,
// wires by type, loops and cases as frames. The result is an SVG image.
//
// A drawing cannot show a wiring that LabVIEW would break: a wire joins an output and an
// input of the same type. The first mistake of a drawing is the error that SVG returns.
package diagram

import "fmt"

// Type is the type of a terminal and of the wire at it.
type Type struct {
	Kind  Kind
	Array bool
}

// Kind is the type of a value, or of the elements of an array.
type Kind int

// The kinds, in the order of the legend.
const (
	I32 Kind = iota
	DBL
	Boolean
	String
	Path
	Reference
	Error // the error cluster
)

// Of returns the type of an array of a kind.
func Of(k Kind) Type { return Type{Kind: k, Array: true} }

// Terminal is an input or an output of a node.
type Terminal struct {
	Name string
	Type Type
}

// In returns a terminal of a scalar type.
func (k Kind) In(name string) Terminal { return Terminal{name, Type{Kind: k}} }

// Node is what can be placed on a diagram: its title and its terminals.
type Node struct {
	Title   string
	Inputs  []Terminal
	Outputs []Terminal
}

// Diagram is a drawing. Coordinates are pixels from the top left corner.
type Diagram struct {
	title, description string
	frames             []frame
	nodes              []*Placed
	wires              []wire
	labels             []label
	err                error
}

// New begins a drawing. The description tells a reader who does not see it what it shows.
func New(title, description string) *Diagram {
	return &Diagram{title: title, description: description}
}

func (d *Diagram) fail(format string, arguments ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("drawing %q: %s", d.title, fmt.Sprintf(format, arguments...))
	}
}

// shape is how an object is drawn.
type shape int

const (
	box shape = iota
	constant
	indicator
	tunnel
	indexing // a tunnel that takes an array apart, or collects one
	shiftLeft
	shiftRight
	selector
)

// Placed is an object on a diagram.
type Placed struct {
	Node
	d             *Diagram
	shape         shape
	x, y          int
	width, height int
}

// Port is an end of a wire.
type Port struct {
	object *Placed
	Terminal
	x, y   int
	output bool
}

const (
	row       = 18 // the height of a row of terminals
	titleRow  = 22
	character = 6.7 // the width of a character, at the size of the texts
	bold      = 1.2 // how much wider titles are
)

func textWidth(text string) int { return int(float64(len([]rune(text)))*character) + 1 }

// Place puts a node on the diagram. If it has error terminals, they are in its last row, and
// rows is the least count of rows, so that the error wire through a row of nodes is straight.
func (d *Diagram) Place(x, y, rows int, n Node) *Placed {
	p := &Placed{Node: n, d: d, x: x, y: y}
	rows = max(rows, len(n.Inputs), len(n.Outputs))
	widest := 0
	for i := range rows {
		left, right := p.label(n.Inputs, i, rows), p.label(n.Outputs, i, rows)
		w := textWidth(left) + textWidth(right) + 18
		if left != "" && right != "" {
			w += 12
		}
		widest = max(widest, w)
	}
	p.width = max(widest, int(float64(textWidth(n.Title))*bold)+16)
	p.height = titleRow + rows*row + 4
	d.nodes = append(d.nodes, p)
	return p
}

// label returns the name of the terminal in a row, or "".
func (p *Placed) label(terminals []Terminal, i, rows int) string {
	for t := range terminals {
		if rowOf(terminals, t, rows) == i {
			return terminals[t].Name
		}
	}
	return ""
}

// rowOf returns the row of a terminal: error terminals are in the last one.
func rowOf(terminals []Terminal, i, rows int) int {
	if terminals[i].Type.Kind == Error {
		return rows - 1
	}
	return i
}

// X is the x coordinate at which a node begins.
func (p *Placed) X() int { return p.x }

// Right is the x coordinate at which a node ends.
func (p *Placed) Right() int { return p.x + p.width }

// Bottom is the y coordinate at which a node ends.
func (p *Placed) Bottom() int { return p.y + p.height }

// In returns the input with a name.
func (p *Placed) In(name string) Port { return p.port(p.Inputs, name, false) }

// Out returns the output with a name.
func (p *Placed) Out(name string) Port { return p.port(p.Outputs, name, true) }

func (p *Placed) port(terminals []Terminal, name string, output bool) Port {
	for i, t := range terminals {
		if t.Name != name {
			continue
		}
		port := Port{object: p, Terminal: t, x: p.x, y: p.y + p.height/2, output: output}
		if p.shape == box {
			rows := (p.height - titleRow - 4) / row
			port.y = p.y + titleRow + rowOf(terminals, i, rows)*row + row/2
		}
		if output {
			port.x += p.width
		}
		return port
	}
	p.d.fail("%s has no terminal %q of that direction", p.Title, name)
	return Port{object: p}
}

// Y is the height of the end.
func (p Port) Y() int { return p.y }

// Constant places a constant, such that its wire begins at height y.
func (d *Diagram) Constant(k Kind, x, y int, text string) Port {
	p := d.single(constant, x, y, textWidth(text)+10, text)
	p.Outputs = []Terminal{{text, Type{Kind: k}}}
	return p.Out(text)
}

// ConstantTo places a constant at the left of an input, and wires it.
func (d *Diagram) ConstantTo(in Port, text string) {
	d.Wire(d.Constant(in.Type.Kind, in.x-textWidth(text)-30, in.y, text), in)
}

// Indicator places an indicator, whose wire ends at height y.
func (d *Diagram) Indicator(t Type, x, y int, name string) Port {
	p := d.single(indicator, x, y, textWidth(name)+14, name)
	p.Inputs = []Terminal{{name, t}}
	return p.In(name)
}

func (d *Diagram) single(s shape, x, y, width int, title string) *Placed {
	p := &Placed{Node: Node{Title: title}, d: d, shape: s, x: x, y: y - 8, width: width, height: 16}
	d.nodes = append(d.nodes, p)
	return p
}

// label is a text on the diagram.
type label struct {
	x, y  int
	lines []string
}

// Label places a comment on the diagram, one string for each of its lines.
func (d *Diagram) Label(x, y int, lines ...string) {
	d.labels = append(d.labels, label{x, y, lines})
}

func (l label) width() (widest int) {
	for _, line := range l.lines {
		widest = max(widest, textWidth(line))
	}
	return widest + 14
}

func (l label) height() int { return 15*len(l.lines) + 9 }

// size returns the size of the drawing without its legend.
func (d *Diagram) size() (width, height int) {
	for _, p := range d.nodes {
		width, height = max(width, p.Right()), max(height, p.Bottom())
	}
	for _, f := range d.frames {
		width, height = max(width, f.x+f.width), max(height, f.y+f.height)
	}
	for _, l := range d.labels {
		width, height = max(width, l.x+l.width()), max(height, l.y+l.height())
	}
	for _, wire := range d.wires {
		for _, p := range wire.path {
			width, height = max(width, p.x), max(height, p.y)
		}
	}
	return width + 16, height + 16
}
