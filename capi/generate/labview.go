package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	text "text/template"

	"libobe/capi/status"
	"libobe/internal/session"
	"libobe/internal/socket"
)

var (
	//go:embed obe_labview.h.tmpl
	labviewTemplate string
	//go:embed obe_labview_extra.h.tmpl
	labviewExtraTemplate string
	//go:embed obe_lv_import.h.tmpl
	importTemplate string
	//go:embed obe-errors.txt.tmpl
	errorsTemplate string
	//go:embed nodes.md.tmpl
	nodesTemplate string
	//go:embed nodes.html.tmpl
	nodesPageTemplate string
)

// labviewFiles returns LabVIEW's headers, node tables, nodes.json and error file by their
// names below root.
func labviewFiles(_ string, lib *library) (map[string][]byte, error) {
	functions := text.FuncMap{
		"prototype": func(f any) string { return prototype(asFunction(f)) }, "comment": comment, "section": section, "statusLine": statusLine, "row": row,
		"line": onOneLine, "nodesMembers": func() []member { return nodesMembers }, "anchor": anchor,
		"plain": strings.NewReplacer("*", "", "`", "").Replace, "labviewOptions": labviewOptions, "default": defaultOf, "errorText": errorText, "remedy": remedy, "niCode": niCode, "niStatuses": niStatuses, "xml": escapeXML, "paragraphs": paragraphs,
	}
	pages := struct {
		*library
		Rules  []rule
		Groups []nodeGroup
	}{lib, rules(labviewTemplate), nodeGroups(lib)}
	out := map[string][]byte{}
	for name, file := range map[string]struct {
		template string
		data     any
	}{
		"include/obe_labview.h":           {labviewTemplate, lib},
		"include/obe_labview_extra.h":     {labviewExtraTemplate, lib},
		"include/obe_lv_import.h":         {importTemplate, lib},
		"bindings/labview/obe-errors.txt": {errorsTemplate, lib},
		"bindings/labview/nodes.md":       {nodesTemplate, pages},
		"bindings/labview/nodes.html":     {nodesPageTemplate, pages},
	} {
		var t interface {
			Execute(w io.Writer, data any) error
		}
		var err error
		if strings.HasSuffix(name, ".html") {
			t, err = template.New(name).Funcs(template.FuncMap(functions)).Parse(file.template)
		} else {
			t, err = text.New(name).Funcs(functions).Parse(file.template)
		}
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := t.Execute(&b, file.data); err != nil {
			return nil, err
		}
		out[name] = b.Bytes()
	}
	// The wizard runs on Windows and reads this header line by line.
	out["include/obe_lv_import.h"] = bytes.ReplaceAll(out["include/obe_lv_import.h"], []byte("\n"), []byte("\r\n"))
	var err error
	out["bindings/labview/nodes.json"], err = nodesJSON(lib)
	return out, err
}

// labviewOptions returns the options and properties of a LabVIEW handle.
func labviewOptions(options []socket.Option) []socket.Option {
	return append(slices.Clone(options), socket.Option{Name: session.CodePage, Type: "text", Default: session.CodePageDoc.Default, Doc: session.CodePageDoc.Doc})
}

// niCodes are the codes that LabVIEW's own TCP and JSON nodes return for the same failures.
// LabVIEW users know them.
var niCodes = map[status.Code]int{
	status.Argument: 54, status.Timeout: 56, status.Busy: 57, status.Unreachable: 59, status.InUse: 60, status.Reset: 62,
	status.Refused: 63, status.State: 64, status.PeerClosed: 66, status.JSON: -375003, status.Type: -375005,
}

// remedies say what a LabVIEW user can do about a failure.
var remedies = map[status.Code]string{
	status.Argument:    "The last error message names the argument.",
	status.Handle:      "Was the handle freed by OBE Free, or is its number from an earlier run?",
	status.Timeout:     "The server may still execute the command. A Python server never replies to an unknown command.",
	status.Refused:     "Start the server first, or wait for it with OBE Wait Ready.",
	status.Unreachable: "Check the address, the cable and the firewall.",
	status.InUse:       "Call OBE Free All if an aborted VI left the server open.",
	status.JSON:        "If the text contains characters that are not ASCII, set the option codepage to system.",
	status.Buffer:      "Wire the size that was returned to the cap terminal and call again.",
	status.Unsupported: "The functions that use LabVIEW's memory work in LabVIEW only.",
}

// errorText returns what LabVIEW shows for a status: its text, the remedy, and the code
// that LabVIEW's own nodes return.
func errorText(s status.Status) string {
	text := s.Name + ": " + s.Text
	if remedy, ok := remedies[s.Code]; ok {
		text += " " + remedy
	}
	if code, ok := niCodes[s.Code]; ok {
		text += fmt.Sprintf(" (LabVIEW's own nodes return error %d.)", code)
	}
	return text
}

// remedy and niCode return the rows of these tables for a status, or their zero values.
func remedy(s status.Status) string { return remedies[s.Code] }
func niCode(s status.Status) int    { return niCodes[s.Code] }

// niStatuses returns the statuses for whose situation LabVIEW's own nodes have a code, in the
// order of these codes without their signs.
func niStatuses(all []status.Status) []status.Status {
	found := slices.DeleteFunc(slices.Clone(all), func(s status.Status) bool { return niCode(s) == 0 })
	slices.SortFunc(found, func(a, b status.Status) int { return max(niCode(a), -niCode(a)) - max(niCode(b), -niCode(b)) })
	return found
}

// escapeXML escapes the characters that LabVIEW documents, and no others, because its
// parser may not know all of XML.
func escapeXML(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// rule is one of the conventions for all functions.
type rule struct{ Name, Text string }

var ruleLine = regexp.MustCompile(`^ \* ([A-Z][a-z]+)\. +(\S.*)$`)

// rules returns the conventions in the header's first comment.
func rules(header string) (found []rule) {
	_, list, _ := strings.Cut(header, " * Conventions:\n *\n")
	for line := range strings.Lines(list) {
		line = strings.TrimSuffix(line, "\n")
		if line == " *" {
			break
		}
		if m := ruleLine.FindStringSubmatch(line); m != nil {
			found = append(found, rule{m[1], m[2]})
		} else {
			found[len(found)-1].Text += " " + strings.TrimLeft(line, " *")
		}
	}
	return found
}

// paragraphs prints a doc comment with each paragraph on one line.
func paragraphs(lines []string) string { return strings.Join(fold(lines, math.MaxInt), "\n") }

// nodeGroup is a group of nodes in the node tables.
type nodeGroup struct {
	group
	Nodes []node
}

// node is a function and the configuration of its Call Library Function Node.
type node struct {
	function
	Terminals []terminal
	Callbacks bool // the node is configured with the callbacks
}

// terminal is a parameter, in the terms of the node's configuration dialog.
type terminal struct{ Name, Direction, Type, Data, Pass, Size, Wire string }

func asFunction(f any) function {
	if n, ok := f.(node); ok {
		return n.function
	}
	return f.(function)
}

func nodeGroups(lib *library) (groups []nodeGroup) {
	for _, g := range append(append([]group{}, lib.LabVIEW...), lib.LabVIEWExtra...) {
		ng := nodeGroup{group: g}
		for _, f := range g.Functions {
			n := node{function: f, Callbacks: strings.HasSuffix(f.Name, "_i")}
			for i := range f.Parameters {
				n.Terminals = append(n.Terminals, newTerminal(f, i))
			}
			ng.Nodes = append(ng.Nodes, n)
		}
		groups = append(groups, ng)
	}
	return groups
}

const (
	integer = "Signed 32-bit Integer"
	real    = "8-byte Double"
)

// newTerminal returns the configuration of parameter i of a function.
func newTerminal(f function, i int) terminal {
	p := f.Parameters[i]
	next := parameter{}
	if i+1 < len(f.Parameters) {
		next = f.Parameters[i+1]
	}
	t := terminal{Name: p.Name, Direction: "in", Size: "-", Pass: "-", Wire: wire(f, i)}
	switch p.Type {
	case "int":
		t.Type, t.Data, t.Pass = "Numeric", integer, "Value"
	case "double":
		t.Type, t.Data, t.Pass = "Numeric", real, "Value"
	case "int *":
		t.Direction, t.Type, t.Data, t.Pass = "out", "Numeric", integer, "Pointer to Value"
	case "double *":
		t.Direction, t.Type, t.Data, t.Pass = "out", "Numeric", real, "Pointer to Value"
	case "const char *":
		t.Type, t.Data = "String", "C String Pointer, Constant"
	case "char[]":
		t.Direction, t.Type, t.Data, t.Size = "out", "String", "C String Pointer", next.Name
	case "double[]":
		t.Type, t.Data = "Array", real+", 1 dimension, Array Data Pointer"
		switch next.Name {
		case p.Name + "_cap":
			t.Direction, t.Size = "out", next.Name
		case "rows":
			t.Data = real + ", 2 dimensions, Array Data Pointer"
		}
	case "void *":
		t.Direction, t.Type, t.Data = "out", "String", "String Handle Pointer"
		if p.Name == "values" {
			t.Type, t.Data = "Array", real+", 1 dimension, Array Handle Pointer"
		}
		if strings.Contains(f.Name, "matrix") {
			t.Data = real + ", 2 dimensions, Array Handle Pointer"
		}
	case "void **":
		t.Direction, t.Type, t.Data = "hidden", "Instance Data Pointer", "-"
	default:
		panic("no node configuration for " + p.Type)
	}
	return t
}

// wire returns what to wire to a parameter, or "" if that is clear from its name.
func wire(f function, i int) string {
	p := f.Parameters[i]
	before := parameter{}
	if i > 0 {
		before = f.Parameters[i-1]
	}
	base, capacity := strings.CutSuffix(p.Name, "_cap")
	switch {
	case p.Type == "void **":
		return "nothing: LabVIEW passes it"
	case p.Name == "timeout_ms" && strings.HasPrefix(f.Name, "obe_lv_receive"):
		return "100 in a loop with a stop button; -2 is the handle's own timeout, which for a server is infinite"
	case p.Name == "timeout_ms":
		return "-2, the handle's own timeout, unless the caller wires another one"
	case p.Name == "handle" && p.Type == "int *":
		return "the handle, to all other nodes"
	case p.Name == "handle":
		return "the handle"
	case p.Name == "pointer":
		return `a JSON pointer: "/x/0"; empty is the whole message`
	case p.Name == "port" && p.Type == "int":
		return "61981"
	case p.Name == "address":
		return "empty is this computer"
	case (f.Name == "obe_lv_set_option" || f.Name == "obe_lv_get_option") && p.Name == "name":
		return "an option of the list at the end"
	case f.Name == "obe_lv_set_option" && p.Name == "value":
		return "a text; Number To Decimal String converts a number"
	case p.Name == "type":
		return "see the list at the end"
	case p.Name == "user_event":
		return "the reference of Create User Event through Type Cast to I32, or 0"
	case p.Name == "index":
		return "0 is the first member"
	case capacity && before.Type == "char[]":
		return "the size of the buffer in bytes: the size that is already known, or 0 to query it"
	case capacity:
		return fmt.Sprintf("the size of %s in numbers: the largest count that you expect, or 0 to query it", base)
	case strings.HasSuffix(p.Name, "_size") && p.Type == "int *":
		return "the buffer size that is needed, in bytes"
	case strings.HasSuffix(p.Name, "_count") && p.Type == "int *":
		return "how many numbers there are: Array Subset cuts the array to it"
	case strings.HasSuffix(p.Name, "_count"):
		return "Array Size of " + before.Name
	case (p.Name == "rows" || p.Name == "cols") && p.Type == "int":
		return "from Array Size of values"
	case (p.Name == "rows" || p.Name == "cols") && p.Type == "int *":
		return "for Reshape Array"
	}
	return ""
}
