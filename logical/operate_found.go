package logical

import "bytes"

// appendFound appends whether something is in a jsonb: another one, or keys.
func (o Operator) appendFound(dst, document, operand []byte) ([]byte, error) {
	root, err := readJSONB(document)
	if err != nil {
		return dst, err
	}
	var found bool
	switch o {
	case Contains, ContainedBy:
		other, err := readJSONB(operand)
		if err != nil {
			return dst, err
		}
		if o == ContainedBy {
			root, other = other, root
		}
		found = root.contains(&other) || root.kind == jsonArrayStart && !other.isContainer() && root.hasElement(&other)
	case HasKey:
		found = root.hasKey(operand)
	default:
		found = o == HasAllKeys
		_, err = Elements(Value{Data: operand, Binary: true, OID: OIDTextArray}, func(key []byte, null bool) error {
			if !null && root.hasKey(key) == (o == HasAnyKey) {
				found = o == HasAnyKey
			}
			return nil
		})
	}
	return append(dst, byte(btoi(found))), err
}

// hasKey says whether a string is the key of a member, an element, or the value itself.
func (n *jsonNode) hasKey(key []byte) bool {
	switch n.kind {
	case jsonObjectStart:
		return n.member(key) != nil
	case jsonArrayStart:
		return n.hasElement(&jsonNode{kind: jsonString, text: key})
	}
	return n.kind == jsonString && bytes.Equal(n.text, key)
}

// contains says whether all that is in another value is in this one, at the same place in
// objects and at any in arrays.
func (n *jsonNode) contains(other *jsonNode) bool {
	if n.kind != other.kind {
		return false
	}
	switch n.kind {
	case jsonObjectStart:
		for i := range other.children {
			m := n.member(other.children[i].key)
			if m == nil || !m.contains(&other.children[i]) {
				return false
			}
		}
		return true
	case jsonArrayStart:
		for i := range other.children {
			if !n.hasElement(&other.children[i]) {
				return false
			}
		}
		return true
	}
	return n.isScalar(other)
}

// hasElement says whether an array has an element that contains another value, which a scalar
// is that is equal.
func (n *jsonNode) hasElement(other *jsonNode) bool {
	for i := range n.children {
		if n.children[i].contains(other) {
			return true
		}
	}
	return false
}

// isScalar says whether two values of a kind that are neither objects nor arrays are equal.
func (n *jsonNode) isScalar(other *jsonNode) bool {
	if n.kind != jsonNumber {
		return bytes.Equal(n.text, other.text)
	}
	a, err := parseNumeric(n.text)
	b, otherErr := parseNumeric(other.text)
	return err == nil && otherErr == nil && a.compare(&b) == 0
}
