package session

import (
	"encoding/hex"
	"errors"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/logical"
	"pgseal/wire"
)

const oidBytea = logical.OIDBytea

// opening says how the rows at hand are treated.
type opening uint8

const (
	undecided opening = iota // no row of this result has been seen
	passing                  // rows are relayed
	opened                   // rows have sealed columns
)

// cell says how one result column is opened.
type cell struct {
	sealed *catalog.SealedColumn // nil: passes
	server int16                 // format in which the server sends it
	client int16                 // format in which the client wants it
}

// result is the state of the rows that the server is sending.
type result struct {
	opening opening
	cells   []cell
}

func (r *result) end() { r.opening = undecided }

// begin decides how the rows of an Execute are treated. Those of a Query are
// decided by their RowDescription.
func (s *Session) begin(p *portal) {
	st := p.statement
	if st == nil || st.results == nil {
		s.result.opening = passing
		return
	}
	s.result.opening = opened
	s.result.cells = s.result.cells[:0]
	for i, c := range st.results {
		f := p.formats.of(i)
		if p.cursor && i < len(st.codes) {
			f = st.codes[i]
		}
		cl := cell{sealed: c, server: f, client: f}
		if c != nil && p.asked {
			cl.server = asked(c, f)
		}
		s.result.cells = append(s.result.cells, cl)
	}
}

// row opens one DataRow into the output.
func (s *Session) row(body []byte, out *Output) (Need, error) {
	values, err := wire.ParseDataRow(body)
	if err != nil {
		return Need{}, violation("malformed DataRow from the server")
	}
	cells := s.result.cells
	if values.Len() < len(cells) {
		return Need{}, errContradiction
	}
	dst, start := wire.Begin(out.client.scratch, wire.TypeDataRow)
	dst = wire.AppendCount(dst, values.Len())
	it := values.Iter()
	for i := range values.Len() {
		value, _ := it.Next()
		if i >= len(cells) || cells[i].sealed == nil || value == nil {
			dst = wire.AppendValue(dst, value)
			continue
		}
		if cells[i].sealed == unclear || cells[i].sealed == born {
			if err := s.checkUnclear(&cells[i], value); err != nil {
				return Need{}, err
			}
			dst = wire.AppendValue(dst, value)
			continue
		}
		var at int
		dst, at = wire.BeginValue(dst)
		var need Need
		dst, need, err = s.open(dst, &cells[i], value)
		if need.Kind != NeedNothing || err != nil {
			return need, err
		}
		dst = wire.EndValue(dst, at)
	}
	out.client.put(wire.End(dst, start))
	return Need{}, nil
}

// open appends the value of one sealed cell in the format the client wants.
func (s *Session) open(dst []byte, c *cell, value []byte) ([]byte, Need, error) {
	if c.server == wire.Text {
		var err error
		if value, err = s.readByteaText(value); err != nil {
			return dst, Need{}, s.corrupt(c.sealed, 0, err)
		}
	}
	h, err := envelope.Parse(value)
	if err != nil {
		return dst, Need{}, s.corrupt(c.sealed, 0, err)
	}
	k, need, err := s.key(h.KeyID)
	if k == nil {
		return dst, need, err
	}
	s.buf.plain, err = appendOpen(k, s.buf.plain, c.sealed.ID, value)
	if err != nil {
		return dst, Need{}, s.corrupt(c.sealed, h.KeyID, err)
	}
	at := len(dst)
	if c.client == wire.Binary {
		dst, err = c.sealed.Type.AppendBinary(dst, s.buf.plain, &s.settings.values)
	} else {
		dst, err = c.sealed.Type.AppendText(dst, s.buf.plain, &s.settings.values)
	}
	if err != nil {
		return dst[:at], Need{}, valueError(err, c.sealed)
	}
	return dst, Need{}, nil
}

// appendOpen opens into the session's buffer, which stays with it on an error.
func appendOpen(k *envelope.Key, buf []byte, column uint32, value []byte) ([]byte, error) {
	plain, err := k.Open(buf[:0], column, value)
	if err != nil {
		return buf[:0], err
	}
	return plain, nil
}

var errByteaText = errors.New("not the text of a bytea")

// readByteaText reads the server's text of an envelope into the session's
// buffer. It also shows how bytea_output stands, which the server does not
// report.
func (s *Session) readByteaText(text []byte) ([]byte, error) {
	if len(text) >= 2 && text[0] == '\\' && text[1] == 'x' {
		s.settings.setByteaOutput(false)
		n := hex.DecodedLen(len(text) - 2)
		if cap(s.buf.out) < n {
			s.buf.out = make([]byte, n)
		}
		s.buf.out = s.buf.out[:n]
		if _, err := hex.Decode(s.buf.out, text[2:]); err != nil {
			return nil, errByteaText
		}
		return s.buf.out, nil
	}
	s.settings.setByteaOutput(true)
	var err error
	s.buf.out, err = logical.Type{OID: oidBytea, Typmod: -1}.AppendCanonical(s.buf.out[:0], logical.Value{Data: text, OID: oidBytea}, logical.Assign, &s.settings.values)
	if err != nil {
		return nil, errByteaText
	}
	return s.buf.out, nil
}
