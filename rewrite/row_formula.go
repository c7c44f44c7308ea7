package rewrite

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// foundRow is the row that a statement can change: the one with a primary key, or one of
// several.
type foundRow struct {
	into *item
	only bool // ONLY: not the rows of children
	// key is what the columns are compared with that find it: those of the primary key, or
	// others that are unique.
	key     map[string]*pg.Node
	columns []string
	// sought are the values of sealed columns among them.
	sought map[*catalog.SealedColumn]*value
	// rows, if not nil and there is no key, finds any number of them.
	rows *rowConditions
	// ranges are conditions that the session computes, of rows.
	ranges []*pg.Node
	// reads: the rows are not changed, so that they are not locked.
	reads bool
	// excluded, if not nil, is the row that ON CONFLICT has not inserted; given are
	// its values, by their columns' names.
	excluded *item
	given    map[string]*pg.Node
}

// RowMarker stands in the error of a statement that was to store what has been computed
// of values that its row does not have any more.
const RowMarker = "pgseal_row_changed"

// formulaUse is a formula in the place of an expression.
type formulaUse struct {
	start, end int // bytes
	row        *foundRow
	columns    []*Formula // of the row
	keys       []*Formula // what tells it from others, nil for the columns
	cell       string     // SQL of the one column, if the statement has it from a query inside
	group      string     // SQL of what a group has, if it is a condition on groups
	before     string     // what stands before it in the place of a star, and behind
	behind     string
	image      int // the answer that is what the row has in plain columns, 0 for none
	operand    *Operand
}

// formulaDraft is a formula in the making.
type formulaDraft struct {
	computation           // its tokens
	row         *foundRow // that is changed; nil for an output
	scope       *scope
	params      []*pg.ParamRef // but for those that stand in VALUES
	calls       []formulaCalled
	named       []string // functions that the server calls, without a schema
	operated    []operated
	casted      []*Formula // what the client casts
	compared    []*Formula // what compares its Args
	aggregates  []*formulaAggregated
	windows     []*Formula // window functions
	plain       []*pg.Node // what the server sorts by in their windows
	windowed    bool       // what is read stands in a window function
	collects    bool       // what is read stands in an aggregate
	decides     bool       // it is a condition on the row
	bound       bool       // its literals are read when the plan is applied to a text
	collates    string     // what COLLATE names in it; two names may be a mistake
}

// foundBy is the row that the conditions of an UPDATE find, without a key if there can
// be more than one, and without rows if those cannot be asked for; nil if the server is not asked in front of the statement.
func (a *analysis) foundBy(s *pg.UpdateStmt, into *item, sc *scope) *foundRow {
	if a.stmt.Stmt.GetUpdateStmt() != s || s.WithClause != nil || a.persistent || a.mode == Kept || into.relation == nil {
		return nil
	}
	found := &foundRow{into: into, only: !s.Relation.Inh, columns: into.relation.Key, key: a.keyConstants(s.WhereClause, into, sc)}
	if found.key != nil && len(conjuncts(nil, s.WhereClause)) == len(found.columns) {
		return found
	}
	// What is computed of a row that other conditions leave out could fail.
	if found.rows = a.foundRows(s, into, sc); found.rows != nil {
		found.key = nil
	}
	return found
}

// foundByInsert is the row that an INSERT of one row can find a conflict with, by columns
// that are unique.
func (a *analysis) foundByInsert(s *pg.InsertStmt, into, excluded *item) *foundRow {
	values := s.SelectStmt.GetSelectStmt().GetValuesLists()
	if a.stmt.Stmt.GetInsertStmt() != s || s.WithClause != nil || a.persistent || a.mode == Kept || into.relation == nil || into.open || len(values) == 0 {
		return nil
	}
	found := &foundRow{into: into, excluded: excluded, given: map[string]*pg.Node{}}
	for i, n := range values[0].GetList().GetItems() {
		switch {
		case i < len(s.Cols):
			found.given[s.Cols[i].GetResTarget().GetName()] = n
		case len(s.Cols) == 0 && i < len(into.columns):
			found.given[into.columns[i].name] = n
		}
	}
	infer := s.OnConflictClause.GetInfer()
	if len(values) != 1 || infer.GetWhereClause() != nil { // of a partial index there can be several
		return found
	}
	key := map[string]*pg.Node{}
	for _, e := range infer.GetIndexElems() {
		name := e.GetIndexElem().GetName()
		if n := found.given[name]; n != nil && isConstant(n) {
			key[name], found.columns = n, append(found.columns, name)
		}
	}
	if len(key) > 0 && len(key) == len(infer.GetIndexElems()) {
		found.key = key
	}
	return found
}

// storeFormula stores what is computed of columns of the row that is changed:
// c = c + 1. It is false, and has done nothing, for any other expression.
func (a *analysis) storeFormula(n *pg.Node, to target, sc *scope) bool {
	if a.found == nil || a.err != nil {
		return false
	}
	d := &formulaDraft{computation: computation{first: len(a.tokens), last: -1}, row: a.found, scope: sc}
	f := a.formula(n, d)
	if f == nil || !a.brackets(&d.computation) || !a.reads(n, &d.computation) {
		return false
	}
	if len(f.columns(nil)) == 0 || len(sc.items) > 1 && hasSubquery(n) { // of other tables' rows, perhaps
		return false
	}
	if f = a.inRowRanges(f, d); f == nil {
		return false
	}
	columns := f.columns(nil)
	switch {
	case d.row.key == nil && d.row.rows == nil:
		a.fail(refuseFormulaRows(to.sealed, location(n), d.row))
		return true
	}
	if !a.settleCalls(d) {
		return a.err != nil
	}
	if made := f.TypeOf(f.givenType); a.ownCast(logical.Type{OID: made}, to.sealed.Type) {
		a.fail(refuseOwnCast(to.sealed, location(n), made))
		return true
	}
	asks := make([][]sqlPart, len(columns))
	for i, c := range columns {
		ok := true
		if d.row.key == nil {
			asks[i] = d.row.asksForRows(columns)
		} else if asks[i], ok = a.asksFor(d.row, d.row.cell(rowName, c)); !ok {
			return false
		}
	}
	op := &Operand{Column: to.sealed, Role: Store, Site: a.storing(n, to.name), Formula: f}
	use := formulaUse{start: int(a.tokens[d.first].start), end: int(a.tokens[d.last].end), row: d.row, columns: columns, operand: op}
	op.OfRows = d.row.key == nil
	if image := use.plainImage(rowName); image != "" && !op.OfRows {
		parts, _ := a.asksFor(d.row, image)
		use.image = a.asksForFormula(parts, op, use)
	}
	for i, c := range columns {
		c.Answer, c.Image, c.Cell = a.asksForFormula(asks[i], op, use), use.image, i
	}
	f.number(columns)
	a.takeParams(op, d.params)
	a.putFormula(use)
	for _, c := range columns {
		if c.Kind == PlainValue {
			continue
		}
		a.note("open", c.Column, "the row's value", int32(use.start))
	}
	a.note("seal", to.sealed, "what is computed of the row's values", int32(use.start))
	return true
}

// number gives all uses of a column the number of its answer.
func (f *Formula) number(columns []*Formula) {
	for _, c := range columns {
		if f.sameColumn(c) {
			f.Answer, f.Image, f.Cell = c.Answer, c.Image, c.Cell
		}
	}
	if f.hasOwnRow() {
		return
	}
	for _, arg := range f.Args {
		arg.number(columns)
	}
}

// formula reads an expression; nil for one that is no formula.
func (a *analysis) formula(n *pg.Node, d *formulaDraft) *Formula {
	if a.flat.isMoved(n) {
		return a.formulaMoved(n, d)
	}
	return a.formulaOf(n, d)
}

// formulaOf is formula for what stands in the text where it is read.
func (a *analysis) formulaOf(n *pg.Node, d *formulaDraft) *Formula {
	switch x := n.GetNode().(type) {
	case *pg.Node_ColumnRef:
		return a.formulaColumn(x.ColumnRef, d)
	case *pg.Node_ParamRef:
		i := a.tokenAt(x.ParamRef.Location)
		if a.mode == Simple || x.ParamRef.Number < 1 || x.ParamRef.Number > maxParams || !d.covers(i, i) {
			return nil
		}
		d.params = append(d.params, x.ParamRef)
		return &Formula{Kind: ParameterValue, Client: int(x.ParamRef.Number) - 1, wild: a.wildParams}
	case *pg.Node_AConst:
		return a.formulaLiteral(x.AConst, d)
	case *pg.Node_AExpr:
		return a.formulaOperation(x.AExpr, d)
	case *pg.Node_BoolExpr:
		if x.BoolExpr.Boolop != pg.BoolExprType_NOT_EXPR {
			return a.formulaCondition(x.BoolExpr, d)
		}
		i := a.tokenAt(x.BoolExpr.Location)
		if !d.covers(i, i) {
			return nil
		}
		arg := a.formulaDecision(x.BoolExpr.Args[0], d)
		if arg == nil || arg.OfRow() && arg.TypeOf(nil) != logical.OIDBool {
			return nil
		}
		return &Formula{Kind: Inverse, Args: []*Formula{arg}}
	case *pg.Node_AArrayExpr:
		return a.formulaList(x.AArrayExpr, d)
	case *pg.Node_AIndirection:
		return a.formulaSubscript(x.AIndirection, d)
	case *pg.Node_NullTest:
		return a.formulaNullTest(x.NullTest, d)
	case *pg.Node_BooleanTest:
		return a.formulaTruthTest(x.BooleanTest, d)
	case *pg.Node_CaseExpr:
		return a.formulaCase(x.CaseExpr, d)
	case *pg.Node_CoalesceExpr:
		i := a.tokenAt(x.CoalesceExpr.Location)
		if !a.is(i, "coalesce") || !d.covers(i, a.closing(i+1)) {
			return nil
		}
		return a.formulaOfAll(FirstOf, x.CoalesceExpr.Args, d)
	case *pg.Node_MinMaxExpr:
		i := a.tokenAt(x.MinMaxExpr.Location)
		if !a.is(i+1, "(") || !d.covers(i, a.closing(i+1)) {
			return nil
		}
		kind := Greatest
		if x.MinMaxExpr.Op == pg.MinMaxOp_IS_LEAST {
			kind = Least
		}
		f := a.formulaOfAll(kind, x.MinMaxExpr.Args, d)
		if f == nil {
			return nil
		}
		t := f.comparedEnum()
		if t.Def != nil {
			f.placeArgs(t)
		}
		d.compared = append(d.compared, f)
		return f.labelled(t)
	case *pg.Node_FuncCall:
		if f := a.formulaTime(n, d); f != nil {
			return f
		}
		if x.FuncCall.Over != nil {
			f := a.formulaWindow(x.FuncCall, d)
			return f.labelled(f.labels())
		}
		if of, ok := logical.AggregateNamed(last(names(x.FuncCall.Funcname))); ok {
			f := a.formulaAggregate(of, x.FuncCall, d)
			return f.labelled(f.labels())
		}
		if (d.scope.regroups != nil || x.FuncCall.AggDistinct) && last(names(x.FuncCall.Funcname)) == logical.Gathered.String() {
			return a.formulaAggregate(logical.Gathered, x.FuncCall, d)
		}
		return a.formulaCall(x.FuncCall, d)
	case *pg.Node_SqlvalueFunction:
		return a.formulaTime(n, d)
	case *pg.Node_SubLink:
		return a.formulaSubquery(x.SubLink, d)
	case *pg.Node_CollateClause:
		return a.formulaCollated(x.CollateClause, d)
	case *pg.Node_TypeCast:
		to, ok := a.typeNamed(x.TypeCast.TypeName)
		if ok && to.array {
			return a.formulaArrayCast(x.TypeCast, to.whole(), d)
		}
		arg := a.formula(x.TypeCast.Arg, d)
		if arg == nil || !ok || to.Def != nil && !(to.IsEnum() && to.Type == to.Shown() && arg.isUntyped()) || !a.coversCast(x.TypeCast, &d.computation) {
			return nil
		}
		f := &Formula{Kind: CastTo, Type: to.whole(), Args: []*Formula{arg}}
		d.casted = append(d.casted, f)
		return f
	}
	return nil
}

// formulaOfAll is one of any number of values.
func (a *analysis) formulaOfAll(kind FormulaKind, args []*pg.Node, d *formulaDraft) *Formula {
	f := &Formula{Kind: kind}
	for _, n := range args {
		arg := a.formula(n, d)
		if arg == nil {
			return nil
		}
		f.Args = append(f.Args, arg)
	}
	return f
}

// coversCast takes the tokens of a cast's own into a formula.
func (a *analysis) coversCast(x *pg.TypeCast, c *computation) bool {
	if x.Location >= 0 {
		return a.coversType(x, c)
	}
	k := x.Arg.GetAConst()
	if k.GetSval() == nil {
		return false
	}
	first, end := a.tokenAt(x.TypeName.Location), a.tokenAt(k.Location)
	if last(names(x.TypeName.Names)) == "interval" {
		end = a.intervalFields(end+1) - 1 // interval '1' day
	}
	return c.covers(first, end)
}

// formulaColumn is a column of the row.
func (a *analysis) formulaColumn(ref *pg.ColumnRef, d *formulaDraft) *Formula {
	if star, _ := isStar(ref); star {
		return nil
	}
	if d.row == nil {
		return a.shownFormulaColumn(ref, d)
	}
	parts := make([]string, 0, len(ref.Fields))
	for _, f := range ref.Fields {
		parts = append(parts, f.GetString_().GetSval())
	}
	if len(parts) > 1 {
		switch of := qualifiedItem(parts[:len(parts)-1], d.scope); {
		case of == nil || !of.excluded:
		case of == d.row.excluded:
			return a.formulaExcluded(ref, last(parts), d)
		default:
			return nil
		}
	}
	c := a.resolve(ref, d.scope).column
	if c == nil || c.origin.item != d.row.into {
		return nil
	}
	first := a.tokenAt(ref.Location)
	if _, _, ok := a.referenceSpan(ref); !ok || !d.covers(first, first+2*(len(ref.Fields)-1)) {
		return nil
	}
	if t := (logical.Type{OID: c.typ, Typmod: -1}); c.sealed == nil && logical.Supported(c.typ) && !t.IsArray() {
		return &Formula{Kind: PlainValue, Type: t, Name: c.origin.name}
	}
	if c.sealed == nil || c.sealed.Broken != "" || !d.row.has(c.sealed) || c.shown != nil {
		return nil
	}
	return &Formula{Kind: ColumnValue, Column: c.sealed}
}

// formulaExcluded is a sealed column of the row that has not been inserted: what its
// value becomes when it is stored.
func (a *analysis) formulaExcluded(ref *pg.ColumnRef, name string, d *formulaDraft) *Formula {
	c, n := d.row.excluded.column(name), d.row.given[name]
	if c == nil || c.sealed == nil || c.sealed.Broken != "" || !d.row.has(c.sealed) || c.sealed.Type.Def != nil || n == nil || !isConstant(n) {
		return nil
	}
	own := &formulaDraft{computation: computation{first: len(a.tokens), last: -1}, row: d.row, scope: d.scope}
	f := a.formula(n, own)
	first := a.tokenAt(ref.Location)
	if _, _, ok := a.referenceSpan(ref); f == nil || !ok || !d.covers(first, first+2*(len(ref.Fields)-1)) {
		return nil
	}
	return &Formula{Kind: AssignedTo, Column: c.sealed, Args: []*Formula{f}}
}

func (a *analysis) formulaLiteral(k *pg.A_Const, d *formulaDraft) *Formula {
	i := a.tokenAt(k.Location)
	switch {
	case k.Isnull:
		if !d.covers(i, i) {
			return nil
		}
		return &Formula{Kind: NullValue}
	case i < 0:
		return nil
	case k.GetBoolval() != nil:
		if !d.covers(i, i) {
			return nil
		}
		value := []byte{'f'}
		if k.GetBoolval().Boolval {
			value[0] = 't'
		}
		return &Formula{Kind: LiteralValue, text: formulaLiteral{literal: -1, value: value, oid: logical.OIDBool}}
	case k.GetSval() != nil:
		if !a.tokens[i].kind.isString() || !d.covers(i, i) {
			return nil
		}
		return a.literalNamed(i, false, d)
	case k.GetIval() == nil && k.GetFval() == nil:
		return nil
	}
	number, end, negative := a.signedNumber(i)
	if number < 0 || !d.covers(i, end) {
		return nil
	}
	return a.literalNamed(number, negative, d)
}

// literalNamed is the literal that a token is. The plan depends on one in an output.
func (a *analysis) literalNamed(token int, negative bool, d *formulaDraft) *Formula {
	k := a.literalAt(a.tokens[token].start)
	if k < 0 {
		return nil
	}
	f := &Formula{Kind: LiteralValue, text: formulaLiteral{literal: int32(k), negative: negative}}
	switch {
	case !d.bound && (d.row == nil || d.decides):
		d.literals = append(d.literals, a.tokens[token].start)
	case a.mode == Simple:
		return f
	}
	var err error
	f.text.literal = -1
	if f.text.value, f.text.oid, err = literalValue(a.text, a.literals[k], negative); err != nil {
		a.fail(err)
		return nil
	}
	return f
}

// takeParams notes the parameters of a formula. They stand nowhere in the server's text.
func (a *analysis) takeParams(op *Operand, params []*pg.ParamRef) {
	for _, p := range params {
		a.hidden = append(a.hidden, hiddenParam{client: int(p.Number), at: p.Location, column: op.Column})
	}
}

// hiddenParam is a use of a parameter that the session computes with.
type hiddenParam struct {
	client int // from 1
	at     int32
	column *catalog.SealedColumn
}

// hide makes parameters of formulas those whose values the server does not get, but for what
// else the statement does with them.
func (a *analysis) hide(params []Param) {
	for _, h := range a.hidden {
		p := &params[h.client-1]
		if !slices.ContainsFunc(a.uses, func(u use) bool { return u.client == h.client }) {
			p.Hidden = true
		} else {
			p.Read, p.Differs = true, refuseFormulaParam(h.column, h.at, h.client)
		}
	}
}

// putFormula has the statement have the value of a formula in its place: at once, or, where the
// server is asked when it is executed, as a parameter of it.
func (a *analysis) putFormula(u formulaUse) {
	if a.asksLater() {
		a.formulas = append(a.formulas, u)
	} else {
		a.placeFormula(&u, func(op *Operand, answer int) edit {
			return edit{start: u.start, end: u.start, value: &value{operand: op, literal: -1, answer: answer}}
		})
	}
	a.operands = append(a.operands, u.operand)
}

// placeFormula puts the value in the place of the expression. The server takes it only
// if the row has what it was computed of: in a pipeline something else may have changed
// it since it was asked for.
func (a *analysis) placeFormula(u *formulaUse, value func(op *Operand, answer int) edit) {
	if u.operand.OfRows {
		a.placeRows(u, value)
		return
	}
	const fails = " ELSE pg_catalog.current_setting('" + RowMarker + "')::" + serverType + " END"
	if asked := u.operand.Formula.asked(nil); asked != nil {
		at := a.placeAsked(u, value)
		a.insert(at, " THEN ")
		e := value(u.operand, asked[0].Answer)
		e.start, e.end = at, at
		a.edits = append(a.edits, e)
		a.edit(at, u.end, fails, nil)
		return
	}
	condition, row := "CASE WHEN ", quoteName(u.row.into.name)
	has := func(sql string, c *catalog.SealedColumn, answer int) {
		a.insert(u.start, condition+sql+" OPERATOR(pg_catalog.=) ")
		a.edits = append(a.edits, value(&Operand{Column: c, Role: Store, AsAnswered: true}, answer))
		condition = " AND "
	}
	for _, c := range u.columns {
		if c.Kind == ColumnValue {
			has(u.row.cell(row, c), c.Column, c.Answer)
		}
	}
	if u.image > 0 {
		has(u.plainImage(row), u.operand.Column, u.image)
	}
	a.insert(u.start, " THEN ")
	a.edits = append(a.edits, value(u.operand, u.columns[0].Answer))
	a.edit(u.start, u.end, fails, nil)
}

// cell is the SQL of what the row has in a column: of a sealed one its envelope, or an
// empty value for NULL.
func (r *foundRow) cell(row string, c *Formula) string {
	if c.sql != "" {
		return c.sql
	}
	if c.Kind == PlainValue {
		return row + "." + quoteName(c.Name)
	}
	return "COALESCE(" + row + "." + quoteName(r.columnName(c.Column)) + "::" + serverType + ", ''::" + serverType + ")"
}

// plainImage is the SQL of all that the row has in the plain columns, a bytea that is
// never NULL; "" for none.
func (u *formulaUse) plainImage(row string) string {
	var cells []string
	for _, c := range u.columns {
		if c.Kind == PlainValue {
			cells = append(cells, u.row.cell(row, c))
		}
	}
	if cells == nil {
		return ""
	}
	return "pg_catalog.convert_to(ROW(" + strings.Join(cells, ", ") + ")::pg_catalog.text, 'UTF8')"
}

// has says whether a sealed column is one of the relation's, and not something that is
// made of one.
func (r *foundRow) has(c *catalog.SealedColumn) bool { return r.columnName(c) != "" }

// columnName is the name that a sealed column has in the relation.
func (r *foundRow) columnName(c *catalog.SealedColumn) string {
	for _, own := range r.into.relation.Columns {
		if own.Sealed == c {
			return own.Name
		}
	}
	return ""
}

// storeFormulaOf is storeFormula for an expression that is a sealed column's value: of
// another column, or converted.
func (a *analysis) storeFormulaOf(e *sealedExpr, n *pg.Node, to target, sc *scope) bool {
	return (e.column != to.sealed || e.converted()) && a.storeFormula(n, to, sc)
}
