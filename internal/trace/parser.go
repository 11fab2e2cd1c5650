package trace

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unsafe"

	"libobe/internal/jsondoc"
)

// parser finds the messages in the lines of a trace.
type parser struct {
	path   string // of what has the lines, for people
	number int    // of the line, from 1
	isFile bool   // the first line tells whether this is a trace

	role, peer, local string // of the last message
}

// Lines finds the messages in lines that are not in a file, such as those of a stream. It counts
// lines that are not JSON, and skips whatever a later version may add.
type Lines struct {
	parser  parser
	damaged int
}

// NewLines returns a Lines. name is that of what has the lines, for people.
func NewLines(name string) *Lines { return &Lines{parser: parser{path: name}} }

// Parse returns the message in the next line, which has no end, or nil if there is none.
func (l *Lines) Parse(line []byte) (*Entry, error) {
	l.parser.number++
	entry, err := l.parser.parse(line)
	if errors.Is(err, errDamaged) {
		l.damaged++
		return nil, nil
	}
	return entry, err
}

// Damaged returns how many lines were skipped because they are not JSON.
func (l *Lines) Damaged() int { return l.damaged }

// salvage returns the message at the end of a damaged line. The system failed while the line
// before was written, and this one was appended to what was left of it.
func (p *parser) salvage(line []byte) (*Entry, error) {
	for _, begin := range []string{`{"time":"`, `{"trace":"`} {
		if at := bytes.LastIndex(line, []byte(begin)); at > 0 {
			entry, err := p.parse(line[at:])
			if errors.Is(err, errDamaged) {
				continue
			}
			return entry, err
		}
	}
	return nil, nil
}

// isFirst reports whether the line tells whether this is a trace.
func (p *parser) isFirst() bool { return p.isFile && p.number == 1 }

func (p *parser) notTrace() error {
	return fmt.Errorf("%s: %w: it does not begin with {\"trace\":%q,…} or a recorded message", p.path, ErrNotTrace, Name)
}

// errDamaged reports a line that is not JSON.
var errDamaged = errors.New("not JSON")

// parse returns the message in a line, or nil if it is a line of another kind.
func (p *parser) parse(line []byte) (*Entry, error) {
	if p.isFirst() {
		line = bytes.TrimPrefix(line, []byte(byteOrderMark))
	}
	if jsondoc.Validate(line) != nil {
		if p.isFirst() && !bytes.HasPrefix(line, []byte("\x00")) && !bytes.HasPrefix(line, []byte(`{"t`)) {
			return nil, p.notTrace()
		}
		return nil, errDamaged
	}
	e := &Entry{Path: p.path, Line: p.number}
	var name string
	var version, body []byte
	for key, value := range jsondoc.Members(line) {
		switch string(key) {
		case `"trace"`:
			name = text(value)
		case `"version"`:
			version = value
		case `"time"`:
			e.Time, _ = time.Parse(time.RFC3339, text(value))
		case `"pid"`:
			e.Process, _ = strconv.Atoi(string(value))
		case `"role"`:
			e.Role = reuse(&p.role, text(value))
		case `"direction"`:
			e.Direction = Direction(text(value))
		case `"peer"`:
			e.Peer = reuse(&p.peer, text(value))
		case `"local"`:
			e.Local = reuse(&p.local, text(value))
		case `"size"`:
			e.Size, _ = strconv.ParseInt(string(value), 10, 64)
		case `"duration_ms"`:
			took, _ := strconv.ParseFloat(string(value), 64)
			e.Elapsed = time.Duration(took * float64(time.Millisecond))
		case `"connection"`:
			e.Connection, _ = strconv.ParseInt(string(value), 10, 64)
		case `"cut"`:
			e.Cut = string(value) == "true"
		case `"body"`:
			body = value
		}
	}
	switch {
	case name == Name && string(version) != strconv.Itoa(Version):
		return nil, fmt.Errorf("%s: %w: it has version %.20s, and this program reads version %d", p.path, ErrVersion, version, Version)
	case name == Name:
		return nil, nil
	case (e.Direction == "" || body == nil) && p.isFirst():
		return nil, p.notTrace()
	case e.Direction == "" || body == nil:
		return nil, nil
	case e.Cut && body[0] != '"':
		return nil, errDamaged
	case e.Cut:
		e.Body = []byte(text(body))
	default:
		e.Body = bytes.Clone(surrounded(line, body, e.Size))
	}
	return e, nil
}

// reuse returns the last text if the next one is the same, which saves memory: consecutive
// messages have much in common.
func reuse(last *string, next string) string {
	if *last != next {
		*last = next
	}
	return *last
}

// text returns the string in a JSON text, or "" if it is another value.
func text(value []byte) string {
	if value[0] == '"' && bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1])
	}
	s, _ := jsondoc.FromValid(value).String("")
	return s
}

// surrounded returns a value in a line with the spaces around it that belong to its message,
// which has size bytes.
func surrounded(line, value []byte, size int64) []byte {
	begin := int(uintptr(unsafe.Pointer(unsafe.SliceData(value))) - uintptr(unsafe.Pointer(unsafe.SliceData(line))))
	end := begin + len(value)
	isSpace := func(i int) bool { return line[i] == ' ' || line[i] == '\t' }
	for int64(end-begin) < size && isSpace(begin-1) {
		begin--
	}
	for int64(end-begin) < size && isSpace(end) {
		end++
	}
	return line[begin:end]
}
