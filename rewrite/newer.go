package rewrite

import "bytes"

// asOlder gives a masked text in which syntax that has come with PostgreSQL 18 stands
// as something older that is alike for planning, at the same places: VIRTUAL as STORED,
// ADD [CONSTRAINT name] NOT NULL column as a CHECK of nothing. ok is false if there is
// none. The server gets what the client has written.
func asOlder(masked []byte, tokens []token) (text []byte, ok bool) {
	is := func(i int, word string) bool {
		return i >= 0 && i < len(tokens) && tokens[i].kind != tokenQuoted && foldEqual(masked[tokens[i].start:tokens[i].end], word)
	}
	text = bytes.Clone(masked)
	put := func(from, to int, word string) {
		at := text[tokens[from].start:tokens[to].end]
		for i := copy(at, word); i < len(at); i++ {
			at[i] = ' '
		}
		ok = true
	}
	for i := range tokens {
		switch {
		case is(i, "virtual") && is(i-1, ")"):
			put(i, i, "STORED")
		case is(i, "not") && is(i+1, "null") && i+2 < len(tokens) && (is(i-1, "add") || is(i-2, "constraint") && is(i-3, "add")):
			put(i, i+2, "CHECK(1)")
		}
	}
	return text, ok
}
