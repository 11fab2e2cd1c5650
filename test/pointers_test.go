package test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// cParameter is a parameter of a function that a header declares.
type cParameter struct{ kind, name string } // kind is the type, such as "const char *" or "double[]"

var spelledParameter = regexp.MustCompile(`^(.*?[ *])(\w+)(\[\])?$`)

func parametersOf(t *testing.T, f function) (all []cParameter) {
	t.Helper()
	if f.parameters == "void" {
		return nil
	}
	for _, p := range strings.Split(f.parameters, ",") {
		m := spelledParameter.FindStringSubmatch(strings.Join(strings.Fields(p), " "))
		if m == nil {
			t.Fatalf("%s: what is the parameter %q?", f.name, p)
		}
		all = append(all, cParameter{strings.TrimSpace(m[1]) + m[3], m[2]})
	}
	return all
}

func (p cParameter) isPointer() bool {
	return strings.HasSuffix(p.kind, "*") || strings.HasSuffix(p.kind, "[]") || p.kind == "obe_handler"
}

// isResult reports whether it is the place for a single result.
func (p cParameter) isResult() bool {
	return slices.Contains([]string{"int *", "double *", "int32_t *", "int64_t *", "obe_socket *", "obe_message *"}, p.kind)
}

var sizeName = regexp.MustCompile(`^(length|capacity|count|rows|.*_(cap|count))$`)

// sizeOf returns the index of the size that belongs to pointer number i, -1 if it has none.
func sizeOf(all []cParameter, i int) int {
	if i+1 < len(all) && (all[i+1].kind == "int" || all[i+1].kind == "int64_t") && sizeName.MatchString(all[i+1].name) {
		return i + 1
	}
	return -1
}

// The arguments with which the functions do what they are for, by FUNCTION.PARAMETER, by
// the parameter's name, or by its type.
var goodArguments = map[string]string{
	"address": `"127.0.0.1"`, "port": "61981", "json": `"{\"command\": \"ready\"}"`, "command": `"ready"`, "key": `"k"`, "text": `"v"`,
	"value": "1", "pickiness": "1", "code": "-8002", "index": "0", "timeout_ms": "PATIENCE", "fields": `"{}"`, "name": `"timeout_ms"`,
	"socket": "client", "client": "client", "server": "server", "message": "message", "request": "request",
	"values": "numbers", "x": "numbers", "y": "numbers", "s": "numbers", "user": "NULL", "handler": "handle_one", "instance": "&slot",

	"length": "-1", "capacity": "ROOM", "count": "2", "rows": "2", "cols": "2",

	"obe_free.handle": "client", "obe_last_error.handle": "client", "obe_lv_port.handle": "lv_server",
	"obe_newrun.fields": "message", "obe_tcmd_message.command": "message", "obe_set_option.value": `"1000"`, "obe_lv_set_option.value": `"1000"`,
	"obe_get_stat.name": `"evicted"`,

	"int": "lv_client", "char *": "text", "char[]": "text", "double[]": "numbers", "void *": "&lv_memory",
	"int *": "&ints[%d]", "int32_t *": "&ints[%d]", "int64_t *": "&longs[%d]", "double *": "numbers", "obe_socket *": "&handles[%d]", "obe_message *": "&handles[%d]",
}

// jsonPointers are where the sample document has what a function reads.
var jsonPointers = map[string]string{"double": "/n", "int": "/i", "bool": "/b", "string": "/s", "json": "", "key": "", "doubles": "/x", "matrix": "/m", "type": "", "count": ""}

// goodArgument is the C expression of an argument that is right.
func goodArgument(t *testing.T, f function, all []cParameter, i int) string {
	t.Helper()
	p := all[i]
	if p.name == "pointer" {
		what := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSuffix(f.name, "_h"), "obe_lv_"), "obe_")
		at, ok := jsonPointers[strings.TrimPrefix(what, "get_")]
		if !ok {
			t.Fatalf("jsonPointers lacks what %s reads", f.name)
		}
		return fmt.Sprintf("%q", at)
	}
	if strings.HasSuffix(p.name, "_cap") || strings.HasSuffix(p.name, "_count") && !p.isPointer() {
		return "2"
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
	t.Fatalf("goodArguments lacks an argument for %s of %s", p.name, f.name)
	return ""
}

// pointerCalls writes, for every pointer among the parameters of every function, a C
// function that calls it with a number as that pointer, and the table of them.
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
				// LabVIEW's results are written even if the handle is stale.
				early := owner != "0" && !(forLabVIEW && p.isResult()) && kind != "OPAQUE"
				if kind == "OPAQUE" { // c/serve.c passes odd ones to a handler that is called
					arguments[0] = "0"
				} else if early {
					arguments[0] = "stale ? 1 : " + owner
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

// pointersProgram are the arguments that build c/pointers.c, with the calls that the
// headers say are needed.
func pointersProgram(t *testing.T, library ...string) []string {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "pointers_calls.h"), []byte(pointerCalls(t)), 0o644); err != nil {
		t.Fatal(err)
	}
	return append([]string{"-I" + folder, "c/labview_manager.c", "-rdynamic"}, library...)
}

// Any number may be passed as a pointer that is not dereferenced, and one of the page at 0
// where it would be: for every pointer of every function.
func TestPointersOfAnyValue(t *testing.T) {
	folder := t.TempDir()
	arguments := pointersProgram(t, against(library(t, "test/libobe.so"))...)
	program := compile(t, "pointers", arguments...)
	t.Run("plain", func(t *testing.T) { succeed(t, time.Minute, nil, program) })
	t.Run("trace", func(t *testing.T) {
		succeed(t, time.Minute, []string{"OBE_TRACE=" + filepath.Join(folder, "trace.jsonl")}, program)
	})
	t.Run("TLS", func(t *testing.T) {
		cert, key := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
		command(t, tool(t, "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
			"-keyout", key, "-out", cert, "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
		succeed(t, time.Minute, nil, program, cert, key)
	})
	t.Run("sanitizers", func(t *testing.T) {
		flags := append(arguments, "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
		succeed(t, time.Minute, []string{"ASAN_OPTIONS=detect_leaks=1"}, compile(t, "pointers", flags...))
	})
}
