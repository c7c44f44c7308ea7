package session

import (
	"pgseal/rewrite"
	"pgseal/wire"
)

// query takes a Query: all its statements are planned before any is sent.
func (s *Session) query(size int, b []byte, out *Output) (action, Need, error) {
	snap, stale := s.current()
	if snap == nil {
		return s.refuseQuery(staleCatalog(stale), out)
	}
	if snap.Empty() && stale == nil {
		s.unplannedNames = true
		s.push(request{kind: query})
		return relay, Need{}, nil
	}
	if size > s.cfg.MaxFrame {
		return s.refuseQuery(tooLong(size, s.cfg.MaxFrame), out)
	}
	if len(b) < size {
		return wait, Need{Kind: NeedBytes, Bytes: size}, nil
	}
	text, err := wire.ParseQuery(b[wire.HeaderLen:])
	if err != nil {
		return wait, Need{}, violation("invalid string in message")
	}
	v := s.plan(snap, text, rewrite.Simple, out)
	switch {
	case v.act == wait:
		return wait, v.need, nil
	case v.act == relay:
		s.push(request{kind: query, guard: fetches(text)})
		return relay, Need{}, nil
	case v.refusal != nil:
		return s.refuseQuery(v.refusal, out)
	case stale != nil:
		s.recycle(v.planning)
		return s.refuseQuery(staleCatalog(stale), out)
	}
	plan := v.planning.bound.Plan
	r := request{kind: query, plan: plan, planning: v.planning, writes: len(plan.Statements()) > 1 || !readsOnly(text)}
	floats := false
	for i := range plan.Statements() {
		st := &plan.Statements()[i]
		r.guard = r.guard || st.Results != nil || st.Effect == rewrite.Executes
		r.effects = r.effects || changesNames(st)
		floats = floats || showsFloats(st.Results)
	}
	r.guard = r.guard || fetches(text)
	if floats && !s.settings.floats && !s.frame.answer {
		s.recycle(v.planning)
		return s.ask(rewrite.Simple, out)
	}
	if plan.Relay() {
		s.push(r)
		return relay, Need{}, nil
	}
	dst, start := wire.Begin(out.server.scratch, wire.TypeQuery)
	dst, need, refusal := s.sealText(dst, v.planning)
	if refusal != nil || need.Kind != NeedNothing {
		s.recycle(v.planning)
		if refusal != nil {
			return s.refuseQuery(refusal, out)
		}
		return wait, need, nil
	}
	out.server.put(wire.End(append(dst, 0), start))
	s.push(r)
	return drop, Need{}, nil
}

// fetches reports that a text starts with FETCH or EXECUTE, or has a FETCH
// further on: statements whose rows can come from a cursor that was declared
// over sealed columns, without any name that says so.
func fetches(text []byte) bool {
	for i := 0; i+5 <= len(text); i++ {
		if text[i]|0x20 == 'f' && (i == 0 || !nameByte(text[i-1])) && foldedPrefix(text[i:], "fetch") {
			return true
		}
	}
	return foldedPrefix(firstWord(text), "execute")
}

func nameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
}

// foldedPrefix reports that text begins with a word of lower-case letters, in
// any case.
func foldedPrefix(text []byte, word string) bool {
	if len(text) < len(word) {
		return false
	}
	for i := range len(word) {
		if text[i]|0x20 != word[i] {
			return false
		}
	}
	return len(text) == len(word) || !nameByte(text[len(word)])
}

// firstWord is the text from its first letter on, behind white space, comments
// and parentheses.
func firstWord(text []byte) []byte {
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			return text[i:]
		case c == '-' && i+1 < len(text) && text[i+1] == '-':
			for i < len(text) && text[i] != '\n' && text[i] != '\r' {
				i++
			}
		case c == '/' && i+1 < len(text) && text[i+1] == '*':
			depth := 0
			for ; i < len(text); i++ {
				if i+1 < len(text) && text[i] == '/' && text[i+1] == '*' {
					depth++
					i++
				} else if i+1 < len(text) && text[i] == '*' && text[i+1] == '/' {
					i++
					if depth--; depth == 0 {
						i++
						break
					}
				}
			}
		default:
			i++
		}
	}
	return nil
}

// readsOnly reports that a statement changes nothing by its first word, so that
// nothing is lost if it is not undone.
func readsOnly(text []byte) bool {
	w := firstWord(text)
	return foldedPrefix(w, "select") || foldedPrefix(w, "fetch") || foldedPrefix(w, "values") || foldedPrefix(w, "table") || foldedPrefix(w, "show")
}
