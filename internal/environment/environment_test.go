package environment_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"libobe/internal/environment"
)

// What is read is in the list of this package.
func TestNothingElseReadsTheEnvironment(t *testing.T) {
	reads := regexp.MustCompile(`\b(os|syscall|unix)\.(Getenv|LookupEnv|Environ|ExpandEnv)\b|\b(secure_)?getenv *\(|GetEnvironmentVariable`)
	found := 0
	for _, root := range []string{"../../internal", "../../capi"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			source := strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".c")
			if err != nil || !source {
				return err
			}
			text, err := os.ReadFile(path)
			if m := reads.Find(text); m != nil {
				if found++; filepath.Base(path) != "environment.go" {
					t.Errorf("%s has %s: use environment.Get", path, m)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found == 0 {
		t.Error("not even environment.go reads the environment")
	}
}

func TestVariablesAreDescribedOnce(t *testing.T) {
	seen := map[environment.Name]bool{}
	for _, v := range environment.Variables {
		if seen[v.Name] || v.Doc == "" {
			t.Errorf("%s is twice in the list, or without a description", v.Name)
		}
		seen[v.Name] = true
	}
}
