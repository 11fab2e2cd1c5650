package main

import (
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"libobe/internal/command"
	"libobe/internal/environment"
	"libobe/internal/experiment"
	"libobe/internal/expression"
	"libobe/internal/socket"
	"libobe/internal/trace"
)

//go:embed reference/*.md.tmpl
var referenceTemplates embed.FS

// pageWidth is the width of the lines of the documents.
const pageWidth = 120

// protocolCommand is a command of the protocol with what calls it in each language.
type protocolCommand struct {
	command.Command
	C, LabVIEW  string   // prototypes
	Cpp, Python []string // declarations, without their class
}

// referencePages is the data of the pages in docs/reference.
type referencePages struct {
	*library
	Commands []protocolCommand
	Sizes    string // of replies
	Trace    traceFormat
	Extra    []socket.Option // of LabVIEW's handles

	Experiment experimentFormat
}

// experimentFormat is what experiment.md says about the file.
type experimentFormat struct {
	Tables             []experiment.Table
	Functions          []expression.Function
	MaxName, MaxLength int
	Limits             []string
}

// Overrides are the fields that newrun can replace, without noise and cost, which are numbers
// in some files only.
func (f experimentFormat) Overrides() (keys []string) {
	for _, t := range f.Tables {
		for _, field := range t.Fields {
			if field.Override && !slices.Contains(keys, field.Name) && !slices.Contains([]string{"noise", "cost"}, field.Name) {
				keys = append(keys, field.Name)
			}
		}
	}
	return keys
}

// traceFormat is what trace.md says about the file.
type traceFormat struct {
	Version, MaxBody, MinLimit int
	First, Fields              []trace.Field
	Variables                  []environment.Variable
}

// reference returns the pages of docs/reference: functions, options, counters, statuses,
// commands, the trace and the file of an experiment.
func reference(root string, lib *library) (map[string][]byte, error) {
	commands, err := protocolCommands(root, lib)
	if err != nil {
		return nil, err
	}
	functions := template.FuncMap{
		"lower": lower, "default": defaultOf, "cell": cell, "anchor": anchor, "prototype": prototype, "markdown": markdown, "fold": paragraph,
		"wrap":    func(text string) string { return strings.Join(wrap(strings.Fields(text), pageWidth), "\n") },
		"summary": summary, "role": roleOf, "withoutRole": withoutRole, "when": when, "upper": strings.ToUpper, "errorClass": pythonErrorClass,
		"returnedBy": func(status string) []string { return returnedBy(lib, status) }, "remedy": remedy, "ni": niCode,
	}
	pages := referencePages{lib, commands, command.Sizes, traceFormat{trace.Version, trace.MaxBody, trace.MinLimit, trace.FirstFields, trace.Fields, environment.Variables},
		labviewOptions(nil), experimentFormat{experiment.Tables(), expression.Functions(), expression.MaxName, expression.MaxLength, experiment.Limits()}}
	templates := map[string]string{}
	for _, name := range []string{"functions.md", "options.md", "counters.md", "statuses.md", "commands.md", "trace.md", "experiment.md"} {
		text, err := referenceTemplates.ReadFile("reference/" + name + ".tmpl")
		if err != nil {
			return nil, err
		}
		templates["docs/reference/"+name] = string(text)
	}
	return execute(functions, pages, templates)
}

// protocolCommands finds what calls each command of the protocol. A command that a language
// cannot call is an error.
func protocolCommands(root string, lib *library) (all []protocolCommand, err error) {
	bindings, err := commandFiles(root, lib)
	if err != nil {
		return nil, err
	}
	cpp, python := string(bindings["include/obe.hpp"]), string(bindings[pythonPackage+"/_client.py"])
	for _, c := range command.Commands() {
		p := protocolCommand{Command: c, C: prototypeOf(lib.Groups, "obe_"+c.Name), LabVIEW: prototypeOf(lib.LabVIEW, "obe_lv_"+c.Name),
			Cpp:    declarations(cpp, `(?m)^    ((?:void|matrix|std::vector<double>) `+c.Name+`\([^;{]*\))`),
			Python: declarations(python, `(?m)^    def (`+c.Name+`\([^:]*(?::[^\n]*)?) *:$`)}
		for language, missing := range map[string]bool{"C": p.C == "", "LabVIEW": p.LabVIEW == "", "C++": len(p.Cpp) == 0, "Python": len(p.Python) == 0} {
			if missing {
				return nil, fmt.Errorf("%s has no function for the command %s", language, c.Name)
			}
		}
		all = append(all, p)
	}
	return all, nil
}

func prototypeOf(groups []group, name string) string {
	for _, g := range groups {
		for _, f := range g.Functions {
			if f.Name == name {
				return prototype(f)
			}
		}
	}
	return ""
}

// declarations returns what the group of a pattern matches in a source, each in one line.
func declarations(source, pattern string) (found []string) {
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(source, -1) {
		found = append(found, strings.Join(strings.Fields(m[1]), " "))
	}
	return found
}

// returnedBy lists the functions whose description mentions a status.
func returnedBy(lib *library, status string) (names []string) {
	mention := regexp.MustCompile(`\b` + status + `\b`)
	for _, g := range lib.Groups {
		for _, f := range g.Functions {
			if slices.ContainsFunc(f.Doc, mention.MatchString) {
				names = append(names, f.Name)
			}
		}
	}
	return names
}

// anchor is the name of a heading in a link: the id that GitHub gives it.
func anchor(heading string) string {
	return strings.ReplaceAll(notInAnchor.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

var notInAnchor = regexp.MustCompile(`[^\w\- ]`)

// roleOf returns the role that a description begins with, such as "server", or "".
func roleOf(doc string) string {
	if role, _, found := strings.Cut(doc, ": "); found && slices.Contains([]string{"Client", "Server", "Process"}, role) {
		return strings.ToLower(role)
	}
	return ""
}

// withoutRole returns a description without the role that it begins with.
func withoutRole(doc string) string {
	if role := roleOf(doc); role != "" {
		doc = doc[len(role)+len(": "):]
	}
	return strings.ToUpper(doc[:1]) + doc[1:]
}

// when returns when an option can be set.
func when(o socket.Option) string {
	switch {
	case o.ReadOnly:
		return "never: it is read-only"
	case o.BeforeFirstUse():
		return "before the first message"
	}
	return "at any time; it applies to calls and connections that start later"
}

// cell escapes a text for a cell of a table in Markdown.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// summary is the first sentence of a description, for a table.
func summary(doc []string) string {
	text := strings.Join(doc, " ")
	if sentence := regexp.MustCompile(`^.*?([a-z)*"}][.]|[a-z)*][:;])( |$)`).FindString(text); sentence != "" {
		text = strings.TrimRight(strings.TrimSpace(sentence), ":;.") + "."
	}
	_, text, _ = strings.Cut(text, " ")
	return cell(marked(text))
}

// code matches what is code in a description: names of the library, parameters with an
// underscore, and what a pointer points to.
var code = regexp.MustCompile(`\bobe_([a-z]+_)*\*|\b[A-Za-z]+(_[A-Za-z]+)+\b|\*[a-z]+\b|\bNULL\b`)

// marked writes a text in Markdown, with names as code.
func marked(text string) string {
	var out strings.Builder
	escape := strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`, "[", `\[`)
	for text != "" {
		at := code.FindStringIndex(text)
		if at == nil {
			at = []int{len(text), len(text)}
		}
		out.WriteString(escape.Replace(text[:at[0]]))
		if at[1] > at[0] {
			out.WriteString("`" + text[at[0]:at[1]] + "`")
		}
		text = text[at[1]:]
	}
	return out.String()
}

// paragraph folds a text to the width of a page.
func paragraph(text string) string {
	return strings.Join(wrap(strings.Fields(marked(text)), pageWidth), "\n")
}

// markdown writes the lines of a comment as paragraphs. Lines that are indented are an
// example or a table.
func markdown(lines []string) string {
	var out, text, block []string
	flush := func() {
		if len(text) > 0 {
			out = append(out, paragraph(strings.Join(text, " ")))
		}
		if len(block) > 0 {
			out = append(out, "```\n"+strings.TrimRight(strings.Join(block, "\n"), "\n")+"\n```")
		}
		text, block = nil, nil
	}
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, "  "):
			if len(text) > 0 {
				flush()
			}
			block = append(block, line[2:])
		case line == "" && len(block) > 0:
			block = append(block, "")
		case line == "":
			flush()
		default:
			if len(block) > 0 {
				flush()
			}
			text = append(text, line)
		}
	}
	flush()
	return strings.Join(out, "\n\n")
}
