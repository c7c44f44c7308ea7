package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Sealed columns of two relations have no terms in common, so that whether they are equal
// (WHERE bills.iban = customers.iban) the session has to find out, for all rows that the server
// joins. Where something else joins the relations (bills.customer = customers.id) these are no
// more than it would give; where nothing does they are all pairs, which is refused.

// inRelation is the entry of FROM that a column stands in, nil for none of the query's own.
func (sc *scope) inRelation(c *column) *item {
	i := slices.IndexFunc(sc.items, func(it *item) bool { return it.column(c.name) == c })
	if i < 0 {
		return nil
	}
	return sc.items[i]
}

// joinsRows says whether the relations of which a formula has columns are joined by plain ones.
func (a *analysis) joinsRows(f *Formula, sc *scope) bool {
	var relations []*item
	for _, of := range f.columns(nil) {
		switch {
		case of.in != nil:
			relations = append(relations, of.in)
		case of.sql == "": // what the server computes for a row it computes for one that is joined
			return false
		}
	}
	groups := a.joinedRelations(sc)
	return len(relations) > 0 && !slices.ContainsFunc(relations, func(it *item) bool { return groups[it] != groups[relations[0]] })
}

// joinedRelations gives the entries of FROM that equal plain columns join, directly or by others,
// the same number.
func (a *analysis) joinedRelations(sc *scope) map[*item]int {
	groups := map[*item]int{}
	for i, it := range sc.items {
		groups[it] = i
	}
	join := func(v, w *item) {
		if from, to := groups[v], groups[w]; v != nil && w != nil {
			for it, g := range groups {
				if g == from {
					groups[it] = to
				}
			}
		}
	}
	equal := func(n *pg.Node) {
		for _, by := range conjuncts(nil, n) {
			x := by.GetAExpr()
			if x.GetKind() != pg.A_Expr_Kind_AEXPR_OP || last(names(x.Name)) != "=" || x.Lexpr.GetColumnRef() == nil || x.Rexpr.GetColumnRef() == nil {
				continue
			}
			l, r := a.resolve(x.Lexpr.GetColumnRef(), sc).column, a.resolve(x.Rexpr.GetColumnRef(), sc).column
			if l != nil && r != nil && !l.holdsSealed() && !r.holdsSealed() {
				join(sc.inRelation(l), sc.inRelation(r))
			}
		}
	}
	for _, n := range sc.query.FromClause {
		anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
			x, ok := m.Interface().(*pg.JoinExpr)
			if !ok {
				_, query := m.Interface().(*pg.SelectStmt)
				return query // has names of its own
			}
			if x.Quals != nil {
				equal(x.Quals)
			}
			for _, name := range names(x.UsingClause) {
				var first *item
				for _, it := range sc.items {
					if it.column(name) != nil {
						if first == nil {
							first = it
						}
						join(first, it)
					}
				}
			}
			return false
		})
	}
	if sc.query.WhereClause != nil {
		equal(sc.query.WhereClause)
	}
	return groups
}
