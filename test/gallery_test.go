package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"libobe/internal/experiment"
)

// docs/gallery.md has each file of examples/experiments, with its parameters, its figure and the commands to run it.
func TestConsistentGallery(t *testing.T) {
	page, err := os.ReadFile("../docs/gallery.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../examples/experiments/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		e, err := experiment.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		_, section, _ := strings.Cut(string(page), "\n## "+e.Title+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		figure := "images/gallery/" + strings.TrimSuffix(filepath.Base(file), ".toml") + ".svg"
		wanted := []string{figure, "obe design examples/experiments/" + filepath.Base(file), "obe simulate examples/experiments/" + filepath.Base(file)}
		for _, name := range e.ParameterNames() {
			wanted = append(wanted, "\n| `"+name+"` |")
		}
		for _, want := range wanted {
			if !strings.Contains(section, want) {
				t.Errorf("docs/gallery.md: the section %q does not have %q", e.Title, want)
			}
		}
		if info, err := os.Stat("../docs/" + figure); err != nil || info.Size() > 300_000 {
			t.Errorf("%v: make gallery draws it; it has 300 kB at most", err)
		}
	}
	if drawn, err := filepath.Glob("../docs/images/gallery/*"); err != nil || len(drawn) != len(files) {
		t.Errorf("%q for %d experiments, %v", drawn, len(files), err)
	}
}
