package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A version has its text in CHANGELOG.md before it is built: under its own heading, or, as
// long as it is not released, under that of the next one.
func TestChangelogHasTheVersion(t *testing.T) {
	text, err := os.ReadFile("../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`#define OBE_VERSION "(.*)"`).FindStringSubmatch(readHeader(t))[1]
	newest := regexp.MustCompile(`(?m)^## \[(.*)\]`).FindSubmatch(text)
	if newest == nil {
		t.Fatal("CHANGELOG.md has no section")
	}
	_, section, _ := strings.Cut(string(text), string(newest[0]))
	section, _, _ = strings.Cut(section, "\n## ")
	if string(newest[1]) != version && !strings.Contains(section, version) && !strings.Contains(string(text), "\n## ["+version+"]") {
		t.Errorf("CHANGELOG.md does not mention %s, the version in include/obe.h", version)
	}
}

// The workflows name each action by the commit that was looked at. A tag could be moved.
func TestActionsAreNamedByCommit(t *testing.T) {
	workflows, err := filepath.Glob("../.github/workflows/*.yml")
	if err != nil || len(workflows) == 0 {
		t.Fatal("no workflow", err)
	}
	commit := regexp.MustCompile(`^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	for _, path := range workflows {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`(?m)uses: *(.*)$`).FindAllSubmatch(text, -1)
		for _, m := range found {
			if !commit.Match(m[1]) {
				t.Errorf("%s: %s is not a commit with its version as a comment", filepath.Base(path), m[1])
			}
		}
		if len(found) == 0 {
			t.Errorf("%s uses no action", filepath.Base(path))
		}
	}
}
