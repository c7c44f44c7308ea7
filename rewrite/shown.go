package rewrite

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// The system catalogs show the logical schema: a reference to one becomes a
// subquery that says of sealed columns what the plaintext database would say,
// and leaves out what is pgseal's own. Its text is inlined rather than a view in
// the database, so that it has the privileges of whoever asks, fits every
// version of the server, and stands in no dump.
//
// Left as they are: the target of a writing statement, rows that are locked or
// sampled, definitions of views and functions, and bodies in strings.

const (
	systemCatalog     = "pg_catalog"
	informationSchema = "information_schema"
)

// show puts what a catalog must show in the place of its name in FROM.
func (a *analysis) show(rv *pg.RangeVar, it *item) {
	shown := a.snap.Shown()
	if shown == nil || a.persistent || a.truth || rv.Catalogname != "" || a.err != nil {
		return
	}
	for _, r := range it.candidates {
		if r.Schema == systemCatalog && a.isShown(systemCatalog, r.Name) {
			a.fail(ErrNeedSearchPath)
			return
		}
	}
	r := it.relation
	if r == nil || r.Schema != systemCatalog && r.Schema != informationSchema || !a.isShown(r.Schema, r.Name) {
		a.qualify(rv)
		return
	}
	if r.Schema == informationSchema && rv.Schemaname == "" {
		// Only a path that names it reaches it.
		if a.path == nil {
			a.fail(ErrNeedSearchPath)
			return
		}
		a.pathIsUsed = true
		if !slices.Contains(a.path, informationSchema) {
			return
		}
	}
	system := a.systemColumns()
	text := a.shownText(r, system, a.wantedColumns(rv, r, it.name))
	if text == "" {
		a.qualify(rv)
		return
	}
	from, behind := a.tokenAt(rv.Location), a.behindRelation(rv)
	if from < 0 || behind < 0 || !a.once(rv.Location) {
		return
	}
	if a.is(from-1, "(") && a.is(from-2, "only") && a.is(behind, ")") {
		from, behind = from-2, behind+1
	} else if a.is(from-1, "only") {
		from--
	} else if a.is(behind, "*") {
		behind++
	}
	start, end := int(a.tokens[from].start), int(a.tokens[behind-1].end)
	if a.is(from-1, "table") {
		a.insertShown(start, "")
		start = int(a.tokens[from-1].start)
		a.shown[len(a.shown)-1] = replacing(start, end, "SELECT * FROM ")
		a.insertShown(end, text)
	} else {
		a.shown = append(a.shown, replacing(start, end, text))
	}
	if rv.Alias == nil {
		a.insertShown(end, ` AS "`+r.Name+`"`)
	}
	it.shown, it.system = true, len(system) > 0
	if c := it.column("column_default"); c != nil && r.Schema == informationSchema && a.snap.SealedDefaults() {
		c.text = true
	}
}

// qualify makes the name of a system's relation in the definition of a system's
// view mean the same under any search path.
func (a *analysis) qualify(rv *pg.RangeVar) {
	if a.deriving && rv.Schemaname == "" && a.once(rv.Location) {
		a.insertShown(int(rv.Location), systemCatalog+".")
	}
}

func (a *analysis) insertShown(at int, text string) {
	a.shown = append(a.shown, replacing(at, at, text))
}

// once says whether a place is edited for the first time: some nodes are
// analysed more than once.
func (a *analysis) once(location int32) bool {
	if a.showed[location] {
		return false
	}
	if a.showed == nil {
		a.showed = map[int32]bool{}
	}
	a.showed[location] = true
	return true
}

// systemColumns are the names in the text that system columns have. A subquery
// offers those only that it must, since * stands for all that it offers.
func (a *analysis) systemColumns() (found []string) {
	for _, t := range a.tokens {
		if name, ok := a.tokenName(t); ok && systemColumn(name) && !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// meet notes a reference to the definition of a default.
func (a *analysis) meet(c *column) {
	if c.text {
		a.definition()
	}
}

// definition notes an expression that gives the text of a default. Where that can
// name a type that is not built in, it depends on what the search path reaches.
func (a *analysis) definition() {
	a.definitions++
	if a.deriving || !a.snap.TypedDefaults() {
		return
	}
	if a.path == nil {
		a.fail(ErrNeedSearchPath)
	}
	a.pathIsUsed = true
}

// meetRow is meet for a whole row.
func (a *analysis) meetRow(it *item) {
	for i := range it.columns {
		a.meet(&it.columns[i])
	}
}

// spellStar writes out what * stands for, where one of its items offers system
// columns, too.
func (a *analysis) spellStar(ref *pg.ColumnRef, items []*item) bool {
	if !slices.ContainsFunc(items, func(it *item) bool { return it.system }) {
		return false
	}
	i := a.tokenAt(ref.Location)
	for k := 1; k < len(ref.Fields) && a.is(i+1, "."); k++ {
		i += 2
	}
	if !a.is(i, "*") {
		return false
	}
	var list []string
	for _, it := range items {
		switch {
		case it.name == "" || !it.byName:
			return false
		case !it.system:
			list = append(list, quoteName(it.name)+".*")
		default:
			for _, c := range it.columns {
				list = append(list, quoteName(it.name)+"."+quoteName(c.name))
			}
		}
	}
	if a.once(ref.Location) {
		a.shown = append(a.shown, replacing(int(ref.Location), int(a.tokens[i].end), strings.Join(list, ", ")))
	}
	return true
}

// shownStar refuses * where it would stand for system columns too.
func (a *analysis) shownStar(it *item, at int32) {
	if it.system {
		a.fail(refuseShownStar(it.name, at))
	}
}

// dropSchema takes the schema out of a reference to a column of a relation that
// has become a subquery.
func (a *analysis) dropSchema(ref *pg.ColumnRef, it *item) {
	const schemaTableColumn = 3
	if it == nil || !it.shown || len(ref.Fields) != schemaTableColumn || !a.once(ref.Location) {
		return
	}
	if i := a.tokenAt(ref.Location); i >= 0 && a.is(i+1, ".") {
		a.shown = append(a.shown, replacing(int(ref.Location), int(a.tokens[i+1].end), ""))
	}
}

// The server itself takes the function off a computed default, so that what it
// computes with the text (column_default LIKE 'nextval(%') is right. The subquery
// keeps the name of an output; no backslash, whatever standard_conforming_strings is.
const (
	unwrapBefore = "(SELECT coalesce(pg_catalog.substring(q.d, '^(?:pgseal[.])?computed_default[(](.*)[)]$'), q.d) AS pg_get_expr FROM (SELECT "
	unwrapAfter  = " AS d) q)"
)

// showFunction makes a function that prints a definition print the logical one.
func (a *analysis) showFunction(f *pg.FuncCall, parts []string) {
	shown := a.snap.Shown()
	if shown == nil || a.persistent || a.truth || f.FuncVariadic || f.AggWithinGroup || f.Over != nil || a.err != nil {
		return
	}
	name := last(parts)
	if len(parts) == 2 && parts[0] == informationSchema || a.deriving {
		a.trueType(f, name)
	}
	if len(parts) > 2 || len(parts) == 2 && parts[0] != systemCatalog {
		return
	}
	open := a.behindName(f.Location, len(parts))
	end := a.closing(open)
	if open < 0 || end < 0 {
		return
	}
	opens, closes := "", ""
	if f == a.fromFunction { // only a function can stand there
		opens, closes = "pg_catalog.unnest(ARRAY[", "])"
	}
	if name == "pg_get_expr" && a.snap.SealedDefaults() {
		a.definition()
		if a.once(f.Location) {
			a.insertShown(int(f.Location), opens+unwrapBefore)
			a.insertShown(int(a.tokens[end].end), unwrapAfter+closes)
			a.namedAsBefore(f, end, name)
		}
	}
	w := shownCall(a.snap, name, len(f.Args))
	if w == nil || len(w.casts) > 0 && len(w.casts) != len(f.Args) || !a.once(f.Location) {
		return
	}
	if len(w.casts) == 0 {
		a.insertShown(int(f.Location), opens+w.before)
		a.insertShown(int(a.tokens[end].end), w.after+closes)
		a.namedAsBefore(f, end, name)
		return
	}
	// The arguments go into a subquery of their own: they are needed twice.
	commas := a.commas(open, end)
	if len(commas) != len(f.Args)-1 {
		return
	}
	a.shown = append(a.shown, replacing(int(f.Location), int(a.tokens[open].end), opens+w.before))
	for i, c := range commas {
		a.shown = append(a.shown, replacing(int(a.tokens[c].start), int(a.tokens[c].end), w.casts[i]+", ("))
	}
	a.shown = append(a.shown, replacing(int(a.tokens[end].start), int(a.tokens[end].end), w.casts[len(w.casts)-1]+w.after+closes))
	a.namedAsBefore(f, end, name)
}

// namedAsBefore gives a function in FROM that has become another, and has no alias, the
// name that it had. end is the bracket behind its arguments.
func (a *analysis) namedAsBefore(f *pg.FuncCall, end int, name string) {
	r := a.fromRange
	switch {
	case f != a.fromFunction:
		return
	case len(r.Functions) > 1: // whose columns would need the names of all
		a.fail(&Refusal{
			Anchor: "catalog-star", Code: codeNotSupported, Position: int(f.Location),
			Message: "function " + name + " cannot stand beside others in ROWS FROM",
			Detail:  "pgseal shows what it returns by another function, whose column has another name.",
			Hint:    "Give it a ROWS FROM, or a place in FROM, of its own.",
		})
		return
	case r.Alias != nil:
		return
	}
	if r.IsRowsfrom {
		end++ // its own bracket
	}
	if r.Ordinality {
		end += 2
	}
	a.insertShown(int(a.tokens[end].end), " AS "+name)
}

// behindName is the index of the token behind a name of so many parts, -1 if
// there is no such name.
func (a *analysis) behindName(location int32, parts int) int {
	i := a.tokenAt(location)
	if i < 0 {
		return -1
	}
	for range parts - 1 {
		if !a.is(i+1, ".") {
			return -1
		}
		i += 2
	}
	if !a.is(i+1, "(") {
		return -1
	}
	return i + 1
}

// commas are the indexes of the commas directly inside a bracket.
func (a *analysis) commas(open, end int) (found []int) {
	for i := open + 1; i < end; i++ {
		switch {
		case a.is(i, "("), a.is(i, "["):
			if i = a.closing(i); i < 0 {
				return nil
			}
		case a.is(i, ","):
			found = append(found, i)
		}
	}
	return found
}

// trueTypeColumns are those that trueType names.
var trueTypeColumns = []string{"typtype", "typbasetype", "typtypmod", "atttypid", "atttypmod"}

// trueType spells out the functions by which information_schema looks through
// domains: they take whole rows of pg_attribute and pg_type, which subqueries do
// not have.
func (a *analysis) trueType(f *pg.FuncCall, name string) {
	var base, own string
	switch name {
	case "_pg_truetypid":
		base, own = "typbasetype", "atttypid"
	case "_pg_truetypmod":
		base, own = "typtypmod", "atttypmod"
	default:
		return
	}
	open := a.behindName(f.Location, len(f.Funcname))
	end := a.closing(open)
	if open < 0 || end < 0 || len(f.Args) != 2 {
		return
	}
	commas := a.commas(open, end)
	row := func(from, end int) string { // x.*, as text
		if end-from == 3 && a.is(from+1, ".") && a.is(from+2, "*") {
			return string(a.text[a.tokens[from].start:a.tokens[from].end])
		}
		return ""
	}
	if len(commas) != 1 {
		return
	}
	attribute, typ := row(open+1, commas[0]), row(commas[0]+1, end)
	if attribute == "" || typ == "" || !a.once(f.Location) {
		return
	}
	a.shown = append(a.shown, replacing(int(f.Location), int(a.tokens[end].end),
		"(CASE WHEN "+typ+".typtype = 'd' THEN "+typ+"."+base+" ELSE "+attribute+"."+own+" END)"))
}
