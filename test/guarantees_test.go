package test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The tests that docs/guarantees.md names exist.
func TestConsistentGuarantees(t *testing.T) {
	page, err := os.ReadFile("../docs/guarantees.md")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`((?:Test|Fuzz|test_)[A-Za-z0-9_]+)`").FindAllStringSubmatch(string(page), -1)
	if len(names) < 30 {
		t.Fatalf("docs/guarantees.md names only %d tests", len(names))
	}
	var sources []byte
	err = filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && (entry.Name() == "build" || entry.Name() == ".git") {
			return fs.SkipDir
		}
		name := entry.Name()
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "test_") && strings.HasSuffix(name, ".py") {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sources = append(sources, text...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !bytes.Contains(sources, []byte("\nfunc "+name[1]+"(")) && !bytes.Contains(sources, []byte("\ndef "+name[1]+"(")) {
			t.Errorf("docs/guarantees.md names %s, but there is no such test", name[1])
		}
	}
}
