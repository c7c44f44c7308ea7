package session

import (
	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/rewrite"
	"pgseal/wire"
)

// What is fetched from a cursor is opened by the plan of its DECLARE, and by the
// origin that the server reports where a function opened it. The server alone
// knows which cursors there are: it drops some when a savepoint is rolled back,
// and a function can open and close them. So what stands here is taken for what
// it was when it was declared, never for proof: where it and the server's
// description leave a column unclear, a value that looks sealed is refused.

// cursor is one that DECLARE has opened.
type cursor struct {
	results []*catalog.SealedColumn // of its rows, by plan
	origins []catalog.Attribute     // of them, see rewrite.Statement
	// computed are those of the results that are.
	computed computedOutputs
	plain    bool // planned, and none of them is sealed
	held     bool // WITH HOLD
	kept     bool // held, and its transaction has been committed
	undone   bool // it may have been rolled back since the last ReadyForQuery
	// rows are those that the session sorts or filters, nil where the server gives them as
	// they are fetched.
	rows *heldRows
}

type cursors struct {
	named map[string]cursor
	// sealed counts those with sealed results. While there are some, rows are
	// looked at even if the catalog has nothing sealed any more.
	sealed int
	// sets: what is fetched from one of them can change settings.
	sets bool
}

// maxCursors bounds how many are remembered whose rows the server's description can tell of,
// too.
const maxCursors = 1 << 12

func (c *cursors) has(name []byte) bool {
	_, ok := c.named[string(name)]
	return ok
}

func (c *cursors) forget(name string) {
	if c.named[name].results != nil {
		c.sealed--
	}
	delete(c.named, name)
}

func (c *cursors) clear() {
	clear(c.named)
	c.sealed = 0
}

// declare notes a cursor that the server has opened, and what its rows are.
func (c *cursors) declare(st *rewrite.Statement, results []*catalog.SealedColumn, computed computedOutputs) {
	c.forget(st.Name)
	if len(c.named) >= maxCursors && st.Computed() == nil {
		return
	}
	if c.named == nil {
		c.named = map[string]cursor{}
	}
	opened := cursor{held: st.Held}
	if st.Inner != nil {
		opened.results, opened.origins, opened.computed = results, st.Inner.Origins, computed
		opened.plain = opened.results == nil
		if st.Inner.Arrangement != nil {
			opened.rows = &heldRows{cursor: st.Inner.Arrangement}
		}
	}
	if opened.results != nil {
		c.sealed++
	}
	c.named[st.Name] = opened
}

// completed follows the end of a transaction inside a Query or a pipeline.
func (c *cursors) completed(tag []byte) {
	switch string(tag) {
	case "COMMIT":
		c.keep(true)
	case "ROLLBACK":
		c.undo()
	}
}

// undo: what has been declared may have been rolled back.
func (c *cursors) undo() {
	for name, k := range c.named {
		if !k.kept {
			k.undone = true
			c.named[name] = k
		}
	}
}

// keep: what has been declared WITH HOLD outlives its transaction. undone: also what may
// have been rolled back.
func (c *cursors) keep(undone bool) {
	for name, k := range c.named {
		if k.held && !k.kept && (undone || !k.undone) {
			k.kept = true
			c.named[name] = k
		}
	}
}

// ended: no transaction is open.
func (c *cursors) ended() {
	if len(c.named) == 0 {
		return // as nearly always: even an empty map takes time to go through
	}
	c.keep(false)
	for name, k := range c.named {
		if !k.kept {
			c.forget(name)
		}
	}
}

// openCursors reads the cursors that the server has: two arrays, of their names and
// their texts. What a function has opened is not a DECLARE, whatever the session
// knows under that name.
func (s *Session) openCursors(names, texts []byte) *rewrite.OpenCursors {
	open, ok := &rewrite.OpenCursors{}, false
	for _, x := range [...]struct {
		from []byte
		to   *[]string
	}{{names, &open.Names}, {texts, &open.Texts}} {
		utf8, err := s.settings.values.ToUTF8(x.from)
		if *x.to, ok = readNames(utf8); !ok || err != nil {
			return nil
		}
	}
	if len(open.Names) != len(open.Texts) {
		return nil
	}
	open.Plain = make([]bool, len(open.Names))
	for i, name := range open.Names {
		open.Plain[i] = s.cursors.named[name].plain && foldedPrefix(afterComments([]byte(open.Texts[i])), "declare")
	}
	return open
}

// closesCursors reports that a statement changes which cursors there are.
func closesCursors(st *rewrite.Statement) bool {
	st = runs(st)
	return st.Effect == rewrite.Declares || st.Effect == rewrite.Closes || st.Effect == rewrite.Discards
}

func (p *statement) closesCursors() bool { return p != nil && p.plan != nil && closesCursors(p.plan) }

// declared follows a DECLARE that has been carried out: no portal of the
// protocol has the name any more.
func (s *Session) declared(r *request, st *rewrite.Statement) {
	var results []*catalog.SealedColumn
	computed := computedOutputs{st.Computed(), given{literals: s.settings.kept()}}
	if st.Inner != nil {
		results = st.Inner.Results
	}
	if computed.formulas != nil && r.kind == execute {
		computed = r.portal.computed()
		results, _ = r.portal.statement.typedOutputs(results, computed.formulas, nil) // it has been declared: they have types
	}
	s.cursors.declare(st, results, computed)
	s.forgetPortal(st.Name)
}

// closed follows a CLOSE that has been carried out.
func (s *Session) closed(st *rewrite.Statement) {
	if st.Name == "" {
		s.cursors.clear()
		s.portals.clear()
		return
	}
	s.cursors.forget(st.Name)
	s.forgetPortal(st.Name)
}

func (s *Session) forgetPortal(name string) {
	if e := s.portals.findNamed(name); e != nil {
		e.set(portal{})
		s.portals.tidy(e)
	}
}

// fetched gives the sealed columns of a cursor's or portal's rows, as far as
// they are known. rows are those of the cursor that a request has been sent for, if it sorts
// or filters them.
func (s *Session) fetched(name string, rows *heldRows) expectation {
	if c, ok := s.cursors.named[name]; ok {
		return expectation{results: c.results, origins: c.origins, computed: c.computed, fetched: true, arranged: c.rows != rows}
	}
	if e := s.portals.findNamed(name); e != nil && e.confirmed.statement != nil && !e.confirmed.statement.opaque {
		return expectation{results: e.confirmed.statement.results, computed: e.confirmed.computed(), fetched: true,
			arranged: e.confirmed.statement.arrangement() != nil || rows != nil}
	}
	return expectation{fetched: true, arranged: rows != nil}
}

// unclear stands for a column of fetched rows that may be a sealed one, though
// nothing says which.
var unclear = new(catalog.SealedColumn)

// born stands for a bytea of a relation that no snapshot knows, made in a
// transaction that has not ended: it may be a sealed column.
var born = new(catalog.SealedColumn)

// fetchedColumn decides what a column of fetched rows is. A held cursor keeps
// the rows as they were when it was declared, so that its plan counts, and a
// type other than bytea is never sealed.
func fetchedColumn(planned, origin *catalog.SealedColumn, f *wire.Field, plain bool) *catalog.SealedColumn {
	switch {
	case f.Type != oidBytea:
		return nil
	case origin != nil:
		return origin
	case planned != nil:
		return planned
	case plain:
		return nil
	}
	return unclear
}

// checkUnclear refuses a value that looks sealed.
func (s *Session) checkUnclear(c *cell, value []byte) error {
	if c.server == wire.Text {
		var err error
		if s.buf.out, err = s.appendByteaText(s.buf.out[:0], value); err != nil {
			return errContradiction
		}
		value = s.buf.out
	}
	switch _, err := envelope.Parse(value); {
	case err != nil:
		return nil // the column's CHECK lets nothing but envelopes in
	case c.sealed == born:
		return refused(rewrite.RefuseBorn(), nil)
	}
	return refused(rewrite.RefuseFetched(), nil)
}
