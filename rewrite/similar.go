package rewrite

// A column that is not there may be one that is, mistyped. PostgreSQL says which, by the
// rules of its searchRangeTableForCol; where a statement must not reach it, pgseal does.

// farthest is in how many letters a name may differ.
const farthest = 3

// guess is what has been found so far.
type guess struct {
	distance      int
	first, second string
}

// similar is PostgreSQL's hint for a column that is not there, "" for none. qualifier is the
// item that it was looked for in, "" for any.
func similar(qualifier, name string, sc *scope) string {
	g := guess{distance: farthest + 1}
	for level := sc; level != nil; level = level.outer {
		n := len(level.items) - level.versions
		for _, it := range append(level.items[:n:n], level.beside...) {
			if it.open {
				return "" // PostgreSQL would look at more
			}
			if it.name == "" { // columns of a join, which others have
				continue
			}
			penalty := 0
			if qualifier != "" {
				penalty = letters(it.name, qualifier)
			}
			for i := range it.columns {
				if column := it.columns[i].name; column == name && penalty == 0 {
					return "" // it is there, and cannot be referred to from here
				} else if d := letters(column, name); d <= len(name)/2 {
					g.add(it.name+"."+column, d+penalty)
				}
			}
		}
	}
	switch {
	case g.first == "":
		return ""
	case g.second == "":
		return `Perhaps you meant to reference the column "` + g.first + `".`
	}
	return `Perhaps you meant to reference the column "` + g.first + `" or the column "` + g.second + `".`
}

// add looks at one column. Of three that are as near as each other none is meant.
func (g *guess) add(column string, distance int) {
	switch {
	case distance < g.distance:
		*g = guess{distance: distance, first: column}
	case distance > g.distance || g.first == "":
	case g.second == "":
		g.second = column
	default:
		g.first, g.second = "", ""
	}
}

// letters is in how many of them two names differ: their Levenshtein distance.
func letters(a, b string) int {
	s, t := []rune(a), []rune(b)
	row := make([]int, len(t)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range s {
		corner := row[0]
		row[0] = i + 1
		for j, u := range t {
			next := min(row[j]+1, row[j+1]+1, corner+1)
			if r == u {
				next = corner
			}
			corner, row[j+1] = row[j+1], next
		}
	}
	return row[len(t)]
}

// unnamedItem is what an INSERT reads its rows from, under PostgreSQL's name for it.
func unnamedItem(name string, outputs []column) *item {
	it := &item{name: name}
	for _, c := range outputs {
		it.open = it.open || c.rest
		it.columns = append(it.columns, column{name: c.name})
	}
	return it
}
