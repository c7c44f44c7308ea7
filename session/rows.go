package session

import (
	"errors"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/logical"
	"pgseal/rewrite"
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

	// opener is the one for its last value, good during one call (see leases).
	opener *envelope.Opener
	call   uint64
	text   bool // text is its type's form

	column *rewrite.CopyColumn // of a COPY TO; else nil
	mixed  []cell              // one for each of the columns whose values it has

	output   *computedOutput // of what has Cells; else nil
	compared bool            // the client does not get it: it is a key, or tells rows apart
}

// holds reports a cell that is not sealed but has sealed values in it: JSON, an array,
// a row.
func (c *cell) holds() bool { return c.sealed != nil && c.sealed.Holds() }

// result is the state of the rows that the server is sending.
type result struct {
	opening opening
	cells   []cell
	// defaults: a cell can be the text of a default, or of an error.
	defaults bool
	// holds: a cell has sealed values in it.
	holds bool
	size  int // of the rows that have been opened, as the server sent them
	// computes: a cell is computed; timed: the row at hand has asked for its time.
	computes, timed bool
	// arranged are the rows that are held, nil where they are shown as they come.
	arranged *arranged
	// subqueries are what those in outputs have come to in the last row.
	subqueries []subqueryValue
}

// long reports, every second time, that a row of a size is one that it takes time to
// compute with: an aggregate has all of its values in it.
func (r *result) long(size int) bool {
	r.timed = !r.timed && r.computes && size >= largeValue
	return r.timed
}

// add appends how one column is opened.
func (r *result) add(c cell) {
	if c.sealed != nil && c.sealed.Mixed != nil {
		c.mixed = make([]cell, len(c.sealed.Mixed))
		for i, m := range c.sealed.Mixed {
			c.mixed[i] = cell{sealed: m, server: c.server, client: c.client}
		}
	}
	r.cells = append(r.cells, c)
	r.defaults = r.defaults || c.sealed.IsText()
	r.holds = r.holds || c.holds()
	r.computes = r.computes || c.output != nil
}

// clear forgets the cells of the rows before.
func (r *result) clear() {
	r.cells, r.defaults, r.holds, r.computes, r.timed, r.arranged, r.subqueries = r.cells[:0], false, false, false, false, nil, nil
}

func (r *result) end() { r.opening, r.size, r.arranged, r.subqueries = undecided, 0, nil, nil }

// begin decides how the rows of an Execute are treated. Those of a Query are
// decided by their RowDescription.
func (s *Session) begin(p *portal) {
	st := p.statement
	if st == nil || st.results == nil {
		s.result.opening = passing
		return
	}
	s.result.opening = opened
	s.result.clear()
	computed := p.computed()
	for i, c := range st.results {
		f := p.format(i)
		if p.cursor && i < len(st.codes) {
			f = st.codes[i]
		}
		cl := cell{sealed: c, server: f, client: f}
		if c != nil && c.Cells != nil {
			cl.output = computed.of(i)
		}
		if c != nil && p.asked {
			cl.server = asked(c, f)
		}
		s.result.add(cl)
	}
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
	s.settings.setByteaOutput(!isHexText(text))
	var err error
	if s.buf.out, err = s.appendByteaText(s.buf.out[:0], text); err != nil {
		return nil, err
	}
	return s.buf.out, nil
}

// isHexText reports the form that bytea_output = hex gives.
func isHexText(text []byte) bool { return len(text) >= 2 && text[0] == '\\' && text[1] == 'x' }

// appendByteaText appends what the server's text of a bytea stands for.
func (s *Session) appendByteaText(dst, text []byte) ([]byte, error) {
	var err error
	if isHexText(text) {
		dst, err = logical.DecodeHex(dst, text[2:])
	} else {
		dst, err = logical.Type{OID: oidBytea, Typmod: -1}.AppendCanonical(dst, logical.Value{Data: text, OID: oidBytea}, logical.Assign, &s.settings.values)
	}
	if err != nil {
		return dst, errByteaText
	}
	return dst, nil
}
