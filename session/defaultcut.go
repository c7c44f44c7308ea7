package session

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"

	"pgseal/wire"
)

// Tools cut the type off a default that is a string, and the quotes, too:
// substring(column_default FROM '^''(.*)''::.*$'). An envelope is printed as such a
// string, so the server cuts the same off it, and the client gets what that would
// have left of the original.

// cutDefault is the envelope of which a text is nothing but the digits, or these in
// quotes; nil if it is something else.
func cutDefault(text []byte) (env []byte, quoted bool) {
	digits := bytes.TrimPrefix(text, []byte("'"))
	if quoted = len(digits) < len(text); quoted {
		if !bytes.HasSuffix(digits, []byte("'")) {
			return nil, false
		}
		digits = digits[:len(digits)-1]
	}
	if !bytes.HasPrefix(digits, envelopeBegins) {
		return nil, false
	}
	digits = digits[len(`\x`):]
	env = make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(env, digits); err != nil {
		return nil, false
	}
	return env, quoted
}

// cutDefaultText is the text for the client; the same where the envelope is no
// default of pgseal's.
func (s *Session) cutDefaultText(text, env []byte, quoted bool) ([]byte, Need, error) {
	c, plain, need, err := s.openDefault(env)
	if c == nil || need.Kind != NeedNothing || err != nil {
		return text, need, err
	}
	sql, need, err := s.defaultSQL(c, plain)
	if need.Kind != NeedNothing || err != nil {
		return nil, need, err
	}
	return []byte(cutLiteral(string(sql), quoted)), Need{}, nil
}

// cutLiteral leaves of a string's expression what stands in front of its type, with
// the quotes or without. What is no string stays as it is.
func cutLiteral(sql string, quoted bool) string {
	if end := strings.LastIndex(sql, "'"); strings.HasPrefix(sql, "'") && end > 0 {
		if quoted {
			return sql[:end+1]
		}
		return sql[1:end]
	}
	return sql
}

// changedDefault is the error for a text that still has a default of a sealed column
// in it: the server has done more to it than to put it somewhere, and an envelope is
// no answer. nil if there is none.
func (s *Session) changedDefault(text []byte) error {
	const idDigits = 8
	begins := envelopeBegins[1:] // whatever stands before it
	for {
		_, rest, found := bytes.Cut(text, begins)
		if !found {
			return nil
		}
		text = rest
		if len(text) < idDigits {
			return nil
		}
		id, err := strconv.ParseUint(string(text[:idDigits]), 16, 32)
		if err != nil {
			continue
		}
		snap, err := s.snapshot()
		if snap == nil {
			return err
		}
		if c := snap.Column(uint32(id)); c != nil {
			return &wire.Error{
				Code: codeFeatureNotSupported, Schema: c.Schema, Table: c.Table, Column: c.Name,
				Message: "the text of the default of sealed column " + c.String() + " cannot be computed with",
				Detail:  "The server holds it only encrypted.",
				Hint:    "Select the default as it is, and compute with it in the application.",
			}
		}
	}
}
