package test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	ossignal "os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// scripts writes programs of the shell to a new directory.
func scripts(t *testing.T, programs map[string]string) string {
	t.Helper()
	directory := t.TempDir()
	for name, text := range programs {
		if err := os.WriteFile(filepath.Join(directory, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

// Each of Go, the compilers and Python that is missing or too old gives one sentence with
// the remedy.
func TestToolchain(t *testing.T) {
	t.Parallel()
	const noHeader = "cat >/dev/null; exit 1"
	directory := scripts(t, map[string]string{
		"go1.19":      "echo go version go1.19.8 linux/amd64",
		"go1.22":      `[ "$GOTOOLCHAIN" = local ] && echo go version go1.22.1 linux/amd64`,
		"go99":        "echo go version go99.1 linux/amd64",
		"go-devel":    "echo go version devel go1.99-0123456 linux/amd64",
		"cc-bare":     noHeader,
		"python3.8":   "echo 3.8; echo venv",
		"python3.10":  "echo 3.10; echo venv",
		"python-bare": "echo 3.11; exit 1",
		"broken":      "exit 1",
	})
	for _, c := range []struct{ what, variable, program, sentence string }{
		{"go", "GO", "nogo", "Go is not installed as nogo: install Go"},
		{"go", "GO", directory + "/go1.19", "is Go 1.19.8, which is too old: install Go"},
		{"go", "GO", directory + "/go1.22", "is Go 1.22.1 and cannot get Go"},
		{"go", "GO", directory + "/go99", ""},
		{"go", "GO", directory + "/go-devel", ""},
		{"cc", "CC", "nocc", "There is no C compiler nocc: apt-get install -y gcc"},
		{"cc", "CC", directory + "/cc-bare", "does not find its header <stdlib.h>: apt-get install -y gcc libc6-dev"},
		{"cc", "CC", "env ARGUMENT=1 " + envOr("CC", "cc"), ""},
		{"c++", "CXX", "nocxx", "There is no C++ compiler nocxx: apt-get install -y g++"},
		{"python", "PYTHON", "nopython", "Python is not installed as nopython: apt-get install -y python3 python3-venv"},
		{"python", "PYTHON", directory + "/python3.8", "is Python 3.8, which is too old: install Python 3.9"},
		{"python", "PYTHON", directory + "/python3.10", ""},
		{"python", "PYTHON", directory + "/python-bare", "has no venv, which makes virtual environments: apt-get install -y python3 python3-venv"},
		{"python", "PYTHON", directory + "/broken", "does not work: apt-get install -y python3 python3-venv"},
	} {
		check := exec.Command("./toolchain", c.what)
		check.Env = append(os.Environ(), "GOTOOLCHAIN=", c.variable+"="+c.program)
		out, err := check.CombinedOutput()
		if c.sentence == "" {
			if err != nil || len(out) != 0 {
				t.Errorf("%s: %v: %s", c.program, err, out)
			}
		} else if err == nil || !strings.Contains(string(out), c.sentence) || strings.Count(string(out), "\n") != 1 {
			t.Errorf("%s: %v: %q, not one line with %q", c.program, err, out, c.sentence)
		}
	}
}

// copiesEnvironments returns the directory of a python3 that makes a virtual environment once,
// which takes seconds, and then copies it. Its name has a space: programs in an environment
// with and without one start in different ways, and those of this one start in any.
func copiesEnvironments(t *testing.T) string {
	t.Helper()
	python, template := tool(t, "python3"), filepath.Join(t.TempDir(), "an environment")
	command(t, python, "-m", "venv", template)
	return scripts(t, map[string]string{"python3": fmt.Sprintf(`[ "$1 $2 $3" = "-m venv --clear" ] || exec '%s' "$@"
rm -rf "$4" && cp -R '%s' "$4" && grep -rlIF '%[2]s' "$4" | while read -r file; do sed -i "s|%[2]s|$4|g" "$file" || exit; done`, python, template)})
}

// The virtual environment is made once, again when the requirements have changed, and is
// tried again when they could not be installed. A Python that has everything is used as it
// is.
func TestVirtualEnvironment(t *testing.T) {
	t.Parallel()
	project := t.TempDir()
	for _, name := range []string{"test/venv", "test/toolchain", "go.mod"} {
		text, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(project, name), string(text))
		if err := os.Chmod(filepath.Join(project, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	requires := func(profile, requirements string) {
		writeFile(t, filepath.Join(project, profile, "requirements.txt"), requirements)
	}
	// Every environment has pip, so no network is needed to install it.
	requires("examples", "pip\n")
	requires("test", "pip\n")
	path := "PATH=" + copiesEnvironments(t) + ":" + os.Getenv("PATH")
	inside := filepath.Join(project, "build", "venv")
	mark := filepath.Join(inside, "mark")
	venv := func(profile string, environment ...string) (string, error) {
		t.Helper()
		command := exec.Command(filepath.Join(project, "test", "venv"), profile)
		command.Env = append(os.Environ(), append([]string{path, "BUILD=", "PYTHON=", "PIP_NO_INDEX=1"}, environment...)...)
		out, err := command.Output()
		return strings.TrimSuffix(string(out), "\n"), err
	}
	python := filepath.Join(inside, "bin", "python")
	expect := func(profile string, marked bool) {
		t.Helper()
		answer, err := venv(profile)
		if err != nil || answer != python {
			t.Fatalf("%s: %q, %v", profile, answer, err)
		}
		if _, err := os.Stat(mark); (err == nil) != marked {
			t.Fatalf("%s: the environment was made again, or not: %v", profile, err)
		}
	}

	own := filepath.Join(scripts(t, map[string]string{"python": "exit 0"}), "python")
	if answer, err := venv("test", "PYTHON="+own); answer != own || err != nil {
		t.Errorf("a Python that has everything: %q, %v", answer, err)
	}
	if _, err := os.Stat(inside); err == nil {
		t.Error("an environment was made for a Python that needs none")
	}

	expect("demo", false)
	writeFile(t, mark, "")
	expect("demo", true)
	expect("test", true) // more packages in the same one
	expect("demo", true)
	requires("test", "no-such-package\n")
	if answer, err := venv("test"); err == nil || answer != python {
		t.Errorf("a package that does not exist: %q, %v", answer, err)
	}
	expect("demo", false)
	requires("test", "pip\n\n")
	expect("test", false)

	// An interrupt has left half of it.
	writeFile(t, mark, "")
	for _, name := range []string{"made-for-demo", "made-for-test", "bin/python"} {
		if err := os.Remove(filepath.Join(inside, name)); err != nil {
			t.Fatal(err)
		}
	}
	expect("test", false)

	// The project was moved. Two makes at once make one environment.
	writeFile(t, mark, "")
	moved := filepath.Join(t.TempDir(), "moved project")
	if err := os.Rename(project, moved); err != nil {
		t.Fatal(err)
	}
	project, inside = moved, filepath.Join(moved, "build", "venv")
	mark, python = filepath.Join(inside, "mark"), filepath.Join(inside, "bin", "python")
	results := make(chan error)
	for range 2 {
		go func() {
			answer, err := venv("test")
			if err == nil && answer != python {
				err = errors.New(answer)
			}
			results <- err
		}()
	}
	for range 2 {
		if err := <-results; err != nil {
			t.Errorf("two at once: %v", err)
		}
	}
	expect("test", false)
	if out, err := exec.Command(filepath.Join(inside, "bin", "pip"), "--version").CombinedOutput(); err != nil {
		t.Errorf("a program of the environment: %v: %s", err, out)
	}

	// What cannot be written gives one sentence and a Python.
	writeFile(t, filepath.Join(project, "file"), "")
	command := exec.Command(filepath.Join(project, "test", "venv"), "demo")
	command.Env = append(os.Environ(), "BUILD=file/build", "PYTHON=", "PIP_NO_INDEX=1")
	var complaint strings.Builder
	command.Stderr = &complaint
	out, err := command.Output()
	if err == nil || string(out) != "python3\n" || !strings.HasSuffix(complaint.String(), "is not installed.\n") || strings.Count(complaint.String(), "\n") != 1 {
		t.Errorf("a directory that cannot be made: %v: %q, %q", err, out, &complaint)
	}
}

// A step that is killed, hangs or leaves no result is a failure, and one that is named
// twice runs once. What ends a run ends its steps, and two runs in one directory would
// remove each other's results.
func TestRun(t *testing.T) {
	t.Parallel()
	project := t.TempDir()
	text, err := os.ReadFile("run")
	if err != nil {
		t.Fatal(err)
	}
	// The step workflows is one command of Go; vet and staticcheck are two, of which the second one passes.
	for name, text := range map[string]string{"test/run": string(text), "test/toolchain": "#!/bin/sh\n",
		"test/venv":        "#!/bin/sh\necho python3\n",
		"go":               "#!/bin/sh\ncase $2 in ./*) eval \"$VET\" ;; staticcheck) exit 1 ;; -n) echo true ;; esac\n",
		"test/nats/go.mod": "module nats\n"} {
		writeFile(t, filepath.Join(project, name), text)
		if err := os.Chmod(filepath.Join(project, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	run := func(vet, environment string, steps ...string) *exec.Cmd {
		command := exec.Command(filepath.Join(project, "test", "run"), steps...)
		command.Env = append(os.Environ(), "BUILD=", "CI=", "JOBS=2", "GO="+filepath.Join(project, "go"), "VET="+vet, environment)
		return command
	}
	const kill, hang = "kill -KILL $PPID", "exec sleep 1000"
	for _, c := range []struct {
		vet, environment, steps string
		status                  int
		end                     string
	}{
		{"", "", "vet", 0, "2 passed, 0 failed, 0 skipped\n"},
		{"", "JOBS=8", "vet workflows vet", 0, "3 passed, 0 failed, 0 skipped\n"},
		{"", "JOBS=1", "vet staticcheck workflows", 1, "FAILED: staticcheck\n4 passed, 1 failed, 0 skipped\n"},
		{kill, "", "vet", 1, "FAILED: vet: it has no result\n0 passed, 1 failed, 0 skipped\n"},
		{kill, "", "vet workflows", 1, "FAILED: vet: it was killed\n1 passed, 1 failed, 0 skipped\n"},
		{hang, "STEP_LIMIT=1", "vet", 1, "FAILED: vet: it did not end in 1 s\n0 passed, 1 failed, 0 skipped\n"},
		{hang, "STEP_LIMIT=1", "vet workflows", 1, "FAILED: vet: it did not end in 1 s\n1 passed, 1 failed, 0 skipped\n"},
		{"", "", "vet unknown", 2, ""},
		{"", "JOBS=0", "vet", 2, ""},
		{"", "JOBS=two", "vet", 2, ""},
	} {
		command := run(c.vet, c.environment, strings.Fields(c.steps)...)
		out, err := command.Output()
		if command.ProcessState.ExitCode() != c.status || !strings.HasSuffix(string(out), c.end) || c.end == "" && len(out) > 0 {
			t.Errorf("%+v: %v\n%s", c, err, out)
		}
	}

	// The other end of a pipe of the step says when it has begun and ended.
	alive := filepath.Join(project, "alive")
	if err := syscall.Mkfifo(alive, 0o600); err != nil {
		t.Fatal(err)
	}
	// A process does not inherit what is handled, but what is ignored, such as SIGHUP by nohup.
	handled := make(chan os.Signal, 1)
	ossignal.Notify(handled, syscall.SIGHUP)
	defer ossignal.Stop(handled)
	for _, steps := range [][]string{{"vet"}, {"vet", "workflows"}} {
		for signal, status := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
			first := run("exec sleep 1000 >"+alive, "", steps...)
			if err := first.Start(); err != nil {
				t.Fatal(err)
			}
			pipe, err := os.Open(alive)
			if err != nil {
				t.Fatal(err)
			}
			var complaint strings.Builder
			second := run("", "", "vet")
			second.Stderr = &complaint
			if err := second.Run(); err == nil || !strings.Contains(complaint.String(), "Another test/run uses") {
				t.Errorf("a second run: %v: %s", err, &complaint)
			}
			if err := first.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			hangs := time.AfterFunc(time.Minute, func() { _ = first.Process.Kill() })
			defer hangs.Stop()
			if err := first.Wait(); first.ProcessState.ExitCode() != status {
				t.Errorf("%v: %v, not %d", signal, err, status)
			}
			if _, err := pipe.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("%v: %v", signal, err)
			}
			pipe.Close()
		}
	}
}

// make setup installs what the system has, says which package it does not have, and what a
// user must run.
func TestSetup(t *testing.T) {
	t.Parallel()
	project := t.TempDir()
	text, err := os.ReadFile("setup")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"test/setup": string(text), "test/toolchain": "#!/bin/sh\n",
		"test/tools/find":      "#!/bin/sh\n[ \"$1\" != \"$BROKEN\" ] || { echo \"$1 not working\"; exit 3; }\n",
		"test/tools/tools.txt": "# table\none | true | p1 p2 | a\ntwo -x | true | p2 p3 | b\nthree | true | p4 | a\n"} {
		writeFile(t, filepath.Join(project, name), text)
		if err := os.Chmod(filepath.Join(project, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const install = "apt-get update -q\napt-get install -y --no-install-recommends p1 p3\n"
	const tell = "These commands install what is missing:\n  apt-get update\n  apt-get install -y --no-install-recommends p1 p2 p3\n"
	apt := map[string]string{"apt-get": `echo "apt-get $*"; exit $FAILS`, "apt-cache": `[ "$2" != p2 ]`,
		"dpkg-query": `for name; do :; done; [ "$name" != p4 ] || echo install ok installed`, "id": "echo $ID"}
	with := func(programs map[string]string, name, text string) map[string]string {
		programs = maps.Clone(programs)
		programs[name] = text
		return programs
	}
	for _, c := range []struct {
		programs          map[string]string
		id, broken, fails string
		passes            bool
		out               string
	}{
		{apt, "0", "", "0", true, install + "This system has no package p2.\n"},
		{apt, "0", "two -x", "0", false, install + "This system has no package p2.\ntwo -x not working\n"},
		{apt, "0", "", "100", false, "apt-get update -q\n"},
		{apt, "1000", "", "0", false, tell + "Run them as root: there is no sudo.\n"},
		{with(apt, "sudo", `"$@"`), "1000", "", "0", true, tell + install + "This system has no package p2.\n"},
		{nil, "0", "", "0", true, "This system has no apt-get. The tests skip what needs a tool that is missing:\n  for a: one three\n  for b: two -x\n"},
	} {
		directory := scripts(t, c.programs)
		for _, name := range []string{"sh", "dirname", "grep", "cut", "tr", "sort", "sed", "awk", "env"} {
			path, err := exec.LookPath(name)
			if err == nil {
				err = os.Symlink(path, filepath.Join(directory, name))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		var out, complaint strings.Builder
		setup := exec.Command(filepath.Join(project, "test", "setup"))
		setup.Env = []string{"PATH=" + directory, "ID=" + c.id, "BROKEN=" + c.broken, "FAILS=" + c.fails}
		setup.Stdout, setup.Stderr = &out, &complaint
		if err := setup.Run(); (err == nil) != c.passes || out.String()+complaint.String() != c.out {
			t.Errorf("%+v: %v\n%s%s", c, err, &out, &complaint)
		}
	}
}

// Whatever fails, the last line of .ci/run has a failure, and its exit status is not 0.
func TestContinuousIntegration(t *testing.T) {
	t.Parallel()
	const passed, failed = "3 passed, 0 failed, 1 skipped", "2 passed, 1 failed, 0 skipped"
	for _, c := range []struct{ makes, runs, end string }{
		{"test) echo " + passed, "echo " + passed, "6 passed, 0 failed, 2 skipped"},
		{"test) echo " + failed + "; exit 2", "echo " + passed, "5 passed, 1 failed, 1 skipped"},
		{"test) exit 2", "echo " + passed, "3 passed, 1 failed, 1 skipped"},
		{"test) echo " + passed, "kill -KILL $$", "3 passed, 1 failed, 1 skipped"},
		{"setup) exit 2", "", "0 passed, 1 failed, 0 skipped"},
		{"demo) exit 2", "", "0 passed, 1 failed, 0 skipped"},
	} {
		project := scripts(t, map[string]string{"make": `[ "$CI" = true ] || exit 3; case $1 in ` + c.makes + " ;; esac"})
		text, err := os.ReadFile("../.ci/run")
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(project, "build", "libobe.so"), "")
		for name, text := range map[string]string{".ci/run": string(text), "test/run": "#!/bin/sh\n" + c.runs + "\n"} {
			writeFile(t, filepath.Join(project, name), text)
			if err := os.Chmod(filepath.Join(project, name), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		run := exec.Command(filepath.Join(project, ".ci", "run"))
		run.Env = append(os.Environ(), "PATH="+project+":"+os.Getenv("PATH"))
		out, err := run.Output()
		if (err == nil) != strings.Contains(c.end, " 0 failed") || !strings.HasSuffix("\n"+string(out), "\n"+c.end+"\n") {
			t.Errorf("%+v: %v\n%s", c, err, out)
		}
	}
}

// writeFile writes a file and makes its directory.
func writeFile(t *testing.T, path, text string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
