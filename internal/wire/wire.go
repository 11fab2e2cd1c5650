// Package wire is the framing of the OBE socket protocol: ten ASCII digits
// with the length of the body in bytes, zero-padded, then the body, one JSON
// text in UTF-8. It knows nothing of sockets and nothing of JSON: a [Reader]
// takes bytes from an io.Reader and shows each part of a body, as it arrives,
// to whoever wants to check it.
package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"libobe/internal/memory"
)

const (
	// HeaderLength is the number of digits before each body.
	HeaderLength = 10
	// MaxLength is the largest body that ten digits can announce, in bytes.
	MaxLength = 9_999_999_999
)

var (
	// ErrMalformed is a header that is not ten digits.
	ErrMalformed = errors.New("malformed frame header")
	// ErrTooLarge is a frame announced or asked for beyond the limit in force.
	ErrTooLarge = errors.New("message too large")
	// ErrIncomplete is a stream that ended inside a frame.
	ErrIncomplete = errors.New("connection closed inside a message")
)

// Header returns the header of a body of n bytes; n is at most [MaxLength].
func Header(n int) (h [HeaderLength]byte) {
	for i := HeaderLength - 1; i >= 0; i-- {
		h[i] = byte('0' + n%10)
		n /= 10
	}
	return h
}

// ParseHeader returns the length that a header announces. Spaces may stand in
// the place of leading zeros, or behind the digits: Python's int() reads both,
// so a peer may write them.
func ParseHeader(h []byte) (int64, error) {
	digits := h
	for len(digits) > 0 && digits[0] == ' ' {
		digits = digits[1:]
	}
	for len(digits) > 0 && digits[len(digits)-1] == ' ' {
		digits = digits[:len(digits)-1]
	}
	var n int64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%w: %q is not a length of ten digits", ErrMalformed, h)
		}
		n = n*10 + int64(c-'0')
	}
	if len(h) != HeaderLength || len(digits) == 0 {
		return 0, fmt.Errorf("%w: %q is not a length of ten digits", ErrMalformed, h)
	}
	return n, nil
}

// CheckLength reports whether a body of n bytes may be sent or taken under a
// limit.
func CheckLength(n, limit int64) error {
	switch {
	case n > limit || n > MaxLength:
		return fmt.Errorf("%w: %d bytes, and max_message is %d", ErrTooLarge, n, limit)
	case n > math.MaxInt:
		return fmt.Errorf("%w: %d bytes, and a 32-bit process can hold %d", ErrTooLarge, n, math.MaxInt)
	}
	return nil
}

const (
	// readAhead is how much is asked for at once while a small frame, or a
	// header, is awaited.
	readAhead = 64 << 10
	// growth bounds the memory of a message that is still arriving: it is at
	// most growth times what has arrived (or readAhead). Each step copies the
	// part so far, so with 8 the copies add up to a seventh of the message.
	growth = 8
)

// scratch holds buffers that are free, a few of them permanently: one that is made again and
// again comes to lie in the middle of what a large message left free in Go's heap.
var scratch = make(chan *[readAhead]byte, 8)

func takeScratch() *[readAhead]byte {
	select {
	case buffer := <-scratch:
		return buffer
	default:
		return new([readAhead]byte)
	}
}

func putScratch(buffer *[readAhead]byte) {
	select {
	case scratch <- buffer:
	default:
	}
}

// Reader takes frames out of a stream. It may be interrupted at any byte by an
// error of the stream, a deadline say, and goes on where it was at the next
// call. It is for one goroutine at a time.
type Reader struct {
	// Limit is the largest body taken, in bytes.
	Limit int64
	// Check, if not nil, is shown every part of a body once, in order, as it
	// arrives; an error of it ends the message. The end of a body is a call
	// with last true, which may bring bytes too.
	Check func(part []byte, last bool) error

	header  [HeaderLength]byte
	filled  int    // bytes of the header that are there
	need    int    // length of the body, once the header is there
	body    []byte // what has arrived of the body
	foreign bool   // body lies in memory of the caller of Next
	ahead   []byte // read beyond the last frame
	failed  error  // what CopyOut met
}

// CopyOut moves what has arrived out of memory that was given to Next as dst, so
// that its owner may have it back.
func (r *Reader) CopyOut() {
	if r.foreign {
		r.failed = r.grow()
		r.foreign = false
	}
}

// InCallerBuffer reports whether part of a body lies in memory that was given to Next.
func (r *Reader) InCallerBuffer() bool { return r.foreign }

// InFrame reports whether a frame has begun and not ended.
func (r *Reader) InFrame() bool { return r.filled > 0 || len(r.ahead) > 0 }

// Buffered reports whether bytes beyond the last frame were read already, so
// that the stream itself may have nothing more to say.
func (r *Reader) Buffered() bool { return len(r.ahead) > 0 }

// Next returns the next body. It lies in dst where it fits there and dst was
// given to the call that saw the header; otherwise in memory of its own. Nothing
// is kept of dst after the return. Errors are those of src, of Check,
// [ErrMalformed], [ErrTooLarge], [ErrIncomplete], [memory.ErrMemory]; io.EOF is an end between
// frames.
func (r *Reader) Next(src io.Reader, dst []byte) ([]byte, error) {
	body, err := r.ReadSome(src, dst)
	r.CopyOut()
	return body, err
}

// ReadSome is Next for a caller that goes on soon: after an error, part of a body
// may stay in dst until CopyOut.
func (r *Reader) ReadSome(src io.Reader, dst []byte) ([]byte, error) {
	if r.failed != nil {
		err := r.failed
		r.failed = nil
		return r.finish(err)
	}
	if len(r.ahead) > 0 {
		ahead := r.ahead
		r.ahead = nil
		if done, err := r.feed(ahead, dst); done || err != nil {
			return r.finish(err)
		}
	}
	var buffer *[readAhead]byte
	defer func() {
		if buffer != nil {
			putScratch(buffer)
		}
	}()
	for {
		// A long body is read straight to where it belongs; anything else goes
		// through one large read, so that a small frame costs a single one.
		direct := r.filled == HeaderLength && r.need-len(r.body) >= readAhead
		var n int
		var err error
		if direct {
			space, e := r.space()
			if e != nil {
				return r.finish(e)
			}
			if n, err = src.Read(space); n > 0 {
				r.body = r.body[:len(r.body)+n]
				if e := r.check(space[:n]); e != nil {
					return r.finish(e)
				}
				if len(r.body) == r.need {
					return r.finish(nil)
				}
			}
		} else {
			if buffer == nil {
				buffer = takeScratch()
			}
			if n, err = src.Read(buffer[:]); n > 0 {
				if done, e := r.feed(buffer[:n], dst); done || e != nil {
					r.ahead = bytes.Clone(r.ahead) // it lies in the buffer
					return r.finish(e)
				}
			}
		}
		if err == io.EOF && r.InFrame() {
			return nil, ErrIncomplete
		}
		if err != nil {
			return nil, err
		}
	}
}

// feed takes what it needs of p for the current frame; r.ahead is then the rest
// of p.
func (r *Reader) feed(p, dst []byte) (done bool, err error) {
	if r.filled < HeaderLength {
		n := copy(r.header[r.filled:], p)
		r.filled += n
		p = p[n:]
		if r.filled < HeaderLength {
			return false, nil
		}
		length, err := ParseHeader(r.header[:])
		if err == nil {
			err = CheckLength(length, r.Limit)
		}
		if err != nil {
			return false, err
		}
		r.need = int(length)
		if r.need <= len(dst) {
			r.body, r.foreign = dst[:0:r.need], true
		}
	}
	part := p[:min(len(p), r.need-len(r.body))]
	for len(part) > 0 {
		space, err := r.space()
		if err != nil {
			return false, err
		}
		n := copy(space, part)
		r.body = r.body[:len(r.body)+n]
		if err := r.check(part[:n]); err != nil {
			return false, err
		}
		part, p = part[n:], p[n:]
	}
	if len(r.body) < r.need {
		return false, nil
	}
	if r.need == 0 {
		if err := r.check(nil); err != nil {
			return false, err
		}
	}
	r.ahead = p
	return true, nil
}

func (r *Reader) check(part []byte) error {
	if r.Check == nil {
		return nil
	}
	return r.Check(part, len(r.body) == r.need)
}

// space returns the free part of the body's memory, which it enlarges when
// there is none.
func (r *Reader) space() ([]byte, error) {
	if len(r.body) == cap(r.body) {
		if err := r.grow(); err != nil {
			return nil, err
		}
	}
	return r.body[len(r.body):min(cap(r.body), r.need)], nil
}

// grow moves the body to memory of its own with room for more; without that the
// body is lost.
func (r *Reader) grow() error {
	larger, err := memory.Make[byte](len(r.body), step(len(r.body), r.need))
	if err != nil {
		r.body = nil
		return err
	}
	copy(larger, r.body)
	r.body = larger
	return nil
}

// step returns how much memory a body of need bytes gets when have bytes of it
// have arrived. The steps are need divided by powers of growth, so that the
// last one is exact.
func step(have, need int) int {
	size := need
	// size > growth*have, and size/growth rounded up, without a product or a sum that
	// 32 bits do not hold.
	for size > readAhead && (size-1)/growth >= have {
		size = (size-1)/growth + 1
	}
	return max(size, have)
}

// finish hands the body over, or drops it, and makes ready for the next frame.
func (r *Reader) finish(err error) ([]byte, error) {
	body := r.body
	r.filled, r.need, r.body, r.foreign = 0, 0, nil, false
	if err != nil {
		r.ahead = nil
		return nil, err
	}
	if body == nil {
		body = []byte{}
	}
	return body, nil
}
