package test

import (
	"go/parser"
	"go/token"
	"os"
	"os/exec"
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

// The library links these modules and nothing of the tool, whatever the system.
func TestLibraryLinksNothingOfTheTool(t *testing.T) {
	allowed := []string{"libobe", "github.com/mattn/go-pointer", "golang.org/x/sys"}
	internal := strings.Fields("codepage command environment excerpt jsondoc memory netpoll session socket thread trace transport wire")
	for _, system := range []string{"linux", "windows", "darwin"} {
		for path, module := range linked(t, system, "./capi") {
			if !slices.Contains(allowed, module) {
				t.Errorf("%s: the library links %s of %s", system, path, module)
			}
			name, found := strings.CutPrefix(path, "libobe/internal/")
			if found && !slices.Contains(internal, name) || strings.HasPrefix(path, "libobe/cmd/") {
				t.Errorf("%s: the library links %s", system, path)
			}
		}
	}
	if linked(t, "linux", "./cmd/obe")["github.com/spf13/cobra"] == "" {
		t.Error("the tool does not link cobra: the list of packages is incomplete")
	}
}

// linked returns the packages that a program links, with their modules, without those of Go.
func linked(t *testing.T, system, program string) map[string]string {
	t.Helper()
	list := exec.Command(envOr("GO", "go"), "list", "-deps", "-f", "{{with .Module}}{{$.ImportPath}} {{.Path}}{{end}}", program)
	list.Dir = ".."
	list.Env = append(os.Environ(), "CGO_ENABLED=1", "GOOS="+system, "GOARCH=amd64")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, module, _ := strings.Cut(strings.TrimSpace(line), " ")
		if path != "" {
			found[path] = module
		}
	}
	return found
}
