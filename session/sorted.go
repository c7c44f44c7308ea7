package session

import (
	"slices"

	"pgseal/logical"
	"pgseal/rewrite"
)

// The order of rows that are held, by keys in canonical or binary form, nil for NULL.

// compareKey gives the order of two rows by one key of a type; texts is that of texts.
func compareKey(a, b []byte, oid uint32, texts *logical.TextOrder, descending, nullsFirst bool) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil || b == nil:
		if (a == nil) == nullsFirst {
			return -1
		}
		return 1
	}
	order := logical.SortOrder(logical.Value{Data: a, Binary: true, OID: oid}, logical.Value{Data: b, Binary: true, OID: oid}, texts)
	if descending {
		return -order
	}
	return order
}

// sort sorts the rows. Those that are equal stay as they are.
func (g *arranged) sort() {
	slices.SortStableFunc(g.rows, func(v, w arrangedRow) int { return g.compare(v, w, g.plan.Keys) })
}

// compare gives the order of two rows by keys, the first ones of all.
func (g *arranged) compare(v, w arrangedRow, keys []rewrite.SortKey) int {
	for i, k := range keys {
		oid := g.types[i]
		if k.Ranks {
			oid = logical.OIDInt8
		}
		if order := compareKey(v.keys[i], w.keys[i], oid, k.Order, k.Descending, k.NullsFirst); order != 0 {
			return order
		}
	}
	return 0
}

// leaveFirst leaves the first of the rows, in order, that are equal by the first keys.
func (g *arranged) leaveFirst() {
	left := g.rows[:0]
	for _, row := range g.rows {
		if n := len(left); n > 0 && g.compare(left[n-1], row, g.plan.Keys[:g.plan.First]) == 0 {
			g.size -= row.size()
		} else {
			left = append(left, row)
		}
	}
	clear(g.rows[len(left):])
	g.rows = left
}
