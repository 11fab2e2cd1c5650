package test

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"libobe/internal/socket"
)

func readHeader(t *testing.T) string { return readInclude(t, "obe.h") }

func readInclude(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../include", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	comments   = regexp.MustCompile(`(?s)/\*.*?\*/`)
	prototypes = regexp.MustCompile(`(?m)^[a-z][a-z0-9_ *]*\b(obe_\w+)\(([^)]*)\)[^;]*;`)
	handles    = regexp.MustCompile(`\b(obe_socket |obe_message |const void \*)\w`)
	checked    = regexp.MustCompile(`\*|int64_t|obe_handler`)
)

// function is a function that a header declares.
type function struct{ name, parameters string }

// hasHandle reports whether one of its parameters is a handle.
func (f function) hasHandle() bool { return handles.MatchString(f.parameters) }

// hasCheckedArgument reports whether one of its arguments can be invalid: a pointer, a
// size or a timeout.
func (f function) hasCheckedArgument() bool { return checked.MatchString(f.parameters) }

// functions returns the functions that a header declares, sorted by name.
func functions(header string) []function {
	var found []function
	for _, m := range prototypes.FindAllStringSubmatch(comments.ReplaceAllString(header, ""), -1) {
		found = append(found, function{m[1], m[2]})
	}
	slices.SortFunc(found, func(a, b function) int { return strings.Compare(a.name, b.name) })
	return found
}

// Each header compiles by itself, in C and C++, also when it is included twice. All of
// them compile together.
func TestHeader(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]string{
		"obe.h":               "(int)obe_free(0)",
		"obe_labview.h":       "obe_lv_free_all()",
		"obe_labview_extra.h": "obe_lv_reserve(0)",
		"obe_lv_import.h":     "obe_lv_free_all()",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkHeader(t, fmt.Sprintf("#include %q\n#include %q\nint use(void);\nint use(void) { return %s; }\n", name, name, use))
		})
	}
	checkHeader(t, "#include \"obe.h\"\n#include \"obe_labview.h\"\n#include \"obe_labview_extra.h\"\n#include \"obe_lv_import.h\"\n")
}

func checkHeader(t *testing.T, text string) {
	source := filepath.Join(t.TempDir(), "header")
	for _, language := range []struct {
		suffix    string
		compilers []string
		standards []string
	}{
		{".c", []string{"gcc", "clang"}, []string{"c99", "c11", "c17"}},
		{".cpp", []string{"g++", "clang++"}, []string{"c++11", "c++14", "c++20"}},
	} {
		if err := os.WriteFile(source+language.suffix, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, compiler := range language.compilers {
			for _, standard := range language.standards {
				t.Run(compiler+" "+standard, func(t *testing.T) {
					command(t, tool(t, compiler), "-std="+standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror",
						"-fsyntax-only", "-I../include", source+language.suffix)
				})
			}
		}
	}
}

var optionMacro = regexp.MustCompile(`(?m)^#define (OBE_(?:OPT|STAT)_[A-Z_]+) +"([a-z_]+)"`)

// optionMacros returns the macros of options, properties and counters, each with its name.
func optionMacros(header string) map[string]string {
	macros := map[string]string{}
	for _, m := range optionMacro.FindAllStringSubmatch(header, -1) {
		macros[m[1]] = m[2]
	}
	return macros
}

// Each option, property and counter of the tables has its macro, except the private options,
// which the header does not mention. There are no other macros.
func TestConsistentOptionMacros(t *testing.T) {
	header := readHeader(t)
	macros := optionMacros(header)
	var defined, wanted []string
	for macro, name := range macros {
		defined = append(defined, fmt.Sprintf("%s %q", macro, name))
	}
	expect := func(prefix, name string) {
		wanted = append(wanted, fmt.Sprintf("%s%s %q", prefix, strings.ToUpper(name), name))
	}
	private := 0
	for _, option := range socket.Options {
		if !option.Private {
			expect("OBE_OPT_", option.Name)
			continue
		}
		private++
		if strings.Contains(strings.ToLower(header), option.Name) {
			t.Errorf("the header mentions the private option %s", option.Name)
		}
	}
	for _, counter := range socket.Stats {
		expect("OBE_STAT_", counter.Name)
	}
	slices.Sort(defined)
	sameNames(t, defined, wanted, "obe.h lacks macros of options or counters (run \"make generate\")", "obe.h has macros of unknown options or counters (run \"make generate\")")
	if private == 0 {
		t.Error("no option is private, late_reply neither")
	}
	if strings.Contains(strings.ToLower(header), "nodelay") {
		t.Error("the header mentions nodelay, which is not an option")
	}
}

// The library exports the functions that the headers declare, and nothing else that a program
// could use.
func TestSymbols(t *testing.T) {
	file, err := elf.Open(library(t, "libobe.so"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	symbols, err := file.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	var defined []string
	version := false
	for _, s := range symbols {
		switch {
		case s.Section == elf.SHN_UNDEF:
		case s.Section == elf.SHN_ABS && s.Name == "OBE_0":
			version = true
		default:
			defined = append(defined, s.Name)
		}
	}
	sameNames(t, defined, exportedNames(t), notExported, notDeclared)
	if !version {
		t.Error("the symbols have no version OBE_0")
	}
	if names, err := file.DynString(elf.DT_SONAME); err != nil || !slices.Equal(names, []string{"libobe.so.0"}) {
		t.Errorf("SONAME %q, %v", names, err)
	}
	if flags, err := file.DynValue(elf.DT_FLAGS_1); err != nil || len(flags) != 1 || elf.DynFlag1(flags[0])&elf.DF_1_NODELETE == 0 {
		t.Errorf("the library can be unloaded: flags %v, %v", flags, err)
	}
	if file.Section(".symtab") != nil || file.Section(".debug_info") != nil {
		t.Error("the library is not stripped")
	}
	needed, err := file.DynString(elf.DT_NEEDED)
	if err != nil {
		t.Error(err)
	}
	for _, name := range needed {
		if !strings.HasPrefix(name, "libc.so") && !strings.HasPrefix(name, "libpthread.so") {
			t.Errorf("the library needs %s", name)
		}
	}
}
