package catalog

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"pgseal/logical"
)

// orderedCollations are those of sealed columns and of the database, as SQL.
const orderedCollations = `SELECT coalesce(to_regcollation(s.original ->> 'collation')::oid, t.typcollation)
	FROM pgseal.sealed_column s JOIN pg_type t ON t.oid = s.logical_type UNION SELECT oid FROM pg_collation WHERE collprovider = 'd'`

// learningTimeout bounds each question of learning, in milliseconds, and learningTime says when
// no more are asked: the rest of a round needs time, too.
const learningTime = 9 * time.Second

var learningTimeout = "3000"

var errLearningTime = errors.New("the server has not answered all questions within " + learningTime.String())

// learning finds out how a collation sorts, by having the server compare texts that are made
// up for it. What is made up says nothing of what is stored.
//
// It takes the collation for one in which a character has one place on each level
// (logical.Weight), or is two of them, and asks for those places. Then it has the server
// compare what is sorted by them: samples. Characters that this shows to be something else (þ,
// which is th in Swedish) are left out; a collation in which letters or digits of ASCII are
// (Czech, with its ch) is not known here. See docs/decisions/0041-collations-are-learnt.md.
type learning struct {
	tx        reader
	collation string    // as SQL
	until     time.Time // when no more is asked; zero for never
}

// ask asks one of its questions.
func (l *learning) ask(ctx context.Context, sql string, args ...any) pgx.Row {
	if !l.until.IsZero() && time.Now().After(l.until) {
		return oneRow{err: errLearningTime}
	}
	return l.tx.QueryRow(ctx, strings.ReplaceAll(sql, "@", l.collation), args...)
}

// order is that of the collation, nil if it cannot be computed here.
func (l *learning) order(ctx context.Context) (*logical.TextOrder, error) {
	chars := orderedCharacters()
	const rounds = 6 // each leaves out some more
	for range rounds {
		weights, err := l.weights(ctx, chars)
		if err != nil {
			return nil, err
		}
		order := logical.NewTextOrder(weights)
		texts := sorted(samples(chars, weights), order)
		wrong, err := l.outOfOrder(ctx, texts)
		if err != nil {
			return nil, err
		}
		if len(wrong) == 0 {
			return l.withAccents(ctx, weights, order)
		}
		odd := culprits(texts, wrong)
		if slices.ContainsFunc(odd, isPlainLetter) {
			return nil, nil
		}
		chars = slices.DeleteFunc(chars, func(r rune) bool { return slices.Contains(odd, r) })
	}
	return nil, nil
}

// characters are ranges of those whose place is asked for: of ASCII, Latin, Greek and
// Cyrillic letters, and marks. Of those left out in between it is known that most collations
// take them for several.
var characters = [...][2]rune{
	{'\t', '\n'}, {' ', '~'}, {0xA0, 0xAC}, {0xAE, 0xB6}, {0xB8, 0xBB}, {0xBF, 0xC5}, {0xC7, 0xDE}, {0xE0, 0xE5}, {0xE7, 0xFF},
	{0x100, 0x131}, {0x134, 0x13E}, {0x141, 0x148}, {0x14A, 0x151}, {0x154, 0x17E}, {0x218, 0x21B},
	{0x386, 0x386}, {0x388, 0x38A}, {0x38C, 0x38C}, {0x38E, 0x3A1}, {0x3A3, 0x3CE},
	{0x401, 0x40C}, {0x40E, 0x44F}, {0x451, 0x45C}, {0x45E, 0x45F}, {0x490, 0x491},
	{0x1EA0, 0x1EF9}, {0x2010, 0x2014}, {0x2018, 0x201A}, {0x201C, 0x201E}, {0x2020, 0x2022}, {0x2039, 0x203A}, {0x20AC, 0x20AC},
}

// pairs are characters that many collations take for two, and those.
var pairs = map[rune]string{'ß': "ss", 'ẞ': "ss", 'æ': "ae", 'Æ': "ae", 'œ': "oe", 'Œ': "oe"}

func orderedCharacters() (chars []rune) {
	for _, of := range characters {
		for r := of[0]; r <= of[1]; r++ {
			chars = append(chars, r)
		}
	}
	return append(chars, slices.Sorted(maps.Keys(pairs))...)
}

func isPlainLetter(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// whatWeights sorts the characters $1, and asks of each what Weight says. Where two texts
// differ on a level, they do so whatever differs on a later one: between x and y there is no
// more than a difference of case if Ax and ay, or aX and AY, come in the order of their a.
const whatWeights = `
	WITH sorted AS MATERIALIZED (
		SELECT c, i, lag(c) OVER (ORDER BY i) AS b,
		       'a' < c || 'b' COLLATE @ AND c || 'a' < 'b' COLLATE @ AND '0' < c || '1' COLLATE @ AND c || '0' < '1' COLLATE @ AS marks
		  FROM (SELECT c, row_number() OVER (ORDER BY c COLLATE @) AS i FROM unnest($1::text[]) u(c)) u
	), cases(small, great) AS (
		SELECT CASE WHEN 'a' < 'A' COLLATE @ THEN 'a' ELSE 'A' END, CASE WHEN 'a' < 'A' COLLATE @ THEN 'A' ELSE 'a' END
	), first(mark) AS (SELECT c FROM sorted WHERE marks ORDER BY i LIMIT 1)
	SELECT array_agg(c ORDER BY i),
	       array_agg(marks ORDER BY i),
	       array_agg(CASE WHEN b || 'b' < c || 'a' COLLATE @ THEN 1
	                      WHEN great || b < small || c COLLATE @ THEN 2
	                      WHEN b || great < c || small COLLATE @ THEN 3
	                      ELSE 4 END ORDER BY i),
	       array_agg((SELECT count(*) FROM sorted m WHERE m.marks AND m.c || s.c < s.c || m.c COLLATE @) ORDER BY i),
	       array_agg(coalesce(NOT marks AND c < mark || c COLLATE @ AND mark || c < c || mark COLLATE @, false) ORDER BY i),
	       array_agg(CASE WHEN marks THEN '0' || c || great < '0' || small COLLATE @ ELSE c || '-' || great < c || small COLLATE @ AND EXISTS (SELECT FROM sorted WHERE c = '-' COLLATE "C" AND marks) END ORDER BY i),
	       array_agg(NOT marks AND 'a' || c || '0-' < 'a' || c || '0' COLLATE @ ORDER BY i),
	       array_agg(coalesce(of || 'a' < c || 'b' COLLATE @ AND c || 'a' < of || 'b' COLLATE @, false) ORDER BY i)
	  FROM sorted s CROSS JOIN cases LEFT JOIN first ON true LEFT JOIN unnest($2::text[], $3::text[]) pairs(pair, of) ON pair = c COLLATE "C"`

// weights asks for the places of characters.
func (l *learning) weights(ctx context.Context, chars []rune) (map[rune]logical.Weight, error) {
	texts := make([]string, len(chars))
	for i, r := range chars {
		texts[i] = string(r)
	}
	var pair, of []string
	for r, two := range pairs {
		pair, of = append(pair, string(r)), append(of, two)
	}
	var sorted []string
	var marks, absent, skipped, bare, double []bool
	var differs, behind []int
	if err := l.ask(ctx, whatWeights, texts, pair, of).Scan(&sorted, &marks, &differs, &behind, &absent, &skipped, &bare, &double); err != nil {
		return nil, err
	}
	const apart = 64 // on the last level, for those that are the same on the levels before
	weights := map[rune]logical.Weight{}
	place := [4]uint16{1}
	accents := map[uint16]uint16{} // the last place on the second level of those that are the same on the first
	before := -1
	for i, text := range sorted {
		r := []rune(text)[0]
		w := logical.Weight{Skipped: skipped[i], Bare: bare[i] && !skipped[i], Absent: absent[i]}
		switch {
		case double[i]:
			continue // below
		case marks[i]:
			w.Levels[3] = apart * uint16(i+1)
		default:
			if before >= 0 {
				level := differs[i]
				if before < i-1 { // what stands between is two others
					level = 1
				}
				place[level-1]++
				clear(place[level:])
			}
			before = i
			w.Levels = place
			w.Levels[3] += apart*uint16(behind[i]) + 1
			accents[place[0]] = place[1]
		}
		weights[r] = w
	}
	for i, text := range sorted {
		r := []rune(text)[0]
		if !double[i] {
			continue
		}
		first, second := weights[rune(pairs[r][0])].Levels[0], weights[rune(pairs[r][1])].Levels[0]
		if i > 0 && double[i-1] && pairs[[]rune(sorted[i-1])[0]] == pairs[r] {
			w := weights[[]rune(sorted[i-1])[0]]
			w.Levels[2]++
			weights[r] = w
			continue
		}
		accents[first]++
		weights[r] = logical.Weight{Levels: [4]uint16{first, accents[first], 0, apart*uint16(behind[i]) + 1}, Second: second, Absent: absent[i]}
	}
	for r, w := range weights {
		w.Apart = w.Levels[1] != 0 // as far as it is known here
		weights[r] = w
	}
	return weights, nil
}

// neighbours are those that characters are tried beside, surroundings what they are tried in.
const neighbours = "abcdefghijklmnopqrstuvwxyzAHZ0 -."

var surroundings = [...]string{"0@z", "0-@z", "00-@", "0-a@", "a@-Z", "0@-Z", "@@", "z-@0", "0 @", "@ 0a", "a @0-", "a 0@", "a  00@", "a  0@z", "a @00 z", "a@00-", "a@0-z"}

// usual are characters of which there are so few that many words of them are alike.
var usual = []rune("aAáÁbcç012  -.',$sße")

// samples are texts to be compared: all characters; pairs of those of ASCII, of one script,
// and with neighbours; all triples of small letters; words, several of which differ in
// accents, case and marks alone; and words of usual characters.
func samples(chars []rune, weights map[rune]logical.Weight) []string {
	texts := map[string]bool{}
	var small []rune
	for _, r := range chars {
		texts[string(r)] = true
		if r >= 'a' && r <= 'z' {
			small = append(small, r)
		}
	}
	for _, r := range chars {
		for _, s := range chars {
			if r <= '~' && s <= '~' || strings.ContainsRune(neighbours, s) || scriptOf(r) == scriptOf(s) && scriptOf(r) != otherScript {
				texts[string([]rune{r, s})], texts[string([]rune{s, r})] = true, true
			}
		}
		for _, in := range surroundings {
			texts[strings.Replace(in, "@", string(r), 1)] = true
		}
	}
	for r, of := range pairs { // what stands for two letters, in front of them and behind
		for _, between := range [...]string{"", "x", "-"} {
			texts[string(r)+between+of], texts[of+between+string(r)] = true, true
		}
	}
	for _, r := range small {
		for _, s := range small {
			for _, t := range small {
				texts[string([]rune{r, s, t})] = true
			}
		}
	}
	alike := map[uint16][]rune{} // by their place on the first level
	for _, r := range chars {
		alike[weights[r].Levels[0]] = append(alike[weights[r].Levels[0]], r)
	}
	const words, variants, longest = 12000, 3, 8
	random := rand.New(rand.NewPCG(2, 8))
	base, word := make([]uint16, longest), make([]rune, longest)
	for range words {
		length := 2 + random.IntN(longest-1)
		for i := range length {
			base[i] = weights[chars[random.IntN(len(chars))]].Levels[0]
		}
		for range variants {
			for i, b := range base[:length] {
				word[i] = alike[b][random.IntN(len(alike[b]))]
			}
			texts[string(word[:length])] = true
		}
	}
	for range words {
		for i := range 2 + random.IntN(longest) {
			word = append(word[:i], usual[random.IntN(len(usual))])
		}
		texts[string(word)] = true
	}
	return slices.Collect(maps.Keys(texts))
}

// sorted are those of some texts that an order knows, in that order.
func sorted(texts []string, order *logical.TextOrder) []string {
	texts = slices.DeleteFunc(texts, func(t string) bool { return !order.Knows([]byte(t)) })
	slices.SortFunc(texts, func(a, b string) int { return order.Compare([]byte(a), []byte(b)) })
	return slices.Compact(texts)
}

// Scripts, of the letters among characters that are not of ASCII.
const (
	otherScript = iota
	greek
	cyrillic
)

func scriptOf(r rune) int {
	switch {
	case r >= 0x386 && r <= 0x3CE:
		return greek
	case r >= 0x400 && r <= 0x491:
		return cyrillic
	}
	return otherScript
}

// whatWrong gives the places, from 0, of those of the texts $1 that do not come behind the one
// in front of them.
const whatWrong = `SELECT coalesce(array_agg(i - 1), '{}') FROM (
		SELECT t, i, lag(t) OVER (ORDER BY i) AS before FROM unnest($1::text[]) WITH ORDINALITY u(t, i)) u
	WHERE before >= t COLLATE @`

func (l *learning) outOfOrder(ctx context.Context, texts []string) (wrong []int, err error) {
	err = l.ask(ctx, whatWrong, texts).Scan(&wrong)
	return wrong, err
}

// culprits are characters without which nothing would be wrong, as few as possible, and no
// letters and digits of ASCII where others can be.
func culprits(texts []string, wrong []int) (odd []rune) {
	pairs := make([]string, len(wrong))
	for i, at := range wrong {
		pairs[i] = texts[at-1] + texts[at]
	}
	for len(pairs) > 0 {
		counts := map[rune]int{}
		for _, pair := range pairs {
			told := map[rune]bool{}
			for _, r := range pair {
				told[r] = true
			}
			for r := range told {
				counts[r]++
			}
		}
		worst := slices.MaxFunc(slices.Collect(maps.Keys(counts)), func(r, s rune) int {
			return cmp.Or(cmp.Compare(btoi(!isPlainLetter(r)), btoi(!isPlainLetter(s))), cmp.Compare(btoi(r > '~'), btoi(s > '~')), cmp.Compare(counts[r], counts[s]), cmp.Compare(r, s))
		})
		odd = append(odd, worst)
		pairs = slices.DeleteFunc(pairs, func(pair string) bool { return strings.ContainsRune(pair, worst) })
	}
	return odd
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
