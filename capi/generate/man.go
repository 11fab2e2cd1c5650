package main

import (
	"bytes"
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"libobe/internal/environment"
)

//go:embed group.3.tmpl
var groupPageTemplate string

//go:embed libobe.7.tmpl
var libraryPageTemplate string

// examples has a complete program for each page. A test compiles and runs what the pages
// contain.
//
//go:embed examples/*.c
var examples embed.FS

// manualWidth is the width of the lines of a page's source, which mandoc checks.
const manualWidth = 78

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
	Intro     []string // lines
	Items     []item
	Variables []environment.Variable
}

// manual returns the manual pages: one for each group of functions, and one for the
// library, with the first comment of its header.
func manual(_ string, lib *library) (map[string][]byte, error) {
	functions := template.FuncMap{"upper": strings.ToUpper, "default": defaultOf, "lower": lower, "page": pageName, "prose": prose, "folded": folded, "escape": escape, "prototype": prototype,
		"example": example, "names": names}
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
	if err := render("libobe.7", libraryPageTemplate, overview{lib, intro, items, environment.Variables}); err != nil {
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
	return protect(text)
}

// folded writes a text in lines of the source.
func folded(t string) string {
	lines := wrap(strings.Fields(strings.ReplaceAll(t, `\`, `\e`)), manualWidth)
	for i, line := range lines {
		lines[i] = protect(minus.ReplaceAllString(line, `$1\-$2`))
	}
	return strings.Join(lines, "\n")
}

// protect keeps the formatter from reading a line as a request.
func protect(line string) string {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		return `\&` + line
	}
	return line
}

// names lists the functions of a group, for the section NAME.
func names(g group) string {
	all := make([]string, len(g.Functions))
	for i, f := range g.Functions {
		all[i] = f.Name
	}
	return strings.Join(wrap(strings.Fields(strings.Join(all, ", ")), manualWidth), "\n")
}

// verbatim writes code so that a reader can copy what the formatter prints.
var verbatim = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`)

// example returns the program of a page.
func example(page string) (string, error) {
	program, err := examples.ReadFile("examples/" + page + ".c")
	lines := strings.Split(strings.TrimSuffix(string(program), "\n"), "\n")
	for i, line := range lines {
		lines[i] = protect(verbatim.Replace(line))
	}
	return ".nf\n" + strings.Join(lines, "\n") + "\n.fi", err
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
	var out, paragraph []string
	flush := func() {
		for _, line := range wrap(strings.Fields(strings.Join(paragraph, " ")), manualWidth) {
			out = append(out, protect(line))
		}
		paragraph = nil
	}
	indented, begun := false, true // the first paragraph follows its heading
	for _, line := range lines {
		was := indented
		indented = strings.HasPrefix(line, "  ")
		if line == "" || indented != was {
			flush()
		}
		switch {
		case indented && !was:
			out = append(out, ".PP", ".RS 4", ".nf")
		case !indented && was:
			out = append(out, ".fi", ".RE")
		}
		switch {
		case line == "":
			begun = len(out) == 0
		case indented:
			out = append(out, escape(strings.TrimPrefix(line, "  ")))
		default:
			if !begun {
				out, begun = append(out, ".PP"), true
			}
			line = minus.ReplaceAllString(strings.ReplaceAll(line, `\`, `\e`), `$1\-$2`)
			paragraph = append(paragraph, words.ReplaceAllStringFunc(line, mark))
		}
	}
	flush()
	if indented {
		out = append(out, ".fi", ".RE")
	}
	return strings.Join(out, "\n")
}
