package session

import (
	"pgseal/catalog"
	"pgseal/rewrite"
	"pgseal/wire"
)

// firstUserOID is the first object identifier that PostgreSQL gives to what
// users create; nothing below is ever sealed.
const firstUserOID = 16384

// parameterDescription shows the client's parameters with their logical types,
// though the server's text may have more of them and other types.
func (s *Session) parameterDescription(size int, b []byte, out *Output) (action, Need, error) {
	r := s.front()
	if r == nil || r.kind != describeStatement {
		return wait, Need{}, errUnasked
	}
	act := s.unlessSilent(relay)
	st := r.statement
	if st == nil || act == drop {
		return act, Need{}, nil
	}
	sealed := st.plan != nil && st.plan.Params != nil
	if !sealed && !r.tellsParams() {
		return act, Need{}, nil
	}
	if len(b) < size {
		return s.incomplete(size)
	}
	oids, err := wire.ParseParameterDescription(b[wire.HeaderLen:])
	if err != nil {
		return wait, Need{}, violation("malformed ParameterDescription from the server")
	}
	if !sealed {
		s.types = s.types[:0]
		for i := range oids.Len() {
			s.types = append(s.types, oids.At(i))
		}
		r.toldParams(printTypes(s.types))
		if r.remakes() {
			act = drop
		}
		return act, Need{}, nil
	}
	if oids.Len() != len(st.plan.Params) {
		return wait, Need{}, violation("the server describes other parameters than the statement has")
	}
	st.infer(oids)
	if !r.hidden {
		r.toldParams(printTypes(st.types))
	}
	if r.hidden || r.remakes() {
		return drop, Need{}, nil
	}
	dst, start := wire.Begin(out.client.scratch, wire.TypeParameterDescription)
	dst = wire.AppendCount(dst, len(st.types))
	for _, t := range st.types {
		dst = wire.AppendOID(dst, t)
	}
	out.client.put(wire.End(dst, start))
	return drop, Need{}, nil
}

// noData: the statement returns no rows.
func (s *Session) noData() (action, Need, error) {
	r := s.front()
	if r == nil || r.kind != describeStatement && r.kind != describePortal {
		return wait, Need{}, errUnasked
	}
	act := s.unlessSilent(relay)
	if r.hidden || r.remakes() {
		act = drop
	}
	s.toldRows(r, noRows)
	s.finish()
	return act, Need{}, nil
}

// rowDescription compares what the server says of the columns' origins with
// the plan, decides how the rows are opened, and shows the client the logical
// types.
func (s *Session) rowDescription(size int, b []byte, out *Output) (action, Need, error) {
	r := s.front()
	if r == nil || r.kind != query && r.kind != describeStatement && r.kind != describePortal {
		return wait, Need{}, errUnasked
	}
	if r.hidden && r.kind == query {
		return drop, Need{}, nil // of our own question
	}
	if r.computes || r.inside != nil {
		if len(b) < size {
			return s.incomplete(size)
		}
		if r.inside != nil {
			err := insideTypes(r.inside, b[wire.HeaderLen:])
			s.finish()
			return drop, Need{}, err
		}
		err := s.computedTypes(b[wire.HeaderLen:])
		s.finish()
		return drop, Need{}, err
	}
	if s.failure.silent() {
		if r.kind != query {
			s.finish()
		}
		return drop, Need{}, nil
	}
	snap, err := s.snapshot()
	if snap == nil || snap.Empty() && !r.opens() && s.cursors.sealed == 0 {
		if snap == nil && err != nil {
			return s.undescribed(r, staleCatalog(err), out)
		}
		return s.rowsPass(r, size, b)
	}
	if len(b) < size {
		return s.incomplete(size)
	}
	if s.passes(r, b, snap) {
		return s.rowsPass(r, size, b)
	}
	if s.recall(r, b, snap, out) {
		return drop, Need{}, nil
	}
	fields, err := wire.ParseRowDescription(b[wire.HeaderLen:])
	if err != nil {
		return wait, Need{}, violation("malformed RowDescription from the server")
	}
	need, err := s.origins(r, fields, snap)
	if need.Kind != NeedNothing {
		return wait, need, nil
	}
	if err != nil {
		return s.undescribed(r, statementError(err), out)
	}
	s.pass(r, b, snap)
	shown := len(out.client.scratch)
	request := *r // described ends it
	act := s.described(r, fields, out)
	if act == drop && !request.hidden {
		s.remember(&request, b, snap, out.client.scratch[shown:])
	}
	return act, Need{}, nil
}

// rowsPass relays a description of rows with nothing sealed. Those of a Query
// follow it; what follows that of a portal may be another portal's.
func (s *Session) rowsPass(r *request, size int, b []byte) (action, Need, error) {
	if r.kind == query {
		s.result.opening = passing
		return relay, Need{}, nil
	}
	act := relay
	if r.hidden || r.remakes() {
		act = drop
	}
	if r.tellsRows() {
		if len(b) < size {
			return s.incomplete(size)
		}
		fields, err := wire.ParseRowDescription(b[wire.HeaderLen:])
		if err != nil {
			return wait, Need{}, violation("malformed RowDescription from the server")
		}
		s.toldRows(r, printFields(fields, fields.Len(), nil))
	}
	s.finish()
	return act, Need{}, nil
}

// undescribed fails a statement whose rows cannot be told apart.
func (s *Session) undescribed(r *request, e *wire.Error, out *Output) (action, Need, error) {
	s.failure.begin(e)
	if r.kind != query {
		if st := r.portal.statement; st != nil { // its Execute and a Sync may be on their way
			r.writes = st.hints&readsOnly == 0
		}
		s.fail(r.writes, out)
		s.finish()
	}
	return drop, Need{}, nil
}

// opens reports that rows of what the request asks for may have to be opened.
func (r *request) opens() bool {
	switch r.kind {
	case query:
		return r.plan != nil
	case describeStatement:
		return r.statement.opens()
	}
	return r.portal.statement.opens()
}

// expectation is what is known of the rows that the server describes.
type expectation struct {
	results []*catalog.SealedColumn // by plan
	// computed are those of them that have cells.
	computed computedOutputs
	origins  []catalog.Attribute // by plan; nil where the server names them
	// trusting: nothing was planned, so the origin alone decides.
	trusting bool
	// fetched: the rows come from a cursor, and results are what it is thought
	// to be.
	fetched bool
	// arranged: and they would have to be sorted first, or the request was for another cursor
	// of the name.
	arranged bool
	// verbatim: the server has the client's own text, so that where it names an
	// origin that is right, and a plan that says otherwise has taken a relation
	// for another of the same name that was made since.
	verbatim bool
}

func (s *Session) expected(r *request) expectation {
	var st *statement
	switch r.kind {
	case query:
		var all []rewrite.Statement
		if r.plan != nil {
			all = r.plan.Statements()
		}
		if int(r.next) >= len(all) {
			return expectation{trusting: true, fetched: s.cursors.sealed > 0}
		}
		st := &all[r.next]
		switch st.Effect {
		case rewrite.Fetches:
			return s.fetched(st.Name, r.portal.held)
		case rewrite.Executes:
			return expectation{results: st.Results, origins: st.Origins, trusting: true}
		}
		return expectation{results: st.Results, computed: computedOutputs{formulas: st.Formulas}, origins: st.Origins, trusting: st.Effect == rewrite.NoEffect && st.Results == nil && st.Params == nil,
			verbatim: st.Effect == rewrite.NoEffect && !r.plan.Edited()}
	case describeStatement:
		st = r.statement
	default:
		st = r.portal.statement
	}
	switch {
	case st == nil:
		return expectation{trusting: true, fetched: s.cursors.sealed > 0}
	case st.cursor != "":
		return s.fetched(st.cursor, r.portal.held)
	}
	e := expectation{results: st.results, trusting: st.opaque}
	if st.plan != nil {
		e.origins, e.computed.formulas = st.plan.Origins, st.plan.Formulas
	}
	return e
}

// origins fills s.columns with the sealed columns behind the described ones.
func (s *Session) origins(r *request, fields wire.Fields, snap *catalog.Snapshot) (Need, error) {
	e := s.expected(r)
	if fields.Len() < len(e.results) {
		if !e.fetched && !e.verbatim {
			return Need{}, errContradiction
		}
		e.results = nil
	}
	if e.fetched && e.arranged {
		return Need{}, errArrangedInParts
	}
	s.columns = s.columns[:0]
	s.sealedColumns, s.origin, s.computed = 0, e.origins, e.computed
	var f wire.Field
	for i, it := 0, fields.Iter(); it.Next(&f); i++ {
		var origin, c *catalog.SealedColumn
		if i < len(e.results) {
			c = e.results[i]
		}
		if f.Table != 0 && s.unread(r) && renamed(snap, f.Table) {
			s.catalog.stale, s.catalog.spread, s.catalog.told = true, true, false
			return Need{}, refused(rewrite.RefuseReached(), nil)
		}
		made := false // in a transaction that has not ended
		plain := false
		if f.Table != 0 {
			origin = snap.Origin(catalog.Attribute{Relation: f.Table, AttNum: f.AttNum})
			plain = origin == nil && f.Type == oidBytea && plainBytea(snap, &f)
			if origin == nil && f.Type == oidBytea && f.Table >= firstUserOID && !plain {
				if s.catalog.ask(f.Table, snap.Version) {
					snap.MissRelation(f.Table)
					return Need{Kind: NeedCatalog}, nil
				}
				made = snap.Relation(f.Table) == nil
				if made && !r.looks() {
					return Need{}, refused(rewrite.RefuseBorn(), nil)
				}
			}
		}
		switch {
		case c.IsText() && origin == nil && f.Type != oidBytea:
		case c != nil && c.Document != nil && origin == nil && f.Type == c.Type.OID:
		case c != nil && c.Elements != nil && origin == nil && (f.Type >= firstUserOID || f.Type == oidByteaArray):
		case c != nil && c.Cells != nil && origin == nil && f.Type == oidBytea && e.computed.of(i) != nil:
		case c != nil && c.Record != nil && origin == nil && (f.Type >= firstUserOID || f.Type == oidRecord):
		case c != nil && c.Cells != nil && e.fetched: // another cursor has the name
			return Need{}, refused(rewrite.RefuseFetched(), nil)
		case c != nil && c.Cells != nil:
			return Need{}, errContradiction
		case e.fetched:
			c = fetchedColumn(c, origin, &f, plain)
		case e.verbatim && f.Table != 0 && origin == nil:
			c = nil
		case c == nil && origin != nil && !e.trusting,
			c != nil && f.Table != 0 && (origin == nil || origin.ID != c.ID),
			(c != nil || origin != nil) && f.Type != oidBytea:
			return Need{}, errContradiction
		case c == nil:
			c = origin
		}
		if c == nil && made {
			c = born
		}
		if c != nil {
			s.sealedColumns++
		}
		s.columns = append(s.columns, c)
	}
	return Need{}, nil
}

// unread reports that the text of a request was relayed for the names in it.
func (s *Session) unread(r *request) bool {
	switch r.kind {
	case describeStatement:
		st := r.statement
		return !r.hidden && st != nil && st.plan == nil && !st.opaque && !st.read
	case describePortal:
		return s.relaysRows(r) && !r.portal.statement.read
	}
	return s.relaysRows(r) && !r.guard
}

// renamed reports that rows of a text that was relayed come from a relation with
// sealed columns: it has got a name of which the snapshot does not know yet, and the
// text may have compared its columns with what is not sealed.
func renamed(snap *catalog.Snapshot, relation uint32) bool {
	r := snap.Relation(relation)
	return r != nil && r.Sealed && r.Kind != 'v'
}

// looks reports that what is found in the description at hand will be applied to
// the rows that it describes.
func (r *request) looks() bool {
	switch r.kind {
	case query:
		return true
	case describeStatement:
		return r.statement != nil && r.statement.opaque
	}
	return r.portal.statement != nil && r.portal.statement.opaque
}

// plainBytea reports that the snapshot knows the column to be a bytea of its
// own: neither of a relation made since nor of a type that has changed.
func plainBytea(snap *catalog.Snapshot, f *wire.Field) bool {
	r := snap.Relation(f.Table)
	if r == nil {
		return false
	}
	for i := range r.Columns {
		if r.Columns[i].AttNum == f.AttNum {
			return r.Columns[i].TypeOID == oidBytea
		}
	}
	return false
}

// described takes over what the RowDescription says and shows it to the client.
func (s *Session) described(r *request, fields wire.Fields, out *Output) action {
	var bound *portal
	switch r.kind {
	case query:
		s.result.opening = passing
		if s.sealedColumns > 0 {
			s.result.opening = opened
			s.result.clear()
		}
	case describePortal:
		bound = &r.portal
		if bound.cursor {
			bound.statement.codes = codesOf(fields)
		}
		bound.statement.learn(s.columns, s.sealedColumns, s.computed)
	case describeStatement:
		r.statement.learn(s.columns, s.sealedColumns, s.computed)
	}
	act, shown := relay, fields.Len()
	if arrangement := r.arrangement(); arrangement != nil {
		shown -= arrangement.Hidden
	}
	switch {
	case r.hidden || r.remakes():
		act = drop
	case s.sealedColumns > 0 || s.lacksOrigins(fields):
		act = drop
		frame := s.showFields(bound, fields, shown, out.client.scratch, r.kind == query && s.sealedColumns > 0)
		if r.kind == query && r.fetches() { // PostgreSQL fetches before it describes
			d := s.delay()
			d.rows = append(d.rows[:0], frame...)
		} else {
			out.client.put(frame)
		}
	}
	if r.kind != query && r.tellsRows() {
		s.toldRows(r, printFields(fields, shown, s.columns))
	}
	if st := s.executes(r); st != nil && st.told.rows == 0 {
		st.told.rows = printFields(fields, shown, s.columns)
	}
	if r.kind != query {
		s.finish()
	}
	return act
}

// showFields appends the description of so many columns with logical types. For a Query it also notes
// how each column is opened: both sides use the format that the server says.
func (s *Session) showFields(bound *portal, fields wire.Fields, shown int, dst []byte, note bool) []byte {
	dst, start := wire.Begin(dst, wire.TypeRowDescription)
	dst = wire.AppendCount(dst, shown)
	var f wire.Field
	for i, it := 0, fields.Iter(); it.Next(&f); i++ {
		c := s.columns[i]
		if note {
			cl := cell{sealed: c, server: f.Format, client: f.Format}
			if c != nil && c.Cells != nil {
				cl.output = s.computed.of(i)
			}
			s.result.add(cl)
		}
		if i >= shown {
			continue
		}
		if s.lacksOrigin(i, &f) {
			f.Table, f.AttNum = s.origin[i].Relation, s.origin[i].AttNum
		}
		if showField(&f, c) && bound != nil && bound.asked {
			f.Format = bound.formats.of(i)
		}
		dst = f.Append(dst)
	}
	return wire.End(dst, start)
}

// lacksOrigin reports that PostgreSQL would say that a column comes from elsewhere than
// the server does, which got an expression or a query in its place.
func (s *Session) lacksOrigin(i int, f *wire.Field) bool {
	if i >= len(s.origin) || f.Table >= firstUserOID {
		return false
	}
	at := s.origin[i]
	return at.Relation != 0 && at != catalog.Attribute{Relation: f.Table, AttNum: f.AttNum}
}

// lacksOrigins is lacksOrigin for any of the columns.
func (s *Session) lacksOrigins(fields wire.Fields) bool {
	if len(s.origin) == 0 {
		return false
	}
	var f wire.Field
	for i, it := 0, fields.Iter(); it.Next(&f); i++ {
		if s.lacksOrigin(i, &f) {
			return true
		}
	}
	return false
}

// showField gives a field the type that the client knows, if it has another one.
func showField(f *wire.Field, c *catalog.SealedColumn) bool {
	if c == nil || c == unclear || c == born || c.IsText() || c.Document != nil || c.Record != nil {
		return false
	}
	shown := c.Type.Shown()
	f.Type, f.TypLen, f.TypMod = shown.OID, shown.Size(), shown.Typmod
	return true
}

// codesOf are the formats of the described columns.
func codesOf(fields wire.Fields) []int16 {
	codes := make([]int16, 0, fields.Len())
	var f wire.Field
	for it := fields.Iter(); it.Next(&f); {
		codes = append(codes, f.Format)
	}
	return codes
}

// learn keeps what a description said of a statement's rows.
func (p *statement) learn(columns []*catalog.SealedColumn, sealed int, computed computedOutputs) {
	if p == nil || !p.opens() {
		return
	}
	p.width = len(columns)
	if !p.opaque {
		return
	}
	p.results, p.computed = nil, computedOutputs{}
	if sealed > 0 {
		p.results, p.computed = append([]*catalog.SealedColumn(nil), columns...), computed
	}
}
