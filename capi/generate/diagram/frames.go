package diagram

// structure is the kind of a frame.
type structure int

const (
	forLoop structure = iota
	whileLoop
	caseStructure
)

// frame is a loop or a case.
type frame struct {
	structure
	x, y, width, height int
	text                string // the case that is shown
}

// Frame is a loop or a case on a diagram.
type Frame struct {
	frame
	d *Diagram
}

func (d *Diagram) frame(s structure, x, y, width, height int, text string) *Frame {
	f := frame{s, x, y, width, height, text}
	d.frames = append(d.frames, f)
	return &Frame{f, d}
}

// ForLoop places a For Loop.
func (d *Diagram) ForLoop(x, y, width, height int) *Frame {
	return d.frame(forLoop, x, y, width, height, "")
}

// WhileLoop places a While Loop.
func (d *Diagram) WhileLoop(x, y, width, height int) *Frame {
	return d.frame(whileLoop, x, y, width, height, "")
}

// Case places a case structure that shows one of its cases.
func (d *Diagram) Case(x, y, width, height int, shown string) *Frame {
	return d.frame(caseStructure, x, y, width, height, shown)
}

// X is the x coordinate at which the frame begins.
func (f *Frame) X() int { return f.x }

// Right is the x coordinate at which the frame ends.
func (f *Frame) Right() int { return f.x + f.width }

// Count is the count terminal of a For Loop, which is drawn with it.
func (f *Frame) Count() Port { return f.own(f.x, f.y+13, I32.In("N")) }

// Stop is the conditional terminal of a While Loop, which is drawn with it.
func (f *Frame) Stop() Port { return f.own(f.x+f.width-30, f.y+f.height-22, Boolean.In("stop")) }

func (f *Frame) own(x, y int, in Terminal) Port {
	return Port{object: &Placed{Node: Node{Title: "a loop"}, d: f.d}, Terminal: in, x: x, y: y}
}

// Selector places the terminal that selects the case, at the left border.
func (f *Frame) Selector(k Kind, y int) Port {
	p := f.d.single(selector, f.x-8, y, 16, "a case structure")
	p.Inputs = []Terminal{k.In("?")}
	return p.In("?")
}

// Enter places a tunnel at the left border of a frame, at height y. It returns its ends outside
// and inside.
func (f *Frame) Enter(t Type, y int) (outside, inside Port) { return f.tunnel(tunnel, f.x, y, t, t) }

// Leave places a tunnel at the right border. It returns its ends inside and outside.
func (f *Frame) Leave(t Type, y int) (inside, outside Port) {
	return f.tunnel(tunnel, f.x+f.width, y, t, t)
}

// EnterIndexing places a tunnel through which the elements of an array enter one by one.
func (f *Frame) EnterIndexing(k Kind, y int) (outside, inside Port) {
	return f.tunnel(indexing, f.x, y, Of(k), Type{Kind: k})
}

// ShiftIn places the left half of a shift register, and ShiftOut the right one.
func (f *Frame) ShiftIn(k Kind, y int) (outside, inside Port) {
	return f.tunnel(shiftLeft, f.x, y, Type{Kind: k}, Type{Kind: k})
}

// ShiftOut places the right half of a shift register.
func (f *Frame) ShiftOut(k Kind, y int) (inside, outside Port) {
	return f.tunnel(shiftRight, f.x+f.width, y, Type{Kind: k}, Type{Kind: k})
}

func (f *Frame) tunnel(s shape, x, y int, in, out Type) (Port, Port) {
	p := f.d.single(s, x-5, y, 10, "tunnel")
	p.Inputs, p.Outputs = []Terminal{{"in", in}}, []Terminal{{"out", out}}
	return p.In("in"), p.Out("out")
}
