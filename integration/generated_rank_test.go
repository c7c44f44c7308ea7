package integration

import (
	"slices"
	"strings"
)

// ranks is a query that sorts by the family's values where the client does not get the rows.
func (g *formulaGenerator) ranks(name string) string {
	keys := g.sortKey() + g.direction() + ", "
	if g.IntN(3) == 0 {
		keys += g.sortKey() + g.direction() + ", "
	}
	keys += g.pick("id", "id DESC")
	where := g.pick("", "", " WHERE "+g.condition(0), " WHERE id < "+g.key(), " WHERE m."+plainPrefix+"i4 IS NOT NULL AND "+g.condition(0))
	cut := g.pick("", " LIMIT 2", " LIMIT "+g.key(), " LIMIT 1 OFFSET 1", " OFFSET "+g.key())
	first := " FROM m" + where + " ORDER BY " + keys + cut
	compares := g.pick(" = ", " <> ", " < ", " >= ", " > ")
	given := g.pick("max(", "min(", "count(") + g.pick(g.column(), g.operand(1)) + ")"
	switch {
	case slices.Contains(g.family.types, "bool"):
		given = g.pick("bool_and(", "bool_or(") + g.column() + ")"
	case g.IntN(3) == 0:
		given = g.column()
	}
	switch g.IntN(18) {
	case 14, 15:
		return "SELECT id FROM m WHERE " + g.pick("", "NOT ") + "id IN (SELECT " + g.pick("max(id)", "min(id)") + " FROM m" + g.pick("", " WHERE id < "+g.key()) + " GROUP BY id % " + g.pick("2", "3") + " HAVING " + given + compares + g.cast(g.param()) + g.pick("", " AND count(*) > 1") + ") ORDER BY id"
	case 16:
		return "SELECT o.id FROM m o WHERE " + g.pick("", "NOT ") + "EXISTS (SELECT 1 FROM m WHERE m.id " + g.pick("= o.id", "<> o.id", "< o.id") + g.pick("", " GROUP BY id % 2") + " HAVING " + given + compares + g.cast(g.param()) + ") ORDER BY o.id"
	case 17:
		column := strings.Fields(g.pick(g.family.columns...))[0]
		return "SELECT id FROM m WHERE " + g.pick("", "NOT ") + "(id % 2, " + column + ") IN (SELECT id % 2, " + g.pick("max(", "min(") + column + ") FROM m" + g.pick("", " WHERE id < "+g.key()) + " GROUP BY 1) ORDER BY id"
	case 10:
		return "SELECT id FROM m WHERE " + g.column() + compares + "(SELECT " + given + " FROM m WHERE id = " + g.key() + ")" + g.pick("", " AND id < "+g.key()) + g.sorted()
	case 11:
		return "SELECT id FROM m WHERE " + g.pick("", "NOT ") + "(SELECT " + given + " FROM m" + g.pick("", " WHERE "+g.condition(0)) + " ORDER BY 1 LIMIT 1)" + compares + g.operand(1) + " ORDER BY id"
	case 12, 13:
		return "SELECT o.id FROM m o WHERE o." + strings.Fields(g.pick(g.family.columns...))[0] + compares + "(SELECT " + given + " FROM m WHERE m.id " + g.pick("= o.id", "<> o.id", "< o.id", "= o.id - 1") + " ORDER BY 1 LIMIT 1) ORDER BY o.id"
	case 0:
		return "SELECT * FROM (SELECT id, " + name + " AS x" + first + ") q" + g.pick("", " WHERE id > 1", " ORDER BY x"+g.direction()+", id")
	case 1:
		return "WITH q AS (SELECT *" + first + ") SELECT id, " + name + ", row_number() OVER () FROM q"
	case 2:
		return "SELECT id FROM m WHERE " + g.pick("", "NOT ") + "id IN (SELECT id" + first + ")" + g.sorted()
	case 3:
		return "SELECT k, (SELECT " + name + " FROM m WHERE id <> k ORDER BY " + keys + " LIMIT 1) AS x FROM (VALUES (1), (2), (4)) o (k) ORDER BY k"
	case 4:
		return "SELECT k, q.id, q.x FROM (VALUES (1), (2), (4)) o (k) LEFT JOIN LATERAL (SELECT id, " + name + " AS x FROM m WHERE id >= k ORDER BY " + keys + cut + ") q ON true ORDER BY k, id"
	case 5:
		return "SELECT array_agg(id ORDER BY " + keys + "), count(*) FROM m" + where
	case 6:
		return "SELECT id % 2 AS odd, string_agg(id::text, ',' ORDER BY " + keys + "), array_agg(" + name + " ORDER BY " + keys + ") FROM m" + where + " GROUP BY 1 ORDER BY 1"
	case 7:
		return "SELECT id FROM m WHERE id IN (SELECT id FROM (SELECT id, " + g.pick("row_number()", "rank()", "count(*)", "sum(id)") + " OVER (" + g.pick("", "PARTITION BY id % 2 ") + "ORDER BY " + keys + ") AS n FROM m" + where + ") q WHERE n " + g.pick("= 1", "> 1", "<= 2") + ") ORDER BY id"
	case 8:
		return "SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM m" + where + " ORDER BY " + g.sortKey() + g.direction() + " FETCH FIRST " + g.pick("1", "2") + " ROWS WITH TIES) q"
	}
	return "SELECT id" + first + g.pick(" FOR UPDATE", " FOR SHARE", " FOR UPDATE SKIP LOCKED")
}

// subqueries is a query with values of the family's that are subqueries.
func (g *formulaGenerator) subqueries() string {
	aggregates := []string{"max", "min", "count"}
	switch {
	case slices.Contains(g.family.types, "int4"):
		aggregates = append(aggregates, "sum", "avg")
	case slices.Contains(g.family.types, "bool"):
		aggregates = []string{"bool_and", "bool_or"}
	case slices.Contains(g.family.types, "jsonb"):
		aggregates = []string{"count"}
	}
	one := func() string {
		where := g.pick(" WHERE m.id = o.id", " WHERE m.id <= o.id", "", " WHERE m.id = o.id AND "+g.condition(0), " WHERE m.id = "+g.key())
		if g.IntN(2) == 0 {
			return "(SELECT " + g.pick(aggregates...) + "(" + g.pick(g.column(), g.operand(1)) + ") FROM m" + where + ")"
		}
		return "(SELECT " + g.pick(g.column(), g.operand(1), g.formula(1)) + " FROM m" + where + " ORDER BY " + g.pick("", g.sortKey()+g.direction()+", ") + "id LIMIT 1)"
	}
	outputs := one() + " AS x"
	switch g.IntN(4) {
	case 0:
		outputs = "COALESCE(" + one() + ", " + one() + ") AS x"
	case 1:
		outputs = one() + " IS NULL AS y, " + one() + " AS x"
	case 2:
		outputs = "CASE WHEN o.id > 1 THEN " + one() + " END AS x"
	}
	query := "SELECT o.id, " + outputs + " FROM m o"
	if g.IntN(4) == 0 {
		return "SELECT * FROM (" + query + ") q ORDER BY id"
	}
	return query + " ORDER BY " + g.pick("", "x"+g.direction()+", ") + "o.id"
}
