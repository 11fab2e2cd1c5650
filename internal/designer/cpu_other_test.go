//go:build !linux

package designer_test

import "time"

var began = time.Now()

// threadTime returns the time, where the CPU time of a thread is not known.
func threadTime() time.Duration { return time.Since(began) }
