package rewrite

import (
	"crypto/sha256"
	"slices"

	"pgseal/logical"
)

// A subquery in a condition that depends on the row (`WHERE o.placed = (SELECT max(placed) FROM
// orders p WHERE p.customer = o.customer)`): the question asks for what it is computed of beside
// what each row has. The row is told from others by a digest of that, too.

// ofOneRelation says whether all names around a subquery are those of one relation, so that it
// can be asked for with the rows of that.
func ofOneRelation(sc *scope) bool {
	if len(sc.items) != 1 {
		return false
	}
	for level := sc.outer; level != nil; level = level.outer {
		if len(level.items) > 0 || len(level.beside) > 0 {
			return false
		}
	}
	return true
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
