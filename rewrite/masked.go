package rewrite

import (
	"cmp"
	"errors"
	"slices"
	"strconv"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// An optional filter looks at its own value first: $1::text IS NULL OR email = $1, or
// '' = '' OR email = ''. In a statement that gives the server something sealed, it does not
// get what only such conditions ask for: of a test for NULL that the value is none, of a
// comparison with another value a digest of both. See docs/decisions/0044-masked-values.md.

// maskable is a condition on literals and parameters alone.
type maskable struct {
	node   *pg.Node
	scope  *scope
	params []int // where its parameters stand, bytes
}

// masking is what masks a statement's conditions, one after the other.
type masking struct {
	params []int // of the condition at hand
	// typing are the uses by which the server gives parameters their types, by parameter.
	typing map[int]use
}

// mayMask analyses an expression that is plain, and notes it if it can be masked. Whether it
// is the end of the statement tells: what is sealed can stand behind it.
func (a *analysis) mayMask(n *pg.Node, sc *scope, plain func()) {
	uses, edits := len(a.uses), len(a.edits)
	plain()
	if a.err != nil || a.persistent || len(a.edits) != edits || !ofConstants(n) {
		return
	}
	m := maskable{node: n, scope: sc}
	for _, u := range a.uses[uses:] {
		m.params = append(m.params, u.start)
	}
	a.maskables = append(a.maskables, m)
}

// isMaskable says whether an expression tests a literal or a parameter for NULL, or compares some.
func (a *analysis) isMaskable(n *pg.Node) bool {
	if t := n.GetNullTest(); t != nil {
		return !t.Argisrow && (a.givesOne(t.Arg) || a.givesText(t.Arg))
	}
	x := n.GetAExpr()
	_, exact := equalityOperator(x.GetName())
	switch k := x.GetKind(); {
	case !exact:
		return false
	case k == pg.A_Expr_Kind_AEXPR_OP_ANY || k == pg.A_Expr_Kind_AEXPR_OP_ALL:
		if x.Rexpr.GetAArrayExpr() == nil {
			return false
		}
	case k != pg.A_Expr_Kind_AEXPR_OP && k != pg.A_Expr_Kind_AEXPR_IN && k != pg.A_Expr_Kind_AEXPR_DISTINCT && k != pg.A_Expr_Kind_AEXPR_NOT_DISTINCT:
		return false
	}
	for _, n := range comparedIn(x) {
		if !slices.ContainsFunc(alternativesOf(n), func(n *pg.Node) bool { return !a.givesOne(n) && !a.givesText(n) }) {
			continue
		}
		return false
	}
	return true
}

// comparedIn are the values that = and <> compare, or IN and ANY (ARRAY[…]), the first of them with
// all others.
func comparedIn(x *pg.A_Expr) []*pg.Node {
	if array := x.Rexpr.GetAArrayExpr(); array != nil {
		return append([]*pg.Node{x.Lexpr}, array.Elements...)
	}
	return append([]*pg.Node{x.Lexpr}, listOf(x.Rexpr)...)
}

// alternativesOf are the arguments of COALESCE, or the expression itself.
func alternativesOf(n *pg.Node) []*pg.Node {
	if c := n.GetCoalesceExpr(); c != nil {
		return c.Args
	}
	return []*pg.Node{n}
}

// givesOne says whether it is a literal or a parameter, with casts or without.
func (a *analysis) givesOne(n *pg.Node) bool {
	n, _ = withoutCasts(a.signed(n))
	c := n.GetAConst()
	return n.GetParamRef() != nil || c != nil && !c.Isnull
}

// givesText says whether it is a text that is made of a literal or a parameter: NULLIF($1, ”), what
// is left of one without blanks at its ends, and both.
func (a *analysis) givesText(n *pg.Node) bool {
	if x := n.GetAExpr(); x.GetKind() == pg.A_Expr_Kind_AEXPR_NULLIF {
		_, _, text := a.textOnly(x.Lexpr)
		_, known := a.nullOf(x.Rexpr)
		return known && (text || a.trims(x.Lexpr))
	}
	return a.trims(n)
}

// trims says whether it is a literal or a parameter without blanks at its ends.
func (a *analysis) trims(n *pg.Node) bool {
	calls, _ := a.textCalls(n)
	return len(calls) > 0 && !slices.ContainsFunc(calls, func(c textCall) bool { return c.function == Lower || c.function == Upper || len(c.casts) > 0 })
}

// isDeclaredText says whether the parameter that a text is made of, if it is one without a cast, is
// not declared as anything else.
func (a *analysis) isDeclaredText(n *pg.Node) bool {
	if x := n.GetAExpr(); x != nil {
		n = x.Lexpr
	}
	if calls, value := a.textCalls(n); len(calls) > 0 {
		n = value
	}
	p := n.GetParamRef()
	if p == nil {
		return true
	}
	oid, ok := a.declaredType(int(p.Number))
	return ok && (oid == 0 || isAnyText(oid))
}

// settleMasked masks what can be masked, if the statement has given something a sealed role.
func (a *analysis) settleMasked() {
	all := a.maskables
	a.maskables = nil
	of := a.sealedRole()
	if a.err != nil || len(all) == 0 || of == nil {
		return
	}
	a.masking = &masking{typing: a.typingUses()}
	defer func() { a.masking = nil }()
	seen := map[*pg.Node]bool{}
	var others []maskable
	for _, m := range all {
		if seen[m.node] || !a.standsPlain(&m) {
			continue
		}
		seen[m.node] = true
		a.masking.params = m.params
		uses, operands, edits, noted := len(a.uses), len(a.operands), len(a.edits), len(a.acted)
		if !a.isMaskable(m.node) {
			others = append(others, m)
			continue
		}
		masked := a.maskTest(m.node.GetNullTest(), of) || a.maskComparison(m.node.GetAExpr(), of)
		refusal, _ := errors.AsType[*Refusal](a.err)
		switch {
		case a.err != nil && (refusal == nil || refusal.Code != codeNotSupported):
			return
		case !masked || a.err != nil || len(a.uses)-uses != len(m.params):
			a.err, a.uses, a.operands, a.edits, a.acted = nil, a.uses[:uses], a.operands[:operands], a.edits[:edits], a.acted[:noted]
			a.actions = a.actions[:noted]
			others = append(others, m)
			continue
		}
		a.replaceUses(uses, m.params)
	}
	a.decideMasked(others, of)
}

// sealedRole is a sealed column for which a statement gives the server something, or for which the
// session computes; nil for none.
func (a *analysis) sealedRole() *catalog.SealedColumn {
	if len(a.operands) > a.operandsBefore {
		return a.operands[a.operandsBefore].Column
	}
	for _, f := range a.outputFormulas {
		if c := f.SealedColumn(); c != nil {
			return c
		}
	}
	return nil
}

// replaceUses has the uses from the n-th on stand for those before at places, which PostgreSQL
// reads where they stand.
func (a *analysis) replaceUses(n int, places []int) {
	masked := slices.Clone(a.uses[n:])
	a.uses = a.uses[:n]
	slices.SortFunc(masked, func(u, v use) int { return u.start - v.start })
	var was []*use
	for i := range a.uses {
		if slices.Contains(places, a.uses[i].start) {
			was = append(was, &a.uses[i])
		}
	}
	slices.SortFunc(was, func(u, v *use) int { return u.start - v.start })
	for i, u := range masked {
		u.read, u.group, u.bare, u.neutral = was[i].read, was[i].group, was[i].bare, was[i].neutral
		*was[i] = u
	}
}

// typingUses are the uses that give parameters their types if the client declares none.
func (a *analysis) typingUses() map[int]use {
	saved := a.uses
	defer func() { a.uses = saved }()
	a.uses = slices.Clone(saved)
	slices.SortStableFunc(a.uses, func(u, v use) int { return u.read - v.read })
	client := 0
	for _, u := range a.uses {
		client = max(client, u.client)
	}
	by, first := a.byParameter(client), map[int]use{}
	for number := range client {
		by.each(number+1, func(u *use, _ bool) {
			if _, there := first[number+1]; !there {
				first[number+1] = *u
			}
		})
	}
	return first
}

// standsPlain says whether the parameters of a condition are still plain where they stand, and
// whether its text is the client's.
func (a *analysis) standsPlain(m *maskable) bool {
	first, end, ok := a.tokensOf(m.node)
	if !ok {
		return false
	}
	from, to := int(a.tokens[first].start), int(a.tokens[end].end)
	if slices.ContainsFunc(a.edits, func(e edit) bool {
		goes := slices.ContainsFunc(a.repeated, func(at term) bool { return at.start <= from && to <= at.end && replaces(e, at) })
		return !goes && e.start < to && e.end > from || e.start == e.end && e.start > from && e.start < to
	}) {
		return false
	}
	plain := 0
	for _, u := range a.uses {
		if slices.Contains(m.params, u.start) {
			if u.operand != nil {
				return false
			}
			plain++
		}
	}
	return plain == len(m.params)
}

// pseudo is the column of what is masked: one of the type, by the name of another.
func pseudo(of *catalog.SealedColumn, t logical.Type) *catalog.SealedColumn {
	return &catalog.SealedColumn{Schema: of.Schema, Table: of.Table, Name: of.Name, Type: t}
}

// maskTest masks the value of IS [NOT] NULL. Of a parameter without a cast any of its roles will
// do, if there is one.
func (a *analysis) maskTest(t *pg.NullTest, of *catalog.SealedColumn) bool {
	if t == nil {
		return false
	}
	value, casts := withoutCasts(a.signed(t.Arg))
	if p := value.GetParamRef(); p != nil && len(casts) == 0 && a.hasRole(int(p.Number)) {
		return false
	}
	typ := logical.Type{OID: logical.OIDText, Typmod: -1}
	if !a.castsKnown(casts) || a.givesText(t.Arg) && !a.isDeclaredText(t.Arg) {
		return false
	}
	if len(casts) > 0 {
		to, _ := a.typeNamed(casts[0].TypeName)
		typ = to.whole()
	} else if p := value.GetParamRef(); p != nil {
		oid, _ := a.declaredType(int(p.Number))
		if a.ofUnknownType(int(p.Number)) || oid != 0 && !logical.Supported(logical.Type{OID: oid}.Scalar()) {
			return false
		}
		typ.OID = cmp.Or(oid, typ.OID)
	}
	return a.bind(t.Arg, Operand{Column: pseudo(of, typ), Role: Presence}, false)
}

// hasRole says whether a parameter is given to the server, or computed with, so that this can be
// tested in its stead. What NULLIF makes of it cannot.
func (a *analysis) hasRole(client int) bool {
	return slices.ContainsFunc(a.uses, func(u use) bool {
		return u.client == client && !u.neutral && !slices.Contains(a.masking.params, u.start) && (u.operand == nil || u.operand.keepsNull())
	}) || slices.ContainsFunc(a.hidden, func(h hiddenParam) bool { return h.client == client })
}

// keepsNull says whether what the server gets is NULL if the client's value is, and only then.
func (o *Operand) keepsNull() bool { return o.Null == nil }

// testNull has the server test one of the values that a parameter becomes.
func (a *analysis) testNull(u use, params []Param) {
	for i, p := range params {
		if p.Client == u.client-1 && p.Operand != nil && p.Operand.keepsNull() {
			a.edit(u.start, u.end, "$"+strconv.Itoa(i+1)+"::"+p.Operand.serverType(), nil)
			return
		}
	}
	a.fail(refuseTwoRoles(params[u.client-1].Operand.Column, int32(u.start)))
}

// castsKnown says whether all casts are to types that pgseal reads.
func (a *analysis) castsKnown(casts []*pg.TypeCast) bool {
	return !slices.ContainsFunc(casts, func(c *pg.TypeCast) bool {
		to, ok := a.typeNamed(c.TypeName)
		return !ok || !logical.Supported(to.whole().Scalar())
	})
}

// maskComparison masks the values of =, <> and IN.
func (a *analysis) maskComparison(x *pg.A_Expr, of *catalog.SealedColumn) bool {
	if x == nil {
		return false
	}
	values := comparedIn(x)
	t, ok := a.comparedAs(values)
	if !ok || x.Rexpr.GetAArrayExpr() != nil && !a.comparesElements(values) {
		return false
	}
	column := pseudo(of, t)
	for i, n := range values {
		op := Operand{Column: column, Role: Digest, Site: a.comparison(last(names(x.Name)), x.Location)}
		op.Site.flipped = i == 0
		for _, n := range alternativesOf(n) {
			if !a.bind(n, op, false) {
				return false
			}
		}
	}
	return true
}

// comparesElements says whether literals that are the elements of an array, whose type they have in
// common by themselves, are compared as they would be in a list.
func (a *analysis) comparesElements(values []*pg.Node) bool {
	t, ok := a.comparedAs(values[1:])
	of, known := a.givenAs(values[0], false)
	return ok && known && (of == 0 || of == t.OID || isAnyText(of) && isAnyText(t.OID)) && len(values) > 1 &&
		!slices.ContainsFunc(values[1:], func(n *pg.Node) bool { return n.GetParamRef() != nil })
}

// comparedAs is the type as which values are compared, if it is known for all that they can be.
func (a *analysis) comparedAs(values []*pg.Node) (t logical.Type, ok bool) {
	t.Typmod = -1
	untyped := slices.ContainsFunc(values, func(n *pg.Node) bool { return n.GetParamRef() != nil || n.GetAConst().GetSval() != nil })
	for _, n := range values {
		oid, ok := a.givenAs(n, untyped)
		if n.GetCoalesceExpr() != nil {
			oid, ok = a.commonText(n.GetCoalesceExpr().Args)
		}
		switch {
		case !ok:
			return t, false
		case oid == 0 || oid == t.OID:
		case t.OID == 0:
			t.OID = oid
		case isAnyText(oid) && isAnyText(t.OID):
			t.OID = logical.OIDText
		case isExact(oid) && isExact(t.OID):
			t.OID = CommonType(t.OID, oid)
		default:
			return t, false
		}
	}
	t.OID = cmp.Or(t.OID, logical.OIDText)
	return t, true
}

// commonText is the type of COALESCE of texts.
func (a *analysis) commonText(args []*pg.Node) (oid uint32, ok bool) {
	for _, n := range args {
		own, ok := a.givenAs(n, false)
		if !ok || own != 0 && !isAnyText(own) {
			return 0, false
		}
	}
	return logical.OIDText, true
}

// givenAs is the type of a literal or a parameter by itself, 0 for none. It is not ok for a type
// whose values are not compared here. gives: it is the type of others, too, which have none.
func (a *analysis) givenAs(n *pg.Node, gives bool) (oid uint32, ok bool) {
	if a.givesText(n) {
		return logical.OIDText, a.isDeclaredText(n)
	}
	n, casts := withoutCasts(a.signed(n))
	if len(casts) > 0 {
		if !a.castsKnown(casts) {
			return 0, false
		}
		to, _ := a.typeNamed(casts[0].TypeName)
		return to.whole().OID, to.Def == nil && isCompared(to.whole().OID)
	}
	c := n.GetAConst()
	switch {
	case n.GetParamRef() != nil:
		oid, ok = a.declaredType(int(n.GetParamRef().Number))
		return oid, ok && (oid == 0 || isCompared(oid))
	case c.GetSval() != nil:
		return 0, true
	case c.GetBoolval() != nil:
		return logical.OIDBool, true
	case c.GetIval() == nil && c.GetFval() == nil:
		return 0, false
	case !gives: // the plan is for numbers of all sizes, which are equal in each other's types
		return logical.OIDNumeric, true
	}
	a.steer(c.Location)
	if c.GetIval() != nil {
		return logical.OIDInt4, true
	}
	return numberType([]byte(c.GetFval().Fval)), true
}

// isCompared says whether values of a type are compared by digests.
func isCompared(oid uint32) bool {
	switch oid {
	case logical.OIDText, logical.OIDVarchar, logical.OIDInt2, logical.OIDInt4, logical.OIDInt8, logical.OIDNumeric,
		logical.OIDBool, logical.OIDDate, logical.OIDTimestamp, logical.OIDTimestamptz, logical.OIDUUID:
		return true
	}
	return false
}

// declaredType is the type that a parameter has, 0 if the comparison at hand gives it one. It is
// not ok if only the server knows. The plan depends on what the client declares.
func (a *analysis) declaredType(number int) (oid uint32, ok bool) {
	oid = declared(a.declared, number-1)
	if a.stmt.Stmt.GetPrepareStmt() == nil {
		a.typed = append(a.typed, typedParam{number - 1, oid})
	}
	if oid != 0 {
		return oid, true
	}
	u, used := a.masking.typing[number]
	if a.ofUnknownType(number) {
		return 0, false
	}
	if !used || slices.Contains(a.masking.params, u.start) {
		return 0, true
	}
	return u.deduces, u.deduces != 0
}

// ofUnknownType says whether PREPARE gives a parameter a type that pgseal does not know.
func (a *analysis) ofUnknownType(number int) bool {
	types := a.stmt.Stmt.GetPrepareStmt().GetArgtypes()
	return number <= len(types) && declared(a.declared, number-1) == 0 && last(names(types[number-1].GetTypeName().GetNames())) != "unknown"
}
