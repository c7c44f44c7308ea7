package logical

import (
	"bytes"
	"strconv"
)

// OIDTextArray is text[], which keys and paths come in.
const (
	OIDTextArray = 1009
	OIDInt4Array = 1007
)

// onJSON is an operator of jsonb and a key, a number or a path. Some take a json, too.
func (o Operator) onJSON(left, right uint32) (op operation, ok bool) {
	result := left
	if o == AtKeyText || o == AtPathText {
		result = OIDText
	}
	path := o == AtPath || o == AtPathText || o == WithoutPath
	switch isArray := ElementOID(right) != 0 && familyOf(ElementOID(right)) == familyText; {
	case left != OIDJSONB && (left != OIDJSON || !o.OfJSON()):
		return op, false
	case o == Contains || o == ContainedBy:
		return operation{left, right, OIDBool}, right == OIDJSONB
	case o == HasKey:
		return operation{left, OIDText, OIDBool}, familyOf(right) == familyText
	case o == Overlaps:
		return op, false
	case o.LooksInto():
		return operation{left, OIDTextArray, OIDBool}, isArray
	case path && isArray:
		return operation{left, OIDTextArray, result}, true
	case path:
		return op, false
	case familyOf(right) == familyText:
		return operation{left, OIDText, result}, true
	case right == OIDInt2 || right == OIDInt4:
		return operation{left, OIDInt4, result}, true
	}
	return op, false
}

// readJSONB takes a jsonb in canonical form apart.
func readJSONB(canonical []byte) (jsonNode, error) {
	p := jsonParser{lexer: jsonLexer{input: canonical[1:], unescape: true}, builds: true}
	return p.root()
}

func (n *jsonNode) isContainer() bool { return n.kind == jsonObjectStart || n.kind == jsonArrayStart }

// member is the one of a key, nil for none.
func (n *jsonNode) member(key []byte) *jsonNode {
	if n.kind == jsonObjectStart {
		for i := range n.children {
			if bytes.Equal(n.children[i].key, key) {
				return &n.children[i]
			}
		}
	}
	return nil
}

// element is the one of a number, counted from 0 or, if it is negative, from the end; nil
// for none.
func (n *jsonNode) element(i int64) *jsonNode {
	if i < 0 {
		i += int64(len(n.children))
	}
	if n.kind != jsonArrayStart || i < 0 || i >= int64(len(n.children)) {
		return nil
	}
	return &n.children[i]
}

// step is the member or element that one name of a path leads to.
func (n *jsonNode) step(name []byte) *jsonNode {
	if n.kind != jsonArrayStart {
		return n.member(name)
	}
	i, err := placeNamed(name)
	if err != nil {
		return nil
	}
	return n.element(i)
}

// placeNamed is the place of an element that a name of a path says.
func placeNamed(name []byte) (int64, error) {
	const bits = 32
	return strconv.ParseInt(string(bytes.TrimLeft(name, " \t\n\v\f\r")), 10, bits)
}

// appendJSON appends what an operator makes of a jsonb; nil for NULL.
func (o Operator) appendJSON(dst, document, operand []byte, oid uint32) ([]byte, error) {
	root, err := readJSONB(document)
	if err != nil {
		return dst, err
	}
	var found *jsonNode
	switch {
	case o == Concatenate:
		other, err := readJSONB(operand)
		if err != nil {
			return dst, err
		}
		found = concatenated(&root, &other)
	case o == Subtract:
		if found, err = root.without(operand, oid); err != nil {
			return dst, err
		}
	case o == WithoutPath:
		if err := root.withoutPath(operand); err != nil {
			return dst, err
		}
		found = &root
	case oid == OIDTextArray:
		found = &root
		_, err := Elements(Value{Data: operand, Binary: true, OID: OIDTextArray}, func(name []byte, null bool) error {
			if null {
				found = nil
			} else if found != nil {
				found = found.step(name)
			}
			return nil
		})
		if err != nil {
			return dst, err
		}
	case oid == OIDText:
		found = root.member(operand)
	case !root.isContainer() && canonicalInt(operand) == 0, !root.isContainer() && canonicalInt(operand) == -1:
		found = &root // the server has it as an array of one
	default:
		found = root.element(canonicalInt(operand))
	}
	switch {
	case found == nil:
		return nil, nil
	case o == AtKeyText || o == AtPathText:
		return found.appendText(dst)
	}
	return found.append(append(dst, jsonbVersion))
}

// appendText appends a value as a text; nil for null.
func (n *jsonNode) appendText(dst []byte) ([]byte, error) {
	switch n.kind {
	case jsonNull:
		return nil, nil
	case jsonString:
		return append(dst, n.text...), nil
	}
	return n.append(dst)
}

// concatenated is a || b: the members of two objects, or the elements of both, where what
// is no array is one element.
func concatenated(a, b *jsonNode) *jsonNode {
	if a.kind == jsonObjectStart && b.kind == jsonObjectStart {
		return &jsonNode{kind: jsonObjectStart, children: append(a.children, b.children...)}
	}
	elements := func(n *jsonNode) []jsonNode {
		if n.kind == jsonArrayStart {
			return n.children
		}
		return []jsonNode{*n}
	}
	return &jsonNode{kind: jsonArrayStart, children: append(elements(a), elements(b)...)}
}

// without is n without a key, strings or an element.
func (n *jsonNode) without(operand []byte, oid uint32) (*jsonNode, error) {
	var drops func(i int, c *jsonNode) bool
	switch {
	case !n.isContainer():
		return nil, newError(codeInvalidParameter, "cannot delete from scalar")
	case oid == OIDInt4 && n.kind == jsonObjectStart:
		return nil, newError(codeInvalidParameter, "cannot delete from object using integer index")
	case oid == OIDInt4:
		at := canonicalInt(operand)
		if at < 0 {
			at += int64(len(n.children))
		}
		drops = func(i int, _ *jsonNode) bool { return int64(i) == at }
	case n.kind == jsonObjectStart:
		drops = func(_ int, c *jsonNode) bool { return bytes.Equal(c.key, operand) }
	default:
		drops = func(_ int, c *jsonNode) bool { return c.kind == jsonString && bytes.Equal(c.text, operand) }
	}
	kept := n.children[:0]
	for i := range n.children {
		if !drops(i, &n.children[i]) {
			kept = append(kept, n.children[i])
		}
	}
	n.children = kept
	return n, nil
}
