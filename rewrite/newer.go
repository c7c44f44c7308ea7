package rewrite

import (
	"bytes"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// asOlder gives a masked text in which syntax that has come with PostgreSQL 18 stands
// as something older that is alike for planning, at the same places: VIRTUAL as STORED,
// ADD [CONSTRAINT name] NOT NULL column as a CHECK of nothing, and WITH (OLD AS name,
// NEW AS name) behind RETURNING left out (see returningNames). ok is false if there is
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
		case is(i, "with") && is(i-1, "returning") && is(i+1, "("):
			end := i + 2
			for end < len(tokens)-1 && !is(end, ")") {
				end++
			}
			put(i, end, "")
		}
	}
	return text, ok
}

// returningNames are the names that the versions of a row have in a RETURNING list.
func (a *analysis) returningNames(list []*pg.Node) (names [2]string) {
	names = [2]string{"old", "new"}
	i := a.tokenAt(list[0].GetResTarget().GetLocation()) - 1
	if !a.is(i, ")") {
		return names
	}
	for i > 0 && !a.is(i, "(") {
		i--
	}
	if !a.is(i-1, "with") || !a.is(i-2, "returning") {
		return names
	}
	for ; i+2 < len(a.tokens) && !a.is(i, ")"); i++ {
		for k := range names {
			if a.is(i, [...]string{"old", "new"}[k]) && a.is(i+1, "as") {
				names[k], _ = a.tokenName(a.tokens[i+2])
				i += 2
				break
			}
		}
	}
	return names
}
