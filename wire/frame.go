// Package wire reads and writes PostgreSQL protocol version 3 messages where
// the proxy has to look into them while it relays: no allocation, no copy, and
// no length from the wire used before it has been checked. Parsers keep
// sub-slices of their input and are strict: what they accept encodes again to
// the same bytes, everything else is an error and nothing more.
package wire

import (
	"encoding/binary"
	"errors"
)

// HeaderLen is the size of a frame's header: type byte and length.
const HeaderLen = 5

// MaxFrame is the largest frame either side can mean, header included.
// PostgreSQL builds no message of more than 1 GiB - 1 bytes of body.
const MaxFrame = 1 + 4 + 0x3fffffff

// ErrLength is a frame length that no message can have.
var ErrLength = errors.New("invalid message length")

// ErrMalformed is a message body that does not have its type's form.
var ErrMalformed = errors.New("malformed message")

// Peek reads the header at the head of b. size is the whole frame, header
// included; it is 0 while fewer than HeaderLen bytes are there.
func Peek(b []byte) (typ byte, size int, err error) {
	if len(b) < HeaderLen {
		return 0, 0, nil
	}
	n := binary.BigEndian.Uint32(b[1:])
	if n < 4 || n > MaxFrame-1 {
		return b[0], 0, ErrLength
	}
	return b[0], int(n) + 1, nil
}

// Begin appends the header of a frame whose length End fills in.
func Begin(dst []byte, typ byte) (out []byte, start int) {
	start = len(dst)
	return append(dst, typ, 0, 0, 0, 0), start
}

// End fills in the length of the frame that began at start.
func End(dst []byte, start int) []byte {
	binary.BigEndian.PutUint32(dst[start+1:], uint32(len(dst)-start-1))
	return dst
}

// AppendInt16 appends v as the protocol's Int16.
func AppendInt16(dst []byte, v int16) []byte {
	return binary.BigEndian.AppendUint16(dst, uint16(v))
}

// AppendCount appends a count of at most 65535.
func AppendCount(dst []byte, n int) []byte {
	return binary.BigEndian.AppendUint16(dst, uint16(n))
}

// AppendInt32 appends v as the protocol's Int32.
func AppendInt32(dst []byte, v int32) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(v))
}

// AppendOID appends an object identifier.
func AppendOID(dst []byte, v uint32) []byte {
	return binary.BigEndian.AppendUint32(dst, v)
}

// AppendCString appends s and its terminating zero. A zero inside s would end
// the string early, so it ends there.
func AppendCString[S ~string | ~[]byte](dst []byte, s S) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] == 0 {
			s = s[:i]
			break
		}
	}
	dst = append(dst, s...)
	return append(dst, 0)
}

// reader consumes a body from its front. After the first failure every further
// read fails too, so callers check once.
type reader struct {
	b   []byte
	bad bool
}

// uint16 reads an Int16. Counts are unsigned on the wire: PostgreSQL takes up
// to 65535 parameters.
func (r *reader) uint16() uint16 {
	if len(r.b) < 2 {
		r.bad = true
		r.b = nil
		return 0
	}
	v := binary.BigEndian.Uint16(r.b)
	r.b = r.b[2:]
	return v
}

func (r *reader) uint32() uint32 {
	if len(r.b) < 4 {
		r.bad = true
		r.b = nil
		return 0
	}
	v := binary.BigEndian.Uint32(r.b)
	r.b = r.b[4:]
	return v
}

func (r *reader) byte() byte {
	if len(r.b) < 1 {
		r.bad = true
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

// take returns the next n bytes; n may come from the wire.
func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad = true
		r.b = nil
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) cstring() []byte {
	for i, c := range r.b {
		if c == 0 {
			v := r.b[:i:i]
			r.b = r.b[i+1:]
			return v
		}
	}
	r.bad = true
	r.b = nil
	return nil
}

// end is the error of a body that was short, or that has bytes left over.
func (r *reader) end() error {
	if r.bad || len(r.b) != 0 {
		return ErrMalformed
	}
	return nil
}
