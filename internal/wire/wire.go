// Package wire is the framing of the OBE socket protocol: a header of ten ASCII digits,
// zero-padded, with the length of the body in bytes, and then the body, one JSON text in
// UTF-8. It knows nothing of sockets or JSON.
//
// The one thing to know first: a [Reader] can be interrupted at any byte, and resumes
// there. It reads from any io.Reader, and passes each part of a body to a check as soon
// as it arrives.
package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"sync/atomic"

	"libobe/internal/memory"
)

const (
	// HeaderLength is the number of digits before each body.
	HeaderLength = 10
	// MaxLength is the largest body that ten digits can announce, in bytes.
	MaxLength = 9_999_999_999
)

var (
	// ErrMalformed reports a header that is not ten digits.
	ErrMalformed = errors.New("malformed frame header")
	// ErrTooLarge reports a body that is larger than the limit.
	ErrTooLarge = errors.New("message too large")
	// ErrIncomplete reports a stream that ended inside a frame.
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

// ParseHeader returns the length of the body that a header announces. Spaces may replace
// leading zeros, or follow the digits: Python's int() accepts both, so a peer may send
// them.
func ParseHeader(h []byte) (int64, error) {
	if n := parseDigits(h); n >= 0 {
		return n, nil
	}
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

// parseDigits is ParseHeader for ten digits, which most headers are. For others it returns a
// negative number.
func parseDigits(h []byte) (n int64) {
	if len(h) != HeaderLength {
		return -1
	}
	for _, c := range h {
		if c -= '0'; c > 9 {
			return -1
		}
		n = n*10 + int64(c)
	}
	return n
}

// CheckLength returns ErrTooLarge for a body of n bytes that is larger than a limit, than
// ten digits can announce, or than a 32-bit process can hold.
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
	// readAhead is the size of a read that may contain several frames: of headers and
	// of small bodies.
	readAhead = 64 << 10
	// growthFactor bounds the memory of a body that is still arriving: at most
	// growthFactor times the bytes that arrived, or readAhead. Each enlargement copies
	// the body so far, so with 8 the copies add up to a seventh of the body.
	growthFactor = 8
)

// scratch keeps a few free buffers. A buffer that is allocated for each read would
// fragment the free space that a large message leaves in Go's heap.
var scratch [8]atomic.Pointer[[readAhead]byte]

func takeScratch() *[readAhead]byte {
	for i := range scratch {
		if buffer := scratch[i].Load(); buffer != nil && scratch[i].CompareAndSwap(buffer, nil) {
			return buffer
		}
	}
	return new([readAhead]byte)
}

func putScratch(buffer *[readAhead]byte) {
	for i := range scratch {
		if scratch[i].Load() == nil && scratch[i].CompareAndSwap(nil, buffer) {
			return
		}
	}
}

// Reader reads frames from a stream. An error of the stream, such as a deadline, may
// interrupt it at any byte; the next call resumes there. Only one goroutine at a time may
// use it.
type Reader struct {
	// Limit is the size of the largest body accepted, in bytes.
	Limit int64
	// Check, if not nil, is called with every part of a body once, in order, as it
	// arrives. Its error ends the body. In the last call last is true; part may be empty
	// then.
	Check func(part []byte, last bool) error

	header         [HeaderLength]byte
	headerLength   int    // bytes of the header that have arrived
	bodyLength     int    // as the complete header announces
	body           []byte // the bytes of the body that have arrived
	inCallerBuffer bool   // body is in the dst of the caller
	readahead      []byte // bytes read beyond the last frame
	copyOutErr     error  // of CopyOut, for the next read to return
}

// CopyOut copies a partial body out of the dst of a ReadSome, which the caller may then
// reuse. If there is no memory for the copy, the next read returns that error.
func (r *Reader) CopyOut() {
	if r.inCallerBuffer {
		r.copyOutErr = r.grow()
		r.inCallerBuffer = false
	}
}

// InCallerBuffer reports whether a partial body is in the dst of a ReadSome.
func (r *Reader) InCallerBuffer() bool { return r.inCallerBuffer }

// InFrame reports whether a frame has begun and not ended.
func (r *Reader) InFrame() bool { return r.headerLength > 0 || len(r.readahead) > 0 }

// Buffered reports whether bytes beyond the last frame were read already, so that the next
// frame may be complete although the stream has no more data.
func (r *Reader) Buffered() bool { return len(r.readahead) > 0 }

// Next returns the next body. The body is in dst if it fits there and dst was passed to
// the call that read the end of the header; otherwise it is in separate memory. Next does
// not keep dst. Errors are those of src and of Check, [ErrMalformed], [ErrTooLarge],
// [ErrIncomplete] and [memory.ErrMemory]; io.EOF is an end between two frames.
func (r *Reader) Next(src io.Reader, dst []byte) ([]byte, error) {
	body, err := r.ReadSome(src, dst)
	r.CopyOut()
	return body, err
}

// ReadSome is Next for a caller that resumes soon: after an error of src, a partial body
// may stay in dst until CopyOut.
func (r *Reader) ReadSome(src io.Reader, dst []byte) ([]byte, error) {
	if r.copyOutErr != nil {
		err := r.copyOutErr
		r.copyOutErr = nil
		return r.endFrame(err)
	}
	if len(r.readahead) > 0 {
		readahead := r.readahead
		r.readahead = nil
		if done, err := r.feed(readahead, dst); done || err != nil {
			return r.endFrame(err)
		}
	}
	var buffer *[readAhead]byte
	defer func() {
		if buffer != nil {
			putScratch(buffer)
		}
	}()
	for {
		// The rest of a long body is read directly into its memory. Anything else is part
		// of a large read into the buffer, so that a small frame costs a single read.
		direct := r.headerLength == HeaderLength && r.bodyLength-len(r.body) >= readAhead
		var n int
		var err error
		if direct {
			free, e := r.free()
			if e != nil {
				return r.endFrame(e)
			}
			if n, err = src.Read(free); n > 0 {
				r.body = r.body[:len(r.body)+n]
				if e := r.check(free[:n]); e != nil {
					return r.endFrame(e)
				}
				if len(r.body) == r.bodyLength {
					return r.endFrame(nil)
				}
			}
		} else {
			if buffer == nil {
				buffer = takeScratch()
			}
			if n, err = src.Read(buffer[:]); n > 0 {
				if length := r.lengthOfWhole(buffer[:n], dst); length > 0 {
					frame := HeaderLength + length
					body := append(dst[:0:length], buffer[HeaderLength:frame]...)
					if r.Check != nil {
						if e := r.Check(buffer[HeaderLength:frame], true); e != nil {
							return nil, e
						}
					}
					r.readahead = bytes.Clone(buffer[frame:n])
					return body, nil
				}
				if done, e := r.feed(buffer[:n], dst); done || e != nil {
					r.readahead = bytes.Clone(r.readahead) // it is in the buffer
					return r.endFrame(e)
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

// lengthOfWhole returns the length of a body that p has all of, with its header, and that
// fits into dst, as for most commands; otherwise 0.
func (r *Reader) lengthOfWhole(p, dst []byte) int {
	if r.headerLength > 0 || len(p) < HeaderLength {
		return 0
	}
	length := parseDigits(p[:HeaderLength])
	if length > int64(min(len(p)-HeaderLength, len(dst))) || length > r.Limit {
		return 0
	}
	return max(int(length), 0)
}

// feed consumes the part of p that belongs to the current frame. If that completes the
// frame, the rest of p becomes r.readahead.
func (r *Reader) feed(p, dst []byte) (done bool, err error) {
	if r.headerLength < HeaderLength {
		n := copy(r.header[r.headerLength:], p)
		r.headerLength += n
		p = p[n:]
		if r.headerLength < HeaderLength {
			return false, nil
		}
		length, err := ParseHeader(r.header[:])
		if err == nil {
			err = CheckLength(length, r.Limit)
		}
		if err != nil {
			return false, err
		}
		r.bodyLength = int(length)
		if r.bodyLength <= len(dst) {
			r.body, r.inCallerBuffer = dst[:0:r.bodyLength], true
		}
	}
	part := p[:min(len(p), r.bodyLength-len(r.body))]
	for len(part) > 0 {
		free, err := r.free()
		if err != nil {
			return false, err
		}
		n := copy(free, part)
		r.body = r.body[:len(r.body)+n]
		if err := r.check(part[:n]); err != nil {
			return false, err
		}
		part, p = part[n:], p[n:]
	}
	if len(r.body) < r.bodyLength {
		return false, nil
	}
	if r.bodyLength == 0 {
		if err := r.check(nil); err != nil {
			return false, err
		}
	}
	r.readahead = p
	return true, nil
}

func (r *Reader) check(part []byte) error {
	if r.Check == nil {
		return nil
	}
	return r.Check(part, len(r.body) == r.bodyLength)
}

// free returns the unused part of the body's memory, which it enlarges if all is used.
func (r *Reader) free() ([]byte, error) {
	if len(r.body) == cap(r.body) {
		if err := r.grow(); err != nil {
			return nil, err
		}
	}
	return r.body[len(r.body):min(cap(r.body), r.bodyLength)], nil
}

// grow copies the body to separate memory with room for more bytes. If there is no such
// memory, the body is lost.
func (r *Reader) grow() error {
	larger, err := memory.Make[byte](len(r.body), nextCapacity(len(r.body), r.bodyLength))
	if err != nil {
		r.body = nil
		return err
	}
	copy(larger, r.body)
	r.body = larger
	return nil
}

// nextCapacity returns the capacity for a body of need bytes, have of which have arrived.
// The capacities are need divided by powers of growthFactor, so that the last one is
// exact.
func nextCapacity(have, need int) int {
	size := need
	// The condition is size > growthFactor*have, and the next size is size/growthFactor
	// rounded up, both written without an overflow in 32 bits.
	for size > readAhead && (size-1)/growthFactor >= have {
		size = (size-1)/growthFactor + 1
	}
	return max(size, have)
}

// endFrame returns the body, or discards it because of err, and resets the state for the
// next frame.
func (r *Reader) endFrame(err error) ([]byte, error) {
	body := r.body
	r.headerLength, r.bodyLength, r.body, r.inCallerBuffer = 0, 0, nil, false
	if err != nil {
		r.readahead = nil
		return nil, err
	}
	if body == nil {
		body = []byte{}
	}
	return body, nil
}
