package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// environment is a set of headers that a program includes before or after ours.
type environment struct {
	name, pack string   // pack is the Debian package that has them, if the compiler does not
	headers    []string // of the environment, with the macros that select variants
	compilers  []string // of C++; that of C has the same name without ++
	pkgConfig  string   // what pkg-config knows it as, if its headers are in a directory of their own
}

var windowsCompilers = []string{"x86_64-w64-mingw32-g++", "i686-w64-mingw32-g++"}

var environments = []environment{
	{"Qt with keywords", "qtbase5-dev", []string{"#include <QtCore/QtCore>"}, []string{"g++", "clang++"}, "Qt5Core"},
	{"curses", "libncurses-dev", []string{"#include <curses.h>", "#include <term.h>"}, []string{"g++", "clang++"}, ""},
	{"Xlib", "libx11-dev", []string{"#include <X11/Xlib.h>", "#include <X11/Xutil.h>"}, []string{"g++", "clang++"}, ""},
	{"Boost", "libboost-dev", []string{"#include <boost/foreach.hpp>", "#define foreach BOOST_FOREACH", "#include <boost/preprocessor.hpp>"},
		[]string{"g++", "clang++"}, ""},
	{"windows.h", "", []string{"#undef NOMINMAX", "#include <windows.h>"}, windowsCompilers, ""},
	{"windows.h with NOMINMAX", "", []string{"#define NOMINMAX 1", "#include <windows.h>"}, windowsCompilers, ""},
	{"windows.h, lean", "", []string{"#undef NOMINMAX", "#define WIN32_LEAN_AND_MEAN", "#include <windows.h>"}, windowsCompilers, ""},
	{"windows.h, lean, with NOMINMAX and STRICT", "",
		[]string{"#define WIN32_LEAN_AND_MEAN", "#define NOMINMAX 1", "#define STRICT", "#include <windows.h>"}, windowsCompilers, ""},
}

// forC reports whether its headers are for C too.
func (e environment) forC() bool { return e.pkgConfig == "" && e.name != "Boost" }

// flags returns the compiler flags for its headers.
func (e environment) flags(t *testing.T, compiler string) []string {
	t.Helper()
	flags := []string{"-fPIC"}
	if strings.Contains(compiler, "mingw") {
		flags = nil
	}
	if e.pkgConfig != "" {
		out, _ := exec.Command(tool(t, "pkg-config"), "--cflags", e.pkgConfig).Output()
		flags = append(flags, strings.Fields(strings.ReplaceAll(string(out), "-I", "-isystem "))...)
	}
	return flags
}

// failed ends a test in which a compilation with its headers has failed. If their package is
// missing, the test is skipped, or fails if CI=true.
func (e environment) failed(t *testing.T, compiler string, why error) {
	t.Helper()
	if alone := syntax(t, compiler, ".cpp", strings.Join(e.headers, "\n")+"\n", append(e.flags(t, compiler), "-std=c++17")...); alone != nil {
		if e.pack != "" {
			tool(t, e.pack)
		}
		t.Fatalf("the headers of %s: %v", e.name, alone)
	}
	t.Fatal(why)
}

// compiles compiles a source, which must cause no warning.
func compiles(t *testing.T, compiler, suffix, text string, flags ...string) {
	t.Helper()
	if err := syntax(t, compiler, suffix, text, flags...); err != nil {
		t.Fatal(err)
	}
}

// syntax compiles a source without warnings, or returns what the compiler says.
func syntax(t *testing.T, compiler, suffix, text string, flags ...string) error {
	t.Helper()
	source := filepath.Join(t.TempDir(), "source"+suffix)
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	args := slices.Concat([]string{"-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-I../include", "-Icpp"}, flags, []string{source})
	if out, err := exec.Command(tool(t, compiler), args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", compiler, strings.Join(args, " "), err, out)
	}
	return nil
}

// Both headers compile with the headers of common libraries, whichever comes first,
// and so does a program that uses every member.
func TestHeadersBesideOthers(t *testing.T) {
	t.Parallel()
	cppSources(t, "cpp")
	for _, e := range environments {
		for _, compiler := range e.compilers {
			t.Run(e.name+", "+compiler, func(t *testing.T) {
				t.Parallel()
				flags := e.flags(t, compiler)
				// The macros that a program meets are the same for each compiler of an environment.
				theirs, program := strings.Join(e.headers, "\n"), ""
				switch {
				case compiler != e.compilers[0]:
				case strings.Contains(compiler, "mingw"):
					program = "#include \"messages.cpp\"\n" // every_member.cpp needs fork
				default:
					program = "#include \"every_member.cpp\"\n"
				}
				compiles := func(with, suffix, text, standard string) {
					t.Helper()
					if err := syntax(t, with, suffix, text, slices.Concat(flags, []string{"-std=" + standard})...); err != nil {
						e.failed(t, compiler, err)
					}
				}
				compiles(compiler, ".cpp", theirs+"\n#include \"obe.hpp\"\n"+program, "c++17")
				// The program has met their macros above.
				compiles(compiler, ".cpp", "#include \"obe.hpp\"\n"+theirs+"\n", "c++17")
				if e.forC() {
					use := "\nobe_status use(obe_message);\nobe_status use(obe_message m) { return obe_message_free(m); }\n"
					forC := strings.TrimSuffix(compiler, "++")
					if !strings.HasPrefix(compiler, "clang") {
						forC += "cc" // g++ is then gcc
					}
					compiles(forC, ".c", theirs+"\n#include \"obe.h\""+use, "gnu11")
					compiles(forC, ".c", "#include \"obe.h\"\n"+theirs+use, "gnu11")
				}
			})
		}
	}
}

var (
	notCode     = regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"|(?m:^\s*#\s*(?:include|error|if|ifdef|ifndef|elif|else|endif|undef)\b[^\n]*)`)
	identifiers = regexp.MustCompile(`[A-Za-z_]\w*(\s*\()?`)
	macroNames  = regexp.MustCompile(`(?m)^#define (\w+)(\(?)`)
)

// usedNames returns the identifiers of a header; the value tells whether one is
// followed by a parenthesis.
func usedNames(header string) map[string]bool {
	names := map[string]bool{}
	for _, m := range identifiers.FindAllStringSubmatch(notCode.ReplaceAllString(header, " "), -1) {
		name := strings.TrimRight(m[0], " \n(")
		names[name] = names[name] || m[1] != ""
	}
	return names
}

// No identifier of our headers is a macro of the others, for the compiler that knows
// them. A macro that takes arguments matters only where a parenthesis follows.
func TestNoNameIsAMacro(t *testing.T) {
	t.Parallel()
	macros := func(t *testing.T, compiler string, flags []string, text string) (map[string]bool, error) {
		cmd := exec.Command(tool(t, compiler), slices.Concat(flags, []string{"-std=gnu++17", "-I../include", "-dM", "-E", "-x", "c++", "-"})...)
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.Output()
		found := map[string]bool{}
		for _, m := range macroNames.FindAllStringSubmatch(string(out), -1) {
			found[m[1]] = m[2] != ""
		}
		return found, err
	}
	used := usedNames(readInclude(t, "obe.hpp"))
	for name, called := range usedNames(readHeader(t)) {
		used[name] = used[name] || called
	}
	for _, e := range environments {
		for _, compiler := range e.compilers {
			t.Run(e.name+", "+compiler, func(t *testing.T) {
				t.Parallel()
				flags := e.flags(t, compiler)
				ours, err := macros(t, compiler, flags, "#include \"obe.hpp\"\n")
				if err != nil {
					t.Fatal(err)
				}
				theirs, err := macros(t, compiler, flags, strings.Join(e.headers, "\n")+"\n")
				if err != nil {
					e.failed(t, compiler, err)
				}
				if len(theirs) < 300 {
					t.Errorf("only %d macros", len(theirs))
				}
				for name, takesArguments := range theirs {
					called, isUsed := used[name]
					if _, both := ours[name]; isUsed && !both && (called || !takesArguments) {
						t.Errorf("%s is a macro", name)
					}
				}
			})
		}
	}
}

// The same for the names in cpp/macros.txt, whatever is installed: each becomes a macro
// that does not compile, before or after obe.hpp.
func TestHeadersBesideAnyMacro(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile("cpp/macros.txt")
	if err != nil {
		t.Fatal(err)
	}
	var macros strings.Builder
	count := 0
	for line := range strings.Lines(string(list)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for _, name := range strings.Fields(line) {
			name, takesArguments := strings.CutSuffix(name, "(")
			fmt.Fprintf(&macros, "#undef %s\n#define %[1]s%s %[1]s is @ macro\n", name, map[bool]string{true: "(...)"}[takesArguments])
			count++
		}
	}
	if count < 200 {
		t.Fatalf("only %d names", count)
	}
	// The standard's own headers have to come first: they use such names, too.
	var standard []string
	program, err := os.ReadFile("cpp/every_member.cpp")
	if err != nil {
		t.Fatal(err)
	}
	include := regexp.MustCompile(`(?m)^#include <.*>\n`)
	for _, text := range []string{readInclude(t, "obe.hpp"), readHeader(t), string(program)} {
		standard = append(standard, include.FindAllString(text, -1)...)
	}
	slices.Sort(standard)
	first := strings.Join(slices.DeleteFunc(slices.Compact(standard), func(line string) bool {
		return strings.Contains(line, "<optional>") || strings.Contains(line, "<string_view>") || strings.Contains(line, "<span>")
	}), "")
	first += "#if __cplusplus >= 201703L\n#include <optional>\n#include <string_view>\n#endif\n#if __cplusplus >= 202002L\n#include <span>\n#endif\n"
	for compiler, version := range map[string]string{"g++": "c++11", "clang++": "c++20"} {
		t.Run(compiler+" "+version, func(t *testing.T) {
			t.Parallel()
			use := "#include \"every_member.cpp\"\n"
			compiles(t, compiler, ".cpp", first+macros.String()+"#include \"obe.hpp\"\n"+use, "-std="+version)
			compiles(t, compiler, ".cpp", first+"#include \"obe.hpp\"\n"+macros.String()+use, "-std="+version)
		})
	}
	for _, compiler := range []string{"gcc", "clang"} {
		t.Run(compiler, func(t *testing.T) {
			t.Parallel()
			ours, first := "#include \"obe.h\"\n", "#include <stddef.h>\n#include <stdint.h>\n"
			use := "obe_status use(obe_message m);\nobe_status use(obe_message m) { return obe_message_free(m); }\n"
			compiles(t, compiler, ".c", first+macros.String()+ours+use, "-std=c99")
			compiles(t, compiler, ".c", ours+macros.String()+use, "-std=c99")
		})
	}
}
