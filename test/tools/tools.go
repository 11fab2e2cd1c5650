// Package tools finds the programs that tests need. tools.txt lists them, and the script
// find decides whether one is missing, for Go, Python and the shell.
package tools

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

var found sync.Map // of name to func() (string, error)

// Path returns the path of a tool. If the tool is not installed or does not work, the test
// is skipped with the command that installs it, or fails if CI=true.
func Path(t *testing.T, name string) string {
	t.Helper()
	find, _ := found.LoadOrStore(name, sync.OnceValues(func() (string, error) { return find(name) }))
	path, err := find.(func() (string, error))()
	if err != nil {
		Missing(t, err.Error())
	}
	return path
}

// Missing skips a test because something is not installed. With CI=true the test fails.
func Missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

func find(name string) (string, error) {
	directory, err := os.Getwd()
	if err != nil {
		return "", err
	}
	script := filepath.Join("test", "tools", "find")
	for {
		_, err := os.Stat(filepath.Join(directory, script))
		if err == nil {
			break
		}
		if directory == filepath.Dir(directory) {
			return "", err
		}
		directory = filepath.Dir(directory)
	}
	out, err := exec.Command("sh", filepath.Join(directory, script), name).Output()
	answer := strings.TrimSuffix(string(out), "\n")
	if err != nil && answer != "" {
		return "", errors.New(answer)
	}
	return answer, err
}
