package session

import (
	"encoding/binary"
	"slices"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// Large values have few copies: beside the frame that they come in there is the
// frame that they go out in, and nothing else. They are read into their place in
// that frame and sealed there, or opened in the frame that they have come in.

// largeValue is from which size on, in bytes, a value is large.
const largeValue = 256 << 10

// largeSlack is by how much a frame may grow, in bytes, without moving.
const largeSlack = 4 << 10

// appendLarge appends the envelope of a large value.
func (s *Session) appendLarge(dst []byte, op *rewrite.Operand, v logical.Value) ([]byte, Need, error) {
	return s.appendLargeBy(dst, op, v, s.reading())
}

// sealLarge seals a large value into s.buf.out.
func (s *Session) sealLarge(op *rewrite.Operand, v logical.Value, settings *logical.Settings) (Need, error) {
	out, need, err := s.appendLargeBy(slices.Grow(s.buf.out[:0], len(v.Data)+largeSlack), op, v, settings)
	if err == nil && need.Kind == NeedNothing {
		s.buf.out = out
	}
	return need, err
}

func (s *Session) appendLargeBy(dst []byte, op *rewrite.Operand, v logical.Value, settings *logical.Settings) ([]byte, Need, error) {
	c := op.Column
	start, prefix := len(dst), envelope.Prefix(c.Terms)
	dst = append(dst, make([]byte, prefix)...)
	dst, err := s.typeNow(c, c.Type).AppendCanonical(dst, v, useOf(op), settings)
	if err != nil {
		return dst[:start], Need{}, valueError(err, c)
	}
	kept := s.buf.plain
	s.buf.plain = dst[start+prefix:]
	dst, need, err := s.appendEnvelope(dst[:start], c)
	s.buf.plain = kept
	return dst, need, err
}

// opensInPlace reports that a row is large and can be opened where it stands.
// What has been opened there cannot be opened again: nothing may have to be
// looked up afterwards.
func (s *Session) opensInPlace(size int) bool {
	if size < largeValue || s.result.defaults || s.result.holds {
		return false
	}
	for i := range s.result.cells {
		c := s.result.cells[i].sealed
		if c == unclear || c == born || c != nil && c.Type.Def != nil {
			return false
		}
	}
	return true
}

// largeRow opens a row where it stands.
func (s *Session) largeRow(size int, body []byte, out *Output) (Need, error) {
	t := s.theBatch()
	defer t.reset()
	for _, t.way = range [...]gathering{keysOnly, inPlace} {
		t.reset()
		need, err := s.gather(size, body)
		if err != nil || need.Kind != NeedNothing {
			t.way = asBatch
			return need, s.explained(err)
		}
	}
	t.way = asBatch
	room := largeSlack
	for i := range t.spots {
		c := t.spots[i].cell
		plain, err := s.openWhere(t.cells[i].Envelope, c.sealed)
		if err != nil {
			return Need{}, err
		}
		t.cells[i].Plain = plain
		if !s.verbatim(c, plain) {
			room += 2*len(plain) + largeSlack // as hexadecimal digits, mostly
		}
	}
	return Need{}, s.putLargeRow(body, room, out)
}

// openWhere opens an envelope where it stands, under a key that is leased.
func (s *Session) openWhere(env []byte, c *catalog.SealedColumn) ([]byte, error) {
	h, err := envelope.Parse(env)
	if err != nil {
		return nil, s.corrupt(c, 0, err)
	}
	sealed := env[envelope.Prefix(h.Terms):]
	plain, err := s.leased(h.KeyID).Open(sealed[:0], c.ID, env)
	if err != nil {
		return nil, s.corrupt(c, h.KeyID, err)
	}
	return plain, nil
}

// verbatim reports that a large value is shown by the very bytes that it is.
func (s *Session) verbatim(c *cell, plain []byte) bool {
	t := &c.sealed.Type
	return len(plain) >= largeValue && c.sealed.Casts == nil && t.Verbatim(c.client == wire.Binary, &s.settings.values) && t.Valid(plain)
}

// putLargeRow writes a row whose cells have been opened; what is large and stays
// as it is, from where it stands.
func (s *Session) putLargeRow(body []byte, room int, out *Output) error {
	t := s.theBatch()
	dst := out.client.scratch
	if room >= largeValue {
		dst = out.room(dst, room)
	}
	dst, start := wire.Begin(dst, wire.TypeDataRow)
	var parts []part
	kept, passed := 0, 0
	put := func(b []byte) {
		if len(b) < largeValue {
			dst = append(dst, b...)
			return
		}
		parts = append(parts, part{len(dst), b})
		passed += len(b)
	}
	for i := range t.spots {
		p, plain := &t.spots[i], t.cells[i].Plain
		put(body[kept:p.start])
		kept = p.end
		if s.verbatim(p.cell, plain) {
			dst = wire.AppendInt32(dst, int32(len(plain)))
			put(plain)
			continue
		}
		var at int
		var err error
		dst, at = wire.BeginValue(dst)
		if dst, err = s.appendOpened(dst, p.cell, plain); err != nil {
			return err
		}
		dst = wire.EndValue(dst, at)
	}
	put(body[kept:])
	binary.BigEndian.PutUint32(dst[start+1:], uint32(len(dst)-start-1+passed))
	out.client.weave(dst, parts)
	return nil
}

// keyOf reads of an envelope's hexadecimal digits which key it is under.
func keyOf(digits []byte) (id uint32, err error) {
	var head [envelope.HeaderSize]byte
	if _, err = logical.DecodeHex(head[:0], digits[:min(len(digits), 2*len(head))]); err != nil {
		return 0, errByteaText
	}
	return binary.BigEndian.Uint32(head[envelope.KeyOffset:]), nil
}
