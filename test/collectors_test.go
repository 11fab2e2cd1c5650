package test

import (
	"path/filepath"
	"testing"
)

// The garbage collectors of Guile and Mono stop threads that are in calls of the library.

func TestGuile(t *testing.T) {
	t.Parallel()
	succeedSilently(t, nil, tool(t, "guile"), "--no-auto-compile", "collectors/collect.scm", library(t, "libobe.so"))
}

func TestMono(t *testing.T) {
	t.Parallel()
	mono, program := tool(t, "mono"), filepath.Join(t.TempDir(), "collect.exe")
	command(t, tool(t, "mcs"), "-out:"+program, "collectors/collect.cs")
	path := library(t, "libobe.so")
	for _, suspend := range []string{"preemptive", "coop"} {
		t.Run(suspend, func(t *testing.T) {
			t.Parallel()
			succeedSilently(t, []string{"LD_LIBRARY_PATH=" + filepath.Dir(path), "MONO_THREADS_SUSPEND=" + suspend}, mono, program)
		})
	}
}

// succeedSilently runs a program that must succeed and print nothing.
func succeedSilently(t *testing.T, env []string, program string, args ...string) {
	t.Helper()
	if got := run(t, env, program, args...); got.status != 0 || got.stdout+got.stderr != "" {
		t.Errorf("exit status %d\n%s%s", got.status, got.stdout, got.stderr)
	}
}
