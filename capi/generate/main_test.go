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
	for name, word := range map[string]string{
		"include/obe.h":                   "obe_send",
		"bindings/python/libobe/_abi.py":  "obe_send",
		"capi/abi.c":                      "obe_send",
		"packaging/man/libobe-talk.3":     "obe_send",
		"README.md":                       "obe_send",
		"include/obe_labview.h":           "obe_lv_send",
		"include/obe_labview_extra.h":     "obe_lv_abort",
		"bindings/labview/nodes.md":       "obe_lv_send",
		"bindings/labview/nodes.html":     "obe_lv_send",
		"bindings/labview/obe-errors.txt": "OBE_E_STATE",
	} {
		path := filepath.Join(root, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(text), word, "another", 1)
		if changed == string(text) {
			t.Fatalf("%s does not mention %s", name, word)
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

func TestProse(t *testing.T) {
	f := function{Name: "obe_example", Parameters: []parameter{{"length", "int64_t"}}}
	got := prose([]string{"", `obe_example sends length bytes (-1: "\0" ends it), of`, ".dot.", "", "  call(\"\\n\");", "", "Returns NULL."}, f)
	want := `\fBobe_example\fP sends \fIlength\fP bytes (\-1: "\e0" ends it), of
\&.dot.
.PP
.RS 4
.nf
call("\en");
.fi
.RE
.PP
Returns \fBNULL\fP.`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
