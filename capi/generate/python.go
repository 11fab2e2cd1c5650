package main

import (
	_ "embed"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

//go:embed abi.py.tmpl
var pythonTemplate string

//go:embed errors.py.tmpl
var pythonErrorsTemplate string

// pythonPackage is the directory of the Python package.
const pythonPackage = "bindings/python/libobe"

// pythonFiles returns the exceptions of the Python binding and its tables, with the
// functions and the types of values that its modules name.
func pythonFiles(root string, lib *library) (map[string][]byte, error) {
	used, err := namesIn(filepath.Join(root, pythonPackage))
	if err != nil {
		return nil, err
	}
	functions := template.FuncMap{"python": pythonType, "quote": strconv.Quote, "errorClass": pythonErrorClass,
		"used":     func(f function) bool { return slices.Contains(used, f.Name) },
		"usedType": func(t valueType) bool { return slices.Contains(used, t.Name) },
		"result":   func(f function) string { return pythonType(f.Result) }}
	return execute(functions, lib, map[string]string{
		pythonPackage + "/_abi.py":   pythonTemplate,
		pythonPackage + "/errors.py": pythonErrorsTemplate})
}

// pythonErrorClass returns the name of a status's exception: PeerClosedError for
// OBE_E_PEER_CLOSED.
func pythonErrorClass(status string) string {
	words := strings.Split(strings.TrimPrefix(status, "OBE_E_"), "_")
	for i, word := range words {
		words[i] = word[:1] + strings.ToLower(word[1:])
	}
	return strings.Join(words, "") + "Error"
}

var publicName = regexp.MustCompile(`\b(obe_[a-z_]+|OBE_[A-Z]+)\b`)

// namesIn returns the functions and types of the library that the modules in a directory
// name.
func namesIn(directory string) (names []string, err error) {
	modules, err := filepath.Glob(filepath.Join(directory, "*.py"))
	if err != nil {
		return nil, err
	}
	for _, module := range modules {
		if filepath.Base(module) == "_abi.py" {
			continue
		}
		text, err := os.ReadFile(module)
		if err != nil {
			return nil, err
		}
		names = append(names, publicName.FindAllString(string(text), -1)...)
	}
	return names, nil
}

var pythonTypes = map[string]string{
	"obe_status": "c_int32", "int32_t": "c_int32", "int64_t": "c_int64", "double": "c_double",
	"obe_socket": "c_size_t", "obe_message": "c_size_t", "uintptr_t": "c_size_t",
	"const char *": "c_char_p", "char *": "c_void_p", "void *": "c_void_p", "const void *": "c_size_t", "const double *": "POINTER(c_double)",
	"int32_t *": "POINTER(c_int32)", "int64_t *": "POINTER(c_int64)", "double *": "POINTER(c_double)",
	"obe_socket *": "POINTER(c_size_t)", "obe_message *": "POINTER(c_size_t)", "obe_handler": "c_void_p", "const volatile int *": "POINTER(c_int32)",
}

// pythonType returns the name of a C type in ctypes.
func pythonType(t string) string {
	python, ok := pythonTypes[t]
	if !ok {
		panic("no ctypes spelling for " + t)
	}
	return python
}
