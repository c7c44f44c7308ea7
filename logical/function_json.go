package logical

import (
	"bytes"
	"slices"
)

// Functions of jsonb and json.

func (c *call) document(i int) (jsonNode, error) { return readJSONB(c.text(i)) }

func (c *call) appendDocument(n *jsonNode) ([]byte, error) {
	return n.append(append(c.dst, jsonbVersion))
}

// kindName is jsonb_typeof.
func kindName(c *call) ([]byte, error) {
	n, err := c.document(0)
	if err != nil {
		return c.dst, err
	}
	return n.kind.appendName(c.dst), nil
}

// kindNameOfText is json_typeof, which looks at the first token.
func kindNameOfText(c *call) ([]byte, error) {
	l := jsonLexer{input: c.text(0)}
	if err := l.next(); err != nil {
		return c.dst, err
	}
	return l.token.appendName(c.dst), nil
}

// appendName appends how a value that begins with the token is called.
func (t jsonToken) appendName(dst []byte) []byte {
	name := "null"
	switch t {
	case jsonObjectStart:
		name = "object"
	case jsonArrayStart:
		name = "array"
	case jsonString:
		name = "string"
	case jsonNumber:
		name = "number"
	case jsonTrue, jsonFalse:
		name = "boolean"
	}
	return append(dst, name...)
}

// countElements is jsonb_array_length.
func countElements(c *call) ([]byte, error) {
	n, err := c.document(0)
	if err != nil {
		return c.dst, err
	}
	return c.appendCount(n.kind, int64(len(n.children)))
}

// countElementsOfText is json_array_length.
func countElementsOfText(c *call) ([]byte, error) {
	l := jsonLexer{input: c.text(0)}
	err := l.next()
	var n int64
	if err == nil && l.token == jsonArrayStart {
		n, err = l.elements()
	}
	if err != nil {
		return c.dst, err
	}
	return c.appendCount(l.token, n)
}

// appendCount appends how many elements a value of a kind has.
func (c *call) appendCount(kind jsonToken, n int64) ([]byte, error) {
	switch kind {
	case jsonArrayStart:
		return appendInt(c.dst, n, OIDInt4)
	case jsonObjectStart:
		return c.dst, newError(codeInvalidParameter, "cannot get array length of a non-array")
	}
	return c.dst, newError(codeInvalidParameter, "cannot get array length of a scalar")
}

// withoutNulls is jsonb_strip_nulls.
func withoutNulls(c *call) ([]byte, error) {
	n, err := c.document(0)
	if err != nil {
		return c.dst, err
	}
	n.dropNulls()
	return c.appendDocument(&n)
}

// dropNulls drops members of objects that are null, and keeps elements of arrays.
func (n *jsonNode) dropNulls() {
	kept := n.children[:0]
	for i := range n.children {
		child := &n.children[i]
		if n.kind == jsonObjectStart && child.kind == jsonNull {
			continue
		}
		child.dropNulls()
		kept = append(kept, *child)
	}
	n.children = kept
}

// indented is jsonb_pretty.
func indented(c *call) ([]byte, error) {
	n, err := c.document(0)
	if err != nil {
		return c.dst, err
	}
	return n.appendIndented(c.dst, len(c.dst)+maxMade, 1)
}

// appendIndented writes each member and element on a line of its own, up to a length.
func (n *jsonNode) appendIndented(dst []byte, most, level int) (_ []byte, err error) {
	const indent = "    "
	if !n.isContainer() {
		return n.append(dst)
	}
	open, shut := byte('['), byte(']')
	if n.kind == jsonObjectStart {
		open, shut = '{', '}'
	}
	dst = append(dst, open)
	for i := range n.children {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, '\n'), bytes.Repeat([]byte(indent), level)...)
		if n.kind == jsonObjectStart {
			dst = append(appendJSONString(dst, n.children[i].key), ": "...)
		}
		if dst, err = n.children[i].appendIndented(dst, most, level+1); err != nil {
			return dst, err
		}
		if len(dst) > most {
			return dst, tooLongText()
		}
	}
	dst = append(append(dst, '\n'), bytes.Repeat([]byte(indent), level-1)...)
	return append(dst, shut), nil
}

// pathElement is a name of a path to a place in a document.
type pathElement struct {
	name []byte
	null bool
}

// readPath is a path of an array in canonical form.
func readPath(array []byte) (path []pathElement, err error) {
	shape, _, _, err := readShape(array, 0)
	switch {
	case err != nil:
		return nil, err
	case shape.dims > 1:
		return nil, newError(codeArraySubscript, "wrong number of array subscripts")
	}
	_, err = Elements(Value{Data: array, Binary: true, OID: OIDTextArray}, func(name []byte, null bool) error {
		path = append(path, pathElement{bytes.Clone(name), null})
		return nil
	})
	return path, err
}

// withoutPath takes what a path leads to out of a document.
func (n *jsonNode) withoutPath(array []byte) error {
	path, err := readPath(array)
	switch {
	case err != nil:
		return err
	case !n.isContainer():
		return newError(codeInvalidParameter, "cannot delete path in scalar")
	case len(path) == 0 || len(n.children) == 0:
		return nil
	}
	return n.remove(path, 0)
}

// remove takes out what a path leads to from its level on.
func (n *jsonNode) remove(path []pathElement, level int) error {
	if path[level].null {
		return nullInPath(level)
	}
	child := n.member(path[level].name)
	if n.kind == jsonArrayStart {
		var err error
		if child, err = n.place(path[level].name, level, false); err != nil {
			return err
		}
	}
	switch {
	case child == nil:
	case level < len(path)-1:
		return child.remove(path, level+1)
	default:
		i := 0
		for &n.children[i] != child {
			i++
		}
		n.children = slices.Delete(n.children, i, i+1)
	}
	return nil
}

func nullInPath(level int) error {
	return newError(codeNullNotAllowed, "path element at position "+itoa(level+1)+" is null")
}

// setInDocument is jsonb_set. What there is not yet is made, unless the fourth argument
// forbids it.
func setInDocument(c *call) ([]byte, error) {
	creates := len(c.args) < 4 || c.text(3)[0] != 0
	path, err := readPath(c.text(1))
	if err != nil {
		return c.dst, err
	}
	root, err := c.document(0)
	if err != nil {
		return c.dst, err
	}
	value, err := c.document(2)
	switch {
	case err != nil:
		return c.dst, err
	case !root.isContainer():
		return c.dst, newError(codeInvalidParameter, "cannot set path in scalar")
	}
	if len(path) > 0 && (len(root.children) > 0 || creates) {
		if err := root.set(path, 0, &value, creates); err != nil {
			return c.dst, err
		}
	}
	return c.appendDocument(&root)
}

// set puts a value where a path leads to from its level on.
func (n *jsonNode) set(path []pathElement, level int, value *jsonNode, creates bool) error {
	if path[level].null {
		return nullInPath(level)
	}
	var child *jsonNode
	var err error
	name, isLast := path[level].name, level == len(path)-1
	switch n.kind {
	case jsonObjectStart:
		if child = n.member(name); child == nil && isLast && creates {
			n.children = append(n.children, jsonNode{key: name})
			child = &n.children[len(n.children)-1]
		}
	case jsonArrayStart:
		child, err = n.place(name, level, isLast && creates)
	}
	switch {
	case err != nil || child == nil:
		return err
	case !isLast:
		return child.set(path, level+1, value, creates)
	}
	key := child.key
	*child = *value
	child.key = key
	return nil
}

// place is the element of an array that a name of a path counts to. If there is none, one
// is made at the nearer end, or it is nil.
func (n *jsonNode) place(name []byte, level int, creates bool) (*jsonNode, error) {
	i, err := placeNamed(name)
	if err != nil {
		return nil, newError(codeInvalidText, "path element at position "+itoa(level+1)+` is not an integer: "`+string(name)+`"`)
	}
	if child := n.element(i); child != nil || !creates {
		return child, nil
	}
	if i < 0 {
		n.children = append([]jsonNode{{}}, n.children...)
		return &n.children[0], nil
	}
	n.children = append(n.children, jsonNode{})
	return &n.children[len(n.children)-1], nil
}
