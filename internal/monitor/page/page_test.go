package page

import (
	"errors"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The page is there if it was built. Then it has what index.html names, and nothing that its
// policy forbids: no script or style in the page, and no other host.
func TestFiles(t *testing.T) {
	_, err := os.Stat("dist/index.html")
	isBuilt := !errors.Is(err, fs.ErrNotExist)
	files, ok := Files()
	if ok != isBuilt {
		t.Fatalf("Files said %v, and the page is built: %v", ok, isBuilt)
	}
	if !ok {
		t.Skip("the page is not built: make page")
	}
	text, err := fs.ReadFile(files, "index.html")
	if err != nil {
		t.Fatal(err)
	}
	index := string(text)
	named := regexp.MustCompile(`(?:src|href)="([^"#]+)"`).FindAllStringSubmatch(index, -1)
	for _, m := range named {
		switch name := m[1]; {
		case strings.HasPrefix(name, "data:"), name == "run.csv": // of the server
		default:
			if _, err := fs.Stat(files, name); err != nil {
				t.Errorf("index.html names %s: %v", name, err)
			}
		}
	}
	if len(named) < 4 {
		t.Errorf("index.html names only %q", named)
	}
	if found := regexp.MustCompile(`<style| style=| on[a-z]+=|<script[^>]*>[^<]`).FindString(index); found != "" {
		t.Errorf("index.html has %q", found)
	}
}
