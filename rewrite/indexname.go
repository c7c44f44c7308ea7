package rewrite

import (
	"slices"
	"strconv"
	"unicode/utf8"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
)

// An index over terms would be named after the function that gives them, where the
// client leaves the name to the server. So pgseal chooses it, as PostgreSQL would have.

// nameLength is how many bytes a name has at most.
const nameLength = 63

// freeName is the name that PostgreSQL chooses for an index of these columns: label
// is "key" for a UNIQUE constraint, "idx" for others.
func (a *analysis) freeName(r *catalog.Relation, columns []string, label string) string {
	var together string
	for i, c := range columns {
		if i > 0 {
			together += "_"
		}
		if together += c; len(together) > nameLength {
			break
		}
	}
	name := joinedName(r.Name, together, label)
	for i := 1; slices.Contains(r.Taken, name) || slices.Contains(a.indexNames, r.Schema+"."+name); i++ {
		name = joinedName(r.Name, together, label+strconv.Itoa(i))
	}
	a.indexNames = append(a.indexNames, r.Schema+"."+name)
	return name
}

// joinedName is first_second_label, where the longer one of the first two is cut
// until the name is short enough.
func joinedName(first, second, label string) string {
	n, m := len(first), len(second)
	for n+m > nameLength-2-len(label) {
		if n > m {
			n--
		} else {
			m--
		}
	}
	return cutName(first, n) + "_" + cutName(second, m) + "_" + label
}

// cutName is the longest beginning of whole characters with at most n bytes.
func cutName(name string, n int) string {
	for n < len(name) && n > 0 && !utf8.RuneStart(name[n]) {
		n--
	}
	return name[:n]
}

// nameIndex gives a name to a CREATE INDEX over terms that has none.
func (a *analysis) nameIndex(x *pg.IndexStmt, r *catalog.Relation) {
	var columns []string
	for _, n := range slices.Concat(x.IndexParams, x.IndexIncludingParams) {
		e := n.GetIndexElem()
		name := e.GetName()
		if e.GetExpr() != nil {
			name = "expr"
			if figured, strength := a.figureName(e.Expr); strength > 0 {
				name = figured
			}
		}
		unique := name
		for i := 1; slices.Contains(columns, unique); i++ {
			number := strconv.Itoa(i)
			unique = cutName(name, min(len(name), nameLength-len(number))) + number
		}
		columns = append(columns, unique)
	}
	on := a.tokenAt(x.Relation.Location) - 1
	if a.is(on, "only") {
		on--
	}
	if !a.is(on, "on") {
		a.fail(refuseDefect())
		return
	}
	a.insert(int(a.tokens[on].start), quoteName(a.freeName(r, columns, "idx"))+" ")
}
