package catalog

import "strings"

// Functions and triggers run on the server and see envelopes. What they compute
// from those (a text for the client, a row of an audit table, a comparison) is
// wrong, and looks like any other value. Their code is text in whatever language:
// it is read for names only, and taken to use a sealed value where it could.

// Use says that a function may read or write a sealed column.
type Use struct {
	Relation *Relation
	Column   string // the first that may be meant
	// Anywhere: whatever the search path is. Otherwise only if that reaches the
	// relation.
	Anywhere bool
}

// Trigger is one that may use a sealed column of the relation that it fires for.
type Trigger struct {
	Name   string
	Column string
	// Insert, Update and Delete are the events that it fires for.
	Insert, Update, Delete bool
}

// code is a text taken apart into names and single characters.
type code struct {
	tokens []string // names folded
	words  map[string]bool
}

func readCode(text string) *code {
	c := &code{words: map[string]bool{}}
	for i := 0; i < len(text); {
		b := text[i]
		switch {
		case nameByte(b):
			end := i
			for end < len(text) && nameByte(text[end]) {
				end++
			}
			c.words[text[i:end]] = true
			folded := strings.ToLower(text[i:end])
			c.words[folded] = true
			c.tokens = append(c.tokens, folded)
			i = end
		case b == '"':
			if end := strings.IndexByte(text[i+1:], '"'); end > 0 && end <= 63 {
				c.words[text[i+1:i+1+end]] = true
			}
			i++
		case b <= ' ':
			i++
		default:
			c.tokens = append(c.tokens, text[i:i+1])
			i++
		}
	}
	return c
}

func nameByte(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'z' || b >= 0x80
}

func (c *code) at(i int) string {
	if i < 0 || i >= len(c.tokens) {
		return ""
	}
	return c.tokens[i]
}

// wholeRows are functions and words by which rows are used without a name of a
// column.
var wholeRows = []string{"row_to_json", "to_json", "to_jsonb", "json_agg", "jsonb_agg", "array_agg", "hstore", "rowtype", "natural", "query_to_xml", "table_to_xml"}

// wholeRow reports that the code uses all columns of some relation at once: by *,
// by an INSERT without a list, by TABLE, or by a function.
func (c *code) wholeRow() bool {
	for i, t := range c.tokens {
		switch t {
		case "*":
			switch c.at(i - 1) {
			case "select", "distinct", "all", "returning", ",", ".":
				return true
			}
		case "table":
			switch c.at(i - 1) {
			case "create", "alter", "drop", "truncate", "lock", "temp", "temporary", "unlogged", "foreign", "only", "returns", "analyze":
			default:
				if next := c.at(i + 1); next != "" && nameByte(next[0]) {
					return true
				}
			}
		case "into":
			k := i + 2
			for c.at(k) == "." {
				k += 2
			}
			if next := c.at(k); next == "values" || next == "select" || next == "default" || next == "table" {
				return true
			}
		}
	}
	for _, w := range wholeRows {
		if c.words[w] {
			return true
		}
	}
	return false
}

// Uses finds the sealed columns that a function's code may read or write; named
// gives the relations of a name.
func Uses(text string, named func(string) []*Relation) (uses []Use) {
	c := readCode(text)
	whole := c.wholeRow()
	anywhere := c.words["search_path"]
	for w := range c.words {
		for _, r := range named(w) {
			for i := range r.Columns {
				if col := &r.Columns[i]; col.Sealed != nil && (whole || c.words[col.Name]) {
					uses = append(uses, Use{r, col.Name, anywhere || c.words[r.Schema]})
					break
				}
			}
		}
	}
	return uses
}

// triggerUses finds a sealed column that the code of a trigger of r may use, ""
// for none. plain: it is in a language whose names for the rows are NEW and OLD.
// arguments are those of the trigger. A column that is only passed on to a column
// of the same kind, in a list of values, stays what it is.
func triggerUses(text, arguments string, plain bool, r *Relation, named func(string) []*Relation) string {
	c := readCode(text)
	args := readCode(strings.ReplaceAll(arguments, `\000`, " "))
	first := ""
	for i := range r.Columns {
		col := &r.Columns[i]
		if col.Sealed == nil {
			continue
		}
		if first == "" {
			first = col.Name
		}
		if args.words[col.Name] || c.words[col.Name] && !(plain && c.passes(col, named)) {
			return col.Name
		}
	}
	if first != "" && (c.wholeRecord() || !plain && (c.words["new"] || c.words["old"] || c.words["TD"]) || c.words["suppress_redundant_updates_trigger"]) {
		return first
	}
	return ""
}

// wholeRecord reports that NEW or OLD is used as a whole, and not only returned.
func (c *code) wholeRecord() bool {
	for i, t := range c.tokens {
		if t != "new" && t != "old" {
			continue
		}
		if c.at(i+1) != "." && c.at(i-1) != "return" || c.at(i+1) == "." && c.at(i+2) == "*" {
			return true
		}
	}
	return false
}

// passes reports that a column is only named as a member of a list, and that the
// code names a relation that has such a column.
func (c *code) passes(col *Column, named func(string) []*Relation) bool {
	same := false
	for w := range c.words {
		for _, r := range named(w) {
			for i := range r.Columns {
				same = same || r.Columns[i].Sealed == col.Sealed
			}
		}
	}
	if !same {
		return false
	}
	name := strings.ToLower(col.Name)
	for i, t := range c.tokens {
		if t != name {
			continue
		}
		from := i
		if c.at(i-1) == "." && (c.at(i-2) == "new" || c.at(i-2) == "old") {
			from = i - 2
		}
		if before, after := c.at(from-1), c.at(i+1); before != "(" && before != "," || after != ")" && after != "," {
			return false
		}
		if k := from - 2; c.at(from-1) == "(" && c.at(k) != "values" && from == i-2 {
			return false // the argument of a function
		}
	}
	return true
}
