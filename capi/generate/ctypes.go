package main

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// cType spells a cgo type as C does.
func cType(e ast.Expr) (string, error) {
	switch e := e.(type) {
	case *ast.Ident:
		if spelled, ok := addresses[e.Name]; ok {
			return spelled, nil
		}
	case *ast.StarExpr:
		inner, err := cType(e.X)
		return strings.TrimSuffix(inner, " ") + map[bool]string{true: "*", false: " *"}[strings.HasSuffix(inner, "*")], err
	case *ast.SelectorExpr:
		x, ok := e.X.(*ast.Ident)
		if ok && x.Name == "C" {
			if spelled, ok := typedefs[e.Sel.Name]; ok {
				return spelled, nil
			}
			return e.Sel.Name, nil
		}
	}
	return "", fmt.Errorf("not a type of C: %T", e)
}

// typedefs are those of capi.h which stand for what cgo cannot spell.
var typedefs = map[string]string{"obe_cchar": "const char"}

// addresses are the integer types of args.go, as the headers spell them.
var addresses = map[string]string{
	"inText": "const char *", "outText": "char *", "inDoubles": "const double *", "outDoubles": "double *",
	"outInt64": "int64_t *", "outInt32": "int32_t *", "outSocket": "obe_socket *", "outMessage": "obe_message *",
	"anyHandle": "const void *", "handlerFunc": "obe_handler", "stopFlag": "const volatile int *", "opaque": "void *",
	"lvBuffer": "char[]", "lvArray": "double[]", "outInt": "int *", "outDouble": "double *", "lvHandle": "void *", "lvSlot": "void **",
}

// integral is the function as Go exports it: with integers where the header has
// pointers.
func integral(f function) function {
	f.Parameters = slices.Clone(f.Parameters)
	for i, p := range f.Parameters {
		if strings.HasSuffix(p.Type, "*") || strings.HasSuffix(p.Type, "[]") || p.Type == "obe_handler" {
			f.Parameters[i].Type = "GoUintptr"
		}
	}
	return f
}
