package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// What an operator means is for the types of its operands to say: one that the database has of
// its own is meant wherever PostgreSQL has none of just these types (catalog.Operators). pgseal
// computes PostgreSQL's, and compares by terms as those do.

// operated is an operator between values of a formula. left is nil for a prefix operator.
type operated struct {
	names       []string // that PostgreSQL looks up
	left, right *Formula
	at          int32
}

// operates notes that a formula has an operator.
func (d *formulaDraft) operates(left, right *Formula, at int32, names ...string) {
	d.operated = append(d.operated, operated{names, left, right, at})
}

// mindsOperators says whether there is a reason to look at operators.
func (a *analysis) mindsOperators() bool { return a.snap.Operators() != nil || a.operatorsMoved }

// settleOperators makes sure that the operators of a formula are PostgreSQL's own.
func (a *analysis) settleOperators(d *formulaDraft) bool {
	if !a.mindsOperators() {
		return true
	}
	for _, o := range d.operated {
		f := o.right
		left := catalog.Given{Types: []uint32{0}}
		if o.left != nil {
			left = a.givenTo(o.left)
			if !f.hasSealed() {
				f = o.left
			}
		}
		if f.hasSealed() && !a.isBuiltIn(o.names, left, a.givenTo(o.right), f.SealedColumn(), o.at) {
			return false
		}
	}
	return true
}

// givenTo is the type of an operand in a formula.
func (a *analysis) givenTo(f *Formula) catalog.Given {
	switch f.Kind {
	case ParameterValue:
		return catalog.Given{Untyped: true, Param: true}
	case NullValue:
		return catalog.Given{Untyped: true}
	case ColumnValue:
		return catalog.Given{Types: typesOf(f.Column.Type)}
	case Placed:
		return a.givenTo(f.Args[0])
	}
	t := f.TypeOf(f.givenType)
	if k := f.text.literal; f.Kind == LiteralValue && k >= 0 && !a.literals[k].kind.isString() {
		return catalog.Given{Types: []uint32{logical.OIDInt4, logical.OIDInt8, logical.OIDNumeric}} // by what stands there
	}
	if f.Kind == LiteralValue && (t == 0 || t == oidUnknown) {
		return catalog.Given{Untyped: true}
	}
	return givenType(t)
}

func givenType(oid uint32) catalog.Given {
	if oid == 0 {
		return catalog.Given{}
	}
	return catalog.Given{Types: []uint32{oid}}
}

func typesOf(t logical.Type) []uint32 {
	if base := t.Shown().OID; base != t.OID {
		return []uint32{t.OID, base}
	}
	return []uint32{t.OID}
}

// isBuiltIn says whether operators can only be PostgreSQL's, and has failed if not.
func (a *analysis) isBuiltIn(names []string, left, right catalog.Given, c *catalog.SealedColumn, at int32) bool {
	if a.operatorsMoved {
		a.fail(refuseOperatorBehind(c, at, names[0]))
		return false
	}
	for _, name := range names {
		meant := a.snap.Operators().Meant(name, left, right)
		switch {
		case len(meant) == 0:
			continue
		case !a.pathMoved && a.path == nil:
			a.fail(ErrNeedSearchPath)
			return false
		case !a.pathMoved:
			a.pathIsUsed = true
			if !slices.ContainsFunc(meant, func(o *catalog.OwnOperator) bool { return slices.Contains(a.path, o.Schema) }) {
				continue
			}
		}
		a.fail(refuseOwnOperator(c, at, name))
		return false
	}
	return true
}

// operatorsOf are the operators that PostgreSQL looks up for an expression, none for one whose
// name has a schema.
func operatorsOf(x *pg.A_Expr) []string {
	switch x.Kind {
	case pg.A_Expr_Kind_AEXPR_BETWEEN, pg.A_Expr_Kind_AEXPR_BETWEEN_SYM:
		return []string{">=", "<="}
	case pg.A_Expr_Kind_AEXPR_NOT_BETWEEN, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		return []string{"<", ">"}
	}
	parts := names(x.Name)
	if len(parts) > 1 {
		return nil
	}
	return parts
}

// meansBuiltIn makes sure that an operator that is not computed here, but compares by terms, or
// is refused, is PostgreSQL's own. What is refused otherwise may be one of the database's own.
func (a *analysis) meansBuiltIn(x *pg.A_Expr, sc *scope) bool {
	names := operatorsOf(x)
	if !a.mindsOperators() || len(names) == 0 {
		return true
	}
	if x.Lexpr == nil {
		return a.betweenBuiltIn(names, nil, x.Rexpr, x.Location, sc)
	}
	rights := listOf(x.Rexpr)
	if array := x.Rexpr.GetAArrayExpr(); array != nil && (x.Kind == pg.A_Expr_Kind_AEXPR_OP_ANY || x.Kind == pg.A_Expr_Kind_AEXPR_OP_ALL) {
		rights = array.Elements
	}
	for _, right := range rights {
		if l, r := x.Lexpr.GetRowExpr(), right.GetRowExpr(); l != nil && r != nil && len(l.Args) == len(r.Args) {
			for i := range l.Args {
				if !a.betweenBuiltIn(names, l.Args[i], r.Args[i], x.Location, sc) {
					return false
				}
			}
			continue
		}
		if !a.betweenBuiltIn(names, x.Lexpr, right, x.Location, sc) {
			return false
		}
		if len(rights) > 1 && isUntyped(right) && !a.betweenBuiltIn(names, x.Lexpr, x.Lexpr, x.Location, sc) { // as which PostgreSQL takes it
			return false
		}
	}
	return true
}

// isUntyped says whether an expression is for what stands around it to give it a type.
func isUntyped(n *pg.Node) bool {
	return n.GetParamRef() != nil || n.GetAConst().GetSval() != nil || n.GetAConst().GetIsnull()
}

// betweenBuiltIn is meansBuiltIn for two operands; the left one is nil for a prefix operator.
func (a *analysis) betweenBuiltIn(names []string, left, right *pg.Node, at int32, sc *scope) bool {
	if !a.mindsOperators() {
		return true
	}
	g, c := a.givenBy(right, sc)
	of, sealed := catalog.Given{Types: []uint32{0}}, c
	if left != nil {
		if of, sealed = a.givenBy(left, sc); sealed == nil {
			sealed = c
		}
	}
	return a.err == nil && (sealed == nil || a.isBuiltIn(names, of, g, sealed, at))
}

// quantifiesBuiltIn is meansBuiltIn for what IN and its kin compare with an output of a subquery.
func (a *analysis) quantifiesBuiltIn(s *pg.SubLink, test *pg.Node, i int, outputs []column, sc *scope) bool {
	operators := names(s.OperName)
	if operators == nil {
		operators = []string{"="}
	}
	if !a.mindsOperators() || i >= len(outputs) || len(operators) > 1 {
		return true
	}
	left, sealed := a.givenBy(test, sc)
	right := givenType(outputs[i].typ)
	if c := outputs[i].sealed; c != nil {
		if right = (catalog.Given{Types: typesOf(c.Type)}); sealed == nil {
			sealed = c
		}
		if outputs[i].shown != nil {
			right.Types = typesOf(outputs[i].shown.Type)
		}
	}
	return a.err == nil && (sealed == nil || a.isBuiltIn(operators, left, right, sealed, s.Location))
}

// givenBy is the type of an operand, and the sealed column whose value it is, or is made of.
func (a *analysis) givenBy(n *pg.Node, sc *scope) (catalog.Given, *catalog.SealedColumn) {
	var sealed *catalog.SealedColumn
	e := a.comparand(n, sc)
	if e != nil {
		sealed = e.column
	}
	inner, casts := withoutCasts(n)
	if len(casts) > 0 {
		to, ok := a.typeNamed(casts[0].TypeName)
		if !ok {
			return catalog.Given{}, sealed
		}
		return catalog.Given{Types: typesOf(to.whole())}, sealed
	}
	switch {
	case e != nil && e.fold != nil:
		return givenType(logical.OIDText), sealed
	case e != nil:
		return catalog.Given{Types: typesOf(e.typ())}, sealed
	case inner.GetParamRef() != nil:
		return catalog.Given{Untyped: true, Param: true}, nil
	case inner.GetAConst() != nil:
		if t := constantType(inner); t != 0 {
			return givenType(t), nil
		}
		return catalog.Given{Untyped: true}, nil
	case a.isTextCall(inner), inner.GetAExpr().GetKind() == pg.A_Expr_Kind_AEXPR_NULLIF && a.isGiven(inner):
		return givenType(logical.OIDText), nil
	case inner.GetAExpr() != nil:
		if parts, _ := a.joinedParts(inner); parts != nil {
			return givenType(logical.OIDText), nil
		}
		return givenType(a.computedType(inner)), nil
	case inner.GetFuncCall() != nil, inner.GetSqlvalueFunction() != nil:
		return givenType(a.computedType(inner)), nil
	case inner.GetColumnRef() != nil:
		if c := a.resolve(inner.GetColumnRef(), sc).column; c != nil && c.sealed == nil {
			return givenType(c.typ), nil
		}
	}
	return catalog.Given{}, nil
}

// ofTexts says whether an operator between texts of a client's, whose casts are to text and
// varchar at most, is PostgreSQL's own.
func (a *analysis) ofTexts(name string, c *catalog.SealedColumn, at int32) bool {
	if !a.mindsOperators() {
		return true
	}
	texts := catalog.Given{Types: []uint32{logical.OIDText, logical.OIDVarchar}}
	return a.isBuiltIn([]string{name}, texts, texts, c, at)
}

// makesOperators says whether a statement may make an operator. Where one is moved, the path counts
// for nothing behind it, and one that is dropped is still taken for one that is there.
func (a *analysis) makesOperators() bool {
	switch x := a.stmt.Stmt.GetNode().(type) {
	case *pg.Node_DefineStmt:
		return x.DefineStmt.Kind == pg.ObjectType_OBJECT_OPERATOR
	case *pg.Node_CreateExtensionStmt, *pg.Node_AlterExtensionStmt, *pg.Node_CreateCastStmt:
		return true
	case *pg.Node_DoStmt:
		return a.bodySays("operator", "extension", "execute")
	}
	return false
}

// movesOperator says whether a statement gives an operator another schema.
func (a *analysis) movesOperator() bool {
	x := a.stmt.Stmt.GetAlterObjectSchemaStmt()
	return x.GetObjectType() == pg.ObjectType_OBJECT_OPERATOR || x.GetObjectType() == pg.ObjectType_OBJECT_EXTENSION
}

// makesFunction says whether a statement may make a function of the name of one that pgseal
// computes, which hides PostgreSQL's own.
func (a *analysis) makesFunction() bool {
	computes := func(name string) bool {
		_, function := logical.FunctionNamed(name)
		_, aggregate := logical.AggregateNamed(name)
		return function || aggregate
	}
	switch x := a.stmt.Stmt.GetNode().(type) {
	case *pg.Node_CreateFunctionStmt:
		return computes(last(names(x.CreateFunctionStmt.Funcname)))
	case *pg.Node_RenameStmt:
		return x.RenameStmt.RenameType == pg.ObjectType_OBJECT_FUNCTION && computes(x.RenameStmt.Newname)
	case *pg.Node_AlterObjectSchemaStmt:
		return x.AlterObjectSchemaStmt.ObjectType == pg.ObjectType_OBJECT_FUNCTION
	case *pg.Node_DefineStmt:
		return x.DefineStmt.Kind == pg.ObjectType_OBJECT_AGGREGATE
	}
	return false
}

// refuseOwnOperator is for an operator that may be one of the database's own.
func refuseOwnOperator(c *catalog.SealedColumn, position int32, name string) *Refusal {
	r := sealedRefusal("own-operator", c, position, "cannot be used with operator "+name+": the database has an operator "+name+" of its own for such operands")
	r.Detail = "That is what the server would call, and it would see encrypted values."
	r.Hint = "Write OPERATOR(pg_catalog." + name + ") if PostgreSQL's own is meant; else drop the operator, or move it into a schema that is not in the search path."
	return r
}

// refuseOperatorBehind is for a text in which another such operator may have been made.
func refuseOperatorBehind(c *catalog.SealedColumn, position int32, name string) *Refusal {
	r := sealedRefusal("mixed-text", c, position, "cannot be used with operator "+name+" behind a statement of the same text that may make an operator of that name")
	r.Hint = hintSeparate
	return r
}
