package diagram

import (
	"fmt"
	"html"
	"strings"
)

// look is how wires of a kind are drawn: by colour, and by a pattern for readers who do not
// see the colour.
type look struct{ class, name, dashes string }

var looks = map[Kind]look{
	I32:       {"i32", "integer", ""},
	DBL:       {"dbl", "DBL", ""},
	Boolean:   {"bool", "Boolean", "2 2"},
	String:    {"string", "String", "6 2"},
	Path:      {"path", "Path", "9 2 2 2"},
	Reference: {"ref", "reference", "12 3"},
	Error:     {"error", "error cluster", ""},
}

// style has a name in brackets for each colour.
const style = `
text { font: 12px "DejaVu Sans", Verdana, sans-serif; fill: [text]; }
.terminal { font-size: 11px; } .head { font-weight: bold; } .title { font-size: 15px; font-weight: bold; }
.ground { fill: [ground]; } .box { fill: [box]; stroke: [line]; } .bar { stroke: [line]; }
.note { fill: [note]; stroke: [line]; stroke-width: .5; } .frame { fill: none; stroke: [line]; }
.wire { fill: none; stroke-linejoin: round; } .core { stroke: [ground]; }
`

// light and dark are the colours of LabVIEW, darker or lighter where they would be hard to see
// on the ground.
var (
	light = palette{"ground": "#ffffff", "text": "#16181d", "box": "#f7f4e6", "line": "#4a4f59", "note": "#fff9c9",
		"i32": "#0000d8", "dbl": "#c25700", "bool": "#007a1f", "string": "#d1008b", "path": "#00707a", "ref": "#006b54", "error": "#74670a"}
	dark = palette{"ground": "#16181d", "text": "#eceef2", "box": "#2a2d35", "line": "#a5abb8", "note": "#3b3820",
		"i32": "#86a8ff", "dbl": "#ffa04d", "bool": "#57d678", "string": "#ff7fd0", "path": "#4fd3df", "ref": "#4fd6ae", "error": "#d9c84a"}
)

// palette is the colour of each name.
type palette map[string]string

// rules returns the style in these colours. They are not CSS variables, which some viewers of
// images do not know.
func (p palette) rules() string {
	rules := style
	for k := I32; k <= Error; k++ {
		rules += strings.ReplaceAll(".@ { stroke: [@]; } .fill-@ { fill: [@]; }\n", "@", looks[k].class)
	}
	for name, colour := range p {
		rules = strings.ReplaceAll(rules, "["+name+"]", colour)
	}
	return rules
}

// SVG returns the drawing, or the first mistake in it.
func (d *Diagram) SVG() ([]byte, error) {
	d.check()
	if d.err != nil {
		return nil, d.err
	}
	w := &writer{}
	width, height := d.size()
	legend := height + 14
	height += 34
	w.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="title desc">`, width, height, width, height)
	w.printf(`<title id="title">%s</title>`, html.EscapeString(d.title))
	w.printf(`<desc id="desc">%s</desc>`, html.EscapeString(d.description))
	w.printf("<style>%s@media (prefers-color-scheme: dark) {%s}</style>", light.rules(), dark.rules())
	w.printf(`<rect class="ground" width="%d" height="%d"/>`, width, height)
	w.text("title", 16, 26, d.title)
	w.text("", 16, 45, "A drawing, not a screenshot.")
	for _, f := range d.frames {
		w.frame(f)
	}
	for _, wire := range d.wires {
		w.wire(wire)
	}
	for _, dot := range d.junctions() {
		w.printf(`<circle class="fill-%s" cx="%d" cy="%d" r="3.5"/>`, looks[dot.kind.Kind].class, dot.path[0].x, dot.path[0].y)
	}
	for _, p := range d.nodes {
		w.object(p)
	}
	for _, l := range d.labels {
		w.label(l)
	}
	d.legend(w, legend)
	w.printf("</svg>")
	return []byte(w.String()), nil
}

type writer struct{ strings.Builder }

func (w *writer) printf(format string, arguments ...any) {
	fmt.Fprintf(w, format+"\n", arguments...)
}

func (w *writer) text(class string, x, y int, text string, attributes ...string) {
	w.printf(`<text class="%s" x="%d" y="%d"%s>%s</text>`, class, x, y, strings.Join(attributes, ""), html.EscapeString(text))
}

const (
	middle = ` text-anchor="middle"`
	end    = ` text-anchor="end"`
)

func (w *writer) wire(wire wire) {
	var points strings.Builder
	for _, p := range wire.path {
		fmt.Fprintf(&points, "%d,%d ", p.x, p.y)
	}
	l := looks[wire.kind.Kind]
	thickness := 2
	if wire.kind.Array || wire.kind.Kind == Error {
		thickness = 4
	}
	dashes := ""
	if l.dashes != "" {
		dashes = fmt.Sprintf(` stroke-dasharray="%s"`, l.dashes)
	}
	w.printf(`<polyline class="wire %s" stroke-width="%d"%s points="%s"/>`, l.class, thickness, dashes, strings.TrimSpace(points.String()))
	if wire.kind.Kind == Error { // a light core, as of the error cluster's wire
		w.printf(`<polyline class="wire core" stroke-width="1" stroke-dasharray="3 3" points="%s"/>`, strings.TrimSpace(points.String()))
	}
}

func (w *writer) object(p *Placed) {
	switch p.shape {
	case box:
		w.node(p)
	case constant, indicator:
		class := looks[p.kind().Kind].class
		thickness := 1.5
		if p.shape == indicator {
			thickness = 2.5
		}
		w.printf(`<rect class="ground %s" stroke-width="%.1f" x="%d" y="%d" width="%d" height="%d" rx="1"/>`, class, thickness, p.x, p.y, p.width, p.height)
		w.text("terminal", p.x+p.width/2, p.y+12, p.Title, middle)
	case tunnel:
		w.printf(`<rect class="fill-%s" x="%d" y="%d" width="10" height="10"/>`, looks[p.kind().Kind].class, p.x, p.y+3)
	case indexing:
		w.printf(`<rect class="ground %s" stroke-width="2" x="%d" y="%d" width="10" height="12"/>`, looks[p.kind().Kind].class, p.x, p.y+2)
		w.printf(`<path class="%s" stroke-width="1.5" d="M%d %dv8m4 0v-8" fill="none"/>`, looks[p.kind().Kind].class, p.x+3, p.y+4)
	case shiftLeft, shiftRight:
		w.shiftRegister(p)
	case selector:
		w.terminal(looks[p.kind().Kind].class, p.x, p.y-1, "?")
	}
}

// kind returns the type of an object with one terminal, or of a tunnel.
func (p *Placed) kind() Type { return append(p.Inputs, p.Outputs...)[0].Type }

func (w *writer) shiftRegister(p *Placed) {
	arrow := "M%d %dl7 -8h-14z" // down, at the left border
	y := p.y + 13
	if p.shape == shiftRight {
		arrow = "M%d %dl7 8h-14z"
		y = p.y + 3
	}
	class := looks[p.kind().Kind].class
	w.printf(`<rect class="ground %s" stroke-width="2" x="%d" y="%d" width="18" height="18"/>`, class, p.x-4, p.y-1)
	w.printf(`<path class="fill-%s" d="`+arrow+`"/>`, class, p.x+5, y)
}

func (w *writer) node(p *Placed) {
	w.printf(`<rect class="box" stroke-width="1.5" x="%d" y="%d" width="%d" height="%d" rx="2"/>`, p.x, p.y, p.width, p.height)
	w.printf(`<path class="bar" d="M%d %dh%d"/>`, p.x, p.y+titleRow, p.width)
	w.text("head", p.x+p.width/2, p.y+16, p.Title, middle)
	for _, t := range p.Inputs {
		at := p.In(t.Name)
		w.printf(`<rect class="fill-%s" x="%d" y="%d" width="5" height="10"/>`, looks[t.Type.Kind].class, p.x, at.y-5)
		w.text("terminal", p.x+9, at.y+4, t.Name)
	}
	for _, t := range p.Outputs {
		at := p.Out(t.Name)
		w.printf(`<rect class="fill-%s" x="%d" y="%d" width="5" height="10"/>`, looks[t.Type.Kind].class, p.Right()-5, at.y-5)
		w.text("terminal", p.Right()-9, at.y+4, t.Name, end)
	}
}

func (w *writer) frame(f frame) {
	switch f.structure {
	case forLoop:
		for i := range 3 {
			w.printf(`<rect class="frame" x="%d" y="%d" width="%d" height="%d"/>`, f.x+2*i, f.y+2*i, f.width-2*i, f.height-2*i)
		}
		w.terminal("i32", f.x+6, f.y+6, "N")
		w.terminal("i32", f.x+8, f.y+f.height-26, "i")
	case whileLoop:
		w.printf(`<rect class="frame" stroke-width="5" x="%d" y="%d" width="%d" height="%d" rx="9"/>`, f.x, f.y, f.width, f.height)
		w.terminal("i32", f.x+10, f.y+f.height-28, "i")
		w.printf(`<rect class="ground bool" stroke-width="1.5" x="%d" y="%d" width="18" height="18"/>`, f.x+f.width-30, f.y+f.height-31)
		w.printf(`<circle fill="#e0252b" cx="%d" cy="%d" r="6"/>`, f.x+f.width-21, f.y+f.height-22)
	case caseStructure:
		w.printf(`<rect class="frame" stroke-width="3" x="%d" y="%d" width="%d" height="%d"/>`, f.x, f.y, f.width, f.height)
		width := textWidth(f.text) + 44
		x := f.x + f.width - width - 20 // not in the middle, where wires enter
		w.printf(`<rect class="ground bar" x="%d" y="%d" width="%d" height="20"/>`, x, f.y-10, width)
		w.text("terminal", x+width/2, f.y+4, "\u25c2 "+f.text+" \u25be \u25b8", middle)
	}
}

// terminal draws a terminal of a loop.
func (w *writer) terminal(class string, x, y int, text string) {
	w.printf(`<rect class="ground %s" stroke-width="1.5" x="%d" y="%d" width="16" height="18"/>`, class, x, y)
	w.text("head", x+8, y+13, text, middle)
}

func (w *writer) label(l label) {
	w.printf(`<rect class="note" x="%d" y="%d" width="%d" height="%d" rx="2"/>`, l.x, l.y, l.width(), l.height())
	for i, line := range l.lines {
		w.text("terminal", l.x+7, l.y+17+15*i, line)
	}
}

// legend explains the wires of the drawing.
func (d *Diagram) legend(w *writer, y int) {
	used := map[Type]bool{}
	for _, wire := range d.wires {
		used[wire.kind] = true
	}
	x := 16
	for k := I32; k <= Error; k++ {
		for _, t := range []Type{{Kind: k}, Of(k)} {
			if !used[t] {
				continue
			}
			name := looks[k].name
			if t.Array {
				name += " array"
			}
			w.wire(wire{kind: t, path: []point{{x, y}, {x + 34, y}}})
			w.text("terminal", x+42, y+4, name)
			x += 42 + textWidth(name) + 22
		}
	}
}
