package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"
)

// index is CREATE INDEX: a sealed column is indexed by its equality term.
func (a *analysis) index(x *pg.IndexStmt) {
	it := a.baseItem(x.Relation)
	it.name, it.schema = x.Relation.Relname, x.Relation.Schemaname
	sc := &scope{items: []*item{it}}
	elements := a.elements(a.behindRelation(x.Relation), len(x.IndexParams))
	overTerm := false
	for i, n := range x.IndexParams {
		e := n.GetIndexElem()
		c := it.column(e.GetName())
		if e.GetName() == "" || c == nil || c.sealed == nil {
			a.untouching("an index", sc, []*pg.Node{e.GetExpr()})
			continue
		}
		plain := len(e.Collation) == 0 && len(e.Opclass) == 0
		method := x.AccessMethod == "btree" || x.AccessMethod == "hash"
		switch {
		case !plain || !method || elements == nil:
			a.fail(refuseDefinition(c.sealed, x.Relation.Location, "an index with a collation, an operator class or of this kind"))
		case a.comparable(c.sealed, x.Relation.Location):
			t := a.tokens[elements[i]]
			a.insert(int(t.start), "pgseal.eq(")
			a.insert(int(t.end), ")")
			a.note("index", c.sealed, "by equality term", t.start)
			overTerm = true
		}
	}
	switch {
	case it.relation == nil:
	case x.Idxname != "":
		a.indexNames = append(a.indexNames, it.relation.Schema+"."+x.Idxname)
	case overTerm:
		a.nameIndex(x, it.relation)
	}
	// INCLUDE only stores what it names: a sealed column as it is.
	a.untouching("an index's WHERE", sc, []*pg.Node{x.WhereClause})
}
