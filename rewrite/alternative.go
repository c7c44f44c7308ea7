package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/catalog"
	"pgseal/logical"
)

// alternatives are an expression whose value is one of several: COALESCE, CASE.
// NULLIF and the window functions that give the value of another row are such,
// too.
type alternatives struct {
	node    *pg.Node
	results []*pg.Node // in the order in which PostgreSQL looks at their types
	scope   *scope
}

// resultsOf gives the alternatives of COALESCE and CASE, nil for all others.
func resultsOf(n *pg.Node) []*pg.Node {
	switch x := n.GetNode().(type) {
	case *pg.Node_CoalesceExpr:
		return x.CoalesceExpr.Args
	case *pg.Node_CaseExpr:
		var results []*pg.Node
		if x.CaseExpr.Defresult != nil {
			results = append(results, x.CaseExpr.Defresult)
		}
		for _, w := range x.CaseExpr.Args {
			results = append(results, w.GetCaseWhen().GetResult())
		}
		return results
	}
	return nil
}

// isNull reports the constant NULL, with or without casts.
func isNull(n *pg.Node) bool {
	for n.GetTypeCast() != nil {
		n = n.GetTypeCast().Arg
	}
	return n.GetAConst().GetIsnull()
}

// coalesceNull and caseConstant are what refuses a wavering expression.
const (
	coalesceNull = "COALESCE with NULL"
	caseConstant = "CASE with a condition that is constant"
)

// peekAlternatives is peek for COALESCE and CASE: all that is not the same
// sealed column is a constant, or computed by the server from nothing.
func (a *analysis) peekAlternatives(n *pg.Node, sc *scope) *sealedExpr {
	results := resultsOf(n)
	e := &sealedExpr{made: &alternatives{n, results, sc}, at: location(n)}
	kept := n.GetCaseExpr() == nil || n.GetCaseExpr().Defresult != nil
	var others []*pg.Node
	var inners []column
	text := logical.Type{OID: logical.OIDText, Typmod: -1}
	texts, first := false, false // NULLIF without a cast; before the column
	for _, r := range results {
		if a.isGiven(r) || a.steady(r) || a.isEmptyArray(r) {
			others = append(others, r)
			if !isConstant(r) && r.GetTypeCast() == nil && a.isGiven(r) {
				texts, first = true, first || e.column == nil
			}
			continue
		}
		inner := a.peek(r, sc)
		if inner == nil || inner.grouped || inner.converted() || inner.column.Mixed != nil || inner.column.Record != nil {
			return nil
		}
		if e.column == nil {
			e.column = inner.column
		}
		e.wavering = e.wavering || inner.wavering
		inners = append(inners, column{sealed: inner.column, shown: inner.shown, name: "alternative"})
		kept = kept && inner.shown == nil
	}
	if e.column == nil {
		return nil
	}
	if n.GetCoalesceExpr() != nil && e.column.Type.Typmod != -1 && slices.ContainsFunc(results, isNull) {
		// PostgreSQL's planner leaves NULL out, and with it changes the modifier
		// that a result is described with, in some protocols and not in others.
		e.wavering = true
	}
	if mixed := a.mixAll(n, inners); mixed != nil {
		e.column = mixed
	} else {
		return nil
	}
	if texts && e.column.Mixed != nil {
		return nil
	}
	for _, r := range others {
		if e.column.Elements != nil && !a.besideArrays(r, e.column.Type) || e.column.Elements == nil && !a.isGiven(r) && !a.steady(r) {
			return nil
		}
		if !isConstant(r) && a.isGiven(r) && !a.nullIfBeside(r, e.column) {
			return nil
		}
		kept = kept && a.castAlike(r, e.column.Type)
	}
	if x := n.GetCaseExpr(); (!kept || e.column.Mixed != nil) && x != nil && slices.ContainsFunc(x.Args, func(when *pg.Node) bool { return !hasReference(when.GetCaseWhen().GetExpr().ProtoReflect()) }) {
		// Nor does it keep a CASE of which it knows what holds.
		e.wavering = e.wavering || slices.ContainsFunc(inners, func(c column) bool { return shownColumn(&c).Type.Typmod != -1 })
	}
	if !kept {
		t, ok := commonOf(e.column, inners)
		switch {
		case ok && first:
			t, ok = commonType(text, t)
		case ok && texts:
			t, ok = commonType(t, text)
		}
		if !ok {
			return nil
		}
		e.shown = a.as(e.column, loose(t))
	}
	if start, end, ok := a.alternativesSpan(n); ok {
		e.terms = []term{{start, end}}
		e.renamed = a.namedByValue(n.GetCaseExpr().GetDefresult())
	}
	return e
}

// hasReference says whether there is a column in an expression.
func hasReference(m protoreflect.Message) bool {
	return anywhere(m, func(m protoreflect.Message) bool {
		_, ok := m.Interface().(*pg.ColumnRef)
		return ok
	})
}

// commonOf is the common type of alternatives that are all of one column, or of those
// that it stands for: NULLIF of a varchar is a text.
func commonOf(c *catalog.SealedColumn, alternatives []column) (t logical.Type, ok bool) {
	if c.Mixed != nil {
		return c.Type, true
	}
	t, ok = shownColumn(&alternatives[0]).Type, true
	for i := 1; i < len(alternatives) && ok; i++ {
		t, ok = commonType(t, shownColumn(&alternatives[i]).Type)
	}
	return t, ok
}

// namedByValue says whether the ELSE of a CASE is a value, which can be guarded: the
// server would name the CASE after that.
func (a *analysis) namedByValue(n *pg.Node) bool {
	_, strength := a.figureName(n)
	return n != nil && (strength <= 1 || a.isGiven(n)) && !isNull(n)
}

// castAlike says whether a value is cast to a type, with its length or precision.
func (a *analysis) castAlike(n *pg.Node, t logical.Type) bool {
	cast := n.GetTypeCast()
	if cast == nil || t.Def != nil {
		return false
	}
	named, ok := a.typeNamed(cast.TypeName)
	return ok && named.whole() == t.Shown()
}

// loose is the type that PostgreSQL gives to a choice between a column and
// something else.
func loose(t logical.Type) logical.Type {
	t = t.Shown()
	t.Typmod = -1
	return t
}

// given is the type of what a function gives that takes values of any type: a domain
// stays one, a length does not.
func given(t logical.Type) logical.Type {
	if t.Shown() == t {
		t.Typmod = -1
	}
	return t
}

// as is a sealed column whose values are shown as another type.
func (a *analysis) as(c *catalog.SealedColumn, t logical.Type) *catalog.SealedColumn {
	if t == c.Type {
		return c
	}
	return a.other(c, nil, t)
}

// other is a sealed column whose values are shown as another type, behind casts.
func (a *analysis) other(c *catalog.SealedColumn, casts []logical.Type, t logical.Type) *catalog.SealedColumn {
	type shown struct {
		column *catalog.SealedColumn
		casts  string
		typ    logical.Type
	}
	if a.others == nil {
		a.others = map[any]*catalog.SealedColumn{}
	}
	key := shown{column: c, typ: t}
	for _, from := range casts {
		key.casts += from.Name() + ", "
	}
	if a.others[key] == nil {
		other := *c
		other.Type, other.Casts = t, casts
		a.others[key] = &other
	}
	return a.others[key]
}

// alternativesSpan finds where an expression stands that begins with a word and
// ends with a bracket or with END.
func (a *analysis) alternativesSpan(n *pg.Node) (start, end int, ok bool) {
	var at int32
	switch x := n.GetNode().(type) {
	case *pg.Node_CoalesceExpr:
		at = x.CoalesceExpr.Location
	case *pg.Node_CaseExpr:
		at = x.CaseExpr.Location
	case *pg.Node_AExpr:
		at = x.AExpr.Location
	default:
		return 0, 0, false
	}
	i := a.tokenAt(at)
	last := -1
	if n.GetCaseExpr() == nil {
		last = a.closing(i + 1)
	} else {
		last = a.endOfCase(i)
	}
	if i < 0 || last < 0 {
		return 0, 0, false
	}
	return int(at), int(a.tokens[last].end), true
}

// endOfCase finds the END of the CASE at token i, -1 if there is none.
func (a *analysis) endOfCase(i int) int {
	depth := 0
	for ; i >= 0 && i < len(a.tokens); i++ {
		switch {
		case a.is(i-1, ".") || a.is(i-1, "as"): // a name
		case a.is(i, "case"):
			depth++
		case a.is(i, "end"):
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// settle decides about what an expression is made of: its constants are sealed
// for op.Column, its conditions analysed. It does so once.
func (a *analysis) settle(e *sealedExpr, op Operand) {
	if e.made == nil || a.settled[e.made.node] || a.err != nil {
		return
	}
	if a.settled == nil {
		a.settled = map[*pg.Node]bool{}
	}
	a.settled[e.made.node] = true
	if a.documents[e.made.node] != nil {
		a.settleDocument(e)
		return
	}
	sc := e.made.scope
	if x := e.made.node.GetAIndirection(); x != nil {
		a.settleSubscripted(x, sc)
		return
	}
	if e.column.Elements != nil && resultsOf(e.made.node) == nil {
		a.settleElements(e.made.node, sc)
		return
	}
	switch x := e.made.node.GetNode().(type) {
	case *pg.Node_CaseExpr:
		a.caseTests(x.CaseExpr, sc, func(n *pg.Node) { a.settleResult(n, e, op, sc) })
	case *pg.Node_CoalesceExpr:
		for _, n := range x.CoalesceExpr.Args {
			a.settleResult(n, e, op, sc)
		}
	case *pg.Node_AExpr:
		a.settleNullIf(e, x.AExpr, sc)
	case *pg.Node_FuncCall:
		for _, n := range x.FuncCall.Args[1:] {
			a.plain(n, sc)
		}
		a.filters(x.FuncCall.AggFilter, sc)
		a.over(x.FuncCall.Over, sc)
	}
}

// settleResult is one of the alternatives.
func (a *analysis) settleResult(n *pg.Node, e *sealedExpr, op Operand, sc *scope) {
	if e.column.Elements != nil && a.besideArrays(n, e.column.Type) {
		a.settleEmptyArray(n, e)
		return
	}
	computed := !a.isGiven(n) && a.steady(n)
	if !computed && !a.isGiven(n) {
		inner := a.peek(n, sc)
		a.settle(inner, op)
		a.dropOwnCasts(inner)
		return
	}
	if e.column.Document != nil {
		a.plain(n, sc)
		return
	}
	op.Site = a.storing(n, op.Site.target)
	op.Beside = besideAfter
	for _, r := range e.made.results {
		if r == n {
			op.Beside = besideBefore
		}
		if r == n || !a.isGiven(r) && !a.steady(r) {
			break
		}
	}
	if !computed && !isConstant(n) {
		op.Beside = notBeside // NULLIF has a type that fits
	}
	if computed && a.computed(n, op, sc) {
		return
	}
	if computed || !a.bind(n, op, true) {
		a.fail(refuseStore(e.column, location(n)))
	}
}

// beside says where a value stands that PostgreSQL gives the same type as a
// column, and which of the two it looks at first.
type beside uint8

const (
	notBeside beside = iota
	besideAfter
	besideBefore
	besideBase      // beside others of a type: declared as Base, if at all
	besideNumbers   // beside numbers, of which the common type is Base
	besideSame      // beside parameters only: all have been declared as the column's type
	besideStrings   // of an array: so declared, or not at all
	besideListed    // beside strings in a list, which are read as Base, or else the column's type
	besideTexts     // beside others in a list: text, and varchar
	besideNull      // in NULLIF, which has the type that = takes the column as
	firstOfIntegers // of COALESCE, integers behind it
	besideIntegers  // the only one beside integers
	amongIntegers   // of several beside integers
)

// mixAll is what stands for a choice between columns: the one that all of them are,
// or one that stands for several, as in a set operation; nil where that cannot be.
func (a *analysis) mixAll(n *pg.Node, inners []column) *catalog.SealedColumn {
	if len(inners) == 0 {
		return nil
	}
	all := inners[0]
	for _, in := range inners[1:] {
		if in.sealed == all.sealed {
			continue
		}
		if mixed, ok := a.mixes[n]; ok {
			return mixed
		}
		for _, c := range [...]*column{&all, &in} { // the choice has no length then, which the caller sees to
			if c.shown != nil && c.shown.Type.OID != c.sealed.Type.OID {
				return nil
			}
			c.shown = nil
		}
		mixed := all
		if all.sealed.Assembled() && all.sealed.Mixed == nil || in.sealed.Assembled() || a.persistent || !a.mix(&mixed, all, in) || mixed.shown != nil {
			return nil
		}
		all = mixed
	}
	if all.sealed.Mixed != nil {
		if a.mixes == nil {
			a.mixes = map[*pg.Node]*catalog.SealedColumn{}
		}
		a.mixes[n] = all.sealed
	}
	return all.sealed
}

// shownAs is the operand for constants among the alternatives of an expression
// that is shown or compared.
func (a *analysis) shownAs(e *sealedExpr) Operand {
	for _, c := range e.column.Mixed { // those of one of the columns open as such
		if !c.IsCast() && c.Type.OID == e.column.Type.OID {
			return Operand{Column: a.as(c, loose(e.column.Type)), Role: Store}
		}
	}
	return Operand{Column: a.as(e.column, loose(e.column.Type)), Role: Store}
}

// nullIf is peek for NULLIF of a sealed column.
func (a *analysis) nullIf(n *pg.Node, sc *scope) *sealedExpr {
	x := n.GetAExpr()
	left := a.peek(x.Lexpr, sc)
	if left == nil || left.ref == nil || left.grouped || left.converted() || left.terms == nil || left.column.Type.Def != nil ||
		!hasEquality(left.column) && !(a.canBeEmpty(left) && a.maybeEmpty(x.Rexpr)) {
		return nil
	}
	start, end, ok := a.alternativesSpan(n)
	if !ok || !a.betweenBuiltIn([]string{"="}, x.Lexpr, x.Rexpr, x.Location, sc) {
		return nil
	}
	e := &sealedExpr{column: left.column, at: x.Location, made: &alternatives{node: n, scope: sc}, terms: []term{{start, end}}, renamed: true}
	t := left.column.Type.Compared()
	if t.OID != left.column.Type.OID {
		t.Typmod = -1
	}
	e.shown = a.as(left.column, t)
	return e
}

// settleNullIf makes NULLIF(a, b) CASE WHEN a = b THEN NULL ELSE a END.
func (a *analysis) settleNullIf(e *sealedExpr, x *pg.A_Expr, sc *scope) {
	left := a.peek(x.Lexpr, sc)
	saved := a.site
	a.site = a.comparison("=", x.Location)
	defer func() { a.site = saved }()
	reference := left.terms[0]
	if !a.nullIfEdits(e.terms[0], reference.end) {
		return
	}
	if !a.compareEmpty(left, x.Rexpr) {
		a.toTerm(left)
		a.listMember(left, x.Rexpr, Operand{Column: left.column, Role: Equality, Site: a.site, Beside: besideNull}, 0, sc)
	}
	// Behind what closes the term of the other side, which may stand at the same place.
	a.insert(e.terms[0].end-1, " THEN NULL ELSE "+string(a.text[reference.start:reference.end])+" END")
}

// nullIfEdits puts CASE WHEN in the place of NULLIF, and = in that of the comma.
func (a *analysis) nullIfEdits(whole term, leftEnd int) bool {
	open := a.tokenAt(int32(whole.start)) + 1
	comma := open
	for comma < len(a.tokens) && (int(a.tokens[comma].start) < leftEnd || !a.is(comma, ",")) {
		comma++
	}
	if !a.is(open, "(") || comma >= len(a.tokens) {
		a.fail(refuseDefect())
		return false
	}
	a.edit(whole.start, int(a.tokens[open].end), "(CASE WHEN ", nil)
	a.edit(int(a.tokens[comma].start), int(a.tokens[comma].end), " = ", nil)
	return true
}

// ofAnotherRow is peek for the window functions that give the value of another
// row, and for any_value.
func (a *analysis) ofAnotherRow(n *pg.Node, sc *scope) *sealedExpr {
	f := n.GetFuncCall()
	parts := names(f.Funcname)
	anyValue := last(parts) == "any_value" && len(f.Args) == 1 && !f.AggWithinGroup
	if f.Over == nil && !anyValue || len(f.Args) == 0 || f.AggDistinct || f.AggOrder != nil || len(parts) > 1 && parts[0] != "pg_catalog" {
		return nil
	}
	switch last(parts) {
	case "first_value", "last_value", "any_value":
	case "nth_value", "lag", "lead":
		if len(f.Args) > 2 {
			return nil
		}
	default:
		return nil
	}
	inner := a.peek(f.Args[0], sc)
	if inner == nil || inner.made != nil || inner.grouped || inner.column.Assembled() || inner.converted() || len(inner.casts) > 0 {
		return nil
	}
	return &sealedExpr{column: inner.column, at: f.Location, made: &alternatives{node: n, scope: sc}, shown: a.as(inner.column, given(inner.column.Type))}
}
