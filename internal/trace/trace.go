// Package trace appends messages to a file, each as one line of JSON, so that people can
// read the exchange. It is not a log of errors, and knows nothing of sockets.
//
// The one thing to know first: nothing is kept between two lines, not even a descriptor.
// Each write opens the file and appends its line with a single system call, which the
// system does not mix with other writes. So any number of threads and processes may write
// to one file, and a line goes to the right place after an external rotation (logrotate),
// a full disk or a removed directory. A forked child inherits nothing. A full file is
// renamed by only one of the writers.
//
// A write waits for the disk, and only some milliseconds for anything else: a stopped
// process may hold the lock for renaming, and the reader of a pipe may be slow.
//
// Only this user may read the messages. A file that another user owns, can write to or has
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
	// MaxBody is how many bytes of a body are written; the rest is cut off.
	MaxBody = 1 << 20
	// MinLimit is the smallest limit of a file that any line fits: escapes can double
	// the size of a body that is cut.
	MinLimit = 4 << 20
)

// del is escaped to six bytes, any other character to at most two.
const del = 0x7f

// Direction is the direction of a message.
type Direction string

// The two directions, seen from this side.
const (
	Sent     Direction = "sent"
	Received Direction = "received"
)

// Record is one message.
type Record struct {
	Time      time.Time // when it was complete
	Process   int
	Role      string // "client", "server" or "proxy"
	Direction Direction
	Peer      string        // an address
	Local     string        // this side's address
	Elapsed   time.Duration // since the call began
	// Connection is the number of the connection in its process, or 0 if it is not known.
	Connection int64
	Body       []byte // one JSON text
	Length     int64  // of the body, if Body is only the first bytes of it, more than MaxBody; else 0
}

// Version is that of the format, in the first line of a file. It stays the same when members
// and kinds of lines are added; the members of Fields keep their names, their types and their
// order.
const Version = 1

// Name is the value of the member "trace" in the first line of a file.
const Name = "obe"

// Field is a member of a line, for readers.
type Field struct{ Name, Type, Doc string }

// FirstFields are the members of the first line of a file, in their order. The documentation
// is generated from them; a test compares them with what appendFirst writes.
var FirstFields = []Field{
	{"trace", "string", "obe: the file is a trace."},
	{"version", "whole number", "The version of the format."},
	{"time", "string", "When the file was begun, in UTC."},
	{"pid", "whole number", "The process that began it."},
}

// Fields are the members of a message's line, in their order. The documentation is generated
// from them; a test compares them with what append writes.
var Fields = []Field{
	{"time", "string", "When the message was complete, in UTC, as in 2026-03-04T05:06:07.123456Z."},
	{"pid", "whole number", "The process."},
	{"role", "string", "The role of this side: client, server, or proxy for obe record, which records what the client sent (received) and got (sent). In the record of obe gateway it is client beside instruments, and proxy beside a designer."},
	{"direction", "string", "sent or received, as seen from this side."},
	{"peer", "string", "The address of the other side; empty if it is not known. A designer behind obe gateway is nats: and its subject."},
	{"local", "string", "The address of this side. A message has peer and local the other way round in the trace of the other side."},
	{"size", "whole number", "The length of the body in bytes, also if it was cut."},
	{"duration_ms", "number", "How long the call had taken until then, in milliseconds, waiting included: for the reply of tcmd, the whole exchange. 0 if the trace was turned on during the call."},
	{"connection", "whole number", "The number of the connection in its process, from 1. The connections of a Unix-domain socket have the same addresses, and only pid, role and this number tell them apart. Missing if it is not known."},
	{"cut", "true", "Only if the body was cut."},
	{"body", "any value", "The message as it was sent, with spaces instead of line ends. If it was cut, a string: its beginning."},
}

// appendFirst appends the first line of a file that begins with this record.
func (r Record) appendFirst(line []byte) []byte {
	line = append(line, `{"trace":"`+Name+`","version":`...)
	line = strconv.AppendInt(line, Version, 10)
	line = r.appendOrigin(append(line, ','))
	return append(line, "}\n"...)
}

// appendOrigin appends the members that every line has.
func (r Record) appendOrigin(line []byte) []byte {
	line = append(line, `"time":"`...)
	line = r.Time.UTC().AppendFormat(line, timeLayout)
	line = append(line, `","pid":`...)
	return strconv.AppendInt(line, int64(r.Process), 10)
}

const timeLayout = "2006-01-02T15:04:05.000000Z"

// line returns the record as a line. A lack of memory is an error here and not a panic: the
// call that the message belongs to has succeeded.
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

// Line returns the record as a line, for what is not a file. A body with which the line may be
// longer than most bytes is cut, and always one beyond MaxBody.
func (r Record) Line(most int) ([]byte, error) {
	line, err := r.line()
	if len(line) <= most || err != nil {
		return line, err
	}
	const escaped = 2 // bytes of a character in a string, at most
	rest := most - len(r.appendCut(nil, 0))
	return r.appendCut(nil, max(0, rest/escaped)), nil
}

// append appends the record as a line. The body is unchanged, except that line ends
// between its values become spaces. A body beyond MaxBody is cut.
func (r Record) append(line []byte) []byte { return r.appendCut(line, MaxBody) }

// appendCut is append, with another limit of the body. One that is cut is written as a string.
func (r Record) appendCut(line []byte, most int) []byte {
	line = r.appendOrigin(append(line, '{'))
	line = append(line, `,"role":`...)
	line = jsondoc.AppendString(line, r.Role)
	line = append(line, `,"direction":`...)
	line = jsondoc.AppendString(line, string(r.Direction))
	line = append(line, `,"peer":`...)
	line = jsondoc.AppendString(line, r.Peer)
	line = append(line, `,"local":`...)
	line = jsondoc.AppendString(line, r.Local)
	line = append(line, `,"size":`...)
	line = strconv.AppendInt(line, max(r.Length, int64(len(r.Body))), 10)
	line = append(line, `,"duration_ms":`...)
	line = strconv.AppendFloat(line, float64(r.Elapsed)/float64(time.Millisecond), 'f', 3, 64)
	if r.Connection > 0 {
		line = append(line, `,"connection":`...)
		line = strconv.AppendInt(line, r.Connection, 10)
	}
	if len(r.Body) > most {
		end := most
		if bytes.IndexByte(r.Body[:end], del) >= 0 {
			end /= 3
		}
		for end > 0 && !utf8.RuneStart(r.Body[end]) {
			end--
		}
		line = append(line, `,"cut":true,"body":`...)
		line = jsondoc.AppendString(line, unsafe.String(&r.Body[0], end))
	} else {
		line = append(line, `,"body":`...)
		begin := len(line)
		line = append(line, r.Body...)
		// In a JSON text a line end is white space: inside strings it is escaped.
		for i, c := range line[begin:] {
			if c == '\n' || c == '\r' {
				line[begin+i] = ' '
			}
		}
	}
	return append(line, "}\n"...)
}

// streaming is the size of a file that is never renamed: a device, a pipe, or a file that
// the process has open already.
const streaming = -1

// CheckPath opens the file at path in the same way as Write, which creates it if it is
// missing. It returns why a trace cannot be written there.
func CheckPath(path string) error {
	f, err := open(path)
	if err != nil {
		return err
	}
	f.close()
	return nil
}

// Write appends the record to the file at path, which it creates if it is missing. A file
// that is empty gets the first line with the version before that; a pipe or a device gets
// none, because nothing tells where a reader begins. If the
// file would become larger than limit bytes, Write first renames it, adding ".1" to its
// name, and replaces an earlier file of that name. It renames the target of a symbolic
// link, not the link. While another thread is renaming it, the file may become a quarter
// larger, plus one line for each thread that writes. If only a part of a line fits on the
// disk, that part is removed.
func Write(path string, limit int64, r Record) error {
	line, err := r.line()
	if err == nil {
		err = r.write(path, limit, line)
	}
	if err != nil {
		return fmt.Errorf("the trace could not be written: %w", err)
	}
	return nil
}

// errRotationStalled reports a full file that another thread or process is renaming and
// does not finish, for example because it is stopped.
var errRotationStalled = errors.New("the file is full, and the process that is renaming it has not finished")

// lockRetries is how often a write waits a millisecond for another that holds the lock.
const lockRetries = 10

func (r Record) write(path string, limit int64, line []byte) error {
	for retries := 0; ; {
		f, err := open(path)
		if err != nil {
			return err
		}
		result, err := r.add(f, limit, line, retries == lockRetries)
		f.close()
		switch {
		case err != nil || result == written:
			return err
		case result == locked:
			retries++
			time.Sleep(time.Millisecond)
		}
	}
}

// outcome is what became of an attempt to write a line.
type outcome int

const (
	written outcome = iota
	renamed         // the file was full
	locked          // another thread or process is beginning or renaming the file
)

// add writes a line to an open file, after the first line if the file is empty. In the last
// attempt it does not wait for a lock: a line without a first line before it is better than
// none.
func (r Record) add(f *file, limit int64, line []byte, last bool) (outcome, error) {
	after := f.size + int64(len(line))
	switch {
	case f.size == 0:
		if begun, err := f.begin(r.appendFirst(nil)); err != nil || !begun && !last {
			return locked, err
		}
	case f.size > 0 && after > limit:
		if done, err := f.rename(".1"); err != nil || done {
			return renamed, err
		}
		// While another writer is renaming it, lines still go to the old file, up to a
		// quarter beyond the limit.
		if after > limit+limit/4 {
			if last {
				return locked, errRotationStalled
			}
			return locked, nil
		}
	}
	return written, f.append(line)
}

// begin writes the first line to an empty file, unless another thread or process is doing
// that. It reports whether the file has its first line.
func (f *file) begin(first []byte) (bool, error) {
	held, err := f.lock()
	if err == nil {
		if !held {
			return false, nil
		}
		defer f.unlock()
	}
	// On a file system without locks, two writers can both write a first line. A reader
	// skips the second one.
	if f.size, err = f.length(); err == nil && f.size == 0 {
		if err = f.append(first); err == nil {
			f.size = int64(len(first))
		}
	}
	return err == nil, err
}
