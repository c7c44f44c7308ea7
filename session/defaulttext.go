package session

import (
	"bytes"
	"encoding/hex"
	"strings"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/logical"
	"pgseal/wire"
)

// The server prints the default of a sealed column as an envelope. Where the
// plan says that a text can be such a definition, the client gets the original
// expression: the one whose note has the same value, or else the value as a
// literal. What does not open as a value of the column that it names is no
// default of pgseal's, and stays.

var (
	envelopeBegins = []byte(`\xe501`)
	envelopeEnds   = []byte(`'::bytea`)
	nullBytea      = []byte("NULL::bytea")
	nullOfDomain   = []byte("::pgseal_column.")
)

// showDefaults gives the body of a DataRow with the texts of defaults as they
// were written: the same body if there are none.
func (s *Session) showDefaults(body []byte) ([]byte, Need, error) {
	if !bytes.Contains(body, envelopeBegins) && !bytes.Contains(body, nullOfDomain) {
		return body, Need{}, nil
	}
	values, err := wire.ParseDataRow(body)
	if err != nil {
		return body, Need{}, errDataRow
	}
	dst := wire.AppendCount(nil, values.Len())
	it := values.Iter()
	for i := range values.Len() {
		value, _ := it.Next()
		if i >= len(s.result.cells) || s.result.cells[i].sealed != catalog.DefaultText || value == nil {
			dst = wire.AppendValue(dst, value)
			continue
		}
		var need Need
		if dst, need, err = s.appendDefaultText(dst, value); err != nil || need.Kind != NeedNothing {
			return body, need, err
		}
	}
	return dst, Need{}, nil
}

// appendDefaultText appends a text to a row, with a sealed default in it as it
// was written.
func (s *Session) appendDefaultText(dst, value []byte) ([]byte, Need, error) {
	start, end := defaultSpan(value)
	if start < 0 {
		return s.appendNullDefault(dst, value)
	}
	digits := envelopeDigits(value[start:end])
	env := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(env, digits); err != nil {
		return wire.AppendValue(dst, value), Need{}, nil
	}
	c, plain, need, err := s.openDefault(env)
	if need.Kind != NeedNothing || err != nil {
		return dst, need, err
	}
	if c == nil {
		return wire.AppendValue(dst, value), Need{}, nil
	}
	sql, need, err := s.defaultSQL(c, plain)
	if need.Kind != NeedNothing || err != nil {
		return dst, need, err
	}
	text := make([]byte, 0, len(value)+len(sql))
	text = append(append(append(text, value[:start]...), sql...), value[end:]...)
	return wire.AppendValue(dst, text), Need{}, nil
}

// defaultSpan finds the first literal of an envelope in a text: '\x…'::bytea,
// with two backslashes where standard_conforming_strings is off.
func defaultSpan(text []byte) (start, end int) {
	at := bytes.Index(text, envelopeBegins)
	if at < 0 {
		return -1, -1
	}
	stop := bytes.Index(text[at:], envelopeEnds)
	if stop < 0 {
		return -1, -1
	}
	for start = at; start > 0 && text[start-1] == '\\'; start-- {
	}
	if start == 0 || text[start-1] != '\'' {
		return -1, -1
	}
	if start--; start > 0 && text[start-1] == 'E' {
		start--
	}
	return start, at + stop + len(envelopeEnds)
}

// envelopeDigits are the hexadecimal digits of such a literal.
func envelopeDigits(literal []byte) []byte {
	at := bytes.Index(literal, envelopeBegins) + len(`\x`)
	return literal[at : len(literal)-len(envelopeEnds)]
}

// openDefault opens an envelope as a value of the column that it names; no
// column if it is none.
func (s *Session) openDefault(env []byte) (*catalog.SealedColumn, []byte, Need, error) {
	snap, err := s.snapshot()
	h, parsed := envelope.Parse(env)
	if snap == nil || parsed != nil {
		return nil, nil, Need{}, err
	}
	c := snap.Column(h.ColumnID)
	if c == nil {
		return nil, nil, Need{}, nil
	}
	k, need, err := s.key(h.KeyID)
	if k == nil {
		return nil, nil, need, err
	}
	plain, opened := k.Open([]byte{}, c.ID, env) // not nil, which would mean NULL
	if opened != nil {
		return nil, nil, Need{}, nil
	}
	return c, plain, Need{}, nil
}

// defaultSQL is the expression of a default with this value, nil meaning NULL.
func (s *Session) defaultSQL(c *catalog.SealedColumn, canonical []byte) ([]byte, Need, error) {
	for _, note := range c.Defaults {
		h, err := envelope.Parse(note)
		if err != nil {
			continue
		}
		k, need, err := s.key(h.KeyID)
		if k == nil {
			return nil, need, err
		}
		plain, err := k.Open(nil, catalog.NoteColumn, note)
		if err != nil {
			continue
		}
		n, err := catalog.ParseDefaultNote(plain, c.ID)
		if err == nil && n.Null == (canonical == nil) && bytes.Equal(n.Canonical, canonical) {
			return []byte(n.SQL), Need{}, nil
		}
	}
	if canonical == nil {
		return append([]byte("NULL::"), c.Type.Name()...), Need{}, nil
	}
	text, err := c.Type.AppendText(nil, canonical, &s.settings.values)
	if err != nil {
		return nil, Need{}, valueError(err, c)
	}
	return append(quoteLiteral(text), "::"+logical.Type{OID: c.Type.OID, Typmod: -1}.Name()...), Need{}, nil
}

// quoteLiteral quotes as PostgreSQL does.
func quoteLiteral(text []byte) []byte {
	var b []byte
	if bytes.IndexByte(text, '\\') >= 0 {
		b = append(b, 'E')
	}
	b = append(b, '\'')
	for _, c := range text {
		if c == '\'' || c == '\\' {
			b = append(b, c)
		}
		b = append(b, c)
	}
	return append(b, '\'')
}

// appendNullDefault is for a default of NULL, which the server prints with the
// type that seals: NULL::bytea::pgseal_column.x, with brackets or without.
func (s *Session) appendNullDefault(dst, value []byte) ([]byte, Need, error) {
	snap, err := s.snapshot()
	before, domain, found := bytes.Cut(value, nullOfDomain)
	if snap == nil || !found || !bytes.Equal(bytes.Trim(before, "()"), nullBytea) {
		return wire.AppendValue(dst, value), Need{}, err
	}
	name := string(domain)
	if quoted := strings.TrimPrefix(name, `"`); quoted != name {
		name = strings.ReplaceAll(strings.TrimSuffix(quoted, `"`), `""`, `"`)
	}
	c := snap.Domain(name)
	if c == nil {
		return wire.AppendValue(dst, value), Need{}, nil
	}
	sql, need, err := s.defaultSQL(c, nil)
	if need.Kind != NeedNothing || err != nil {
		return dst, need, err
	}
	return wire.AppendValue(dst, sql), Need{}, nil
}
