// Package trace writes messages to a file, one line of JSON for each, for people
// who want to see what was said.
//
// Any number of threads and processes may write to one file. A line is written
// with a single call of the system, at the end of the file, which the system
// keeps whole; a file that is full is renamed by one of them only. Nothing is kept
// between two lines, no descriptor either: whoever moves the file away, fills the
// disk or takes the folder away finds the next line where it then belongs, and a
// forked child has nothing of it.
//
// Who writes waits for the disk, and no more than some milliseconds for anything else:
// a stopped process may hold the lock for renaming, and the reader of a pipe may be slow.
//
// Bodies are for this user alone. A file that another user made, can write to or has
// linked is refused.
package trace

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
	"unsafe"

	"libobe/internal/jsondoc"
	"libobe/internal/memory"
)

const (
	// MaxBody is how many bytes of a body are written, the rest is cut off.
	MaxBody = 1 << 20
	// MinLimit is the smallest bound of a file that any line fits: escaped, a
	// body that is cut can grow to twice its size.
	MinLimit = 4 << 20
)

// del is escaped to six bytes, all else to two at most.
const del = 0x7f

// Direction is which way a message went.
type Direction string

// The two directions, seen from this side.
const (
	Sent     Direction = "sent"
	Received Direction = "received"
)

// Record is one message.
type Record struct {
	Time      time.Time // when it was whole
	Process   int
	Role      string // "client" or "server"
	Direction Direction
	Peer      string // an address
	Took      time.Duration
	Body      []byte // one JSON text
}

// line returns the record as a line. Where there is no memory for it, that is an error: the
// call whose message it is has succeeded.
func (r Record) line() (line []byte, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			var known bool
			if err, known = fault.(error); !known || !errors.Is(err, memory.ErrMemory) {
				panic(fault)
			}
		}
	}()
	return r.append(memory.MustMake[byte](0, 256+min(len(r.Body), MaxBody))), nil
}

// append appends the record as a line. Its body stands there as it is, but for
// line ends between its values; one beyond MaxBody is cut, and a text then.
func (r Record) append(line []byte) []byte {
	line = append(line, `{"time":"`...)
	line = r.Time.UTC().AppendFormat(line, "2006-01-02T15:04:05.000000Z")
	line = append(line, `","pid":`...)
	line = strconv.AppendInt(line, int64(r.Process), 10)
	line = append(line, `,"role":`...)
	line = jsondoc.AppendString(line, r.Role)
	line = append(line, `,"direction":`...)
	line = jsondoc.AppendString(line, string(r.Direction))
	line = append(line, `,"peer":`...)
	line = jsondoc.AppendString(line, r.Peer)
	line = append(line, `,"size":`...)
	line = strconv.AppendInt(line, int64(len(r.Body)), 10)
	line = append(line, `,"duration_ms":`...)
	line = strconv.AppendFloat(line, float64(r.Took)/float64(time.Millisecond), 'f', 3, 64)
	if len(r.Body) > MaxBody {
		end := MaxBody
		if bytes.IndexByte(r.Body[:end], del) >= 0 {
			end /= 3
		}
		for !utf8.RuneStart(r.Body[end]) {
			end--
		}
		line = append(line, `,"cut":true,"body":`...)
		line = jsondoc.AppendString(line, unsafe.String(&r.Body[0], end))
	} else {
		line = append(line, `,"body":`...)
		begin := len(line)
		line = append(line, r.Body...)
		// Inside a JSON text, line ends are nothing but space: in strings they
		// are escaped.
		for i, c := range line[begin:] {
			if c == '\n' || c == '\r' {
				line[begin+i] = ' '
			}
		}
	}
	return append(line, "}\n"...)
}

// errFull is a file that has reached the limit that the system has for files.
var errFull = errors.New("the limit for the size of files is reached")

// streaming is the size of what is never renamed: devices, pipes, and what the process
// has open already.
const streaming = -1

// Check opens the file at path as Write does, and so creates it if it is missing. It
// returns why a trace cannot be written there.
func Check(path string) error {
	f, err := open(path)
	if err != nil {
		return err
	}
	f.close()
	return nil
}

// Write writes the record to the end of the file at path, which it makes if there
// is none. A file that would become larger than limit bytes is renamed before, by
// ".1" added to its name, and replaces an earlier one; a symbolic link stays, and the
// file that it leads to is renamed. While another thread is at that, it may become a
// quarter larger, and a line more for each thread that writes. A line that only a part
// of has room on the disk is taken back.
func Write(path string, limit int64, r Record) error {
	line, err := r.line()
	if err == nil {
		err = write(path, limit, line)
	}
	if err != nil {
		return fmt.Errorf("the trace could not be written: %w", err)
	}
	return nil
}

// errStuck is a full file whose renaming another thread or process has begun and does
// not end, as it was stopped, say.
var errStuck = errors.New("the file is full, and whoever began to rename it has not done so")

// looks is how often a line looks for the new file, a millisecond apart, before it is
// given up.
const looks = 10

func write(path string, limit int64, line []byte) error {
	for look := 0; ; {
		f, err := open(path)
		if err != nil {
			return err
		}
		after := f.size + int64(len(line))
		if f.size <= 0 || after <= limit {
			defer f.close()
			return f.append(line)
		}
		renamed, err := f.rename(".1")
		// While another one renames it, a line still goes to the old file, up to a
		// quarter beyond the limit.
		if err == nil && !renamed && after <= limit+limit/4 {
			err = f.append(line)
			f.close()
			return err
		}
		f.close()
		if err != nil {
			return err
		}
		if !renamed {
			if look++; look > looks {
				return errStuck
			}
			time.Sleep(time.Millisecond)
		}
	}
}
