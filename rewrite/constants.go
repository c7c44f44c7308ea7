package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// constants are the literals and parameters that make one output of a VALUES
// list or of a SELECT without more: what becomes of them is decided where the
// output is used. Once they have a sealed role, every use must be the same one.
type constants struct {
	nodes   []*pg.Node // one for each row
	scope   *scope
	operand *Operand // the sealed role, nil for none
	plain   bool     // used as plain values
	read    int      // its place in the order of uses
	// elements: the values are arrays, whose elements make the output: unnest(…).
	elements bool
	// field, if not nil, says that they are not written one by one: they are a member of
	// the objects of a document. The only one of nodes is its type, a cast of nothing.
	field *field
	// united: they are of several queries, put together by UNION.
	united bool
	// unions are the UNIONs without ALL among them; unkeyed: their rows may be equal.
	unions   []term
	unkeyed  bool
	operands []*Operand // of the nodes
	// namesake, if it is sealed, is the column of the table written that has the
	// output's name.
	namesake target
	unused   bool   // but for that
	compared []term // the references that are compared
}

// isConstant says whether an expression is a literal, a parameter or NULL, with
// casts perhaps.
func isConstant(n *pg.Node) bool {
	for n.GetTypeCast() != nil {
		n = n.GetTypeCast().Arg
	}
	return n.GetAConst() != nil || n.GetParamRef() != nil
}

// postpone makes an output of constants.
func (a *analysis) postpone(nodes []*pg.Node, sc *scope) *constants {
	k := &constants{nodes: nodes, scope: sc, read: a.nextUse()}
	a.postponed = append(a.postponed, k)
	return k
}

// settlePostponed makes plain what no use has decided about. Where rows are given for
// UPDATE with all their columns, of which it sets some (bun's Bulk), what nobody uses is
// still a value of the column of its name, which the server must not see.
func (a *analysis) settlePostponed() {
	for _, k := range a.postponed {
		if k.operand == nil && !k.plain && k.namesake.sealed != nil {
			k.unused = true
			a.giveAll(k, Operand{Column: k.namesake.sealed, Role: Store, Site: a.storing(k.nodes[0], k.namesake.name)}, term{})
		}
	}
	a.settleRecords()
	for _, k := range a.postponed {
		if k.operand == nil {
			a.asPlain(k)
		}
	}
	a.postponed = nil
	a.settleMasked()
}

// namesakes finds the outputs beside a table that is written which have the names of its
// sealed columns.
func namesakes(into *item, items []*item) {
	for _, it := range items {
		for i := range it.columns {
			k := it.columns[i].constants
			if own := into.column(it.columns[i].name); k != nil && it != into && own != nil && own.sealed != nil {
				k.namesake = into.target(own)
			}
		}
	}
}

// asPlain is the use of an output as a plain value; k may be nil.
func (a *analysis) asPlain(k *constants) {
	switch {
	case k == nil || k.plain:
	case k.operand != nil:
		a.fail(refuseTwoRoles(k.operand.Column, location(k.nodes[0])))
	default:
		k.plain = true
		if k.field != nil {
			return // the document is no plain value by that
		}
		before := len(a.uses)
		for _, n := range k.nodes {
			a.plain(n, k.scope)
		}
		a.readEarlier(k, before)
	}
}

// readEarlier puts the uses since before, which casts have typed, where PostgreSQL has
// read them: what an output is made of.
func (a *analysis) readEarlier(k *constants, before int) {
	if len(k.nodes) == 1 && k.nodes[0].GetParamRef() != nil {
		return // it has got its type where it is used
	}
	for i := before; i < len(a.uses); i++ {
		a.uses[i].read = k.read
	}
}

// allPlain is the use of all outputs as plain values.
func (a *analysis) allPlain(columns []column) {
	for i := range columns {
		a.asPlain(columns[i].constants)
	}
}

// constantsOf finds the constants behind a reference, or which a subquery gives, nil if
// there are none.
func (a *analysis) constantsOf(n *pg.Node, sc *scope) *constants {
	if s := n.GetSubLink(); s.GetSubLinkType() == pg.SubLinkType_EXPR_SUBLINK {
		if outputs := a.sublink(s, sc); len(outputs) == 1 {
			return outputs[0].constants
		}
		return nil
	}
	ref := n.GetColumnRef()
	if ref == nil {
		return nil
	}
	if c := a.resolve(ref, sc).column; c != nil {
		return c.constants
	}
	return nil
}

// give gives a sealed role to a value: a literal, a parameter, or an output made
// of such, with a cast perhaps. It is false, and has done nothing, for anything
// else.
func (a *analysis) give(n *pg.Node, op Operand, sc *scope) bool {
	if a.bind(n, op, false) {
		return true
	}
	if array := unnested(n); array != nil && isArrayOfConstants(array) {
		op.Array = true
		return a.bindElements(array, op)
	}
	var casts []*pg.TypeCast
	for n.GetTypeCast() != nil {
		casts = append(casts, n.GetTypeCast())
		n = n.GetTypeCast().Arg
	}
	k := a.constantsOf(n, sc)
	if k == nil {
		return false
	}
	if len(casts) > 0 && !a.via(casts, false, &op, location(n)) {
		return true
	}
	var at term
	if ref := n.GetColumnRef(); ref != nil {
		if start, end, ok := a.referenceSpan(ref); ok {
			at = term{start, end}
		}
	}
	a.giveAll(k, op, at)
	return true
}

// giveAll gives all values of an output the same sealed role. at is the reference
// to the output, zero where it is not by a name.
func (a *analysis) giveAll(k *constants, op Operand, at term) {
	switch {
	case a.err != nil:
		return
	case k.operand != nil && k.share(a, op, at):
		return
	case k.plain, k.operand != nil:
		a.fail(refuseTwoRoles(op.Column, location(k.nodes[0])))
		return
	}
	if k.unkeyed && !comparedAsText(&op) {
		a.fail(refuseUnion(op.Column, location(k.nodes[0])))
		return
	}
	a.keepAll(k)
	k.operand = &op
	if op.Role == Equality {
		k.compared = append(k.compared, at)
	}
	before, uses := len(a.operands), len(a.uses)
	defer func() {
		k.operands = a.operands[before:len(a.operands):len(a.operands)]
		a.readEarlier(k, uses)
	}()
	if k.field != nil {
		a.giveField(k, op)
		return
	}
	if k.elements {
		op.Array = true
		for _, n := range k.nodes {
			if array := unnested(n); array != nil {
				n = array
			}
			if !a.bindElements(n, op) {
				a.fail(refuseStore(op.Column, location(n)))
			}
		}
		return
	}
	common, numbers, ok := a.commonType(k, &op)
	if !ok {
		a.fail(refuseMixedList(op.Column, location(k.nodes[0])))
		return
	}
	params := slices.ContainsFunc(k.nodes, isParamRef) // whose types are checked later
	for _, n := range k.nodes {
		own := op
		switch {
		case n.GetTypeCast() != nil && op.Via != nil:
			own.Via = nil // which is the same, or becomes the same
		case n.GetParamRef() != nil:
			own.Beside, own.Base = a.besideOthers(k, &op, common), common.OID
		case op.Via == nil && (n.GetAConst().GetSval() != nil || isNullConstant(n) && !numbers && !params && !k.unused):
			if r := a.checked(&op, common.OID); r != nil {
				a.fail(r)
				return
			}
			if !isNullConstant(n) {
				own.Via = common
			}
		}
		if !a.bind(n, own, true) {
			a.fail(refuseStore(op.Column, location(n)))
		}
	}
}

// share makes an output serve a second role: what is stored has the term by
// which it is compared.
func (k *constants) share(a *analysis, op Operand, at term) bool {
	was := k.operand
	if was.Column != op.Column || (was.Via == nil) != (op.Via == nil) || was.Via != nil && *was.Via != *op.Via {
		return false
	}
	switch {
	case was.Role == op.Role:
		k.compared = append(k.compared, at)
		return true
	case !hasEquality(op.Column), op.Role == Equality && at == term{}, k.unkeyed, !a.storedAsCompared(k, &op):
		return false
	case op.Role == Equality:
		a.compareStored(at)
		for _, o := range k.operands {
			o.Compared = true
		}
		return true
	}
	for _, c := range k.compared {
		if c == (term{}) {
			return false
		}
	}
	for _, c := range k.compared {
		a.compareStored(c)
	}
	for _, o := range k.operands {
		if o.Role, o.Site, o.Compared = Store, op.Site, true; o.Via == nil && !o.Array {
			o.Base = logical.OIDText // as which it was compared
		}
	}
	k.operand = &op
	return true
}

// storedAsCompared says whether values become no others when they are stored: not
// rounded or filled up. Whether one is cut for a varchar is seen when it comes.
func (a *analysis) storedAsCompared(k *constants, op *Operand) bool {
	column := op.Column.Type.Shown()
	if op.Via != nil {
		return op.Via.Shown() == column
	}
	free := column.OID == logical.OIDVarchar || column.Typmod == -1 && column.OID != logical.OIDBpchar
	for _, n := range k.nodes {
		var to logical.Type
		if cast := n.GetTypeCast(); cast != nil {
			named, _ := a.typeNamed(cast.TypeName)
			if to = named.Type.Shown(); named.array && !k.elements {
				to = named.whole()
			}
		}
		integer := n.GetAConst().GetIval() != nil && column.OID != logical.OIDInt2 && isExact(column.OID)
		text := n.GetParamRef() != nil || n.GetAConst().GetSval() != nil
		if !isNullConstant(n) && to != column && (!free || !text && !integer && !sameFamily(to.OID, column.OID)) {
			return false
		}
	}
	return true
}

// compareStored compares a value that is stored by the term inside it.
func (a *analysis) compareStored(at term) {
	a.insert(at.start, "pgseal.eq(")
	a.insert(at.end, ")")
}

// besideOthers says which types a parameter can be declared as, so that the others of
// the output are what they are without it.
func (a *analysis) besideOthers(k *constants, op *Operand, common *logical.Type) beside {
	switch textual := sameFamily(common.OID, logical.OIDText); {
	case op.Via != nil:
		return notBeside
	case !textual || !isCharacter(op.Column.Type.Shown()):
		return besideSame
	case len(k.nodes) > 1 && op.Role == Equality && op.Column.Type.Shown().OID == logical.OIDBpchar:
		return besideBase // as which it is compared
	case len(k.nodes) > 1:
		return besideTexts
	}
	return notBeside
}

// commonType is the type that PostgreSQL gives to the bare strings of an
// output: that of the other rows, or else text, but where those are numbers. ok is
// false where it depends on more than is known here.
func (a *analysis) commonType(k *constants, op *Operand) (common *logical.Type, numbers, ok bool) {
	text := &logical.Type{OID: logical.OIDText, Typmod: -1}
	strings, params := false, false
	for _, n := range k.nodes {
		var to logical.Type
		switch kind, _ := a.constantKind(n); {
		case n.GetParamRef() != nil:
			params = true
		case kind == stringConstant:
			strings = true
		case kind == numberConstant:
			numbers = true
		case kind == boolConstant:
			to.OID = logical.OIDBool
		case n.GetTypeCast() != nil:
			named, known := a.typeNamed(n.GetTypeCast().TypeName)
			if to = named.whole(); !known {
				return nil, numbers, false
			}
		}
		if to.OID != 0 {
			if common != nil && common.OID != to.OID {
				return nil, numbers, false
			}
			common = &logical.Type{OID: to.OID, Typmod: -1, Def: to.Def}
		}
	}
	if common == nil {
		common = text
	} else if numbers {
		return nil, numbers, false
	}
	if op.Via != nil { // cast explicitly
		if numbers { // of whatever type, by way of a wider one perhaps
			return common, numbers, isNumber(op.Via.OID) && !strings && !params
		}
		if common.OID == logical.OIDBool && !strings && !params {
			return common, numbers, true
		}
		return common, numbers, isText(*common) || common.OID == op.Via.OID || op.Role == Store && assignedAlike(*common, *op.Via, op.Column.Type)
	}
	textual := sameFamily(common.OID, logical.OIDText) && sameFamily(op.Column.Type.OID, logical.OIDText)
	same := !strings && op.Column.Type.Def == nil && (common.OID == op.Column.Type.OID || isText(*common))
	return common, numbers, !(numbers && strings) && !(params && (numbers || !textual && !same))
}

func isNumber(oid uint32) bool {
	switch oid {
	case logical.OIDInt2, logical.OIDInt4, logical.OIDInt8, logical.OIDNumeric, logical.OIDFloat4, logical.OIDFloat8:
		return true
	}
	return false
}
