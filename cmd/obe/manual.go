package main

import (
	"bytes"
	_ "embed"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

//go:embed manual.1.tmpl
var manualTemplate string

// newManual returns the subcommand that writes the manual pages, from the texts of the help.
// Cobra's own pages have their options in paragraphs with tabs, dates without a day, and no
// escapes: mandoc warns about every line of them.
func newManual(*app) *cobra.Command {
	return &cobra.Command{
		Use:    "manual DIRECTORY",
		Short:  "Write the manual pages",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			pages, err := manual(cmd.Root())
			for name, page := range pages {
				if err == nil {
					err = os.WriteFile(filepath.Join(args[0], name), page, 0o644)
				}
			}
			if err != nil {
				return &exit{exitAnswer, err}
			}
			return nil
		},
	}
}

// manual returns the pages of a command and of its subcommands, by their file names.
func manual(cmd *cobra.Command) (map[string][]byte, error) {
	pages := map[string][]byte{}
	t, err := template.New("manual").Funcs(template.FuncMap{
		"upper": strings.ToUpper, "dashed": dashed, "folded": folded, "verbatim": verbatim, "paragraphs": paragraphs,
		"date": func() string { return date }, "version": func() string { return version },
		"arguments": func(cmd *cobra.Command) string {
			_, arguments, _ := strings.Cut(cmd.Use, " ")
			return verbatim(arguments)
		},
		"flags":      flagsOf,
		"bold":       func(dashes, name string) string { return `\fB` + verbatim(dashes+name) + `\fP` },
		"value":      func(flag *pflag.Flag) string { name, _ := pflag.UnquoteUsage(flag); return name },
		"usage":      usageOf,
		"unindented": func(text string) string { return strings.ReplaceAll(strings.TrimPrefix(text, "  "), "\n  ", "\n") },
		"related":    related,
	}).Parse(manualTemplate)
	if err != nil {
		return nil, err
	}
	for _, each := range append(documented(cmd), cmd) {
		var page bytes.Buffer
		if err := t.Execute(&page, each); err != nil {
			return nil, err
		}
		pages[dashed(each)+".1"] = page.Bytes()
	}
	return pages, nil
}

// documented returns the subcommands that have a page.
func documented(cmd *cobra.Command) (found []*cobra.Command) {
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			found = append(found, sub)
		}
	}
	return found
}

func dashed(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// flagsOf returns the flags of a command, without help and version.
func flagsOf(cmd *cobra.Command) (flags []*pflag.Flag) {
	cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
		if !flag.Hidden && flag.Name != "help" && flag.Name != "version" {
			flags = append(flags, flag)
		}
	})
	return flags
}

// usageOf returns what the help says about a flag, and its default.
func usageOf(flag *pflag.Flag) string {
	_, usage := pflag.UnquoteUsage(flag)
	switch flag.DefValue {
	case "", "false", "0", "0s":
		return usage
	}
	return usage + " (default " + flag.DefValue + ")"
}

// related lists the other pages.
func related(cmd *cobra.Command) string {
	var names []string
	for _, each := range append([]*cobra.Command{cmd.Root()}, documented(cmd.Root())...) {
		if each != cmd {
			names = append(names, ".BR "+dashed(each)+" (1)")
		}
	}
	return strings.Join(append(names, ".BR libobe (7)"), ",\n")
}

// paragraphs writes prose, whose paragraphs have empty lines between them.
func paragraphs(text string) string {
	all := strings.Split(text, "\n\n")
	for i, paragraph := range all {
		all[i] = folded(paragraph)
	}
	return strings.Join(all, "\n.PP\n")
}

// folded writes prose in lines of at most 78 characters, which mandoc checks.
func folded(text string) string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		word = verbatim(word)
		if line != "" && len(line)+1+len(word) > 78 {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return protected(append(lines, line))
}

// verbatim writes a text so that a reader can copy what the formatter prints.
func verbatim(text string) string {
	escaped := strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
	return protected(strings.Split(escaped, "\n"))
}

// protected keeps the formatter from reading lines as requests.
func protected(lines []string) string {
	for i, line := range lines {
		if strings.HasPrefix(line, ".") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
