package test

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// aliased is the exit status of c/handles.c when a freed handle was taken for a
// live one.
const aliased = 3

func TestPrograms(t *testing.T) {
	hooked := library(t, "test/libobe.so")
	for _, name := range []string{"handles", "arguments", "buffers", "talk", "document", "serve", "command", "process", "shortage", "leak"} {
		t.Run(name, func(t *testing.T) {
			succeed(t, time.Minute, nil, compile(t, name, against(hooked)...))
		})
	}
	for _, call := range [][]string{{"threads", "2000"}, {"document_threads", "2000"}, {"document", "measure"}} {
		t.Run(strings.Join(call, " "), func(t *testing.T) {
			succeed(t, time.Minute, nil, compile(t, call[0], against(hooked)...), call[1:]...)
		})
	}
}

// The rounds of handles must notice what the quarantine is for.
func TestQuarantineIsNeeded(t *testing.T) {
	program := compile(t, "handles", against(library(t, "test/libobe.so"))...)
	if got := run(t, time.Minute, nil, program, "unguarded"); got.status != aliased {
		t.Errorf("without the quarantine the exit status is %d, want %d\n%s", got.status, aliased, got.stderr)
	}
}

// The library as it is shipped, in a program that is not linked with it.
func TestLoad(t *testing.T) {
	program := compile(t, "load", "-ldl")
	for _, name := range []string{"libobe.so", "obe64.so", "test/libobe.so"} {
		t.Run(name, func(t *testing.T) {
			succeed(t, time.Minute, nil, program, library(t, name))
			succeed(t, time.Minute, nil, program, library(t, name), "fork")
		})
	}
}

// sanitized are the programs of TestSanitizers, with their arguments.
var sanitized = [][]string{{"arguments"}, {"buffers"}, {"talk"}, {"document", "40000"}, {"serve", "50"}, {"command"}, {"leak", "200"}, {"threads", "500"},
	{"document_threads", "500"}, {"handles", "300"}}

// unsanitized are those that it leaves out, and why.
var unsanitized = map[string]string{
	"process":          "its children die by signals, whose handlers would be the sanitizers'",
	"manners":          "the same",
	"shortage":         "it takes all descriptors, and the sanitizers want some",
	"load":             "it is about a library that is loaded late, with nothing before it",
	"trace":            "its subject is the file that it writes",
	"peer":             "one side of a conversation between two systems",
	"labview":          "TestLabVIEWFunctions runs it so",
	"pointers":         "TestPointersOfAnyValue runs it so",
	"labview_manager":  "a part of labview.c",
	"labview_memory":   "TestLabVIEWMemory runs it so",
	"windows":          "for Windows",
	"msvc":             "for Windows",
	"bcryptprimitives": "for Windows",
}

// raced and valgrinded are those of them that run with the race detector, and under
// valgrind; unvalgrinded says why one does not.
var (
	raced = [][]string{{"threads", "3000"}, {"document_threads", "500"}, {"serve", "100"}, {"handles", "300"}, {"talk"}, {"buffers"},
		{"arguments"}, {"document", "1000"}, {"command"}, {"leak", "30"}}

	valgrinded = [][]string{{"leak", "30"}, {"document", "1000"}, {"serve", "5"}, {"command"}, {"document_threads", "50"}, {"arguments"},
		{"talk"}, {"handles", "30"}, {"threads", "30"}}
	unvalgrinded = map[string]string{"buffers": "it compares what Go wrote, which valgrind takes for undefined"}
)

func TestEveryProgramIsSanitized(t *testing.T) {
	paths, err := filepath.Glob("c/*.c")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	has := func(calls [][]string, name string) bool {
		return slices.ContainsFunc(calls, func(call []string) bool { return call[0] == name })
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".c")
		if has(sanitized, name) == (unsanitized[name] != "") {
			t.Errorf("c/%s.c is to be in one of the lists sanitized and unsanitized", name)
		}
		if has(sanitized, name) && !has(raced, name) {
			t.Errorf("c/%s.c is to be in the list raced", name)
		}
		if has(sanitized, name) && has(valgrinded, name) == (unvalgrinded[name] != "") {
			t.Errorf("c/%s.c is to be in one of the lists valgrinded and unvalgrinded", name)
		}
	}
}

func TestSanitizers(t *testing.T) {
	hooked := library(t, "test/libobe.so")
	flags := append(against(hooked), "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
	for _, call := range sanitized {
		t.Run(call[0], func(t *testing.T) {
			succeed(t, time.Minute, []string{"ASAN_OPTIONS=detect_leaks=1"}, compile(t, call[0], flags...), call[1:]...)
		})
	}
}

// The race detector has shadow memory for what lies low in the address space,
// where no shared library is: so this is an archive in a program without PIE.
func TestRace(t *testing.T) {
	archive, err := filepath.Abs("../build/race/libobe.a")
	if err != nil {
		t.Fatal(err)
	}
	command(t, "env", "CGO_ENABLED=1", variable("GO", "go"), "build", "-C", "..", "-race", "-trimpath", "-tags", "obetest",
		"-buildmode=c-archive", "-o", archive, "./capi")
	for _, call := range raced {
		t.Run(call[0], func(t *testing.T) {
			succeed(t, time.Minute, []string{"GORACE=halt_on_error=1"}, compile(t, call[0], "-no-pie", archive), call[1:]...)
		})
	}
	t.Run("labview", func(t *testing.T) {
		program := compile(t, "labview", "-no-pie", "c/labview_manager.c", "-rdynamic", archive)
		succeed(t, time.Minute, []string{"GORACE=halt_on_error=1"}, program)
	})
	// With the race detector comes Go's own check of what is done with pointers.
	t.Run("pointers", func(t *testing.T) {
		program := compile(t, "pointers", append([]string{"-no-pie"}, pointersProgram(t, archive)...)...)
		succeed(t, time.Minute, []string{"GORACE=halt_on_error=1"}, program)
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

// ofRuntime reports whether an error is one that valgrind sees in Go's runtime:
//
//   - an access by Go code: the stacks of goroutines are switched without
//     valgrind's knowledge, which then takes their memory for unaddressable or
//     undefined. So what Go code reads and writes is not judged; C code is, and
//     every leak.
//   - the thread-local memory of the runtime's own threads, which live until the
//     process ends, and of threads that have ended, which libc keeps for the next.
func (e valgrindError) ofRuntime() bool {
	if len(e.Stacks) == 0 || len(e.Stacks[0].Frames) == 0 {
		return false
	}
	frames := e.Stacks[0].Frames
	if !strings.HasPrefix(e.Kind, "Leak_") {
		return strings.Contains(filepath.Base(frames[0].Object), "libobe.so")
	}
	for _, f := range frames {
		if f.Function == "_cgo_try_pthread_create" || f.Function == "allocate_dtv" {
			return true
		}
	}
	return false
}

func TestValgrind(t *testing.T) {
	hooked := library(t, "test/libobe.so")
	for _, call := range valgrinded {
		t.Run(call[0], func(t *testing.T) {
			checkMemory(t, compile(t, call[0], against(hooked)...), call[1:]...)
		})
	}
}

// checkMemory runs a program under valgrind.
func checkMemory(t *testing.T, program string, args ...string) {
	valgrind := tool(t, "valgrind")
	report := filepath.Join(t.TempDir(), "valgrind.xml")
	// What it has to say of the format of Go's debug information is no matter.
	args = append([]string{"--quiet", "--fair-sched=yes", "--xml=yes", "--xml-file=" + report, "--error-limit=no", "--leak-check=full", "--show-leak-kinds=definite,indirect,possible", program}, args...)
	got := run(t, time.Minute, nil, valgrind, args...)
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

// What the header has, the C programs call, set, read or compare.
func TestEverythingIsTested(t *testing.T) {
	header := readHeader(t)
	source := func(name string) string {
		text, err := os.ReadFile(filepath.Join("c", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	calls, arguments, talk := source("calls.h"), source("arguments.c"), source("talk.c")
	for _, f := range functions(header) {
		if f.takesHandle() && !strings.Contains(calls, "X("+f.name+", ") {
			t.Errorf("c/calls.h does not call %s", f.name)
		}
		if f.canRefuse() && !strings.Contains(arguments, f.name) {
			t.Errorf("c/arguments.c does not call %s", f.name)
		}
	}
	talk = talk[strings.Index(talk, "options[] ="):]
	for _, status := range regexp.MustCompile(`#define (OBE_OK|OBE_E_[A-Z_]+) `).FindAllStringSubmatch(header, -1) {
		if !regexp.MustCompile(`\b` + status[1] + `,`).MatchString(talk) {
			t.Errorf("c/talk.c does not ask for the text of %s", status[1])
		}
	}
	lists := header[strings.Index(header, "---- Options, for"):]
	names := regexp.MustCompile(`(?m)^ \*   ([a-z]+(?:_[a-z]+)*) +[A-Z]`).FindAllStringSubmatch(lists, -1)
	if len(names) < 20 {
		t.Fatalf("only %d options and counters found in the header", len(names))
	}
	for _, name := range names {
		if !strings.Contains(talk, `"`+name[1]+`"`) {
			t.Errorf("c/talk.c does not have the option or counter %s", name[1])
		}
	}
}
