// Code generated from capi/version.go by "make generate"; DO NOT EDIT.

package main

// The version of the library, which is that of the tool, and its date.
const (
	version = "0.1.0"
	date    = "2026-11-29"
)
