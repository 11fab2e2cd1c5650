package main

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"libobe/internal/socket"
)

const project = "../.."

func TestGeneratedFilesAreFresh(t *testing.T) {
	if err := run(project, true); err != nil {
		t.Fatal(err)
	}
}

func TestStaleFileIsReported(t *testing.T) {
	root := t.TempDir()
	for _, directory := range []string{"capi", "include", "test/c", pythonPackage} {
		if err := os.CopyFS(filepath.Join(root, directory), os.DirFS(filepath.Join(project, directory))); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(root, false); err != nil {
		t.Fatal(err)
	}
	if err := run(root, true); err != nil {
		t.Fatalf("fresh after generating: %v", err)
	}
	for name, word := range map[string]string{
		"include/obe.h":                        "obe_send",
		pythonPackage + "/_abi.py":             "obe_send",
		pythonPackage + "/errors.py":           "OBE_E_TIMEOUT",
		"capi/abi.c":                           "obe_send",
		"packaging/man/libobe.7":               "OBE_E_STATE",
		"capi/export_command_bare.go":          "obe_optset",
		"capi/labview_commands_bare.go":        "obe_lv_optset",
		"include/obe.hpp":                      `query<matrix>("getcov"`,
		pythonPackage + "/_client.py":          `self._array(b"getcov"`,
		"test/c/commands.h":                    "evicted",
		"docs/reference/functions.md":          "obe_send",
		"docs/reference/options.md":            "timeout_ms",
		"docs/reference/counters.md":           "evicted",
		"docs/reference/statuses.md":           "OBE_E_STATE",
		"docs/reference/commands.md":           "obe_lv_optset",
		"docs/reference/trace.md":              "duration_ms",
		"include/obe_labview.h":                "obe_lv_send",
		"include/obe_labview_extra.h":          "obe_lv_abort",
		"include/obe_lv_import.h":              "obe_lv_send",
		"bindings/labview/nodes.md":            "obe_lv_send",
		"bindings/labview/nodes.json":          "obe_lv_send",
		"bindings/labview/nodes.html":          "obe_lv_send",
		"bindings/labview/obe-errors.txt":      "OBE_E_STATE",
		"bindings/labview/pictures/server.svg": "obe_lv_receive",
		"cmd/obe/version.go":                   "version",
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
}

func TestHeaderLinesHaveOneWidth(t *testing.T) {
	lib, err := read(filepath.Join(project, "capi"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := headers(project, lib)
	if err != nil {
		t.Fatal(err)
	}
	forLabVIEW, err := labviewFiles(project, lib)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"obe.h": files["include/obe.h"],
		"obe_labview.h": forLabVIEW["include/obe_labview.h"], "obe_labview_extra.h": forLabVIEW["include/obe_labview_extra.h"]} {
		for i, line := range strings.Split(string(text), "\n") {
			if utf8.RuneCountInString(line) > lineWidth+1 { // a macro of the template may have 80
				t.Errorf("%s:%d has %d columns: %s", name, i+1, utf8.RuneCountInString(line), line)
			}
		}
	}
}

// Tables and code may be wider.
func TestPagesHaveOneWidth(t *testing.T) {
	lib, err := read(filepath.Join(project, "capi"))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := reference(project, lib)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range pages {
		for i, line := range strings.Split(string(text), "\n") {
			if utf8.RuneCountInString(line) > pageWidth && !strings.HasPrefix(line, "|") && !strings.HasPrefix(line, `{"time"`) {
				t.Errorf("%s:%d has %d columns: %s", name, i+1, utf8.RuneCountInString(line), line)
			}
		}
	}
}

// A reader of the pages finds everything about an option.
func TestOptionsAreComplete(t *testing.T) {
	for _, o := range socket.Options {
		if o.Type == "" || o.Type == "whole number" && o.Unit == "" {
			t.Errorf("the option %s has no type or no unit", o.Name)
		}
	}
}

func TestMarkdown(t *testing.T) {
	got := markdown([]string{"Stores 2 * b in *length, [1] of obe_get_*; see OBE_OK.", "More.", "", "  x = 1;", "", "  y;", "", "End."})
	want := "Stores 2 \\* b in `*length`, \\[1] of `obe_get_*`; see `OBE_OK`. More.\n\n```\nx = 1;\n\ny;\n```\n\nEnd."
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestCommentFolds(t *testing.T) {
	long := strings.Repeat("word ", 20)
	for _, test := range []struct {
		lines []string
		want  string
	}{
		{[]string{"One line."}, "/* One line. */"},
		{[]string{"Two", "short lines."}, "/* Two short lines. */"},
		{[]string{long + "end."}, "/* " + strings.Repeat("word ", 14) + "word\n * word word word word word end.\n */"},
		{[]string{"A table:", "", "  a   b", "", "And", "text."}, "/* A table:\n *\n *   a   b\n *\n * And text.\n */"},
	} {
		if got := comment(test.lines); got != test.want {
			t.Errorf("%q is printed as\n%s\nwant\n%s", test.lines, got, test.want)
		}
	}
}

func TestGroupOfTwoFilesIsOne(t *testing.T) {
	first := group{1, "Messages", []string{"All."}, []function{{Name: "obe_a"}}}
	groups := join(join(join(nil, first), group{2, "Others", nil, nil}), group{1, "Messages", nil, []function{{Name: "obe_b"}}})
	if len(groups) != 2 || len(groups[0].Functions) != 2 || len(groups[0].Doc) != 1 {
		t.Errorf("%+v", groups)
	}
}

func TestUnusedSignaturesLeavePython(t *testing.T) {
	directory := t.TempDir()
	for name, text := range map[string]string{"_handle.py": "lib.obe_send(1)", "_abi.py": `"obe_serve": ()`} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := namesIn(directory); err != nil || !slices.Equal(names, []string{"obe_send"}) {
		t.Errorf("%v, %v", names, err)
	}
}

func TestPrototypeFolds(t *testing.T) {
	f := function{Name: "obe_example", Result: "obe_status", Parameters: []parameter{
		{Name: "first", Type: "obe_socket"}, {Name: "second", Type: "const char *"}, {Name: "third_parameter_name", Type: "int64_t *"}}}
	want := "obe_status obe_example(obe_socket first, const char *second,\n                       int64_t *third_parameter_name);"
	if got := prototype(f); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestProse(t *testing.T) {
	f := function{Name: "obe_example", Parameters: []parameter{{Name: "length", Type: "int64_t"}}}
	got := prose([]string{"", `obe_example sends length bytes (-1: "\0" ends it), of`, ".dot.", "", "  call(\"\\n\");", "", "Returns NULL."}, f)
	want := `\fBobe_example\fP sends \fIlength\fP bytes (\-1: "\e0" ends it), of .dot.
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

func TestChecksFollowFromTypes(t *testing.T) {
	socket, text := parameter{"socket", "obe_socket", ""}, parameter{"json", "const char *", "inText"}
	buffer, capacity := parameter{"buffer", "char *", "outText"}, parameter{"capacity", "int64_t", ""}
	length, numbers := parameter{"length", "int64_t *", "outInt64"}, parameter{"values", "double *", "outDoubles"}
	rows, cols := parameter{"rows", "int64_t *", "outInt64"}, parameter{"cols", "int64_t *", "outInt64"}
	list, count := parameter{"x", "const double *", "inDoubles"}, parameter{"x_count", "int64_t", ""}
	for _, test := range []struct {
		f    function
		want string
	}{
		{function{Parameters: []parameter{socket}}, ""},
		{function{Parameters: []parameter{socket, text, capacity}}, "OBE_INPUT(2, json)"},
		{function{Parameters: []parameter{socket, text}, Marks: marks{Optional: []string{"json"}}}, ""},
		{function{Parameters: []parameter{socket, buffer, capacity, length}}, "OBE_USE_STATUS OBE_BUFFER(2, buffer, 3, capacity) OBE_RESULT(4, length)"},
		{function{Parameters: []parameter{buffer, capacity}, Marks: marks{Status: "ignorable"}}, "OBE_BUFFER(1, buffer, 2, capacity)"},
		{function{Parameters: []parameter{socket}, Marks: marks{Status: "answer"}}, "OBE_USE_STATUS"},
		{function{Parameters: []parameter{numbers, capacity, rows, cols}}, "OBE_USE_STATUS OBE_MATRIX(values, capacity) OBE_RESULT(3, rows) OBE_RESULT(4, cols)"},
		{function{Parameters: []parameter{list, count, capacity}}, "OBE_INPUTS(1, x, 2, x_count)"},
	} {
		if got := strings.Join(checks(test.f), " "); got != test.want {
			t.Errorf("%v: %q, want %q", test.f.Parameters, got, test.want)
		}
		if err := test.f.Marks.check(test.f); err != nil {
			t.Error(err)
		}
	}
}

func TestWrongMarksAreErrors(t *testing.T) {
	var m marks
	for _, line := range []string{"//obe:optional", "//obe:optinal a", "//obe:status", "//obe:status maybe", "//obe:group 1 A"} {
		if err := m.read(line); err == nil {
			t.Errorf("%s was read", line)
		}
	}
	for _, line := range []string{"// obe:optional is text", "//export obe_free", "//obe:optional address length"} {
		if err := m.read(line); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(m.Optional, []string{"address", "length"}) {
		t.Errorf("optional: %q", m.Optional)
	}
	storing := function{Parameters: []parameter{{"length", "int64_t *", "outInt64"}}}
	for _, test := range []struct {
		f function
		m marks
	}{{storing, marks{Optional: []string{"size"}}}, {storing, marks{Status: "answer"}}, {function{}, marks{Status: "ignorable"}}} {
		if err := test.m.check(test.f); err == nil {
			t.Errorf("%+v fits %+v", test.m, test.f)
		}
	}
}

func TestDeclarationFolds(t *testing.T) {
	f := function{Name: "obe_example", Result: "obe_status", Parameters: []parameter{
		{"text", "const char *", "inText"}, {"other", "const char *", "inText"}, {"a_long_name", "int64_t *", "outInt64"}, {"another_long_name", "int64_t *", "outInt64"}}}
	want := "obe_status obe_example(const char *text, const char *other,\n                       int64_t *a_long_name, int64_t *another_long_name)\n" +
		"    OBE_USE_STATUS OBE_INPUT(1, text) OBE_INPUT(2, other)\n    OBE_RESULT(3, a_long_name) OBE_RESULT(4, another_long_name);"
	if got := declaration(f); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What nodes.md says about the members of nodes.json is about each of them, in their order.
func TestMembersOfNodesAreDescribed(t *testing.T) {
	for of, object := range map[string]any{"file": nodesFile{}, "function": nodeData{}, "parameter": parameterData{}} {
		var described, has []string
		for _, m := range nodesMembers {
			if m.Of == of {
				described = append(described, strings.Split(m.Name, ", ")...)
			}
		}
		for field := range reflect.TypeOf(object).Fields() {
			has = append(has, field.Tag.Get("json"))
		}
		if !slices.Equal(described, has) {
			t.Errorf("%s: %q is described, and it has %q", of, described, has)
		}
	}
}
