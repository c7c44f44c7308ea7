package session

import "bytes"

// hints are what a text shows at a glance. They err on the side of yes: a yes
// costs a wait or a look, never an answer.
type hints uint8

const (
	// readsOnly: nothing is lost if the statement is not undone, as far as its
	// first word tells.
	readsOnly hints = 1 << iota
	// fetches: its rows can come from a cursor over sealed columns, without any
	// name in it that says so.
	fetches
	// resets: it can change settings by which values are converted.
	resets
	// local: what it has set ends with the transaction.
	local
	// ends: it ends a transaction, or a part of one, and with it settings that
	// were made in it.
	ends
	// controls: it controls transactions or settings and reads no relation.
	controls
	// begins: it begins a transaction block.
	begins
)

// unsure are the hints of what could be anything.
const unsure = fetches | resets | local | ends

// changeSettings reports that a text changes settings, as far as it is clear.
func (h hints) changeSettings() bool {
	const unclear = fetches | ends
	return h&resets != 0 && h&unclear != unclear
}

// look finds the hints of a text, in one pass. What stands in quotes is not told
// apart from the rest.
func look(text []byte) (h hints) {
	text = afterComments(text)
	atStart, statements := true, 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == ';':
			atStart = true
		case atStart && (c == '-' || c == '/'):
			h |= unsure // a comment, or a string that looks like one
			atStart = false
			statements++
		case c|0x20 < 'a' || c|0x20 > 'z':
		case atStart:
			h |= wordHints(text[i:])
			atStart = false
			statements++
		case c|0x20 == 'f' && !nameByte(text[i-1]) && foldedPrefix(text[i:], "fetch"):
			h |= fetches
		case c|0x20 == 's' && foldedPrefix(text[i:], "set_config"):
			h |= resets | local
		}
	}
	if statements > 1 {
		h &^= readsOnly | controls
	}
	return h
}

// wordHints finds the hints of a statement's first word.
func wordHints(w []byte) hints {
	switch w[0] | 0x20 {
	case 'a':
		return when(w, "abort", ends|controls)
	case 'b':
		return when(w, "begin", controls|begins)
	case 'c':
		return when(w, "commit", ends|controls) | when(w, "call", resets|local)
	case 'd':
		return when(w, "discard", resets) | when(w, "do", resets|local)
	case 'e':
		return when(w, "end", ends|controls)
	case 'f':
		return when(w, "fetch", readsOnly|fetches)
	case 'p':
		return when(w, "prepare", ends) // PREPARE TRANSACTION
	case 'r':
		return changes(w, "reset") | when(w, "rollback", ends|controls) | when(w, "release", controls)
	case 's':
		return when(w, "select", readsOnly) | changes(w, "set") | when(w, "show", readsOnly|controls) |
			when(w, "start", controls|begins) | when(w, "savepoint", controls)
	case 't':
		return when(w, "table", readsOnly)
	case 'v':
		return when(w, "values", readsOnly)
	}
	return 0
}

func when(text []byte, word string, h hints) hints {
	if foldedPrefix(text, word) {
		return h
	}
	return 0
}

// changes finds the hints of a SET or RESET by what it sets.
func changes(text []byte, word string) hints {
	if !foldedPrefix(text, word) {
		return 0
	}
	rest := text[len(word):]
	for range 3 { // SET [SESSION | LOCAL] name
		rest = bytes.TrimLeft(rest, " \t\n\r\f\v")
		switch {
		case foldedPrefix(rest, "session"):
			rest = rest[len("session"):]
		case foldedPrefix(rest, "local"):
			rest = rest[len("local"):]
		case len(rest) == 0 || !nameByte(rest[0]):
			return controls | resets | local // quoted, or behind a comment
		default:
			for _, name := range convertingSettings {
				if foldedPrefix(rest, name) {
					return controls | resets | local
				}
			}
			return controls
		}
	}
	return controls | resets | local
}

// convertingSettings are those by which values are read and written, and ALL,
// as SET and RESET spell them.
var convertingSettings = [...]string{
	"all", "time", "timezone", "names", "client_encoding", "datestyle", "intervalstyle",
	"extra_float_digits", "bytea_output", "standard_conforming_strings",
}

// discards reports a DISCARD. It holds no value to be read, and the server would not run
// DISCARD ALL behind a question in the same pipeline.
func discards(text []byte) bool {
	text = afterComments(text)
	return foldedPrefix(text, "discard") && bytes.IndexByte(text, ';') < 0
}

func nameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
}

// foldedPrefix reports that text begins with a word of lower-case letters and
// underscores, in any case.
func foldedPrefix(text []byte, word string) bool {
	if len(text) < len(word) {
		return false
	}
	for i := range len(word) {
		if c := text[i]; c != word[i] && c|0x20 != word[i] {
			return false
		}
	}
	return len(text) == len(word) || !nameByte(text[len(word)])
}

// afterComments is the text behind the white space and the comments at its
// beginning.
func afterComments(text []byte) []byte {
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c <= ' ':
			i++
		case c == '-' && i+1 < len(text) && text[i+1] == '-':
			for i < len(text) && text[i] != '\n' && text[i] != '\r' {
				i++
			}
		case c == '/' && i+1 < len(text) && text[i+1] == '*':
			i += commentLength(text[i:])
		default:
			return text[i:]
		}
	}
	return nil
}

// commentLength is the length of the comment, in which comments nest, at the
// beginning of text.
func commentLength(text []byte) int {
	depth := 0
	for i := 0; i+1 < len(text); i++ {
		switch {
		case text[i] == '/' && text[i+1] == '*':
			depth++
			i++
		case text[i] == '*' && text[i+1] == '/':
			i++
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}
