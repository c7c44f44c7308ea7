package session

import (
	"encoding/binary"
	"errors"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

const (
	oidByteaArray = 1001
	oidRecord     = 2249
	oidUnknown    = 705
)

// buffers are where values are converted. They are used anew for each value.
type buffers struct {
	plain []byte // canonical plaintext
	via   []byte // canonical plaintext of an explicit cast's type
	equal []byte // what decides equality
	// literals are the settings by which one is read, of its statement
	literals logical.Settings
	term     [envelope.EqualitySize]byte
	out      []byte   // an envelope or a term
	array    []byte   // terms or values of an array one after the other, or a text to be read twice
	row      [][]byte // of cells, one each
	value    []byte   // what the nodes of a formula have come to, one after the other
	regex    logical.LastRegex
}

// maxBuffer is what each of the buffers keeps, in bytes, after a large value.
const maxBuffer = 64 << 10

// clamp gives back what large values made the buffers take.
func (b *buffers) clamp() {
	b.regex = logical.LastRegex{}
	for _, p := range []*[]byte{&b.plain, &b.via, &b.equal, &b.out, &b.array, &b.value} {
		if cap(*p) > maxBuffer {
			*p = nil
		}
	}
}

// useOf is the use of a value in the role of an operand.
func useOf(op *rewrite.Operand) logical.Use {
	if op.Role.Compares() {
		return logical.Compare
	}
	return logical.Assign
}

// reading are the settings by which the value at hand is read.
func (s *Session) reading() *logical.Settings {
	if s.foreign {
		return &s.settings.utf8
	}
	return &s.settings.values
}

// elementOf is the type of the elements of an array type, 0 if it is not known.
func elementOf(op *rewrite.Operand, array uint32) uint32 {
	t := op.Column.Type.Shown()
	if op.Via != nil {
		t = *op.Via
	}
	if array != 0 && array == t.ArrayOID() {
		return t.OID
	}
	return logical.ElementOID(array)
}

// typeNow is a type of a column, or of a cast around a value of it, as the catalog
// knows it now. A plan stays what it is when an enum gets a label, but the values
// must not.
func (s *Session) typeNow(c *catalog.SealedColumn, t logical.Type) logical.Type {
	if t.Def == nil {
		return t
	}
	if snap, err := s.snapshot(); err == nil && snap != nil {
		if now := snap.Column(c.ID); now != nil && now.Type.OID == t.OID {
			return now.Type
		}
	}
	return t
}

// canonical reads a client's value into s.buf.plain.
// logical.ErrNeverEqual comes back as it is.
func (s *Session) canonical(op *rewrite.Operand, v logical.Value) error {
	b := &s.buf
	settings := s.reading()
	var err error
	if op.Via != nil {
		if v, err = s.step(op, v, op.Then); err != nil {
			return err
		}
		settings = &s.settings.utf8 // the canonical form is UTF-8
	} else if op.Null != nil && v.OID == logical.OIDVarchar {
		v.OID = logical.OIDText // which NULLIF gives
	} else if t := op.Column.Type.Shown(); op.Role.Compares() && !op.Listed && (v.OID == 0 || v.OID == oidUnknown) {
		v.OID = t.Compared().OID // as which PostgreSQL reads it
	}
	if err = s.sure(op, v, settings); err != nil {
		return err
	}
	// The values of a list become what they have in common, and text becomes char and name.
	if t := op.Column.Type.Shown(); op.Listed && (t.OID == logical.OIDBpchar || t.OID == logical.OIDName) && (v.OID == logical.OIDText || v.OID == logical.OIDVarchar) {
		t.Typmod = -1
		if b.equal, err = t.AppendCanonical(b.equal[:0], v, logical.Cast, settings); err != nil {
			return err
		}
		b.via, b.equal = b.equal, b.via
		v, settings = logical.Value{Data: b.via, Binary: true, OID: t.OID}, &s.settings.utf8
	}
	b.plain, err = s.typeNow(op.Column, op.Column.Type).AppendCanonical(b.plain[:0], v, useOf(op), settings)
	if op.Compared && err == nil {
		err = s.uncut(op, v, settings)
	}
	if p := op.Pattern; err == nil && p != nil {
		if p.Fold != nil {
			b.equal = p.Fold.Append(b.equal[:0], b.plain)
			b.plain, b.equal = b.equal, b.plain
		}
		var ok bool
		if b.plain, ok = p.Literal(b.plain); !ok {
			return errPattern
		}
	}
	if of := op.Column; err == nil && of.IsCast() {
		b.equal, err = s.typeNow(of, of.Stored()).AppendPrinted(b.equal[:0], b.plain, &s.settings.utf8)
		b.plain, b.equal = b.equal, b.plain
	}
	return err
}

// step takes a value to Via, and then some of the steps behind that.
func (s *Session) step(op *rewrite.Operand, v logical.Value, then []rewrite.Step) (_ logical.Value, err error) {
	b := &s.buf
	if b.via, err = s.typeNow(op.Column, *op.Via).AppendCanonical(b.via[:0], v, logical.Cast, s.reading()); err != nil {
		return v, err
	}
	v = logical.Value{Data: b.via, Binary: true, OID: op.Via.OID}
	for i := range then {
		if step := &then[i]; step.Function == rewrite.NoFunction {
			if b.equal, err = s.typeNow(op.Column, step.Type).AppendCanonical(b.equal[:0], v, logical.Cast, &s.settings.utf8); err != nil {
				return v, err
			}
			v.OID = step.Type.OID
		} else if step.Function == rewrite.Split {
			b.equal = appendSplit(b.equal[:0], v.Data, step.Before)
			v.OID = textArray.OID
		} else if step.Function == rewrite.Moment {
			if b.equal, err = logical.AppendMoment(b.equal[:0], v.Data); err != nil {
				return v, err
			}
			v.OID = logical.OIDTimestamptz
		} else {
			b.equal = step.AppendText(b.equal[:0], v.Data)
			v.OID = logical.OIDText
		}
		b.via, b.equal = b.equal, b.via
		v.Data = b.via
	}
	return v, nil
}

// sure refuses a value beside a real whose type is not known, if that makes a difference.
func (s *Session) sure(op *rewrite.Operand, v logical.Value, settings *logical.Settings) (err error) {
	if !op.Unsure || op.Column.Type.Shown().OID != logical.OIDFloat4 || v.OID == logical.OIDFloat4 || v.OID == logical.OIDFloat8 {
		return nil
	}
	b := &s.buf
	if b.plain, err = real.AppendCanonical(b.plain[:0], v, logical.Cast, settings); err != nil {
		return err
	}
	if b.equal, err = double.AppendCanonical(b.equal[:0], v, logical.Cast, settings); err != nil {
		return err
	}
	if !logical.SameFloat(b.plain, b.equal) {
		return refused(op.RefuseUnsure(), nil)
	}
	return nil
}

// uncut refuses a text at hand that loses blanks when it is stored.
func (s *Session) uncut(op *rewrite.Operand, v logical.Value, settings *logical.Settings) (err error) {
	t := op.Column.Type.Shown()
	if t.OID != logical.OIDVarchar || t.Typmod == -1 {
		return nil
	}
	t.Typmod = -1
	b := &s.buf
	if b.equal, err = t.AppendCanonical(b.equal[:0], v, logical.Assign, settings); err == nil && len(b.equal) != len(b.plain) {
		return refused(op.RefuseCut(), nil)
	}
	return err
}

var (
	real   = logical.Type{OID: logical.OIDFloat4, Typmod: -1}
	double = logical.Type{OID: logical.OIDFloat8, Typmod: -1}
)

// becomesNull reports that NULLIF makes NULL of a value.
func (s *Session) becomesNull(op *rewrite.Operand, v logical.Value) bool {
	if op.Null != nil && op.Nulled > 0 {
		text, err := s.step(op, v, op.Then[:op.Nulled])
		return err == nil && op.IsNull(text.Data)
	}
	return op.IsNull(v.Data)
}

// equality computes the term of s.buf.plain into dst. Of what is lower or upper of a
// column it is the term of that.
func (s *Session) equality(dst []byte, c *catalog.SealedColumn) ([]byte, Need, error) {
	k, need, err := s.key(c.IndexKeyID)
	if k == nil {
		return dst, need, err
	}
	equal := s.buf.plain
	if t := c.Stored(); !t.EqualAsStored() {
		if s.buf.equal, err = t.AppendEquality(s.buf.equal[:0], s.buf.plain); err != nil {
			return dst, Need{}, err
		}
		equal = s.buf.equal
	}
	kind := envelope.TermEquality
	if c.Folded != 0 {
		kind = c.Folded
	}
	out, err := k.Term(dst, kind, c.ID, equal)
	if err != nil {
		return dst, Need{}, sealError(c, err)
	}
	return out, Need{}, nil
}

// foldedTerms appends the terms of s.buf.plain in lower and upper case that an envelope
// of c has. What they would be found by must be what was stored before.
func (s *Session) foldedTerms(dst []byte, c *catalog.SealedColumn) ([]byte, error) {
	if c.Folding.Changed {
		return dst, refused(rewrite.RefuseFoldChanged(c), nil)
	}
	k, _, err := s.key(c.IndexKeyID) // of the equality term, which came before
	if k == nil {
		return dst, err
	}
	for _, kind := range [...]envelope.TermFlags{envelope.TermLower, envelope.TermUpper} {
		of := c.FoldsTo(kind)
		if of == nil {
			continue
		}
		s.buf.equal = c.Folding.Column.Of(kind).Append(s.buf.equal[:0], s.buf.plain)
		at := len(dst)
		if dst, err = k.Term(dst, kind, c.ID, s.buf.equal); err != nil {
			return dst, sealError(c, err)
		}
		s.sent.note(dst[at:], of, s.buf.equal)
	}
	return dst, nil
}

// appendOperand appends what the server gets for a client's value that is not
// NULL: an envelope, a term, or a bytea[] of terms in binary.
func (s *Session) appendOperand(dst []byte, op *rewrite.Operand, v logical.Value) ([]byte, Need, error) {
	if op.Records != nil {
		return s.appendRecords(dst, op, v)
	}
	if op.Split != "" {
		return s.appendSplitTerms(dst, op, v)
	}
	if op.Array {
		return s.appendTerms(dst, op, v)
	}
	c := op.Column
	if len(v.Data) >= largeValue && op.Role == rewrite.Store && op.Via == nil {
		return s.appendLarge(dst, op, v)
	}
	if op.TakesAny() {
		if err := s.valid(v); err != nil {
			return dst, Need{}, valueError(err, c)
		}
		return dst, Need{}, nil
	}
	err := s.canonical(op, v)
	switch never := errors.Is(err, logical.ErrNeverEqual); {
	case errors.Is(err, errPattern) && op.Pattern.Wild:
		return dst, Need{}, nil
	case errors.Is(err, errPattern):
		return dst, Need{}, refused(op.RefusePattern(), nil)
	case err != nil && !never:
		return dst, Need{}, valueError(err, c)
	case op.Role == rewrite.Emptiness:
		if never || len(s.buf.plain) > 0 {
			return dst, Need{}, refused(op.RefuseEmpty(), nil)
		}
		return dst, Need{}, nil
	case op.Role == rewrite.Presence:
		return dst, Need{}, nil
	case never:
		return dst, Need{}, nil // an empty bytea equals no term
	case op.Role == rewrite.Digest:
		return s.digest(dst, c.Type)
	case op.Role == rewrite.Equality:
		return s.equality(dst, c)
	}
	return s.appendEnvelope(dst, c)
}

// appendEnvelope seals s.buf.plain into dst.
func (s *Session) appendEnvelope(dst []byte, c *catalog.SealedColumn) ([]byte, Need, error) {
	var term []byte
	if c.Terms&envelope.TermEquality != 0 {
		var need Need
		var err error
		if term, need, err = s.equality(s.buf.term[:0], c); need.Kind != NeedNothing || err != nil {
			return dst, need, err
		}
		s.sent.note(term, c, s.buf.plain)
		if c.Folding != nil {
			var terms [envelope.MaxTerms]byte
			if term, err = s.foldedTerms(append(terms[:0], term...), c); err != nil {
				return dst, Need{}, err
			}
		}
	}
	id := s.activeKey(c)
	if id == 0 {
		return dst, Need{}, noActiveKey(c)
	}
	k, need, err := s.key(id)
	if k == nil {
		return dst, need, err
	}
	if s.nonces == nil {
		s.nonces = new(envelope.Nonces)
	}
	out, err := k.SealWith(s.nonces, dst, c.ID, c.Terms, term, s.buf.plain)
	if err != nil {
		return dst, Need{}, sealError(c, err)
	}
	return out, Need{}, nil
}

// Layout of a one-dimensional array in binary.
const (
	arrayHeader    = 3 * 4 // dimensions, has-null flag, element type
	arrayDimension = 2 * 4 // size, lower bound
)

// appendTerms appends a bytea[] with one term, or envelope, for each element. Every value is
// an element of its own, also those that no value of the column can equal, so
// that <> ALL stays right.
func (s *Session) appendTerms(dst []byte, op *rewrite.Operand, v logical.Value) ([]byte, Need, error) {
	element := elementOf(op, v.OID)
	if op.Places && !logical.IsList(v, s.reading()) {
		return dst, Need{}, &wire.Error{
			Code: codeFeatureNotSupported, Message: "pgseal finds the place of a sealed value only in an array of one dimension that begins at 1",
			Hint: "Give the values as such an array.",
		}
	}
	if v.Binary && len(v.Data) >= arrayHeader {
		// Of types that are not built in the server does not trust the number.
		if named := binary.BigEndian.Uint32(v.Data[8:]); element < firstUserOID || named < firstUserOID {
			element = named
		}
		if err := checkElement(op, element); err != nil {
			return dst, Need{}, err
		}
	}
	at := len(dst)
	dst = append(dst, make([]byte, arrayHeader+arrayDimension)...)
	var count, nulls uint32
	var need Need
	_, err := logical.ElementsIn(v, s.reading(), func(elem []byte, null bool) error {
		count++
		if null {
			nulls = 1
			dst = wire.AppendInt32(dst, wire.Null)
			return nil
		}
		var start int
		dst, start = wire.BeginValue(dst)
		err := s.canonical(op, logical.Value{Data: elem, Binary: v.Binary, OID: element})
		switch {
		case err != nil:
		case op.Role == rewrite.Equality:
			dst, need, err = s.equality(dst, op.Column)
		default:
			dst, need, err = s.appendEnvelope(dst, op.Column)
		}
		if errors.Is(err, logical.ErrNeverEqual) {
			err = nil
		}
		if err == nil && need.Kind != NeedNothing {
			err = errNeed
		}
		dst = wire.EndValue(dst, start)
		return err
	})
	switch {
	case need.Kind != NeedNothing:
		return dst[:at], need, nil
	case err != nil:
		return dst[:at], Need{}, valueError(err, op.Column)
	}
	header := dst[at:]
	binary.BigEndian.PutUint32(header[4:], nulls)
	binary.BigEndian.PutUint32(header[8:], oidBytea)
	if count == 0 {
		return dst[:at+arrayHeader], Need{}, nil // no dimension at all
	}
	binary.BigEndian.PutUint32(header[0:], 1)
	binary.BigEndian.PutUint32(header[12:], count)
	binary.BigEndian.PutUint32(header[16:], 1)
	return dst, Need{}, nil
}

// errPattern: a pattern matches more than one text.
var errPattern = errors.New("session: a pattern with wildcards")

// errNeed ends a walk that cannot go on for want of a key.
var errNeed = errors.New("session: a data key is needed")

// checkElement refuses a binary array that names another element type than the
// one expected, as array_recv does.
func checkElement(op *rewrite.Operand, element uint32) error {
	t := &op.Column.Type
	use := useOf(op)
	if op.Via != nil {
		t, use = op.Via, logical.Cast
	}
	if err := t.CheckOID(element, use); err != nil {
		return valueError(err, op.Column)
	}
	return nil
}

// activeKey is the data key under which a column's new values are sealed now; a
// plan does not change when a key is rotated.
func (s *Session) activeKey(c *catalog.SealedColumn) uint32 {
	if snap, _ := s.snapshot(); snap != nil {
		return snap.ActiveKey(c.TableID)
	}
	return 0
}

// sealLiteral puts a sealed value in the place of a literal.
func (s *Session) sealLiteral(dst []byte, l *rewrite.Literal) ([]byte, error) {
	if l.Answer > 0 {
		return s.sealAnswer(dst, l)
	}
	if l.Checked() {
		if r := l.Check(); r != nil {
			return dst, r
		}
	}
	v := logical.Value{Data: l.Value, OID: l.OID}
	if s.becomesNull(l.Operand, v) {
		return append(dst, "NULL::pg_catalog.bytea"...), nil
	}
	out, need, err := s.appendOperand(s.buf.out[:0], l.Operand, v)
	if err == nil && need.Kind != NeedNothing {
		s.need = need
		return dst, errNeed
	}
	if err != nil {
		if r := l.Check(); r != nil {
			return dst, r
		}
		e := statementError(err)
		switch {
		case e == nil:
			return dst, err
		case l.OID == oidUnknown && ofInput(e):
			return dst, &literalError{err, l.Position, true}
		case s.deferring && !ofInput(e):
			if s.deferred == nil {
				s.deferred = e
			}
			if l.Operand.Array {
				return append(append(append(dst, "ARRAY["...), failingValue...), ']'), nil
			}
			return append(dst, failingValue...), nil
		}
		return dst, &literalError{err, l.Position, false}
	}
	s.buf.out = out
	if r := l.Operand.Records; r != nil {
		for _, op := range r.Members {
			s.sealing.noteKey(op.Column.TableID, s.activeKey(op.Column))
		}
		return rewrite.AppendDocument(dst, out, l.Operand.ServerOID()), nil
	}
	if l.Operand.Role == rewrite.Store {
		s.sealing.noteKey(l.Operand.Column.TableID, s.activeKey(l.Operand.Column))
	}
	switch {
	case l.Bare:
		return rewrite.AppendBareBytea(dst, out), nil
	case !l.Operand.Array:
		return rewrite.AppendBytea(dst, out), nil
	}
	return appendArrayLiteral(dst, out), nil
}

// failingValue is a bytea that fails when it is computed and not before. It
// stands for a literal that PostgreSQL would find too long only when it plans
// the statement, after Parse: Bind is refused then, and should anything else
// run the statement, it fails.
const failingValue = "pg_catalog.convert_to('', 'pgseal_refused')"

// ofInput reports an error of a type's input function, for which PostgreSQL
// gives the literal's position.
func ofInput(e *wire.Error) bool { return !e.Late }

// literalError is a literal that cannot be converted, at a byte offset.
type literalError struct {
	err    error
	offset int
	placed bool // PostgreSQL would say where it is
}

func (e *literalError) Error() string { return e.err.Error() }
func (e *literalError) Unwrap() error { return e.err }

// appendArrayLiteral appends a bytea[] in its binary form as a literal.
func appendArrayLiteral(dst, array []byte) []byte {
	var elements [][]byte
	for rest := array[min(len(array), arrayHeader+arrayDimension):]; len(rest) >= 4; {
		n := int32(binary.BigEndian.Uint32(rest))
		rest = rest[4:]
		if n == wire.Null {
			elements = append(elements, nil)
			continue
		}
		elements = append(elements, rest[:n:n])
		rest = rest[n:]
	}
	return rewrite.AppendByteaArray(dst, elements)
}
