package rewrite

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
)

// Sequelize's findOrCreate inserts a row in a function, so that a duplicate does not
// abort the transaction, and calls it in the same text:
//
//	CREATE OR REPLACE FUNCTION pg_temp.f(OUT response "users", OUT caught text) RETURNS RECORD AS $x$
//	BEGIN INSERT INTO "users" (...) VALUES (...) RETURNING * INTO response;
//	EXCEPTION WHEN unique_violation THEN GET STACKED DIAGNOSTICS caught = PG_EXCEPTION_DETAIL; END $x$ LANGUAGE plpgsql;
//	SELECT (f.response)."id", f.caught FROM pg_temp.f();
//	DROP FUNCTION IF EXISTS pg_temp.f()
//
// The INSERT is planned as if it stood alone: what is around it leaves it what it
// is. The fields of the row are the table's columns.

// caught is such a text.
type caught struct {
	start, end       int // of the INSERT, up to INTO
	response, detail string
	table            []string // whose row the response is, as it is named
	function         []string
	call             *pg.SelectStmt
	statements       int
}

// buildCaught plans such a text. ok is false for any other, and where the table has
// no sealed column.
func buildCaught(r Request, src *source, tree *pg.ParseResult) (b built, ok bool, err error) {
	c := readCaught(src, tree)
	if c == nil || r.Mode != Simple {
		return built{}, false, nil
	}
	inner := []byte(strings.Repeat(" ", len(r.Text)))
	copy(inner[c.start:], r.Text[c.start:c.end])
	alone, insert, refusal := parse(inner, r.Escapes)
	if refusal != nil || len(insert.Stmts) != 1 {
		return built{}, false, nil
	}
	rv := insert.Stmts[0].Stmt.GetInsertStmt().GetRelation()
	if rv == nil || !slices.Equal(c.table, qualified(rv)) {
		return built{}, false, nil
	}
	a := &analysis{snap: r.Snapshot, path: r.Path, fresh: r.Fresh, mode: r.Mode, source: alone}
	relation := a.known(rv.Schemaname, rv.Relname).relation
	if a.err != nil {
		return built{}, false, a.err
	}
	if relation == nil || !relation.Sealed {
		return built{}, false, nil
	}
	results := c.results(relation)
	if results == nil {
		return built{}, false, nil
	}
	r.Text = inner
	if b, err = build(r, nil); err != nil {
		return built{}, false, err
	}
	guarded := false
	for i := range b.plan.statements {
		s := &b.plan.statements[i]
		if guarded = s.Guarded; s.Question != nil || s.Params != nil {
			return built{}, false, nil
		}
	}
	b.plan.traits |= src.traits
	b.plan.cacheable = false
	b.plan.quoted = [2]int{c.start, c.end}
	b.plan.statements = make([]Statement, c.statements)
	for i := range b.plan.statements {
		b.plan.statements[i].Effect = ChangesCatalog
	}
	b.plan.statements[1] = Statement{Results: results, Guarded: guarded}
	return b, true, nil
}

// Quoted is a statement of a function's body that is made by the text, as the server
// got it, which it quotes in errors, and as the client has written it; nil for none.
func (b *Bound) Quoted(server []byte) (sent, written []byte) {
	from, to := b.Plan.quoted[0], b.Plan.quoted[1]
	end := len(server) - (len(b.text) - to)
	if to == 0 || to > len(b.text) || end < from {
		return nil, nil
	}
	return server[from:end], b.text[from:to]
}

func qualified(rv *pg.RangeVar) (parts []string) {
	if rv.Schemaname != "" {
		parts = append(parts, rv.Schemaname)
	}
	return append(parts, rv.Relname)
}

// readCaught finds the parts of the text, nil if it is another one.
func readCaught(src *source, tree *pg.ParseResult) *caught {
	if n := len(tree.Stmts); n != 2 && n != 3 {
		return nil
	}
	c := &caught{statements: len(tree.Stmts)}
	if f := tree.Stmts[0].Stmt.GetCreateFunctionStmt(); f == nil || !c.readFunction(f) {
		return nil
	}
	if c.call = tree.Stmts[1].Stmt.GetSelectStmt(); c.call == nil || !c.callsIt() {
		return nil
	}
	if len(tree.Stmts) == 3 {
		drop := tree.Stmts[2].Stmt.GetDropStmt()
		if drop == nil || drop.RemoveType != pg.ObjectType_OBJECT_FUNCTION || len(drop.Objects) != 1 ||
			!slices.Equal(names(drop.Objects[0].GetObjectWithArgs().GetObjname()), c.function) {
			return nil
		}
	}
	end := int(tree.Stmts[1].StmtLocation)
	var body token
	for _, t := range src.tokens {
		if int(t.start) < end && t.kind.isString() {
			if body.end != 0 || t.kind != tokenDollarString {
				return nil
			}
			body = t
		}
	}
	if body.end == 0 || !c.readBody(src, body) {
		return nil
	}
	return c
}

// readFunction reads the definition but for the body.
func (c *caught) readFunction(f *pg.CreateFunctionStmt) bool {
	c.function = names(f.Funcname)
	if len(c.function) != 2 || c.function[0] != tempAlias || len(f.Parameters) != 2 || f.SqlBody != nil {
		return false
	}
	for i, n := range f.Parameters {
		p := n.GetFunctionParameter()
		if p.GetMode() != pg.FunctionParameterMode_FUNC_PARAM_OUT || p.GetDefexpr() != nil {
			return false
		}
		t := p.GetArgType()
		parts := names(t.GetNames())
		switch {
		case t.GetSetof() || t.GetPctType() || len(t.GetArrayBounds()) > 0:
			return false
		case i == 0:
			c.response, c.table = p.Name, parts
		case last(parts) != "text":
			return false
		default:
			c.detail = p.Name
		}
	}
	for _, n := range f.Options {
		switch d := n.GetDefElem(); d.GetDefname() {
		case "as":
		case "language":
			if d.GetArg().GetString_().GetSval() != "plpgsql" {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// callsIt says whether the SELECT reads the function and nothing else.
func (c *caught) callsIt() bool {
	s := c.call
	if len(s.FromClause) != 1 || s.WhereClause != nil || s.GroupClause != nil || s.HavingClause != nil || s.WindowClause != nil || s.WithClause != nil ||
		s.DistinctClause != nil || s.SortClause != nil || s.LimitCount != nil || s.LimitOffset != nil || s.LockingClause != nil || s.IntoClause != nil || s.Op != pg.SetOperation_SETOP_NONE {
		return false
	}
	f := s.FromClause[0].GetRangeFunction()
	if f == nil || f.Lateral || f.Ordinality || f.IsRowsfrom || f.Alias != nil || f.Coldeflist != nil || len(f.Functions) != 1 {
		return false
	}
	call := listOf(f.Functions[0])
	if len(call) == 0 {
		return false
	}
	called := call[0].GetFuncCall()
	return called != nil && len(called.Args) == 0 && slices.Equal(names(called.Funcname), c.function)
}

// results are those of the SELECT, nil if it has others.
func (c *caught) results(relation *catalog.Relation) (results []*catalog.SealedColumn) {
	for _, n := range c.call.TargetList {
		v := n.GetResTarget().GetVal()
		if ref := v.GetColumnRef(); ref != nil {
			if !slices.Equal(names(ref.Fields), []string{last(c.function), c.detail}) {
				return nil
			}
			results = append(results, catalog.ErrorText)
			continue
		}
		x := v.GetAIndirection()
		if x == nil || len(x.Indirection) != 1 || !slices.Equal(names(x.Arg.GetColumnRef().GetFields()), []string{last(c.function), c.response}) {
			return nil
		}
		star, found := x.Indirection[0].GetAStar() != nil, false
		for i := range relation.Columns {
			if col := &relation.Columns[i]; star || col.Name == x.Indirection[0].GetString_().GetSval() {
				if col.Sealed != nil && col.Sealed.Broken != "" {
					return nil
				}
				results, found = append(results, col.Sealed), true
			}
		}
		if !found {
			return nil
		}
	}
	return results
}

// readBody finds the INSERT in the function's body.
func (c *caught) readBody(src *source, body token) bool {
	open := strings.IndexByte(string(src.text[body.start+1:body.end]), '$') + 2
	from, end := int(body.start)+open, int(body.end)-open
	in, refusal := read(src.text[from:end], src.escapes)
	if refusal != nil {
		return false
	}
	a := &analysis{source: in}
	n := len(in.tokens)
	if n > 0 && a.is(n-1, ";") {
		n--
	}
	// From the end: what is called by no fixed word is checked by its place.
	tail := []string{"returning", "*", "into", "", ";", "exception", "when", "unique_violation", "then", "get", "stacked", "diagnostics", "", "=", "pg_exception_detail", ";", "end"}
	at := n - len(tail)
	if at < 3 || !a.is(0, "begin") || !a.is(1, "insert") {
		return false
	}
	for i, word := range tail {
		if word != "" && !a.is(at+i, word) {
			return false
		}
	}
	for i := 1; i < at; i++ {
		if a.is(i, ";") || in.tokens[i].kind == tokenParameter {
			return false
		}
	}
	response, _ := a.tokenName(in.tokens[at+3])
	detail, _ := a.tokenName(in.tokens[at+12])
	if response != c.response || detail != c.detail {
		return false
	}
	c.start, c.end = from+int(in.tokens[1].start), from+int(in.tokens[at+1].end)
	return true
}
