package logical

import "bytes"

// comparedWith says whether operators compare values of a type here.
func comparedWith(oid uint32) bool {
	return Sorts(oid) && oid != OIDName // which is compared with texts as one of them
}

// comparing is a comparison of two types.
func (o Operator) comparing(left, right uint32) (op operation, ok bool) {
	l, r := familyOf(left), familyOf(right)
	switch {
	case l.isNumber() && r.isNumber():
		at := left
		switch {
		case left == right:
		case l == familyFloat || r == familyFloat:
			at = OIDFloat8
		case numberRank(right) > numberRank(left):
			at = right
		}
		return operation{at, at, OIDBool}, true
	case l == familyDay && r == familyDay:
		at := left
		if dayRank(right) > dayRank(left) {
			at = right
		}
		return operation{at, at, OIDBool}, true
	case isPlainText(left) && isPlainText(right):
		return operation{OIDText, OIDText, OIDBool}, true
	case l == familyNetwork && r == familyNetwork: // whose operators are those of inet
		return operation{OIDInet, OIDInet, OIDBool}, true
	case left == right && (comparedWith(left) || left == OIDJSONB && (o == Equal || o == NotEqual)):
		return operation{left, left, OIDBool}, true
	}
	return operation{}, false
}

func isPlainText(oid uint32) bool { return oid == OIDText || oid == OIDVarchar }

// AppendOrdered is Append for a comparison of texts under a collation.
func (o Operator) AppendOrdered(dst []byte, left, right Value, texts *TextOrder) ([]byte, error) {
	for _, v := range [...]Value{left, right} {
		if err := texts.Check(v); err != nil {
			return dst, err
		}
	}
	return o.appendCompared(dst, left, right, texts), nil
}

// appendCompared appends what a comparison gives.
func (o Operator) appendCompared(dst []byte, a, b Value, texts *TextOrder) []byte {
	if a.OID == OIDJSONB {
		x, _ := jsonbEqual(nil, a.Data)
		y, _ := jsonbEqual(nil, b.Data)
		return append(dst, byte(btoi(bytes.Equal(x, y) == (o == Equal))))
	}
	n := SortOrder(a, b, texts)
	var is bool
	switch o {
	case Equal:
		is = n == 0
	case NotEqual:
		is = n != 0
	case Less:
		is = n < 0
	case AtMost:
		is = n <= 0
	case Greater:
		is = n > 0
	default:
		is = n >= 0
	}
	return append(dst, byte(btoi(is)))
}
