// Command generate writes everything that follows from the export files of capi and
// from the tables of commands, statuses, options, counters, variables and the trace: the
// functions for commands without members, the C headers, capi/abi.c, the Python signatures,
// the manual pages, the pages in docs/reference, LabVIEW's node tables and error file, the
// version of cmd/obe, and lists for tests. With -check it writes nothing and fails if one of
// these files is stale.
//
// It reads sources and writes text; it does not build or load the library. The comment
//
//	//obe:group 2 Send and receive
//
// in an export file names the group of its functions, and the text under it describes
// what they have in common. Files with the same group are merged into one group. Each
// exported function has the directive //export and a doc comment, which is printed
// without its line breaks. The files of LabVIEW's functions have //obe:labview for what
// its import wizard reads, and //obe:extra for the rest. The directives //obe:optional and
// //obe:status are about what the compiler checks in calls (checks.go).
package main

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	check := flag.Bool("check", false, "only report whether the generated files are up to date")
	flag.Parse()
	if err := run("..", *check); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// run generates the files below root, the project's directory.
func run(root string, check bool) error {
	files, err := render(root)
	if err != nil {
		return err
	}
	var stale []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(root, name)
		old, err := os.ReadFile(path)
		if err == nil && bytes.Equal(old, files[name]) {
			continue
		}
		if check {
			stale = append(stale, name)
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
	}
	if len(stale) > 0 {
		return fmt.Errorf("stale, run make generate: %s", strings.Join(stale, ", "))
	}
	return nil
}

// render returns the contents of all generated files by their names below root.
func render(root string) (map[string][]byte, error) {
	lib, err := read(filepath.Join(root, "capi"))
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for _, files := range []func(string, *library) (map[string][]byte, error){commandFiles, headers, pythonFiles, manual, reference, labviewFiles, pictures, toolFiles} {
		made, err := files(root, lib)
		if err != nil {
			return nil, err
		}
		maps.Copy(out, made)
	}
	return out, nil
}
