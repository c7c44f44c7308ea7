package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/logical"
)

const termEquality = envelope.TermEquality

// operator is an expression with an operator, or one of the constructs that
// the grammar treats alike.
func (a *analysis) operator(x *pg.A_Expr, sc *scope) {
	if !a.meansBuiltIn(x, sc) {
		return
	}
	op, exact := equalityOperator(x.Name)
	saved := a.site
	defer func() { a.site = saved }()
	a.site = a.comparison(op, x.Location)
	switch x.Kind {
	case pg.A_Expr_Kind_AEXPR_OP:
		if exact && x.Lexpr != nil {
			a.rowwise(x, op, sc)
			return
		}
	case pg.A_Expr_Kind_AEXPR_DISTINCT, pg.A_Expr_Kind_AEXPR_NOT_DISTINCT:
		a.site.operator = "=" // whose negation it is
		a.rowwise(x, "IS DISTINCT FROM", sc)
		return
	case pg.A_Expr_Kind_AEXPR_IN:
		a.inList(x, sc)
		return
	case pg.A_Expr_Kind_AEXPR_LIKE, pg.A_Expr_Kind_AEXPR_ILIKE:
		if a.like(x, sc) {
			return
		}
	case pg.A_Expr_Kind_AEXPR_OP_ANY, pg.A_Expr_Kind_AEXPR_OP_ALL:
		if exact {
			a.arrayComparison(x, sc)
			return
		}
	}
	name := operatorName(x)
	before := len(a.uses)
	for _, side := range []*pg.Node{x.Lexpr, x.Rexpr} {
		for _, n := range listOf(side) {
			if e := a.peek(n, sc); e != nil {
				a.fail(refuseOperand(e, name))
				return
			}
			a.in("operator "+name, func() { a.plain(n, sc) })
		}
	}
	if o, ok := logical.OperatorNamed(last(names(x.Name))); x.Kind == pg.A_Expr_Kind_AEXPR_OP && ok && x.Lexpr != nil {
		if o.Compares() {
			a.comparedWith(before, x.Lexpr, x.Rexpr, sc)
		}
		a.countedWith(before, o, x)
	} else if x.Kind == pg.A_Expr_Kind_AEXPR_LIKE || x.Kind == pg.A_Expr_Kind_AEXPR_ILIKE {
		a.matchedWith(before, x, sc)
	}
}

// listOf gives the members of a list node, or the node itself.
func listOf(n *pg.Node) []*pg.Node {
	if l := n.GetList(); l != nil {
		return l.Items
	}
	if n == nil {
		return nil
	}
	return []*pg.Node{n}
}

// equalityOperator says whether an operator is = or <> of pg_catalog.
func equalityOperator(nodes []*pg.Node) (string, bool) {
	parts := names(nodes)
	if len(parts) == 2 && parts[0] != "pg_catalog" || len(parts) > 2 {
		return last(parts), false
	}
	op := last(parts)
	return op, op == "=" || op == "<>"
}

func operatorName(x *pg.A_Expr) string {
	switch x.Kind {
	case pg.A_Expr_Kind_AEXPR_LIKE:
		return "LIKE"
	case pg.A_Expr_Kind_AEXPR_ILIKE:
		return "ILIKE"
	case pg.A_Expr_Kind_AEXPR_SIMILAR:
		return "SIMILAR TO"
	case pg.A_Expr_Kind_AEXPR_NULLIF:
		return "NULLIF"
	case pg.A_Expr_Kind_AEXPR_BETWEEN, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN,
		pg.A_Expr_Kind_AEXPR_BETWEEN_SYM, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		return "BETWEEN"
	}
	return last(names(x.Name))
}

// rowwise compares two values, or two rows element by element.
func (a *analysis) rowwise(x *pg.A_Expr, op string, sc *scope) {
	l, r := x.Lexpr.GetRowExpr(), x.Rexpr.GetRowExpr()
	if l != nil && r != nil && len(l.Args) == len(r.Args) {
		group := a.newGroup()
		for i := range l.Args {
			n := l.Args[i]
			if n.GetParamRef() == nil {
				n = r.Args[i]
			}
			a.together(group, n, func() { a.compare(l.Args[i], r.Args[i], op, sc) })
		}
		return
	}
	a.compare(x.Lexpr, x.Rexpr, op, sc)
}

// compare is l = r, or another operator that is exact on equality terms.
func (a *analysis) compare(l, r *pg.Node, op string, sc *scope) {
	if a.err != nil {
		return
	}
	left, right := a.comparand(l, sc), a.comparand(r, sc)
	if left == nil && right == nil {
		before := len(a.uses)
		a.in("operator "+op, func() {
			a.plain(l, sc)
			a.plain(r, sc)
		})
		a.comparedWith(before, l, r, sc)
		return
	}
	a.site.flipped = left == nil
	if left == nil {
		left, right, r = right, left, l
	}
	a.against(left, right, r, sc)
}

// against compares a sealed expression with another (right, or nil) or with the
// value in n.
func (a *analysis) against(left, right *sealedExpr, n *pg.Node, sc *scope) {
	switch {
	case right == nil:
		if a.compareEmpty(left, n) || !a.comparableExpr(left) {
			return
		}
		a.toTerm(left)
		op := Operand{Column: left.column, Role: Equality, Site: a.site}
		if !a.give(n, op, sc) && !a.compareChoice(n, op) && !a.computed(n, op, sc) {
			a.refuseComputed(left, n, sc)
		}
	case left.column == right.column:
		a.toTerm(left)
		a.toTerm(right)
	case left.column.ID == right.column.ID && left.column.IsCast():
		a.fail(refuseCast(right.column, left.at))
	case left.column.ID == right.column.ID && right.column.IsCast():
		a.fail(refuseCast(left.column, right.at))
	case left.column.ID == right.column.ID:
		a.fail(refuseOtherFold(left.column, right.at))
	default:
		a.fail(refuseOtherColumn(left.column, right.column, right.at))
	}
}

// refuseComputed refuses a comparison with an expression: for what stands inside
// it if that is worse.
func (a *analysis) refuseComputed(left *sealedExpr, n *pg.Node, sc *scope) {
	a.plain(n, sc)
	a.fail(refuseComputed(left.column, left.at))
}

// inList is x IN (a, b) and x NOT IN (a, b).
func (a *analysis) inList(x *pg.A_Expr, sc *scope) {
	items := listOf(x.Rexpr)
	if row := x.Lexpr.GetRowExpr(); row != nil {
		a.inRows(row, items, sc)
		return
	}
	a.inItems(x.Lexpr, items, false, sc)
}

// inRows is (a, b) IN ((1, 2), (3, 4)), which compares element by element.
func (a *analysis) inRows(row *pg.RowExpr, items []*pg.Node, sc *scope) {
	for _, item := range items {
		if r := item.GetRowExpr(); r == nil || len(r.Args) != len(row.Args) {
			a.in("operator IN", func() {
				for _, n := range row.Args {
					a.plain(n, sc)
				}
				for _, n := range items {
					a.plain(n, sc)
				}
			})
			return
		}
	}
	for i, n := range row.Args {
		column := make([]*pg.Node, 0, len(items))
		for _, item := range items {
			column = append(column, item.GetRowExpr().Args[i])
		}
		a.inItems(n, column, true, sc)
	}
}

// inItems compares one expression with each of a list. ofRows: they are of rows, of
// which PostgreSQL compares each for itself.
func (a *analysis) inItems(n *pg.Node, items []*pg.Node, ofRows bool, sc *scope) {
	if a.err != nil {
		return
	}
	left := a.comparand(n, sc)
	if left == nil {
		a.valueInList(n, items, sc)
		return
	}
	if !a.comparableExpr(left) {
		return
	}
	a.toTerm(left)
	items = a.allSigned(items)
	a.uniform(left, items, false)
	member := Operand{Column: left.column, Role: Equality, Site: a.site, Listed: !ofRows && a.typedByList(left, items, sc)}
	base := uint32(0)
	if member.Listed {
		base = a.listNumber(left, items)
		member.Unsure = slices.ContainsFunc(items, isParamRef)
	}
	strings := member.Listed && slices.ContainsFunc(items, isString)
	before := len(a.uses)
	for _, item := range items {
		own := member
		if strings && item.GetParamRef() != nil {
			own.Beside = besideListed
		}
		a.listMember(left, item, own, base, sc)
	}
	if !member.Listed {
		return
	}
	var list []int
	for _, u := range a.uses[before:] {
		if u.operand == nil || u.operand.Via == nil { // which a cast has typed
			list = append(list, u.client-1)
		}
	}
	if len(a.uses) > before+1 {
		a.lists = append(a.lists, list)
	}
	if len(list) > 0 && left.column.Type.Shown().OID == logical.OIDBpchar { // which becomes a name beside one
		a.mixesOfTypes = append(a.mixesOfTypes, Mix{Clients: list, Names: true, Others: len(list) < len(items), Refusal: refuseMixedList(left.column, left.at)})
	}
}

// typedByList says whether PostgreSQL gives the values of a list their common
// type, which is the column's: there are several, and none is cast to text, if the column
// is no text itself.
func (a *analysis) typedByList(left *sealedExpr, items []*pg.Node, sc *scope) bool {
	textual := isCharacter(left.column.Type.Shown()) || left.column.Type.Shown().OID == logical.OIDName
	values := 0
	for _, item := range items {
		if c := item.GetTypeCast(); c != nil {
			if to, ok := a.typeNamed(c.TypeName); !ok || to.whole().OID == logical.OIDText && !textual {
				return false
			}
		}
		if a.comparand(item, sc) == nil {
			values++
		}
	}
	return values > 1
}

// numbers are the numeric types of which each is converted to the next without
// being asked.
var numbers = [...]uint32{logical.OIDInt2, logical.OIDInt4, logical.OIDInt8, logical.OIDNumeric, logical.OIDFloat4, logical.OIDFloat8}

// listNumber is the type that a parameter or a string among the numbers of such a
// list gets, 0 for that of the column.
func (a *analysis) listNumber(left *sealedExpr, items []*pg.Node) uint32 {
	column := slices.Index(numbers[:], left.column.Type.Shown().OID)
	if common := a.commonNumber(items, column); column >= 0 && common != column {
		return numbers[common]
	}
	return 0
}

// commonNumber is the common type of one of numbers, or of none (-1), and of the numbers
// of a list: an index in numbers. Beside strings the numbers steer the plan.
func (a *analysis) commonNumber(items []*pg.Node, common int) int {
	strings := slices.ContainsFunc(items, isString)
	for _, item := range items {
		switch x := item.GetNode().(type) {
		case *pg.Node_AConst:
			if strings && (x.AConst.GetIval() != nil || x.AConst.GetFval() != nil) {
				a.steer(x.AConst.Location)
			}
			switch v := x.AConst.GetVal().(type) {
			case *pg.A_Const_Ival:
				common = max(common, slices.Index(numbers[:], logical.OIDInt4))
			case *pg.A_Const_Fval:
				common = max(common, slices.Index(numbers[:], numberType([]byte(v.Fval.Fval))))
			}
		case *pg.Node_TypeCast:
			if to, ok := a.typeNamed(x.TypeCast.TypeName); ok {
				common = max(common, slices.Index(numbers[:], to.whole().OID))
			}
		}
	}
	return common
}

// listMember compares with one value of a list, as op says of all. base is what
// listNumber gives.
func (a *analysis) listMember(left *sealedExpr, item *pg.Node, op Operand, base uint32, sc *scope) {
	listed := op.Listed
	switch right := a.comparand(item, sc); {
	case right != nil && right.column == left.column:
		a.toTerm(right)
	case right != nil:
		a.fail(refuseOtherColumn(left.column, right.column, right.at))
	default:
		number := item.GetAConst().GetIval() != nil || item.GetAConst().GetFval() != nil
		real := listed && !op.Unsure && base == 0 && left.column.Type.Shown().OID == logical.OIDFloat4
		switch {
		case real && number: // which becomes a real
			op.Listed, op.Via = false, &logical.Type{OID: logical.OIDFloat4, Typmod: -1}
		case real && item.GetTypeCast() != nil:
			op.Then = []Step{{Type: logical.Type{OID: logical.OIDFloat4, Typmod: -1}}}
		case base == 0:
		case item.GetParamRef() != nil:
			op.Base = base
		case item.GetAConst().GetSval() != nil:
			op.Listed, op.Via = false, &logical.Type{OID: base, Typmod: -1}
		}
		if listed && !sameFamily(left.column.Type.OID, logical.OIDText) && item.GetSubLink() != nil {
			a.fail(refuseMixedList(left.column, left.at)) // its type could be that of the others, too
			return
		}
		if a.give(item, op, sc) {
			return
		}
		if op.Listed = false; listed && !a.listsComputed(left, item, base) || !a.computed(item, op, sc) {
			a.refuseComputed(left, item, sc)
		}
	}
}

// valueInList is 'x' IN (u.ssn, v.ssn): all of the list is the same sealed
// column, or nothing is sealed.
func (a *analysis) valueInList(n *pg.Node, items []*pg.Node, sc *scope) {
	var first *sealedExpr
	for _, item := range items {
		if e := a.comparand(item, sc); e != nil {
			first = e
			break
		}
	}
	if first == nil {
		a.in("operator IN", func() {
			a.plain(n, sc)
			for _, item := range items {
				a.plain(item, sc)
			}
		})
		return
	}
	for _, item := range items {
		e := a.comparand(item, sc)
		if e == nil {
			a.refuseComputed(first, item, sc)
			return
		}
		if e.column != first.column {
			a.fail(refuseOtherColumn(first.column, e.column, e.at))
			return
		}
		a.toTerm(e)
	}
	a.site.flipped = true
	op := Operand{Column: first.column, Role: Equality, Site: a.site}
	if !a.bind(n, op, false) {
		a.refuseComputed(first, n, sc)
	}
}

// uniform refuses a list in which some values are cast to another type than the
// column's and some have no type: PostgreSQL would read those as that other type. In a
// list, but not in an array, char and name stay what they are beside text.
func (a *analysis) uniform(left *sealedExpr, items []*pg.Node, array bool) {
	own, column := left.column.Type.OID, left.column.Type.Shown().OID
	strings, params, native, cast, real, exact := false, false, false, false, false, false
	foreign, several, typing := uint32(0), false, false // typing: what has no type gets that
	for _, item := range items {
		oid := logical.OIDText // of NULLIF, and of functions
		switch x := item.GetNode().(type) {
		case *pg.Node_ParamRef:
			params = true
			continue
		case *pg.Node_AConst:
			strings = strings || x.AConst.GetSval() != nil
			if oid = constantType(item); !isNumber(oid) || !isNumber(column) {
				continue // the others fail where they are bound
			}
		case *pg.Node_ColumnRef:
			oid = column
		case *pg.Node_TypeCast:
			to, ok := a.typeNamed(x.TypeCast.TypeName)
			if oid = to.whole().OID; !ok {
				oid = oidUnknown
			}
		default:
			if made := a.listedType(item); made != 0 {
				oid = made
			}
		}
		real, exact = real || oid == logical.OIDFloat4, exact || isExact(oid)
		switch {
		case oid == own, sameFamily(oid, column), !array && sameFamily(oid, logical.OIDText) && likeText(column):
			native = true
		case isNumber(oid) && isNumber(column):
			cast = cast || item.GetTypeCast() != nil
		default:
			several, foreign = several || foreign != 0 && foreign != oid, oid
			typing = typing || array || CommonType(column, oid) != column
		}
	}
	switch {
	case strings && (foreign != 0 || cast && !array), params && typing:
	case array && (real && exact || (several || foreign != 0 && native) && (sameFamily(column, logical.OIDText) || likeText(column))):
	default:
		return
	}
	a.fail(refuseMixedList(left.column, left.at))
}

// likeText says whether values of a type are compared with texts as their own or as theirs,
// which are not equal alike.
func likeText(oid uint32) bool { return oid == logical.OIDBpchar || oid == logical.OIDName }

func sameFamily(x, y uint32) bool {
	textual := func(oid uint32) bool { return oid == logical.OIDText || oid == logical.OIDVarchar }
	return x == y || textual(x) && textual(y)
}

// arrayComparison is x = ANY(array) and its kin.
func (a *analysis) arrayComparison(x *pg.A_Expr, sc *scope) {
	left := a.comparand(x.Lexpr, sc)
	if left == nil {
		a.in("operator ANY or ALL", func() {
			a.plain(x.Lexpr, sc)
			before := len(a.uses)
			a.plain(x.Rexpr, sc)
			a.listedWith(before, x, sc)
		})
		return
	}
	if !a.comparableExpr(left) {
		return
	}
	if left.column.Type.IsArray() {
		a.fail(refuseArrayOfArrays(left.column, left.at))
		return
	}
	a.toTerm(left)
	if a.arrayOfValues(left, x.Rexpr, sc) {
		return
	}
	if !a.bind(x.Rexpr, Operand{Column: left.column, Role: Equality, Array: true, Site: a.site}, false) {
		a.refuseComputed(left, x.Rexpr, sc)
	}
}

// quantified is x IN (SELECT …), x = ANY (SELECT …), x <> ALL (SELECT …).
func (a *analysis) quantified(s *pg.SubLink, sc *scope) {
	tests := []*pg.Node{s.Testexpr}
	if row := s.Testexpr.GetRowExpr(); row != nil {
		tests = row.Args
	}
	ranked := a.rankTests(s, tests, sc)
	none := a.isEmptySet(s.Subselect.GetSelectStmt())
	paired := a.pairTests(s, tests, ranked, sc)
	outputs := a.sublink(s, sc)
	ranked = a.placeTests(paired, ranked)
	exact := len(s.OperName) == 0
	if !exact {
		_, exact = equalityOperator(s.OperName)
	}
	saved := a.site
	defer func() { a.site = saved }()
	a.site = a.comparison("=", s.Location)
	if op := last(names(s.OperName)); op != "" {
		a.site.operator = op
	}
	sealed := func(i int) *catalog.SealedColumn {
		if i < len(outputs) {
			return outputs[i].sealed
		}
		return nil
	}
	for i, test := range tests {
		if ranked[i] {
			continue
		}
		left, right := a.comparand(test, sc), sealed(i)
		switch {
		case a.err != nil:
			return
		case !a.quantifiesBuiltIn(s, test, i, outputs, sc):
			return
		case left == nil && right == nil:
			if i < len(outputs) {
				a.asPlain(outputs[i].constants)
			}
			a.in("operator IN", func() { a.plain(test, sc) })
		case none && left != nil && i < len(outputs) && a.comparesNothing(left, s.Location):
			a.asPlain(outputs[i].constants)
		case !exact && left != nil:
			a.fail(refuseOperator(left.column, left.at, last(names(s.OperName))))
		case !exact:
			a.fail(refuseOperator(right, s.Location, last(names(s.OperName))))
		case right == nil && i < len(outputs) && outputs[i].constants != nil:
			if a.comparableExpr(left) {
				a.toTerm(left)
				a.giveAll(outputs[i].constants, Operand{Column: left.column, Role: Equality, Site: a.site}, term{})
			}
		case right == nil:
			a.fail(refuseComputed(left.column, left.at))
		case left != nil && left.column.IsCast():
			a.fail(refuseCast(right, left.at))
		case left != nil && left.column != right:
			a.fail(refuseOtherColumn(left.column, right, s.Location))
		case !a.comparable(right, s.Location):
		case outputs[i].shown.IsCast():
			a.fail(refuseCast(right, s.Location))
		case outputs[i].wraps == nil && !a.termOfGroup(&outputs[i]):
			a.fail(refuseSubquery(right, s.Location))
		default:
			if outputs[i].wraps != nil {
				a.dropName(&outputs[i])
				a.toTerm(&sealedExpr{column: right, terms: outputs[i].wraps, at: s.Location})
			}
			if left != nil {
				a.toTerm(left)
			} else {
				site := a.site
				site.flipped = true
				if !a.give(test, Operand{Column: right, Role: Equality, Site: site}, sc) {
					a.plain(test, sc)
					a.fail(refuseComputed(right, s.Location))
				}
			}
		}
	}
	for i := len(tests); i < len(outputs); i++ {
		a.asPlain(outputs[i].constants)
		if s := outputs[i].sealed; s != nil {
			a.fail(refuseUse(s, 0, "operator IN"))
		}
	}
}
