package rewrite

import (
	"math"
	"slices"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

const (
	serverType      = "pg_catalog.bytea"
	serverArrayType = "pg_catalog.bytea[]"
)

func (o *Operand) serverType() string {
	switch {
	case o.Records != nil:
		return "pg_catalog." + TypeName(o.Column.Type.OID)
	case o.OfRows:
		return "pg_catalog.jsonb"
	case o.Decides:
		return "pg_catalog.bool"
	}
	if o.Array {
		return serverArrayType
	}
	return serverType
}

// bind gives a literal, a parameter or NULL a sealed role. It is false, and has
// done nothing, for any other expression. typed says that a bare NULL needs a
// type.
func (a *analysis) bind(n *pg.Node, op Operand, typed bool) bool {
	n, casts := withoutCasts(a.signed(n))
	constant, param := n.GetAConst(), n.GetParamRef()
	if array := n.GetAArrayExpr(); array != nil && op.Column.Type.IsArray() && !op.Array {
		return a.bindArray(array, casts, &op)
	}
	if f := n.GetFuncCall(); f != nil {
		return len(casts) == 0 && a.bindMade(f, &op) || a.bindSplit(f, casts, &op) || a.bindMoment(f, casts, &op) || a.bindCalled(n, casts, &op)
	}
	if n.GetAExpr() != nil {
		return a.bindNullIf(n, casts, &op) || a.bindJoined(n, casts, &op)
	}
	if constant == nil && param == nil {
		return false
	}
	at := constant.GetLocation()
	if param != nil {
		at = param.Location
	}
	switch {
	case op.Null != nil && slices.ContainsFunc(casts, func(c *pg.TypeCast) bool { to, ok := a.typeNamed(c.TypeName); return !ok || !isText(to.whole()) }):
		a.fail(refuseValueCast(op.Column, at)) // an argument of EXECUTE that is not the text as it stands
		return true
	case a.persistent && (param != nil || !constant.Isnull):
		a.fail(refusePersistent(op.Column, at))
		return true
	case len(casts) > 0 && !a.via(casts, param != nil, &op, at):
		return true
	case param != nil:
		a.use(param, &op)
	case constant.Isnull:
		if typed {
			a.insert(int(at)+len("NULL"), "::"+serverType)
		}
	default:
		a.literal(constant, &op)
	}
	a.operands = append(a.operands, &op)
	return true
}

// bindArray gives ARRAY[…] a sealed role.
func (a *analysis) bindArray(x *pg.A_ArrayExpr, casts []*pg.TypeCast, op *Operand) bool {
	v, end, ok := a.arrayConstructor(x, op, len(casts) > 0)
	switch {
	case !ok:
		return false
	case a.persistent:
		a.fail(refusePersistent(op.Column, x.Location))
		return true
	case len(casts) > 0 && !a.via(casts, false, op, x.Location):
		return true
	}
	a.edit(int(x.Location), end, "", v)
	a.note(op.verb(), op.Column, "an array", x.Location)
	return true
}

// withoutCasts takes the casts off a value, the outermost first.
func withoutCasts(n *pg.Node) (*pg.Node, []*pg.TypeCast) {
	var casts []*pg.TypeCast
	for n.GetTypeCast() != nil {
		c := n.GetTypeCast()
		n = c.Arg
		if c.Location < 0 && n.GetAConst().GetBoolval() != nil {
			break // how the grammar spells TRUE
		}
		casts = append(casts, c)
	}
	return n, casts
}

// via reads the casts around a value, the outermost first, and makes them casts
// to what the server gets. param: it is a parameter.
func (a *analysis) via(casts []*pg.TypeCast, param bool, op *Operand, at int32) bool {
	if !a.readCasts(casts, param, op, at) {
		return false
	}
	a.editCasts(casts, op, at)
	return a.err == nil
}

// editCasts makes casts around a value at a place casts to what the server gets.
func (a *analysis) editCasts(casts []*pg.TypeCast, op *Operand, at int32) {
	for _, c := range casts {
		if c.Location < 0 { // type 'literal': the type stands before it
			a.edit(int(c.TypeName.Location), int(at), "", nil)
			if i := a.tokenAt(at); len(c.TypeName.Typmods) > 0 && i >= 0 && last(names(c.TypeName.Names)) == "interval" {
				// interval '1' day
				if end := a.intervalFields(i + 1); end > i+1 {
					a.edit(int(a.tokens[i].end), int(a.tokens[end-1].end), "", nil)
				}
			}
		} else {
			a.replaceType(c.TypeName, op.serverType(), op.Column, at)
		}
	}
}

// readCasts reads the casts around a value into its operand.
func (a *analysis) readCasts(casts []*pg.TypeCast, param bool, op *Operand, at int32) bool {
	types, ok := a.castTypes(casts, param, op, at)
	if !ok {
		return false
	}
	outermost := types[len(types)-1].OID
	var refusal *Refusal
	switch {
	case op.Array && len(types) > 1, op.Via != nil && (op.Site.argument == 0 || op.Array && !sameFamily(outermost, op.Via.OID)):
		refusal = refuseValueCast(op.Column, at)
	case op.Via != nil && op.Array:
		refusal = a.checked(op, outermost)
	case op.Via != nil: // the type of the prepared statement's parameter
		refusal = op.checkArgument(outermost, a.literals)
		if !sameFamily(outermost, op.Via.OID) {
			types = append(types, *op.Via)
		}
	default:
		refusal = a.checked(op, outermost)
	}
	if refusal != nil {
		a.fail(refusal)
		return false
	}
	var then []Step
	for _, t := range types[1:] {
		then = append(then, Step{Type: t})
	}
	if op.Site.casted = true; !op.Array {
		then = append(then, op.Then...)
	}
	op.Via, op.Then = &types[0], then
	return true
}

// castTypes are the types that casts around a value give it, one after the other. The
// first is that of a parameter, if it has no other.
func (a *analysis) castTypes(casts []*pg.TypeCast, param bool, op *Operand, at int32) (types []logical.Type, ok bool) {
	for _, c := range slices.Backward(casts) {
		named, ok := a.typeNamed(c.TypeName)
		if !ok || op.Array && !named.array {
			a.fail(refuseValueCast(op.Column, at))
			return nil, false
		}
		to := named.Type // of the elements
		if !op.Array {
			to = named.whole()
		}
		if n := len(types); n > 0 && a.ownCast(types[n-1], to) {
			a.fail(refuseOwnCast(op.Column, at, types[n-1].OID))
			return nil, false
		}
		if n := len(types); n > 0 && (types[n-1] == to || isText(types[n-1]) && (n > 1 || !param)) {
			types[n-1] = to // the inner cast changes nothing
		} else {
			types = append(types, to)
		}
	}
	if len(casts) > 0 {
		op.Site.cast, _ = a.anchor(casts[len(casts)-1].Location)
	}
	for i := 1; i < len(types); i++ {
		if refusal := op.refusal(types[i].CheckOID(types[i-1].OID, logical.Cast), op.Site.cast, a.literals); refusal != nil {
			a.fail(refusal)
			return nil, false
		}
	}
	return types, true
}

// isText says whether a cast of a bare string to the type changes nothing.
func isText(t logical.Type) bool {
	return (t.OID == logical.OIDText || t.OID == logical.OIDVarchar) && t.Typmod < 0
}

func (a *analysis) replaceType(t *pg.TypeName, with string, c *catalog.SealedColumn, at int32) {
	end := a.typeEnd(t.Location)
	if end < 0 {
		a.fail(refuseValueCast(c, at))
		return
	}
	a.edit(int(t.Location), end, with, nil)
}

// literal seals one literal.
func (a *analysis) literal(c *pg.A_Const, op *Operand) {
	i := a.tokenAt(c.Location)
	if i < 0 {
		a.fail(refuseValue(op.Column, c.Location))
		return
	}
	v := &value{operand: op, literal: -1}
	end := i
	switch {
	case c.GetBoolval() != nil && a.tokens[i].kind == tokenIdentifier:
		v.keyword = "false"
		if c.GetBoolval().Boolval {
			v.keyword = "true"
		}
	case c.GetBsval() != nil && a.tokens[i].kind == tokenBits:
		v.keyword, v.bits = bits(c.GetBsval().Bsval), true
	case c.GetSval() != nil && a.tokens[i].kind.isString():
	case c.GetIval() != nil || c.GetFval() != nil:
		if i, end, v.negative = a.signedNumber(i); i < 0 {
			a.fail(refuseValue(op.Column, c.Location))
			return
		}
	default:
		a.fail(refuseValue(op.Column, c.Location))
		return
	}
	if from := a.castsLiteral(c, op); from != 0 {
		a.fail(refuseOwnCast(op.Column, c.Location, from))
		return
	}
	if v.keyword == "" {
		v.literal = int32(a.literalAt(a.tokens[i].start))
	}
	a.edit(int(c.Location), int(a.tokens[end].end), "", v)
	what := "a literal"
	if op.Array {
		what = "the elements of a literal"
	}
	a.note(op.verb(), op.Column, what, c.Location)
}

// signedNumber finds the number of a constant that begins at token i, with its
// signs and brackets: - ( 5 ). number is negative if there is none.
func (a *analysis) signedNumber(i int) (number, end int, negative bool) {
	open := 0
	for ; i >= 0 && i < len(a.tokens); i++ {
		switch {
		case a.is(i, "-"):
			negative = !negative
		case a.is(i, "+"):
		case a.is(i, "("):
			open++
		case a.tokens[i].kind == tokenInteger || a.tokens[i].kind == tokenFloat:
			for end = i; open > 0; open-- {
				if end++; !a.is(end, ")") {
					return -1, 0, false
				}
			}
			return i, end, negative
		default:
			return -1, 0, false
		}
	}
	return -1, 0, false
}

// signed makes a sign in front of a number part of the number where PostgreSQL has an
// operator: +5, and -5::bigint, which is -(5::bigint). It gives back any other expression.
func (a *analysis) signed(n *pg.Node) *pg.Node {
	inner, outer := withoutCasts(n)
	x := inner.GetAExpr()
	if x.GetKind() != pg.A_Expr_Kind_AEXPR_OP || x.Lexpr != nil || len(x.Name) != 1 {
		return n
	}
	number, casts := withoutCasts(a.signed(x.Rexpr))
	c, sign := number.GetAConst(), last(names(x.Name))
	if c.GetIval() == nil && c.GetFval() == nil || sign != "+" && (sign != "-" || !a.negates(c, casts)) {
		return n
	}
	if i, _, _ := a.signedNumber(a.tokenAt(x.Location)); i < 0 {
		return n
	}
	n = &pg.Node{Node: &pg.Node_AConst{AConst: &pg.A_Const{Val: c.Val, Location: x.Location}}}
	for _, c := range slices.Backward(append(outer, casts...)) {
		n = &pg.Node{Node: &pg.Node_TypeCast{TypeCast: &pg.TypeCast{Arg: n, TypeName: c.TypeName, Location: c.Location}}}
	}
	return n
}

// allSigned is signed of each of a list.
func (a *analysis) allSigned(items []*pg.Node) []*pg.Node {
	all := make([]*pg.Node, len(items))
	for i, n := range items {
		all[i] = a.signed(n)
	}
	return all
}

// negates says whether the negative of a number that is cast is the negative number, cast
// in the same way. The number steers the plan.
func (a *analysis) negates(c *pg.A_Const, casts []*pg.TypeCast) bool {
	largest := map[uint32]int32{logical.OIDInt2: math.MaxInt16, logical.OIDInt4: math.MaxInt32, logical.OIDInt8: math.MaxInt32}
	for _, cast := range casts {
		to, ok := a.typeNamed(cast.TypeName)
		most, whole := largest[to.OID]
		fits := whole && c.GetIval() != nil && c.GetIval().Ival >= 0 && c.GetIval().Ival <= most
		if !ok || to.array || !fits && to.OID != logical.OIDNumeric {
			return false
		}
	}
	a.steer(c.Location)
	return len(casts) > 0
}

// use is one use of a parameter: in a sealed role, or a plain one (nil).
type use struct {
	client     int // from 1
	start, end int
	operand    *Operand
	neutral    bool // IS NULL: any of the value's roles will do
	// deduces is the type that the use gives to a value without one, 0 where
	// that is not known here.
	deduces uint32
	// group, if not 0, is shared by uses that get their types together, when all
	// of them have been read; bare: what gets a type is the parameter itself.
	group int
	bare  bool
	// after is text behind the parameter, which is $n in it; afterAt is where, 0 for right
	// behind.
	after   string
	afterAt int
	read    int // orders uses as PostgreSQL reads them
}

// useNeutral is a use for which it does not matter whether the value is sealed.
func (a *analysis) useNeutral(p *pg.ParamRef) {
	before := len(a.uses)
	a.use(p, nil)
	if len(a.uses) > before {
		a.uses[before].neutral = true
	}
}

func (a *analysis) use(p *pg.ParamRef, op *Operand) {
	i := a.tokenAt(p.Location)
	switch {
	case p.Number < 1 || p.Number > maxParams:
		a.fail(refuseNoParameter(int(p.Number), p.Location))
		return
	case i < 0 || a.tokens[i].kind != tokenParameter:
		a.fail(refuseDefect())
		return
	}
	u := use{read: a.nextUse(), client: int(p.Number), start: int(a.tokens[i].start), end: int(a.tokens[i].end), operand: op}
	if op != nil {
		u.deduces = op.Inferred()
	}
	a.uses = append(a.uses, u)
	if op != nil {
		what := "parameter $" + strconv.Itoa(int(p.Number))
		if op.Array {
			what = "the elements of " + what
		}
		a.note(op.verb(), op.Column, what, p.Location)
	}
}

// Inferred is the type that PostgreSQL would infer for a parameter in the role.
func (o *Operand) Inferred() uint32 {
	if o.Base != 0 {
		return o.Base
	}
	t := o.Column.Type
	if o.Role.Compares() || o.Beside != notBeside {
		t = t.Shown() // a domain is compared as its base type, and chosen as that
	}
	if o.Via != nil {
		t = *o.Via
	} else if o.Role.Compares() && !o.Listed {
		t = t.Compared()
	}
	if o.Array {
		return t.ArrayOID()
	}
	return t.OID
}

// sameAs says whether one server value serves both roles.
func (o *Operand) sameAs(other *Operand) bool {
	if o == nil || other == nil {
		return o == other
	}
	if o.Column != other.Column || o.Role != other.Role || o.Array != other.Array || (o.Via == nil) != (other.Via == nil) {
		return false
	}
	if (o.Null == nil) != (other.Null == nil) || o.Null != nil && *o.Null != *other.Null {
		return false
	}
	if (o.Pattern == nil) != (other.Pattern == nil) || o.Pattern != nil && *o.Pattern != *other.Pattern {
		return false
	}
	if o.Records != other.Records || o.Listed != other.Listed || o.Unsure != other.Unsure || o.Compared != other.Compared || o.Beside != other.Beside || o.Base != other.Base || o.Split != other.Split || o.Nulled != other.Nulled || !slices.Equal(o.Then, other.Then) {
		return false
	}
	return o.Via == nil || *o.Via == *other.Via
}

// maxParams is the most parameters that Bind can carry.
const maxParams = 65535

// parameters numbers the server's parameters of the statement just analysed,
// and edits those in sealed roles. A value keeps its number in its plain role,
// or else in its first; the other roles come behind all of the client's.
// There are at least least of the client's.
func (a *analysis) parameters(least int) (params []Param, client int) {
	slices.SortStableFunc(a.uses, func(u, v use) int { return u.read - v.read })
	sealed := false
	client = least
	for _, u := range a.uses {
		client = max(client, u.client)
		sealed = sealed || u.operand != nil
	}
	for _, h := range a.hidden {
		client = max(client, h.client)
	}
	asks := a.mode != Kept && a.asksLater() && len(a.asked) > 0 && a.stmt.Stmt.GetCopyStmt() == nil
	if !sealed && !asks && a.hidden == nil {
		return nil, client
	}
	params = make([]Param, client)
	for i := range params {
		params[i].Client = i
	}
	taken := make([]bool, client)
	for _, u := range a.uses {
		taken[u.client-1] = taken[u.client-1] || !u.neutral && u.operand == nil
	}
	by := a.byParameter(client)
	for i := range params {
		if taken[i] {
			params[i].Infer, params[i].Deduced = by.deduce(i + 1)
		}
	}
	for _, u := range a.uses {
		if u.operand != nil {
			number := serverParameter(&params, taken, u, client)
			a.edits = append(a.edits, edit{start: u.start, end: u.end, text: "$" + strconv.Itoa(number) + "::" + u.operand.serverType(), operand: true})
			if u.after != "" {
				e := edit{start: max(u.end, u.afterAt), text: strings.Replace(u.after, "$n", "$"+strconv.Itoa(number), 1)}
				e.end, e.again = e.start, e.text != u.after
				a.edits = append(a.edits, e)
			}
		}
	}
	for _, u := range a.uses {
		if u.neutral && u.operand == nil && params[u.client-1].Operand != nil {
			a.testNull(u, params)
		}
	}
	if asks {
		for i := range a.asked {
			x := &a.asked[i]
			if x.parts != nil {
				continue
			}
			params = append(params, Param{Client: -1, Answer: x.answer, Operand: x.operand})
			if x.def != nil {
				e := &a.edits[x.edit]
				e.text, e.operand = "$"+strconv.Itoa(len(params))+"::"+serverType, true
				continue
			}
			a.edits = append(a.edits, edit{start: x.start, end: x.end, text: "$" + strconv.Itoa(len(params)) + "::" + x.operand.serverType(), operand: true})
		}
	}
	a.hide(params)
	for i := range a.formulas {
		u := &a.formulas[i]
		a.placeFormula(u, func(op *Operand, answer int) edit {
			params = append(params, Param{Client: -1, Answer: answer, Operand: op})
			return edit{start: u.start, end: u.start, text: "$" + strconv.Itoa(len(params)) + "::" + op.serverType(), operand: true}
		})
	}
	if len(params) > maxParams {
		a.fail(refuseDefect())
	}
	return params, client
}

func serverParameter(params *[]Param, taken []bool, u use, client int) int {
	own := &(*params)[u.client-1]
	if !taken[u.client-1] {
		taken[u.client-1] = true
		own.Operand = u.operand
		return u.client
	}
	if own.Operand.sameAs(u.operand) {
		return u.client
	}
	for i := client; i < len(*params); i++ {
		if p := &(*params)[i]; p.Client == u.client-1 && p.Operand.sameAs(u.operand) {
			return i + 1
		}
	}
	*params = append(*params, Param{Client: u.client - 1, Operand: u.operand})
	return len(*params)
}

// store analyses an expression that becomes the value of a sealed column.
func (a *analysis) store(n *pg.Node, to target, sc *scope) {
	c := to.sealed
	if d := n.GetSetToDefault(); a.err != nil || d != nil {
		a.defaultWord(d, to)
		return
	}
	if c.Broken != "" {
		a.fail(refuseBroken(c, location(n)))
		return
	}
	if !n.GetAConst().GetIsnull() && onlyNull(n) { // which is a text
		if r := a.checked(&Operand{Column: c, Role: Store, Site: a.storing(n, to.name)}, logical.OIDText); r != nil {
			a.fail(r)
			return
		}
	}
	if a.storeSelected(n, to, sc) {
		return
	}
	if a.choosesByRange(n, sc) && a.storeFormula(n, to, sc) || a.storeSubqueries(n, to, sc) {
		return
	}
	if e := a.peek(n, sc); e != nil {
		if a.storeFormulaOf(e, n, to, sc) {
			return
		}
		if (e.column != c || e.converted()) && a.storeCopied(n, to, sc) {
			return
		}
		if e.column != c {
			a.fail(refuseStoreOther(c, e.column, e.at))
			return
		}
		if e.converted() || e.ref != nil && e.ref.shown != nil || e.made != nil && e.made.node.GetFuncCall() != nil {
			a.fail(refuseStore(c, e.at))
			return
		}
		op := Operand{Column: c, Role: Store, Site: a.storing(n, to.name)}
		if len(e.casts) > 0 {
			op.Via = &c.Type
		}
		a.carry(c)
		a.settle(e, op)
		a.dropOwnCasts(e)
		if e.grouped {
			a.anyOfGroup(e)
		}
		return
	}
	if a.give(n, Operand{Column: c, Role: Store, Site: a.storing(n, to.name)}, sc) || a.storeChoice(n, to, sc) || a.storeTyped(n, to, sc) || a.storeOrComputed(n, to, sc) || a.storeNullIf(n, to) || a.storeNot(n, to, sc) ||
		a.computed(n, Operand{Column: c, Role: Store, Site: a.storing(n, to.name)}, sc) || a.storeFormula(n, to, sc) || a.storeCopied(n, to, sc) {
		return
	}
	a.plain(n, sc)
	a.fail(refuseStore(c, location(n)))
}

// dropOwnCasts takes casts to exactly the column's own type out of the text.
func (a *analysis) dropOwnCasts(e *sealedExpr) {
	for _, c := range e.casts {
		to, ok := a.typeNamed(c.TypeName)
		if !ok || to.whole() != e.column.Type {
			a.fail(refuseCast(e.column, e.at))
			return
		}
		a.dropCast(c, e)
	}
}
