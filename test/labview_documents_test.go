package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	protocol "libobe/internal/command"
	"libobe/internal/session"
	"libobe/internal/socket"
)

// documentNames are the names that the documents for LabVIEW may use.
type documentNames struct {
	functions, constants, words, files, labview map[string]bool
	codes                                       map[string]bool
}

// Each name in the documents for LabVIEW exists: a function, a parameter, a status, an option,
// a file, and what LabVIEW calls its windows and nodes, which labview_names.txt lists with
// their sources.
func TestConsistentLabVIEWDocuments(t *testing.T) {
	names := namesForLabVIEW(t)
	for _, page := range labviewPages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range names.lint(string(text)) {
			t.Errorf("%s:%s", strings.TrimPrefix(page, "../"), problem)
		}
	}
}

func labviewPages(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob("../bindings/labview/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	// nodes.md is generated from the same functions, and its text is that of their comments.
	pages = slices.DeleteFunc(pages, func(page string) bool { return filepath.Base(page) == "nodes.md" })
	return append(pages, "../docs/quickstart/labview.md")
}

// The files that a user has and git does not: built ones, and those of LabVIEW.
var otherFiles = []string{
	"obe64.dll", "obe32.dll", "obe64.so", "libobe.so", "libobe.so.0", "obe.exe", "LabVIEW.exe", "lvrt.dll", "lvffrt.dll", "OBE.lvlib",
	"Error Converter (ErrCode or Status).vi",
}

// Words that are not names of the library: a value of the option codepage, programs, and the
// commands of optbayesexpt v0.1.9.
var otherWords = []string{"system", "make", "ldconfig", "opkg", "pip", "python", "optbayesexpt", "clr", "add", "config", "maxpdf"}

func namesForLabVIEW(t *testing.T) documentNames {
	t.Helper()
	n := documentNames{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for _, header := range []string{"obe_labview.h", "obe_labview_extra.h", "obe.h"} {
		text := readInclude(t, header)
		for _, f := range functions(text) {
			n.functions[f.name] = true
			for _, m := range parameterName.FindAllStringSubmatch(f.parameters, -1) {
				n.words[m[1]] = true
			}
			n.files[strings.ReplaceAll(f.name, "_", " ")+".vi"] = true // of the import wizard
		}
		for _, m := range defined.FindAllStringSubmatch(text, -1) {
			n.constants[m[1]] = true
			if code, found := strings.CutPrefix(m[2], "(-"); found {
				n.codes[strings.TrimSuffix(code, ")")] = true
			}
		}
	}
	for _, o := range socket.Options {
		n.words[o.Name] = true
	}
	for _, variable := range []string{"OBE_LIBRARY", "OBE_TRACE", "OBE_TRACE_LIMIT"} { // of the environment
		n.constants[variable] = true
	}
	n.words[session.CodePage] = true
	for _, word := range otherWords {
		n.words[word] = true
	}
	for _, c := range protocol.Commands() {
		n.words[c.Name] = true
		for _, m := range c.Members {
			n.words[m.Name] = true
		}
	}
	n.addMembers(t, "../bindings/labview/nodes.json")
	n.addPython(t, "../bindings/labview/obe_python_node.py")
	for _, pattern := range []string{"../bindings/labview/*", "../bindings/labview/pictures/*", "../include/*", "../examples/*/*", "../packaging/*", "../docs/*/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			n.files[filepath.Base(file)] = true
		}
	}
	for _, name := range otherFiles {
		n.files[name] = true
	}
	for name := range labviewNames(t) {
		n.labview[strings.ToLower(name)] = true
	}
	return n
}

var (
	parameterName = regexp.MustCompile(`(\w+)(?:\[\])?(?:,|$)`)
	defined       = regexp.MustCompile(`(?m)^#define (OBE_\w+) +(\S+)`)
	pythonName    = regexp.MustCompile(`(?m)^def ([a-z]\w*)\(([^)]*)\)`)
)

// addMembers adds the names of the members of a file in JSON.
func (n documentNames) addMembers(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	for {
		token, err := decoder.Token()
		if err != nil {
			return
		}
		if name, ok := token.(string); ok && identifier.MatchString(name) {
			n.words[name] = true
		}
	}
}

// addPython adds the functions of a file in Python, and their parameters.
func (n documentNames) addPython(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range pythonName.FindAllStringSubmatch(string(text), -1) {
		n.words[m[1]] = true
		for _, p := range strings.Split(m[2], ",") {
			name, _, _ := strings.Cut(strings.TrimSpace(p), ":")
			n.words[name] = true
		}
	}
}

// labviewNames are LabVIEW's names, with their sources.
func labviewNames(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("labview_names.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, "#") {
			name, source, _ := strings.Cut(line, "\t")
			all[name] = source
		}
	}
	return all
}

// Each name of LabVIEW's has a source, and the list is sorted.
func TestConsistentLabVIEWNames(t *testing.T) {
	text, err := os.ReadFile("labview_names.txt")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.ToLower(line))
		}
	}
	if !slices.IsSorted(lines) || len(lines) != len(labviewNames(t)) {
		t.Error("labview_names.txt is not sorted, or has a name twice")
	}
	source := regexp.MustCompile(`^([a-z]+/[\w()-]+\.html|https://\S+|own)$`)
	for name, page := range labviewNames(t) {
		if !source.MatchString(page) {
			t.Errorf("the source of %q is %q; a page of NI's help, an address or own is one", name, page)
		}
	}
}

var (
	fenced     = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	bold       = regexp.MustCompile(`(?s)\*\*[^*]+\*\*`)
	codeSpan   = regexp.MustCompile("`([^`\n]+)`")
	italic     = regexp.MustCompile(`\*([^*\s][^*]*?)\*`)
	identifier = regexp.MustCompile(`^[a-z][a-z0-9]+(_[a-z0-9]+)*$`)
	fileName   = regexp.MustCompile(`^[^\\/<>]+\.(md|html|json|h|txt|svg|py|toml|cmd|dll|exe|so|so\.\d+|zip|ipk|lvlib|vi)$`)
	code       = regexp.MustCompile(`[\x{2212}-](8[0-9]{3})\b`)
	anyCall    = regexp.MustCompile(`\b(obe_[a-z0-9_]+)`)
	anyMacro   = regexp.MustCompile(`\b(OBE_[A-Z0-9_]+)`)
	notSpace   = regexp.MustCompile(`[^\n]`)
	// suffixes are parts of names, which a text may mention alone.
	suffixes = regexp.MustCompile(`^(_cap|_size|_count|_i|_h|obe_|obe_lv_)$`)
)

// lint returns what a page names and does not exist, one line for each, with its number.
func (n documentNames) lint(text string) (problems []string) {
	// What is left out leaves its lines.
	blanks := func(s string) string { return notSpace.ReplaceAllString(s, " ") }
	text = fenced.ReplaceAllStringFunc(text, blanks)
	report := func(at int, what, name string) {
		problems = append(problems, fmt.Sprintf("%d: there is no %s %s", 1+strings.Count(text[:at], "\n"), what, strings.Join(strings.Fields(name), " ")))
	}
	each := func(pattern *regexp.Regexp, text string, check func(at int, found string)) {
		for _, m := range pattern.FindAllStringSubmatchIndex(text, -1) {
			check(m[0], text[m[2]:m[3]])
		}
	}
	each(anyCall, text, func(at int, name string) {
		if !n.functions[strings.TrimSuffix(name, "_")] && !suffixes.MatchString(name) && !n.beginsWithFile(text[at:]) {
			report(at, "function", name)
		}
	})
	each(anyMacro, text, func(at int, name string) {
		if !n.constants[name] {
			report(at, "constant", name)
		}
	})
	each(code, text, func(at int, number string) {
		if !n.codes[number] {
			report(at, "status", "-"+number)
		}
	})
	each(codeSpan, text, func(at int, span string) {
		switch {
		case suffixes.MatchString(span) || strings.ContainsAny(span, "…*"):
		case fileName.MatchString(span):
			if !n.files[path.Base(span)] && !n.labview[strings.ToLower(span)] {
				report(at, "file", span)
			}
		case identifier.MatchString(span) && !strings.HasPrefix(span, "obe_"):
			if !n.words[span] {
				report(at, "parameter, option, command or member", span)
			}
		}
	})
	prose := bold.ReplaceAllStringFunc(codeSpan.ReplaceAllStringFunc(text, blanks), blanks)
	each(italic, prose, func(at int, name string) {
		for _, part := range strings.Split(strings.Join(strings.Fields(name), " "), " » ") {
			part = strings.Trim(part, "….:\"")
			if !n.labview[strings.ToLower(part)] && !strings.HasPrefix(part, "OBE ") {
				report(at, "name of LabVIEW's in test/labview_names.txt:", part)
			}
		}
	})
	return problems
}

// beginsWithFile reports whether a text begins with the name of a file.
func (n documentNames) beginsWithFile(text string) bool {
	return n.files[strings.TrimRight(regexp.MustCompile(`^[\w.]+`).FindString(text), ".")]
}

// lint reports a violation of each rule.
func TestConsistentLabVIEWDocumentsRules(t *testing.T) {
	names := namesForLabVIEW(t)
	good := "`obe_lv_free`, `x_cap` and `_cap`, [obe_labview.h](x), `obe_labview.h`, `obe64.dll`, −8001, `OBE_E_STATE`, `pickiness`,\n" +
		"*Tools » Import » Shared\nLibrary…*, **any text**, *OBE Free*, `{\"a\": 1}`, `libobe-….zip`\n```\nobe_lv_nothing\n```\n"
	if problems := names.lint(strings.ReplaceAll(good, "x_cap", "setting_cap")); len(problems) > 0 {
		t.Errorf("what exists is reported: %q", problems)
	}
	for bad, want := range map[string]string{
		"a\n`obe_lv_close_all`":         "2: there is no function obe_lv_close_all",
		"obe_lv_close_all":              "1: there is no function obe_lv_close_all",
		"−8099":                         "1: there is no status -8099",
		"`-8099`":                       "1: there is no status -8099",
		"OBE_E_NOTHING":                 "1: there is no constant OBE_E_NOTHING",
		"`obe16.dll`":                   "1: there is no file obe16.dll",
		"[a](b), `obe_nothing.h`":       "1: there is no file obe_nothing.h",
		"`timeout_s`":                   "1: there is no parameter, option, command or member timeout_s",
		"x\n\n*Array/String Size Type*": "3: there is no name of LabVIEW's in test/labview_names.txt: Array/String Size Type",
	} {
		if problems := names.lint(bad); !slices.Contains(problems, want) {
			t.Errorf("%q: %q, want %q", bad, problems, want)
		}
	}
	if len(slices.Collect(maps.Keys(names.files))) < 30 || len(names.codes) < 15 {
		t.Errorf("%d files and %d codes are too few", len(names.files), len(names.codes))
	}
}
