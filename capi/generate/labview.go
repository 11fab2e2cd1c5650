package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"regexp"
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
	//go:embed obe-errors.txt.tmpl
	errorsTemplate string
	//go:embed nodes.md.tmpl
	nodesTemplate string
	//go:embed nodes.html.tmpl
	nodesPageTemplate string
)

// labviewFiles makes what LabVIEW's users get, by the names below root.
func labviewFiles(_ string, lib *library) (map[string][]byte, error) {
	functions := text.FuncMap{
		"prototype": func(f any) string { return prototype(asFunction(f)) }, "comment": comment, "section": section, "statusLine": statusLine, "row": row,
		"settable": settable, "errorText": errorText, "xml": escapeXML, "paragraphs": paragraphs,
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
	return out, nil
}

// settable are the options that a session can be told: LabVIEW asks for none.
func settable(options []socket.Option) []socket.Option {
	var can []socket.Option
	for _, o := range options {
		if !o.ReadOnly {
			o.Doc = strings.ReplaceAll(o.Doc, "obe_", "obe_lv_")
			can = append(can, o)
		}
	}
	return append(can, socket.Option{Name: session.CodePage, Default: session.CodePageDoc.Default, Doc: session.CodePageDoc.Doc})
}

// niCodes are the codes that LabVIEW's own nodes for TCP and JSON have for the same
// failures, which their users know.
var niCodes = map[status.Code]int{
	status.Timeout: 56, status.Busy: 57, status.Unreachable: 59, status.InUse: 60, status.Reset: 62,
	status.Refused: 63, status.State: 64, status.PeerClosed: 66, status.JSON: -375003, status.Type: -375005,
}

// remedies are what LabVIEW's user can do about a failure.
var remedies = map[status.Code]string{
	status.Argument:    "The text of the last failure says which. (LabVIEW's own nodes have error 54 for a bad address.)",
	status.Handle:      "Was OBE Close called before, or the number kept from an earlier run?",
	status.Timeout:     "The peer may still carry out the command; an unknown command is never answered.",
	status.Refused:     "Start the server first, or wait for it with OBE Wait Ready.",
	status.Unreachable: "Check the address, the cable and the firewall.",
	status.InUse:       "Call OBE Close All if an aborted VI left the server open.",
	status.JSON:        "If the text has characters beyond ASCII, set the option codepage to system.",
	status.Buffer:      "Wire the size that came back to the cap terminal and call again.",
	status.Unsupported: "The functions that use LabVIEW's memory work inside LabVIEW only.",
}

// errorText is what LabVIEW shows for a status: the sentence, the remedy, and the
// code that its own nodes have.
func errorText(s status.Status) string {
	said := s.Name + ": " + s.Text
	if remedy, ok := remedies[s.Code]; ok {
		said += " " + remedy
	}
	if code, ok := niCodes[s.Code]; ok {
		said += fmt.Sprintf(" (LabVIEW's own nodes have error %d for it.)", code)
	}
	return said
}

// escapeXML escapes what LabVIEW asks to be escaped, and no more: nobody says that
// it knows all of XML.
func escapeXML(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// rule is what holds for all functions in one respect.
type rule struct{ Name, Text string }

var ruleLine = regexp.MustCompile(`^ \* ([A-Z][a-z]+)\. +(\S.*)$`)

// rules returns the list of the header's first comment.
func rules(header string) (found []rule) {
	_, list, _ := strings.Cut(header, "What every caller must know:\n *\n")
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

// paragraphs prints the lines of a doc comment as they are: they are in paragraphs
// already.
func paragraphs(lines []string) string { return strings.Join(lines, "\n") }

// nodeGroup is a group of nodes in the table.
type nodeGroup struct {
	group
	Nodes []node
}

// node is a function as a Call Library Function Node is configured for it.
type node struct {
	function
	Terminals []terminal
	Callbacks bool // it is one for which the callbacks are
}

// terminal is a parameter, in the words of the node's configuration dialog.
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

// newTerminal describes parameter number i of a function.
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
		panic("no configuration of a node for " + p.Type)
	}
	return t
}

// wire says what a parameter is wired to, where its name does not say so.
func wire(f function, i int) string {
	p := f.Parameters[i]
	before := parameter{}
	if i > 0 {
		before = f.Parameters[i-1]
	}
	base, capacity := strings.CutSuffix(p.Name, "_cap")
	switch {
	case p.Type == "void **":
		return "nothing: LabVIEW fills it"
	case p.Name == "timeout_ms" && strings.HasPrefix(f.Name, "obe_lv_receive"):
		return "100 in a loop with a stop button; -2 is the handle's own, which for a server is for ever"
	case p.Name == "timeout_ms":
		return "-2, the handle's own, unless the caller says otherwise"
	case p.Name == "handle" && p.Type == "int *":
		return "the handle, to all other nodes"
	case p.Name == "handle":
		return "the handle"
	case p.Name == "pointer":
		return `where in the message: "/x/0"; empty is all of it`
	case p.Name == "port" && p.Type == "int":
		return "61981"
	case p.Name == "address":
		return "empty is this computer"
	case f.Name == "obe_lv_set_option" && p.Name == "name":
		return "one of the list at the end"
	case f.Name == "obe_lv_set_option":
		return "a text; Number To Decimal String makes one of a number"
	case p.Name == "type":
		return "see the list at the end"
	case capacity && before.Type == "char[]":
		return "the room to make, in bytes: the size known before, or 0 to ask for it"
	case capacity:
		return fmt.Sprintf("the room to make in %s, in numbers: as many as it can have, or 0 to ask", base)
	case strings.HasSuffix(p.Name, "_size") && p.Type == "int *":
		return "the room needed, in bytes"
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
