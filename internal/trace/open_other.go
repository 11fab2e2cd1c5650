//go:build !windows

package trace

import "os"

// openToRead opens a file for reading.
func openToRead(path string) (*os.File, error) { return os.Open(path) }
