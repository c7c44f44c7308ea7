package rewrite

import (
	"bytes"
	"strconv"
)

// Lifted is an INSERT of literals with parameters in their places: what one has
// in common with others like it, and what sets them apart. Its memory is used
// again by the next.
type Lifted struct {
	// Text has $1, $2, … where the literals were.
	Text []byte
	// Types are what PostgreSQL reads the literals as, 0 for a string: its type is
	// that of the column.
	Types []uint32
	// Returns: there is a RETURNING.
	Returns bool

	values []byte // one behind the other
	ends   []int  // of each in values
}

// Value is the i-th literal's value, as text.
func (l *Lifted) Value(i int) []byte {
	start := 0
	if i > 0 {
		start = l.ends[i-1]
	}
	return l.values[start:l.ends[i]]
}

// maxLifted is how many literals an INSERT can have to be lifted.
const maxLifted = 1000

// InsertTarget is the head of a text that may be an INSERT, up to the name of its
// relation; nil if it is none.
func InsertTarget(text []byte) []byte {
	l := lexer{text: text}
	if !l.word("insert") || !l.word("into") || !l.name() {
		return nil
	}
	return text[:l.pos]
}

// Lift reads the text of one INSERT that names its columns, whose VALUES are
// literals, NULL, true, false or DEFAULT, and that has no other literal. It is false for every other text.
// Plain strings are read as with standard_conforming_strings.
func (l *Lifted) Lift(text []byte) bool {
	l.Returns = false
	l.Text, l.Types, l.values, l.ends = l.Text[:0], l.Types[:0], l.values[:0], l.ends[:0]
	x := lexer{text: text}
	if !x.word("insert") || !x.word("into") || !x.name() {
		return false
	}
	t, ok := x.next()
	if !ok || !t.is(text, "(") || !x.columns() || !x.word("values") {
		return false
	}
	from := 0 // of what has not been copied to Text
	for {
		if t, ok = x.next(); !ok || !t.is(text, "(") {
			return false
		}
		for {
			if from, ok = l.item(&x, from); !ok {
				return false
			}
			if t, ok = x.next(); !ok || !t.is(text, ",") && !t.is(text, ")") {
				return false
			}
			if t.is(text, ")") {
				break
			}
		}
		if t, ok = x.next(); !ok || !t.is(text, ",") {
			break
		}
	}
	if ok && t.kind == tokenIdentifier && foldEqual(text[t.start:t.end], "returning") {
		l.Returns = true
		for t, ok = x.next(); ok && !t.is(text, ";"); t, ok = x.next() {
			if !t.isName() && !t.is(text, ",") && !t.is(text, ".") && !t.is(text, "*") || t.tooLong() {
				return false
			}
		}
	}
	end := len(text)
	if ok {
		if !t.is(text, ";") {
			return false
		}
		end = int(t.start)
		if _, ok = x.next(); ok {
			return false
		}
	}
	if x.err != lexOK || len(l.Types) == 0 {
		return false
	}
	l.Text = append(l.Text, bytes.TrimRight(text[from:end], " \t\n\r")...)
	return true
}

// item takes one item of VALUES. What stands before its literal goes to Text.
func (l *Lifted) item(x *lexer, from int) (int, bool) {
	t, ok := x.next()
	if !ok {
		return from, false
	}
	start := t.start
	negative := t.is(x.text, "-")
	if negative {
		if t, ok = x.next(); !ok || t.kind != tokenInteger && t.kind != tokenFloat {
			return from, false
		}
	}
	value := x.text[t.start:t.end]
	switch {
	case t.kind == tokenIdentifier:
		return from, foldEqual(value, "null") || foldEqual(value, "default") || foldEqual(value, "true") || foldEqual(value, "false")
	case len(l.Types) == maxLifted:
		return from, false
	case t.kind == tokenInteger, t.kind == tokenFloat:
		at := len(l.values)
		if negative {
			l.values = append(l.values, '-')
		}
		l.values = append(l.values, value...)
		oid := uint32(oidNumeric)
		if t.kind == tokenInteger {
			oid = numberType(l.values[at:])
		}
		l.Types = append(l.Types, oid)
	case t.kind == tokenString, t.kind == tokenBackslashString, t.kind == tokenEscapeString, t.kind == tokenDollarString:
		if l.values, ok = appendString(l.values, x.text, t); !ok {
			return from, false
		}
		l.Types = append(l.Types, 0)
	default:
		return from, false
	}
	l.ends = append(l.ends, len(l.values))
	l.Text = append(append(l.Text, x.text[from:start]...), '$')
	l.Text = strconv.AppendInt(l.Text, int64(len(l.Types)), 10)
	return int(t.end), true
}

// word takes a keyword.
func (l *lexer) word(word string) bool {
	t, ok := l.next()
	return ok && t.kind == tokenIdentifier && foldEqual(l.text[t.start:t.end], word)
}

// part takes one part of a name.
func (l *lexer) part() bool {
	t, ok := l.next()
	return ok && t.isName() && !t.tooLong()
}

// columns takes the rest of a list of columns.
func (l *lexer) columns() bool {
	for l.part() {
		t, ok := l.next()
		if !ok || !t.is(l.text, ",") {
			return ok && t.is(l.text, ")")
		}
	}
	return false
}

// name takes the name of a relation, qualified or not.
func (l *lexer) name() bool {
	for {
		if !l.part() {
			return false
		}
		behind := l.pos
		if t, ok := l.next(); !ok || !t.is(l.text, ".") {
			l.pos, l.err = behind, lexOK
			return true
		}
	}
}

func (t token) is(text []byte, s string) bool {
	return (t.kind == tokenPunctuation || t.kind == tokenOperator) && bytes.Equal(text[t.start:t.end], []byte(s))
}

func (t token) isName() bool { return t.kind == tokenIdentifier || t.kind == tokenQuoted }

// tooLong says that a name may be cut, of which PostgreSQL gives a notice whenever
// it reads it.
func (t token) tooLong() bool { return t.end-t.start > maxName }
