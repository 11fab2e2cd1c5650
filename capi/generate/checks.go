package main

import (
	"fmt"
	"slices"
	"strings"
)

// marks are the exceptions that an exported function's doc comment states in directives:
//
//	//obe:optional address   the pointer address may be NULL
//	//obe:status answer      the status is the function's only result
//	//obe:status ignorable   the status may be ignored, although there are other results
type marks struct {
	Optional []string
	Status   string
}

// read adds the directive in a line of a doc comment, if there is one.
func (m *marks) read(line string) error {
	text, found := strings.CutPrefix(line, "//obe:")
	if !found {
		return nil
	}
	directive, argument, _ := strings.Cut(text, " ")
	switch {
	case directive == "optional" && argument != "":
		m.Optional = append(m.Optional, strings.Fields(argument)...)
	case directive == "status" && (argument == "answer" || argument == "ignorable"):
		m.Status = argument
	default:
		return fmt.Errorf("unknown directive %s", line)
	}
	return nil
}

// check returns an error if a mark does not fit its function.
func (m *marks) check(f function) error {
	for _, name := range m.Optional {
		if !slices.ContainsFunc(f.Parameters, func(p parameter) bool { return p.Name == name }) {
			return fmt.Errorf("there is no parameter %s that could be optional", name)
		}
	}
	if stores := slices.ContainsFunc(f.Parameters, parameter.stored); stores == (m.Status == "answer") && m.Status != "" {
		return fmt.Errorf("the mark status %s is for functions with other results or without", m.Status)
	}
	return nil
}

// stored reports whether the function stores a result through a parameter.
func (p parameter) stored() bool { return strings.HasPrefix(p.Go, "out") }

// checks returns what the compiler is to check in calls of a function, as macros of
// obe.h.tmpl. They follow from the types in args.go and from the marks.
func checks(f function) (macros []string) {
	if f.Marks.Status == "answer" || f.Marks.Status == "" && slices.ContainsFunc(f.Parameters, parameter.stored) {
		macros = append(macros, "OBE_USE_STATUS")
	}
	matrix := slices.ContainsFunc(f.Parameters, func(p parameter) bool { return p.Name == "rows" })
	for i, p := range f.Parameters {
		if slices.Contains(f.Marks.Optional, p.Name) {
			continue
		}
		size := "" // the parameter with the number of elements
		if i+1 < len(f.Parameters) && f.Parameters[i+1].Type == "int64_t" {
			size = f.Parameters[i+1].Name
		}
		switch p.Go {
		case "inText", "handlerFunc":
			macros = append(macros, fmt.Sprintf("OBE_INPUT(%d, %s)", i+1, p.Name))
		case "outDouble", "outInt64", "outInt32", "outSocket", "outMessage":
			macros = append(macros, fmt.Sprintf("OBE_RESULT(%d, %s)", i+1, p.Name))
		case "inDoubles":
			if !matrix {
				macros = append(macros, fmt.Sprintf("OBE_INPUTS(%d, %s, %d, %s)", i+1, p.Name, i+2, size))
			}
		case "outText":
			macros = append(macros, fmt.Sprintf("OBE_BUFFER(%d, %s, %d, %s)", i+1, p.Name, i+2, size))
		case "outDoubles":
			if matrix {
				macros = append(macros, fmt.Sprintf("OBE_MATRIX(%s, %s)", p.Name, size))
			} else {
				macros = append(macros, fmt.Sprintf("OBE_BUFFER(%d, %s, %d, %s)", i+1, p.Name, i+2, size))
			}
		}
	}
	return macros
}

// declaration prints a function's prototype and what the compiler checks in calls of it.
func declaration(f function) string {
	const indent = "    "
	macros := checks(f)
	if len(macros) == 0 {
		return prototype(f)
	}
	lines, line := []string{strings.TrimSuffix(prototype(f), ";")}, indent+macros[0]
	for _, macro := range macros[1:] {
		if len(line)+1+len(macro)+len(";") > lineWidth {
			lines = append(lines, line)
			line = indent + macro
		} else {
			line += " " + macro
		}
	}
	return strings.Join(append(lines, line+";"), "\n")
}
