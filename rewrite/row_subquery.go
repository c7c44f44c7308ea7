package rewrite

import (
	"crypto/sha256"
	"slices"

	"pgseal/logical"
)

// A subquery in a condition that depends on the row (`WHERE o.placed = (SELECT max(placed) FROM
// orders p WHERE p.customer = o.customer)`): the question asks for what it is computed of beside
// what each row has. The row is told from others by a digest of that, too.

// onlyOf says whether names in a subquery that are of columns around it are all of one relation, and
// of no other where that is alone.
func onlyOf(into *item, names [][]string, sc *scope) bool {
	return !slices.ContainsFunc(names, func(parts []string) bool {
		if len(parts) > 1 {
			return len(parts) > 2 || parts[0] != into.name || qualifiedItem(parts[:1], sc) != into
		}
		for level := sc; level != nil; level = level.outer {
			var found *item
			for _, it := range level.items {
				switch {
				case it.byColumn && it.column(parts[0]) != nil && found == nil:
					found = it
				case it.byColumn && (it.column(parts[0]) != nil || it.open), it.byName && it.name == parts[0]:
					return true // there may be two
				}
			}
			if found != nil {
				return found != into
			}
		}
		return true
	})
}

// subqueriesLast sorts the columns of a condition: what subqueries give stands last, as it stands
// in the text.
func subqueriesLast(columns []*Formula) (sorted []*Formula, subqueries int) {
	var last []*Formula
	for _, c := range columns {
		if c.within {
			last = append(last, c)
		} else {
			sorted = append(sorted, c)
		}
	}
	slices.SortFunc(last, func(a, b *Formula) int { return a.at.start - b.at.start })
	return append(sorted, last...), len(last)
}

// cellParts are the SQL of what a row has in a column, or of a subquery.
func (r *foundRow) cellParts(row string, c *Formula) []sqlPart {
	if !c.within {
		return []sqlPart{sqlText(r.bytes(row, c))}
	}
	before, behind := c.askedCell()
	return []sqlPart{sqlText(before + "("), insideBrackets(c.at), sqlText(")" + behind)}
}

// insideBrackets is what stands in the brackets of a subquery; what else is put in stands outside.
func insideBrackets(at term) sqlPart {
	return sqlPart{literal: -1, from: at.start + 1, end: at.end - 1}
}

// placeSubqueries puts the subqueries of a row, which stay in their places, behind its other keys.
// It gives what stands behind the last one, and where.
func (a *analysis) placeSubqueries(u *formulaUse, at int, text string) (int, string) {
	for _, c := range u.columns[len(u.columns)-u.operand.Subqueries:] {
		before, behind := c.askedCell()
		a.edit(at, c.at.start, text+joinsKeys+"pg_catalog.encode(pg_catalog.sha256("+before, nil)
		at, text = c.at.end, behind+"), 'hex')"
	}
	return at, text
}

// AppendKey appends what tells a row from others, by the cells that the question gives.
func (o *Operand) AppendKey(dst []byte, row [][]byte) []byte {
	if o.Keys > 0 {
		row = row[len(row)-o.Keys:]
	}
	own := len(row) - o.Subqueries
	dst = appendRowKey(dst, row[:own])
	for _, cell := range row[own:] {
		digest := sha256.Sum256(cell)
		dst = logical.EncodeHex(append(dst, keySeparator...), digest[:])
	}
	return dst
}
