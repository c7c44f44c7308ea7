package rewrite

// StatementAt gives the byte offset at which the statement begins that stands
// at another offset of a text: 0 for the first one, and where that cannot be
// told. escapes as in Request.
func StatementAt(text []byte, offset int, escapes bool) int {
	l := lexer{text: text, escapes: escapes}
	start, depth := 0, 0
	for {
		t, ok := l.next()
		if !ok || int(t.start) >= offset {
			break
		}
		if t.kind != tokenPunctuation {
			continue
		}
		switch text[t.start] {
		case '(':
			depth++
		case ')':
			depth--
		case ';':
			if depth == 0 { // not one of CREATE RULE … DO (…; …)
				start = int(t.end)
			}
		}
	}
	return start
}
