//go:build !windows

package session

// systemPage is UTF-8: only Windows has texts in code pages.
func systemPage() string { return "utf-8" }
