package logical

import (
	"bytes"
	"regexp"
	"strconv"
	"unicode/utf8"
)

const codeInvalidRegex = "2201B"

// What PostgreSQL says of a pattern that is none.
const (
	regexQuantifier = "quantifier operand invalid"
	regexCount      = "invalid repetition count(s)"
	regexParens     = "parentheses () not balanced"
	regexBrackets   = "brackets [] not balanced"
	regexBraces     = "braces {} not balanced"
	regexEscape     = `invalid escape \ sequence`
	regexRange      = "invalid character range"
	regexClass      = "invalid character class"
)

// Bounds of what is compiled. They keep far away from those at which the server refuses a
// pattern as too complex.
const (
	maxRegexSize   = 2000    // characters and choices, as often as they are repeated
	maxRegexArcs   = 100_000 // ways from one character to the next, by each one that is told apart
	maxRegexColors = 1000    // characters and ranges told apart
	maxRegexPlaces = 16      // where a text must begin or end
	maxRegexLength = 1 << 16 // bytes
	maxRegexDepth  = 100     // of parentheses
	maxRegexCount  = 255     // of repetitions
)

// unlimited is the greatest number of repetitions where there is none.
const unlimited = -1

// regexParser reads an advanced regular expression, token by token as PostgreSQL does, so that
// of several mistakes it finds the same one.
type regexParser struct {
	rest        []byte
	insensitive bool
	behind      bool // the beginning of the text is left behind
	lazy        bool // something is repeated as seldom as possible
	foreign     bool // the server's encoding has other codes for what is beyond ASCII
	context     regexContext
	token       regexToken
	before      regexKind // the token before
	depth       int
	colors      map[runes]struct{} // characters and ranges that are told apart
	doubt       doubt
	err         error
}

// regexContext is where a token stands.
type regexContext uint8

const (
	inRegex regexContext = iota
	inBound
	inBracket
)

type regexKind uint8

const (
	regexStart regexKind = iota // there has been no token
	regexEnd                    // of the pattern
	regexChar
	regexAny
	regexSet   // an escape for a class
	regexFirst // the place in front of the text
	regexLast  // the place behind it
	regexOr
	regexOpen
	regexClose
	regexStar
	regexPlus
	regexOption
	regexBound // {
	regexDigit
	regexComma
	regexBoundEnd
	regexBracket
	regexDash  // between two characters in brackets
	regexNamed // [: of a class
	regexBracketEnd
)

type regexToken struct {
	kind    regexKind
	char    rune
	class   string // of regexSet
	negated bool   // of regexSet and regexBracket
}

// fail keeps the first error; nothing is read behind it.
func (p *regexParser) fail(err error) {
	if p.err == nil {
		p.err = err
	}
	p.token = regexToken{kind: regexEnd}
}

// invalid is fail with PostgreSQL's error.
func (p *regexParser) invalid(why string) {
	p.fail(newError(codeInvalidRegex, "invalid regular expression: "+why))
}

// complex is the refusal of a pattern that is too large.
func (p *regexParser) complex() error { return refusePattern("that is so large") }

func (p *regexParser) parse() (regexPart, error) {
	switch {
	case len(p.rest) > maxRegexLength:
		return regexPart{}, p.complex()
	case bytes.HasPrefix(p.rest, []byte("***")):
		return regexPart{}, refusePattern("that begins with ***")
	}
	p.next()
	all := p.alternatives(regexEnd)
	p.limit(all)
	return all, p.err
}

// limit refuses what is too large.
func (p *regexParser) limit(of regexPart) {
	colors := len(p.colors)
	if of.size > maxRegexSize || of.places > maxRegexPlaces || colors > maxRegexColors || of.arcs+of.setArcs*colors > maxRegexArcs {
		p.fail(p.complex())
	}
}

// alternatives are all branches up to what ends them.
func (p *regexParser) alternatives(end regexKind) regexPart {
	all := p.branch(end)
	for p.token.kind == regexOr {
		p.next()
		all = all.or(p.branch(end))
		p.limit(all)
	}
	if p.token.kind != end {
		p.invalid(regexParens)
	}
	return all
}

func (p *regexParser) branch(end regexKind) regexPart {
	all := nothing()
	for p.token.kind != regexOr && p.token.kind != end && p.token.kind != regexEnd {
		all = all.then(p.quantified())
		p.limit(all)
	}
	return all
}

// quantified is a character, group or place, with what says how often.
func (p *regexParser) quantified() regexPart {
	var atom regexPart
	switch t := p.token; t.kind {
	case regexFirst, regexLast: // which cannot be repeated
		p.next()
		const nowhere = `[^\x{0}-\x{10FFFF}]`
		place := nothing()
		if place.source, place.size, place.places = `\A`, 1, 1; t.kind == regexLast {
			place.source = `\z`
		} else if p.behind {
			place.source = nowhere
		}
		return place
	case regexStar, regexPlus, regexOption, regexBound:
		p.invalid(regexQuantifier)
		return atom
	case regexClose:
		p.invalid(regexParens)
		return atom
	case regexChar:
		atom = p.character(t.char)
	case regexAny:
		atom = oneOf(".")
	case regexSet:
		atom = p.set(p.classRanges(t.class, t.negated), false)
	case regexBracket:
		atom = p.bracket(t.negated)
	default:
		atom = p.group()
	}
	p.next()
	return p.repeated(atom)
}

func (p *regexParser) group() regexPart {
	if p.depth++; p.depth > maxRegexDepth {
		p.fail(p.complex())
	}
	p.next()
	inner := p.alternatives(regexClose)
	p.depth--
	inner.source = "(?:" + inner.source + ")"
	inner.size++
	return inner
}

// repeated reads how often something stands there.
func (p *regexParser) repeated(atom regexPart) regexPart {
	least, most := 0, unlimited
	switch p.token.kind {
	case regexStar:
	case regexPlus:
		least = 1
	case regexOption:
		most = 1
	case regexBound:
		p.next()
		if least, most = p.bound(); p.err != nil {
			return atom
		}
	default:
		return atom
	}
	p.next()
	if atom.places > 0 && most != 0 && most != 1 { // for which the server can need minutes, and fail
		p.fail(refusePattern("that repeats ^ or $"))
	}
	all := atom.times(least, most)
	p.limit(all)
	return all
}

// bound is what stands between braces.
func (p *regexParser) bound() (least, most int) {
	least = p.count()
	if most = least; p.token.kind == regexComma {
		p.next()
		if most = unlimited; p.token.kind == regexDigit {
			most = p.count()
		}
	}
	if most != unlimited && most < least || p.token.kind != regexBoundEnd {
		p.invalid(regexCount)
	}
	return least, most
}

func (p *regexParser) count() (n int) {
	for p.token.kind == regexDigit && n < maxRegexCount {
		n = n*10 + int(p.token.char-'0')
		p.next()
	}
	if p.token.kind == regexDigit || n > maxRegexCount {
		p.invalid(regexCount)
	}
	return n
}

// character is one character, or both cases of it.
func (p *regexParser) character(r rune) regexPart {
	p.colors[runes{r, r}] = struct{}{}
	if p.insensitive && (r >= utf8.RuneSelf || isAlpha(byte(r))) {
		return p.set(p.folded(nil, r, r), false)
	}
	return oneOf(regexp.QuoteMeta(string(r)))
}

// regexPart is a part of a pattern in Go's syntax, and a measure of the automaton for it: how many
// characters can be the first and the last one, and how many ways lead from one to the next. Of
// the first ones, and of the ways, some are to one of a set of characters.
type regexPart struct {
	source        string
	optional      bool // it matches nothing, too
	first, last   int
	firstSets     int
	arcs, setArcs int
	size          int // of Go's program
	places        int // ^ and $
}

func nothing() regexPart { return regexPart{optional: true} }

func oneOf(source string) regexPart { return regexPart{source: source, first: 1, last: 1, size: 1} }

func (a regexPart) then(b regexPart) regexPart {
	all := regexPart{source: a.source + b.source, optional: a.optional && b.optional, first: a.first, last: b.last, firstSets: a.firstSets}
	if a.optional {
		all.first += b.first
		all.firstSets += b.firstSets
	}
	if b.optional {
		all.last += a.last
	}
	return all.measured(a, b).linked(a, b)
}

func (a regexPart) or(b regexPart) regexPart {
	all := regexPart{source: a.source + "|" + b.source, optional: a.optional || b.optional, first: a.first + b.first, last: a.last + b.last, firstSets: a.firstSets + b.firstSets, size: 1}
	return all.measured(a, b)
}

// measured adds what two parts have.
func (all regexPart) measured(a, b regexPart) regexPart {
	all.arcs += a.arcs + b.arcs
	all.setArcs += a.setArcs + b.setArcs
	all.size += a.size + b.size
	all.places += a.places + b.places
	return all
}

// linked adds the ways from the end of one part to the beginning of another.
func (all regexPart) linked(a, b regexPart) regexPart {
	all.arcs += a.last * b.first
	all.setArcs += a.last * b.firstSets
	return all
}

// times is a part so many times: x{2,4} is ((x)?x)?xx.
func (a regexPart) times(least, most int) regexPart {
	if most == 0 {
		all := nothing()
		all.source, all.size = "(?:)", 1
		return all
	}
	loop := a
	loop.source = ""
	if most == unlimited {
		loop = loop.linked(a, a)
		loop.size++
	}
	all := loop
	for range most - max(least, 1) {
		all.optional = true
		all = all.then(loop)
		all.size++
	}
	for range least - 1 {
		all = all.then(loop)
	}
	all.optional = a.optional || least == 0
	all.size++
	all.source = a.source + "{" + strconv.Itoa(least) + ","
	if most != unlimited {
		all.source += strconv.Itoa(most)
	}
	all.source += "}"
	return all
}
