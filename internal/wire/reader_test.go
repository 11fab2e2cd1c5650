package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"libobe/internal/wire"
)

// errInterrupted is the error of a stream between two bytes, such as a deadline.
var errInterrupted = errors.New("interrupted")

// stream returns its parts, one for each Read (or less, if that is all that fits), and
// then its end. A nil part is an interruption.
type stream struct {
	parts [][]byte
	end   error
	reads int
}

func (s *stream) Read(p []byte) (int, error) {
	s.reads++
	if len(s.parts) == 0 {
		return 0, s.end
	}
	part := s.parts[0]
	if part == nil {
		s.parts = s.parts[1:]
		return 0, errInterrupted
	}
	n := copy(p, part)
	if s.parts[0] = part[n:]; n == len(part) {
		s.parts = s.parts[1:]
	}
	return n, nil
}

// parts returns a stream of the texts that ends after the last.
func parts(texts ...string) *stream {
	s := &stream{end: io.EOF}
	for _, text := range texts {
		s.parts = append(s.parts, []byte(text))
	}
	return s
}

// pieces returns a stream of a text in pieces of n bytes, if interrupted with an
// interruption after each.
func pieces(text string, n int, interrupted bool) *stream {
	s := &stream{end: io.EOF}
	for len(text) > 0 {
		n = min(n, len(text))
		s.parts = append(s.parts, []byte(text[:n]))
		if interrupted {
			s.parts = append(s.parts, nil)
		}
		text = text[n:]
	}
	return s
}

func frame(body string) string { return fmt.Sprintf("%010d%s", len(body), body) }

func newReader() *wire.Reader { return &wire.Reader{Limit: wire.MaxLength} }

// bodies reads frames, resuming after interruptions, until the stream fails.
func bodies(r *wire.Reader, src io.Reader, dst []byte) (got []string, err error) {
	for {
		body, err := r.Next(src, dst)
		switch {
		case err == nil:
			got = append(got, string(body))
		case err != errInterrupted:
			return got, err
		}
	}
}

func expectBodies(t *testing.T, src io.Reader, dst []byte, want ...string) {
	t.Helper()
	got, err := bodies(newReader(), src, dst)
	if err != io.EOF || !equal(got, want) {
		t.Errorf("got %.100q and %v; want %.100q and EOF", got, err, want)
	}
}

func equal(a, b []string) bool { return strings.Join(a, "\x00") == strings.Join(b, "\x00") }

const (
	first  = `{"command": "goodset", "pickiness": 4}`
	second = `[1.5, "grün"]`
)

func TestReaderSplits(t *testing.T) {
	two := frame(first) + frame(second)
	for _, dst := range [][]byte{nil, make([]byte, len(second)), make([]byte, 1000)} {
		expectBodies(t, parts(two), dst, first, second)
		for n := 1; n <= len(two); n++ {
			expectBodies(t, pieces(two, n, false), dst, first, second)
			expectBodies(t, pieces(two, n, true), dst, first, second)
		}
		for i := 1; i < len(two); i++ {
			expectBodies(t, parts(two[:i], two[i:]), dst, first, second)
			expectBodies(t, &stream{parts: [][]byte{[]byte(two[:i]), nil, []byte(two[i:])}, end: io.EOF}, dst, first, second)
		}
	}
}

func TestReaderManyFramesInOneRead(t *testing.T) {
	var want []string
	var all strings.Builder
	for i := range 1000 {
		want = append(want, strconv.Itoa(i))
		all.WriteString(frame(want[i]))
	}
	src := parts(all.String())
	expectBodies(t, src, nil, want...)
	// One for the frames, one for the end.
	if src.reads != 2 {
		t.Errorf("%d reads of the stream for frames that one read returned", src.reads)
	}
}

func TestReaderLargeBodies(t *testing.T) {
	// Around the sizes at which the reader begins to read directly into the body's
	// memory, and beyond several enlargements of that.
	for _, size := range []int{64<<10 - 11, 64<<10 - 10, 64<<10 - 1, 64 << 10, 64<<10 + 1, 512 << 10, 512<<10 + 1, 5_000_000} {
		body := strings.Repeat("0123456789abcdef", size/16+1)[:size]
		text := frame(body) + frame(second)
		for _, dst := range [][]byte{nil, make([]byte, size)} {
			expectBodies(t, parts(text), dst, body, second)
			expectBodies(t, pieces(text, 40_000, true), dst, body, second)
			expectBodies(t, pieces(text, 1_000_003, true), dst, body, second)
		}
		got, err := newReader().Next(pieces(text, 30_000, false), nil)
		if err != nil || cap(got) != size {
			t.Errorf("a body of %d bytes has a capacity of %d: %v", size, cap(got), err)
		}
	}
}

func TestReaderEmptyBody(t *testing.T) {
	r := newReader()
	checks := 0
	r.Check = func(part []byte, last bool) error {
		checks++
		if len(part) > 0 || !last {
			t.Errorf("Check was called with %q, last %v", part, last)
		}
		return nil
	}
	for _, dst := range [][]byte{nil, make([]byte, 4)} {
		body, err := r.Next(parts("0000000000"), dst)
		if err != nil || body == nil || len(body) != 0 {
			t.Errorf("got %#v, %v; want an empty body", body, err)
		}
	}
	if checks != 2 {
		t.Errorf("2 bodies ended, and Check was called %d times", checks)
	}
}

func TestReaderEnds(t *testing.T) {
	whole := frame(first)
	for _, c := range []struct {
		name string
		text string
		want error
	}{
		{"nothing", "", io.EOF},
		{"after a frame", whole, io.EOF},
		{"inside the first header", whole[:1], wire.ErrIncomplete},
		{"before the first header's last digit", whole[:9], wire.ErrIncomplete},
		{"after a header", whole[:10], wire.ErrIncomplete},
		{"before the last byte", whole[:len(whole)-1], wire.ErrIncomplete},
		{"inside the second header", whole + whole[:3], wire.ErrIncomplete},
		{"inside the second body", whole + whole[:20], wire.ErrIncomplete},
		{"malformed", "000000004x" + whole, wire.ErrMalformed},
		{"a bare JSON text", first, wire.ErrMalformed},
		{"malformed after a frame", whole + "xxxxxxxxxx", wire.ErrMalformed},
		{"too large", "9999999999" + whole, wire.ErrTooLarge},
		{"one byte too large", frame(strings.Repeat("x", 101)), wire.ErrTooLarge},
		{"exactly the limit", frame(strings.Repeat("x", 100)), io.EOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			for n := 1; n <= len(c.text)+1; n++ {
				r := &wire.Reader{Limit: 100}
				if _, err := bodies(r, pieces(c.text, n, true), nil); !errors.Is(err, c.want) {
					t.Fatalf("in pieces of %d bytes: %v, want %v", n, err, c.want)
				}
			}
		})
	}
}

func TestReaderEndsRepeatedly(t *testing.T) {
	r := newReader()
	src := parts(frame(first)[:20])
	for range 3 {
		if _, err := r.Next(src, make([]byte, 100)); err != wire.ErrIncomplete {
			t.Fatalf("got %v, want ErrIncomplete each time", err)
		}
	}
}

// dataWithError is a stream that returns its last bytes together with an error.
type dataWithError struct {
	text string
	err  error
}

func (l *dataWithError) Read(p []byte) (int, error) {
	n := copy(p, l.text)
	if l.text = l.text[n:]; l.text == "" {
		return n, l.err
	}
	return n, nil
}

func TestReaderUsesBytesReadWithAnError(t *testing.T) {
	large := strings.Repeat("x", 200_000)
	for _, body := range []string{first, large} {
		r := newReader()
		src := &dataWithError{frame(body), errInterrupted}
		if got, err := r.Next(src, nil); err != nil || string(got) != body {
			t.Errorf("%.20q, %v; want the whole body", got, err)
		}
		half := frame(body)[:10+len(body)/2]
		r = newReader()
		src = &dataWithError{half, errInterrupted}
		if _, err := r.Next(src, nil); err != errInterrupted {
			t.Errorf("half a body: %v", err)
		}
		if got, err := r.Next(parts(frame(body)[len(half):]), nil); err != nil || string(got) != body {
			t.Errorf("%.20q, %v after the second half; want the whole body", got, err)
		}
	}
}

func TestReaderInFrameAndBuffered(t *testing.T) {
	r := newReader()
	expect := func(when string, inFrame, buffered bool) {
		t.Helper()
		if r.InFrame() != inFrame || r.Buffered() != buffered {
			t.Errorf("%s: in a frame %v, buffered %v; want %v, %v", when, r.InFrame(), r.Buffered(), inFrame, buffered)
		}
	}
	next := func(want error, src io.Reader) {
		t.Helper()
		if _, err := r.Next(src, nil); !errors.Is(err, want) {
			t.Fatalf("%v, want %v", err, want)
		}
	}
	interrupted := func(text string) io.Reader { return &stream{parts: [][]byte{[]byte(text)}, end: errInterrupted} }

	expect("new", false, false)
	next(errInterrupted, interrupted(""))
	expect("nothing arrived", false, false)
	next(errInterrupted, interrupted("0"))
	expect("inside a header", true, false)
	next(errInterrupted, interrupted("000000004"))
	expect("after a header", true, false)
	next(nil, interrupted("null"+"0000"))
	expect("after a frame and inside a header read with it", true, true)
	next(errInterrupted, interrupted(""))
	expect("inside that header", true, false)
	next(nil, interrupted("0000041234"))
	expect("between frames", false, false)
	next(nil, interrupted(frame("1")+frame("2")))
	expect("a frame is left over", true, true)
	next(nil, interrupted(""))
	expect("between frames again", false, false)
	next(wire.ErrMalformed, interrupted("not digits"+"12"))
	expect("failed", false, false)
}

// fill is the content of a buffer that was not written to.
const fill = '#'

func buffer(n int) []byte { return bytes.Repeat([]byte{fill}, n) }

func untouched(b []byte) bool { return bytes.Count(b, []byte{fill}) == len(b) }

// inside reports whether a body is in dst.
func inside(body, dst []byte) bool {
	return len(body) > 0 && len(dst) > 0 && &body[0] == &dst[0]
}

func TestReaderDestination(t *testing.T) {
	whole, n := frame(first), len(first)

	for _, size := range []int{n, n + 1, 1000} {
		dst := buffer(size)
		body, err := newReader().Next(parts(whole[:15], whole[15:]), dst)
		if err != nil || string(body) != first || !inside(body, dst) {
			t.Errorf("a dst of %d bytes: body %q, in place %v, %v", size, body, inside(body, dst), err)
		}
		if cap(body) != n || !untouched(dst[n:]) {
			t.Errorf("a dst of %d bytes: capacity %d, and after the body %q", size, cap(body), dst[n:])
		}
	}
	for _, size := range []int{0, 1, n - 1} {
		dst := buffer(size)
		body, err := newReader().Next(parts(whole), dst)
		if err != nil || string(body) != first || inside(body, dst) || !untouched(dst) {
			t.Errorf("a dst of %d bytes, which is too small: body %q, dst %q, %v", size, body, dst, err)
		}
	}

	// A body that was read ahead goes to the dst of the call that returns it.
	r := newReader()
	src := parts(frame(second) + whole)
	if _, err := r.Next(src, nil); err != nil {
		t.Fatal(err)
	}
	dst := buffer(n)
	if body, err := r.Next(src, dst); err != nil || string(body) != first || !inside(body, dst) {
		t.Errorf("a frame read ahead: %q, in place %v, %v", body, inside(body, dst), err)
	}
}

// The dst of the call that read the header counts, and only until that call returns: the
// caller may reuse it then.
func TestReaderDestinationAfterInterruption(t *testing.T) {
	whole := frame(first)
	for cut := 1; cut < len(whole); cut++ {
		r := newReader()
		src := &stream{parts: [][]byte{[]byte(whole[:cut]), nil, []byte(whole[cut:])}, end: io.EOF}
		early, late := buffer(100), buffer(100)
		if _, err := r.Next(src, early); err != errInterrupted {
			t.Fatal(err)
		}
		copy(early, buffer(100))
		body, err := r.Next(src, late)
		if err != nil || string(body) != first {
			t.Errorf("cut at %d: body %q, %v", cut, body, err)
		}
		if inside(body, early) || !untouched(early) {
			t.Errorf("cut at %d: the dst of a call that had returned was used: %q", cut, early)
		}
		if again := cut < wire.HeaderLength; inside(body, late) != again || untouched(late) == again {
			t.Errorf("cut at %d: in the later dst: %v, want %v", cut, inside(body, late), again)
		}
	}

	// The same holds for a long body, which is read directly into dst.
	large := strings.Repeat("x", 300_000)
	text := frame(large)
	r := newReader()
	src := &stream{parts: [][]byte{[]byte(text[:100_000]), nil, []byte(text[100_000:])}, end: io.EOF}
	early := buffer(len(large))
	if _, err := r.Next(src, early); err != errInterrupted {
		t.Fatal(err)
	}
	copy(early, buffer(len(early)))
	body, err := r.Next(src, buffer(len(large)))
	if err != nil || string(body) != large || !untouched(early) {
		t.Errorf("a long body with an interruption: correct %v, first dst untouched %v, %v", string(body) == large, untouched(early), err)
	}
}

// ReadSome may leave a partial body in the caller's buffer, until CopyOut.
func TestReaderReadSome(t *testing.T) {
	large := strings.Repeat("x", 300_000)
	for _, body := range []string{first, large} {
		text := frame(body)
		for _, cut := range []int{1, 9, 10, 11, 10 + len(body)/2, len(text) - 1} {
			for _, copied := range []bool{false, true} {
				r := newReader()
				src := &stream{parts: [][]byte{[]byte(text[:cut]), nil, []byte(text[cut:])}, end: io.EOF}
				dst := make([]byte, len(body)+1)
				if _, err := r.ReadSome(src, dst); err != errInterrupted {
					t.Fatal(err)
				}
				if inDst := cut >= wire.HeaderLength; r.InCallerBuffer() != inDst {
					t.Errorf("%d bytes of a frame have arrived; in the caller's buffer: %v", cut, r.InCallerBuffer())
				}
				if copied {
					r.CopyOut()
					clear(dst)
				}
				if copied && r.InCallerBuffer() {
					t.Error("in the caller's buffer after CopyOut")
				}
				got, err := r.ReadSome(src, dst)
				if err != nil || string(got) != body {
					t.Fatalf("cut at %d, copied %v: %.40q, %v", cut, copied, got, err)
				}
				inDst := &got[0] == &dst[0]
				if want := !copied || cut < wire.HeaderLength; inDst != want {
					t.Errorf("cut at %d, copied %v: in the caller's buffer: %v", cut, copied, inDst)
				}
				if r.InCallerBuffer() || dst[len(body)] != 0 {
					t.Errorf("after the body: in the caller's buffer %v, next byte %q", r.InCallerBuffer(), dst[len(body)])
				}
			}
		}
	}
}

func TestReaderChecksEachByteOnce(t *testing.T) {
	large := strings.Repeat("0123456789", 30_000)
	for _, body := range []string{"1", first, large} {
		for _, n := range []int{1, 7, 1000, 1 << 20} {
			if len(body) > 1000 && n == 1 {
				continue
			}
			r := newReader()
			var shown []byte
			ends := 0
			r.Check = func(part []byte, last bool) error {
				shown = append(shown, part...)
				if last {
					ends++
				}
				if last != (len(shown) == len(body)) {
					t.Fatalf("last is %v after %d bytes of %d", last, len(shown), len(body))
				}
				return nil
			}
			if _, err := bodies(r, pieces(frame(body), n, true), nil); err != io.EOF {
				t.Fatal(err)
			}
			if string(shown) != body || ends != 1 {
				t.Errorf("a body of %d bytes in pieces of %d: checked correctly %v, %d ends", len(body), n, string(shown) == body, ends)
			}
		}
	}
}

func TestReaderStopsWhenCheckFails(t *testing.T) {
	refused := errors.New("refused")
	empty := newReader()
	empty.Check = func([]byte, bool) error { return refused }
	if body, err := empty.Next(parts("0000000000"), nil); body != nil || err != refused {
		t.Errorf("an empty body: %v, %v; want Check's own error", body, err)
	}
	for _, size := range []int{30, 300_000} {
		r := newReader()
		seen := 0
		r.Check = func(part []byte, _ bool) error {
			if seen += len(part); seen > size/2 {
				return refused
			}
			return nil
		}
		src := pieces(frame(strings.Repeat("x", size)), size/10, false)
		if _, err := r.Next(src, nil); err != refused {
			t.Fatalf("%v, want Check's own error", err)
		}
		if seen > size/2+size/10+64<<10 || len(src.parts) == 0 {
			t.Errorf("continued to read after Check had failed: %d bytes of %d", seen, size)
		}
		if r.InFrame() {
			t.Error("in a frame after a failure")
		}
	}
}

// allocated returns how many bytes a function allocates: the least of several runs,
// because the runtime occasionally allocates as well.
func allocated(f func()) uint64 {
	least := ^uint64(0)
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}

// base is the memory for one read ahead and for the first capacity of a body. With the
// race detector, pools drop their content, so it is counted each time.
const base = 256 << 10

func TestReaderRefusesBeforeAllocating(t *testing.T) {
	got := allocated(func() {
		r := &wire.Reader{Limit: 64 << 20}
		if _, err := r.Next(parts("9999999999"), nil); !errors.Is(err, wire.ErrTooLarge) {
			t.Fatal(err)
		}
	})
	if got > base {
		t.Errorf("the refusal allocated %d bytes", got)
	}
}

func TestReaderMemoryGrowsWithArrivedBytes(t *testing.T) {
	if strconv.IntSize < 64 {
		t.Skip("the largest body does not fit this platform's int")
	}
	for _, arrived := range []int{0, 1, 1000, 40_000, 500_000, 3_000_000} {
		chunk := bytes.Repeat([]byte("x"), 10_000)
		got := allocated(func() {
			src := &stream{parts: [][]byte{[]byte("9999999999")}, end: errInterrupted}
			for left := arrived; left > 0; left -= len(chunk) {
				src.parts = append(src.parts, chunk[:min(left, len(chunk))])
			}
			if _, err := newReader().Next(src, nil); err != errInterrupted {
				t.Fatal(err)
			}
		})
		// At most eight times the bytes that arrived, and an eighth of that again for
		// each smaller capacity before.
		if limit := uint64(10*arrived + base); got > limit {
			t.Errorf("%d bytes of 9999999999 have arrived, and %d were allocated", arrived, got)
		}
	}
}

func TestReaderCostIsLinearInFrames(t *testing.T) {
	// The rest of a read with many frames must not be copied once for each of them.
	const frames = 5000
	text := strings.Repeat(frame("1"), frames)
	got := allocated(func() {
		if all, err := bodies(newReader(), parts(text), nil); len(all) != frames || err != io.EOF {
			t.Fatal(len(all), err)
		}
	})
	if limit := uint64(20*len(text) + base); got > limit {
		t.Errorf("%d frames in %d bytes allocated %d bytes", frames, len(text), got)
	}
}

// naiveFrames is a simple reader of a complete stream.
func naiveFrames(text []byte, limit int64) (bodies []string, end error) {
	for {
		if len(text) == 0 {
			return bodies, io.EOF
		}
		if len(text) < wire.HeaderLength {
			return bodies, wire.ErrIncomplete
		}
		n, ok := naiveHeader(text[:wire.HeaderLength])
		text = text[wire.HeaderLength:]
		switch {
		case !ok:
			return bodies, wire.ErrMalformed
		case n > limit:
			return bodies, wire.ErrTooLarge
		case n > int64(len(text)):
			return bodies, wire.ErrIncomplete
		}
		bodies = append(bodies, string(text[:n]))
		text = text[n:]
	}
}

// FuzzReader compares the reader with naiveFrames, with the stream cut in any way. Each
// byte of cuts is the size of a part; its high bit adds an interruption.
func FuzzReader(f *testing.F) {
	two := frame(first) + frame(second)
	f.Add([]byte(two), []byte{}, uint32(1000), uint16(0))
	f.Add([]byte(two), []byte{1, 1, 0x83, 9, 0x80, 0x85}, uint32(1000), uint16(38))
	f.Add([]byte(two+two+two), []byte{0x8a, 0x8a, 0x8a, 0xff}, uint32(1000), uint16(100))
	f.Add([]byte(two), []byte{0x85}, uint32(20), uint16(100))
	f.Add([]byte(two[:len(two)-1]), []byte{60, 0x81}, uint32(1000), uint16(13))
	f.Add([]byte("0000000000"+"         1x"+"+000000001y"), []byte{3}, uint32(1), uint16(1))
	f.Add([]byte("9999999999"), []byte{0x81, 0x81}, uint32(1<<31), uint16(0))
	f.Add([]byte(frame(strings.Repeat("z", 70_000))+two), []byte{0x8a, 0xff, 0xff}, uint32(1<<20), uint16(0xffff))
	f.Fuzz(func(t *testing.T, text, cuts []byte, limit uint32, size uint16) {
		src := &stream{end: io.EOF}
		rest := bytes.Clone(text)
		for _, cut := range cuts {
			n := min(int(cut&0x7f), len(rest))
			src.parts = append(src.parts, rest[:n:n])
			if cut&0x80 != 0 {
				src.parts = append(src.parts, nil)
			}
			rest = rest[n:]
		}
		src.parts = append(src.parts, rest[:len(rest):len(rest)])

		var shown strings.Builder
		r := &wire.Reader{Limit: int64(limit), Check: func(part []byte, last bool) error {
			shown.Write(part)
			if last {
				shown.WriteByte(0)
			}
			return nil
		}}
		var got []string
		var end error
		for end == nil {
			dst := make([]byte, size)
			body, err := r.Next(src, dst)
			switch {
			case err == nil:
				got = append(got, string(body))
			case err != errInterrupted:
				end = err
			}
			// The caller may reuse its buffer.
			clear(dst)
		}
		want, wantEnd := naiveFrames(text, int64(limit))
		if !equal(got, want) || !errors.Is(end, wantEnd) {
			t.Errorf("got %q and %v, want %q and %v", got, end, want, wantEnd)
		}
		if all := strings.Join(append(want, ""), "\x00"); !strings.HasPrefix(shown.String(), all) {
			t.Errorf("Check was called with %q, want %q first", shown.String(), all)
		}
	})
}
