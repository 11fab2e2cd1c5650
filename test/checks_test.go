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

// misuse is a statement that the compiler diagnoses by what the header declares, and the
// same statement without the mistake.
type misuse struct {
	wrong, right string
	omitted      []string // the compilers that do not diagnose it: "gcc", "gcc -O2"
}

// What gcc cannot be told. See the macros at the beginning of obe.h.
var (
	notOptimized = []string{"gcc -O2"}
	notByGCC     = []string{"gcc", "gcc -O2"}
)

var misuses = []misuse{
	// The status of a function that stores a result.
	{"obe_client_new(text, 1, &socket);", "status = obe_client_new(text, 1, &socket);", nil},
	{"obe_server_new(text, 1, &socket);", "status = obe_server_new(text, 1, &socket);", nil},
	{"obe_message_new(text, 1, &message);", "status = obe_message_new(text, 1, &message);", nil},
	{"obe_command_new(text, &message);", "status = obe_command_new(text, &message);", nil},
	{"obe_receive(socket, buffer, 8, &n, 0);", "if (obe_receive(socket, buffer, 8, &n, 0)) return;", nil},
	{"obe_receive_message(socket, &message, 0);", "status = obe_receive_message(socket, &message, 0);", nil},
	{"obe_tcmd(socket, text, -1, buffer, 8, &n, 0);", "status = obe_tcmd(socket, text, -1, buffer, 8, &n, 0);", nil},
	{"obe_tcmd_message(socket, message, &message, 0);", "status = obe_tcmd_message(socket, message, &message, 0);", nil},
	{"obe_query(socket, text, message, &message, 0);", "status = obe_query(socket, text, 0, &message, 0);", nil},
	{"obe_port(socket, &port);", "status = obe_port(socket, &port);", nil},
	{"obe_get_type(message, text, &port);", "obe_get_double(message, text, &x);", nil},
	{"obe_get_string(message, text, buffer, 8, &n);", "status = obe_get_string(message, text, buffer, 8, &n);", nil},
	{"obe_get_doubles(message, text, list, 4, &n);", "status = obe_get_doubles(message, text, list, 4, &n);", nil},
	{"obe_get_matrix(message, text, list, 4, &n, &k);", "status = obe_get_matrix(message, text, list, 4, &n, &k);", nil},
	{"obe_get_option(socket, text, buffer, 8, &n);", "status = obe_get_option(socket, text, buffer, 8, &n);", nil},
	{"obe_get_stat(socket, text, &n);", "status = obe_get_stat(socket, text, &n);", nil},
	{"obe_optset(socket, list, 4, &n, 0);", "status = obe_optset(socket, list, 4, &n, 0);", nil},
	{"obe_getcov(socket, list, 4, &n, &k, 0);", "status = obe_getcov(socket, list, 4, &n, &k, 0);", nil},

	// The status that is the answer.
	{"obe_check_reply(message, text);", "status = obe_check_reply(message, text);", nil},
	{"obe_ready(socket, 0);", "status = obe_ready(socket, 0);", nil},

	// NULL.
	{"status = obe_client_new(text, 1, 0);", "status = obe_client_new(0, 1, &socket);", notOptimized},
	{"status = obe_message_new(0, -1, &message);", "status = obe_message_new(text, -1, &message);", notOptimized},
	{"status = obe_message_new(text, -1, 0);", "status = obe_message_new(text, -1, &message);", notOptimized},
	{"obe_send(socket, 0, -1, 0);", "obe_send(socket, text, -1, 0);", notOptimized},
	{"obe_reply(message, 0, -1, 0);", "obe_reply(message, text, -1, 0);", notOptimized},
	{"obe_set_double(message, 0, 1);", "obe_set_double(message, text, 1);", notOptimized},
	{"obe_set_string(message, text, 0, -1);", "obe_set_string(message, text, text, -1);", notOptimized},
	{"obe_set_option(socket, text, 0);", "obe_set_option(socket, text, text);", notOptimized},
	{"status = obe_get_int(message, 0, &n);", "status = obe_get_int(message, text, &n);", notOptimized},
	{"status = obe_get_int(message, text, 0);", "status = obe_get_int(message, text, &n);", notOptimized},
	{"status = obe_receive(socket, buffer, 8, 0, 0);", "status = obe_receive(socket, buffer, 8, &n, 0);", notOptimized},
	{"status = obe_get_matrix(message, text, list, 4, &n, 0);", "status = obe_get_matrix(message, text, list, 4, &n, &k);", notOptimized},
	{"status = obe_receive(socket, 0, 8, &n, 0);", "status = obe_receive(socket, 0, 0, &n, 0);", nil},
	{"status = obe_get_string(message, text, 0, 8, &n);", "status = obe_get_string(message, text, 0, 0, &n);", nil},
	{"status = obe_get_doubles(message, text, 0, 8, &n);", "status = obe_get_doubles(message, text, 0, 0, &n);", nil},
	{"status = obe_getcov(socket, 0, 8, &n, &k, 0);", "status = obe_getcov(socket, 0, 0, &n, &k, 0);", notByGCC},
	{"obe_set_doubles(message, text, 0, 8);", "obe_set_doubles(message, text, 0, 0);", nil},
	{"obe_last_error(socket, 0, 8, &n);", "obe_last_error(0, buffer, 8, 0);", nil},

	// Sizes.
	{"status = obe_receive(socket, buffer, 9, &n, 0);", "status = obe_receive(socket, buffer, sizeof buffer, &n, 0);", nil},
	{"status = obe_receive(socket, buffer, -1, &n, 0);", "status = obe_receive(socket, buffer, many, &n, 0);", nil},
	{"status = obe_tcmd(socket, text, -1, buffer, 9, &n, 0);", "status = obe_tcmd(socket, text, -1, buffer, 8, &n, 0);", nil},
	{"status = obe_get_string(message, text, buffer + 4, 8, &n);", "status = obe_get_string(message, text, buffer + 4, 4, &n);", nil},
	{"status = obe_get_option(socket, text, buffer, 9, &n);", "status = obe_get_option(socket, text, buffer, 8, &n);", nil},
	{"obe_last_error(socket, buffer, 9, &n);", "obe_last_error(socket, buffer, 8, &n);", nil},
	{"status = obe_get_doubles(message, text, list, sizeof list, &n);", "status = obe_get_doubles(message, text, list, sizeof list / sizeof *list, &n);", nil},
	{"status = obe_optset(socket, list, 5, &n, 0);", "status = obe_optset(socket, list, 4, &n, 0);", nil},
	{"status = obe_getcov(socket, list, 5, &n, &k, 0);", "status = obe_getcov(socket, &square[0][0], 4, &n, &k, 0);", notByGCC},
	{"obe_set_doubles(message, text, list, sizeof list);", "obe_set_doubles(message, text, list, 4);", nil},
	{"obe_newdat(socket, list, 1, list, 5, list, 1, 0);", "obe_newdat(socket, list, 1, list, 4, list, 1, 0);", nil},
	{"status = obe_receive(socket, buffer, 8, (int64_t *)&port, 0);", "status = obe_receive(socket, buffer, 8, &n, 0);", nil},
	{"status = obe_get_double(message, text, (double *)&single);", "status = obe_get_double(message, text, &x);", nil},
}

// rightCalls are statements that must compile without a warning.
var rightCalls = []string{
	// A status that says no more than later calls will.
	"obe_free(socket);", "obe_close(socket);", "obe_cancel(socket);", "obe_message_free(message);",
	"obe_send(socket, text, -1, 0);", "obe_send_message(socket, message, 0);", "obe_wait_ready(socket, 0);", "obe_done(socket, 0);",
	"obe_reply(message, text, -1, 0);", "obe_reply_message(message, message, 0);",
	"obe_set_option(socket, text, text);", "obe_set_null(message, text);", "obe_set_string(message, text, text, 8);",
	"obe_last_error(0, buffer, 8, &n);", "obe_last_error(socket, 0, 0, 0);", "obe_get_int(message, text, &n);", "obe_get_bool(message, text, &port);", "obe_newrun(socket, 0, 0);",
	// A pointer with the size 0 may have any value.
	"status = obe_receive(socket, (char *)8, 0, &n, 0);", "status = obe_receive(socket, buffer + 8, 0, &n, 0);",
	"obe_set_doubles(message, text, (double *)8, 0);", "obe_set_doubles(message, text, list + 4, 0);",
	"obe_set_string(message, text, buffer + 8, 0);", "obe_send(socket, (char *)8, 0, 0);",
	// Matrices and parts of arrays.
	"status = obe_get_matrix(message, text, square[0], 4, &n, &k);", "status = obe_getpar(socket, (double *)square, 4, &n, &k, 0);",
	"obe_set_matrix(message, text, &square[0][0], 2, 2);", "obe_set_matrix(message, text, square[1], 1, 2);", "obe_set_matrix(message, text, 0, 0, 7);",
	"status = obe_get_doubles(message, text, list + 1, 3, &n);", "status = obe_get_doubles(message, text, square[1], 2, &n);",
	"status = obe_receive(socket, words, many, &n, 0);", "status = obe_receive(socket, buffer, many, &n, 0);",
	// Pointers and sizes that the compiler does not know.
	"status = obe_receive(socket, words, 1000, &n, 0);", "obe_send(socket, words, many, 0);", "status = obe_get_double(message, words, numbers);",
}

// checkedBy are compilers that check calls, and some that do not know the attributes, so
// that every mistake compiles.
var checkedBy = []struct {
	name, compiler, suffix string
	flags                  []string
	before                 string // what precedes the program, as if a system header defined it
}{
	{"gcc", "gcc", ".c", []string{"-std=c99", "-O0"}, ""},
	{"gcc -O2", "gcc", ".c", []string{"-std=c11", "-O2"}, ""},
	{"clang", "clang", ".c", []string{"-std=c99", "-O0"}, ""},
	{"clang -O2", "clang", ".c", []string{"-std=c17", "-O2"}, ""},
	{"gcc", "g++", ".cpp", []string{"-std=c++11", "-O0"}, ""},
	{"gcc -O2", "g++", ".cpp", []string{"-std=c++20", "-O2"}, ""},
	{"clang", "clang++", ".cpp", []string{"-std=c++11", "-O0"}, ""},
	{"clang -O2", "clang++", ".cpp", []string{"-std=c++20", "-O2"}, ""},
	{"without attributes", "gcc", ".c", []string{"-std=c99"}, "#undef __has_attribute\n#define __has_attribute(x) 0\n"},
	{"without __has_attribute", "gcc", ".c", []string{"-std=c99"}, "#undef __has_attribute\n"},
	{"without attributes", "clang++", ".cpp", []string{"-std=c++11"}, "#undef __has_attribute\n#define __has_attribute(x) 0\n"},
}

// The compiler diagnoses a wrong call in C and C++, and no right one. A compiler that does
// not know the attributes compiles both.
func TestCallsAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range checkedBy {
		t.Run(c.compiler+" "+c.name, func(t *testing.T) {
			t.Parallel()
			path := tool(t, c.compiler)
			flags := slices.Concat(c.flags, []string{"-Wall", "-Wextra", "-Werror", "-I../include", "-c", "-o", os.DevNull})
			if strings.HasPrefix(c.compiler, "clang") {
				flags = append(flags, "-ferror-limit=0")
			}
			directory := t.TempDir()
			if err := os.WriteFile(filepath.Join(directory, "before.h"), []byte(c.before), 0o644); err != nil {
				t.Fatal(err)
			}
			flags = append(flags, "-isystem", directory, "-include", "before.h")
			// compile returns the compiler's output, "" if there was none. Each function is
			// compiled by itself, so one call of the compiler diagnoses all statements.
			compile := func(statements ...string) string {
				t.Helper()
				source := filepath.Join(directory, "checks"+c.suffix)
				if err := os.WriteFile(source, []byte(checkedProgram(statements)), 0o644); err != nil {
					t.Fatal(err)
				}
				out, err := exec.Command(path, slices.Concat(flags, []string{source})...).CombinedOutput()
				if err != nil && len(out) == 0 {
					t.Fatal(err)
				}
				return string(out)
			}
			right := slices.Clone(rightCalls)
			var wrong []string
			for _, m := range misuses {
				right = append(right, m.right)
				if c.before != "" || slices.Contains(m.omitted, c.name) {
					right = append(right, m.wrong)
				} else {
					wrong = append(wrong, m.wrong)
				}
			}
			if out := compile(right...); out != "" {
				t.Errorf("a right call does not compile\n%s", out)
			}
			out := compile(wrong...)
			for i, statement := range wrong {
				if !regexp.MustCompile(fmt.Sprintf(`(?m)^statement%d:.* error: `, i)).MatchString(out) {
					t.Errorf("%s compiles", statement)
				}
			}
		})
	}
}

// The example at the beginning of obe.h compiles without a warning.
func TestExampleInHeaderCompiles(t *testing.T) {
	t.Parallel()
	_, example, _ := strings.Cut(readHeader(t), " is the complete interface.\n")
	example, _, _ = strings.Cut(example, " * Conventions:")
	example = regexp.MustCompile(`(?m)^ \*`).ReplaceAllString(example, "")
	if !strings.Contains(example, "obe_tcmd(") {
		t.Fatalf("the example is %q", example)
	}
	program := "#include \"obe.h\"\n#include <stdio.h>\nextern int example(void);\nint example(void)\n{\n" + example + "\nreturn 0;\n}\n"
	for _, compiler := range []string{"gcc", "clang"} {
		source := filepath.Join(t.TempDir(), "example.c")
		if err := os.WriteFile(source, []byte(program), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(tool(t, compiler), "-std=c99", "-Wall", "-Wextra", "-Werror", "-I../include", "-fsyntax-only", source).CombinedOutput()
		if err != nil {
			t.Errorf("with %s\n%s\n%s", compiler, example, out)
		}
	}
}

// checkedProgram is a program in C and in C++ with each statement in its own function. The
// compiler names what it diagnoses there after the number of the statement.
func checkedProgram(statements []string) string {
	var b strings.Builder
	b.WriteString("#include \"obe.h\"\n")
	for i, statement := range statements {
		fmt.Fprintf(&b, "#line 1 \"statement%d\"\n", i)
		b.WriteString("extern void f" + strings.Repeat("_", i) + "(obe_socket, obe_message, const char *, char *, double *, int64_t);\n" +
			"void f" + strings.Repeat("_", i) + `(obe_socket socket, obe_message message, const char *text, char *words, double *numbers, int64_t many)
{
    obe_status status = OBE_OK;
    char buffer[8] = "";
    double list[4] = {0, 0, 0, 0}, square[2][2] = {{0, 0}, {0, 0}}, x = 0;
    float single = 0;
    int32_t port = 0;
    int64_t n = 0, k = 0;
    (void)status, (void)buffer, (void)list, (void)square, (void)x, (void)single, (void)port, (void)n, (void)k;
    (void)socket, (void)message, (void)text, (void)words, (void)numbers, (void)many;
    ` + statement + "\n}\n")
	}
	return b.String()
}
