package trace

import (
	"errors"
	"os"
	"syscall"
)

// maxBatch is how many bytes WriteAll appends at once.
const maxBatch = 1 << 20

// WriteAll is Write for several records. It appends many lines with one system call, which
// for short messages takes a tenth of the time. It returns how many were written, and why
// the first of the others was not. If the process has no descriptor left for the file, it
// stops there: the first ones were written, and the others can be written later.
func WriteAll(path string, limit int64, records []Record) (written int, err error) {
	info, statErr := os.Stat(path)
	// What was written to a pipe or a device cannot be undone if the rest fails.
	isFile := statErr == nil && info.Mode().IsRegular()
	for len(records) > 0 {
		n, lines := 1, []byte(nil)
		if isFile {
			n, lines = batch(records)
		}
		if n == 1 || records[0].write(path, limit, lines) != nil {
			for _, r := range records[:n] {
				switch failed := Write(path, limit, r); {
				case failed == nil:
					written++
				case err != nil:
				case IsOutOfDescriptors(failed):
					return written, failed
				default:
					err = failed
				}
			}
		} else {
			written += n
		}
		records = records[n:]
	}
	return written, err
}

// IsOutOfDescriptors reports whether a trace could not be opened because the process or the
// system has too many open files.
func IsOutOfDescriptors(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// batch returns the lines of as many records as are written at once, at least one.
func batch(records []Record) (n int, lines []byte) {
	for n < len(records) && (n == 0 || len(lines)+len(records[n].Body) < maxBatch) {
		line, err := records[n].line()
		if err != nil {
			return max(n, 1), lines // Write returns the error of the first one
		}
		lines = append(lines, line...)
		n++
	}
	return n, lines
}
