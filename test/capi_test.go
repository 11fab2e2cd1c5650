package test

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// aliased is the exit status of c/handles.c when a call accepted a freed handle as a
// live one.
const aliased = 3

func TestPrograms(t *testing.T) {
	t.Parallel()
	hooked := library(t, "test/libobe.so")
	// The longest are first.
	for _, call := range [][]string{{"leak"}, {"handles"}, {"message_threads", "2000"}, {"live"}, {"threads", "2000"}, {"shortage"}, {"process"}, {"arguments"}, {"buffers"},
		{"exchanges"}, {"message"}, {"serve"}, {"command"}, {"ask_ahead"}, {"instruments"}, {"message", "measure"}} {
		t.Run(strings.Join(call, " "), func(t *testing.T) {
			t.Parallel()
			succeed(t, nil, compile(t, call[0], against(hooked)...), call[1:]...)
		})
	}
}

// Without the quarantine, the rounds of c/handles.c find a freed handle that is accepted
// as a live one: the test can fail.
func TestQuarantineIsNeeded(t *testing.T) {
	t.Parallel()
	program := compile(t, "handles", against(library(t, "test/libobe.so"))...)
	if got := run(t, nil, program, "unguarded"); got.status != aliased {
		t.Errorf("without the quarantine the exit status is %d, want %d\n%s", got.status, aliased, got.stderr)
	}
}

// The shipped library, in a program that is not linked with it.
func TestDlopen(t *testing.T) {
	t.Parallel()
	program := compile(t, "dlopen", "-ldl")
	for _, name := range []string{"libobe.so", "obe64.so", "test/libobe.so"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			succeed(t, nil, program, library(t, name))
			succeed(t, nil, program, library(t, name), "fork")
		})
	}
}

// sanitizerRuns are the programs of TestSanitizers, with their arguments.
var sanitizerRuns = [][]string{{"arguments"}, {"buffers"}, {"exchanges"}, {"message", "40000"}, {"serve", "50"}, {"command"}, {"ask_ahead"}, {"instruments"}, {"leak", "200"}, {"live", "300"}, {"threads", "500"},
	{"message_threads", "500"}, {"handles", "300"}}

// notSanitized are the programs that TestSanitizers omits, and why.
var notSanitized = map[string]string{
	"process":          "signals with their default action end its children, and the sanitizers install handlers for them",
	"host_process":     "the sanitizers install handlers for the signals that it sends",
	"shortage":         "it uses up all descriptors, and the sanitizers need some",
	"dlopen":           "it tests a library that is loaded late, into a process in which nothing else is loaded",
	"engines":          "TestEngines runs it: it loads two replacements of LabVIEW's engine",
	"copies":           "TestCopies runs it: each copy of the library is one with sanitizers of its own",
	"debugging":        "TestMemcheckOfPrograms and docs/debugging.md: it makes mistakes on purpose",
	"trace":            "TestTrace checks the file that it writes",
	"peer":             "TestWindows runs it: one side is in Wine",
	"labview":          "TestLabVIEWFunctions runs it with sanitizers",
	"pointers":         "TestPointersOfAnyValue runs it with sanitizers",
	"labview_manager":  "it is linked into labview.c and pointers.c",
	"labview_memory":   "TestLabVIEWMemory runs it so",
	"windows":          "for Windows",
	"msvc":             "for Windows",
	"bcryptprimitives": "for Windows",
}

// raceRuns and valgrindRuns are the programs of sanitizerRuns that also run with the race
// detector and under valgrind. notValgrinded are those that do not run under valgrind, and
// why.
var (
	raceRuns = [][]string{{"threads", "3000"}, {"message_threads", "500"}, {"serve", "100"}, {"handles", "300"}, {"exchanges"}, {"buffers"},
		{"arguments"}, {"message", "1000"}, {"command"}, {"ask_ahead"}, {"instruments"}, {"leak", "30"}, {"live", "300"}}

	valgrindRuns = [][]string{{"leak", "30"}, {"live", "30"}, {"message", "1000"}, {"serve", "5"}, {"command", "2"}, {"ask_ahead"}, {"instruments"}, {"message_threads", "50"}, {"arguments"},
		{"exchanges"}, {"handles", "30"}, {"threads", "30"}}
	notValgrinded = map[string]string{"buffers": "it compares memory that Go wrote, which valgrind believes is undefined"}
)

func TestConsistentListsOfPrograms(t *testing.T) {
	paths, err := filepath.Glob("c/*.c")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	runs := func(list [][]string, name string) bool {
		return slices.ContainsFunc(list, func(run []string) bool { return run[0] == name })
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".c")
		if runs(sanitizerRuns, name) == (notSanitized[name] != "") {
			t.Errorf("c/%s.c must be in exactly one of the lists sanitizerRuns and notSanitized", name)
		}
		if runs(sanitizerRuns, name) && !runs(raceRuns, name) {
			t.Errorf("c/%s.c must be in the list raceRuns", name)
		}
		if runs(sanitizerRuns, name) && runs(valgrindRuns, name) == (notValgrinded[name] != "") {
			t.Errorf("c/%s.c must be in exactly one of the lists valgrindRuns and notValgrinded", name)
		}
	}
}

func TestSanitizers(t *testing.T) {
	t.Parallel()
	flags := slices.Concat(against(library(t, "test/libobe.so")), sanitizers)
	for _, call := range sanitizerRuns {
		t.Run(call[0], func(t *testing.T) {
			t.Parallel()
			succeed(t, []string{"ASAN_OPTIONS=detect_leaks=1"}, compile(t, call[0], flags...), call[1:]...)
		})
	}
}

// The race detector has shadow memory only for the low part of the address space, where
// no shared library is loaded. So the library is an archive here, in a program without PIE.
func TestRace(t *testing.T) {
	t.Parallel()
	archive := buildPath(t, "race/libobe.a")
	command(t, "env", "CGO_ENABLED=1", envOr("GO", "go"), "build", "-C", "..", "-race", "-trimpath", "-tags", "obetest",
		"-buildmode=c-archive", "-o", archive, "./capi")
	for _, call := range raceRuns {
		t.Run(call[0], func(t *testing.T) {
			t.Parallel()
			succeed(t, []string{"GORACE=halt_on_error=1"}, compile(t, call[0], "-no-pie", archive), call[1:]...)
		})
	}
	t.Run("labview", func(t *testing.T) {
		t.Parallel()
		program := compile(t, "labview", "-no-pie", "c/labview_manager.c", "-rdynamic", archive)
		succeed(t, []string{"GORACE=halt_on_error=1"}, program)
	})
	// The race detector also enables Go's checks of pointers (checkptr).
	t.Run("pointers", func(t *testing.T) {
		t.Parallel()
		program := compile(t, "pointers", append([]string{"-no-pie"}, pointersProgram(t, archive)...)...)
		succeed(t, []string{"GORACE=halt_on_error=1"}, program)
	})
}

// valgrindError is one error of valgrind's XML.
type valgrindError struct {
	Kind   string `xml:"kind"`
	What   string `xml:"what"`
	Leaked string `xml:"xwhat>text"`
	Stacks []struct {
		Frames []struct {
			Object   string `xml:"obj"`
			Function string `xml:"fn"`
			File     string `xml:"file"`
			Line     string `xml:"line"`
		} `xml:"frame"`
	} `xml:"stack"`
}

// ofRuntime reports whether an error comes from Go's runtime:
//
//   - an access by Go code. Valgrind does not know when the runtime switches stacks, and
//     then believes that their memory is unaddressable or undefined. So accesses by Go
//     code are not checked, nor the memory that epoll_wait fills for it. Accesses by C code
//     are, and all leaks.
//   - the thread-local memory of the runtime's own threads, which live until the process
//     ends, and of threads that have ended, which libc keeps for the next thread.
func (e valgrindError) ofRuntime() bool {
	if len(e.Stacks) == 0 || len(e.Stacks[0].Frames) == 0 {
		return false
	}
	frames := e.Stacks[0].Frames
	if !strings.HasPrefix(e.Kind, "Leak_") {
		library := func(i int) bool {
			return i < len(frames) && strings.Contains(filepath.Base(frames[i].Object), "libobe.so")
		}
		return library(0) || frames[0].Function == "epoll_wait" && library(1)
	}
	for _, f := range frames {
		if f.Function == "_cgo_try_pthread_create" || f.Function == "allocate_dtv" {
			return true
		}
	}
	return false
}

func TestValgrind(t *testing.T) {
	t.Parallel()
	hooked := library(t, "test/libobe.so")
	for _, call := range valgrindRuns {
		t.Run(call[0], func(t *testing.T) {
			t.Parallel()
			checkMemory(t, compile(t, call[0], append(against(hooked), patient)...), call[1:]...)
		})
	}
}

// patient makes a C program wait longer. Under valgrind it is so slow that on a busy machine
// what happens at once takes seconds.
const patient = "-DPATIENCE=30"

// checkMemory runs a program under valgrind.
func checkMemory(t *testing.T, program string, args ...string) {
	valgrind := tool(t, "valgrind")
	report := filepath.Join(t.TempDir(), "valgrind.xml")
	// --quiet suppresses warnings about the format of Go's debug information. Memory that Go
	// wrote may be undefined for valgrind, so an error of an undefined value says nothing.
	args = append([]string{"--quiet", "--undef-value-errors=no", "--fair-sched=yes", "--xml=yes", "--xml-file=" + report, "--error-limit=no", "--leak-check=full", "--show-leak-kinds=definite,indirect,possible", program}, args...)
	got := run(t, nil, valgrind, args...)
	if got.status != 0 {
		t.Fatalf("exit status %d\n%s", got.status, got.stderr)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var found struct {
		Statuses []string        `xml:"status>state"`
		Errors   []valgrindError `xml:"error"`
	}
	if err := xml.Unmarshal(text, &found); err != nil {
		t.Fatal(err)
	}
	if n := len(found.Statuses); n == 0 || found.Statuses[n-1] != "FINISHED" {
		t.Fatalf("valgrind did not finish: %q", found.Statuses)
	}
	for _, e := range found.Errors {
		if e.ofRuntime() {
			continue
		}
		t.Errorf("%s: %s%s", e.Kind, e.What, e.Leaked)
		for _, s := range e.Stacks {
			for _, f := range s.Frames {
				t.Logf("    %s (%s:%s, %s)", f.Function, f.File, f.Line, filepath.Base(f.Object))
			}
		}
	}
}

// The C programs call every function of the header, and use every option, counter and
// status.
func TestConsistentCTests(t *testing.T) {
	header := readHeader(t)
	source := func(name string) string {
		text, err := os.ReadFile(filepath.Join("c", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	calls, arguments, exchanges := source("calls.h"), source("arguments.c"), source("exchanges.c")
	for _, c := range bareCommands(t) { // which these files call by the macros of commands.h
		calls += "X(obe_" + c.name + ", "
		arguments += " obe_" + c.name
	}
	for _, f := range functions(header) {
		if f.hasHandle() && !strings.Contains(calls, "X("+f.name+", ") {
			t.Errorf("c/calls.h does not call %s; add it to the list there", f.name)
		}
		if f.hasCheckedArgument() && !strings.Contains(arguments, f.name) {
			t.Errorf("c/arguments.c does not call %s with wrong arguments; add a call", f.name)
		}
	}
	exchanges = exchanges[strings.Index(exchanges, "options[] ="):]
	for _, status := range regexp.MustCompile(`#define (OBE_OK|OBE_E_[A-Z_]+) `).FindAllStringSubmatch(header, -1) {
		if !regexp.MustCompile(`\b` + status[1] + `,`).MatchString(exchanges) {
			t.Errorf("c/exchanges.c does not check the text of %s; add it to the table of statuses", status[1])
		}
	}
	macros := optionMacros(header)
	if len(macros) < 20 {
		t.Fatalf("only %d options and counters found in the header", len(macros))
	}
	for macro, name := range macros {
		if strings.Contains(source("commands.h"), "X(\""+name+"\")") {
			continue // exchanges.c has all counters of commands.h
		}
		if !regexp.MustCompile(`\b` + macro + `,`).MatchString(exchanges) {
			t.Errorf("the tables of options and counters in c/exchanges.c lack %s; add it there", macro)
		}
	}
}
