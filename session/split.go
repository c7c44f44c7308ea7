package session

import (
	"bytes"

	"pgseal/logical"
	"pgseal/rewrite"
)

var (
	oneText   = logical.Type{OID: logical.OIDText, Typmod: -1}
	textArray = logical.Type{OID: oneText.ArrayOID(), Typmod: -1}
)

// appendSplit appends the array that string_to_array makes of a text, in canonical form.
func appendSplit(dst, text []byte, delimiter string) []byte {
	if len(text) == 0 {
		dst, _ = textArray.BeginArray(dst, 0)
		return dst
	}
	dst, array := textArray.BeginArray(dst, 1+bytes.Count(text, []byte(delimiter)))
	for element := range bytes.SplitSeq(text, []byte(delimiter)) {
		dst = array.Append(dst, element[:len(element):len(element)])
	}
	return dst
}

// appendSplitTerms is appendTerms of what a text is split into.
func (s *Session) appendSplitTerms(dst []byte, op *rewrite.Operand, v logical.Value) ([]byte, Need, error) {
	text, err := oneText.AppendCanonical(nil, v, logical.Cast, s.reading())
	if err != nil {
		return dst, Need{}, valueError(err, op.Column)
	}
	foreign := s.foreign
	s.foreign = true // the canonical form is UTF-8
	defer func() { s.foreign = foreign }()
	return s.appendTerms(dst, op, logical.Value{Data: appendSplit(nil, text, op.Split), Binary: true, OID: textArray.OID})
}
