package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"libobe/capi/status"
	"libobe/internal/jsondoc"
	"libobe/internal/socket"
)

// read parses the export files in a directory.
func read(directory string) (*library, error) {
	lib := &library{Port: socket.DefaultPort, MaxDepth: jsondoc.MaxDepth,
		Statuses: status.Table, Types: valueTypes(), Options: documented(socket.Options), Stats: socket.Stats}
	files := token.NewFileSet()
	generated, err := exports()
	if err != nil {
		return nil, err
	}
	groups, err := readGroups(files, directory, "export_*.go", generated)
	if err != nil {
		return nil, err
	}
	forLabVIEW, err := readGroups(files, directory, "labview_*.go", generated)
	if err != nil {
		return nil, err
	}
	lib.Groups = groups["group"]
	lib.LabVIEW, lib.LabVIEWExtra = moveAbortable(forLabVIEW["labview"], forLabVIEW["extra"])
	return lib, readVersion(files, filepath.Join(directory, "version.go"), lib)
}

// readGroups parses the files of a directory that match a pattern and returns their groups
// in order, by the directive: the word after "//obe:". Files that are generated are parsed as
// they will be.
func readGroups(files *token.FileSet, directory, pattern string, generated map[string][]byte) (map[string][]group, error) {
	names, err := filepath.Glob(filepath.Join(directory, pattern))
	if err != nil || len(names) == 0 {
		return nil, errors.Join(err, fmt.Errorf("no files %s in %s", pattern, directory))
	}
	source := map[string]any{}
	for name, text := range generated {
		name = filepath.Join(directory, filepath.Base(name))
		if matches, err := filepath.Match(filepath.Join(directory, pattern), name); err == nil && matches {
			names, source[name] = append(names, name), text
		}
	}
	slices.Sort(names)
	groups := map[string][]group{}
	for _, name := range slices.Compact(names) {
		file, err := parser.ParseFile(files, name, source[name], parser.ParseComments)
		if err != nil {
			return nil, err
		}
		directive, g, err := readGroup(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		groups[directive] = join(groups[directive], g)
	}
	for _, gs := range groups {
		slices.SortStableFunc(gs, func(a, b group) int { return a.Order - b.Order })
		for i, g := range gs {
			if g.Title == "Commands" {
				inTableOrder(g.Functions)
			}
			if at := slices.Index(g.Doc, "  {{commands}}"); at >= 0 {
				gs[i].Doc = slices.Replace(g.Doc, at, at+1, commandTable()...)
			}
		}
	}
	return groups, nil
}

// join adds a group to a list. A group of several files is one, in the order of their
// names.
func join(groups []group, g group) []group {
	i := slices.IndexFunc(groups, func(other group) bool { return other.Title == g.Title })
	if i < 0 {
		return append(groups, g)
	}
	groups[i].Doc = append(groups[i].Doc, g.Doc...)
	groups[i].Functions = append(groups[i].Functions, g.Functions...)
	return groups
}

// moveAbortable moves the functions with the instance data of a node, which the import
// wizard cannot read, into the group of obe_lv_abort.
func moveAbortable(labview, extra []group) ([]group, []group) {
	var moved []function
	abortable := func(f function) bool {
		return slices.ContainsFunc(f.Parameters, func(p parameter) bool { return p.Type == "void **" })
	}
	for i, g := range labview {
		labview[i].Functions = nil
		for _, f := range g.Functions {
			if abortable(f) {
				moved = append(moved, f)
			} else {
				labview[i].Functions = append(labview[i].Functions, f)
			}
		}
	}
	for i, g := range extra {
		if slices.ContainsFunc(g.Functions, func(f function) bool { return f.Name == "obe_lv_abort" }) {
			extra[i].Functions = append(g.Functions, moved...)
		}
	}
	return labview, extra
}

func readVersion(files *token.FileSet, name string, lib *library) error {
	file, err := parser.ParseFile(files, name, nil, parser.ParseComments)
	if err != nil {
		return err
	}
	for _, block := range file.Comments {
		for _, line := range block.List {
			if date, found := strings.CutPrefix(line.Text, "//obe:date "); found {
				lib.Date = date
			}
		}
	}
	into := map[string]*int{"versionMajor": &lib.Major, "versionMinor": &lib.Minor, "versionPatch": &lib.Patch}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || into[spec.Names[0].Name] == nil {
			return true
		}
		*into[spec.Names[0].Name], err = strconv.Atoi(spec.Values[0].(*ast.BasicLit).Value)
		found++
		return true
	})
	if err == nil && (found != len(into) || lib.Date == "") {
		err = fmt.Errorf("%s: the version is incomplete", name)
	}
	return err
}

var groupComment = regexp.MustCompile(`(?m)^//obe:(group|labview|extra) (\d+) (.+)$`)

func readGroup(file *ast.File) (directive string, g group, err error) {
	for _, block := range file.Comments {
		if m := groupComment.FindStringSubmatch(block.List[0].Text); m != nil {
			directive, g.Title = m[1], m[3]
			g.Order, _ = strconv.Atoi(m[2])
			if text := strings.TrimSpace(block.Text()); text != "" {
				g.Doc = docLines(text)
			}
		}
	}
	if g.Title == "" {
		return "", g, errors.New("no //obe:group comment")
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || !exported(f) {
			continue
		}
		fn, err := readFunction(f)
		if err != nil {
			return "", g, fmt.Errorf("%s: %w", f.Name.Name, err)
		}
		g.Functions = append(g.Functions, fn)
	}
	return directive, g, nil
}

// docLines are the lines of a comment. What gofmt indents by a tab is an example.
func docLines(text string) []string {
	return strings.Split(strings.ReplaceAll(text, "\t", "  "), "\n")
}

func exported(f *ast.FuncDecl) bool {
	if f.Doc == nil {
		return false
	}
	for _, c := range f.Doc.List {
		if c.Text == "//export "+f.Name.Name {
			return true
		}
	}
	return false
}

func readFunction(f *ast.FuncDecl) (function, error) {
	fn := function{Name: f.Name.Name, Result: "void"}
	text := strings.TrimSpace(f.Doc.Text())
	if !strings.HasPrefix(text, fn.Name+" ") {
		return fn, errors.New("the doc comment must begin with the function's name")
	}
	fn.Doc = docLines(text)
	for _, line := range f.Doc.List {
		if err := fn.Marks.read(line.Text); err != nil {
			return fn, err
		}
	}
	var err error
	if f.Type.Results != nil {
		if fn.Result, err = cType(f.Type.Results.List[0].Type); err != nil {
			return fn, err
		}
	}
	for _, field := range f.Type.Params.List {
		t, err := cType(field.Type)
		if err != nil {
			return fn, err
		}
		goType := ""
		if name, ok := field.Type.(*ast.Ident); ok {
			goType = name.Name
		}
		for _, name := range field.Names {
			// A leading underscore distinguishes a name from a keyword or built-in of Go.
			fn.Parameters = append(fn.Parameters, parameter{strings.TrimPrefix(name.Name, "_"), t, goType})
		}
	}
	return fn, fn.Marks.check(fn)
}
