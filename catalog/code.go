package catalog

import (
	"slices"
	"strings"
)

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

// Trigger is one that may use a sealed column, and is fired by writes to a relation.
type Trigger struct {
	Name     string
	Of       *Relation // whose column it may use
	Column   string
	Anywhere bool // as of Use
	// Insert, Update and Delete are the events that fire it.
	Insert, Update, Delete bool
	// Keys are the columns of which one must be set for an update to fire it, through
	// a foreign key, "" for any.
	Keys string
}

// FiredBy reports whether an update of columns fires it.
func (t *Trigger) FiredBy(columns []string) bool {
	return t.Update && (t.Keys == "" || slices.ContainsFunc(strings.Split(t.Keys, keySeparator), func(key string) bool { return slices.Contains(columns, key) }))
}

// Code is what a function does, as text.
type Code struct {
	Text string
	// SQL says that the language is SQL or PL/pgSQL, so that dots around a name, and
	// AS before it, mean what they mean there.
	SQL bool
	// OwnPath says that the function has a search path of its own, Path, wherever it
	// is called.
	OwnPath bool
	Path    []string
}

// code is a text taken apart into names and single characters.
type code struct {
	text   string
	tokens []string // names folded
	starts []int    // where the tokens stand in the text
	words  map[string]bool
}

func readCode(text string) *code {
	c := &code{text: text, words: map[string]bool{}}
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
			c.tokens, c.starts = append(c.tokens, folded), append(c.starts, i)
			i = end
		case b == '"':
			if end := strings.IndexByte(text[i+1:], '"'); end > 0 && end <= 63 {
				c.words[text[i+1:i+1+end]] = true
			}
			i++
		case b <= ' ':
			i++
		default:
			c.tokens, c.starts = append(c.tokens, text[i:i+1]), append(c.starts, i)
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

// opensCursors reports that the code may leave a cursor open behind it. sql: its
// language is one whose texts are SQL.
func (c *code) opensCursors(sql bool) bool {
	return !sql || c.words["cursor"] || c.words["refcursor"] || c.words["open"]
}

// Uses finds the sealed columns that a function's code may read or write; named
// gives the relations of a name.
func Uses(text Code, named func(string) []*Relation) (uses []Use) {
	c := readCode(text.Text)
	whole := c.wholeRow()
	for w := range c.words {
		for _, r := range named(w) {
			for i := range r.Columns {
				if col := &r.Columns[i]; col.Sealed != nil && (whole || c.words[col.Name]) {
					if use, ok := c.use(&text, r); ok {
						use.Column = col.Name
						uses = append(uses, use)
					}
					break
				}
			}
		}
	}
	return uses
}

// use says whether a relation can be meant by its name in the code, and when.
func (c *code) use(text *Code, r *Relation) (use Use, ok bool) {
	unqualified, qualified := c.occurs(text.SQL, r)
	use = Use{Relation: r, Anywhere: qualified || unqualified && c.words[r.Schema]}
	if use.Anywhere {
		return use, true
	}
	return text.byPath(c, use, unqualified)
}

// byPath decides about a use that depends on the search path.
func (t *Code) byPath(c *code, use Use, ok bool) (Use, bool) {
	switch {
	case c.words["search_path"]:
		use.Anywhere = true // it changes it, perhaps
	case t.OwnPath && !use.Anywhere:
		for _, schema := range t.Path {
			use.Anywhere = use.Anywhere || schema == use.Relation.Schema || schema == "$user"
		}
		use.Anywhere = use.Anywhere || strings.HasPrefix(use.Relation.Schema, "pg_temp_") // stands before every path
		ok = ok && use.Anywhere
	}
	return use, ok
}

// Through gives the uses of functions that this one calls, as they are under its
// search path.
func (t *Code) Through(uses []Use) (through []Use) {
	if !t.OwnPath && !strings.Contains(t.Text, "search_path") {
		return uses
	}
	c := readCode(t.Text)
	for _, use := range uses {
		if use, ok := t.byPath(c, use, true); ok {
			through = append(through, use)
		}
	}
	return through
}

// occurs looks for the name of a relation in the code: without a schema, with its
// own or one that is not known. Where another schema stands before the name, or it
// is that of a schema, an alias or what columns are taken from, the relation is not
// meant.
func (c *code) occurs(sql bool, r *Relation) (unqualified, qualified bool) {
	made := c.words["execute"] && (c.words["replace"] || c.words["regexp_replace"] || c.words["translate"] || c.words["overlay"])
	if !sql || made || !simpleName(r.Name) || !simpleName(r.Schema) {
		return true, false
	}
	name := strings.ToLower(r.Name)
	for i, t := range c.tokens {
		if t != name {
			continue
		}
		switch {
		case c.at(i-1) == ".":
			schema, ok := c.qualifier(i)
			qualified = qualified || !ok || schema == strings.ToLower(r.Schema)
		case c.at(i+1) == "." && c.gap(i) == "" && !(c.at(i+3) == "%" && c.at(i+4) == "type"):
		case c.at(i-1) == "as" && c.at(i+1) != ")" && c.at(i+1) != "[" && blank(c.gap(i-1)):
		default:
			unqualified = true
		}
	}
	return unqualified, qualified
}

// qualifier is the schema before the name at token i, if it is certain.
func (c *code) qualifier(i int) (schema string, ok bool) {
	schema = c.at(i - 2)
	if !simpleName(schema) || c.gap(i-1) != "" || c.gap(i-2) != "" {
		return "", false
	}
	before := strings.TrimSuffix(c.text[:c.starts[i-2]], `"`)
	return schema, before == "" || strings.IndexByte(" \t\r\n(,;", before[len(before)-1]) >= 0
}

// gap is what stands between the tokens i and i+1, without the quotes of names.
func (c *code) gap(i int) string {
	if i < 0 || i+1 >= len(c.tokens) {
		return ""
	}
	return strings.Trim(c.text[c.starts[i]+len(c.tokens[i]):c.starts[i+1]], `"`)
}

// blank says whether there is nothing but spaces in a text of one line.
func blank(s string) bool { return strings.Trim(s, " \t") == "" }

// simpleName says whether a name is one token of a code.
func simpleName(name string) bool {
	for i := range len(name) {
		if !nameByte(name[i]) {
			return false
		}
	}
	return name != ""
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
