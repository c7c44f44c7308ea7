package rewrite

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/catalog"
)

// A SELECT that is refused can have a mistake of its own besides, which PostgreSQL
// would report: a column that does not exist, queries of different widths. So the
// server looks at it, without running it: relations with sealed columns have become
// subqueries of the same names and of NULLs of the logical types, and literals NULLs.

// probed are the SQLSTATEs of the mistakes that a probe finds for sure.
var probed = [...]string{
	codeSyntax, codeUndefined, codeNoTable, codeNoParameter, codeNoFunction, codeUndefinedObject, codeDatatypeMismatch,
	"42702", // ambiguous_column
	"42725", // ambiguous_function
	"3F000", // invalid_schema_name
}

// BindProbe gives the text by which the server looks for other mistakes in a refused
// one; ok is false where there is none. It has nothing of the client's but names and
// comments. The Bound is valid as one of Planner.Plan.
func (r *Refusal) BindProbe(s *Scratch, text []byte) (b Bound, ok bool) {
	if r.probe == nil {
		return b, false
	}
	s.literals = append(s.literals[:0], r.probe.literals...)
	return Bound{Plan: &Plan{pieces: r.probe.pieces}, text: text, scratch: s}, true
}

// Probed reports that an error that a probe has met is the text's.
func Probed(sqlstate string) bool { return slices.Contains(probed[:], sqlstate) }

// probe is what BindProbe needs.
type probe struct {
	pieces   []piece
	literals []span
}

// prober makes a probe.
type prober struct {
	*analysis
	edits  []edit
	kept   map[int32]bool // places of numbers that are no values
	found  bool           // a relation with sealed columns
	failed bool
}

// probe makes the probe of a text that is refused; nil for what is no SELECT, and
// where the server would find mistakes that are not there.
func (a *analysis) probe(tree *pg.ParseResult) *probe {
	if len(tree.Stmts) != 1 || a.traits != 0 || a.snap.Shown() == nil {
		return nil
	}
	s := tree.Stmts[0].Stmt.GetSelectStmt()
	if s == nil || intoOf(s) != nil || len(a.systemColumns()) > 0 {
		return nil
	}
	p := &prober{analysis: a, kept: map[int32]bool{}}
	p.walk(s.ProtoReflect())
	for i, t := range a.tokens {
		switch word := a.text[t.start:t.end]; {
		case p.kept[t.start]:
		case t.kind.isString():
			p.edits = append(p.edits, replacing(int(t.start), int(t.end), "NULL"))
		case t.kind == tokenBits:
			p.edits = append(p.edits, replacing(int(t.start), int(t.end), "NULL::pg_catalog.bit"))
		case t.kind.isLiteral():
			p.edits = append(p.edits, replacing(int(t.start), int(t.end), "NULL::pg_catalog."+numberTypeName(word)))
		case (a.is(i, "true") || a.is(i, "false")) && !a.is(i-1, "is") && !a.is(i-1, "not"):
			p.edits = append(p.edits, replacing(int(t.start), int(t.end), "NULL::pg_catalog.bool"))
		}
	}
	pieces, ok := anchored(p.edits, a.text, a.literals)
	if p.failed || !ok || !p.found {
		return nil
	}
	found := &probe{pieces: pieces, literals: a.literals}
	b, _ := (&Refusal{probe: found}).BindProbe(&Scratch{}, a.text)
	text, err := b.AppendSQL(nil, nil)
	if err != nil {
		return nil
	}
	if _, _, refusal := parse(text, false); refusal != nil {
		return nil // a literal stood where nothing else can
	}
	return found
}

// numberTypeName is the type that PostgreSQL gives to a number.
func numberTypeName(number []byte) string {
	oid := numberType(number)
	for name, o := range typeOIDs {
		if o == oid {
			return name
		}
	}
	return "numeric"
}

// walk finds the relations with sealed columns, and what stands in a probe's way.
func (p *prober) walk(m protoreflect.Message) {
	switch x := m.Interface().(type) {
	case *pg.RangeVar:
		p.relationInFrom(x)
		return
	case *pg.ParamRef:
		p.failed = p.failed || p.mode == Simple
	case *pg.LockingClause:
		return // its names are those of items
	case *pg.InsertStmt, *pg.UpdateStmt, *pg.DeleteStmt, *pg.MergeStmt, *pg.RangeTableSample:
		p.failed = true
	case *pg.CommonTableExpr:
		p.failed = p.failed || len(p.snap.Named(x.Ctename)) > 0
	case *pg.TypeCast:
		p.failed = p.failed || x.Location < 0 && x.Arg.GetAConst().GetSval() != nil // date '…': NULL would be an alias
	case *pg.TypeName: // a row of the server's types: json_populate_record(NULL::users, …)
		p.failed = p.failed || slices.ContainsFunc(p.snap.Named(last(names(x.Names))), func(r *catalog.Relation) bool { return r.Sealed })
		for _, n := range x.Typmods {
			p.keep(n)
		}
	case *pg.SortBy:
		p.keep(x.Node)
	case *pg.SelectStmt:
		for _, n := range slices.Concat(x.GroupClause, x.DistinctClause) {
			p.keep(n)
		}
		p.sameNames(map[string]string{}, x.FromClause)
	case *pg.FuncCall:
		for _, n := range x.Args {
			if ref := n.GetColumnRef(); ref != nil {
				star, _ := isStar(ref)
				p.failed = p.failed || star
			}
		}
	case *pg.ColumnRef:
		const tableColumn = 2
		parts := names(x.Fields)
		if len(x.Fields) > tableColumn || len(parts) > 0 && p.snap.RowFunction(last(parts)) {
			p.failed = true
		}
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Kind() != protoreflect.MessageKind:
		case fd.IsList():
			for i := range v.List().Len() {
				p.walk(v.List().Get(i).Message())
			}
		default:
			p.walk(v.Message())
		}
		return !p.failed
	})
}

// sameNames finds two relations of one name, which their schemas tell apart.
func (p *prober) sameNames(schemas map[string]string, from []*pg.Node) {
	for _, n := range from {
		if j := n.GetJoinExpr(); j != nil {
			p.sameNames(schemas, []*pg.Node{j.Larg, j.Rarg})
		}
		if rv := n.GetRangeVar(); rv != nil && rv.Alias == nil {
			schema, met := schemas[rv.Relname]
			p.failed = p.failed || met && schema != rv.Schemaname
			schemas[rv.Relname] = rv.Schemaname
		}
	}
}

// keep leaves a number that is a position or a length as it is.
func (p *prober) keep(n *pg.Node) {
	if c := n.GetAConst(); c != nil && c.GetIval() != nil {
		p.kept[c.Location] = true
	}
}

// relationInFrom puts a subquery in the place of a relation with sealed columns.
func (p *prober) relationInFrom(rv *pg.RangeVar) {
	r := p.relation(rv.Schemaname, rv.Relname).relation
	if r == nil || !r.Sealed {
		return
	}
	p.found = true
	from, behind := p.tokenAt(rv.Location), p.behindRelation(rv)
	if from < 0 || behind < 0 || rv.Catalogname != "" || p.is(from-1, "table") || p.is(from-1, "(") && p.is(from-2, "only") {
		p.failed = true
		return
	}
	if p.is(from-1, "only") {
		from--
	} else if p.is(behind, "*") {
		behind++
	}
	var b strings.Builder
	b.WriteString("(SELECT ")
	for i := range r.Columns {
		c := &r.Columns[i]
		if i > 0 {
			b.WriteString(", ")
		}
		if c.Sealed != nil {
			name := p.logicalName(c.Sealed)
			p.failed = p.failed || name == ""
			b.WriteString("NULL::" + name + " AS ")
		}
		b.WriteString(quoteName(c.Name))
	}
	b.WriteString(" FROM " + string(p.text[p.tokens[from].start:p.tokens[behind-1].end]) + ")")
	if rv.Alias == nil {
		b.WriteString(" AS " + quoteName(rv.Relname))
	}
	p.edits = append(p.edits, replacing(int(p.tokens[from].start), int(p.tokens[behind-1].end), b.String()))
}

// logicalName is a column's logical type as SQL names it, "" if that is not known.
func (p *prober) logicalName(c *catalog.SealedColumn) string { return p.snap.Shown().TypeOf(c).Name }
