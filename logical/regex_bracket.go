package logical

import (
	"cmp"
	"slices"
	"strconv"
	"unicode/utf8"
)

// runes are the characters from one to another.
type runes struct{ low, high rune }

// characterClass are the characters of ASCII that a class has, pairs of the first and the last
// one of some, and of which others collations differ about.
type characterClass struct {
	pairs string
	doubt doubt
}

var characterClasses = map[string]characterClass{
	"alnum":  {"09AZaz", aboutLetters},
	"alpha":  {"AZaz", aboutLetters},
	"ascii":  {"\x00\x7f", 0},
	"blank":  {"\t\t  ", 0},
	"cntrl":  {"\x00\x1f\x7f\u009f", 0}, // by their codes, whatever the collation
	"digit":  {"09", aboutDigits},
	"graph":  {"!~", aboutLetters},
	"lower":  {"az", aboutLetters},
	"print":  {" ~", aboutLetters},
	"punct":  {"!/:@[`{~", aboutMarks},
	"space":  {"\t\r  ", aboutBlanks},
	"upper":  {"AZ", aboutLetters},
	"word":   {"09AZ__az", aboutLetters},
	"xdigit": {"09AFaf", 0},
}

// bracket reads a list of characters in brackets, up to the end of it.
func (p *regexParser) bracket(negated bool) regexPart {
	var all []runes
	p.next()
	for p.token.kind != regexBracketEnd && p.token.kind != regexEnd {
		all = p.bracketed(all)
	}
	return p.set(all, negated)
}

// bracketed reads one character, range or class in brackets.
func (p *regexParser) bracketed(all []runes) []runes {
	t := p.token
	switch t.kind {
	case regexSet:
		p.next()
		return append(all, p.classRanges(t.class, t.negated)...)
	case regexNamed:
		name := p.name()
		if p.next(); characterClasses[name].pairs == "" {
			p.invalid(regexClass)
			return all
		}
		return append(all, p.classRanges(name, false)...)
	case regexDash:
		p.invalid(regexRange)
		return all
	}
	p.next()
	if p.token.kind != regexDash {
		return p.folded(all, t.char, t.char)
	}
	p.next()
	end := p.token
	if p.err == nil && end.kind != regexChar && end.kind != regexDash {
		p.invalid(regexRange)
	}
	p.next()
	if end.char < t.char {
		p.invalid(regexRange)
	}
	if p.foreign && end.char >= utf8.RuneSelf {
		p.fail(refusePattern("that has a range of characters beyond ASCII in a database of another encoding"))
	}
	return p.folded(all, t.char, end.char)
}

// folded appends the characters from one to another, and those that are the same in the other
// case.
func (p *regexParser) folded(all []runes, low, high rune) []runes {
	all = append(all, runes{low, high})
	p.colors[runes{low, high}] = struct{}{}
	if !p.insensitive {
		return all
	}
	if high >= utf8.RuneSelf {
		p.fail(refusePattern("that has characters beyond ASCII and matches them in upper and lower case"))
	}
	const between = 'a' - 'A'
	if l, h := max(low, 'A'), min(high, 'Z'); l <= h {
		all = append(all, runes{l + between, h + between})
	}
	if l, h := max(low, 'a'), min(high, 'z'); l <= h {
		all = append(all, runes{l - between, h - between})
	}
	return all
}

// classRanges are the characters of a class, or all others.
func (p *regexParser) classRanges(name string, negated bool) (all []runes) {
	if p.insensitive && (name == "lower" || name == "upper") {
		name = "alpha"
	}
	class := characterClasses[name]
	p.doubt |= class.doubt
	pairs := []rune(class.pairs)
	if pairs[len(pairs)-1] >= utf8.RuneSelf && p.foreign {
		p.fail(refusePattern("with [:cntrl:] in a database of another encoding"))
	}
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, runes{pairs[i], pairs[i+1]})
		p.colors[all[len(all)-1]] = struct{}{}
	}
	if negated {
		return others(all)
	}
	return all
}

// others are all characters that are not among some.
func others(of []runes) (all []runes) {
	slices.SortFunc(of, func(a, b runes) int { return cmp.Compare(a.low, b.low) })
	next := rune(0)
	for _, r := range of {
		if r.low > next {
			all = append(all, runes{next, r.low - 1})
		}
		next = max(next, r.high+1)
	}
	return append(all, runes{next, utf8.MaxRune})
}

// set is one character of some, or of all others.
func (p *regexParser) set(of []runes, negated bool) regexPart {
	source := []byte("[")
	if negated {
		source = append(source, '^')
	}
	code := func(r rune) {
		source = append(source, `\x{`...)
		source = strconv.AppendInt(source, int64(r), 16)
		source = append(source, '}')
	}
	for _, r := range of {
		code(r.low)
		source = append(source, '-')
		code(r.high)
	}
	one := oneOf(string(append(source, ']')))
	one.firstSets = 1
	return one
}
