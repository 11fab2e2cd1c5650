package test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// lintHeader returns what LabVIEW's import wizard cannot read in a header, and what would
// be ambiguous for the configuration of a node by hand: one line for each violation.
func lintHeader(header string) (violations []string) {
	report := func(format string, args ...any) { violations = append(violations, fmt.Sprintf(format, args...)) }
	for i, b := range []byte(header) {
		if b != '\n' && (b < ' ' || b > '~') {
			report("byte %d, %#x, is not printable ASCII", i, b)
		}
	}
	code := comments.ReplaceAllString(header, "")
	for _, line := range strings.Split(code, "\n") {
		if strings.HasPrefix(line, "#") && !directives.MatchString(line) {
			report("a directive that the wizard's preprocessor may not support: %s", line)
		}
	}
	if !strings.Contains(code, "#ifdef __cplusplus\nextern \"C\" {\n#endif") {
		report("no extern \"C\" for C++")
	}
	// The rest are declarations of functions.
	code = directive.ReplaceAllString(strings.NewReplacer(`extern "C" {`, "", "\n}\n", "\n").Replace(code), "")
	names := map[string]bool{}
	for _, declaration := range strings.Split(code, ";") {
		if declaration = strings.TrimSpace(declaration); declaration == "" {
			continue
		}
		m := declared.FindStringSubmatch(declaration)
		if m == nil {
			report("not a function that returns int and has a short name with the prefix obe_lv_: %s", declaration)
			continue
		}
		if names[m[1]] {
			report("%s is declared twice", m[1])
		}
		names[m[1]] = true
		for _, problem := range lintParameters(strings.Join(strings.Fields(m[2]), " ")) {
			report("%s: %s", m[1], problem)
		}
	}
	for _, name := range mentioned.FindAllString(header, -1) {
		if !names[name] {
			report("%s is mentioned, but is not a function of this header", name)
		}
	}
	return violations
}

var (
	mentioned  = regexp.MustCompile(`\bobe_lv_[a-z_1]+\b`)
	directives = regexp.MustCompile(`^#(ifndef \w+|ifdef __cplusplus|endif|define OBE_LABVIEW_H|define OBE_[A-Z_]+ +(\d+|\(-\d+\))) *$`)
	directive  = regexp.MustCompile(`(?m)^#.*$`)
	// The wizard derives the names of VIs and terminals from these names.
	declared = regexp.MustCompile(`^int (obe_lv_[a-z]+1?(?:_[a-z]+)?)\(([^()]*)\)$`)
	spelled  = regexp.MustCompile(`^(int|double|const char|char|unsigned char|const double) (\*?)([a-z][a-z0-9]*(?:_[a-z]+)?)(\[\])?$`)
	allowed  = []string{"int", "double", "int *", "double *", "const char *", "char []", "unsigned char []", "double []", "const double []"}
)

// lintParameters checks the types of parameters, and that the capacity and the size of each
// buffer follow it.
func lintParameters(text string) (problems []string) {
	if text == "void" {
		return nil
	}
	type parameter struct{ spelling, name string }
	var all []parameter
	for _, p := range strings.Split(text, ",") {
		m := spelled.FindStringSubmatch(strings.TrimSpace(p))
		if m == nil {
			problems = append(problems, fmt.Sprintf("a parameter that the wizard cannot read: %q", p))
			continue
		}
		all = append(all, parameter{strings.TrimSpace(m[1] + " " + m[2] + m[4]), m[3]})
		if !slices.Contains(allowed, all[len(all)-1].spelling) {
			problems = append(problems, fmt.Sprintf("a type that the wizard misreads: %q", p))
		}
	}
	at := func(i int) parameter {
		if i < len(all) {
			return all[i]
		}
		return parameter{}
	}
	for i, p := range all {
		var wanted [][]parameter
		switch p.spelling {
		case "char []", "unsigned char []":
			wanted = [][]parameter{{{"int", p.name + "_cap"}, {"int *", p.name + "_size"}}}
		case "double []", "const double []":
			wanted = [][]parameter{
				{{"int", p.name + "_cap"}, {"int *", p.name + "_count"}},
				{{"int", p.name + "_cap"}, {"int *", "rows"}, {"int *", "cols"}},
				{{"int", p.name + "_count"}},
				{{"int", "rows"}, {"int", "cols"}},
			}
		default:
			continue
		}
		if !slices.ContainsFunc(wanted, func(after []parameter) bool {
			for k, w := range after {
				if at(i+1+k) != w {
					return false
				}
			}
			return true
		}) {
			problems = append(problems, fmt.Sprintf("%s is not followed by its capacity and size", p.name))
		}
		if strings.HasPrefix(p.spelling, "const ") && at(i+1).name == p.name+"_cap" {
			problems = append(problems, fmt.Sprintf("%s is an output and is const", p.name))
		}
	}
	for i, p := range all {
		if p.name == "handle" && p.spelling == "int" && i > 0 {
			problems = append(problems, "the handle is not the first parameter")
		}
	}
	return problems
}

func TestConsistentLabVIEWHeader(t *testing.T) {
	for _, violation := range lintHeader(readInclude(t, "obe_labview.h")) {
		t.Error(violation)
	}
}

// lintHeader reports a violation of each rule.
func TestConsistentLabVIEWHeaderRules(t *testing.T) {
	header := readInclude(t, "obe_labview.h")
	const good = "int obe_lv_free(int handle);"
	for name, bad := range map[string]string{
		"ASCII":                  "/* 5 \u00b5m */",
		"tab":                    "\t" + good,
		"include":                "#include <stdint.h>",
		"conditional":            "#if OBE_OK\n#endif",
		"macro with arguments":   "#define OBE_FAILED(x) ((x) < 0)",
		"macro in declaration":   "OBE_API int obe_lv_free(int handle);",
		"declspec":               "__declspec(dllimport) int obe_lv_free(int handle);",
		"calling convention":     "int __cdecl obe_lv_free(int handle);",
		"result not an int":      "double obe_lv_free(int handle);",
		"nothing returned":       "void obe_lv_free(int handle);",
		"text returned":          "const char *obe_lv_get_text(int handle);",
		"typedef":                "typedef int obe_handle;",
		"struct":                 "struct obe;",
		"enum":                   "enum obe { OBE_A };",
		"function pointer":       "int obe_lv_free(int (*f)(int));",
		"void pointer":           "int obe_lv_free(void *p);",
		"pointer to pointer":     "int obe_lv_free(int **p);",
		"const number":           "int obe_lv_free(const int *p);",
		"array of integers":      "int obe_lv_free(int a[], int a_count);",
		"array with a size":      "int obe_lv_free(double a[4], int a_count);",
		"array by pointer":       "int obe_lv_free(const double *a, int a_count);",
		"text by pointer":        "int obe_lv_free(char *text, int text_cap, int *text_size);",
		"64-bit integer":         "int obe_lv_free(long long n);",
		"long":                   "int obe_lv_free(long n);",
		"stdint name":            "int obe_lv_free(int32_t n);",
		"size_t":                 "int obe_lv_free(size_t n);",
		"unsigned":               "int obe_lv_free(unsigned int n);",
		"bool":                   "int obe_lv_free(bool on);",
		"parameter without name": "int obe_lv_free(int);",
		"no parameter list":      "int obe_lv_free();",
		"variable arguments":     "int obe_lv_free(int handle, ...);",
		"text without size":      "int obe_lv_other(int handle, char text[], int text_cap);",
		"text without capacity":  "int obe_lv_other(int handle, char text[]);",
		"size by value":          "int obe_lv_other(int handle, char text[], int text_cap, int text_size);",
		"array without count":    "int obe_lv_other(int handle, double a[], int a_cap);",
		"names apart":            "int obe_lv_other(int handle, double a[], int b_cap, int *b_count);",
		"const output":           "int obe_lv_other(int handle, const double a[], int a_cap, int *a_count);",
		"handle in the middle":   "int obe_lv_other(const char *s, int handle);",
		"other prefix":           "int obe_close(int handle);",
		"upper case":             "int obe_lv_Close(int handle);",
		"upper case parameter":   "int obe_lv_other(int Handle);",
		"long name":              "int obe_lv_close_the_handle_now(int handle);",
		"long parameter":         "int obe_lv_other(int the_handle_to_close);",
		"twice":                  good,
		"variable":               "extern int obe_lv_version;",
		"unknown name":           "/* See obe_lv_reply. */",
	} {
		marked := strings.Replace(header, "\n"+good, "\n"+good+"\n"+bad, 1)
		if marked == header {
			t.Fatalf("%s is not in the header", good)
		}
		if len(lintHeader(marked)) == 0 {
			t.Errorf("%s: lintHeader accepts %s", name, bad)
		}
	}
	if len(lintHeader(strings.Replace(header, `extern "C" {`, "", 1))) == 0 {
		t.Error("lintHeader accepts a header without extern \"C\"")
	}
}

// The header that the import wizard gets has the functions of the readable one, each on a line
// that ends as on Windows, and no comment.
func TestConsistentImportHeader(t *testing.T) {
	text := readInclude(t, "obe_lv_import.h")
	if strings.Count(text, "\n") != strings.Count(text, "\r\n") || strings.Contains(text, "/*") || strings.Contains(text, "//") {
		t.Error("a line does not end with CR LF, or there is a comment")
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	var declared, wanted []string
	for _, f := range functions(text) {
		declared = append(declared, f.name+"("+f.parameters+")")
		if !strings.Contains(text, "\nint "+f.name+"("+f.parameters+");\n") {
			t.Errorf("%s is not on a line of its own", f.name)
		}
	}
	for _, f := range functions(readInclude(t, "obe_labview.h")) {
		wanted = append(wanted, f.name+"("+strings.Join(strings.Fields(f.parameters), " ")+")")
	}
	sameNames(t, declared, wanted, "obe_lv_import.h lacks functions (run \"make generate\")", "obe_labview.h lacks functions (run \"make generate\")")
	if strings.Count(text, ";") != len(wanted) {
		t.Error("obe_lv_import.h declares something twice, or something else")
	}
}

// A node stores the prototype with which it was configured, and a function whose prototype
// has changed since then would write out of bounds. So released prototypes do not change;
// labview_prototypes.txt lists them, and make generate appends new ones.
func TestConsistentLabVIEWPrototypes(t *testing.T) {
	text, err := os.ReadFile("labview_prototypes.txt")
	if err != nil {
		t.Fatal(err)
	}
	now := map[string]bool{}
	for _, header := range []string{"obe_labview.h", "obe_labview_extra.h"} {
		for _, f := range functions(readInclude(t, header)) {
			now["int "+f.name+"("+strings.Join(strings.Fields(f.parameters), " ")+");"] = true
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if !now[line] {
			t.Errorf("the headers no longer have %s", line)
		}
		delete(now, line)
	}
	for _, line := range slices.Sorted(maps.Keys(now)) {
		t.Errorf("append to labview_prototypes.txt: %s", line)
	}
}

// labviewProgram returns the compiler arguments for c/labview.c. The program contains the
// replacement for LabVIEW's memory manager, where the library looks for it.
func labviewProgram(library string) []string {
	return append([]string{"c/labview_manager.c", "-rdynamic"}, against(library)...)
}

func TestLabVIEWFunctions(t *testing.T) {
	t.Parallel()
	hooked := library(t, "test/libobe.so")
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		succeed(t, nil, compile(t, "labview", labviewProgram(hooked)...))
	})
	t.Run("sanitizers", func(t *testing.T) {
		t.Parallel()
		flags := append(labviewProgram(hooked), sanitizers...)
		succeed(t, []string{"ASAN_OPTIONS=detect_leaks=1"}, compile(t, "labview", flags...))
	})
	t.Run("valgrind", func(t *testing.T) {
		t.Parallel()
		checkMemory(t, compile(t, "labview", append(labviewProgram(hooked), patient)...))
	})
}

// c/labview.c calls every function.
func TestConsistentLabVIEWCalls(t *testing.T) {
	source, err := os.ReadFile("c/labview.c")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range bareCommands(t) { // which it calls by the macros of commands.h
		source = append(source, "EITHER(obe_lv_"+c.name+","...)
	}
	for _, header := range []string{"obe_labview.h", "obe_labview_extra.h"} {
		for _, f := range functions(readInclude(t, header)) {
			called := regexp.MustCompile(`(\b` + f.name + `\(|EITHER\(` + strings.TrimSuffix(f.name, "_i") + `,)`)
			if !called.Match(source) {
				t.Errorf("c/labview.c does not call %s; add a call", f.name)
			}
		}
	}
}

// A process with two engines, which are loaded privately and with other names.
func TestEngines(t *testing.T) {
	t.Parallel()
	program := compile(t, "engines", append(against(library(t, "test/libobe.so")), "-ldl")...)
	var engines []string
	for _, name := range []string{"lvrt.so", "other.so"} {
		engine := filepath.Join(t.TempDir(), name)
		command(t, envOr("CC", "cc"), "-std=gnu99", "-shared", "-fPIC", "-o", engine, "c/labview_manager.c")
		engines = append(engines, engine)
	}
	succeed(t, nil, program, engines...)
}

// LabVIEW's memory with both alignments: packed on 32-bit Windows, natural elsewhere. The
// library's file is compiled with each, and with the sanitizers.
func TestLabVIEWMemory(t *testing.T) {
	t.Parallel()
	for _, align := range []string{"1", "8"} {
		t.Run(align, func(t *testing.T) {
			t.Parallel()
			succeed(t, nil, compile(t, "labview_memory", "c/labview_manager.c", "../capi/labview_memory.c", "../capi/labview_engine.c",
				"../capi/process_modules_linux.c", "-I../capi",
				"-DLV_ALIGN="+align, "-rdynamic", "-ldl", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"))
		})
	}
}

// The alignment of the library on each platform.
func TestLabVIEWAlignment(t *testing.T) {
	for compiler, align := range map[string]string{
		"i686-w64-mingw32-gcc":   "1",
		"x86_64-w64-mingw32-gcc": "8",
		"gcc":                    "8",
		"gcc -m32":               "8",
	} {
		t.Run(compiler, func(t *testing.T) {
			tool(t, compiler)
			preprocess := append(strings.Fields(compiler), "-E", "-dM", "../capi/labview_memory.c")
			out, err := exec.Command(preprocess[0], preprocess[1:]...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if !strings.Contains(string(out), "#define LV_ALIGN "+align+"\n") {
				t.Errorf("the alignment is not %s", align)
			}
		})
	}
}

// The C ABI with 32 bits, as in a 32-bit LabVIEW. It runs on Linux, which has the same
// calling convention as Windows.
func Test32Bit(t *testing.T) {
	t.Parallel()
	so := buildPath(t, "386/libobe.so")
	tool(t, "gcc -m32")
	command(t, "env", "CGO_ENABLED=1", "GOARCH=386", "CC=gcc -m32", envOr("GO", "go"), "build", "-C", "..", "-trimpath", "-tags", "obetest",
		"-buildmode=c-shared", "-o", so, "./capi")
	// Some numbers in the programs are 64-bit addresses.
	flags := append([]string{"-m32", "-Wno-overflow"}, against(so)...)
	for _, name := range []string{"arguments", "buffers", "message", "command", "serve", "process"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			succeed(t, nil, compileWith(t, "gcc", name, flags...))
		})
	}
	t.Run("labview", func(t *testing.T) {
		t.Parallel()
		succeed(t, nil, compileWith(t, "gcc", "labview", append(labviewProgram(so), flags...)...))
	})
}
