package catalog

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"

	"pgseal/logical"
)

// accent is a place on the second level, of characters with one place on the first.
type accent struct{ first, second uint16 }

// whatAccents says for each of the texts $3, which have the base letters $4, how many of the
// characters $1, whose base letters are $2, have an accent that comes before its own. Of a digit in
// front of a mark the second level does not count, so that the accent of the one stands beside that
// of the other.
const whatAccents = `
	SELECT array_agg((SELECT count(*) FROM unnest($1::text[], $2::text[]) u(d, base) WHERE '0z' || d || v.base < '0-z' || u.base || c COLLATE @) ORDER BY i)
	  FROM unnest($3::text[], $4::text[]) WITH ORDINALITY v(c, base, i)`

// withAccents finds the places of accents beside those of other base letters, which libc's
// collations compare where digits in front do not count. It gives the order as it is if there is no
// such thing, or if samples show that accents are something else.
func (l *learning) withAccents(ctx context.Context, weights map[rune]logical.Weight, order *logical.TextOrder) (*logical.TextOrder, error) {
	if !weights['0'].Skipped || !weights['-'].Skipped {
		return order, nil
	}
	apart := map[rune]bool{} // what is no accent as others are: œ in Swedish
	const rounds, few = 3, 4
	for range rounds {
		places, err := l.accents(ctx, weights, apart)
		if err != nil {
			return nil, err
		}
		refined := map[rune]logical.Weight{}
		for r, w := range weights {
			if place, ok := places[accent{w.Levels[0], w.Levels[1]}]; ok {
				w.Levels[1], w.Apart = place, false
			} else if w.Levels[1] != 0 {
				w.Levels[1] = behindAccents(places, accent{w.Levels[0], w.Levels[1]})
			}
			refined[r] = w
		}
		better := logical.NewTextOrder(refined)
		texts := sorted(accentSamples(refined), better)
		wrong, err := l.outOfOrder(ctx, texts)
		if err != nil {
			return nil, err
		}
		if len(wrong) == 0 {
			return better, nil
		}
		odd := oddPairs(texts, wrong)
		if odd == nil {
			odd = culprits(texts, wrong)
		}
		if len(odd) > few || slices.ContainsFunc(odd, isPlainLetter) {
			break
		}
		for _, r := range odd {
			apart[r] = true
		}
	}
	return order, nil
}

// Places of accents leave room for those of characters that stand for two, and of those apart, which
// are a few.
const (
	nextAccent  = 32
	pairsAccent = 16
)

// behindAccents is the place of an accent apart: behind the one that it comes behind, of those of
// its own base letter that have a place.
func behindAccents(places map[accent]uint16, a accent) uint16 {
	for second := a.second; second > 0; second-- {
		if place, ok := places[accent{a.first, second}]; ok {
			return place + a.second - second
		}
	}
	return a.second
}

// oddPairs are those characters that stand for two, in what is wrong, and others for the same two.
func oddPairs(texts []string, wrong []int) (odd []rune) {
	two := map[string]bool{}
	for _, at := range wrong {
		for _, r := range texts[at-1] + texts[at] {
			two[pairs[r]] = true
		}
	}
	for r, of := range pairs {
		if two[of] {
			odd = append(odd, r)
		}
	}
	return odd
}

// accents asks for the places of accents, but for those apart.
func (l *learning) accents(ctx context.Context, weights map[rune]logical.Weight, apart map[rune]bool) (map[accent]uint16, error) {
	bases, accented := map[uint16]string{}, map[accent]rune{} // by their places, one of each
	for _, r := range slices.Sorted(maps.Keys(weights)) {
		switch w := weights[r]; {
		case w.Levels[0] == 0:
		case w.Levels[1] == 0 && bases[w.Levels[0]] == "":
			bases[w.Levels[0]] = string(r)
		case w.Levels[1] != 0 && !apart[r]:
			accented[accent{w.Levels[0], w.Levels[1]}] = r
		}
	}
	var all []accent
	var texts, basesOfTexts, single, basesOfSingle []string
	for a, r := range accented {
		if bases[a.first] == "" {
			continue // it stays Apart
		}
		second := weights[r].Second
		all, texts, basesOfTexts = append(all, a), append(texts, string(r)), append(basesOfTexts, bases[a.first]+bases[second])
		if second == 0 {
			single, basesOfSingle = append(single, string(r)), append(basesOfSingle, bases[a.first])
		}
	}
	var before []int
	if err := l.ask(ctx, whatAccents, single, basesOfSingle, texts, basesOfTexts).Scan(&before); err != nil {
		return nil, err
	}
	distinct := map[int]bool{}
	for i, a := range all {
		if weights[accented[a]].Second == 0 {
			distinct[before[i]] = true
		}
	}
	counts := slices.Sorted(maps.Keys(distinct))
	places := map[accent]uint16{}
	for i, a := range all {
		n, _ := slices.BinarySearch(counts, before[i])
		if places[a] = uint16(nextAccent * (n + 1)); weights[accented[a]].Second != 0 {
			places[a] -= pairsAccent
		}
	}
	return places, nil
}

// accentSamples are texts in which letters with accents stand behind digits and marks, several of
// which differ in those alone.
func accentSamples(weights map[rune]logical.Weight) []string {
	var accented []rune
	alike := map[uint16][]rune{} // by their place on the first level
	for _, r := range slices.Sorted(maps.Keys(weights)) {
		if w := weights[r]; w.Levels[0] != 0 {
			if w.Second == 0 {
				alike[w.Levels[0]] = append(alike[w.Levels[0]], r)
			}
			if w.Levels[1] != 0 {
				accented = append(accented, r)
			}
		}
	}
	rows := [...]string{"0", "0-", "0 ", "00", "0-0", "0 0 ", "0a", "0-a", "a0-", "a-0", "a00-", "0²", "²", "²-", "12", "1²", "²1", "m² ", "1²-0"}
	const words, variants, longest = 5000, 5, 4
	random := rand.New(rand.NewPCG(4, 1))
	texts := map[string]bool{}
	for range words {
		base := make([]rune, 2+random.IntN(longest-1))
		for i := range base {
			base[i] = accented[random.IntN(len(accented))]
		}
		for range variants {
			text := rows[random.IntN(len(rows))]
			for _, r := range base {
				of := alike[weights[r].Levels[0]]
				if two := pairs[r]; weights[r].Second != 0 && random.IntN(2) == 0 {
					text += two
				} else if weights[r].Second != 0 {
					text += string(r)
				} else {
					text += string(of[random.IntN(len(of))])
				}
				if random.IntN(6) == 0 {
					text += rows[random.IntN(len(rows))]
				}
			}
			texts[text] = true
		}
	}
	// All texts of a digit, marks and one letter with accents: a space that counts on the first level
	// and not on the second, as in Polish and Spanish, shows here.
	for _, chars := range [...]string{"0 -eéè", "0 .aáâ", "0-'nñń"} {
		some := []string{""}
		for range 5 {
			var longer []string
			for _, text := range some {
				for _, r := range chars {
					longer = append(longer, text+string(r))
					texts[text+string(r)] = true
				}
			}
			some = longer
		}
	}
	return slices.Sorted(maps.Keys(texts))
}
