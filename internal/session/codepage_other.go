//go:build !windows

package session

// systemCodePage returns UTF-8: only Windows uses other code pages.
func systemCodePage() string { return "utf-8" }
