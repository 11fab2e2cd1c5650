//go:build !linux

package memory

// useHugePages does nothing: only Linux has to be asked for huge pages.
func useHugePages(_, _ uintptr) {}
