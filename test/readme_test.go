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

// The tests that README.md names exist.
func TestREADMENamesExistingTests(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`((?:Test|Fuzz|test_)[A-Za-z0-9_]+)`").FindAllStringSubmatch(string(readme), -1)
	if len(names) < 30 {
		t.Fatalf("README.md names only %d tests", len(names))
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
			t.Errorf("README.md names %s, but there is no such test", name[1])
		}
	}
}
