package test

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The table of docs/architecture.md has every package of internal, and what it imports. Each
// file that the page names exists.
func TestConsistentArchitecture(t *testing.T) {
	text, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `internal/(\\w+)` \\| [^|]+ \\| ([^|]*) ?\\|$").FindAllStringSubmatch(string(text), -1) {
		described[m[1]] = strings.TrimSpace(m[2])
	}
	packages, err := filepath.Glob("../internal/*")
	if err != nil || len(packages) == 0 {
		t.Fatal(packages, err)
	}
	for _, directory := range packages {
		name := filepath.Base(directory)
		if got, found := described[name]; !found || got != strings.Join(importsOf(t, directory), " ") {
			t.Errorf("docs/architecture.md: internal/%s uses %q, not %q", name, strings.Join(importsOf(t, directory), " "), got)
		}
		delete(described, name)
	}
	for name := range described {
		t.Errorf("docs/architecture.md describes internal/%s, which does not exist", name)
	}
	for _, m := range regexp.MustCompile("`((?:internal|capi|bindings|include)/[\\w/]+\\.\\w+)`").FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
			t.Errorf("docs/architecture.md names %s: %v", m[1], err)
		}
	}
}

// importsOf returns the packages of internal that a package imports, on any system, as code
// in Markdown.
func importsOf(t *testing.T, directory string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(directory, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if name, found := strings.CutPrefix(path, "libobe/internal/"); err == nil && found {
				names = append(names, "`"+name+"`")
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
