package rewrite

import (
	"bytes"
	"slices"
)

// appendWarning has the server warn of a backslash in a plain string that has been
// replaced, as it would have (escape_string_warning): it reads another string with the
// same escape, and throws it away. The replacement begins at an offset of dst.
func (b *Bound) appendWarning(dst []byte, at int, v *value) []byte {
	if v.answer > 0 || v.array != nil || v.literal < 0 || b.scratch.literals[v.literal].kind != tokenOldString {
		return dst
	}
	for i := range b.Plan.statements {
		if b.Plan.statements[i].Effect == ChangesCatalog {
			return dst // what it stores has to stay a literal
		}
	}
	n := b.scratch.literals[v.literal]
	text := b.text[n.start:n.end]
	escape := `\141`
	switch text[bytes.IndexByte(text, '\\')+1] {
	case '\'':
		escape = `\'`
	case '\\':
		escape = `\\x`
	}
	dst = append(slices.Insert(dst, at, []byte("COALESCE(")...), `, '`...)
	if v.operand.Array {
		return append(append(append(dst, '{'), escape...), `}')`...)
	}
	return append(append(dst, escape...), `'::pg_catalog.bytea)`...)
}
