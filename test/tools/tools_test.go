package tools_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// table returns the lines of tools.txt, as columns.
func table(t *testing.T) [][]string {
	t.Helper()
	text, err := os.ReadFile("tools.txt")
	if err != nil {
		t.Fatal(err)
	}
	var lines [][]string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.Split(strings.TrimSuffix(line, "\n"), " | "))
		}
	}
	return lines
}

func TestTable(t *testing.T) {
	var names []string
	packages := regexp.MustCompile(`^[a-z0-9+.-]+( [a-z0-9+.-]+)*$`)
	for _, columns := range table(t) {
		if len(columns) != 4 || !packages.MatchString(columns[2]) {
			t.Errorf("this line is not name | command | packages | purpose: %q", columns)
			continue
		}
		if slices.Contains(names, columns[0]) {
			t.Errorf("%s is there twice", columns[0])
		}
		names = append(names, columns[0])
	}
}

// Every tool that a test names is in the table. A test that names another one would be
// skipped without the command that installs it.
func TestTableHasWhatTestsName(t *testing.T) {
	var names []string
	for _, columns := range table(t) {
		names = append(names, columns[0])
	}
	names = append(names, "go") // test/toolchain has the remedy
	call := regexp.MustCompile(`\b(?:tools\.Path\(t, |tool\(t, |tools\.path\(|tool\()("[^()]*")\)`)
	count := 0
	err := filepath.WalkDir("../..", func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{"build", ".git"}, entry.Name()) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, ".py") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range call.FindAllStringSubmatch(string(text), -1) {
			for _, name := range strings.Split(m[1], ", ") {
				count++
				if name = strings.Trim(name, `"`); !slices.Contains(names, name) {
					t.Errorf("%s needs %s, which is not in tools.txt", path, name)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if count < 20 {
		t.Errorf("only %d tools are named", count)
	}
}

// look runs find in a system with the basic programs and those in a directory.
func look(t *testing.T, directory string, names ...string) (string, error) {
	t.Helper()
	for _, name := range []string{"sh", "mktemp", "rm", "dirname", "cat"} {
		path, err := exec.LookPath(name)
		if err == nil {
			err = os.Symlink(path, filepath.Join(directory, name))
		}
		if err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	find := exec.Command("./find", names...)
	find.Env = []string{"PATH=" + directory}
	out, err := find.Output()
	return string(out), err
}

func TestFind(t *testing.T) {
	directory := t.TempDir()
	for name, program := range map[string]string{"ninja": "#!/bin/sh\n", "cmake": "#!/bin/sh\nexit 1\n", "own": "#!/bin/sh\nexit 1\n"} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(program), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		names  []string
		answer string
		found  bool
	}{
		{[]string{"ninja"}, directory + "/ninja\n", true},
		{[]string{"own", "ninja"}, directory + "/own\n" + directory + "/ninja\n", true},
		{[]string{"cmake"}, "cmake not working: apt-get install -y cmake\n", false},
		{[]string{"openssl"}, "openssl not installed: apt-get install -y openssl\n", false},
		{[]string{"valgrind", "ninja", "cmake"}, "valgrind not installed, cmake not working: apt-get install -y valgrind libc6-dbg cmake\n", false},
		{[]string{"libx11-dev"}, "libx11-dev not installed: apt-get install -y libx11-dev\n", false},
		{[]string{"dh", "dpkg-buildpackage", "dpkg-architecture"},
			"dh, dpkg-buildpackage, dpkg-architecture not installed: apt-get install -y debhelper dpkg-dev build-essential\n", false},
		{[]string{"unknown"}, "unknown not installed\n", false},
	} {
		answer, err := look(t, directory, c.names...)
		if answer != c.answer || (err == nil) != c.found {
			t.Errorf("find %v: %q, %v", c.names, answer, err)
		}
	}
}
