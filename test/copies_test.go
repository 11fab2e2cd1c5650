package test

import (
	"os"
	"path/filepath"
	"testing"
)

// copyFile copies a file to a new directory, with a new name.
func copyFile(t *testing.T, from, name string) string {
	t.Helper()
	content, err := os.ReadFile(from)
	to := filepath.Join(t.TempDir(), name)
	if err == nil {
		err = os.WriteFile(to, content, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// A second copy of the library in a process is refused, and a second name of the file is not.
func TestCopies(t *testing.T) {
	t.Parallel()
	program := compile(t, "copies", "-ldl", "-pthread")
	first := library(t, "libobe.so")
	for name, second := range map[string]string{
		"another folder": copyFile(t, first, "libobe.so.0.1.0"),
		"another name":   copyFile(t, first, "obe64.so"),
		"another build":  library(t, "test/libobe.so"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			succeed(t, nil, program, first, second)
			for range 5 {
				succeed(t, nil, program, first, second, "race")
			}
		})
	}
	t.Run("links", func(t *testing.T) {
		t.Parallel()
		first := copyFile(t, first, "libobe.so")
		hard, symbolic := filepath.Join(t.TempDir(), "obe64.so"), filepath.Join(t.TempDir(), "obe.so")
		if err := os.Link(first, hard); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(first, symbolic); err != nil {
			t.Fatal(err)
		}
		succeed(t, nil, program, first, hard, "same")
		succeed(t, nil, program, symbolic, first, "same")
	})
}
