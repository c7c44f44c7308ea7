package rewrite

import (
	"slices"

	"pgseal/catalog"
	"pgseal/logical"
)

// mix makes an output of UNION ALL of the values of two sealed columns: envelopes
// say of which column they are. It is false, and has done nothing, for others, and
// for types that are not known to be cast to their common one without failing.
func (a *analysis) mix(out *column, l, r column) bool {
	if l.sealed == nil || r.sealed == nil || l.sealed == r.sealed && l.shown == r.shown {
		return false
	}
	left, right := shownColumn(&l), shownColumn(&r)
	to, ok := commonType(left.Type, right.Type)
	if !ok {
		return false
	}
	var all []*catalog.SealedColumn
	for _, side := range [...]*catalog.SealedColumn{left, right} {
		columns := side.Mixed
		if columns == nil {
			columns = []*catalog.SealedColumn{side}
		}
		for _, c := range columns {
			if c = a.asCommon(c, to); c == nil {
				return false
			}
			if slices.Contains(all, c) {
				continue
			}
			if slices.ContainsFunc(all, func(other *catalog.SealedColumn) bool { return other.ID == c.ID }) {
				return false // one value would be shown in two ways
			}
			all = append(all, c)
		}
	}
	*out = column{name: l.name, sealed: l.sealed, bare: true, text: l.text || r.text}
	if len(all) == 1 {
		out.shown = all[0]
		return true
	}
	out.sealed = &catalog.SealedColumn{Type: to, Schema: all[0].Schema, Table: all[0].Table, Name: all[0].Name, Mixed: all, Loose: left.Loose || right.Loose}
	return true
}

func shownColumn(c *column) *catalog.SealedColumn {
	if c.shown != nil {
		return c.shown
	}
	return c.sealed
}

// asCommon is a column shown as the type that a set operation gives it; nil where
// that cannot be.
func (a *analysis) asCommon(c *catalog.SealedColumn, to logical.Type) *catalog.SealedColumn {
	switch {
	case c.Broken != "" || c.Assembled():
		return nil
	case c.Type == to:
		return c
	case c.IsCast():
		return nil
	case c.Type.Widens(to):
		return a.as(c, to)
	case c.Type.Converts(to):
		return a.other(c, []logical.Type{c.Type}, to)
	}
	return nil
}

// commonType is the type that PostgreSQL gives an output of a set operation of two
// types, where it is known here.
func commonType(l, r logical.Type) (to logical.Type, ok bool) {
	textual := func(t logical.Type) bool { return t.OID == logical.OIDText || t.OID == logical.OIDVarchar }
	to = l
	switch {
	case l == r:
		return l, true
	case l.Def != nil || r.Def != nil:
		return l, false
	case l.OID == r.OID, textual(l) && textual(r):
	default:
		i, k := slices.Index(numbers[:], l.OID), slices.Index(numbers[:], r.OID)
		if i < 0 || k < 0 {
			return l, false
		}
		to.OID = numbers[max(i, k)]
	}
	to.Typmod = -1
	return to, true
}
