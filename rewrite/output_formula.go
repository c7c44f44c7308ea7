package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/catalog"
	"pgseal/logical"
)

// An output that is computed of a row's sealed values (first || ' ' || last): the server
// gives what the row has in the columns, as an array of bytea in its binary form, and the
// session computes.
// See docs/decisions/0032-computed-outputs.md.

// answersWith says whether the rows of a query are the statement's answer, as they are,
// or those of a cursor, or copied. Those of EXPLAIN nobody sees.
func (a *analysis) answersWith(s *pg.SelectStmt) bool {
	n := a.stmt.Stmt
	if x := n.GetExplainStmt(); x != nil {
		n = x.Query
	}
	if x := n.GetDeclareCursorStmt(); x != nil {
		n = x.Query
	}
	if x := n.GetCopyStmt(); x != nil {
		n = x.Query
	}
	return n.GetSelectStmt() == s
}

// computesOutputs says whether outputs of a query whose rows go to the client can be
// computed: it gives them as they are, and changes nothing, so that it may fail in the
// middle of them.
func (a *analysis) computesOutputs(s *pg.SelectStmt) bool {
	if a.persistent || a.mode == Kept || s.Op != pg.SetOperation_SETOP_NONE || plainDistinct(s) && !a.isWhole(s) && !a.isCounted(s) || len(s.ValuesLists) > 0 || s.IntoClause != nil {
		return false
	}
	return onlyReads(s.WithClause)
}

// onlyReads says whether no query of a WITH clause writes.
func onlyReads(with *pg.WithClause) bool {
	return !slices.ContainsFunc(with.GetCtes(), func(n *pg.Node) bool { return n.GetCommonTableExpr().GetCtequery().GetSelectStmt() == nil })
}

// outputOfOutputs is an output that is computed of those of a query in FROM, which are
// computed. It is false, and has done nothing, for any other.
func (a *analysis) outputOfOutputs(n *pg.Node, sc *scope) (c column, ok bool) {
	if !slices.ContainsFunc(sc.items, func(it *item) bool {
		return slices.ContainsFunc(it.columns, func(c column) bool { return c.formula != nil })
	}) {
		return c, false
	}
	d := &formulaDraft{computation: computation{first: len(a.tokens), last: -1}, scope: sc}
	if f := a.formula(n, d); f == nil || !f.hasInner() {
		return c, false
	}
	return a.outputFormula(n, sc)
}

// hasInner says whether it computes with an output of a query in FROM.
func (f *Formula) hasInner() bool {
	return f.Kind == Inner || slices.ContainsFunc(f.Args, (*Formula).hasInner)
}

// outputFormula is an output that is computed of sealed values. It is false, and has done
// nothing, for any other.
func (a *analysis) outputFormula(n *pg.Node, sc *scope) (c column, ok bool) {
	o := a.outputDraft(n, sc)
	if o == nil || !o.described || !o.formula.computes() || sc.returns && (o.formula.isForTerms() || !a.neverFails(o.formula)) || !a.settleCalls(o.formulaDraft) {
		return c, a.err != nil
	}
	a.settleOutput(o, "for an output")
	start, end := o.span(a)
	if len(sc.ranges) > 0 || !o.standsWithin(start, end) {
		text, ok := a.arrayText(o)
		if ok && len(a.repeated) > 0 { // whose own text goes
			a.fail(refuseUse(o.shown, int32(start), a.within))
		}
		if a.err != nil {
			return c, true
		}
		a.edit(start, end, text, nil)
		return column{sealed: o.shown, bare: true, formula: o.formula, renamed: term{start, end}}, true
	}
	// The names of columns stay what they are, where the server may find a mistake.
	from, text := start, arrayStart
	for i, of := range o.columns {
		if i > 0 {
			text += ", "
		}
		for _, p := range of.parts() {
			a.edit(from, p.at.start, text+p.before, nil)
			from, text = p.at.end, p.behind
		}
	}
	a.aggregated(o.formulaDraft, sc)
	a.edit(from, end, text+arrayEnd, nil)
	return column{sealed: o.shown, bare: true, formula: o.formula, renamed: term{start, end}}, true
}

// arrayStart and arrayEnd are around what the server gives of the columns of an output.
const (
	arrayStart = "pg_catalog.array_send(ARRAY["
	arrayEnd   = "])"
)

// draftedOutput is an output that can be computed of sealed values.
type draftedOutput struct {
	*formulaDraft
	formula *Formula
	columns []*Formula            // of the row, as they stand in the text
	shown   *catalog.SealedColumn // what the session opens
	// described: the length or precision that PostgreSQL says it has is known.
	described bool
	// moves: where it stands the server gets nothing, and what is in brackets of it elsewhere.
	moves bool
}

// outputDraft is an expression as an output that is computed; nil, with nothing done, for
// one that cannot be.
func (a *analysis) outputDraft(n *pg.Node, sc *scope) *draftedOutput {
	if !sc.shown || a.err != nil {
		return nil
	}
	d := &formulaDraft{computation: computation{first: len(a.tokens), last: -1}, scope: sc}
	var f *Formula
	if sc.behind {
		f = a.formulaDecision(n, d)
	} else {
		f = a.formula(n, d)
	}
	if f == nil || f.SealedColumn() == nil && sc.regroups == nil && !sc.behind || !a.brackets(&d.computation) || !a.reads(a.flat.asWritten(n), &d.computation) {
		return nil
	}
	columns := f.columns(nil)
	if sc.groupsByExpression && slices.ContainsFunc(columns, func(of *Formula) bool { return of.OfRow() && !d.keeps(of) }) { // which may be the output's
		return nil
	}
	slices.SortFunc(columns, func(a, b *Formula) int { return a.at.start - b.at.start })
	typmod, known := f.typmod()
	if !known {
		typmod = -1
	}
	shown := &catalog.SealedColumn{Type: f.valueType(typmod)}
	for i, of := range columns {
		of.Cell = i
		sealed := of.SealedColumn()
		shown.Cells = append(shown.Cells, sealed)
		if sealed != nil && shown.Name == "" {
			shown.Schema, shown.Table, shown.Name = sealed.Schema, sealed.Table, sealed.Name
		}
	}
	if f.SealedColumn() == nil { // of what is plain
		if f.Kind == PlainValue { // which would be one of a sealed column
			f = &Formula{Kind: CastTo, Type: f.Type, Args: []*Formula{f}}
		}
		f.Column = a.arrangedFor(sc)
		shown.Schema, shown.Table, shown.Name = f.Column.Schema, f.Column.Table, f.Column.Name
	}
	if shown.Name == "" || shown.Type.OID == 0 {
		return nil
	}
	f.number(columns)
	return &draftedOutput{formulaDraft: d, formula: f, columns: columns, shown: shown, described: known}
}

// standsWithin says whether all that an output is computed of stands in a place of the text.
func (o *draftedOutput) standsWithin(start, end int) bool {
	return !slices.ContainsFunc(o.columns, func(of *Formula) bool {
		return slices.ContainsFunc(of.parts(), func(p cellPart) bool { return p.at.start < start || p.at.end > end })
	})
}

// settleOutput notes what an output that is computed needs, and what it is for.
func (a *analysis) settleOutput(o *draftedOutput, what string) {
	a.outputFormulas = append(a.outputFormulas, o.formula)
	for _, l := range o.literals {
		a.steer(l)
	}
	for i, of := range o.columns {
		a.place(of, o)
		if sealed := o.shown.Cells[i]; sealed != nil {
			a.note("open", sealed, what, int32(a.tokens[o.first].start))
		}
	}
	if len(o.windows) > 0 {
		a.windowed(o)
	}
	for _, of := range o.aggregates {
		a.settledAggregates = append(a.settledAggregates, of.call)
	}
	for _, p := range o.params {
		a.hidden = append(a.hidden, hiddenParam{client: int(p.Number), at: p.Location, column: o.shown})
	}
}

// span is where the expression stands, in bytes.
func (d *formulaDraft) span(a *analysis) (start, end int) {
	return int(a.tokens[d.first].start), int(a.tokens[d.last].end)
}

// passedOutput is an output that is one of a query in FROM, which is computed: a query
// around it whose rows go to the client, too, can show it. Nothing else can be done with
// what the server has in its place, which is not even NULL where the value is. It is
// false, and has done nothing, for any other.
func (a *analysis) passedOutput(n *pg.Node, sc *scope) (c column, ok bool) {
	if n.GetColumnRef() == nil || !sc.shown {
		return c, false
	}
	of := a.resolve(n.GetColumnRef(), sc).column
	if of == nil || of.formula == nil {
		return c, false
	}
	return *of, true
}

// shownFormulaColumn is a column of a row that is shown. It is called as it is written.
func (a *analysis) shownFormulaColumn(ref *pg.ColumnRef, d *formulaDraft) *Formula {
	const schemaTableAndColumn = 3
	start, end, ok := a.referenceSpan(ref)
	first := a.tokenAt(ref.Location)
	c := a.resolve(ref, d.scope).column
	if c == nil || !ok || len(ref.Fields) > schemaTableAndColumn || c.constants != nil || c.text || !d.covers(first, first+2*(len(ref.Fields)-1)) {
		return nil
	}
	f := &Formula{Kind: PlainValue, Type: c.plainType(), Name: string(a.text[start:end]), at: term{start, end}, in: d.scope.inRelation(c)}
	switch s := c.sealed; {
	case c.formula != nil:
		f.Kind, f.Args = Inner, []*Formula{c.formula}
	case s == nil && (!logical.Supported(f.Type.OID) || f.Type.IsArray()):
		return nil
	case s == nil:
	case s.Broken != "" || s.Holds() || c.shown != nil:
		return nil
	case d.scope.groups(c) && !d.collects:
		if !s.Type.Groups() || !identical(s) || d.scope.leavesOut(c) {
			return nil
		}
		f.Kind, f.Column, f.grouped = ColumnValue, s, true
	default:
		f.Kind, f.Column = ColumnValue, s
	}
	return f
}

// plainType is the type of a plain column, of a query in FROM, too, and its length or
// precision; no type if it is not known.
func (c *column) plainType() logical.Type {
	t := logical.Type{OID: c.typ, Typmod: -1}
	if it := c.origin.item; it != nil && it.relation != nil {
		for i := range it.relation.Columns {
			if of := &it.relation.Columns[i]; of.Name == c.origin.name && of.Sealed == nil {
				t.Typmod = of.Typmod
				if t.OID == 0 {
					t.OID = of.TypeOID
				}
			}
		}
	}
	return t
}

// cellPart is a piece of the client's text that stays, and the SQL around it.
type cellPart struct {
	at             term
	before, behind string
	served, within bool
}

// parts are those of what the server gives of a column, or of the rows of an aggregate: an
// array of what each has, empty for none.
func (f *Formula) parts() (parts []cellPart) {
	if f.Kind == Windowed {
		return f.windowParts()
	}
	if f.Kind != Aggregated {
		before, behind := f.bytes()
		return []cellPart{{f.at, before, behind, f.served != nil, f.within}}
	}
	for i, of := range f.Row {
		before, behind := of.bytes()
		switch {
		case len(f.Row) == 1 && of.Kind == ColumnValue:
			before, behind = "", "::"+serverType
		case i > 0:
			before = ", " + before
		case len(f.Row) > 1:
			before = "pg_catalog.array_send(ARRAY[" + before
		}
		parts = append(parts, cellPart{of.at, before, behind, of.served != nil, of.within})
	}
	if f.collects {
		return f.rowParts(parts)
	}
	end := &parts[len(parts)-1].behind
	if len(f.Row) > 1 {
		*end += "])"
	}
	if f.sorted {
		again := slices.Clone(parts)
		*end += " ORDER BY "
		parts = append(parts, again...)
		end = &parts[len(parts)-1].behind
	}
	parts[0].before = "COALESCE(pg_catalog.array_send(pg_catalog.array_agg(" + parts[0].before
	if f.order != (term{}) {
		*end += " "
		parts = append(parts, cellPart{at: f.order})
		end = &parts[len(parts)-1].behind
	}
	*end += ")"
	if f.filter != (term{}) {
		*end += " "
		parts = append(parts, cellPart{at: f.filter})
		end = &parts[len(parts)-1].behind
	}
	*end += "), ''::" + serverType + ")"
	return parts
}

// rowParts are those of an aggregate whose groups the session makes: an array of what one row
// has, empty if its FILTER leaves it out.
func (f *Formula) rowParts(parts []cellPart) []cellPart {
	if len(parts) == 0 { // count(*)
		parts = []cellPart{{at: term{f.at.start, f.at.start}, before: "''::" + serverType}}
	}
	before, behind := "pg_catalog.array_send(ARRAY[", "])"
	if f.filter != (term{}) {
		before, behind = "COALESCE((SELECT "+before, behind+" WHERE "
	}
	parts[0].before = before + parts[0].before
	end := &parts[len(parts)-1].behind
	if len(f.Row) > 1 {
		*end += "])"
	}
	if *end += behind; f.filter != (term{}) {
		parts = append(parts, cellPart{at: f.filter, behind: "), ''::" + serverType + ")"})
	}
	return parts
}

// bytes is the SQL, before and behind the name of a column, of what the row has in it: of
// a sealed one its envelope, or an empty value for NULL; of a plain one its binary form, or
// NULL.
func (f *Formula) bytes() (before, behind string) {
	switch f.Kind {
	case PlainValue:
		if f.ranks {
			return sendCall(f.Type.OID) + "(pg_catalog.dense_rank() OVER (ORDER BY ", f.direction + "))"
		}
		if f.sql != "" && f.at.start == f.at.end { // which is not in the client's text
			return sendCall(f.Type.OID) + "(" + f.sql, ")"
		}
		return sendCall(f.Type.OID) + "(", ")"
	case Inner:
		return "", "" // the array that is there for it, or NULL without a row
	}
	if f.grouped {
		before, behind = anyEnvelopeStart, anyEnvelopeEnd
	}
	return "COALESCE(" + before, behind + "::" + serverType + ", ''::" + serverType + ")"
}

// givenType is the type that a literal has by itself, and what a parameter has that the
// client does not declare.
func (f *Formula) givenType(of *Formula) uint32 {
	if of.Kind == LiteralValue {
		if _, oid, _, err := of.Literal(nil); err == nil && oid != oidUnknown {
			return oid
		}
	}
	return 0
}

// typmod is the length or precision that PostgreSQL gives the formula's value, -1 for
// none: that of a cast, or the one that all alternatives have. It is not known where the
// server's planner may drop alternatives of COALESCE or CASE.
func (f *Formula) typmod() (typmod int32, known bool) {
	switch f.Kind {
	case ColumnValue:
		return f.Column.Type.Shown().Typmod, true
	case PlainValue, CastTo:
		return f.Type.Typmod, true
	case Inner, Collated:
		return f.Args[0].typmod()
	case Called:
		switch f.Function {
		case logical.Subscript, logical.Slice:
			return f.Args[0].typmod()
		case logical.MakeArray:
			return (&Formula{Kind: Greatest, Args: f.Args}).typmod()
		}
	case FirstOf, Greatest, Least:
		constant, some, all := false, false, true
		for i, arg := range f.Args {
			t, ok := arg.typmod()
			if !ok {
				return -1, false
			}
			if i == 0 {
				typmod = t
			}
			constant, some = constant || arg.IsConstant(), some || t != -1
			all = all && t == typmod && arg.TypeOf(f.givenType) == f.Args[0].TypeOf(f.givenType)
		}
		if !all {
			typmod = -1
		}
		return typmod, f.Kind != FirstOf || !constant || !some
	case Choice:
		last := f.Args[len(f.Args)-1]
		if f.nullIf {
			return last.typmod()
		}
		some, all := false, true
		typmod, known = last.typmod()
		same, otherwise := last.TypeOf(f.givenType), typmod
		drops, chooses := false, false
		for i := 0; i+1 < len(f.Args); i += 2 {
			t, ok := f.Args[i+1].typmod()
			known = known && ok
			drops, chooses = drops || f.Args[i].mayFold(true), chooses || f.Args[i].mayFold(false)
			some = some || t != -1 || typmod != -1
			all = all && t == typmod && f.Args[i+1].TypeOf(f.givenType) == same
		}
		if all {
			return typmod, known
		}
		return -1, known && !(some && chooses) && !(otherwise != -1 && drops)
	}
	return -1, true
}

// mayFold says whether the server's planner may find that a condition is constant; with
// null, also because something in it is NULL.
func (f *Formula) mayFold(null bool) bool {
	switch {
	case f.IsConstant():
		return true
	case f.served != nil: // with a part that has no column in it, or is NULL
		return anywhere(f.served.ProtoReflect(), func(m protoreflect.Message) bool {
			switch x := m.Interface().(type) {
			case *pg.BoolExpr, *pg.ParamRef, *pg.CoalesceExpr:
				return true
			case *pg.A_Const:
				return x.Isnull
			}
			return false
		})
	case f.IsStrict() && f.Kind != Inverse:
		return null && slices.ContainsFunc(f.Args, func(arg *Formula) bool { return arg.uncast().Kind != LiteralValue && arg.mayFold(true) })
	}
	return slices.ContainsFunc(f.Args, func(arg *Formula) bool { return arg.mayFold(null) })
}

// computes says whether there is something in the formula that the server cannot compute
// of what it has of sealed columns: all but their terms, and the choice between them.
func (f *Formula) computes() bool {
	some := func(args []*Formula) bool { return slices.ContainsFunc(args, (*Formula).computes) }
	switch f.Kind {
	case Operation:
		if (f.Operator == logical.Equal || f.Operator == logical.NotEqual) && !f.looksIntoArray() {
			l, r := f.Args[0], f.Args[1]
			if l.hasTerm() && r.IsConstant() || r.hasTerm() && l.IsConstant() || l.comparesEmpty(r) || r.comparesEmpty(l) {
				return false
			}
		}
		return f.hasSealed()
	case CastTo:
		if inner := f.uncast(); inner.Kind == Choice {
			return inner.computes() // the server chooses, and the cast is made when it is shown
		}
		return f.hasSealed()
	case Aggregated:
		return f.collects || f.Aggregate != logical.All && f.Aggregate != logical.Some || !f.Args[0].isTerm()
	case Inner, Windowed:
		return true
	case Called, Negative, Greatest, Least, Collated, Placed, Labelled:
		return f.hasSealed()
	case FirstOf:
		return some(f.Args) || f.hasSealed() && f.hasPlain()
	case Inverse, Both, Either:
		return some(f.Args) || slices.ContainsFunc(f.Args, func(arg *Formula) bool { return arg.Kind == ColumnValue && !arg.isTerm() })
	case Choice:
		if f.nullIf {
			value := f.Args[len(f.Args)-1].uncast()
			return f.Args[0].computes() || value.Kind != ColumnValue && value.computes()
		}
		sealed, plain := false, false
		for i, arg := range f.Args {
			if i%2 == 1 || i == len(f.Args)-1 {
				sealed, plain = sealed || arg.Kind == ColumnValue, plain || arg.Kind == PlainValue
			} else if arg.Kind == ColumnValue && !arg.isTerm() {
				return true
			}
		}
		return sealed && plain || some(f.Args)
	}
	return some(f.Args)
}

// comparesEmpty says whether it is a column that is compared with the empty value, which
// the server tells by its length.
func (f *Formula) comparesEmpty(with *Formula) bool {
	return f.uncast().canBeEmpty() && with.Kind == LiteralValue && with.text.literal < 0 && len(with.text.value) == 0
}

func (f *Formula) canBeEmpty() bool {
	return f.Kind == ColumnValue && (isCharacter(f.Column.Type.Shown()) || f.Column.Type.Shown().OID == logical.OIDBytea)
}

// hasTerm says whether there is a term of it that the server compares: it is a column that has
// one, with casts or lower or upper around it perhaps.
func (f *Formula) hasTerm() bool {
	f = f.uncast()
	if f.Kind == Called && f.Function.Folds() {
		kind := foldKind(f.Function)
		f = f.Args[0].uncast()
		return f.isTerm() && f.Column.FoldsTo(kind) != nil
	}
	return f.isTerm()
}

// uncast is what stands inside of casts, or what it is the place of.
func (f *Formula) uncast() *Formula {
	for f.Kind == CastTo || f.Kind == Placed {
		f = f.Args[0]
	}
	return f
}

// isTerm says whether it is a column that the server compares by its term.
func (f *Formula) isTerm() bool { return f.Kind == ColumnValue && hasEquality(f.Column) }

// SealedColumn is one of those that it computes with, or that it is computed for if there is
// none.
func (f *Formula) SealedColumn() *catalog.SealedColumn {
	for _, arg := range f.Args {
		if c := arg.SealedColumn(); c != nil {
			return c
		}
	}
	return f.Column
}

// hasSealed says whether the server has not all values that it is computed of.
func (f *Formula) hasSealed() bool {
	return f.Kind == ColumnValue || f.Kind == Windowed || f.collects || slices.ContainsFunc(f.Args, (*Formula).hasSealed)
}

func (f *Formula) hasPlain() bool {
	return f.Kind == PlainValue || slices.ContainsFunc(f.Args, (*Formula).hasPlain)
}
