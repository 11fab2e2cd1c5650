package figure

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"libobe/internal/experiment"
)

// Each experiment of the gallery has a figure in both formats, and the same one each time.
func TestGallery(t *testing.T) {
	files, err := filepath.Glob("../../examples/experiments/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		e, err := experiment.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		var svg, again, picture bytes.Buffer
		for _, c := range []struct {
			to     io.Writer
			format Format
		}{{&svg, SVG}, {&again, SVG}, {&picture, PNG}} {
			if err := Predictions(c.to, c.format, e, 1); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
		}
		if !bytes.Equal(svg.Bytes(), again.Bytes()) {
			t.Errorf("%s: the figures of one seed differ", file)
		}
		isXML(t, file, svg.String())
		for _, s := range e.Settings {
			if !strings.Contains(svg.String(), s.Name) {
				t.Errorf("%s: the figure does not name %s", file, s.Name)
			}
		}
		image, err := png.Decode(&picture)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if size := image.Bounds().Size(); size.X < 500*len(e.Settings) || size.Y < 400 {
			t.Errorf("%s: the picture has %v", file, size)
		}
	}
}

func isXML(t *testing.T, name, text string) {
	t.Helper()
	for decoder := xml.NewDecoder(strings.NewReader(text)); ; {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// Models with infinite values, with one setting, without any finite value, and with a name
// that is special in XML.
func TestUnusualExperiments(t *testing.T) {
	const begin = "noise = 1\ntitle = '<&>'\n[parameters.a]\nprior = 'uniform'\nmin = -1\nmax = 1\n[settings.x]\nunit = '<µ&'\n"
	for name, rest := range map[string]string{
		"a gap":                "min = -1\nmax = 1\nsteps = 1000\n[model]\ny = 'sqrt(x) + a'",
		"some are not numbers": "min = -1\nmax = 1\nsteps = 11\n[model]\ny = 'sqrt(a) + x'",
		"one setting":          "values = [5]\n[model]\ny = 'a * x'",
		"nothing is finite":    "values = [5, 6]\n[model]\ny = 'a * x / 0 + log(-1)'",
		"nothing differs":      "values = [5, 6]\n[model]\ny = '0 * a * x'",
		"unordered":            "values = [6, 5, 9]\n[model]\ny = 'a * x'",
		"very large":           "values = [1e150, -1e150]\n[model]\ny = 'a * x * 1e150'",
		"one gap of one point": "values = [1, 2, 3]\n[model]\ny = 'a / (x - 2)'",
		"a logarithmic scale":  "min = 1e-9\nmax = 1e9\nsteps = 10\nscale = 'logarithmic'\n[model]\ny = 'a * x'",
		"several channels":     "min = 0\nmax = 1\nsteps = 3\n[settings.z]\nvalues = [1, 2]\n[model]\ny = 'a * x'\nw = 'z + a'",
	} {
		e, err := experiment.Parse("test.toml", []byte(begin+rest))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var svg bytes.Buffer
		if err := Predictions(&svg, SVG, e, 1); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		isXML(t, name, svg.String())
	}
}

func TestFormatOf(t *testing.T) {
	for path, want := range map[string]Format{"a.svg": SVG, "a/b.PNG": PNG, "a.pdf": "", "svg": "", "": ""} {
		if got, err := FormatOf(path); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", path, got, err)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestWriteError(t *testing.T) {
	e, err := experiment.Load("../../examples/experiments/ramsey.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []Format{SVG, PNG} {
		if err := Predictions(full{}, format, e, 1); err == nil {
			t.Errorf("%s: a full disk is no error", format)
		}
	}
}
