package diagram

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
)

var (
	source = Node{Title: "source", Outputs: []Terminal{DBL.In("x"), I32.In("n"), Error.In("error out")}}
	sink   = Node{Title: "sink", Inputs: []Terminal{DBL.In("x"), Error.In("error in")}}
)

func TestDrawing(t *testing.T) {
	d := New("A <title>", "Two nodes & a loop")
	loop := d.ForLoop(200, 80, 300, 120)
	a, b := d.Place(20, 100, 3, source), d.Place(300, 100, 3, sink)
	outside, inside := loop.Enter(Type{Kind: DBL}, a.Out("x").Y())
	d.Wire(a.Out("x"), outside)
	d.Wire(inside, b.In("x"))
	d.Wire(a.Out("x"), d.Indicator(Type{Kind: DBL}, 140, 180, "copy"), a.Right()+10)
	d.Label(20, 220, "A comment")
	image, err := d.SVG()
	if err != nil {
		t.Fatal(err)
	}
	for decoder := xml.NewDecoder(strings.NewReader(string(image))); ; {
		if _, err := decoder.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"A &lt;title&gt;", "Two nodes &amp; a loop", "A drawing, not a screenshot", "prefers-color-scheme: dark", ">DBL<", "<circle"} {
		if !strings.Contains(string(image), text) {
			t.Errorf("the drawing does not have %q", text)
		}
	}
	if strings.Contains(string(image), ">integer<") {
		t.Error("the legend explains a wire that is not there")
	}
}

func TestMistakesAreReported(t *testing.T) {
	for want, draw := range map[string]func(*Diagram, *Placed, *Placed){
		`has no terminal "y"`:           func(d *Diagram, a, b *Placed) { d.Wire(a.Out("y"), b.In("x")) },
		`has no terminal "x" of that`:   func(d *Diagram, a, b *Placed) { d.Wire(a.In("x"), b.In("x")) },
		"different types":               func(d *Diagram, a, b *Placed) { d.Wire(a.Out("n"), b.In("x")) },
		"from an output to an input":    func(d *Diagram, a, b *Placed) { d.Wire(b.In("x"), a.Out("x")) },
		"horizontal part":               func(d *Diagram, a, b *Placed) { d.Wire(a.Out("x"), b.In("x"), 150, 80) },
		`"third" is drawn over "sink"`:  func(d *Diagram, _, b *Placed) { d.Place(b.X()+10, 100, 1, Node{Title: "third"}) },
		`"note" is drawn over "source"`: func(d *Diagram, _, _ *Placed) { d.Label(20, 110, "note") },
		`"sink" is at the border`:       func(d *Diagram, _, b *Placed) { d.Case(b.X()-50, 80, 60, 200, "True") },
		`source, x is below "between"`: func(d *Diagram, a, b *Placed) {
			d.Place(170, 100, 3, Node{Title: "between"})
			d.Wire(a.Out("x"), b.In("x"))
		},
	} {
		d := New("A drawing", "With a mistake")
		a, b := d.Place(20, 100, 3, source), d.Place(300, 100, 3, sink)
		draw(d, a, b)
		if _, err := d.SVG(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// Both palettes have each colour of the style. Texts and wires have the contrast that WCAG 2.1
// asks for: 4.5 for texts, 3 for graphics.
func TestPalettes(t *testing.T) {
	for _, p := range []palette{light, dark} {
		if rules := p.rules(); strings.ContainsAny(rules, "[]@") {
			t.Errorf("a colour is missing: %s", rules)
		}
		for _, ground := range []string{"ground", "box", "note"} {
			if c := contrast(t, p["text"], p[ground]); c < 4.5 {
				t.Errorf("text on %s: %.1f", ground, c)
			}
		}
		for k := I32; k <= Error; k++ {
			if c := contrast(t, p[looks[k].class], p["ground"]); c < 3 {
				t.Errorf("%s: %.1f", looks[k].name, c)
			}
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// luminance is the relative luminance of a colour as WCAG 2.1 defines it.
func luminance(t *testing.T, colour string) (sum float64) {
	t.Helper()
	var red, green, blue uint8
	if _, err := fmt.Sscanf(colour, "#%2x%2x%2x", &red, &green, &blue); err != nil {
		t.Fatal(colour, err)
	}
	for i, part := range []uint8{red, green, blue} {
		linear := float64(part) / 255
		if linear <= 0.04045 {
			linear /= 12.92
		} else {
			linear = math.Pow((linear+0.055)/1.055, 2.4)
		}
		sum += linear * []float64{0.2126, 0.7152, 0.0722}[i]
	}
	return sum
}
