package main

import (
	"slices"
	"strings"

	"libobe/capi/status"
	"libobe/internal/jsondoc"
	"libobe/internal/socket"
)

// library is everything that the templates print.
type library struct {
	Major, Minor, Patch int
	Date                string // of the version
	Port, MaxDepth      int
	Groups              []group
	LabVIEW             []group // for LabVIEW's import wizard
	LabVIEWExtra        []group // which the wizard cannot read
	Statuses            []status.Status
	Types               []valueType
	Options             []socket.Option // the documented ones
	Stats               []socket.Stat
}

type group struct {
	Order     int
	Title     string
	Doc       []string // lines; may be empty
	Functions []function
}

type function struct {
	Name       string
	Doc        []string // lines
	Result     string
	Parameters []parameter
	Marks      marks
}

// parameter is a parameter of an exported function with its type in C, such as
// "const char *" or "int64_t", and the name of its type in Go, if that is one of args.go.
type parameter struct{ Name, Type, Go string }

// String returns the parameter as in a C prototype.
func (p parameter) String() string {
	if p.Name == "" || strings.HasSuffix(p.Type, "*") {
		return p.Type + p.Name
	}
	if element, ok := strings.CutSuffix(p.Type, "[]"); ok {
		return element + " " + p.Name + "[]"
	}
	return p.Type + " " + p.Name
}

// valueType is a type of JSON values.
type valueType struct {
	Name  string
	Value int
}

func valueTypes() (types []valueType) {
	for t := jsondoc.Object; t <= jsondoc.Null; t++ {
		types = append(types, valueType{"OBE_" + strings.ToUpper(t.String()), int(t)})
	}
	return types
}

// documented leaves out the options that only the bindings use.
func documented(options []socket.Option) []socket.Option {
	return slices.DeleteFunc(slices.Clone(options), func(o socket.Option) bool { return o.Private })
}

// defaultOf returns the default value of an option, or "read-only" for a property.
func defaultOf(o socket.Option) string {
	if o.ReadOnly {
		return "read-only"
	}
	return o.Default
}
