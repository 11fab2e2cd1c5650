package test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// test/run help lists every step with what it does, and the steps of each group exist.
func TestConsistentRunHelp(t *testing.T) {
	source, err := os.ReadFile("run")
	if err != nil {
		t.Fatal(err)
	}
	help, err := exec.Command("./run", "help").Output()
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z-]+) {2,}\S`).FindAllStringSubmatch(string(help), -1) {
		listed[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`(?m)^step_([^ ()]+)\(\)`).FindAllStringSubmatch(string(source), -1) {
		if !listed[m[1]] {
			t.Errorf("test/run help does not list %s: its function in test/run needs ## and what it does", m[1])
		}
	}
	for _, group := range []string{"check", "test", "long"} {
		m := regexp.MustCompile(`(?m)^  ` + group + ` .*: (.*)$`).FindStringSubmatch(string(help))
		if m == nil {
			t.Errorf("test/run help does not list the steps of %s", group)
			continue
		}
		for _, step := range strings.Fields(m[1]) {
			if !listed[step] {
				t.Errorf("the group %s of test/run has no step %s", group, step)
			}
		}
	}
}

func TestConsistentRunWithoutAStep(t *testing.T) {
	said, err := exec.Command("./run", "gofmt", "no-such-step").CombinedOutput()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 2 {
		t.Errorf("test/run with a step that does not exist: %v", err)
	}
	if want := "there is no step no-such-step; test/run help"; !strings.Contains(string(said), want) {
		t.Errorf("test/run said %q, without %q", said, want)
	}
}
