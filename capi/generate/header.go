package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"text/template"

	"libobe/capi/status"
)

//go:embed obe.h.tmpl
var headerTemplate string

//go:embed abi.c.tmpl
var abiTemplate string

// headers returns include/obe.h and capi/abi.c, which checks the exported functions
// against it.
func headers(_ string, lib *library) (map[string][]byte, error) {
	functions := template.FuncMap{"prototype": prototype, "declaration": declaration, "comment": comment, "section": section, "row": row,
		"macro": macro, "statusLine": statusLine, "integral": integral}
	return execute(functions, lib, map[string]string{"include/obe.h": headerTemplate, "capi/abi.c": abiTemplate})
}

// execute executes templates with data and returns the results by their names.
func execute(functions template.FuncMap, data any, templates map[string]string) (map[string][]byte, error) {
	out := map[string][]byte{}
	for name, text := range templates {
		t, err := template.New(name).Funcs(functions).Parse(text)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := t.Execute(&b, data); err != nil {
			return nil, err
		}
		out[name] = b.Bytes()
	}
	return out, nil
}

// lineWidth is the width of the lines of the headers.
const lineWidth = 79

// prototype prints a function's declaration, with the parameters that do not fit
// below the first one.
func prototype(f function) string {
	head := parameter{Name: f.Name, Type: f.Result}.String() + "("
	indent := strings.Repeat(" ", len(head))
	line, lines := head, []string(nil)
	if len(f.Parameters) == 0 {
		return head + "void);"
	}
	for i, p := range f.Parameters {
		text := p.String() + ","
		if i == len(f.Parameters)-1 {
			text = p.String() + ");"
		}
		switch {
		case i == 0:
			line += text
		case len(line)+1+len(text) > lineWidth:
			lines = append(lines, line)
			line = indent + text
		default:
			line += " " + text
		}
	}
	return strings.Join(append(lines, line), "\n")
}

// onOneLine prints a function's declaration without a line break.
func onOneLine(f function) string { return strings.Join(strings.Fields(prototype(f)), " ") }

// comment prints the lines of a doc comment as a comment in C.
func comment(lines []string) string {
	folded := fold(lines, lineWidth-len(" * "))
	if len(folded) == 1 && len(folded[0])+len("/*  */") <= lineWidth {
		return "/* " + folded[0] + " */"
	}
	return "/* " + strings.TrimPrefix(stars(folded), " * ") + " */"
}

// section prints the heading of a group and the comment on it.
func section(title string, lines []string) string {
	heading := "/* ---- " + title + " ----"
	if len(lines) == 0 {
		return heading + " */"
	}
	return heading + "\n *\n" + stars(fold(lines, lineWidth-len(" * "))) + " */"
}

// stars prefixes the lines of a comment.
func stars(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(strings.TrimRight(" * "+line, " ") + "\n")
	}
	return b.String()
}

// fold breaks the paragraphs of a comment into lines of a width. Indented lines are an
// example or a table, and stay as they are.
func fold(lines []string, width int) (folded []string) {
	var words []string
	flush := func() {
		folded = append(folded, wrap(words, width)...)
		words = nil
	}
	for _, line := range lines {
		if line != "" && !strings.HasPrefix(line, " ") {
			words = append(words, strings.Fields(line)...)
			continue
		}
		flush()
		folded = append(folded, line)
	}
	flush()
	return folded
}

// wrap joins words into lines of a width.
func wrap(words []string, width int) (lines []string) {
	line := ""
	for _, word := range words {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// row prints an entry of a list in a comment: a name, and a text that is folded next to
// it.
func row(width int, name, text string) string {
	indent := fmt.Sprintf(" *   %-*s ", width, "")
	first := fmt.Sprintf(" *   %-*s ", width, name)
	lines := wrap(strings.Fields(text), lineWidth-len(indent))
	if len(first) > len(indent) { // the name is too long for its column
		return strings.TrimRight(first, " ") + "\n" + indent + strings.Join(lines, "\n"+indent)
	}
	return first + strings.Join(lines, "\n"+indent)
}

// statusLine defines a status, with its text in a comment.
func statusLine(s status.Status) string {
	value := "0"
	if s.Code != 0 {
		value = fmt.Sprintf("(%d)", s.Code)
	}
	head := fmt.Sprintf("#define %-17s %s /* ", s.Name, value)
	lines := wrap(strings.Fields(s.Text), lineWidth-len(head)-len(" */"))
	indent := "\n" + strings.Repeat(" ", len(head)-len("/* ")) + " * "
	return head + strings.Join(lines, indent) + " */"
}

// macro defines the name of an option or a counter as a macro.
func macro(width int, prefix, name string) string {
	return fmt.Sprintf("#define %-*s %q", width, prefix+strings.ToUpper(name), name)
}
