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
	// spaced: it sets arrays and rows apart by their types.
	spaced bool
}

var documentFunctions = map[string]documentFunction{
	"to_json": {step: 1}, "row_to_json": {step: 1}, "json_agg": {step: 1, spaced: true}, "json_object_agg": {first: 1, step: 1},
	"json_build_array": {step: 1}, "json_build_object": {first: 1, step: 2},
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

// documentFunctionOf says whether a call is one of a function that makes JSON.
func documentFunctionOf(f *pg.FuncCall) (documentFunction, bool) {
	parts := names(f.Funcname)
	made, ok := documentFunctions[last(parts)]
	return made, ok && (len(parts) == 1 || parts[0] == "pg_catalog") && !f.AggDistinct && f.Over == nil && !f.FuncVariadic && !f.AggWithinGroup
}

// document is peek for a call that makes JSON of sealed values.
func (a *analysis) document(n *pg.Node, sc *scope) *sealedExpr {
	f := n.GetFuncCall()
	made, ok := documentFunctionOf(f)
	if !ok || a.persistent {
		return nil
	}
	if e, ok := a.documents[n]; ok {
		return e
	}
	var e *sealedExpr
	for i, arg := range f.Args {
		if !made.isValue(i) {
			continue
		}
		if of := a.sealedWithin(arg, sc); of != nil {
			c := &catalog.SealedColumn{Type: made.typ(), Schema: of.Schema, Table: of.Table, Name: of.Name, Document: a.parts()}
			e = &sealedExpr{column: c, at: f.Location, made: &alternatives{node: n, scope: sc}}
			break
		}
	}
	if a.documents == nil {
		a.documents = map[*pg.Node]*sealedExpr{}
	}
	a.documents[n] = e
	return e
}

// sealedWithin is the sealed column that a value is or has in it, nil for none.
func (a *analysis) sealedWithin(n *pg.Node, sc *scope) *catalog.SealedColumn {
	if e := a.peek(n, sc); e != nil {
		return e.column
	}
	if row := a.rowOf(n, sc); row != nil {
		return row.sealed()
	}
	return nil
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
func (a *analysis) settleDocument(f *pg.FuncCall, sc *scope) {
	made, _ := documentFunctionOf(f)
	a.in("function "+last(names(f.Funcname)), func() {
		for i, arg := range f.Args {
			if made.isValue(i) {
				a.documentValue(arg, made, sc)
			} else {
				a.plain(arg, sc)
			}
		}
		for _, o := range f.AggOrder {
			a.plain(o, sc)
		}
	})
	a.condition(f.AggFilter, sc)
}

func (a *analysis) documentValue(n *pg.Node, made documentFunction, sc *scope) {
	e := a.peek(n, sc)
	if e == nil {
		if row := a.rowOf(n, sc); row != nil {
			a.documentRow(n.GetColumnRef(), row, made, sc)
		} else {
			a.plain(n, sc)
		}
		return
	}
	if e.column.Document != nil {
		if a.joins(e.column, made, e.at) {
			a.settle(e, a.shownAs(e))
			a.dropCasts(e)
		}
		return
	}
	shown := a.castWithin(e)
	if shown == nil || e.column.Mixed != nil || e.grouped || len(e.terms) != 1 || made.spaced && shown.Type.IsArray() {
		a.fail(refuseUse(e.column, e.at, a.within))
		return
	}
	a.settle(e, a.shownAs(e))
	opens, closes := a.marked(shown, made, e.at)
	a.edits = append(a.edits, edit{start: e.terms[0].start, end: e.terms[0].start, text: opens, term: true})
	a.insert(e.terms[0].end, closes)
}

// castWithin takes the casts around a value away and gives the column as the type
// that they give it. Those that change values are made when the values are opened.
func (a *analysis) castWithin(e *sealedExpr) *catalog.SealedColumn {
	from := e.typ()
	var casts []logical.Type
	for _, cast := range e.casts { // the innermost first
		named, ok := a.typeNamed(cast.TypeName)
		to := named.whole()
		switch {
		case ok && from == to:
		case !ok || e.converted():
			a.fail(refuseCast(e.column, e.at))
		case casts == nil && from.Widens(to):
		case from.Converts(to) || from.Widens(to):
			casts = append(casts[:len(casts):len(casts)], from)
		default:
			a.fail(refuseCast(e.column, e.at))
		}
		from = to
		a.dropCast(cast, e)
	}
	switch {
	case a.err != nil:
		return nil
	case e.converted():
		return e.shown
	case casts != nil:
		return a.other(e.column, casts, from)
	}
	return a.as(e.column, from)
}

// joins says whether a document can become a part of another: a json that becomes
// jsonb would be written anew.
func (a *analysis) joins(c *catalog.SealedColumn, made documentFunction, at int32) bool {
	if made.binary && c.Type.OID != logical.OIDJSONB {
		a.fail(refuseUse(c, at, a.within))
		return false
	}
	return true
}

// marked is what stands around a sealed value to make it a part of a document.
func (a *analysis) marked(c *catalog.SealedColumn, made documentFunction, at int32) (opens, closes string) {
	doc := a.parts()
	part := catalog.Part{Column: c, Binary: made.binary}
	i := slices.Index(doc.Parts, part)
	if i < 0 {
		i = len(doc.Parts)
		doc.Parts = append(doc.Parts, part)
	}
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
func (a *analysis) documentRow(ref *pg.ColumnRef, row *item, made documentFunction, sc *scope) {
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
		if c.rest || c.name == madeRow || slices.Contains(met, c.name) || sc.groups(c) {
			a.fail(refuseRow(row.sealed(), ref.Location, row.name))
			return
		}
		met = append(met, c.name)
		name := quoteName(c.name)
		reads := of + "." + name
		switch shown := c.shown; {
		case c.sealed == nil:
		case c.sealed.Broken != "":
			a.fail(refuseBroken(c.sealed, ref.Location))
			return
		case c.sealed.Mixed != nil:
			a.fail(refuseUse(c.sealed, ref.Location, a.within))
			return
		case c.sealed.Document != nil:
			if !a.joins(c.sealed, made, ref.Location) {
				return
			}
		default:
			if shown == nil {
				shown = c.sealed
			}
			opens, closes := a.marked(shown, made, ref.Location)
			reads = opens + reads + closes
		}
		list = append(list, reads+" AS "+name)
	}
	// What is between the first and the last edit can be guarded.
	a.edits = append(a.edits,
		edit{start: start, end: start, text: "(CASE WHEN " + of + " IS DISTINCT FROM NULL THEN ", term: true},
		edit{start: end, end: end, text: " END)"},
		replacing(start, end, "(SELECT "+madeRow+" FROM (SELECT "+strings.Join(list, ", ")+") AS "+madeRow+")"))
}

// noDocuments refuses them where the session would not know where they are.
func (a *analysis) noDocuments(results []*catalog.SealedColumn, where string) {
	for _, c := range results {
		if c != nil && c.Document != nil {
			a.fail(refuseUse(c, -1, "JSON in "+where))
			return
		}
	}
}
