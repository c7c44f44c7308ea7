package rewrite

import (
	"errors"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/catalog"
	"pgseal/logical"
)

// Values of two relations that are compared with each other (`EXISTS (SELECT 1 FROM b WHERE b.name
// = a.name)`, `JOIN b ON a.age > b.age`, `name IN (SELECT name FROM b)`) have no terms in common,
// and there is no row of both to ask for. The server gets ranks in the place of each, among the
// values of all of them, so that all else is its own. See docs/decisions/0040-ranks.md.

// rankedPair has the server compare values of different relations by ranks. It is false, and has
// done nothing, for any other condition.
func (a *analysis) rankedPair(n *pg.Node, sc *scope) bool {
	x, merges := n.GetAExpr(), a.explained().GetMergeStmt() != nil
	if x == nil || !a.finds || a.err != nil || a.persistent || a.mode == Kept || !a.takesVerdicts() && !merges || a.conflicting != nil {
		return false
	}
	operator, values := comparedByRank(x)
	if values == nil || slices.ContainsFunc(values, func(v *pg.Node) bool { return hasSubquery(v) || !anywhere(v.ProtoReflect(), isColumn) }) {
		return false
	}
	if !slices.ContainsFunc(values, func(v *pg.Node) bool { return a.mentionsSealed(v, sc) }) {
		return false
	}
	if isEquality(operator) && a.haveOneTerm(values[0], sc, values[1], sc) {
		return a.err != nil
	}
	var sides []*rowRange
	for _, v := range values {
		side := a.rankSide(v, sc)
		if side == nil || len(sides) > 0 && len(values) == 2 && side.row.into == sides[0].row.into {
			return a.err != nil
		}
		if !merges { // which joins rows by these, too
			a.narrowSide(side, a.beside, n, sc)
		}
		sides = append(sides, side)
	}
	if slices.ContainsFunc(a.beside, func(by *pg.Node) bool { return by != n && a.minds(by) && a.decidedOf(by, sc, false) == nil }) {
		return false // as in decided
	}
	if !a.rankTogether(sides, isEquality(operator), operatorsOf(x), x.Location) {
		return a.err != nil
	}
	a.in("operator "+operator, func() {
		for _, side := range sides {
			a.placeRange(side)
		}
	})
	return true
}

// isPair says whether a condition compares sealed values of several relations.
func (a *analysis) isPair(n *pg.Node, sc *scope) bool {
	if n.GetAExpr() == nil {
		return false
	}
	_, values := comparedByRank(n.GetAExpr())
	if slices.ContainsFunc(values, hasSubquery) {
		return false
	}
	var of []*item
	for _, v := range values {
		anywhere(v.ProtoReflect(), func(m protoreflect.Message) bool {
			if ref, ok := m.Interface().(*pg.ColumnRef); ok {
				if c := a.resolve(ref, sc).column; c != nil && c.origin.item != nil && !slices.Contains(of, c.origin.item) {
					of = append(of, c.origin.item)
				}
			}
			return false
		})
	}
	return len(of) > 1 && slices.ContainsFunc(values, func(v *pg.Node) bool { return a.mentionsSealed(v, sc) })
}

// comparedByRank is what a comparison compares, nil for one that ranks cannot decide.
func comparedByRank(x *pg.A_Expr) (operator string, values []*pg.Node) {
	operator = last(names(x.Name))
	switch x.Kind {
	case pg.A_Expr_Kind_AEXPR_OP:
		if !ofPostgreSQL(names(x.Name)) || x.Lexpr == nil || !slices.Contains(rankOperators, operator) {
			return operator, nil
		}
	case pg.A_Expr_Kind_AEXPR_DISTINCT, pg.A_Expr_Kind_AEXPR_NOT_DISTINCT:
		operator = "="
	case pg.A_Expr_Kind_AEXPR_BETWEEN, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN, pg.A_Expr_Kind_AEXPR_BETWEEN_SYM, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		operator = "BETWEEN"
	default:
		return operator, nil
	}
	return operator, slices.Concat(listOf(x.Lexpr), listOf(x.Rexpr))
}

// rankOperators compare ranks as they compare values.
var rankOperators = []string{"=", "<>", "<", "<=", ">", ">="}

func isEquality(operator string) bool { return operator == "=" || operator == "<>" }

// haveOneTerm says whether the server finds out by terms whether two values are equal.
func (a *analysis) haveOneTerm(l *pg.Node, of *scope, r *pg.Node, in *scope) bool {
	x, y := a.comparand(l, of), a.comparand(r, in)
	if refusal := (*Refusal)(nil); errors.As(a.err, &refusal) { // a term of lower() is missing
		a.err = nil
		return false
	}
	return a.err != nil || x != nil && y != nil && x.column == y.column && hasEquality(x.column)
}

// rankSide is a value of one relation, sealed or plain, nil for any other.
func (a *analysis) rankSide(n *pg.Node, sc *scope) *rowRange {
	if hasSubquery(n) {
		return nil
	}
	into := a.relationOf(n, sc)
	if into == nil {
		return nil
	}
	row := &foundRow{into: into, reads: true, rows: &rowConditions{}}
	d := &formulaDraft{computation: computation{first: len(a.tokens), last: -1}, row: row, scope: sc, decides: true}
	f := a.formula(n, d)
	if f == nil || !a.brackets(&d.computation) || !a.reads(n, &d.computation) || !a.settleCalls(d) {
		return nil
	}
	columns := f.columns(nil)
	if len(columns) == 0 || !row.names(columns) || a.joinsOuter() && slices.ContainsFunc(columns, func(c *Formula) bool { return c.sql != "" }) {
		return nil
	}
	start, end := d.span(a)
	return &rowRange{formulaUse{start: start, end: end, row: row, columns: columns, operand: &Operand{Formula: f}}, d}
}

// relationOf is the relation of which an expression has all its columns, nil for none or several,
// or where it groups by one of them.
func (a *analysis) relationOf(n *pg.Node, sc *scope) *item {
	var into *item
	several := anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
		ref, ok := m.Interface().(*pg.ColumnRef)
		if !ok {
			return false
		}
		c := a.resolve(ref, sc).column
		if c == nil || c.origin.item == nil || into != nil && c.origin.item != into || isAmbiguous(ref, sc) || sc.groups(c) {
			return true
		}
		into = c.origin.item
		return false
	})
	if several || into == nil || !a.isDecided(into, sc, true) {
		return nil
	}
	return into
}

// narrowSide has the server be asked for those rows only that conditions beside find. In ON of an
// outer join it may need the ranks of the others, to join by them.
func (a *analysis) narrowSide(r *rowRange, beside []*pg.Node, but *pg.Node, sc *scope) {
	if slices.Contains(sc.items, r.row.into) && (sc.query != nil || !a.joinsOuter()) {
		a.narrow(r.row, beside, but, sc)
	}
}

// rankTogether makes of such values ranks among all of them, by which operators compare them that
// have no schema. It is false for those that cannot be compared so.
func (a *analysis) rankTogether(sides []*rowRange, equality bool, operators []string, at int32) bool {
	values := make([]*Formula, len(sides))
	var sealed *catalog.SealedColumn
	for i, side := range sides {
		if values[i] = side.operand.Formula; sealed == nil {
			sealed = values[i].SealedColumn()
		}
	}
	if sealed == nil {
		return false
	}
	for _, f := range values[1:] {
		if a.mindsOperators() && !a.isBuiltIn(operators, a.givenTo(values[0]), a.givenTo(f), sealed, at) {
			return false
		}
	}
	if !a.comparedAlike(values) || !inOneType(values) {
		return false
	}
	texts, ok := (*logical.TextOrder)(nil), false
	if equality {
		ok = a.compares(&Formula{Kind: Operation, Operator: logical.Equal, Args: values})
	} else {
		texts, ok = a.orderOf(values...)
	}
	if !ok {
		return false
	}
	operands := make([]*Operand, len(sides))
	for i, side := range sides {
		key := &catalog.SealedColumn{Schema: side.row.into.relation.Schema, Table: side.row.into.relation.Name, Name: sealed.Name, Type: logical.Type{OID: values[i].TypeOf(values[i].givenType), Typmod: -1}}
		if c := values[i].SealedColumn(); c != nil {
			key.Name = c.Name
		}
		operands[i] = side.operand
		*side.operand = Operand{Column: key, Role: Store, Site: Site{target: key.Name}, Formula: values[i], OfRows: true, Ranks: true, Equal: equality, Texts: texts, Absent: true, Among: operands}
	}
	return true
}

// comparedAlike says whether PostgreSQL compares the first of some values with each other one by the
// same type and collation as with all of them.
func (a *analysis) comparedAlike(values []*Formula) bool {
	all, together := comparedAs(values...), a.collation(&Formula{Kind: FirstOf, Args: values})
	for _, f := range values[1:] {
		if comparedAs(values[0], f) != all || a.collation(&Formula{Kind: FirstOf, Args: []*Formula{values[0], f}}) != together {
			return false
		}
	}
	return true
}

// comparedAs is the type in which PostgreSQL compares numbers: of those that are exact one stands for
// all, as they are cast to each other without a loss. 0 is for others.
func comparedAs(values ...*Formula) uint32 {
	as := uint32(0)
	for _, f := range values {
		t := f.TypeOf(f.givenType)
		switch {
		case !slices.Contains(numbers[:], t):
			return 0
		case t != logical.OIDFloat4 && t != logical.OIDFloat8:
			t = logical.OIDNumeric
		}
		if as == 0 {
			as = t
		} else if as != t {
			as = logical.OIDFloat8
		}
	}
	return as
}

// inOneType casts values to the type in which PostgreSQL compares them. It is false where that is
// not known, or has no order.
func inOneType(values []*Formula) bool {
	types := make([]uint32, len(values))
	for i, f := range values {
		values[i] = f.unplaced() // places tell nothing of the enum
	}
	common, numeric, texts, same := 0, true, true, true
	for i, f := range values {
		types[i] = f.TypeOf(f.givenType)
		place := slices.Index(numbers[:], types[i])
		common = max(common, place)
		numeric, texts, same = numeric && place >= 0, texts && sameFamily(types[i], logical.OIDText), same && types[i] == types[0]
	}
	switch t := values[0].enum(); {
	case same && t.Def != nil:
		for i, f := range values {
			if of := f.enum(); of != of.Shown() { // no operator takes a domain over an enum
				return false
			}
			values[i] = f.placedIn(t)
		}
		return true
	case same || texts:
		return logical.Sorts(types[0])
	case !numeric:
		return false
	case numbers[common] == logical.OIDFloat4: // beside another number it becomes a float8
		common++
	}
	for i, f := range values {
		if types[i] != numbers[common] {
			values[i] = &Formula{Kind: CastTo, Type: logical.Type{OID: numbers[common], Typmod: -1}, Args: []*Formula{f}}
		}
	}
	return true
}
