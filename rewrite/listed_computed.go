package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// Members of an IN list that are computed of literals (`age IN (10 + 1, 22)`): PostgreSQL gives all
// members the type that they have in common. That is the column's where a computed one is of that
// type, so that each is compared as if it stood alone.

// listedType is the type of what is computed of literals alone, or of nothing, 0 for anything else. A number's
// type depends on its size, and so does the plan.
func (a *analysis) listedType(n *pg.Node) uint32 {
	if made := a.computedType(n); made != 0 && a.steady(n) {
		return made
	}
	if anywhere(n.ProtoReflect(), isColumn) || hasSubquery(n) {
		return 0
	}
	d := &formulaDraft{computation: computation{first: len(a.tokens), last: -1}, scope: &scope{}}
	f := a.formula(n, d)
	if f == nil || !f.IsConstant() || f.isGiven() || f.Aggregates() || d.windows != nil || len(d.params) > 0 {
		return 0
	}
	for _, l := range d.literals {
		a.steer(l)
	}
	return f.TypeOf(f.givenType)
}

// listsComputed says whether such a member of a list is compared with a column as = compares the
// two. base is what listNumber gives. Exact numbers are equal as what they are, whatever exact type
// they have in common.
func (a *analysis) listsComputed(left *sealedExpr, n *pg.Node, base uint32) bool {
	own, made := left.column.Type.Shown().OID, a.listedType(n)
	switch {
	case likeText(own), own == logical.OIDFloat4, base != 0 && !isExact(base):
		return false
	case isExact(own) && isExact(made): // strings beside it are read as what is widest
		return slices.Index(numbers[:], made) <= slices.Index(numbers[:], own)
	}
	return made != 0 && sameFamily(own, made)
}
