package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"go/format"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"libobe/internal/command"
)

// The commands without members follow from the table in internal/command, in every
// language. The others have functions of their own.
var (
	//go:embed export_command_bare.go.tmpl
	bareTemplate string
	//go:embed labview_commands_bare.go.tmpl
	bareLabVIEWTemplate string
	//go:embed commands.hpp.tmpl
	cppCommandsTemplate string
	//go:embed commands.py.tmpl
	pythonCommandsTemplate string
	//go:embed commands.h.tmpl
	testCommandsTemplate string
)

// bareCommands returns the commands without members.
func bareCommands() []command.Command {
	return slices.DeleteFunc(command.Commands(), func(c command.Command) bool { return c.Members != nil })
}

// commandFunctions are the functions of these templates.
var commandFunctions = template.FuncMap{
	"bare": bareCommands,
	"asks": asks,
	"comment": func(prefix, text string) string {
		text = otherNames.ReplaceAllString(text, prefix+"$1")
		return "// " + strings.Join(wrap(strings.Fields(text), goWidth-len("// ")), "\n// ")
	},
	"lower": lower,
	"describe": func(c command.Command) string {
		text := asks(c)
		text = strings.ToUpper(text[:1]) + text[1:]
		if c.Shape != "" {
			text += ": " + c.Shape
		}
		return text + "."
	},
}

// otherNames are the functions that the descriptions of commands mention.
var otherNames = regexp.MustCompile(`\b(wait_ready|getpar)\b`)

// goWidth is the width of the comments in generated Go code.
const goWidth = 90

// asks is what a command asks for, as part of a sentence.
func asks(c command.Command) string {
	return strings.TrimSuffix(strings.TrimPrefix(c.Doc, "Asks for "), ".")
}

// exports returns the files in capi that have functions for the commands without members.
func exports() (map[string][]byte, error) {
	files, err := execute(commandFunctions, nil, map[string]string{
		"capi/export_command_bare.go":   bareTemplate,
		"capi/labview_commands_bare.go": bareLabVIEWTemplate})
	for name, text := range files {
		if files[name], err = format.Source(text); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return files, err
}

// commandFiles returns the parts of the bindings in C++ and Python that are functions for
// the commands, and the list of them for the tests in C.
func commandFiles(root string, lib *library) (map[string][]byte, error) {
	files, err := execute(commandFunctions, lib, map[string]string{
		"include/obe.hpp":             cppCommandsTemplate,
		pythonPackage + "/_client.py": pythonCommandsTemplate,
		"test/c/commands.h":           testCommandsTemplate,
	})
	if err != nil {
		return nil, err
	}
	made, err := exports()
	if err != nil {
		return nil, err
	}
	maps.Copy(files, made)
	for _, name := range []string{"include/obe.hpp", pythonPackage + "/_client.py"} {
		if files[name], err = replacePart(filepath.Join(root, name), files[name]); err != nil {
			return nil, err
		}
	}
	const prototypes = "test/labview_prototypes.txt"
	files[prototypes], err = appendPrototypes(filepath.Join(root, prototypes), lib)
	return files, err
}

// replacePart returns a file with another text between the lines that mark its generated
// part.
func replacePart(path string, text []byte) ([]byte, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	begin := bytes.Index(file, []byte("-- generated from internal/command by \"make generate\" --"))
	end := bytes.Index(file, []byte("-- end of the generated part --"))
	if begin < 0 || end < begin {
		return nil, fmt.Errorf("%s has no generated part", path)
	}
	begin += bytes.IndexByte(file[begin:], '\n') + 1
	end = bytes.LastIndexByte(file[:end], '\n') + 1
	return slices.Concat(file[:begin], text, file[end:]), nil
}

// appendPrototypes appends the prototypes of new functions for LabVIEW to the list of all
// that there ever were. It changes no line: one that is no longer true fails a test.
func appendPrototypes(path string, lib *library) ([]byte, error) {
	list, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	known := strings.Split(string(list), "\n")
	for _, g := range slices.Concat(lib.LabVIEW, lib.LabVIEWExtra) {
		for _, f := range g.Functions {
			if !slices.ContainsFunc(known, func(line string) bool { return strings.HasPrefix(line, "int "+f.Name+"(") }) {
				list = append(list, onOneLine(f)+"\n"...)
			}
		}
	}
	return list, nil
}

// inTableOrder sorts the functions of the commands as the table of the commands, after the
// functions for any command.
func inTableOrder(functions []function) {
	commands := command.Commands()
	rank := func(f function) int {
		name := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(f.Name, "obe_"), "lv_"), "_i")
		return slices.IndexFunc(commands, func(c command.Command) bool { return c.Name == name })
	}
	slices.SortStableFunc(functions, func(a, b function) int { return rank(a) - rank(b) })
}

// commandTable is the table of the commands as lines of a comment.
func commandTable() (lines []string) {
	members := func(c command.Command) string {
		var names []string
		for _, m := range c.Members {
			names = append(names, m.Name)
		}
		return strings.Join(names, ", ")
	}
	for _, c := range command.Commands() {
		lines = append(lines, strings.TrimRight(fmt.Sprintf("  %-9s %-10s %s", c.Name, members(c), c.Reply), " "))
	}
	return lines
}
