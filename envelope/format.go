package envelope

import (
	"encoding/binary"
	"math/bits"
)

const (
	Magic        = 0xE5
	Version1     = 0x01
	HeaderSize   = 11 // magic, version, column id, key id, term flags
	EqualitySize = 16 // of TermLower and TermUpper, too
	MaxTerms     = 3 * EqualitySize
	NonceSize    = 12
	TagSize      = 16

	// KeyOffset is where the key's id stands in an envelope.
	KeyOffset = 6

	// MaxPlaintext is the longest plaintext in bytes: PostgreSQL's own limit
	// for one value.
	MaxPlaintext = 1 << 30

	columnOffset = 2
	flagsOffset  = 10
)

// TermFlags says which terms an envelope carries.
type TermFlags uint8

const (
	TermEquality TermFlags = 1 << 0
	// TermLower and TermUpper are equality terms of lower(value) and upper(value).
	// Bits 1 and 2 are those of other kinds of terms.
	TermLower TermFlags = 1 << 3
	TermUpper TermFlags = 1 << 4

	knownTerms = TermEquality | TermLower | TermUpper
)

// Header is what an envelope says of itself in clear. Nothing of it is to be
// trusted before the envelope has been opened.
type Header struct {
	ColumnID, KeyID uint32
	Terms           TermFlags
}

// Parse reads the header of an envelope and checks the structure of the whole:
// magic, version, flags and length. It needs no key, does not allocate, and
// keeps nothing of b. The errors are ErrTruncated, ErrMagic, ErrVersion and
// ErrTermFlags.
func Parse(b []byte) (Header, error) {
	if len(b) < 1 {
		return Header{}, ErrTruncated
	}
	if b[0] != Magic {
		return Header{}, ErrMagic
	}
	if len(b) < 2 {
		return Header{}, ErrTruncated
	}
	if b[1] != Version1 {
		return Header{}, ErrVersion
	}
	if len(b) < HeaderSize {
		return Header{}, ErrTruncated
	}
	h := Header{
		ColumnID: binary.BigEndian.Uint32(b[columnOffset:]),
		KeyID:    binary.BigEndian.Uint32(b[KeyOffset:]),
		Terms:    TermFlags(b[flagsOffset]),
	}
	if h.Terms&^knownTerms != 0 {
		return Header{}, ErrTermFlags
	}
	if len(b) < Overhead(h.Terms) {
		return Header{}, ErrTruncated
	}
	return h, nil
}

// structure is what opening an envelope needs to know of it: its terms, and that
// it is long enough for them.
func structure(b []byte) (terms TermFlags, ok bool) {
	if len(b) < HeaderSize {
		return 0, false
	}
	terms = TermFlags(b[flagsOffset])
	return terms, terms&^knownTerms == 0 && len(b) >= Overhead(terms)
}

// Equality returns the equality term inside an envelope that Parse accepted:
// EqualitySize bytes of b itself, or nil if the envelope carries none.
func Equality(b []byte) []byte { return Term(b, TermEquality) }

// Term is Equality for one term of any kind.
func Term(b []byte, kind TermFlags) []byte {
	if len(b) < HeaderSize || TermFlags(b[flagsOffset])&kind == 0 {
		return nil
	}
	at := HeaderSize + termsSize(TermFlags(b[flagsOffset])&(kind-1)) // behind those of lower bits
	if len(b) < at+EqualitySize {
		return nil
	}
	return b[at : at+EqualitySize : at+EqualitySize]
}

// Terms returns all terms inside an envelope that Parse accepted, one behind the
// other as Seal takes them: bytes of b itself.
func Terms(b []byte) []byte {
	if len(b) < HeaderSize {
		return nil
	}
	end := HeaderSize + termsSize(TermFlags(b[flagsOffset]))
	if len(b) < end {
		return nil
	}
	return b[HeaderSize:end:end]
}

// Overhead returns the bytes that an envelope with these terms has beyond its
// plaintext.
func Overhead(t TermFlags) int {
	return HeaderSize + termsSize(t) + NonceSize + TagSize
}

// Prefix returns the bytes of an envelope with these terms before its ciphertext.
func Prefix(t TermFlags) int { return Overhead(t) - TagSize }

func termsSize(t TermFlags) int {
	return EqualitySize * bits.OnesCount8(uint8(t&knownTerms))
}

func appendHeader(dst []byte, h Header) []byte {
	dst = append(dst, Magic, Version1)
	dst = binary.BigEndian.AppendUint32(dst, h.ColumnID)
	dst = binary.BigEndian.AppendUint32(dst, h.KeyID)
	return append(dst, byte(h.Terms))
}
