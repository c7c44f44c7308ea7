package integration

import "slices"

// windows is a query with window functions over the family's values, of which the rows perhaps
// are chosen or sorted by what they give.
func (g *formulaGenerator) windows(name string) string {
	const from = " FROM m CROSS JOIN (VALUES (1), (2), (3)) o (k)"
	where := g.pick("", "", " WHERE "+g.condition(0), " WHERE k > 1 AND id < "+g.key())
	switch g.IntN(6) {
	case 0:
		return "SELECT id, " + g.window("k, id") + " AS x, k" + from + where + " ORDER BY " + g.pick("", "x"+g.direction()+", ", "2, ") + "id, k" + g.pick("", " LIMIT 3", " OFFSET "+g.key())
	case 1:
		list := "SELECT id, k, " + g.window("id, k") + " AS x, " + g.window("k DESC, id") + " AS y" + from + where
		return g.pick("SELECT * FROM ("+list+") q", "WITH q AS ("+list+") SELECT x, id, k, y FROM q") + g.pick("", " WHERE x IS NOT NULL AND id < 3", " WHERE x = y", " WHERE x IS DISTINCT FROM y OR k = 2") + " ORDER BY " + g.pick("", "x, ", "y DESC, ") + "id, k" + g.pick("", " LIMIT 4", " OFFSET 2")
	case 2:
		return "SELECT id % 2 AS odd, count(*), " + g.pick("rank()", "sum(count(*))", "row_number()") + " OVER (ORDER BY max(" + g.column() + ")" + g.direction() + ", id % 2) FROM m GROUP BY id % 2 ORDER BY 1"
	case 3:
		return "SELECT DISTINCT " + g.pick("rank()", "dense_rank()", "cume_dist()") + " OVER (ORDER BY " + g.sortKey() + g.direction() + ") AS x" + from + where + " ORDER BY x" + g.direction()
	}
	return "SELECT id, k, " + g.shown(name) + " AS x, " + g.window("id, k") + from + where + g.pick(" ORDER BY id, k", " ORDER BY "+g.sortKey()+g.direction()+", id DESC, k")
}

// window is a call of a window function, which no two rows are equal to by what stands last in
// its order.
func (g *formulaGenerator) window(last string) string {
	partition := g.pick("", "", "PARTITION BY id % 2 ", "PARTITION BY "+g.column()+" ", "PARTITION BY k, "+g.sortKey()+" ")
	order := "ORDER BY " + g.sortKey() + g.direction()
	if g.IntN(4) == 0 {
		order += ", " + g.sortKey() + g.direction()
	}
	if g.IntN(2) == 0 {
		return g.pick("rank()", "dense_rank()", "percent_rank()", "cume_dist()", "count(*)", "count("+g.column()+")") + " OVER (" + partition + order + g.pick("", " GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW", " RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING", " GROUPS UNBOUNDED PRECEDING EXCLUDE GROUP") + ")"
	}
	over := " OVER (" + partition + order + ", " + last + g.pick("", "", " ROWS 1 PRECEDING", " ROWS BETWEEN CURRENT ROW AND 2 FOLLOWING", " ROWS BETWEEN 3 PRECEDING AND "+g.key()+" PRECEDING", " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW") + ")"
	of := g.pick(g.column(), g.column(), g.operand(1), g.formula(1))
	aggregates := []string{"max", "min", "count"}
	if slices.Contains(g.family.types, "int4") {
		aggregates = append(aggregates, "sum", "avg")
	}
	if slices.Contains(g.family.types, "bool") {
		aggregates = []string{"bool_and", "bool_or", "every"}
	}
	switch g.IntN(6) {
	case 0:
		return "row_number()" + over
	case 1:
		return g.pick("lag(", "lead(") + of + g.pick(")", ", 2)", ", "+g.key()+", "+g.column()+")") + over
	case 2:
		return g.pick("first_value(", "last_value(") + of + ")" + over
	case 3:
		return "nth_value(" + of + ", " + g.key() + ")" + over
	case 4:
		return "ntile(" + g.key() + ")" + over
	}
	return g.pick(aggregates...) + "(" + of + ")" + g.pick("", "", " FILTER (WHERE "+g.condition(0)+")") + over
}
