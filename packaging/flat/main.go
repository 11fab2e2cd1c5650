// Command flat copies files of the project into one directory without subdirectories, for
// users of Windows, who look at the directory in the Explorer:
//
//	flat DIRECTORY FILE...
//
// Markdown becomes HTML that a browser shows without a network. A link to a file that is in
// the directory leads there, and a link to any other file of the project becomes plain text.
// If both X.md and X.html are given, X.html stands for both. The lines of texts end with CR LF.
// The files are named relative to the current directory, which is that of the project.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: flat DIRECTORY FILE...")
		os.Exit(2)
	}
	if err := flatten(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "flat:", err)
		os.Exit(1)
	}
}

// flatten copies the files into a directory.
func flatten(directory string, files []string) error {
	names, err := nameAll(files)
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(filepath.FromSlash(file))
		if err != nil {
			return err
		}
		if path.Ext(file) == ".md" {
			if slices.Contains(files, names.sibling(file)) {
				continue
			}
			if text, err = page(text, file, names); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		if err := os.WriteFile(filepath.Join(directory, names[file]), windowsLines(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// names are the names of files in the directory, by their paths in the project.
type names map[string]string

// nameAll names each file. Two files of one name are an error, also if Windows alone takes them
// for one.
func nameAll(files []string) (names, error) {
	all, taken := names{}, map[string]string{}
	for _, file := range files {
		name := path.Base(file)
		if path.Ext(name) == ".md" {
			name = path.Base(all.sibling(file))
		}
		key := strings.ToLower(name)
		if other, found := taken[key]; found && other != all.sibling(file) && all.sibling(other) != file {
			return nil, fmt.Errorf("%s and %s would both be %s", other, file, name)
		}
		all[file], taken[key] = name, file
	}
	return all, nil
}

// sibling is the page in HTML that stands for one in Markdown.
func (names) sibling(file string) string { return strings.TrimSuffix(file, ".md") + ".html" }

// windowsLines ends each line of a text with CR LF. What has a zero byte is not a text.
func windowsLines(text []byte) []byte {
	if bytes.IndexByte(text, 0) >= 0 {
		return text
	}
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
}
