package rewrite

import (
	"slices"
	"strconv"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/logical"
)

// A subquery in a condition that gives one value, the same for all rows (`WHERE salary > (SELECT
// avg(salary) FROM staff)`): the server is asked for what it is computed of in the question that
// asks for the rows, and has to find the same in the statement, where it stays in its place.

// formulaAsked is such a subquery in a condition that is decided in front of the statement.
func (a *analysis) formulaAsked(s *pg.SubLink, d *formulaDraft) *Formula {
	groups := d.row == nil
	if !groups && (!a.asksSubqueries || !d.decides) || d.collects || d.windowed {
		return nil
	}
	o, at, ok := a.shownSubquery(s, d.scope)
	switch {
	case !ok || !a.isRepeatable(s, d.scope) || a.correlated[s] != nil && (groups || a.joinsOuter()):
		return nil
	case !groups && !onlyOf(d.row.into, a.correlated[s], d.scope) || o.constants != nil || o.text || !d.covers(a.tokenAt(s.Location), a.closing(a.tokenAt(s.Location))):
		return nil
	}
	plain := o.plainType()
	of := &Formula{Kind: ColumnValue, Column: o.sealed, Name: "subquery " + strconv.Itoa(at.start)}
	switch {
	case o.formula != nil:
		of = o.formula
	case o.sealed == nil && (!logical.Supported(plain.OID) || plain.IsArray()):
		return nil
	case o.sealed == nil:
		of.Kind, of.Type = PlainValue, plain
	case o.sealed.Broken != "" || o.sealed.Holds() || o.shown != nil:
		return nil
	}
	if a.correlated[s] != nil {
		if of.Kind == ColumnValue && o.formula == nil {
			of.at, of.within = at, true
			return of
		}
		return &Formula{Kind: Inner, Args: []*Formula{of}, Name: "subquery " + strconv.Itoa(at.start), at: at, within: true}
	}
	return &Formula{Kind: Asked, Args: []*Formula{of}, Envelope: o.formula == nil && o.sealed != nil, at: at}
}

// askedCell is the SQL around a subquery: the envelope that it gives, empty for NULL, or an array
// of what it is computed of, empty where it gives no row.
func (f *Formula) askedCell() (before, behind string) {
	if len(f.Args) > 0 && f.Args[0].Kind == PlainValue {
		return arrayStart, arrayEnd
	}
	return "COALESCE(", "::" + serverType + ", ''::" + serverType + ")"
}

// asked appends the subqueries in a formula that the server is asked for, as they stand in the text.
func (f *Formula) asked(list []*Formula) []*Formula {
	if f.Kind == Asked {
		if slices.Contains(list, f) {
			return list
		}
		return append(list, f)
	}
	for _, arg := range f.Args {
		list = arg.asked(list)
	}
	return list
}

// asksSubquery says whether an expression has only subqueries in it that formulaAsked may take:
// those of one value.
func asksSubquery(n *pg.Node) bool {
	return !anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
		s, ok := m.Interface().(*pg.SubLink)
		if !ok {
			return false
		}
		return s.SubLinkType != pg.SubLinkType_EXPR_SUBLINK || anywhere(m, func(m protoreflect.Message) bool {
			ref, ok := m.Interface().(*pg.ColumnRef)
			if !ok {
				return false
			}
			star, qualifier := isStar(ref)
			return star && len(qualifier) > 0 // which may be that of a row around it
		})
	})
}

// askSubqueries asks for the subqueries in a condition.
func (a *analysis) askSubqueries(u *formulaUse) {
	for _, f := range u.operand.Formula.asked(nil) {
		before, behind := f.askedCell()
		f.Answer = a.asksForFormula([]sqlPart{sqlText("(" + before + "("), insideBrackets(f.at), sqlText(")" + behind + ")")}, u.operand, *u)
	}
}

// placeAsked puts what stands for a condition behind its subqueries, which have to be what they
// were; else the statement fails.
func (a *analysis) placeAsked(u *formulaUse, value func(op *Operand, answer int) edit) (at int) {
	at = u.start
	when := "CASE WHEN COALESCE("
	for _, f := range u.operand.Formula.asked(nil) {
		before, behind := f.askedCell()
		a.edit(at, f.at.start, when+before, nil)
		at, when = f.at.end, " AND COALESCE("
		a.insert(at, behind+" OPERATOR(pg_catalog.=) ")
		e := value(&Operand{Column: u.operand.Column, Role: Store, AsAnswered: true, Again: true}, f.Answer)
		e.start, e.end = at, at
		a.edits = append(a.edits, e)
		a.insert(at, ", true)")
	}
	return at
}

// comparesAsked says whether it is more than an equality of a column and a subquery that the
// server finds out by their terms.
func (f *Formula) comparesAsked() bool {
	if f.Kind == Operation && (f.Operator == logical.Equal || f.Operator == logical.NotEqual) {
		l, r := f.Args[0].uncast(), f.Args[1].uncast()
		if r.Kind != Asked {
			l, r = r, l
		}
		return r.Kind != Asked || !r.Envelope || !l.isTerm() || l.Column != r.Args[0].Column
	}
	return true
}

// storeSubqueries stores what is computed of aggregates in subqueries: VALUES ((SELECT max(n) + 1
// FROM t)), SET n = (SELECT avg(n) FROM t), SET total = (SELECT sum(price) FROM items i WHERE
// i.bill = bills.id). It is false for any other expression.
func (a *analysis) storeSubqueries(n *pg.Node, to target, sc *scope) bool {
	if sc == nil || !a.runs() || a.mode == Kept || !a.takesVerdicts() || a.stmt.Stmt.GetSelectStmt() != nil || !aggregatesInside(n) || !asksSubquery(n) || a.mayPassOver(n) {
		return false
	}
	use := formulaUse{row: &foundRow{into: &item{}}, operand: &Operand{Column: to.sealed, Role: Store, Site: a.storing(n, to.name)}}
	d := a.draftSubqueries(n, &use, sc)
	if d == nil && a.err == nil {
		if use.row = a.foundAsRows(sc); use.row == nil {
			return false
		}
		d = a.draftSubqueries(n, &use, sc)
	}
	if d == nil {
		return a.err != nil
	}
	for _, l := range d.literals {
		a.steer(l)
	}
	op := use.operand
	use.start, use.end = d.span(a)
	for i, c := range use.columns {
		c.Answer, c.Cell = a.asksForFormula(use.row.asksForRows(use.columns), op, use), i
	}
	op.Formula.number(use.columns)
	a.askSubqueries(&use)
	a.takeParams(op, d.params)
	a.putFormula(use)
	a.note("seal", to.sealed, "what is computed of subqueries", int32(use.start))
	return true
}

// draftSubqueries reads an expression over subqueries that all depend on the row, or none does;
// nil for any other.
func (a *analysis) draftSubqueries(n *pg.Node, use *formulaUse, sc *scope) *formulaDraft {
	d := &formulaDraft{computation: computation{first: len(a.tokens), last: -1}, row: use.row, scope: sc, decides: true}
	saved := a.asksSubqueries
	a.asksSubqueries = true
	f := a.formula(n, d)
	a.asksSubqueries = saved
	if f == nil || f.SealedColumn() == nil || !a.brackets(&d.computation) || !a.reads(n, &d.computation) || !a.settleCalls(d) {
		return nil
	}
	use.operand.Formula = f
	use.columns, use.operand.Subqueries = subqueriesLast(f.columns(nil))
	use.operand.OfRows = use.columns != nil
	if (f.asked(nil) == nil) != (use.operand.Subqueries > 0) || use.columns != nil && !use.row.names(use.columns) {
		return nil
	}
	return d
}

// foundAsRows are the rows that an UPDATE finds, any number of them; nil if they cannot be asked for.
func (a *analysis) foundAsRows(sc *scope) *foundRow {
	if a.found == nil || a.found.excluded != nil || len(a.found.ranges) > 0 || a.joinsOuter() {
		return nil
	}
	row := *a.found
	if row.key != nil {
		row.key, row.rows = nil, a.foundRows(a.stmt.Stmt.GetUpdateStmt(), row.into, sc)
	}
	if row.rows == nil {
		return nil
	}
	return &row
}

// aggregatesInside says whether there is a subquery of one value in an expression that has an
// aggregate as its output.
func aggregatesInside(n *pg.Node) bool {
	return anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
		s, ok := m.Interface().(*pg.SubLink)
		return ok && slices.ContainsFunc(s.Subselect.GetSelectStmt().GetTargetList(), func(t *pg.Node) bool {
			return outsideSubqueries(t.ProtoReflect(), func(m protoreflect.Message) bool {
				call, ok := m.Interface().(*pg.FuncCall)
				_, aggregate := logical.AggregateNamed(last(names(call.GetFuncname())))
				return ok && aggregate && call.Over == nil
			})
		})
	})
}
