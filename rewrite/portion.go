package rewrite

// StatementAt gives the byte offset at which the statement begins that stands
// at another offset of a text: 0 for the first one, and where that cannot be
// told. escapes as in Request.
func StatementAt(text []byte, offset int, escapes bool) (start int) {
	eachStatement(text, escapes, func(at, _ int) bool {
		if at > offset {
			return false
		}
		start = at
		return true
	})
	return start
}

// StatementNumber gives the byte offset of the first word of a statement of a text, from 0,
// of those that are not empty. escapes as in Request.
func StatementNumber(text []byte, number int, escapes bool) (offset int) {
	eachStatement(text, escapes, func(_, first int) bool {
		offset = first
		number--
		return number >= 0
	})
	return offset
}

// eachStatement gives where each statement that is not empty begins, behind the one before,
// and its first word.
func eachStatement(text []byte, escapes bool, is func(start, first int) bool) {
	l := lexer{text: text, escapes: escapes}
	start, depth, empty := 0, 0, true
	for {
		t, ok := l.next()
		if !ok {
			return
		}
		semicolon := t.kind == tokenPunctuation && text[t.start] == ';' && depth == 0 // not one of CREATE RULE … DO (…; …)
		if empty && !semicolon {
			if empty = false; !is(start, int(t.start)) {
				return
			}
		}
		switch {
		case semicolon:
			start, empty = int(t.end), true
		case t.kind != tokenPunctuation:
		case text[t.start] == '(':
			depth++
		case text[t.start] == ')':
			depth--
		}
	}
}
