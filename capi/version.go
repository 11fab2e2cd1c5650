package main

// The version of the library. The header, the package files and the bindings are
// generated from it. The versioning policy is stated here only:
//
// Until 1.0 the SONAME is libobe.so.0, and there is no ABI promise between minor
// versions: a program is built and run with the same 0.x. Released status codes keep their
// numbers and meanings even so.
//
// From 1.0 on functions, statuses and options are only added within a major version, and
// no signature changes, so a program runs with every later minor version. The SONAME
// changes only with an incompatible ABI, which needs a new major version: libobe.so.1,
// libobe.so.2. The date is that of the manual pages.
//
//obe:date 2026-11-29
const (
	versionMajor = 0
	versionMinor = 1
	versionPatch = 0
)
