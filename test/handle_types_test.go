package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// handleMixUps are statements that use a handle of the wrong kind, each with the same
// statement for the right one.
var handleMixUps = []struct{ wrong, right string }{
	{"obe_free(message);", "obe_free(socket);"},
	{"obe_message_free(socket);", "obe_message_free(message);"},
	{"obe_send_message(message, socket, 0);", "obe_send_message(socket, message, 0);"},
	{"obe_send_message(socket, socket, 0);", "obe_send_message(socket, message, 0);"},
	{"status = obe_get_double(socket, \"/x\", &number);", "status = obe_get_double(message, \"/x\", &number);"},
	{"obe_set_double(socket, \"x\", number);", "obe_set_double(message, \"x\", number);"},
	{"obe_reply(socket, \"1\", -1, 0);", "obe_reply(message, \"1\", -1, 0);"},
	{"obe_newrun(message, 0, 0);", "obe_newrun(socket, 0, 0);"},
	{"obe_newrun(socket, socket, 0);", "obe_newrun(socket, message, 0);"},
	{"status = obe_query(socket, \"optset\", 0, &socket, 0);", "status = obe_query(socket, \"optset\", 0, &message, 0);"},
	{"status = obe_client_new(\"\", 1, &message);", "status = obe_client_new(\"\", 1, &socket);"},
	{"status = obe_receive_message(socket, &socket, 0);", "status = obe_receive_message(socket, &message, 0);"},
	{"message = socket;", "message = other_message;"},
	{"socket = message;", "socket = other_socket;"},
	{"socket = 8;", "socket = 0;"},
	{"number = (socket == message);", "number = (socket == other_socket);"},
	{"obe_serve(socket, handles_socket, 0, 0);", "obe_serve(socket, handles_message, 0, 0);"},
}

// The compiler rejects a handle of the wrong kind: in C as an error under -Werror,
// since the warning is on by default, and in C++ always. obe_last_error accepts both
// kinds.
func TestHandleTypes(t *testing.T) {
	t.Parallel()
	for _, compiler := range []struct {
		name, suffix string
		flags        []string
	}{
		{"gcc", ".c", []string{"-std=c99", "-Werror"}},
		{"clang", ".c", []string{"-std=c99", "-Werror"}},
		{"g++", ".cpp", nil},
		{"clang++", ".cpp", nil},
	} {
		t.Run(compiler.name, func(t *testing.T) {
			t.Parallel()
			path := tool(t, compiler.name)
			compiles := func(statement string) (bool, string) {
				t.Helper()
				source := filepath.Join(t.TempDir(), "handles"+compiler.suffix)
				if err := os.WriteFile(source, []byte(handleProgram(statement)), 0o644); err != nil {
					t.Fatal(err)
				}
				out, err := exec.Command(path, slices.Concat(compiler.flags, []string{"-fsyntax-only", "-I../include", source})...).CombinedOutput()
				return err == nil, string(out)
			}
			for _, m := range handleMixUps {
				if ok, out := compiles(m.right); !ok {
					t.Errorf("%s does not compile\n%s", m.right, out)
				}
				if ok, _ := compiles(m.wrong); ok {
					t.Errorf("%s compiles", m.wrong)
				}
			}
			for _, both := range []string{"obe_last_error(socket, 0, 0, 0);", "obe_last_error(message, 0, 0, 0);"} {
				if ok, out := compiles(both); !ok {
					t.Errorf("%s does not compile\n%s", both, out)
				}
			}
		})
	}
}

// handleProgram is a program in C and in C++ around a statement.
func handleProgram(statement string) string {
	return `#include "obe.h"
void handles_message(obe_message request, void *user) { (void)request; (void)user; }
void handles_socket(obe_socket request, void *user) { (void)request; (void)user; }
void use(obe_socket socket, obe_socket other_socket, obe_message message, obe_message other_message, double number)
{
    obe_status status = OBE_OK;
    (void)status, (void)socket, (void)other_socket, (void)message, (void)other_message, (void)number;
    ` + statement + `
}
`
}
