package rewrite

import (
	"slices"

	"pgseal/catalog"
)

// A column that is not there may be one that is, mistyped. PostgreSQL says which, by the
// rules of its searchRangeTableForCol; where a statement must not reach it, pgseal does.

// farthest is in how many letters a name may differ.
const farthest = 3

// guess is what has been found so far.
type guess struct {
	distance      int
	first, second string
}

// refuseNoColumn is for a column that a relation does not have.
func refuseNoColumn(relation, name string, position int32, sc *scope, snap *catalog.Snapshot) *Refusal {
	return refuseMissing("column "+relation+"."+name+" does not exist", relation, name, position, sc, snap)
}

// refuseUndefined is for a column that no relation has.
func refuseUndefined(name string, position int32, sc *scope, snap *catalog.Snapshot) *Refusal {
	return refuseMissing("column \""+name+"\" does not exist", "", name, position, sc, snap)
}

func refuseMissing(message, relation, name string, position int32, sc *scope, snap *catalog.Snapshot) *Refusal {
	r := &Refusal{Anchor: "no-column", Code: codeUndefined, Position: int(position), Message: message}
	hint, in := similar(relation, name, sc)
	if r.Hint = hint; in != "" {
		r.unreachable("a column named \""+name+"\" in table \""+in+"\"", snap)
	}
	return r
}

// refuseNoEntry is for a relation that is not in FROM under its name, or not there.
func refuseNoEntry(name string, position int32, e entry, snap *catalog.Snapshot) *Refusal {
	r := &Refusal{Anchor: "no-column", Code: codeNoTable, Position: int(position)}
	if r.Message = "missing FROM-clause entry for table \"" + name + "\""; e.name == "" {
		return r
	}
	r.Message = "invalid reference to FROM-clause entry for table \"" + name + "\""
	if !e.hidden {
		r.Hint = "Perhaps you meant to reference the table alias \"" + e.name + "\"."
		return r
	}
	if r.unreachable("an entry for table \""+e.name+"\"", snap); e.unmarked && r.Detail != "" {
		r.Hint = "To reference that table, you must mark this subquery with LATERAL."
	}
	return r
}

// detailsReach is the version of the server that first says in the detail what cannot be
// reached; the hint is for what to do about it.
const detailsReach = 160000

// unreachable says what is there and cannot be referred to.
func (r *Refusal) unreachable(what string, snap *catalog.Snapshot) {
	said := "There is " + what + ", but it cannot be referenced from this part of the query."
	if shown := snap.Shown(); shown != nil && shown.ServerVersion >= detailsReach {
		r.Detail = said
	} else {
		r.Hint = said
	}
}

// entry is what PostgreSQL has under the name of a relation.
type entry struct {
	name     string // "" for nothing
	hidden   bool   // it has that name elsewhere in the query
	unmarked bool   // LATERAL would make it visible
}

// entryFor finds what a qualifier can have meant that names nothing in scope: the relation
// of an item that has an alias, or an item of another part of the query.
func (sc *scope) entryFor(qualifier []string) entry {
	for ; sc != nil && len(qualifier) == 1; sc = sc.outer {
		for _, it := range sc.entries() {
			if it.name == qualifier[0] || it.relation != nil && it.relation.Name == qualifier[0] {
				return entry{it.name, !it.byName || slices.Contains(sc.beside, it), sc.unmarked}
			}
		}
	}
	return entry{}
}

// entries are all that PostgreSQL has at hand on a level, in its order.
func (sc *scope) entries() (list []*item) {
	n := len(sc.items) - sc.versions
	all := [2][]*item{sc.items[:n], sc.beside}
	if sc.earlier {
		all[0], all[1] = all[1], all[0]
	}
	for _, it := range slices.Concat(all[:]...) {
		list = append(append(list, it.hides...), it)
	}
	return list
}

// similar is PostgreSQL's hint for a column that is not there, "" for none. qualifier is the
// item that it was looked for in, "" for any. in is where it is, if it cannot be referred
// to there.
func similar(qualifier, name string, sc *scope) (hint, in string) {
	g := guess{distance: farthest + 1}
	for level := sc; level != nil; level = level.outer {
		for _, it := range level.entries() {
			if it.open {
				return "", "" // PostgreSQL would look at more
			}
			if it.name == "" || it.hides != nil { // columns of a join, which others have
				continue
			}
			penalty := 0
			if qualifier != "" {
				penalty = letters(it.name, qualifier)
			}
			for i := range it.columns {
				if column := it.columns[i].name; column == name && penalty == 0 {
					return "", it.name
				} else if d := letters(column, name); d <= len(name)/2 {
					g.add(it.name+"."+column, d+penalty)
				}
			}
		}
	}
	switch {
	case g.first == "":
		return "", ""
	case g.second == "":
		return `Perhaps you meant to reference the column "` + g.first + `".`, ""
	}
	return `Perhaps you meant to reference the column "` + g.first + `" or the column "` + g.second + `".`, ""
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
