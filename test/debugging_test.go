package test

import (
	"strings"
	"testing"
)

// Valgrind's memcheck finds no error in a correct program that uses the library, with the
// suppressions that are shipped, and it finds the program's mistakes.
func TestMemcheckOfPrograms(t *testing.T) {
	t.Parallel()
	valgrind := tool(t, "valgrind")
	program := compile(t, "debugging", against(library(t, "libobe.so"))...)
	for _, test := range []struct{ mistake, found string }{
		{"", ""},
		{"message_not_freed", "1 bytes in 1 blocks are definitely lost"},
		{"socket_not_freed", "1 bytes in 1 blocks are definitely lost"},
		{"memory_not_freed", "memory_not_freed (debugging.c"},
		{"undefined_condition", "undefined_condition (debugging.c"},
		{"freed_input", "freed_input (debugging.c"},
		{"small_buffer", "0 bytes after a block of size 4 alloc'd"},
	} {
		t.Run(test.mistake, func(t *testing.T) {
			t.Parallel()
			const memcheckError = 9
			args := []string{"--quiet", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=all", "--show-leak-kinds=all",
				"--suppressions=../packaging/libobe.supp", program}
			if test.mistake != "" {
				args = append(args, test.mistake)
			}
			got := run(t, nil, valgrind, args...)
			if test.mistake == "" && got.status != 0 || test.mistake != "" && got.status != memcheckError {
				t.Errorf("exit status %d\n%s", got.status, got.stderr)
			}
			if !strings.Contains(got.stderr, test.found) {
				t.Errorf("memcheck does not report %q\n%s", test.found, got.stderr)
			}
		})
	}
}

// The counters of the process show what was not freed, without a tool.
func TestCountersShowWhatWasNotFreed(t *testing.T) {
	t.Parallel()
	program := compile(t, "debugging", against(library(t, "libobe.so"))...)
	for mistake, want := range map[string]string{
		"":                  "0 sockets and 0 messages not freed\n",
		"message_not_freed": "0 sockets and 1 messages not freed\n",
		"socket_not_freed":  "1 sockets and 0 messages not freed\n",
	} {
		if got := run(t, nil, program, mistake); got.status != 0 || got.stdout != want {
			t.Errorf("%s: exit status %d, %q, want %q", mistake, got.status, got.stdout, want)
		}
	}
}
