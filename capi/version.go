package main

// The version of the library, of which header, package files and bindings are
// generated. The ABI is stable within a major version from 1 on; the SONAME
// changes only with it.
const (
	versionMajor = 0
	versionMinor = 1
	versionPatch = 0
)
