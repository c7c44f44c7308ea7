package rewrite

import (
	"encoding/hex"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// See docs/decisions/0017-values-inside-json.md.
//
// ORMs have the server put rows of other tables into one JSON document. A sealed
// value goes into it as a string that has a mark, by which the session finds it.

// documentFunction is a function of PostgreSQL that makes JSON.
type documentFunction struct {
	binary bool // jsonb
	// first and step say which arguments are values: all from the first one on, or
	// every second one. The others are keys.
	first, step int
	// spaced: it sets arrays and rows apart by their types. arrays: it takes nothing
	// but arrays.
	spaced, arrays bool
}

var documentFunctions = map[string]documentFunction{
	"to_json": {step: 1}, "row_to_json": {step: 1}, "json_agg": {step: 1, spaced: true}, "json_object_agg": {first: 1, step: 1},
	"json_build_array": {step: 1}, "json_build_object": {first: 1, step: 2}, "array_to_json": {step: 1, arrays: true},
	"to_jsonb": {binary: true, step: 1}, "jsonb_agg": {binary: true, step: 1}, "jsonb_object_agg": {binary: true, first: 1, step: 1},
	"jsonb_build_array": {binary: true, step: 1}, "jsonb_build_object": {binary: true, first: 1, step: 2},
}

func (f documentFunction) isValue(i int) bool { return i >= f.first && (i-f.first)%f.step == 0 }

func (f documentFunction) typ() logical.Type {
	if f.binary {
		return logical.Type{OID: logical.OIDJSONB, Typmod: -1}
	}
	return logical.Type{OID: logical.OIDJSON, Typmod: -1}
}

// documentCall is a call that makes JSON, of a function or one of SQL's own.
type documentCall struct {
	making
	name   string
	typ    logical.Type
	at     int32
	args   []documentArg
	order  []*pg.Node
	filter *pg.Node
	// collects: it is an aggregate.
	collects bool
	// undecided: whether it gives json or jsonb its arguments decide.
	undecided bool
}

// documentArg is a value or, if key, something else.
type documentArg struct {
	node *pg.Node
	key  bool
}

// making says how values of a document are written.
type making struct {
	binary, spaced, arrays bool
	draft                  *draft
}

// inside is how those of an array or row among the values are written.
func (m making) inside() making {
	m.spaced, m.arrays = false, false
	return m
}

// documentCallOf says whether an expression is a call that makes JSON.
func (a *analysis) documentCallOf(n *pg.Node) (c documentCall, ok bool) {
	f := n.GetFuncCall()
	if f == nil {
		return a.documentConstructor(n)
	}
	parts := names(f.Funcname)
	made, ok := documentFunctions[last(parts)]
	if !ok || len(parts) > 1 && parts[0] != "pg_catalog" || f.AggDistinct || f.Over != nil || f.FuncVariadic || f.AggWithinGroup {
		return c, false
	}
	c = documentCall{
		making: making{binary: made.binary, spaced: made.spaced, arrays: made.arrays}, name: "function " + last(parts), typ: made.typ(), at: f.Location,
		order: f.AggOrder, filter: f.AggFilter, collects: strings.HasSuffix(last(parts), "_agg"),
	}
	for i, arg := range f.Args {
		c.args = append(c.args, documentArg{arg, !made.isValue(i)})
	}
	return c, true
}

// document is peek for a call that makes JSON of sealed values.
func (a *analysis) document(n *pg.Node, sc *scope) *sealedExpr {
	if a.persistent {
		return nil
	}
	if e, ok := a.documents[n]; ok {
		return e
	}
	call, ok := a.documentCallOf(n)
	if !ok || n.GetFuncCall() != nil && a.isHidden(names(n.GetFuncCall().Funcname)) {
		return nil
	}
	var e *sealedExpr
	for _, arg := range call.args {
		if arg.key {
			continue
		}
		if of := a.sealedWithin(arg.node, sc); of != nil {
			e = a.newDocument(n, of, call.typ, &draft{kind: a.kindOf(&call, sc)}, sc)
			e.at = call.at
			a.givesJSON(&call, of, sc)
			break
		}
	}
	a.isDocument(n, e)
	return e
}

// newDocument is a document of a type that a node makes, with a sealed column in it.
func (a *analysis) newDocument(n *pg.Node, of *catalog.SealedColumn, t logical.Type, d *draft, sc *scope) *sealedExpr {
	c := &catalog.SealedColumn{Type: t, Schema: of.Schema, Table: of.Table, Name: of.Name, Document: a.parts()}
	a.drafted(c, d)
	return &sealedExpr{column: c, made: &alternatives{node: n, scope: sc}}
}

// isDocument remembers what document a node is, nil for none.
func (a *analysis) isDocument(n *pg.Node, e *sealedExpr) {
	if a.documents == nil {
		a.documents = map[*pg.Node]*sealedExpr{}
	}
	a.documents[n] = e
}

// sealedWithin is the sealed column that a value is or has in it, nil for none.
func (a *analysis) sealedWithin(n *pg.Node, sc *scope) *catalog.SealedColumn {
	if e := a.peek(n, sc); e != nil {
		return e.column
	}
	if row := a.rowOf(n, sc); row != nil {
		return row.sealed()
	}
	for _, n := range a.partsOf(n) {
		if c := a.sealedWithin(n, sc); c != nil {
			return c
		}
	}
	if outputs := a.oneOutput(n, sc); outputs != nil {
		return outputs[0].sealed
	}
	return nil
}

// partsOf are the values that ROW, ARRAY and array_agg put together; nil for all else.
func (a *analysis) partsOf(n *pg.Node) []*pg.Node {
	switch x := n.GetNode().(type) {
	case *pg.Node_RowExpr:
		return x.RowExpr.Args
	case *pg.Node_AArrayExpr:
		return x.AArrayExpr.Elements
	case *pg.Node_FuncCall:
		if isArrayAgg(x.FuncCall) {
			return x.FuncCall.Args
		}
	}
	return nil
}

func isArrayAgg(f *pg.FuncCall) bool {
	parts := names(f.Funcname)
	return last(parts) == "array_agg" && (len(parts) == 1 || parts[0] == "pg_catalog") && len(f.Args) == 1 &&
		!f.AggDistinct && f.Over == nil && !f.FuncVariadic && !f.AggWithinGroup
}

// oneOutput is that of a subquery whose rows become one value: ARRAY(SELECT …), or a
// row.
func (a *analysis) oneOutput(n *pg.Node, sc *scope) []column {
	s := n.GetSubLink()
	if s == nil || s.SubLinkType != pg.SubLinkType_ARRAY_SUBLINK && s.SubLinkType != pg.SubLinkType_EXPR_SUBLINK {
		return nil
	}
	outputs := a.sublink(s, sc)
	if len(outputs) != 1 || outputs[0].sealed == nil {
		return nil
	}
	return outputs
}

// rowOf is the item whose whole row an expression is, if it has sealed columns: u,
// or u.* as an argument.
func (a *analysis) rowOf(n *pg.Node, sc *scope) *item {
	ref := n.GetColumnRef()
	if ref == nil {
		return nil
	}
	if star, qualifier := isStar(ref); star {
		it := qualifiedItem(qualifier, sc)
		if it == nil || it.sealed() == nil {
			return nil
		}
		a.allPlain(it.columns)
		return it
	}
	return a.resolve(ref, sc).row
}

// parts are those of the documents that the statement being planned makes.
func (a *analysis) parts() *catalog.Document {
	if a.made == nil {
		a.made = &catalog.Document{Begins: []byte(`"` + a.mark)}
	}
	return a.made
}

// settleDocument seals off what a document is made of.
func (a *analysis) settleDocument(e *sealedExpr) {
	sc := e.made.scope
	if x := e.made.node.GetTypeCast(); x != nil {
		a.settleDocumentCast(e, x, sc)
		return
	}
	if x := e.made.node.GetAExpr(); x != nil {
		a.settleDocumentOperator(x, sc)
		return
	}
	call, _ := a.documentCallOf(e.made.node)
	call.draft = a.drafts[e.column]
	a.in(call.name, func() {
		sc.collecting(call.collects, func() {
			for _, arg := range call.args {
				if arg.key {
					a.plain(arg.node, sc)
				} else {
					a.documentValue(arg.node, call.making, sc)
				}
			}
		})
		a.rankKeys(call.order, sc, false)
	})
	a.filters(call.filter, sc)
}

func (a *analysis) documentValue(n *pg.Node, made making, sc *scope) {
	e := a.peek(n, sc)
	if e == nil || n.GetSubLink() != nil && e.column.Record != nil || e.column.Elements != nil && e.made != nil {
		a.documentParts(n, made, sc)
		return
	}
	if e.column.Document != nil {
		if a.joins(e, made) {
			a.settle(e, a.shownAs(e))
			a.joined(e, made)
		}
		return
	}
	shown := a.castWithin(e)
	if shown == nil || e.column.Assembled() || e.grouped && !a.groupedHere(n, sc) || len(e.terms) != 1 || made.arrays || made.spaced && shown.Type.IsArray() {
		a.fail(refuseUse(e.column, e.at, a.within))
		return
	}
	a.settle(e, a.shownAs(e))
	if e.grouped && !sc.collects { // the query is guarded where it groups
		opens, closes := a.marked(shown, made, e.at)
		a.insert(e.terms[0].start, opens)
		a.anyOfGroup(e)
		a.insert(e.terms[0].end, closes)
		return
	}
	a.markAt(shown, e.terms, made, e.at)
}

// markAt makes parts of a document of what stands at some places.
func (a *analysis) markAt(shown *catalog.SealedColumn, at []term, made making, position int32) {
	opens, closes := a.marked(shown, made, position)
	for _, t := range at {
		a.edits = append(a.edits, edit{start: t.start, end: t.start, text: opens, term: true})
		a.insert(t.end, closes)
	}
}

// documentParts is for a value that is no sealed one, but may have some in it.
func (a *analysis) documentParts(n *pg.Node, made making, sc *scope) {
	row := a.rowOf(n, sc)
	switch {
	case row != nil:
		a.documentRow(n.GetColumnRef(), row, made, sc)
	case a.sealedWithin(n, sc) == nil:
		a.plain(n, sc)
	case n.GetRowExpr() != nil:
		for _, n := range n.GetRowExpr().Args {
			if ref := n.GetColumnRef(); ref != nil {
				if star, _ := isStar(ref); star { // all its columns
					a.plain(n, sc)
					continue
				}
			}
			a.documentValue(n, made.inside(), sc)
		}
	case n.GetAArrayExpr() != nil:
		a.documentElements(n.GetAArrayExpr(), made, sc)
	case n.GetFuncCall() != nil:
		f := n.GetFuncCall()
		sc.collecting(true, func() { a.documentElement(f.Args[0], made, sc) })
		a.rankKeys(f.AggOrder, sc, false)
		a.filters(f.AggFilter, sc)
	default:
		a.documentOutput(n.GetSubLink(), made, sc)
	}
}

// documentElement is a value that becomes an element of an array.
func (a *analysis) documentElement(n *pg.Node, made making, sc *scope) {
	if e := a.peek(n, sc); e != nil && e.typ().IsArray() {
		a.fail(refuseUse(e.column, e.at, a.within))
		return
	}
	a.documentValue(n, made.inside(), sc)
}

// documentElements are those of ARRAY[…]: sealed values of one type, because what is
// put in their place is text.
func (a *analysis) documentElements(x *pg.A_ArrayExpr, made making, sc *scope) {
	var first *sealedExpr
	for _, n := range x.Elements {
		e := a.peek(n, sc)
		if e == nil || len(e.casts) > 0 || e.column.Document != nil || first != nil && e.typ() != first.typ() {
			a.plain(n, sc)
			a.fail(refuseUse(a.sealedWithin(&pg.Node{Node: &pg.Node_AArrayExpr{AArrayExpr: x}}, sc), location(n), "ARRAY with values of other types"))
			return
		}
		if first == nil {
			first = e
		}
		a.documentElement(n, made, sc)
	}
}

// documentOutput makes the output of a subquery a part of a document.
func (a *analysis) documentOutput(s *pg.SubLink, made making, sc *scope) {
	c := a.sublink(s, sc)[0]
	array := s.SubLinkType == pg.SubLinkType_ARRAY_SUBLINK
	made = made.inside()
	query := s.Subselect.GetSelectStmt()
	switch {
	case c.whole != nil && query.GetOp() == pg.SetOperation_SETOP_NONE && query.GetDistinctClause() == nil && query.GetGroupClause() == nil:
		a.documentRow(c.whole.ref, c.whole.row, made, c.whole.scope)
	case c.sealed.Document != nil:
		e := &sealedExpr{column: c.sealed, at: s.Location}
		if a.joins(e, made) {
			a.joined(e, made)
		}
	case array && c.wraps != nil && query.GetDistinctClause() == nil && !c.sealed.Assembled() && !shownColumn(&c).Type.IsArray():
		a.markAt(shownColumn(&c), c.wraps, made, s.Location)
	default:
		a.fail(refuseUse(c.sealed, s.Location, a.within))
	}
}

// castWithin takes the casts around a value away and gives the column as the type
// that they give it. Those that change values are made when the values are opened.
func (a *analysis) castWithin(e *sealedExpr) *catalog.SealedColumn {
	shown := a.castTo(e)
	if shown == nil {
		a.fail(refuseCast(e.column, e.at))
		return nil
	}
	for _, cast := range e.casts {
		a.dropCast(cast, e)
	}
	return shown
}

// castTo is the column as the type that the casts around a value give it, nil if they
// cannot be made when it is opened.
func (a *analysis) castTo(e *sealedExpr) *catalog.SealedColumn {
	from := e.typ()
	var casts []logical.Type
	for _, cast := range e.casts { // the innermost first
		named, ok := a.typeNamed(cast.TypeName)
		to := named.whole()
		switch {
		case ok && from == to:
		case !ok || e.converted():
			return nil
		case casts == nil && from.Widens(to):
		case from.Converts(to) || from.Widens(to):
			casts = append(casts[:len(casts):len(casts)], from)
		default:
			return nil
		}
		from = to
	}
	switch {
	case e.converted():
		return e.shown
	case casts != nil:
		return a.other(e.column, casts, from)
	}
	return a.as(e.column, from)
}

// marked is what stands around a sealed value to make it a part of a document.
func (a *analysis) marked(c *catalog.SealedColumn, made making, at int32) (opens, closes string) {
	i := a.part(catalog.Part{Column: c, Binary: made.binary}, made.draft)
	if i >= catalog.MaxParts || !c.Type.HasJSON() {
		a.fail(refuseUse(c, at, a.within))
		return "", ""
	}
	a.note("open", c, "in a document", at)
	a.carry(c)
	return "('" + a.mark + hex.EncodeToString([]byte{byte(i)}) + "'::pg_catalog.text OPERATOR(pg_catalog.||) pg_catalog.encode((", ")::pg_catalog.bytea, 'hex'))"
}

// madeRow is the alias of the subquery that makes a row anew.
const madeRow = "pgseal_row"

// documentRow makes a row of a table or subquery anew, with its sealed columns as
// parts of a document. The row of an outer join that found none stays NULL.
func (a *analysis) documentRow(ref *pg.ColumnRef, row *item, made making, sc *scope) {
	start, end, ok := a.referenceSpan(ref)
	if !ok || row.open || row.shown || len(ref.Fields) > 2 {
		a.fail(refuseRow(row.sealed(), ref.Location, row.name))
		return
	}
	first := a.tokens[a.tokenAt(ref.Location)]
	of := string(a.text[first.start:first.end])
	if star, _ := isStar(ref); !star {
		of = string(a.text[start:end])
	}
	var list []string
	var met []string
	for i := range row.columns {
		c := &row.columns[i]
		key := a.keyOf(row, i)
		if c.rest || c.name == madeRow || key == madeRow || slices.Contains(met, c.name) || sc.groups(c) && !(sc.collects && sc.groupsItself(c)) {
			a.fail(refuseRow(row.sealed(), ref.Location, row.name))
			return
		}
		met = append(met, c.name)
		reads := of + "." + quoteName(c.name)
		switch shown := c.shown; {
		case c.sealed == nil:
		case c.sealed.Broken != "":
			a.fail(refuseBroken(c.sealed, ref.Location))
			return
		case c.sealed.Document != nil:
			e := &sealedExpr{column: c.sealed, at: ref.Location}
			if !a.joins(e, made) {
				return
			}
			a.joined(e, made)
		case c.sealed.Assembled(), c.whole != nil:
			a.fail(refuseUse(c.sealed, ref.Location, a.within))
			return
		default:
			if shown == nil {
				shown = c.sealed
			}
			opens, closes := a.marked(shown, made, ref.Location)
			reads = opens + reads + closes
		}
		list = append(list, reads+" AS "+quoteName(key))
	}
	// What is between the first and the last edit can be guarded.
	a.edits = append(a.edits,
		edit{start: start, end: start, text: "(CASE WHEN " + of + " IS DISTINCT FROM NULL THEN ", term: true},
		edit{start: end, end: end, text: " END)"},
		replacing(start, end, "(SELECT "+madeRow+" FROM (SELECT "+strings.Join(list, ", ")+") AS "+madeRow+")"))
}

// keyOf is the name that a column has in a document made of its row.
func (a *analysis) keyOf(row *item, i int) string {
	r, shown := row.relation, a.snap.Shown()
	if r != nil && i < len(r.Columns) && shown != nil && shown.RowsKeepNames {
		return r.Columns[i].Name
	}
	return row.columns[i].name
}

// noDocuments refuses them, and arrays and rows of sealed values, where the session
// would not know where they are. computed are outputs of which it knows it.
func (a *analysis) noDocuments(results []*catalog.SealedColumn, computed []*Formula, where string) {
	for i, c := range results {
		switch {
		case c == nil || !c.Holds() || computed != nil && computed[i] != nil:
		case c.Document != nil:
			a.fail(refuseUse(c, -1, "JSON in "+where))
		default:
			a.fail(refuseUse(c, -1, "an array or row in "+where))
		}
	}
}
