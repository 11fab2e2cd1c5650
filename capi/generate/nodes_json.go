package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"libobe/internal/socket"
)

// nodesSchema is the version of the form of nodes.json. It is incremented if a member
// changes its meaning or disappears; a new member does not need a new version.
const nodesSchema = 1

// nodesFile is the configuration of all nodes, as data for a program, such as a VI that makes
// or corrects nodes. nodesMembers describes the members. The elements of an array in LabVIEW
// have one type, so that every member is there, and an empty text or 0 stands for what a node
// does not have.
type nodesFile struct {
	Schema    int        `json:"schema"`
	Version   string     `json:"version"`
	Library   string     `json:"library"`
	Functions []nodeData `json:"functions"`
}

type nodeData struct {
	Name       string          `json:"name"`
	Group      string          `json:"group"`
	Header     string          `json:"header"`
	Doc        string          `json:"doc"`
	Prototype  string          `json:"prototype"`
	Thread     string          `json:"thread"`
	Convention string          `json:"convention"`
	Returns    string          `json:"returns"`
	Reserve    string          `json:"reserve"`
	Unreserve  string          `json:"unreserve"`
	Abort      string          `json:"abort"`
	Variant    string          `json:"variant"`
	Parameters []parameterData `json:"parameters"`
}

type parameterData struct {
	Name       string `json:"name"`
	Direction  string `json:"direction"`
	Type       string `json:"type"`
	Data       string `json:"data"`
	Pass       string `json:"pass"`
	Dimensions int    `json:"dimensions"`
	Size       string `json:"size"`
	Default    int    `json:"default"`
	Wire       string `json:"wire"`
}

// member is a member of nodes.json with its meaning, for the table in nodes.md.
type member struct{ Of, Name, Doc string }

// nodesMembers are the members of nodes.json, in their order.
var nodesMembers = []member{
	{"file", "schema", fmt.Sprintf("the version of this form, %d. Members may be added to it; another number means that one has changed", nodesSchema)},
	{"file", "version", "the version of the library"},
	{"file", "library", "the name of the library in a node, below the folder in which it is"},
	{"file", "functions", "every function of both headers"},
	{"function", "name", "*Function name*"},
	{"function", "group", "the section of this page"},
	{"function", "header", "`obe_labview.h`, which the wizard reads, or `obe_labview_extra.h`, for nodes that are configured by hand or by scripting"},
	{"function", "doc", "the description, one paragraph in a line"},
	{"function", "prototype", "the declaration in C, on one line"},
	{"function", "thread", "`any`: *Run in any thread*"},
	{"function", "convention", "`C`"},
	{"function", "returns", "the *Data type* of the return value, which is a *Numeric*"},
	{"function", "reserve, unreserve, abort", "the functions of the page *Callbacks*, or empty"},
	{"function", "variant", "the name of the same function with instance data, which an abort ends, or empty"},
	{"function", "parameters", "in the order of the page *Parameters*"},
	{"parameter", "name", "*Name*"},
	{"parameter", "direction", "`in`, `out`, or `hidden` for instance data"},
	{"parameter", "type", "*Type*: `Numeric`, `Array`, `String` or `Instance Data Pointer`"},
	{"parameter", "data", "*Data type* of a number or of the elements of an array, or *String format*; empty for instance data"},
	{"parameter", "pass", "*Pass* of a number, *Array format* of an array; otherwise empty"},
	{"parameter", "dimensions", "*Dimensions* of an array, otherwise 0"},
	{"parameter", "size", "the parameter that is the *Minimum size*, or empty"},
	{"parameter", "default", "for the wizard's *Default Value*, of a number that is an input; otherwise 0"},
	{"parameter", "wire", "what to wire, or empty"},
}

// nodesJSON returns nodes.json.
func nodesJSON(lib *library) ([]byte, error) {
	file := nodesFile{Schema: nodesSchema, Version: fmt.Sprintf("%d.%d.%d", lib.Major, lib.Minor, lib.Patch), Library: "obe*.*"}
	groups := nodeGroups(lib)
	abortable := map[string]bool{}
	for _, g := range groups {
		for _, n := range g.Nodes {
			if n.Callbacks {
				abortable[strings.TrimSuffix(n.Name, "_i")] = true
			}
		}
	}
	for i, g := range groups {
		header := "obe_labview.h"
		if i >= len(lib.LabVIEW) {
			header = "obe_labview_extra.h"
		}
		for _, n := range g.Nodes {
			data := nodeData{Name: n.Name, Group: g.Title, Header: header, Doc: paragraphs(n.Doc), Prototype: onOneLine(n.function),
				Thread: "any", Convention: "C", Returns: integer, Parameters: []parameterData{}}
			if n.Callbacks {
				data.Reserve, data.Unreserve, data.Abort = "obe_lv_reserve", "obe_lv_unreserve", "obe_lv_abort"
			}
			if abortable[n.Name] {
				data.Variant = n.Name + "_i"
			}
			for j, t := range n.Terminals {
				data.Parameters = append(data.Parameters, newParameterData(n.function, j, t))
			}
			file.Functions = append(file.Functions, data)
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	err := encoder.Encode(file)
	return out.Bytes(), err
}

// newParameterData takes apart what the tables show in one cell.
func newParameterData(f function, i int, t terminal) parameterData {
	data := parameterData{Name: t.Name, Direction: t.Direction, Type: t.Type, Data: t.Data, Pass: t.Pass, Size: t.Size, Wire: t.Wire}
	if t.Type == "Array" {
		parts := strings.Split(t.Data, ", ") // such as "8-byte Double, 1 dimension, Array Data Pointer"
		data.Data, data.Dimensions, data.Pass = parts[0], int(parts[1][0]-'0'), parts[2]
	}
	for _, cell := range []*string{&data.Data, &data.Pass, &data.Size} {
		if *cell == "-" {
			*cell = ""
		}
	}
	if f.Parameters[i].Type == "int" {
		data.Default = defaultValue(f, t.Name)
	}
	return data
}

// defaultValue is the value of an input that is a whole number and is not wired, in a VI that
// has such a value. A server's own timeout is infinite.
func defaultValue(f function, name string) int {
	switch {
	case name == "port":
		return socket.DefaultPort
	case name == "timeout_ms" && strings.HasPrefix(f.Name, "obe_lv_receive"):
		return 100
	case name == "timeout_ms":
		return -2
	}
	return 0
}
