package session

import (
	"bytes"
	"strings"

	"pgseal/wire"
)

// To the server each sealed column has a type of its own, so it finds two of one logical
// type, or one and a plain one, of different types where the plaintext database does not
// (CREATE OR REPLACE VIEW over another table, INHERITS with a column of the same name).
// What it says of that is a refusal, in words that the client knows.

var ownType = []byte(domainSchema + ".")

const hintOwnTypes = "To PostgreSQL every sealed column has a type of its own. Drop the object and make it again, or leave the column out."

// refusesOwnType says whether the server has failed a statement for the type of a sealed
// column.
func refusesOwnType(f wire.ErrorFields) bool {
	return strings.HasPrefix(string(f.Get(wire.FieldCode)), "42") &&
		(bytes.Contains(f.Get(wire.FieldMessage), ownType) || bytes.Contains(f.Get(wire.FieldDetail), ownType))
}

// columnsNamed puts the names of sealed columns in the place of those of their types.
func (s *Session) columnsNamed(text []byte) []byte {
	snap, err := s.snapshot()
	var shown []byte
	for {
		i := bytes.Index(text, ownType)
		if i < 0 || snap == nil || err != nil {
			return append(shown, text...)
		}
		name, n := identifier(text[i+len(ownType):])
		shown = append(shown, text[:i]...)
		if c := snap.Domain(name); c != nil {
			shown = append(shown, "that of sealed column "+c.String()...)
		} else {
			shown = append(shown, "that of a sealed column"...)
		}
		text = text[i+len(ownType)+n:]
	}
}

// identifier reads a name as the server writes it, quoted or not, and how long it is.
func identifier(text []byte) (name string, n int) {
	if !bytes.HasPrefix(text, []byte{'"'}) {
		for n < len(text) && nameByte(text[n]) {
			n++
		}
		return string(text[:n]), n
	}
	for n = 1; n < len(text); n++ {
		if text[n] != '"' {
			name += string(text[n : n+1])
		} else if n+1 < len(text) && text[n+1] == '"' {
			name += `"`
			n++
		} else {
			return name, n + 1
		}
	}
	return name, n
}
