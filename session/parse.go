package session

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"

	"pgseal/catalog"
	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// parse takes a Parse.
func (s *Session) parse(size int, b []byte, out *Output) (action, Need, error) {
	body := b[wire.HeaderLen:]
	snap, stale := s.current()
	if snap != nil && snap.Empty() && !s.remembers && s.cursors.sealed == 0 && len(body) > 0 && body[0] == 0 {
		// Unnamed, and nothing is sealed: only the name matters.
		s.unnamed = s.unnamed[:0]
		s.prepare(nil, s.relayed(snap, 0))
		return relay, Need{}, nil
	}
	if size > s.cfg.MaxFrame {
		return s.refuse(tooLong(size, s.cfg.MaxFrame), out)
	}
	if len(b) < size {
		return wait, Need{Kind: NeedBytes, Bytes: size}, nil
	}
	m, err := wire.ParseParse(body)
	if err != nil {
		out.server.put(appendMalformed(out.server.scratch, wire.TypeParse, body))
		s.push(&request{kind: closeTarget})
		return s.skip()
	}
	if snap == nil {
		h := s.look(m.Query)
		if h&controls == 0 {
			return s.refuseParse(m.Name, staleCatalog(stale), out)
		}
		s.prepare(m.Name, &statement{hints: h})
		return relay, Need{}, nil
	}
	if snap.Empty() && s.remembers {
		if v := s.renewNamed(snap, m.Query, rewrite.Extended, out); v.act == wait {
			return wait, v.need, nil
		} else if v.refusal != nil {
			return s.refuseParse(m.Name, v.refusal, out)
		}
	}
	if st := s.relayedBefore(&m, snap); st != nil {
		s.prepare(nil, st)
		return relay, Need{}, nil
	}
	s.declaring = s.declaring[:0]
	for i := range m.Types.Len() {
		s.declaring = append(s.declaring, m.Types.At(i))
	}
	v := s.plan(snap, m.Query, rewrite.Extended, out)
	s.declaring = s.declaring[:0]
	switch {
	case v.act == wait:
		return wait, v.need, nil
	case v.act == relay:
		s.prepare(m.Name, s.unplanned(&m, snap))
		return relay, Need{}, nil
	case v.refusal != nil && late(m.Query, v.refusal):
		if v.probe != nil {
			s.recycle(v.probe)
		}
		st := s.unplannedText(string(m.Query), false, declared(&m), s.look(m.Query), snap)
		st.late = v.refusal
		out.server.put(wire.AppendParse(out.server.scratch, m.Name, lateText, st.declared))
		s.prepare(m.Name, st)
		return drop, Need{}, nil
	case v.refusal != nil:
		return s.probeParse(m.Name, v.probe, declared(&m), v.refusal, out)
	case stale != nil:
		s.recycle(v.planning)
		return s.refuseParse(m.Name, staleCatalog(stale), out)
	}
	if all := v.planning.bound.Plan.Statements(); len(all) > 0 && all[0].Prints {
		if need, unsettled := s.unsettled(floatDigits|byteaOutput, out); unsettled {
			s.recycle(v.planning)
			return wait, need, nil
		}
	}
	return s.parsePlanned(&m, snap, v.planning, out)
}

// prepare notes a Parse that is being sent.
func (s *Session) prepare(name []byte, st *statement) *request {
	names := s.statements.make(name)
	names.send(st, s.segment)
	if len(name) > 0 {
		st.named = true
	}
	s.push(&request{kind: parse, names: names, statement: st})
	return s.fifo.at(s.fifo.len() - 1)
}

// relayed is the statement of everything relayed under a snapshot of which
// nothing need be remembered.
func (s *Session) relayed(snap *catalog.Snapshot, h hints) *statement {
	kind := 0
	if h&readsOnly != 0 {
		kind |= 1
	}
	if h&controls != 0 {
		kind |= 2
	}
	if h&begins != 0 {
		kind |= 4
	}
	p := &s.plain[kind]
	if *p == nil || (*p).version != snap.Version {
		*p = &statement{version: snap.Version, hints: h}
	}
	return *p
}

// relayedBefore is the statement of an unnamed text that is the same as the one
// before, which was relayed; nil if it is not.
func (s *Session) relayedBefore(m *wire.Parse, snap *catalog.Snapshot) *statement {
	if len(m.Name) > 0 || len(s.unnamed) == 0 || s.unnamedIn != snap ||
		s.catalog.spreading() || s.catalog.inside != nil || !bytes.Equal(s.unnamed, m.Query) {
		return nil
	}
	return s.relayed(snap, s.unnamedHints)
}

// unplanned is the statement of a text that touches nothing sealed. A named
// one keeps its text, because a column of its may be sealed before it is used.
func (s *Session) unplanned(m *wire.Parse, snap *catalog.Snapshot) *statement {
	h := s.look(m.Query)
	text, foreign := m.Query, false
	if !rewrite.IsASCII(text) && s.settings.values.Transcodes() {
		if converted, err := s.settings.values.ToUTF8(text); err == nil {
			text, foreign = converted, true
		}
	}
	if len(m.Name) == 0 {
		s.unnamed = s.unnamed[:0]
		if h&^(readsOnly|controls) == 0 && !foreign && s.catalog.inside == nil {
			if len(m.Query) <= keptText {
				s.unnamed = append(s.unnamed, m.Query...)
				s.unnamedIn, s.unnamedHints = nil, h
				if rewrite.IsASCII(m.Query) {
					s.unnamedIn = snap
				}
			}
			return s.relayed(snap, h)
		}
	}
	return s.unplannedText(string(text), foreign, declared(m), h, snap)
}

// unplannedText is unplanned for a text that is kept.
func (s *Session) unplannedText(text string, foreign bool, declared []uint32, h hints, snap *catalog.Snapshot) *statement {
	return &statement{text: text, foreign: foreign, mode: rewrite.Extended, escapes: !s.settings.conforming, declared: declared,
		opaque: h&fetches != 0 || s.catalog.inside != nil && h&controls == 0, hints: h, version: snap.Version}
}

func declared(m *wire.Parse) []uint32 {
	if m.Types.Len() == 0 {
		return nil
	}
	types := make([]uint32, m.Types.Len())
	for i := range types {
		types[i] = m.Types.At(i)
	}
	return types
}

// parsePlanned sends the server's text of a statement with sealed columns.
func (s *Session) parsePlanned(m *wire.Parse, snap *catalog.Snapshot, p *planning, out *Output) (action, Need, error) {
	st := s.planned(m.Query, declared(m), snap, p)
	types, refusal := s.typeParameters(st, p, m.Query)
	if refusal != nil {
		s.recycle(p)
		return s.refuseParse(m.Name, refusal, out)
	}
	if st.copies() != nil {
		p.kept, st.planning = true, p
	}
	if p.bound.Plan.Relay() {
		s.prepare(m.Name, st).planning = p
		return relay, Need{}, nil
	}
	q := questionOf(p.bound.Plan)
	s.oneSnapshot(q, out)
	dst := out.server.scratch
	if q != nil {
		dst = appendTried(dst, q, st, m.Name)
	}
	dst, need, refusal := s.appendDeferring(dst, m.Name, st, p, types)
	if refusal != nil || need.Kind != NeedNothing {
		s.recycle(p)
		if refusal != nil {
			return s.refuseParse(m.Name, refusal, out)
		}
		return wait, need, nil
	}
	out.server.put(dst)
	if q != nil {
		s.tried(q, st, m.Name)
	}
	s.prepare(m.Name, st).planning = p
	return drop, Need{}, nil
}

// appendDeferring is appendParse for a statement that fails at Bind with what
// PostgreSQL finds wrong with its literals only there.
func (s *Session) appendDeferring(dst, name []byte, st *statement, p *planning, types []uint32) ([]byte, Need, *wire.Error) {
	s.deferring, s.deferred = true, nil
	noted := s.sent.noted
	dst, need, refusal := s.appendParse(dst, name, p, types)
	st.deferred, s.deferring, st.constants = s.deferred, false, slices.Clone(p.constants)
	st.sent = s.sent.last(s.sent.noted - noted)
	return dst, need, refusal
}

// appendParse appends the Parse of a planned text.
func (s *Session) appendParse(dst, name []byte, p *planning, types []uint32) ([]byte, Need, *wire.Error) {
	dst, start := wire.Begin(dst, wire.TypeParse)
	dst = wire.AppendCString(dst, name)
	p.bound.Converts = s.converts(p.bound.Plan)
	dst, need, refusal := s.sealText(dst, p)
	if refusal != nil || need.Kind != NeedNothing {
		return dst, need, refusal
	}
	if all := p.bound.Plan.Statements(); len(name) > 0 && len(all) > 0 {
		dst = appendShapeOf(dst, all[0].Results)
	}
	dst = append(dst, 0)
	dst = wire.AppendCount(dst, len(types))
	for _, t := range types {
		dst = wire.AppendOID(dst, t)
	}
	return wire.End(dst, start), Need{}, nil
}

// appendShapeOf appends what has the text of a statement tell which sealed columns its rows
// have, so that it is another one where these were not sealed, or other ones were: a pooler
// that keeps prepared statements finds them by their texts, and the server does not go on
// with one whose rows have got other types.
func appendShapeOf(dst []byte, results []*catalog.SealedColumn) []byte {
	shape := printShape(printStart, results)
	if shape == printStart {
		return dst
	}
	return append(strconv.AppendUint(append(dst, " /* pgseal "...), shape>>32, 16), " */"...)
}

// printShape is the print of the types that sealed columns have at the server.
func printShape(h uint64, columns []*catalog.SealedColumn) uint64 {
	var domain [4]byte
	for _, c := range columns {
		switch {
		case c == nil:
		case c.Mixed != nil:
			h = printShape(h, c.Mixed)
		case c.Cells != nil:
			h = printShape(h, c.Cells)
		case c.Elements != nil:
			h = printShape(h, []*catalog.SealedColumn{c.Elements})
		case c.Domain != 0:
			binary.BigEndian.PutUint32(domain[:], c.Domain)
			h = printBytes(h, domain[:])
		}
	}
	return h
}

// planned is the statement of a planned Parse.
func (s *Session) planned(text []byte, declared []uint32, snap *catalog.Snapshot, p *planning) *statement {
	st := &statement{
		text: string(text), mode: rewrite.Extended, print: s.fingerprint(p), declared: declared,
		hints: s.look(text) | p.executed, version: snap.Version, escapes: p.escapes, read: true, literals: s.settings.kept(),
	}
	if p.foreign {
		st.text, st.foreign = string(p.client), true
	}
	if all := p.bound.Plan.Statements(); len(all) > 0 {
		st.plan = &all[0]
		st.patterns = patternsOf(st.plan)
		if st.results = st.plan.Results; st.plan.Arrangement != nil {
			st.width = len(st.results)
		}
		switch st.plan.Effect {
		case rewrite.Executes:
			st.opaque = true
			st.inner, _ = s.prepared(st.plan.Name)
		case rewrite.Fetches:
			st.opaque, st.cursor = true, st.plan.Name
		}
	} else {
		st.opaque = s.catalog.inside != nil
	}
	return st
}

// showsSettings reports that the text of sealed values among the rows depends on
// settings.
func showsSettings(results []*catalog.SealedColumn, format *formats) bool {
	for i, c := range results {
		if c == nil {
			continue
		}
		if c.Cells != nil || showsSettings(c.Record, &formats{}) || c.Elements != nil && bySettings(c.Elements.Stored()) {
			return true
		}
		if (format.of(i) == wire.Text || c.IsCast()) && (bySettings(c.Type) || bySettings(c.Stored())) {
			return true
		}
	}
	return false
}

// bySettings reports that the text of a type's values depends on settings.
func bySettings(t logical.Type) bool {
	switch t.Scalar() {
	case logical.OIDFloat4, logical.OIDFloat8, logical.OIDDate, logical.OIDTimestamp, logical.OIDTimestamptz, logical.OIDInterval:
		return true
	}
	return false
}

// shownBy are the unreported settings by which sealed values may have to be shown.
func shownBy(results []*catalog.SealedColumn) (by unreported) {
	for _, c := range results {
		switch {
		case c == nil:
		case c == catalog.DefaultText:
			by |= searchPath // it decides which types are shown with their schema
		case c.Elements != nil, c.Cells != nil:
			by |= shownTypeBy(c.Type)
		case c.Record != nil:
			for _, in := range c.Record {
				if in != nil {
					by |= shownTypeBy(in.Type)
				}
			}
		case c.Document == nil:
			by |= shownTypeBy(c.Type) &^ byteaOutput // its envelope shows it
		default:
			for i := range c.Document.Parts {
				by |= shownTypeBy(c.Document.Parts[i].Column.Type)
			}
		}
	}
	return by
}

func shownTypeBy(t logical.Type) unreported {
	switch t.Scalar() {
	case logical.OIDFloat4, logical.OIDFloat8:
		return floatDigits
	case logical.OIDBytea:
		return byteaOutput
	}
	return 0
}

// shownBy are those by which the statement's rows may have to be shown.
func (p *statement) shownBy() unreported {
	if p.opaque && p.plan == nil {
		return floatDigits
	}
	return shownBy(p.results)
}

// changesNames reports that running the statement changes which prepared
// statements there are.
func (p *statement) changesNames() bool { return p != nil && p.plan != nil && changesNames(p.plan) }

func changesNames(st *rewrite.Statement) bool {
	st = runs(st)
	return st.Effect == rewrite.Prepares || st.Effect == rewrite.Deallocates || st.Effect == rewrite.Discards
}

// runs is what a statement runs: itself, or what it executes.
func runs(st *rewrite.Statement) *rewrite.Statement {
	if st.Effect == rewrite.Executes && st.Inner != nil {
		return st.Inner
	}
	return st
}
