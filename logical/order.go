package logical

import (
	"bytes"
	"cmp"
	"math"
	"slices"
)

// Orders says whether Order can tell which of two values of a type comes first: of
// numbers and days, whose order no collation decides.
func Orders(oid uint32) bool {
	f := familyOf(oid)
	return f.isNumber() || f == familyDay
}

// Sorts says whether SortOrder can tell which of two values of a type comes first, of
// texts under a collation that is known.
func Sorts(oid uint32) bool {
	return Orders(oid) || slices.Contains([]uint32{OIDBool, OIDUUID, OIDBytea, OIDTime, OIDInterval, OIDOid, OIDInet, OIDCidr, OIDMacaddr, OIDMacaddr8, OIDText, OIDVarchar, OIDBpchar, OIDName}, oid)
}

// SortOrder is Order for all types of which Sorts says yes. texts is the order of texts,
// which it must know.
func SortOrder(v, w Value, texts *TextOrder) int {
	switch {
	case Orders(v.OID):
		return Order(v, w)
	case v.OID == OIDTime:
		return cmp.Compare(canonicalInt(v.Data), canonicalInt(w.Data))
	case v.OID == OIDInterval:
		days, rest := canonicalInterval(v.Data).estimate()
		others, restOfOthers := canonicalInterval(w.Data).estimate()
		return cmp.Or(cmp.Compare(days, others), cmp.Compare(rest, restOfOthers))
	case familyOf(v.OID) == familyNetwork:
		return compareNetworks(v.Data, w.Data)
	case v.OID == OIDBpchar:
		return texts.Compare(trimBlanks(v.Data), trimBlanks(w.Data))
	case texts != nil && isPlainText(v.OID):
		return texts.Compare(v.Data, w.Data)
	}
	return bytes.Compare(v.Data, w.Data)
}

// Order is negative if the first of two values of one type comes first in PostgreSQL's
// order, positive if the second does, and zero if they are equal. They are in canonical
// form, and Orders says yes of the type.
func Order(v, w Value) int {
	switch familyOf(v.OID) {
	case familyNumeric:
		a, b := canonicalNumber(v.Data), canonicalNumber(w.Data)
		return a.compare(&b)
	case familyFloat:
		a, b := canonicalFloat(v.Data), canonicalFloat(w.Data)
		if math.IsNaN(a) || math.IsNaN(b) { // greater than all others
			return cmp.Compare(btoi(math.IsNaN(a)), btoi(math.IsNaN(b)))
		}
		return cmp.Compare(a, b)
	}
	return cmp.Compare(canonicalInt(v.Data), canonicalInt(w.Data))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// compare is Order for numerics. NaN is greater than infinity.
func (n *number) compare(o *number) int {
	rank := func(n *number) int {
		switch n.sign {
		case numericNaN:
			return 2
		case numericInf:
			return 1
		case numericNegInf:
			return -1
		}
		return 0
	}
	if n.special() || o.special() {
		return cmp.Compare(rank(n), rank(o))
	}
	x, y := n.unscaled(), o.unscaled()
	return x.Mul(x, powerOfTen(max(0, o.scale-n.scale))).Cmp(y.Mul(y, powerOfTen(max(0, n.scale-o.scale))))
}
