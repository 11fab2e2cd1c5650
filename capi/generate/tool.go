package main

import "text/template"

const versionTemplate = `// Code generated from capi/version.go by "make generate"; DO NOT EDIT.

package main

// The version of the library, which is that of the tool, and its date.
const (
	version = "{{.Major}}.{{.Minor}}.{{.Patch}}"
	date    = "{{.Date}}"
)
`

// toolFiles returns what the command-line tool has from the library.
func toolFiles(_ string, lib *library) (map[string][]byte, error) {
	return execute(template.FuncMap{}, lib, map[string]string{"cmd/obe/version.go": versionTemplate})
}
