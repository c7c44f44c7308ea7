package logical

import (
	"bytes"
	"regexp"
	"unicode/utf8"
)

const hintReplace = "Use a simpler pattern, or replace in the application."

// replaceRegex is regexp_replace: of a text, a pattern, what takes the place of a match, and flags.
func replaceRegex(c *call) ([]byte, error) {
	var insensitive, all bool
	if len(c.args) > 3 {
		var err error
		if insensitive, all, err = regexFlags(c.text(3), c.s.major()); err != nil {
			return c.dst, err
		}
	}
	last := c.Last
	if last == nil {
		last = &LastRegex{}
	}
	r, err := last.compiled(c.text(1), insensitive, c.s)
	if err == nil {
		err = r.finds(c.text(1), insensitive, c.s)
	}
	if err == nil {
		err = r.check(c.text(0))
	}
	if err != nil {
		return c.dst, err
	}
	return r.replace(c.dst, c.text(0), c.text(2), all)
}

// regexFlags reads flags: which of upper and lower case count the same, and whether all matches
// are replaced.
func regexFlags(flags []byte, major int) (insensitive, all bool, err error) {
	const hintVersion = 15 // from which on a number in their place is explained
	unknown := false
	for i := 0; i < len(flags); i++ {
		switch flags[i] {
		case 'g':
			all = true
		case 'i', 'c':
			insensitive = flags[i] == 'i'
		case 's', 't': // as it is without
		case 'b', 'e', 'm', 'n', 'p', 'q', 'w', 'x':
			unknown = true
		default:
			_, size := utf8.DecodeRune(flags[i:])
			e := newError(codeInvalidParameter, `invalid regular expression option: "`+string(flags[i:i+size])+`"`)
			if i == 0 && isDigit(flags[0]) && major >= hintVersion {
				e.Hint = "If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly."
			}
			return false, false, e
		}
	}
	if unknown {
		return false, false, refuse("pgseal replaces what a regular expression matches with the flags g, i and c only", hintReplace)
	}
	return insensitive, all, nil
}

// finds makes what finds the place of a match: the first one that is the longest from there.
func (r *Regex) finds(pattern []byte, insensitive bool, s *Settings) error {
	switch {
	case r.lazy:
		return refuse("pgseal does not replace what a regular expression matches that takes as little as possible, as *? does", hintReplace)
	case r.longest != nil:
		return nil
	}
	p := regexParser{rest: pattern, behind: true, insensitive: insensitive, foreign: s != nil && s.foreignServer, colors: map[runes]struct{}{}}
	rest, err := p.parse()
	if err != nil {
		return err
	}
	longest, err := regexp.Compile(r.program.String())
	if err != nil {
		return p.complex()
	}
	behind, err := regexp.Compile("(?s)" + rest.source)
	if err != nil {
		return p.complex()
	}
	longest.Longest()
	behind.Longest()
	r.longest, r.behind = longest, behind
	return nil
}

// replace appends a text with something in the place of the first match, or of all. A match of
// nothing may follow another match at once.
func (r *Regex) replace(dst, text, by []byte, all bool) ([]byte, error) {
	work, copied, most := 0, 0, len(dst)+max(len(text), maxMade)
	for from := 0; from <= len(text); {
		if work += len(text) - from + 1; work > maxRegexWork/r.size {
			return dst, refuse("pgseal does not replace so many matches of so large a regular expression", hintReplace)
		}
		program := r.behind
		if from == 0 {
			program = r.longest
		}
		at := program.FindIndex(text[from:])
		if at == nil {
			break
		}
		start, end := from+at[0], from+at[1]
		dst = append(dst, text[copied:start]...)
		var err error
		if dst, err = appendReplacement(dst, by, text[start:end]); err != nil {
			return dst, err
		}
		if len(dst) > most {
			return dst, tooLongText()
		}
		if copied = end; !all {
			break
		}
		if from = end; start == end {
			if from == len(text) {
				break
			}
			_, size := utf8.DecodeRune(text[from:])
			from += size
		}
	}
	return append(dst, text[copied:]...), nil
}

// appendReplacement appends what takes the place of a match: \& in it is the match.
func appendReplacement(dst, by, match []byte) ([]byte, error) {
	for {
		i := bytes.IndexByte(by, '\\')
		if i < 0 || i == len(by)-1 {
			return append(dst, by...), nil
		}
		dst = append(dst, by[:i]...)
		next := by[i+1]
		by = by[i+2:]
		switch {
		case next >= '1' && next <= '9':
			return dst, refuse("pgseal does not replace a match by what a part of the regular expression has matched, as \\1 is", hintReplace)
		case next == '&':
			dst = append(dst, match...)
		case next == '\\':
			dst = append(dst, next)
		default:
			dst = append(dst, '\\')
			by = append([]byte{next}, by...)
		}
	}
}

// titled is initcap: the first letter of each word in upper case, and others in lower case.
func titled(c *call) ([]byte, error) {
	within := false
	for _, r := range string(c.text(0)) {
		lower, upper := c.Fold.of(r), c.First.of(r)
		if r >= utf8.RuneSelf && (lower == upper || !hasTwoCases(r)) {
			return c.dst, refuse("a text has a character of which pgseal does not know whether it is part of a word", "Change the text in the application.")
		}
		made := upper
		if within {
			made = lower
		}
		within = r >= utf8.RuneSelf || isAlnum(byte(r))
		c.dst = utf8.AppendRune(c.dst, made)
	}
	return c.dst, nil
}

// hasTwoCases says whether a letter beyond ASCII is of a script whose words begin with letters in
// upper case, and no letter for two that has a third case for that.
func hasTwoCases(r rune) bool {
	const (
		afterLatin, afterCyrillic, greek = 0x250, 0x530, 0x370
		firstPair, lastPair              = 0x1c4, 0x1cc // ǅ, ǈ, ǋ
		firstDz, lastDz                  = 0x1f1, 0x1f3 // ǲ
	)
	return (r < afterLatin || r >= greek && r < afterCyrillic) && (r < firstPair || r > lastPair) && (r < firstDz || r > lastDz)
}
