package logical

import "slices"

// Records are the objects of a JSON document that json_to_recordset, json_to_record and
// their kin make rows of.
type Records struct {
	// One: the document is one object, and not an array of them.
	One bool
	// Plain are the members that stay as they are. Those that are in none of the
	// lists are left out.
	Plain []string
	// Replaced are the members whose values are replaced, by name.
	Replaced []string
}

// Member is the value of a member of an object.
type Member struct {
	// Text is the value as the server gives it to the input function of a type: a
	// string without quotes and escapes, anything else as it is written.
	Text   []byte
	Null   bool
	String bool
}

// ForJSON is the text that the input functions of json and jsonb get.
func (m Member) ForJSON() []byte {
	if m.String {
		return appendJSONString(nil, m.Text)
	}
	return m.Text
}

// Append appends a document in canonical form as the server shall have it: replace
// appends the JSON value for the member that Replaced has at i. Of several members of
// one name in an object the last one counts, as for the server. What is not an object
// where one must be keeps its kind and loses its value, so that the server finds the
// same mistake.
func (r *Records) Append(dst, document []byte, replace func(dst []byte, i int, m Member) ([]byte, error)) ([]byte, error) {
	if len(document) > 0 && document[0] == jsonbVersion {
		dst, document = append(dst, jsonbVersion), document[1:]
	}
	w := recordWriter{Records: r, lexer: jsonLexer{input: document, unescape: true}, replace: replace, last: make([]memberSpan, len(r.Replaced))}
	dst, err := w.document(dst)
	if err != nil {
		if e, ok := err.(*Error); ok && (e.Code == codeInvalidText || e.Code == codeUntranslatable) && e.Context == "" {
			e.Context = w.lexer.context()
		}
	}
	return dst, err
}

// memberSpan is where the value of a member stands in the document; zero for none.
type memberSpan struct{ start, end int }

type recordWriter struct {
	*Records
	lexer   jsonLexer
	replace func(dst []byte, i int, m Member) ([]byte, error)
	last    []memberSpan // of the object at hand, by Replaced
}

func (w *recordWriter) document(dst []byte) ([]byte, error) {
	if err := w.lexer.next(); err != nil {
		return dst, err
	}
	if w.One || w.lexer.token != jsonArrayStart {
		return w.record(dst, w.One)
	}
	dst = append(dst, '[')
	if err := w.lexer.next(); err != nil {
		return dst, err
	}
	for w.lexer.token != jsonArrayEnd && w.lexer.token != jsonEnd {
		var err error
		if dst, err = w.record(dst, true); err != nil {
			return dst, err
		}
		if w.lexer.token == jsonComma {
			dst = append(dst, ',')
			if err := w.lexer.next(); err != nil {
				return dst, err
			}
		}
	}
	return append(dst, ']'), nil
}

// record appends the value that begins at the lexer's token, which is a row if it is an
// object where one is wanted, and steps behind it.
func (w *recordWriter) record(dst []byte, wanted bool) ([]byte, error) {
	switch {
	case w.lexer.token == jsonObjectStart && wanted:
		return w.object(dst)
	case w.lexer.token == jsonObjectStart:
		dst = append(dst, "{}"...)
	case w.lexer.token == jsonArrayStart:
		dst = append(dst, "[]"...)
	default:
		dst = append(dst, '0')
	}
	_, err := w.skip()
	return dst, err
}

// skip steps behind the value that begins at the lexer's token, and gives its end.
func (w *recordWriter) skip() (end int, err error) {
	for depth := 0; ; {
		switch w.lexer.token {
		case jsonObjectStart, jsonArrayStart:
			depth++
		case jsonObjectEnd, jsonArrayEnd:
			depth--
		case jsonEnd:
			return w.lexer.end, nil
		}
		end = w.lexer.end
		if err := w.lexer.next(); err != nil || depth == 0 {
			return end, err
		}
	}
}

func (w *recordWriter) object(dst []byte) ([]byte, error) {
	clear(w.last)
	dst = append(dst, '{')
	first := true
	separate := func() {
		if !first {
			dst = append(dst, ',')
		}
		first = false
	}
	if err := w.lexer.next(); err != nil {
		return dst, err
	}
	for w.lexer.token == jsonString {
		key := w.lexer.text()
		name := string(w.lexer.value)
		if err := w.lexer.next(); err != nil { // the colon
			return dst, err
		}
		if err := w.lexer.next(); err != nil {
			return dst, err
		}
		start := w.lexer.start
		end, err := w.skip()
		if err != nil {
			return dst, err
		}
		if i := slices.Index(w.Replaced, name); i >= 0 {
			w.last[i] = memberSpan{start, end}
		} else if slices.Contains(w.Plain, name) {
			separate()
			dst = append(append(append(dst, key...), ':'), w.lexer.input[start:end]...)
		}
		if w.lexer.token == jsonComma {
			if err := w.lexer.next(); err != nil {
				return dst, err
			}
		}
	}
	for i, at := range w.last {
		if at.end == 0 {
			continue
		}
		separate()
		dst = append(appendJSONString(dst, []byte(w.Replaced[i])), ':')
		m, err := memberOf(w.lexer.input[at.start:at.end])
		if err != nil {
			return dst, err
		}
		if dst, err = w.replace(dst, i, m); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), w.lexer.next()
}

// memberOf reads a value as the server takes it out of a document.
func memberOf(text []byte) (Member, error) {
	l := jsonLexer{input: text, unescape: true}
	if err := l.next(); err != nil {
		return Member{}, err
	}
	switch l.token {
	case jsonString:
		return Member{Text: l.value, String: true}, nil
	case jsonNull:
		return Member{Null: true}, nil
	}
	return Member{Text: text}, nil
}
