package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// printed makes a column that is compared cast to text, as ORMs write it
// (uid::text = $1), one of texts: what it is compared with is read back as the value
// that has the text. It gives e itself where that cannot be.
func (a *analysis) printed(e *sealedExpr) *sealedExpr {
	if e == nil || len(e.casts) == 0 || e.made != nil || e.shown != nil || e.terms == nil || e.column.Assembled() ||
		!hasEquality(e.column) || !e.column.Type.PrintsApart() {
		return e
	}
	toText := func(c *pg.TypeCast) bool {
		to, ok := a.typeNamed(c.TypeName)
		return ok && isText(to.whole())
	}
	if slices.ContainsFunc(e.casts, func(c *pg.TypeCast) bool { return !toText(c) }) {
		return e
	}
	e.column = a.other(e.column, []logical.Type{e.column.Type}, logical.Type{OID: logical.OIDText, Typmod: -1})
	e.printed, e.casts = e.casts, nil
	return e
}
