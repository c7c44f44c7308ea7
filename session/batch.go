package session

import (
	"encoding/binary"
	"errors"
	"slices"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/logical"
	"pgseal/wire"
)

// batch are the rows that are opened together: their cells are found first,
// then opened all at once, then written.
type batch struct {
	rows  []batchRow
	spots []spot
	cells []envelope.Sealed // one for each spot
	text  []byte            // envelopes that came as text
	made  []byte            // rows whose JSON and arrays have been opened
	plain []byte
	way   gathering
}

// theBatch is made for the first rows that are opened: most sessions of a crowd
// have none.
func (s *Session) theBatch() *batch {
	if s.batch == nil {
		s.batch = new(batch)
	}
	return s.batch
}

// gathering is what becomes of the cells of a row.
type gathering uint8

const (
	asBatch  gathering = iota // they are opened with those of others
	keysOnly                  // it is only seen to that there are their keys
	inPlace                   // they are opened where they stand
)

// batchRow is one DataRow.
type batchRow struct {
	size  int // of the frame that the server sent
	body  []byte
	spots int // the end of the row's within batch.spots
}

// spot is where the value of a sealed cell stands in a row's body, with its
// length.
type spot struct {
	start, end int
	cell       *cell
}

const (
	// A batch ends with the row that makes it this large, in cells or bytes: by
	// then what is done once for all costs nothing a cell.
	batchCells = 96
	batchBytes = 32 << 10
)

// reset lets go of the last batch and what it held of values.
func (t *batch) reset() {
	clear(t.rows)
	clear(t.cells)
	t.rows, t.spots, t.cells, t.text, t.made = t.rows[:0], t.spots[:0], t.cells[:0], t.text[:0], t.made[:0]
}

// clamp gives back what large values made the batch take.
func (t *batch) clamp() {
	for _, p := range []*[]byte{&t.text, &t.plain, &t.made} {
		if cap(*p) > maxBuffer {
			*p = nil
		}
	}
}

// add takes a cell to open. Its fields are written one by one: the compiler would
// make a composite literal in memory and copy it.
func (t *batch) add(o *envelope.Opener, env []byte) {
	n := len(t.cells)
	if n == cap(t.cells) {
		t.cells = slices.Grow(t.cells, 1)
	}
	t.cells = t.cells[:n+1]
	c := &t.cells[n]
	c.Opener, c.Envelope = o, env
}

// rows opens DataRows into the output: the one at the head of b, which is whole,
// and as many behind it as can be opened with it. n is how many bytes they have.
// Only if that is none does need or err say why.
func (s *Session) rows(b []byte, out *Output) (n int, need Need, err error) {
	t := s.theBatch()
	defer t.reset()
	for n < len(b) && n < batchBytes && len(t.cells) < batchCells {
		typ, size, lengthErr := wire.Peek(b[n:])
		if lengthErr != nil || typ != wire.TypeDataRow || size == 0 || size > min(len(b)-n, s.cfg.MaxFrame) {
			break // for serverFrame
		}
		body := b[n+wire.HeaderLen : n+size]
		if s.result.defaults {
			if body, need, err = s.showDefaults(body); err != nil || need.Kind != NeedNothing {
				break
			}
		}
		if s.result.holds {
			if body, need, err = s.openAllHeld(body); err != nil || need.Kind != NeedNothing {
				break
			}
		}
		if need, err = s.gather(size, body); err != nil || need.Kind != NeedNothing {
			break
		}
		n += size
	}
	switch {
	case n > 0:
	case s.unknownYet(err):
		return 0, Need{Kind: NeedCatalog}, nil
	default:
		return 0, need, s.explained(err)
	}
	opened := 0
	t.plain, opened, err = envelope.OpenAll(t.plain[:0], t.cells)
	dst := out.client.scratch
	n = 0
	for i, from := 0, 0; i < len(t.rows); i++ {
		r := &t.rows[i]
		if r.spots > opened {
			h, _ := envelope.Parse(t.cells[opened].Envelope)
			err = &unopened{t.spots[opened].cell.sealed, h.KeyID, err}
		} else {
			var row []byte
			if row, err = s.appendRow(dst, r.body, from, r.spots); err == nil {
				dst = row
			}
		}
		if err != nil {
			break
		}
		from = r.spots
		n += r.size
	}
	switch {
	case n > 0:
	case s.unknownYet(err):
		return 0, Need{Kind: NeedCatalog}, nil
	default:
		return 0, Need{}, s.explained(err)
	}
	out.client.put(dst)
	s.result.size += n
	return n, Need{}, nil
}

// gather finds the sealed cells of a row and adds it to the batch, or leaves the
// batch as it was.
func (s *Session) gather(size int, body []byte) (Need, error) {
	t := s.theBatch()
	mark := len(t.spots)
	need, err := s.gatherCells(body)
	if err != nil || need.Kind != NeedNothing {
		clear(t.cells[mark:])
		t.spots, t.cells = t.spots[:mark], t.cells[:mark]
		return need, err
	}
	t.rows = append(t.rows, batchRow{size, body, len(t.spots)})
	return Need{}, nil
}

func (s *Session) gatherCells(body []byte) (Need, error) {
	t := s.theBatch()
	if len(body) < 2 {
		return Need{}, errDataRow
	}
	values, at := int(binary.BigEndian.Uint16(body)), 2
	cells, call := s.result.cells, s.leases.call
	if values < len(cells) {
		return Need{}, errContradiction
	}
	for i := range values {
		if len(body)-at < 4 {
			return Need{}, errDataRow
		}
		start, length := at, int32(binary.BigEndian.Uint32(body[at:]))
		at += 4
		if length == wire.Null {
			continue
		}
		n := int(length)
		if n < 0 || n > len(body)-at {
			return Need{}, errDataRow
		}
		value := body[at : at+n : at+n]
		at += n
		if i >= len(cells) || cells[i].holds() {
			continue
		}
		c := &cells[i]
		if c.opener != nil && c.call == call && c.server == wire.Binary && t.way != keysOnly && c.opener.Names(value) {
			t.add(c.opener, value)
			t.spots = append(t.spots, spot{start, at, c})
			continue
		}
		switch c.sealed {
		case nil, catalog.DefaultText, catalog.ErrorText:
			continue
		case unclear, born:
			if err := s.checkUnclear(c, value); err != nil {
				return Need{}, err
			}
			continue
		}
		if c.mixed != nil {
			var err error
			if c, err = s.oneOf(c, value); err != nil {
				return Need{}, err
			}
		}
		if need, err := s.gatherCell(c, value); err != nil || need.Kind != NeedNothing {
			return need, err
		}
		if t.way != keysOnly {
			t.spots = append(t.spots, spot{start, at, c})
		}
	}
	if at != len(body) {
		return Need{}, errDataRow
	}
	return Need{}, nil
}

var errDataRow = violation("malformed DataRow from the server")

// errBatchEnds is a row that has to wait for those before it to be shown.
var errBatchEnds = errors.New("session: the row begins a new batch")

// unopened is a cell that does not open.
type unopened struct {
	column *catalog.SealedColumn
	key    uint32
	why    error
}

func (e *unopened) Error() string { return e.why.Error() }

// explained turns a cell that does not open into what the client reads, and
// tells the log. Only for an error that is not dropped.
func (s *Session) explained(err error) error {
	if u, ok := err.(*unopened); ok {
		return s.corrupt(u.column, u.key, u.why)
	}
	return err
}

// gatherCell adds a sealed cell to the batch.
func (s *Session) gatherCell(c *cell, value []byte) (Need, error) {
	t := s.theBatch()
	hexadecimal := c.server == wire.Text && isHexText(value)
	switch {
	case hexadecimal && t.way == keysOnly:
		id, err := keyOf(value[2:])
		if err != nil {
			return Need{}, &unopened{c.sealed, 0, err}
		}
		return s.mustLease(id)
	case hexadecimal && t.way == inPlace:
		s.settings.setByteaOutput(false)
		var err error
		if value, err = logical.DecodeHex(value[:0], value[2:]); err != nil {
			return Need{}, &unopened{c.sealed, 0, errByteaText}
		}
	case c.server == wire.Text:
		if escape := !isHexText(value); escape != s.settings.escape {
			if len(t.rows) > 0 {
				return Need{}, errBatchEnds // what was gathered is shown under the setting of its time
			}
			s.settings.setByteaOutput(escape)
		}
		at := len(t.text)
		var err error
		if t.text, err = s.appendByteaText(t.text, value); err != nil {
			return Need{}, &unopened{c.sealed, 0, err}
		}
		value = t.text[at:len(t.text):len(t.text)]
	}
	if c.call == s.leases.call && c.opener != nil && c.opener.Names(value) && t.way != keysOnly {
		t.add(c.opener, value)
		return Need{}, nil
	}
	h, err := envelope.Parse(value)
	if err != nil {
		return Need{}, &unopened{c.sealed, 0, err}
	}
	if t.way == keysOnly {
		return s.mustLease(h.KeyID)
	}
	k := s.leased(h.KeyID)
	if k == nil {
		if len(t.rows) > 0 {
			return Need{}, errBatchEnds // why there is no key is told once
		}
		var need Need
		if k, need, err = s.key(h.KeyID); k == nil {
			return need, err
		}
	}
	o, err := s.leases.opener(k, c.sealed.ID)
	if err != nil {
		return Need{}, &unopened{c.sealed, h.KeyID, err}
	}
	c.opener, c.call, c.text = o, s.leases.call, c.sealed.Type.IsText() && c.sealed.Casts == nil
	t.add(o, value)
	return Need{}, nil
}

// oneOf finds which of several columns a value is of.
func (s *Session) oneOf(c *cell, value []byte) (*cell, error) {
	var err error
	if c.server == wire.Text {
		if s.buf.out, err = s.appendByteaText(s.buf.out[:0], value); err != nil {
			return nil, &unopened{c.sealed, 0, err}
		}
		value = s.buf.out
	}
	h, err := envelope.Parse(value)
	if err != nil {
		return nil, &unopened{c.sealed, 0, err}
	}
	for i := range c.mixed {
		if c.mixed[i].sealed.ID == h.ColumnID {
			return &c.mixed[i], nil
		}
	}
	return nil, errContradiction
}

// mustLease sees to it that a key is there until the end of the call.
func (s *Session) mustLease(id uint32) (Need, error) {
	_, need, err := s.key(id)
	return need, err
}

// appendRow appends a row of the batch with the plaintexts of its cells, which
// are those of the spots from one to another.
func (s *Session) appendRow(dst, body []byte, from, to int) ([]byte, error) {
	t := s.theBatch()
	dst, start := wire.Begin(dst, wire.TypeDataRow)
	kept, utf8 := 0, s.settings.values.UTF8()
	for i := from; i < to; i++ {
		p := &t.spots[i]
		if kept < p.start {
			dst = append(dst, body[kept:p.start]...)
		}
		kept = p.end
		plain := t.cells[i].Plain
		if utf8 && p.cell.text && logical.IsASCII(plain) {
			dst = wire.AppendValue(dst, plain)
			continue
		}
		var at int
		dst, at = wire.BeginValue(dst)
		var err error
		if dst, err = s.appendOpened(dst, p.cell, plain); err != nil {
			return dst, err
		}
		dst = wire.EndValue(dst, at)
	}
	return wire.End(append(dst, body[kept:]...), start), nil
}

// appendOpened appends an opened value in the format that the client wants.
func (s *Session) appendOpened(dst []byte, c *cell, plain []byte) (_ []byte, err error) {
	if c.sealed.Casts != nil {
		if plain, err = s.castOpened(c.sealed, plain); err != nil {
			return dst, valueError(err, c.sealed)
		}
	}
	t := s.typeNow(c.sealed, c.sealed.Type)
	if c.client == wire.Binary {
		dst, err = t.AppendBinary(dst, plain, &s.settings.values)
	} else {
		dst, err = t.AppendText(dst, plain, &s.settings.values)
	}
	if err != nil {
		return dst, valueError(err, c.sealed)
	}
	return dst, nil
}

// castOpened casts an opened value to the type that it is shown as, into buffers of
// the session.
func (s *Session) castOpened(c *catalog.SealedColumn, plain []byte) (_ []byte, err error) {
	from := s.typeNow(c, c.Casts[0])
	cast := func(to logical.Type) {
		if err == nil {
			s.buf.via, err = to.AppendCast(s.buf.via[:0], plain, from, &s.settings.utf8)
			s.buf.via, s.buf.equal = s.buf.equal, s.buf.via // the next cast reads what this one has written
			plain, from = s.buf.equal, to
		}
	}
	for _, to := range c.Casts[1:] {
		cast(to)
	}
	cast(c.Type)
	return plain, err
}

// unknownYet reports that a row has failed and is worth another try when the
// catalog has been read again.
func (s *Session) unknownYet(failed error) bool {
	var e *outdatedError
	if !errors.As(failed, &e) {
		return false
	}
	snap, err := s.snapshot()
	return err == nil && snap != nil && s.catalog.ask(e.domain, snap.Version)
}
