package catalog

import (
	"encoding/binary"
	"errors"
)

// A default is sealed like any value: the server stores the envelope for each
// row that is inserted without one. Unsealing must bring back the expression as
// it was written ('x'::character varying, 1 + 1), and the catalog shows it: its
// text stands in pgseal.sealed_column.original, sealed as well, because it holds
// the value.

// NoteColumn is the column id that such texts are sealed under. No column has
// it, so that no text passes for a value.
const NoteColumn = 0

var errNote = errors.New("it is not a note of this column")

// DefaultNote is the original expression of a default and what it gives.
type DefaultNote struct {
	Null      bool
	Canonical []byte
	SQL       string
}

// nullLength stands for NULL, as −1 does in PostgreSQL's protocol.
const nullLength = 1<<32 - 1

// Plaintext is what is sealed: the column's id, so that a note of another
// column does not pass, then NULL or the length of the value, the value, the SQL.
func (n *DefaultNote) Plaintext(columnID uint32) []byte {
	b := binary.BigEndian.AppendUint32(nil, columnID)
	if n.Null {
		b = binary.BigEndian.AppendUint32(b, nullLength)
	} else {
		b = binary.BigEndian.AppendUint32(b, uint32(len(n.Canonical)))
		b = append(b, n.Canonical...)
	}
	return append(b, n.SQL...)
}

// ParseDefaultNote reads the opened note of a column.
func ParseDefaultNote(b []byte, columnID uint32) (n DefaultNote, err error) {
	if len(b) < 8 || binary.BigEndian.Uint32(b) != columnID {
		return n, errNote
	}
	length := binary.BigEndian.Uint32(b[4:])
	b = b[8:]
	if n.Null = length == nullLength; !n.Null {
		if uint64(length) > uint64(len(b)) {
			return n, errNote
		}
		n.Canonical, b = b[:length:length], b[length:]
	}
	n.SQL = string(b)
	return n, nil
}

// DefaultText stands among the results of a plan for a text that can be the
// definition of a sealed column's default.
var DefaultText = &SealedColumn{Name: "a default"}

// ErrorText stands there for a text that can be the detail of an error.
var ErrorText = &SealedColumn{Name: "an error"}

// IsText says whether c is one of these; it may be nil.
func (c *SealedColumn) IsText() bool { return c != nil && (c == DefaultText || c == ErrorText) }
