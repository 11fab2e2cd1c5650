package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const project = "../.."

func TestGeneratedFilesAreFresh(t *testing.T) {
	if err := run(project, true); err != nil {
		t.Fatal(err)
	}
}

func TestStaleFileIsFound(t *testing.T) {
	lib, err := read(filepath.Join(project, "capi"))
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	readme, err := os.ReadFile(filepath.Join(project, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "README.md"), readme, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(root, "capi"), os.DirFS(filepath.Join(project, "capi"))); err != nil {
		t.Fatal(err)
	}
	if err := run(root, false); err != nil {
		t.Fatal(err)
	}
	if err := run(root, true); err != nil {
		t.Fatalf("fresh after generating: %v", err)
	}
	for _, name := range []string{"include/obe.h", "bindings/python/obe/_abi.py", "README.md"} {
		path := filepath.Join(root, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(text), "obe_send", "obe_sent", 1)
		if changed == string(text) {
			t.Fatalf("%s does not mention obe_send", name)
		}
		if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := run(root, true); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("a changed %s was not reported: %v", name, err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if len(lib.Groups) == 0 {
		t.Fatal("no groups")
	}
}

func TestPrototypeFolds(t *testing.T) {
	f := function{Name: "obe_example", Result: "obe_status", Parameters: []parameter{
		{"first", "obe_socket"}, {"second", "const char *"}, {"third_parameter_name", "int64_t *"}}}
	want := "obe_status obe_example(obe_socket first, const char *second,\n                       int64_t *third_parameter_name);"
	if got := prototype(f); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
