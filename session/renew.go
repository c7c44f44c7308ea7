package session

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"

	"pgseal/catalog"
	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// renew checks that a statement planned under an older snapshot would be planned the
// same today. unnamed: it is the unnamed statement, whose text is kept apart. mode is that
// of the frame at hand, and wild says for which patterns it is to be planned.
func (s *Session) renew(st *statement, unnamed bool, snap *catalog.Snapshot, stale error, mode rewrite.Mode, wild bool, out *Output) renewal {
	if st.plan != nil && stale != nil {
		return renewal{refusal: staleCatalog(stale)}
	}
	in := s.catalog.inside
	known := st.plan != nil && s.catalog.quiet != 0 && s.catalog.quiet != snap.Version // what was not, perhaps
	if !s.frame.fresh && (s.catalog.stale && (s.catalog.spread || st.plan != nil) || in == nil && known) {
		s.catalog.refreshed()
		s.frame.fresh = true
		return renewal{act: wait, need: Need{Kind: NeedCatalog}}
	}
	if in != nil && (in.old && (in.spread || st.plan != nil) || known) && st.hints&controls == 0 {
		v := s.readInside(out)
		return renewal{act: v.act, need: v.need, refusal: v.refusal}
	}
	same := wild == st.wild && !st.lost && !st.rotated(snap) && st.late == nil
	if st.inner != nil {
		inner, _ := s.prepared(st.plan.Name)
		same = same && inner == st.inner
	}
	if same && st.version == snap.Version {
		return renewal{}
	}
	text := []byte(st.text)
	if len(text) == 0 && unnamed {
		text = s.unnamed
	}
	if len(text) == 0 {
		return renewal{refusal: errReplan}
	}
	if st.name == "" || st.several {
		mode = st.mode
	}
	var v verdict
	st.renewing, s.wild = true, wild
	s.declaring = append(s.declaring[:0], st.declared...)
	if st.foreign {
		v = s.planUTF8(snap, text, true, mode, out)
	} else {
		v = s.plan(snap, text, mode, out)
	}
	st.renewing, s.wild, s.declaring = false, false, s.declaring[:0]
	if v.probe != nil {
		s.recycle(v.probe)
	}
	switch {
	case v.act == wait:
		return renewal{act: wait, need: v.need}
	case v.refusal != nil && st.late != nil && late(text, v.refusal):
		st.late, st.version = v.refusal, snap.Version
		return renewal{}
	case v.refusal != nil && st.name == "" && !st.foreign && late(text, v.refusal):
		return renewal{changed: true, text: text, late: v.refusal}
	case v.refusal != nil: // so it would be, if it were prepared now
		return renewal{refusal: v.refusal}
	}
	p, print := v.planning, uint64(0)
	another := st.escapes == s.settings.conforming && bytes.IndexByte(text, '\\') >= 0
	if p != nil {
		print = s.fingerprint(p)
		another = another && p.bound.Plan.Traits()&rewrite.TraitBackslash != 0
	}
	var r renewal
	switch {
	case same && print == st.print && (p == nil || !another):
		if p != nil {
			st.adopt(p.bound.Plan)
		}
		if st.text != "" {
			st.version, st.read = snap.Version, st.read || p != nil
		}
	case another, st.foreign, st.several: // it means something else today, its bytes are gone, or it does more
		r.refusal = errReplan
	default:
		return renewal{changed: true, text: text, planning: p, wild: wild}
	}
	if p != nil {
		s.recycle(p)
	}
	return r
}

// adopt takes over a plan with the same fingerprint: it has the columns as they
// are now, with terms and index keys that they may have got since.
func (p *statement) adopt(plan *rewrite.Plan) {
	if p.plan == nil {
		return
	}
	all := plan.Statements()
	for i := range all {
		switch {
		case p.name == "" && i == 0:
			p.plan = &all[i]
		case p.name != "" && all[i].Effect == rewrite.Prepares && all[i].Name == p.name && all[i].Inner != nil:
			p.plan = all[i].Inner
		default:
			continue
		}
		if !p.opaque {
			p.results = p.plan.Results
		}
	}
}

// revalidates is the function of PostgreSQL that reports a changed result type.
// pgjdbc and postgres.js prepare a statement again only if the error names it.
const revalidates = "RevalidateCachedQuery"

// errReplan is what PostgreSQL says of a statement whose result types have
// changed; drivers prepare it again.
var errReplan = &wire.Error{
	Code:    codeFeatureNotSupported,
	Message: "cached plan must not change result type",
	Detail:  "Sealed columns have changed since the statement was prepared.",
	Routine: revalidates,
	Hint:    "Prepare the statement again.",
}

var printSeed = maphash.MakeSeed()

// fingerprint stands for all that a plan does with a text: two plans of one text
// with the same fingerprint are one to the server, and the later one can take the
// place of the other. 0 is that of a text that is relayed.
func (s *Session) fingerprint(p *planning) uint64 {
	all := p.bound.Plan.Statements()
	if len(all) == 0 && p.bound.Plan.Relay() {
		return 0
	}
	bound := p.bound
	bound.Converts = true // with the types of plain columns
	b, err := bound.AppendSQL(s.buf.array[:0], appendMark)
	if err != nil {
		return 1 // refused when it is sealed, too
	}
	for i := range all {
		b = appendStatement(b, &all[i])
	}
	s.buf.array = b
	return max(2, maphash.Bytes(printSeed, b))
}

// appendMark stands for a sealed literal, which the server has with the terms
// that its column had.
func appendMark(b []byte, l *rewrite.Literal) ([]byte, error) {
	b = append(appendRole(b, l.Operand), byte(l.Operand.Column.Terms))
	return binary.BigEndian.AppendUint32(b, l.Operand.Column.IndexKeyID), nil
}

func appendStatement(b []byte, st *rewrite.Statement) []byte {
	b = append(b, 0, byte(st.Effect))
	// What its question asks for is no matter: that is asked anew each time.
	for _, p := range st.Params {
		b = binary.BigEndian.AppendUint32(b, uint32(p.Client))
		b = binary.BigEndian.AppendUint32(b, uint32(p.Answer))
		b = binary.BigEndian.AppendUint32(b, p.Infer)
		b = appendRole(b, p.Operand)
	}
	b = append(b, 0)
	for _, c := range st.Results {
		b = appendColumn(b, c)
	}
	for _, f := range st.Computed() {
		if f != nil {
			b = f.AppendPrint(b)
		}
	}
	for _, f := range st.Unshown {
		b = f.AppendPrint(b)
	}
	if st.Copy != nil {
		for i := range st.Copy.Columns {
			b = append(b, st.Copy.Columns[i].Name...)
			b = appendRole(append(b, 0), st.Copy.Columns[i].Operand)
		}
		for i := range st.Copy.Added {
			b = appendRole(append(b, byte(st.Copy.Added[i].Answer)), st.Copy.Added[i].Operand)
		}
	}
	if st.Inner != nil {
		b = appendStatement(b, st.Inner)
	}
	return b
}

func appendRole(b []byte, op *rewrite.Operand) []byte {
	if op == nil {
		return append(b, 0)
	}
	b = append(b, 1, byte(op.Role), byte(op.Column.Folded))
	if op.Formula != nil {
		b = op.Formula.AppendPrint(b)
	}
	if op.Records != nil {
		for i, member := range op.Records.Members {
			b = appendRole(append(append(b, op.Records.Replaced[i]...), 0), member)
		}
		for _, name := range op.Records.Plain {
			b = append(append(b, name...), 0)
		}
	}
	if op.Pattern != nil {
		b = append(b, 1, op.Pattern.Escape)
		if op.Pattern.Fold != nil {
			b = append(b, op.Pattern.Fold.Hash()...)
		}
	}
	if op.Array {
		b = append(b, 1)
	}
	if op.Places {
		b = append(b, 2)
	}
	// ALTER TABLE can have given the column another type, of which every value of the one
	// before is a value as it is. A literal that has been sealed as that one stays what it
	// is, unless it was rounded to be stored.
	t := op.Column.Type
	if t.Def == nil && (op.Role == rewrite.Equality || t.Scalar() == logical.OIDText || t.Scalar() == logical.OIDVarchar) {
		if t.Typmod = -1; t.OID == logical.OIDVarchar {
			t.OID = logical.OIDText
		}
	}
	b = appendColumnAs(b, op.Column, t)
	if op.Null != nil {
		b = append(append(b, 1, byte(op.Nulled)), *op.Null...)
	}
	if op.Via != nil {
		b = appendType(b, *op.Via)
	}
	for _, step := range op.Then {
		if b = append(b, byte(step.Function)); step.Fold != nil {
			b = append(b, step.Fold.Hash()...)
		}
		b = appendType(b, step.Type)
	}
	return b
}

func appendColumn(b []byte, c *catalog.SealedColumn) []byte {
	if c == nil {
		return append(b, 0)
	}
	return appendColumnAs(b, c, c.Type)
}

func appendColumnAs(b []byte, c *catalog.SealedColumn, as logical.Type) []byte {
	b = binary.BigEndian.AppendUint32(append(b, 1), c.ID)
	for _, t := range c.Casts {
		b = appendType(b, t)
	}
	for _, m := range c.Mixed {
		b = appendColumn(b, m)
	}
	if c.Elements != nil {
		b = appendColumn(b, c.Elements)
	}
	for _, in := range c.Record {
		b = appendColumn(b, in)
	}
	for _, in := range c.Cells {
		b = appendColumn(b, in)
	}
	if c.Document != nil {
		for i := range c.Document.Parts {
			b = appendColumn(b, c.Document.Parts[i].Column)
		}
	}
	return appendType(b, as)
}

func appendType(b []byte, t logical.Type) []byte {
	b = binary.BigEndian.AppendUint32(b, t.OID)
	return binary.BigEndian.AppendUint32(b, uint32(t.Typmod))
}
