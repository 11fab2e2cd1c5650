package main

import (
	_ "embed"
	"strings"
	"text/template"
)

//go:embed reference.md.tmpl
var referenceTemplate string

// reference returns the page of tables for readers of the documentation.
func reference(_ string, lib *library) (map[string][]byte, error) {
	functions := template.FuncMap{"lower": lower, "default": defaultOf, "cell": cell}
	return execute(functions, lib, map[string]string{"docs/reference.md": referenceTemplate})
}

// cell escapes a text for a cell of a table in Markdown.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
