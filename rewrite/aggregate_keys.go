package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// aggregateKeys has the session sort the rows of an aggregate whose groups it makes, by what is in its
// ORDER BY, of plain columns by their rank, or by the value itself for DISTINCT. It is false where it
// does not know the order, or which of values that are equal PostgreSQL would keep.
func (a *analysis) aggregateKeys(f *Formula, x *pg.FuncCall, inner *formulaDraft) bool {
	items := x.AggOrder
	if f.Distinct {
		t := f.Args[0].TypeOf(f.givenType)
		if len(items) > 0 && !(&Formula{}).sortsAs(x) || !f.Args[0].isDistinguished() && t != logical.OIDText && t != logical.OIDVarchar && t != logical.OIDUUID || !a.isCountable(f.Args[0]) {
			return false
		}
		if f.Args[0].isDistinguished() {
			f.Args, f.SortKeys = append(f.Args, f.Args[0]), []WindowKey{{}}
			if len(items) > 0 {
				f.SortKeys[0].by(items[0].GetSortBy())
			}
			return true
		}
		if !f.Args[0].hasSealed() { // whose order is the server's, of which it would have to give values and ranks
			return false
		}
		if len(items) == 0 {
			items = x.Args[:1]
		}
	}
	for _, n := range items {
		if hasAggregate(n) {
			return false
		}
		by := n.GetSortBy()
		key := a.windowKey(n, inner)
		switch {
		case key == nil || by.GetSortbyDir() == pg.SortByDir_SORTBY_USING:
			return false
		case key.ranks:
			if by != nil {
				n = by.Node
			}
			if n.GetColumnRef() == nil { // which could fail, or be the place of a value elsewhere
				return false
			}
			f.Args, f.SortKeys = append(f.Args, key), append(f.SortKeys, WindowKey{})
			continue
		}
		key = key.placed()
		texts, ok := a.orderOf(key)
		if !ok || !logical.Sorts(key.TypeOf(key.givenType)) {
			return false
		}
		k := WindowKey{Order: texts}
		if by != nil {
			k.by(by)
		}
		f.Args, f.SortKeys = append(f.Args, key), append(f.SortKeys, k)
	}
	return true
}

// by takes the direction of an item of ORDER BY.
func (k *WindowKey) by(item *pg.SortBy) {
	k.Descending, k.NullsFirst = item.SortbyDir == pg.SortByDir_SORTBY_DESC, nullsFirst(item)
}
