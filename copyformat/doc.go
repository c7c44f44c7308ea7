// Package copyformat reads and writes the text and CSV formats of COPY as
// PostgreSQL's copyfromparse.c and copyto.c do: where lines and fields end, what
// a field stands for, and what has to be escaped or quoted. It is pure code over
// bytes, without a value's type or meaning.
//
// Delimiter, quote and escape are single bytes, and are looked for in the
// client's encoding. That is right for every encoding whose multibyte characters
// have no ASCII bytes in them; callers refuse the others.
package copyformat

// Kind is one of COPY's formats.
type Kind uint8

// The formats of COPY.
const (
	Text Kind = iota
	CSV
	Binary
)

// Header is the HEADER option.
type Header uint8

// The values of HEADER.
const (
	NoHeader    Header = iota
	HeaderLine         // a line that COPY FROM skips
	HeaderMatch        // a line that COPY FROM compares with the columns
)

// Format is what the options of a COPY say of its format, with PostgreSQL's
// defaults filled in. It is immutable once in use.
type Format struct {
	Kind       Kind
	Delimiter  byte
	Quote      byte // CSV
	Escape     byte // CSV; often Quote itself
	Null       string
	Default    string // the marker for a column's default
	HasDefault bool
	Header     Header
}

// Defaults is the format of a COPY whose options say no more than its kind.
func Defaults(k Kind) Format {
	if k == CSV {
		return Format{Kind: CSV, Delimiter: ',', Quote: '"', Escape: '"'}
	}
	return Format{Kind: k, Delimiter: '\t', Null: `\N`}
}

// Marks reports whether a field as it stands in the data is the null string or
// the default marker. In CSV a null string that is quoted is none.
func (f *Format) Marks(raw []byte) (null, def bool) {
	if string(raw) == f.Null {
		// A null string never holds the quote.
		return true, false
	}
	return false, f.HasDefault && string(raw) == f.Default
}
