package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// A json document that becomes jsonb is written anew by the server, and its sealed
// values have to be written as jsonb writes them. That shows only when what is around
// them is analysed.

// draft is what is not decided yet of a document.
type draft struct {
	json []int // parts that have been put into json so far
	text bool  // has become text, which is shown and no part of another one
	kind documentKind
}

func (a *analysis) drafted(c *catalog.SealedColumn, d *draft) {
	if a.drafts == nil {
		a.drafts = map[*catalog.SealedColumn]*draft{}
	}
	a.drafts[c] = d
}

// part gives the number of a part of a document. Those of jsonb are shared, those of
// json belong to one document.
func (a *analysis) part(p catalog.Part, d *draft) int {
	doc := a.parts()
	for i := range doc.Parts {
		if doc.Parts[i] == p && (p.Binary || slices.Contains(d.json, i)) {
			return i
		}
	}
	doc.Parts = append(doc.Parts, p)
	i := len(doc.Parts) - 1
	if !p.Binary {
		d.json = append(d.json, i)
	}
	return i
}

// joins says whether a document can become a part of another one.
func (a *analysis) joins(e *sealedExpr, made making) bool {
	if len(e.casts) > 0 || a.drafts[e.column].text || made.arrays {
		a.fail(refuseUse(e.column, e.at, a.within))
		return false
	}
	return true
}

// joined makes the parts of a document those of another one.
func (a *analysis) joined(e *sealedExpr, made making) {
	d := a.drafts[e.column]
	if made.binary {
		a.toBinary(e, d)
		return
	}
	for _, i := range d.json {
		if !slices.Contains(made.draft.json, i) {
			made.draft.json = append(made.draft.json, i)
		}
	}
}

// toBinary has the parts of a json document written as those of jsonb: unless it is
// used as json, too.
func (a *analysis) toBinary(e *sealedExpr, d *draft) {
	for _, i := range d.json {
		if slices.Contains(a.keptJSON, i) {
			a.fail(refuseTwoForms(e.column, e.at))
			return
		}
		a.parts().Parts[i].Binary = true
	}
	a.madeBinary = append(a.madeBinary, d.json...)
}

// keepJSON notes that a document is shown as json.
func (a *analysis) keepJSON(c *catalog.SealedColumn) {
	d := a.drafts[c]
	if d == nil || c.Type.OID == logical.OIDJSONB {
		return
	}
	for _, i := range d.json {
		if slices.Contains(a.madeBinary, i) {
			a.fail(refuseTwoForms(c, -1))
			return
		}
	}
	a.keptJSON = append(a.keptJSON, d.json...)
}

// castDocument is peek for a cast of a document to json, jsonb or text.
func (a *analysis) castDocument(n *pg.Node, e *sealedExpr, sc *scope) *sealedExpr {
	if made, ok := a.documents[n]; ok {
		return made
	}
	cast := n.GetTypeCast()
	named, ok := a.typeNamed(cast.TypeName)
	to, from := named.whole(), a.drafts[e.column]
	isJSON := to.OID == logical.OIDJSON || to.OID == logical.OIDJSONB
	if !ok || len(e.casts) > 0 || to.Def != nil || !isJSON && to.OID != logical.OIDText && to.OID != logical.OIDVarchar || to.Typmod != -1 || isJSON && from.text {
		e = &sealedExpr{column: e.column, casts: append(e.casts[:len(e.casts):len(e.casts)], cast), at: e.at, made: e.made}
		return e
	}
	d := from
	switch {
	case !isJSON:
		d = &draft{json: from.json, text: true}
	case to.OID == logical.OIDJSONB:
		d = &draft{kind: from.kind}
	}
	made := a.newDocument(n, e.column, to, d, sc)
	made.at = e.at
	a.isDocument(n, made)
	return made
}

// settleDocumentCast is settleDocument for a cast of one.
func (a *analysis) settleDocumentCast(e *sealedExpr, x *pg.TypeCast, sc *scope) {
	inner := a.peek(x.Arg, sc)
	a.settle(inner, a.shownAs(inner))
	from, to := a.drafts[inner.column], a.drafts[e.column]
	if e.column.Type.OID == logical.OIDJSONB {
		a.toBinary(inner, from)
		return
	}
	to.json = from.json // known only now
}
