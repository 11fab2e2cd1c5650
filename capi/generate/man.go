package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

//go:embed group.3.tmpl
var groupPageTemplate string

//go:embed libobe.7.tmpl
var libraryPageTemplate string

// page is the data of a page for one group.
type page struct {
	*library
	Group group
}

// item is a paragraph of the conventions with its heading, such as "Handles".
type item struct {
	Title string
	Text  []string // lines
}

// overview is the data of the library's page.
type overview struct {
	*library
	Intro []string // lines
	Items []item
}

// manual returns the manual pages: one for each group of functions, and one for the
// library, with the first comment of its header.
func manual(_ string, lib *library) (map[string][]byte, error) {
	functions := template.FuncMap{"upper": strings.ToUpper, "default": defaultOf, "lower": lower, "page": pageName, "prose": prose, "escape": escape, "prototype": prototype}
	out := map[string][]byte{}
	render := func(name, text string, data any) error {
		t, err := template.New(name).Funcs(functions).Parse(text)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := t.Execute(&b, data); err != nil {
			return err
		}
		out["packaging/man/"+name] = b.Bytes()
		return nil
	}
	header, err := headers("", lib)
	if err != nil {
		return nil, err
	}
	intro, items, err := preamble(string(header["include/obe.h"]))
	if err != nil {
		return nil, err
	}
	if err := render("libobe.7", libraryPageTemplate, overview{lib, intro, items}); err != nil {
		return nil, err
	}
	for _, g := range lib.Groups {
		if err := render(pageName(g)+".3", groupPageTemplate, page{lib, g}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// pageName is the name of a group's page: "libobe-send-and-receive".
func pageName(g group) string {
	return "libobe-" + strings.ReplaceAll(strings.ToLower(g.Title), " ", "-")
}

// lower begins a title in lower case, for use within a line.
func lower(title string) string { return strings.ToLower(title[:1]) + title[1:] }

// itemHead matches the first line of an item of the header's opening comment.
var itemHead = regexp.MustCompile(`^([A-Z][A-Za-z]+)\. +(.*)`)

// preamble reads the header's opening comment: the text without its first line,
// and the items of its conventions.
func preamble(header string) (intro []string, items []item, err error) {
	comment, _, _ := strings.Cut(header, "\n */")
	text, list, ok := strings.Cut(comment, " * Conventions:\n")
	list, _, closed := strings.Cut(list, " * Generated from")
	if !ok || !closed {
		return nil, nil, fmt.Errorf("the header does not begin with its conventions")
	}
	for _, line := range strings.Split(text, "\n")[1:] {
		intro = append(intro, strings.TrimPrefix(strings.TrimPrefix(line, " *"), " "))
	}
	for _, line := range strings.Split(list, "\n") {
		line = strings.TrimSpace(strings.TrimPrefix(line, " *"))
		if m := itemHead.FindStringSubmatch(line); m != nil {
			items = append(items, item{Title: m[1], Text: []string{m[2]}})
		} else if line != "" && len(items) > 0 {
			last := &items[len(items)-1]
			last.Text = append(last.Text, line)
		}
	}
	return intro, items, nil
}

var (
	words    = regexp.MustCompile(`\b[A-Za-z_][A-Za-z_0-9]*\b`)
	constant = regexp.MustCompile(`^(obe_\w+|OBE_\w+|NULL)$`)
	minus    = regexp.MustCompile(`(^|[\s(])-(\S)`)
)

// escape writes a text so that the formatter prints it as it is.
func escape(text string) string {
	text = strings.ReplaceAll(text, `\`, `\e`)
	text = minus.ReplaceAllString(text, `$1\-$2`)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}

// prose writes the lines of a comment as paragraphs, with functions and constants
// in bold and the parameters of f, if there is one, in italics. Lines that are
// indented are an example.
func prose(lines []string, f ...function) string {
	mark := func(word string) string {
		isParameter := len(f) > 0 && slices.ContainsFunc(f[0].Parameters, func(p parameter) bool { return p.Name == word })
		switch {
		case constant.MatchString(word):
			return `\fB` + word + `\fP`
		case isParameter:
			return `\fI` + word + `\fP`
		}
		return word
	}
	var out []string
	example, begun := false, true // the first paragraph follows its heading
	for _, line := range lines {
		indented := strings.HasPrefix(line, "  ")
		switch {
		case indented && !example:
			out = append(out, ".PP", ".RS 4", ".nf")
		case !indented && example:
			out = append(out, ".fi", ".RE")
		}
		example = indented
		switch {
		case line == "":
			begun = len(out) == 0
			continue
		case indented:
			line = escape(strings.TrimPrefix(line, "  "))
		default:
			if !begun {
				out, begun = append(out, ".PP"), true
			}
			line = words.ReplaceAllStringFunc(escape(line), mark)
		}
		out = append(out, line)
	}
	if example {
		out = append(out, ".fi", ".RE")
	}
	return strings.Join(out, "\n")
}
