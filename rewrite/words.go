package rewrite

import (
	"strings"
	"unicode"
	"unicode/utf8"
	"unsafe"

	"pgseal/catalog"
)

// maxName is the length in bytes to which PostgreSQL cuts names.
const maxName = 63

// MayTouch reports whether a text must be planned: whether anything in it,
// inside quotes and comments too, could name what the snapshot holds sealed, or
// has an effect on the session (PREPARE, EXECUTE, FETCH, DDL, …). Where it is
// false the text passes as it is. It is true too often and never too seldom, and
// does not allocate. For a snapshot of names only, effects do not count.
func MayTouch(snap *catalog.Snapshot, text []byte) bool {
	if snap.NamesOnly() {
		return mayTouch(snap, text, namesCount)
	}
	return mayTouch(snap, text, cursorsCount)
}

// MayName reports whether anything in a text could name what the snapshot holds
// sealed or shows, or stand for another text that does. It is MayTouch without
// most effects: DDL is none.
func MayName(snap *catalog.Snapshot, text []byte) bool { return mayTouch(snap, text, textsCount) }

// MayAlter reports whether a text may hold DDL, or run another text.
func MayAlter(text []byte) bool { return mayTouch(anyNames, text, effectsCount) }

var anyNames = catalog.Names()

// counting says which words count beside the names of what is sealed. Each
// includes those before it.
type counting uint8

const (
	namesCount   counting = iota // none
	textsCount                   // of what holds or runs another text
	effectsCount                 // of all effects that could hide or change something sealed: DDL, too
	cursorsCount                 // of cursors, too
)

func mayTouch(snap *catalog.Snapshot, text []byte, count counting) bool {
	if snap.Empty() {
		return false
	}
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case class[c]&className != 0:
			end := i + 1
			dollar, digits := c == '$', class[c]&classDigit != 0
			for end < len(text) && class[text[end]]&className != 0 {
				dollar = dollar || text[end] == '$'
				digits = digits && class[text[end]]&classDigit != 0
				end++
			}
			// Only quotes let a name begin with a digit or keep its capitals.
			quoted := i > 0 && text[i-1] == '"'
			switch {
			case dollar:
				if !isParameter(text[i:end]) && dollarWord(snap, text[i:end], count) {
					return true
				}
			case digits && !quoted:
			case count == textsCount && beginsTriggerCall(text[i:], end-i):
				if word(snap, text[i:end], quoted, namesCount) {
					return true
				}
			case word(snap, text[i:end], quoted, count):
				return true
			}
			// U&"\0075sers" hides a name from this scan.
			if end-i == 1 && c|0x20 == 'u' && end+1 < len(text) && text[end] == '&' && (text[end+1] == '"' || text[end+1] == '\'') {
				return true
			}
			i = end
		case c == '"':
			if quotedWord(snap, text[i+1:]) {
				return true
			}
			i++
		case c == '\\':
			// In a string that is SQL itself (query_to_xml(E'…\nusers')) the
			// escape is no part of the name behind it, and may hide one.
			i += 2
			if i <= len(text) && hidesCharacter(text[i-1]) {
				return true
			}
		default:
			i++
		}
	}
	return false
}

// beginsTriggerCall says whether a text begins with EXECUTE FUNCTION f, as in CREATE
// TRIGGER, which executes no prepared statement: one of the name function would not be
// followed by another name. n is the length of the first word.
func beginsTriggerCall(text []byte, n int) bool {
	if n != len("execute") || !strings.EqualFold(view(text[:n]), "execute") {
		return false
	}
	is, rest := nextWord(text[n:])
	if !strings.EqualFold(is, "function") && !strings.EqualFold(is, "procedure") {
		return false
	}
	name, _ := nextWord(rest)
	return name != ""
}

// nextWord gives the run of name characters that white space stands in front of, "" for
// none.
func nextWord(text []byte) (word string, rest []byte) {
	i := 0
	for i < len(text) && (text[i] == ' ' || text[i] >= '\t' && text[i] <= '\r') {
		i++
	}
	end := i
	for end < len(text) && class[text[end]]&className != 0 {
		end++
	}
	if i == 0 {
		return "", text
	}
	return view(text[i:end]), text[end:]
}

// hidesCharacter says whether a backslash and c begin a numeric escape.
func hidesCharacter(c byte) bool {
	return c|0x20 == 'u' || c|0x20 == 'x' || c >= '0' && c <= '7'
}

// isParameter says whether a run is $1, not a name with a dollar sign in it.
func isParameter(run []byte) bool {
	for i, c := range run {
		if i == 0 && c != '$' || i > 0 && class[c]&classDigit == 0 {
			return false
		}
	}
	return len(run) > 1
}

// word looks up a run of name characters as a plain name, and as a quoted one.
func word(snap *catalog.Snapshot, run []byte, quoted bool, count counting) bool {
	if len(run) > maxName {
		// Cut at a character, wherever the server's encoding has its bounds.
		for n := maxName; n > maxName-4; n-- {
			if word(snap, run[:n], quoted, count) {
				return true
			}
		}
		return false
	}
	var buf [maxName]byte
	folded, ascii := buf[:len(run)], true
	upper := false
	for i, c := range run {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
			upper = true
		}
		ascii = ascii && c < utf8.RuneSelf
		folded[i] = c
	}
	if snap.Word(view(folded)) || effectWord(folded, count) {
		return true
	}
	if upper && quoted && snap.Word(view(run)) {
		return true
	}
	return !ascii && foreignWord(snap, folded)
}

// foreignWord is for names with other letters than ASCII: those that are not
// UTF-8 could be any, and single-byte servers fold the others.
func foreignWord(snap *catalog.Snapshot, folded []byte) bool {
	if !utf8.Valid(folded) {
		return true
	}
	var buf [2 * maxName]byte
	lower := buf[:0]
	for _, r := range view(folded) {
		lower = utf8.AppendRune(lower, unicode.ToLower(r))
	}
	return snap.Word(view(lower))
}

// dollarWord looks up every piece of a run with dollar signs, which may be part
// of a name or quote it: a$b, $tag$users$tag$.
func dollarWord(snap *catalog.Snapshot, run []byte, count counting) bool {
	for i := range run {
		if i > 0 && run[i-1] != '$' {
			continue
		}
		for end := i + 1; end <= len(run) && end <= i+maxName+1; end++ {
			if (end == len(run) || run[end] == '$') && word(snap, run[i:end], false, count) {
				return true
			}
		}
		if len(run)-i > maxName+1 && word(snap, run[i:], false, count) {
			return true
		}
	}
	return false
}

// quotedWord looks up what would be a quoted name if text began behind its
// quote, when it is not simply a run of name characters.
func quotedWord(snap *catalog.Snapshot, text []byte) bool {
	var buf [maxName + 1]byte
	name := buf[:0]
	simple := true
	for i := 0; ; i++ {
		if i == len(text) {
			return false
		}
		c := text[i]
		if c == '"' {
			if i+1 == len(text) || text[i+1] != '"' {
				break
			}
			i++
		}
		simple = simple && class[c]&className != 0 && c != '$'
		if len(name) < cap(buf) {
			name = append(name, c)
		} else {
			break
		}
	}
	if simple && len(name) <= maxName {
		return false // MayTouch looks it up as a run
	}
	if len(name) <= maxName {
		return snap.Word(view(name)) || !utf8.Valid(name)
	}
	for n := maxName; n > maxName-4; n-- {
		if snap.Word(view(name[:n])) {
			return true
		}
	}
	return false
}

// effectWord names the words that make a text worth planning whatever else it
// holds: its effect on the session, or the reach of a function.
func effectWord(folded []byte, count counting) bool {
	switch string(folded) {
	case "execute", "prepare", "deallocate", "discard":
		return count >= textsCount
	case "create", "alter", "drop", "prepared":
		return count >= effectsCount
	case "declare", "fetch", "move", "close":
		return count >= cursorsCount
	}
	return count >= textsCount && len(folded) >= len("ts_stat") && reachesRelations(view(folded))
}

func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
