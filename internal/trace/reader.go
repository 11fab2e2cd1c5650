package trace

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Entry is one message that was read.
type Entry struct {
	Record        // of a cut message, Body is the beginning of its text
	Size   int64  // of the body, also if it was cut
	Cut    bool   // whether only the beginning of the body is known
	Path   string // of the file
	Line   int    // in the file, from 1
}

// EntryOf returns a record as it would be read from a trace.
func EntryOf(r Record) *Entry {
	e := &Entry{Record: r, Size: max(r.Length, int64(len(r.Body))), Cut: len(r.Body) > MaxBody}
	if e.Cut {
		e.Body = r.Body[:MaxBody]
	}
	return e
}

// Place is where the entry is, for people.
func (e *Entry) Place() string { return fmt.Sprintf("%s, line %d", e.Path, e.Line) }

// Connection tells connections apart, of all processes that have written to a trace. It can
// be the key of a map.
type Connection struct {
	Process           int
	Role, Peer, Local string
	Number            int64 // 0: not known, and the addresses have to do
}

// OnConnection returns which connection the message belongs to, as its side has recorded it.
// The other side has another one for the same message.
func (r *Record) OnConnection() Connection {
	return Connection{r.Process, r.Role, r.Peer, r.Local, r.Connection}
}

// The errors of a file that cannot be read as a trace.
var (
	ErrNotTrace = errors.New("this is not a trace")
	ErrVersion  = errors.New("this trace has another version")
)

// maxLine is the size of a line beyond which a file is not a trace. The library writes lines
// of up to MinLimit.
const maxLine = 16 * MinLimit

// pollInterval is how often Follow looks for more. A notification from the system (package
// fsnotify) would come sooner, but not from network drives, and the page of a run does not
// change more often than that.
const pollInterval = 100 * time.Millisecond

// Reader reads the messages of a trace: those of the file that was renamed when it was full,
// if there is one, and then those of the file itself. It skips what is not a message, and
// whatever a later version may add.
type Reader struct {
	path  string
	files []*source // that are still to be read; the first one is being read
	// last is the file that was read before.
	last *source
	// renamed is set when the path leads to another file, and the one being read gets its
	// last lines.
	renamed bool
	damaged int
}

// source is one file of a trace.
type source struct {
	file   *os.File
	info   fs.FileInfo
	in     *bufio.Reader
	offset int64
	line   []byte // what was read of the next line; the last one if it is complete
	parser        // of the complete lines that were read

	complete bool
	kept     bool // readLine returns the last line again
}

// Open opens the trace at a path. Whether it is one is known when its first line is read.
func Open(path string) (*Reader, error) {
	r := &Reader{path: path}
	if err := r.find(); err != nil {
		return nil, err
	}
	return r, nil
}

// isKnown reports whether a file was read or is being read.
func (r *Reader) isKnown(s *source) bool {
	return r.last != nil && os.SameFile(s.info, r.last.info) || len(r.files) > 0 && os.SameFile(s.info, r.files[0].info)
}

// find opens the files of the trace that follow the one that is being read, in their order.
func (r *Reader) find() error {
	for race := 0; ; race++ {
		current, err := openSource(r.path)
		if err != nil {
			return err
		}
		if !current.info.Mode().IsRegular() {
			r.files = append(r.files, current)
			return nil
		}
		older, err := openRenamed(r.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			r.files = append(r.files, current)
			return nil
		case err != nil:
			current.close()
			return err
		case r.isKnown(older):
			older.close()
			r.files = append(r.files, current)
			return nil
		case !os.SameFile(older.info, current.info):
			r.files = append(r.files, older, current)
			return nil
		}
		// The file was renamed in the meantime.
		current.close()
		older.close()
		if race == maxReaderRaces {
			return &os.PathError{Op: "open", Path: r.path, Err: errors.New("the file is constantly being replaced")}
		}
	}
}

// openRenamed opens the file that was renamed when it was full: of a symbolic link, the writer
// renames the target. Anything but a file, such as a directory, is not of the writer.
func openRenamed(path string) (*source, error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	path += ".1"
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return nil, &os.PathError{Op: "open", Path: path, Err: cmp.Or(err, fs.ErrNotExist)}
	}
	return openSource(path)
}

// maxReaderRaces is how often find starts again because the file was renamed.
const maxReaderRaces = 10

func openSource(path string) (*source, error) {
	file, err := openToRead(path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = &os.PathError{Op: "open", Path: path, Err: errors.New("this is a directory")}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return &source{file: file, info: info, parser: parser{path: path, isFile: true}, in: bufio.NewReaderSize(file, 1<<16)}, nil
}

func (s *source) close() { s.file.Close() }

// Close closes the files.
func (r *Reader) Close() {
	for _, s := range append(r.files, r.last) {
		if s != nil {
			s.close()
		}
	}
	r.files, r.last = nil, nil
}

// Damaged returns how many lines were skipped because they are not JSON.
func (r *Reader) Damaged() int { return r.damaged }

// Incomplete reports whether the end of the last line is missing so far.
func (r *Reader) Incomplete() bool { return r.files[0].incomplete() }

func (s *source) incomplete() bool { return len(s.line) > 0 && !s.complete }

// Next returns the next message, or io.EOF if there is none yet. An incomplete last line is
// returned when its rest was written.
func (r *Reader) Next() (*Entry, error) {
	for {
		s, line, err := r.readLine()
		switch {
		case err == io.EOF && len(r.files) > 1:
			r.leave()
			continue
		case err != nil:
			return nil, err
		}
		entry, err := s.parse(line)
		if errors.Is(err, errDamaged) {
			r.damaged++
			entry, err = s.salvage(line)
		}
		if err != nil || entry != nil {
			return entry, err
		}
	}
}

// readLine returns the next line, and the file that it is in. A thread that has opened a file
// before it was renamed may append its line after the reader has left the file. That line goes
// before what is read from the next file, where the next line of the same thread is.
func (r *Reader) readLine() (*source, []byte, error) {
	s := r.files[0]
	line, err := s.readLine()
	if r.last != nil {
		if late, lateErr := r.last.readLine(); lateErr == nil {
			s.kept = err == nil
			return r.last, late, nil
		}
	}
	return s, line, err
}

// leave ends the reading of the first file. An incomplete line is at its end if the disk
// was full.
func (r *Reader) leave() {
	if s := r.files[0]; s.incomplete() {
		r.damaged++
	}
	if r.last != nil {
		r.last.close()
	}
	r.last, r.files = r.files[0], r.files[1:]
	// Windows never reuses the identity of a file, and would not replace one that is open.
	// Elsewhere it stays open, so that no other file gets its identity.
	if runtime.GOOS == "windows" {
		r.last.close()
	}
}

// Follow is Next, but waits for a message, also in a file that is empty, and in the next one
// after the file was renamed. It returns the cause if the context ends, and io.EOF at the
// end of a pipe.
func (r *Reader) Follow(ctx context.Context) (*Entry, error) {
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		entry, err := r.Next()
		if err != io.EOF || !r.files[0].info.Mode().IsRegular() {
			return entry, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-poll.C:
		}
		if err := r.refresh(); err != nil {
			return nil, err
		}
	}
}

// refresh prepares for what has become of the file since its end was read.
func (r *Reader) refresh() error {
	s := r.files[0]
	info, err := os.Stat(r.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // it was renamed, and the next message creates it
	case err != nil:
		return err
	case os.SameFile(info, s.info):
		r.renamed = false
		if info.Size() < s.offset { // it was emptied and is written from the beginning
			return s.rewind()
		}
		return nil
	case !r.renamed:
		// A thread that has opened the file before still writes its line.
		r.renamed = true
		return nil
	}
	if err := r.find(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	r.renamed = len(r.files) == 1
	return nil
}

// readLine returns the next complete line without its end, which is valid until the next
// call.
func (s *source) readLine() ([]byte, error) {
	if s.kept {
		s.kept = false
		return bytes.TrimSuffix(s.line, []byte("\n")), nil
	}
	if s.complete {
		s.line, s.complete = s.line[:0], false
	}
	for {
		part, err := s.in.ReadSlice('\n')
		s.offset += int64(len(part))
		s.line = append(s.line, part...)
		// After a power failure a file can have zeros where a line should be. One is kept.
		if zeros := len(s.line) - len(bytes.TrimLeft(s.line, "\x00")); zeros > 1 {
			s.line = slices.Delete(s.line, 1, zeros)
		}
		switch {
		case s.number == 0 && (!s.mayBegin() || s.offset > maxLine):
			return nil, s.notTrace()
		case len(s.line) > maxLine:
			s.line = append(s.line[:0], "too long, left out: "...) // that is not JSON
		}
		switch {
		case err == nil:
			s.number++
			s.complete = true
			return bytes.TrimSuffix(s.line, []byte("\n")), nil
		case err != bufio.ErrBufferFull:
			return nil, err
		}
	}
}

// byteOrderMark is what some editors write at the beginning of a file.
const byteOrderMark = "\xef\xbb\xbf"

// mayBegin reports whether a file that begins with what was read of its first line may be a
// trace.
func (s *source) mayBegin() bool {
	begin := bytes.TrimPrefix(s.line, []byte("\x00"))
	if len(begin) <= len(byteOrderMark) && strings.HasPrefix(byteOrderMark, string(begin)) {
		return true // more is needed
	}
	return bytes.TrimPrefix(begin, []byte(byteOrderMark))[0] == '{'
}

// rewind starts again at the beginning of the file.
func (s *source) rewind() error {
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	s.in.Reset(s.file)
	s.offset, s.number, s.line, s.complete = 0, 0, s.line[:0], false
	return nil
}
