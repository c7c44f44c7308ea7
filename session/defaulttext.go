package session

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/bits"
	"strings"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// The server prints the default of a sealed column as an envelope. Where the
// plan says that a text can be such a definition, or have some in it (JSON, an
// array, a row), the client gets the original expression: the one whose note has
// the same value, or else the value as a literal. What does not open as a value of
// the column that it names is no default of pgseal's, and stays. Of a computed default
// the client gets the expression alone; see defaultwrap.go.

var (
	computedBegins = []byte("computed_default(")
	envelopeBegins = []byte(`\xe501`)
	escapedBegins  = []byte(`\345\`) // where bytea_output is escape; and more before 001
	envelopeEnds   = []byte(`'::bytea`)
	nullOfDomain   = []byte("::pgseal_column.")
)

// showDefaults gives the body of a DataRow with the texts of defaults as they
// were written: the same body if there are none.
func (s *Session) showDefaults(body []byte) ([]byte, Need, error) {
	if !bytes.Contains(body, envelopeBegins) && !bytes.Contains(body, escapedBegins) && !bytes.Contains(body, nullOfDomain) && !bytes.Contains(body, computedBegins) && !callsTerm(body) {
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
		if i < len(s.result.cells) && s.result.cells[i].sealed == catalog.ErrorText && value != nil {
			value = s.appendShown(nil, value, nil)
		}
		if i < len(s.result.cells) && s.result.cells[i].sealed == catalog.DefaultText && value != nil {
			var need Need
			if value, need, err = s.defaultTexts(unwrapDefaults(value)); err != nil || need.Kind != NeedNothing {
				return body, need, err
			}
			if err = s.changedDefault(value); err != nil {
				return body, Need{}, err
			}
		}
		dst = wire.AppendValue(dst, value)
	}
	return dst, Need{}, nil
}

// defaultTexts gives a text with the sealed defaults in it as they were written.
func (s *Session) defaultTexts(text []byte) (shown []byte, need Need, err error) {
	if env, quoted := cutDefault(text); env != nil {
		return s.cutDefaultText(text, env, quoted)
	}
	kept := 0
	for at := 0; ; {
		d, found := nextDefault(text, at)
		if !found {
			return append(shown, text[kept:]...), Need{}, nil
		}
		at = d.end
		var sql []byte
		if sql, need, err = s.defaultAt(text, d); err != nil || need.Kind != NeedNothing {
			return nil, need, err
		}
		if sql == nil {
			continue
		}
		if quoted := d.quoted(text); quoted || d.depth > 0 {
			within := stringsIn(text)
			if quoted && within.quotes != "" && !bytes.ContainsAny(sql, within.quotes) {
				d.start, d.end, d.depth, at = d.start-1, d.end+1, 0, at+1
			}
			for range d.depth {
				sql = []byte(within.escapes.Replace(string(sql)))
			}
		}
		shown = append(append(shown, text[kept:d.start]...), sql...)
		kept = d.end
	}
}

// printedDefault is where a default stands in a text.
type printedDefault struct {
	start, end int
	// depth is how many times over backslashes and quotes are escaped there: once in
	// a string of JSON, an array or a row.
	depth   int
	null    bool
	escaped bool // in the escape format of bytea
}

// quoted reports that it is a string by itself.
func (d *printedDefault) quoted(text []byte) bool {
	return (d.depth == 1 || d.null && d.depth == 0) && d.start > 0 && text[d.start-1] == '"' && d.end < len(text) && text[d.end] == '"'
}

// nextDefault finds the first default in a text from an offset on: an envelope, or
// a NULL of the type that seals.
func nextDefault(text []byte, from int) (d printedDefault, found bool) {
	for at := from; at < len(text); {
		next, begins := bytes.Index(text[at:], envelopeBegins), envelopeBegins
		if escaped := bytes.Index(text[at:], escapedBegins); escaped >= 0 && (next < 0 || escaped < next) {
			next, begins = escaped, escapedBegins
		}
		if null := bytes.Index(text[at:], nullOfDomain); null >= 0 && (next < 0 || null < next) {
			if d, found = nullDefault(text, from, at+null); found {
				return d, true
			}
			at += null + len(nullOfDomain)
			continue
		}
		if next < 0 {
			break
		}
		if d, found = envelopeDefault(text, from, at+next, begins); found {
			return d, true
		}
		at += next + len(begins)
	}
	return printedDefault{}, false
}

// envelopeDefault is the literal of an envelope whose last backslash is at an
// offset: '\x…'::bytea, with E and two backslashes where standard_conforming_strings
// is off.
func envelopeDefault(text []byte, from, at int, begins []byte) (d printedDefault, ok bool) {
	d.escaped = bytes.Equal(begins, escapedBegins)
	stop := stringEnd(text[at:])
	if stop < 0 || !bytes.HasPrefix(text[at+stop:], envelopeEnds) {
		return d, false
	}
	slashes := 1
	for d.start = at; d.start > from && text[d.start-1] == '\\'; d.start-- {
		slashes++
	}
	if d.start == from || text[d.start-1] != '\'' {
		return d, false
	}
	if rest := text[at+len(begins)-1:]; d.escaped && !bytes.HasPrefix(bytes.TrimLeft(rest, `\`), []byte("001")) {
		return d, false
	}
	if d.start--; d.start > from && text[d.start-1] == 'E' {
		d.start--
		if slashes%2 != 0 {
			return d, false
		}
		slashes /= 2
	}
	d.depth, d.end = bits.Len(uint(slashes))-1, at+stop+len(envelopeEnds)
	return d, slashes == 1<<d.depth
}

// stringEnd is the offset of the quote that ends a literal, -1 if there is none: two
// of them are one of its characters.
func stringEnd(text []byte) int {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] != '\'':
		case i+1 == len(text) || text[i+1] != '\'':
			return i
		default:
			i++
		}
	}
	return -1
}

// envelope decodes the literal of an envelope, nil if it is none.
func (d *printedDefault) envelope(literal []byte) []byte {
	if !d.escaped {
		digits := literal[bytes.Index(literal, envelopeBegins)+len(`\x`) : len(literal)-len(envelopeEnds)]
		env := make([]byte, hex.DecodedLen(len(digits)))
		if _, err := hex.Decode(env, digits); err != nil {
			return nil
		}
		return env
	}
	quote := bytes.IndexByte(literal, '\'')
	text := unescaped(string(literal[quote+1:len(literal)-len(envelopeEnds)]), d.depth)
	text = strings.ReplaceAll(text, "''", "'")
	if quote > 0 { // E'…'
		text = strings.ReplaceAll(text, `\\`, `\`)
	}
	env, err := logical.Type{OID: logical.OIDBytea, Typmod: -1}.AppendCanonical(nil, logical.Value{Data: []byte(text), OID: logical.OIDBytea}, logical.Assign, &logical.Settings{})
	if err != nil {
		return nil
	}
	return env
}

// nullDefault is a NULL whose type's name begins at an offset, with brackets or
// without: (NULL::bytea)::pgseal_column.x.
func nullDefault(text []byte, from, at int) (d printedDefault, ok bool) {
	d.null = true
	for _, before := range []string{"NULL::bytea", "(NULL::bytea)"} {
		if bytes.HasSuffix(text[from:at], []byte(before)) {
			d.start, ok = at-len(before), true
		}
	}
	if d.end = at + len(nullOfDomain); d.end == len(text) || !ok {
		return d, false
	}
	if i := bytes.IndexByte(text[d.end:], '"'); i >= 0 && len(bytes.Trim(text[d.end:d.end+i], `\`)) == 0 {
		d.depth = bits.Len(uint(i))
		quote := text[d.end : d.end+i+1]
		for d.end += len(quote); ; d.end += 2 * len(quote) {
			end := bytes.Index(text[d.end:], quote)
			if end < 0 {
				return d, false
			}
			if d.end += end; !bytes.HasPrefix(text[d.end+len(quote):], quote) {
				d.end += len(quote)
				return d, true
			}
		}
	}
	for d.end < len(text) && nameByte(text[d.end]) {
		d.end++
	}
	return d, true
}

// defaultAt is the expression of what has been found in a text; nil if it is no
// default of pgseal's.
func (s *Session) defaultAt(text []byte, d printedDefault) (sql []byte, need Need, err error) {
	literal := text[d.start:d.end]
	if d.null {
		name := string(literal[bytes.Index(literal, nullOfDomain)+len(nullOfDomain):])
		name = unescaped(name, d.depth)
		if quoted := strings.TrimPrefix(name, `"`); quoted != name {
			name = strings.ReplaceAll(strings.TrimSuffix(quoted, `"`), `""`, `"`)
		}
		snap, err := s.snapshot()
		if snap == nil {
			return nil, Need{}, err
		}
		c := snap.Domain(name)
		if c == nil {
			return nil, Need{}, nil
		}
		return s.defaultSQL(c, nil)
	}
	env := d.envelope(literal)
	if env == nil {
		return nil, Need{}, nil
	}
	c, plain, need, err := s.openDefault(env)
	if c == nil || need.Kind != NeedNothing || err != nil {
		return nil, need, err
	}
	return s.defaultSQL(c, plain)
}

// stringForm is how strings stand in the text of a value that has several.
type stringForm struct {
	escapes *strings.Replacer
	quotes  string // the characters for which a string gets quotes; "": all have them
}

const spaces = " \t\n\r\v\f"

var (
	inJSON  = stringForm{escapes: strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\b", `\b`, "\f", `\f`)}
	inArray = stringForm{strings.NewReplacer(`\`, `\\`, `"`, `\"`), `"\{},` + spaces}
	inText  = stringForm{escapes: inArray.escapes}
	inRow   = stringForm{strings.NewReplacer(`\`, `\\`, `"`, `""`), `"\(),` + spaces}

	unescapes = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `""`, `"`)
)

// stringsIn tells the form from the text.
func stringsIn(text []byte) *stringForm {
	switch {
	case json.Valid(bytes.TrimPrefix(text, []byte{jsonbVersion})):
		return &inJSON
	case len(text) > 0 && text[0] == '(':
		return &inRow
	case len(text) > 0 && text[0] == '{':
		return &inArray
	}
	return &inText
}

// jsonbVersion begins a jsonb in binary.
const jsonbVersion = 1

func unescaped(s string, depth int) string {
	for range depth {
		s = unescapes.Replace(s)
	}
	return s
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

// printedValue is the value of a column's constant default as the server prints it.
func (s *Session) printedValue(text []byte, of *catalog.SealedColumn) (v logical.Value, null bool, err error) {
	moved := &rewrite.Refusal{Anchor: "computed-default", Code: errDefaultMoved.Code, Message: errDefaultMoved.Message, Hint: errDefaultMoved.Hint, Column: of, Position: -1}
	d, found := nextDefault(text, 0)
	switch {
	case !found:
		return v, false, moved
	case d.null:
		return v, true, nil
	}
	c, plain, need, err := s.openDefault(d.envelope(text[d.start:d.end]))
	switch {
	case err != nil:
		return v, false, err
	case need.Kind != NeedNothing:
		s.need = need
		return v, false, errNeed
	case c == nil || c.ID != of.ID:
		return v, false, moved
	}
	return logical.Value{Data: plain, Binary: true, OID: c.Type.OID}, false, nil
}

// printedType defines the type as which the server prints a constant of a type that
// is not built in, and what stands behind its name: nil for other types.
func printedType(t logical.Type) (d *logical.Definition, brackets string) {
	d = t.Shown().Def
	if d != nil && d.Element() != nil {
		return d.Element(), "[]"
	}
	return d, ""
}

// asReached leaves out the schema of a type at the end of an expression where the
// search path reaches it, as the server does.
func (s *Session) asReached(sql string, t logical.Type) []byte {
	d, brackets := printedType(t)
	if d == nil || d.Ambiguous || !s.reaches([]string{d.Schema}) {
		return []byte(sql)
	}
	if before, ok := strings.CutSuffix(sql, "::"+d.Qualified()+brackets); ok {
		sql = before + "::" + strings.TrimPrefix(d.Qualified(), d.Qualifier()) + brackets
	}
	return []byte(sql)
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
			return s.asReached(n.SQL, c.Type), Need{}, nil
		}
	}
	sql, shown := []byte("NULL"), logical.Type{OID: c.Type.Shown().OID, Typmod: -1}
	if canonical != nil {
		text, err := c.Type.AppendText(nil, canonical, &s.settings.values)
		if err != nil {
			return nil, Need{}, valueError(err, c)
		}
		switch shown.OID {
		case logical.OIDInt2, logical.OIDInt4, logical.OIDInt8, logical.OIDNumeric:
			if len(bytes.Trim(text, "0123456789.")) == 0 { // as it was written, most likely
				return text, Need{}, nil
			}
		case logical.OIDBool:
			if string(text) == "t" {
				return []byte("true"), Need{}, nil
			}
			return []byte("false"), Need{}, nil
		}
		sql = quoteLiteral(text)
	}
	if d, brackets := printedType(c.Type); d != nil {
		return s.asReached(string(sql)+"::"+d.Qualified()+brackets, c.Type), Need{}, nil
	}
	return append(sql, "::"+shown.Name()...), Need{}, nil
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
