package rewrite

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/copyformat"
	"pgseal/logical"
)

// Copy is a COPY between the client and sealed columns: what the session does
// with the data on its way. It is immutable.
type Copy struct {
	// In: COPY FROM STDIN. Otherwise COPY TO STDOUT.
	In bool
	// Writes: the query of a COPY TO does more than read.
	Writes bool
	// Relation is the name in the server's CONTEXT, "" for a query.
	Relation string
	// Columns are those of the data, in order. Of a query's, plain ones behind
	// the end may be missing.
	Columns []CopyColumn
	// Sealed are the indexes of the sealed ones.
	Sealed []int
	// Formulas are by which columns of a query are computed, by column; nil if there are
	// none.
	Formulas []*Formula
	// Added are columns that the server gets behind those of the client's data,
	// because their defaults are computed.
	Added  []AddedColumn
	Format copyformat.Format
	// Encoding is the ENCODING option, "" for client_encoding.
	Encoding string
	// Skips: rows with values that do not fit are left out (ON_ERROR ignore).
	Skips bool
	// Converts: the data can go to the server in the binary format although the
	// client's is text or CSV, if Bound.Converts says so.
	Converts bool
}

// CopyColumn is one column of the data.
type CopyColumn struct {
	Name         string
	Operand      *Operand     // nil: plain
	Formula      *Formula     // by which the Operand's column is computed, nil for all others
	Plain        logical.Type // of a plain column, if the Copy Converts
	ForceQuote   bool
	ForceNull    bool
	ForceNotNull bool
}

// Opens says whether what is copied is the value of a sealed column as it is stored, neither
// cast nor computed, and of no other column.
func (c *CopyColumn) Opens() bool {
	return c.Formula == nil && c.Operand.Column.Mixed == nil && !c.Operand.Column.IsCast()
}

// AddedColumn is a column with a computed default: each row gets the value that
// the Question asks for under the number Answer, from 1, or a random UUID of its own.
type AddedColumn struct {
	Operand *Operand
	Answer  int
	UUID    bool
}

// copy is COPY in both directions.
func (a *analysis) copy(x *pg.CopyStmt, s *Statement) {
	a.cacheable = false // its options are literals
	c := &Copy{In: x.IsFrom}
	actions := len(a.acted)
	var at int32
	var to *catalog.Relation
	if x.Relation == nil {
		at = location(x.Query)
		a.copyQuery(x, c)
	} else {
		at = x.Relation.Location
		to = a.copyRelation(x, c)
	}
	for i := range c.Columns {
		if c.Columns[i].Operand != nil {
			c.Sealed = append(c.Sealed, i)
		}
	}
	if len(c.Sealed)+len(c.Added) == 0 || a.err != nil {
		return
	}
	first := c.first()
	if x.IsProgram || x.Filename != "" {
		a.fail(refuseCopyFile(first, at, c.In))
		return
	}
	o := copyOptions{analysis: a, copy: c}
	o.read(x.Options)
	if o.refused != "" {
		a.fail(refuseCopy(first, at, o.refused, o.hint))
		return
	}
	if s.Copy = c; c.In {
		types, converts := a.convert(x, c, to)
		guarded := a.guardCopy(x.WhereClause, actions)
		if converts {
			a.guardPlain(types, guarded)
		}
		s.Guarded = true
	}
}

// first is a sealed column of it.
func (c *Copy) first() *catalog.SealedColumn {
	if len(c.Sealed) > 0 {
		return c.Columns[c.Sealed[0]].Operand.Column
	}
	return c.Added[0].Operand.Column
}

// copyQuery is COPY (query) TO.
func (a *analysis) copyQuery(x *pg.CopyStmt, c *Copy) {
	_, reads := x.Query.GetNode().(*pg.Node_SelectStmt)
	c.Writes = !reads
	outputs := a.query(x.Query, nil)
	results := a.results(outputs)
	for i := range results {
		if f := outputs[i].formula; f != nil {
			if c.Formulas == nil {
				c.Formulas = make([]*Formula, len(results))
			}
			c.Formulas[i] = f
		}
	}
	a.noDocuments(results, c.Formulas, "COPY")
	for i, sealed := range results {
		column := CopyColumn{Name: outputs[i].name}
		if sealed != nil && sealed != catalog.DefaultText { // the text of a default is copied as it stands
			column.Operand, column.Formula = &Operand{Column: sealed, Role: Store}, outputs[i].formula
		}
		c.Columns = append(c.Columns, column)
	}
}

// copyRelation is COPY of a relation. Where a column of it is sealed, the text
// names all columns, so that the server cannot take the data for others.
func (a *analysis) copyRelation(x *pg.CopyStmt, c *Copy) *catalog.Relation {
	it := a.baseItem(x.Relation)
	c.Relation = x.Relation.Relname
	if c.In {
		a.triggers(it, x.Relation.Location, func(t *catalog.Trigger) bool { return t.Insert })
	}
	a.condition(x.WhereClause, &scope{items: []*item{it}})
	if it.relation == nil || it.sealed() == nil {
		return nil
	}
	if len(x.Attlist) > 0 {
		for _, n := range x.Attlist {
			name := n.GetString_().GetSval()
			t := a.assigned(&pg.ResTarget{Name: name, Location: -1}, it)
			a.copyColumn(c, t.name, t.sealed, x.Relation.Location)
		}
		if c.In {
			a.copyDefaults(c, it.relation, x.Relation)
		}
		return it.relation
	}
	var list []string
	for i := range it.relation.Columns {
		column := &it.relation.Columns[i]
		if column.Generated {
			continue
		}
		a.copyColumn(c, column.Name, column.Sealed, x.Relation.Location)
		list = append(list, quoteName(column.Name))
	}
	i := a.tokenAt(x.Relation.Location)
	for a.is(i+1, ".") {
		i += 2
	}
	if i < 0 || i >= len(a.tokens) {
		a.fail(refuseDefect())
		return nil
	}
	a.insert(int(a.tokens[i].end), " ("+strings.Join(list, ", ")+")")
	return it.relation
}

// copyDefaults adds the columns with computed defaults that the data does not have.
// While the data comes the server cannot be asked, so it is asked before; a value that
// is another one in each row must be one that pgseal can make itself.
func (a *analysis) copyDefaults(c *Copy, r *catalog.Relation, rv *pg.RangeVar) {
	var added []target
	for i := range r.Columns {
		column := &r.Columns[i]
		given := slices.ContainsFunc(c.Columns, func(given CopyColumn) bool { return given.Name == column.Name })
		if column.Default == nil || given {
			continue
		}
		to := target{name: column.Name, sealed: column.Sealed, def: column.Default}
		a.copyDefault(c, to, rv.Location)
		added = append(added, to)
	}
	if added == nil || a.err != nil {
		return
	}
	i := a.behindRelation(rv)
	end := a.closing(i)
	if !a.is(i, "(") || end < 0 {
		a.fail(refuseDefect())
		return
	}
	a.insert(int(a.tokens[end].start), ", "+listed(added))
}

// copyDefault adds one of them.
func (a *analysis) copyDefault(c *Copy, to target, at int32) {
	d := to.def
	if d.PerRow && !d.UUID {
		a.fail(refuseDefault(to.sealed, at, "for the rows of COPY, because each of them has another one", "Put the column into the data, or insert the rows."))
		return
	}
	a.evaluated = surelyEvaluated
	if r := a.defaultRefusal(to, at); r != nil {
		a.fail(r)
		return
	}
	op := &Operand{Column: to.sealed, Role: Store, Site: Site{target: to.name}}
	x := asked{computation: computation{first: -1, last: -1, ordered: d.Calls}, start: int(at), def: d, operand: op}
	if d.UUID {
		x.sql = "NULL" // it is asked only whether the column still has this default
	}
	a.answers++
	x.answer = a.answers
	a.asked = append(a.asked, x)
	c.Added = append(c.Added, AddedColumn{Operand: op, Answer: x.answer, UUID: d.UUID})
	a.operands = append(a.operands, op)
	a.note("seal", to.sealed, "its default", at)
}

func (a *analysis) copyColumn(c *Copy, name string, sealed *catalog.SealedColumn, position int32) {
	column := CopyColumn{Name: name}
	switch {
	case sealed == nil:
	case sealed.Broken != "":
		a.fail(refuseBroken(sealed, position))
		return
	default:
		column.Operand = &Operand{Column: sealed, Role: Store}
		do := "open"
		if c.In {
			do = "seal"
		}
		a.note(do, sealed, "column \""+name+"\" of the data", position)
	}
	c.Columns = append(c.Columns, column)
}

// copyOptions reads the options of a COPY. The server checks them; what it
// refuses need not be understood.
type copyOptions struct {
	*analysis
	copy          *Copy
	refused, hint string
}

func (o *copyOptions) read(options []*pg.Node) {
	c := o.copy
	set := map[string]string{}
	verbose := false
	for _, n := range options {
		d := n.GetDefElem()
		value := o.value(d)
		switch d.GetDefname() {
		case "format", "delimiter", "quote", "escape", "null", "default", "encoding":
			set[d.Defname] = value
		case "header":
			c.Format.Header = headerOf(d, value)
		case "force_quote":
			o.columns(d, func(c *CopyColumn) { c.ForceQuote = true })
		case "force_null":
			o.columns(d, func(c *CopyColumn) { c.ForceNull = true })
		case "force_not_null":
			o.columns(d, func(c *CopyColumn) { c.ForceNotNull = true })
		case "on_error":
			c.Skips = strings.EqualFold(value, "ignore")
		case "log_verbosity":
			verbose = strings.EqualFold(value, "verbose")
		}
	}
	o.format(set)
	if c.Skips && verbose {
		o.refused = "with LOG_VERBOSITY verbose: the server would report sealed values"
		o.hint = "Leave LOG_VERBOSITY out."
	}
}

// format makes the format of what the options say, with the server's defaults.
func (o *copyOptions) format(set map[string]string) {
	f := &o.copy.Format
	header := f.Header
	kind := copyformat.Text
	switch set["format"] {
	case "csv":
		kind = copyformat.CSV
	case "binary":
		kind = copyformat.Binary
	}
	*f = copyformat.Defaults(kind)
	f.Header = header
	one := func(name string, to *byte) {
		if v := set[name]; len(v) == 1 {
			*to = v[0]
		}
	}
	one("delimiter", &f.Delimiter)
	one("quote", &f.Quote)
	f.Escape = f.Quote
	one("escape", &f.Escape)
	if v, ok := set["null"]; ok {
		f.Null = v
	}
	f.Default, f.HasDefault = set["default"]
	o.copy.Encoding = set["encoding"]
	if trailing := len(f.Null) - len(strings.TrimRight(f.Null, `\`)); kind == copyformat.Text && !o.copy.In && trailing%2 == 1 {
		o.refused = "with a NULL string that ends in a backslash: rows could be read in two ways"
		o.hint = "Choose another NULL string."
	}
}

// value is an option's value as a string. Strings of the tree are masked, so
// they are read from the text.
func (o *copyOptions) value(d *pg.DefElem) string {
	i := o.tokenAt(d.GetLocation()) + 1
	if i > 0 && o.is(i, "as") {
		i++
	}
	if i > 0 && i < len(o.tokens) && o.tokens[i].kind.isString() {
		v, ok := appendString(nil, o.text, o.tokens[i])
		if !ok {
			o.fail(refuseEscape(int(o.tokens[i].start)))
		}
		return string(v)
	}
	return d.GetArg().GetString_().GetSval()
}

// headerOf reads HEADER, which may stand alone.
func headerOf(d *pg.DefElem, value string) copyformat.Header {
	arg := d.GetArg()
	switch {
	case arg == nil,
		arg.GetBoolean() != nil && arg.GetBoolean().Boolval,
		arg.GetInteger() != nil && arg.GetInteger().Ival != 0,
		strings.EqualFold(value, "true"), strings.EqualFold(value, "on"):
		return copyformat.HeaderLine
	case strings.EqualFold(value, "match"):
		return copyformat.HeaderMatch
	}
	return copyformat.NoHeader
}

// columns applies an option to the columns that it names, or to all.
func (o *copyOptions) columns(d *pg.DefElem, apply func(*CopyColumn)) {
	for _, n := range d.GetArg().GetList().GetItems() {
		for i := range o.copy.Columns {
			if c := &o.copy.Columns[i]; c.Name == n.GetString_().GetSval() {
				apply(c)
			}
		}
	}
	if d.GetArg().GetAStar() != nil {
		for i := range o.copy.Columns {
			apply(&o.copy.Columns[i])
		}
	}
}

func refuseCopy(c *catalog.SealedColumn, position int32, why, hint string) *Refusal {
	r := sealedRefusal("copy", c, position, "cannot be copied "+why)
	r.Hint = hint
	return r
}

func refuseCopyFile(c *catalog.SealedColumn, position int32, in bool) *Refusal {
	r := sealedRefusal("copy-file", c, position, "cannot be copied to or from a file or program of the server")
	r.Detail = "The values would not pass through pgseal."
	r.Hint = "Use COPY … TO STDOUT, as psql's \\copy does, or a direct connection to copy the encrypted values."
	if in {
		r.Hint = "Use COPY … FROM STDIN, as psql's \\copy does."
	}
	return r
}
