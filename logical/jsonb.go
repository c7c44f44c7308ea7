package logical

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// jsonbVersion is the byte before the text in the binary form.
const jsonbVersion = 1

// maxJSONB is the size in bytes up to which the server stores the parts of a
// jsonb, and to which its text is limited here: a number of ten bytes can stand
// for a hundred thousand digits.
const maxJSONB = 1<<28 - 1

var jsonbCodec = codec{
	name: "jsonb", size: -1, textual: true,
	in:   jsonbIn,
	recv: jsonbRecv,
	out: func(dst, canonical []byte, _ *Settings) ([]byte, error) {
		return append(dst, canonical[1:]...), nil
	},
	equal: jsonbEqual,
	check: func(canonical []byte) bool {
		return len(canonical) > 1 && canonical[0] == jsonbVersion && utf8.Valid(canonical[1:])
	},
}

// jsonbRecv reads the binary form, of which the text is UTF-8 already.
func jsonbRecv(dst, data []byte) ([]byte, error) {
	text, err := jsonbText(data)
	if err != nil {
		return dst, err
	}
	return jsonbIn(dst, text, nil)
}

// jsonbText takes the version off.
func jsonbText(data []byte) ([]byte, error) {
	if len(data) == 0 {
		return nil, shortBinary()
	}
	if data[0] != jsonbVersion {
		return nil, newError(codeInternal, "unsupported jsonb version number "+itoa(int(data[0])))
	}
	return data[1:], nil
}

// jsonNode is a value, with its key if it is a member of an object.
type jsonNode struct {
	kind     jsonToken // jsonObjectStart and jsonArrayStart for containers
	key      []byte
	text     []byte // of a string without escapes, of a number as it was written
	children []jsonNode
}

func checkJSONString(s []byte) error {
	if len(s) > maxJSONB {
		return &Error{Code: codeProgramLimit, Message: "string too long to represent as jsonb string",
			Detail: "Due to an implementation restriction, jsonb strings cannot exceed " + itoa(maxJSONB) + " bytes."}
	}
	return nil
}

// scalar takes the lexer's token, and gives the bytes that it needs at least
// when it is written.
func (n *jsonNode) scalar(l *jsonLexer) (size int, err error) {
	n.kind = l.token
	switch l.token {
	case jsonString:
		n.text = append([]byte{}, l.value...)
		return len(n.text), checkJSONString(l.value)
	case jsonNumber:
		n.text = l.input[l.start:l.end]
		number, err := parseNumeric(n.text)
		if err == nil {
			// The range is checked where a number is stored.
			_, err = number.append(nil)
		}
		return number.weight*decimalDigits + number.scale, err
	}
	return 0, nil
}

func jsonbTooLong() error {
	return newError(codeProgramLimit, "total size of jsonb exceeds the maximum of "+itoa(maxJSONB)+" bytes")
}

// jsonbIn writes the text as the server stores it: keys in order and once,
// numbers in full, its own spacing and escapes.
func jsonbIn(dst, text []byte, _ *Settings) ([]byte, error) {
	p := jsonParser{lexer: jsonLexer{input: text, unescape: true}, builds: true}
	root, err := p.root()
	if err != nil {
		return dst, err
	}
	return root.append(append(dst, jsonbVersion))
}

func (n *jsonNode) append(dst []byte) ([]byte, error) {
	switch n.kind {
	case jsonTrue:
		return append(dst, "true"...), nil
	case jsonFalse:
		return append(dst, "false"...), nil
	case jsonNull:
		return append(dst, "null"...), nil
	case jsonString:
		return appendJSONString(dst, n.text), nil
	case jsonNumber:
		number, err := parseNumeric(n.text)
		if err != nil {
			return dst, err
		}
		return number.appendText(dst), nil
	}
	open, shut := byte('['), byte(']')
	if n.kind == jsonObjectStart {
		open, shut = '{', '}'
		n.sortMembers()
	}
	dst = append(dst, open)
	for i := range n.children {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if n.kind == jsonObjectStart {
			dst = append(appendJSONString(dst, n.children[i].key), ": "...)
		}
		var err error
		if dst, err = n.children[i].append(dst); err != nil {
			return dst, err
		}
	}
	return append(dst, shut), nil
}

// sortMembers puts shorter keys first, keys of one length in byte order, and
// keeps the last of several members with the same key.
func (n *jsonNode) sortMembers() {
	slices.SortStableFunc(n.children, func(a, b jsonNode) int {
		if len(a.key) != len(b.key) {
			return len(a.key) - len(b.key)
		}
		return bytes.Compare(a.key, b.key)
	})
	kept := n.children[:0]
	for i, child := range n.children {
		if i+1 < len(n.children) && bytes.Equal(child.key, n.children[i+1].key) {
			continue
		}
		kept = append(kept, child)
	}
	n.children = kept
}

func appendJSONString(dst, s []byte) []byte {
	dst = append(dst, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= ' ':
			dst = append(dst, c)
		case c == '\b':
			dst = append(dst, `\b`...)
		case c == '\f':
			dst = append(dst, `\f`...)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(dst, '"')
}

// jsonbEqual leaves out the zeros at the end of fractions: 1.0 equals 1.00.
func jsonbEqual(dst, canonical []byte) ([]byte, error) {
	quoted, point := false, false
	zeros := 0 // written after a point and after the last other digit
	for i := 1; i < len(canonical); i++ {
		c := canonical[i]
		switch {
		case quoted:
			if c == '\\' && i+1 < len(canonical) {
				dst = append(dst, c)
				i++
				c = canonical[i]
			} else if c == '"' {
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '.':
			point, zeros = true, 1
		case point && c == '0':
			zeros++
		case point && isDigit(c):
			zeros = 0
		case point:
			dst = dst[:len(dst)-zeros]
			point, zeros = false, 0
		}
		dst = append(dst, c)
	}
	return dst[:len(dst)-zeros], nil
}
