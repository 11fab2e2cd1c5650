package test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// cParameter is a parameter of a function that a header declares.
type cParameter struct {
	kind string // its type, such as "const char *" or "double[]"
	name string
}

var spelledParameter = regexp.MustCompile(`^(.*?[ *])(\w+)(\[\])?$`)

func parametersOf(t *testing.T, f function) (all []cParameter) {
	t.Helper()
	if f.parameters == "void" {
		return nil
	}
	for _, p := range strings.Split(f.parameters, ",") {
		m := spelledParameter.FindStringSubmatch(strings.Join(strings.Fields(p), " "))
		if m == nil {
			t.Fatalf("%s: cannot parse the parameter %q", f.name, p)
		}
		all = append(all, cParameter{strings.TrimSpace(m[1]) + m[3], m[2]})
	}
	return all
}

// isPointer reports whether it points to memory of the caller. Handles do not, and
// obe_last_error accepts both kinds of handle as a "const void *".
func (p cParameter) isPointer() bool {
	if p.kind == "const void *" && p.name == "handle" {
		return false
	}
	return strings.HasSuffix(p.kind, "*") || strings.HasSuffix(p.kind, "[]") || p.kind == "obe_handler"
}

// isResult reports whether it points to a single result.
func (p cParameter) isResult() bool {
	return slices.Contains([]string{"int *", "double *", "int32_t *", "int64_t *", "obe_socket *", "obe_message *"}, p.kind)
}

var sizeName = regexp.MustCompile(`^(length|capacity|count|rows|.*_(cap|count))$`)

// sizeOf returns the index of the size that belongs to pointer number i, or -1.
func sizeOf(all []cParameter, i int) int {
	if i+1 < len(all) && (all[i+1].kind == "int" || all[i+1].kind == "int64_t") && sizeName.MatchString(all[i+1].name) {
		return i + 1
	}
	return -1
}

// goodArguments are valid arguments, by FUNCTION.PARAMETER, by the parameter's name, or by
// its type.
var goodArguments = map[string]string{
	"address": `"127.0.0.1"`, "port": "61981", "json": `"{\"command\": \"ready\"}"`, "command": `"ready"`, "key": `"k"`, "text": `"v"`,
	"value": "1", "user_event": "0", "code": "-8002", "index": "0", "timeout_ms": "TEST_TIMEOUT", "fields": `"{}"`, "name": `"timeout_ms"`,
	"socket": "client", "client": "client", "server": "server", "message": "message", "request": "request",
	"values": "numbers", "x": "numbers", "y": "numbers", "s": "numbers", "user": "NULL", "handler": "handle_one", "stop": "NULL", "instance": "&slot",

	"length": "-1", "capacity": "ROOM", "count": "2", "rows": "2", "cols": "2",

	"obe_last_error.handle": "client", "obe_lv_port.handle": "lv_server", "obe_query.fields": "message", "obe_check_reply.reply": "message",
	"obe_newrun.fields": "message", "obe_tcmd_message.command": "message", "obe_set_option.value": `"1000"`, "obe_lv_set_option.value": `"1000"`,
	"obe_get_stat.name": `"evicted"`, "obe_message_peer.message": "request",

	"int": "lv_client", "char *": "text", "char[]": "text", "double[]": "numbers", "void *": "&lv_memory",
	"int *": "&ints[%d]", "int32_t *": "&ints[%d]", "int64_t *": "&longs[%d]", "double *": "numbers", "obe_socket *": "&sockets[%d]", "obe_message *": "&messages[%d]",
}

// jsonPointers are the places in the sample message that a function reads.
var jsonPointers = map[string]string{"double": "/n", "int": "/i", "bool": "/b", "string": "/s", "json": "", "key": "", "doubles": "/x", "matrix": "/m", "type": "", "count": ""}

// goodArgument returns the C expression of a valid argument.
func goodArgument(t *testing.T, f function, all []cParameter, i int) string {
	t.Helper()
	p := all[i]
	if p.name == "pointer" {
		what := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSuffix(f.name, "_h"), "obe_lv_"), "obe_")
		at, ok := jsonPointers[strings.TrimPrefix(what, "get_")]
		if !ok {
			t.Fatalf("jsonPointers has no entry for %s", f.name)
		}
		return fmt.Sprintf("%q", at)
	}
	if strings.HasSuffix(p.name, "_cap") || strings.HasSuffix(p.name, "_count") && !p.isPointer() {
		return "2"
	}
	if p.kind == "double" {
		return "1"
	}
	keys := []string{f.name + "." + p.name, p.name, p.kind}
	if p.isResult() || strings.HasPrefix(p.kind, "void *") && p.name != "user" && p.name != "instance" || p.kind == "char[]" || p.kind == "char *" {
		keys = []string{p.kind}
	}
	for _, key := range keys {
		if value, ok := goodArguments[key]; ok {
			return strings.ReplaceAll(value, "%d", fmt.Sprint(i))
		}
	}
	t.Fatalf("goodArguments has no argument for %s of %s", p.name, f.name)
	return ""
}

// pointerCalls returns C text: for every pointer parameter of every function, a function
// that passes a number as that pointer, and the table of these functions.
func pointerCalls(t *testing.T) string {
	t.Helper()
	var calls, table strings.Builder
	n := 0
	for _, header := range []string{"obe.h", "obe_labview.h", "obe_labview_extra.h"} {
		for _, f := range functions(readInclude(t, header)) {
			all := parametersOf(t, f)
			forLabVIEW := strings.HasPrefix(f.name, "obe_lv_")
			for i, p := range all {
				if !p.isPointer() {
					continue
				}
				size := sizeOf(all, i)
				arguments := make([]string, len(all))
				for j := range all {
					arguments[j] = goodArgument(t, f, all, j)
				}
				owner := "0"
				if first := all[0]; !first.isPointer() && first.name != "code" {
					owner = arguments[0]
				}
				kind := "PLACE"
				switch {
				case size >= 0:
					kind = "SIZED"
					arguments[size] = "(" + all[size].kind + ")size"
				case p.name == "user":
					kind = "OPAQUE"
				}
				// The LabVIEW functions write their results even if the handle is stale.
				early := owner != "0" && !(forLabVIEW && p.isResult()) && kind != "OPAQUE"
				switch {
				case kind == "OPAQUE": // c/serve.c tests odd values in a call that gets far
					arguments[0] = "0"
				case early && forLabVIEW:
					arguments[0] = "stale ? 1 : " + owner
				case early:
					arguments[0] = "stale ? NUMBER_AS_HANDLE(1) : " + owner
				}
				cast := p.kind
				if element, ok := strings.CutSuffix(cast, "[]"); ok {
					cast = element + " *"
				}
				arguments[i] = "(" + cast + ")odd"
				fmt.Fprintf(&calls, "static uintptr_t owner_%d(void) { return (uintptr_t)%s; }\n", n, owner)
				fmt.Fprintf(&calls, "static int call_%d(uintptr_t odd, int64_t size, int stale)\n{\n    (void)size;\n    (void)stale;\n    return (int)%s(%s);\n}\n",
					n, f.name, strings.Join(arguments, ", "))
				fmt.Fprintf(&table, "    {%q, %q, %s, %d, %d, call_%d, owner_%d},\n", f.name, p.name, kind, number(forLabVIEW), number(early), n, n)
				n++
			}
		}
	}
	if n < 200 {
		t.Fatalf("only %d pointers found in the headers", n)
	}
	return calls.String() + "\nstatic const struct call calls[] = {\n" + table.String() + "};\n"
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// pointersProgram returns the compiler's arguments for c/pointers.c. It writes the calls,
// which it generates from the headers.
func pointersProgram(t *testing.T, library ...string) []string {
	t.Helper()
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "pointers_calls.h"), []byte(pointerCalls(t)), 0o644); err != nil {
		t.Fatal(err)
	}
	return append([]string{"-I" + directory, "c/labview_manager.c", "-rdynamic"}, library...)
}

// For every pointer parameter of every function: any number is accepted where the pointer
// is not dereferenced, and a number in the page at 0 is refused where it would be.
func TestPointersOfAnyValue(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	arguments := pointersProgram(t, against(library(t, "test/libobe.so"))...)
	program := compile(t, "pointers", arguments...)
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		succeed(t, nil, program)
	})
	t.Run("trace", func(t *testing.T) {
		t.Parallel()
		succeed(t, []string{"OBE_TRACE=" + filepath.Join(directory, "trace.jsonl")}, program)
	})
	t.Run("TLS", func(t *testing.T) {
		t.Parallel()
		cert, key := filepath.Join(directory, "cert.pem"), filepath.Join(directory, "key.pem")
		command(t, tool(t, "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
			"-keyout", key, "-out", cert, "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
		succeed(t, nil, program, cert, key)
	})
	t.Run("sanitizers", func(t *testing.T) {
		t.Parallel()
		flags := slices.Concat(arguments, sanitizers)
		succeed(t, []string{"ASAN_OPTIONS=detect_leaks=1"}, compile(t, "pointers", flags...))
	})
}
