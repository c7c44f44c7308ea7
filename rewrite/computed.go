package rewrite

import (
	"bytes"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/catalog"
)

// A value that the server computes from nothing of the client's (now(),
// CURRENT_DATE + 7, gen_random_uuid()) it is asked for in front of the statement,
// in the same transaction; the answer is sealed and stands in the place of the
// expression. See docs/decisions/0016-computed-values.md.

// volatility says when the server would compute an expression anew.
type volatility uint8

const (
	// ofTransaction: the same all through the transaction, or the session.
	ofTransaction volatility = iota
	// ofStatement: the same all through a statement.
	ofStatement
	// ofRow: another one each time.
	ofRow
)

// evaluation says how often the expressions being analysed are evaluated.
type evaluation uint8

const (
	oftenEvaluated  evaluation = iota // or not at all
	onceEvaluated                     // at most
	surelyEvaluated                   // once
)

// computing is what can stand in a computed expression: the functions, and which
// of their arguments can be strings. They tell the function what to do and are no
// part of a value.
type computing struct {
	volatility volatility
	source     bool // it computes from nothing, and so makes an expression worth asking for
	anywhere   bool // it belongs to an extension, in whatever schema
	strings    uint8
	counts     bool // that it has been called can be noticed
	// content says which strings; nil for any.
	content func(s []byte) bool
}

var computingFunctions = map[string]computing{
	"now":                   {source: true},
	"transaction_timestamp": {source: true},
	"statement_timestamp":   {source: true, volatility: ofStatement},
	"clock_timestamp":       {source: true, volatility: ofRow},
	"current_database":      {source: true},
	"current_schema":        {source: true},
	"current_setting":       {source: true, strings: 1<<0 | 1<<1},
	"gen_random_uuid":       {source: true, volatility: ofRow},
	"uuidv4":                {source: true, volatility: ofRow},
	"uuidv7":                {source: true, volatility: ofRow},
	"uuid_generate_v1":      {source: true, volatility: ofRow, anywhere: true},
	"uuid_generate_v1mc":    {source: true, volatility: ofRow, anywhere: true},
	"uuid_generate_v4":      {source: true, volatility: ofRow, anywhere: true},
	"gen_random_bytes":      {source: true, volatility: ofRow, anywhere: true},
	"random":                {source: true, volatility: ofRow},
	"nextval":               {source: true, volatility: ofRow, strings: 1 << 0, counts: true},
	"timezone":              {strings: 1 << 0},
	"date_trunc":            {strings: 1<<0 | 1<<2},
	"date_part":             {strings: 1 << 0},
	"extract":               {strings: 1 << 0},
	"make_interval":         {},
	"date":                  {},
	"floor":                 {},
	"ceil":                  {},
	"round":                 {},
	"trunc":                 {},
	"md5":                   {},
	"upper":                 {},
	"lower":                 {},
	"left":                  {},
	"right":                 {},
	"substr":                {},
	"substring":             {},
	"encode":                {strings: 1 << 1},
	"replace":               {strings: 1<<1 | 1<<2, content: isDash},
	"to_char":               {strings: 1 << 1, content: isTimeFormat},
}

// isDash lets replace(gen_random_uuid()::text, '-', ”) stand.
func isDash(s []byte) bool { return len(s) == 0 || string(s) == "-" }

// isTimeFormat lets stand what is nothing but fields of a time and signs between
// them: anything else in a format would be a part of the value.
func isTimeFormat(s []byte) bool {
	rest := strings.NewReplacer("YYYY", "", "YY", "", "MM", "", "DD", "", "HH24", "", "HH12", "", "HH", "", "MI", "", "SS", "", "MS", "", "US", "",
		"IYYY", "", "IW", "", "AM", "", "PM", "", "TZ", "").Replace(string(s))
	return strings.Trim(rest, " -/:.,T") == ""
}

// clockFunctions and clockWords are what tells the time.
var (
	clockFunctions = []string{"now", "transaction_timestamp", "statement_timestamp", "clock_timestamp", "timeofday"}
	clockWords     = []string{"current_timestamp", "current_time", "localtimestamp", "localtime", "current_date"}
)

// orderedFunctions give values of which each follows from the one before.
var orderedFunctions = []string{"random", "uuidv7", "uuid_generate_v1", "uuid_generate_v1mc"}

// computation is a computed expression that has been found to be one.
type computation struct {
	volatility  volatility
	source      bool
	clock       bool     // it tells the time of the statement, or of the moment
	ordered     []string // the functions that follow each other, and one of which is in it
	counts      []string // the sequences in it, without schemas
	first, last int      // tokens
	literals    []int32  // places
}

// asked is a computed expression in a sealed role.
type asked struct {
	computation
	start, end int // bytes
	operand    *Operand
	answer     int // number of the answer, from 1
	// def is the default that it is, nil for an expression of the client's; edit is
	// where that stands in edits, at (start, end).
	def  *catalog.ComputedDefault
	edit int
	// sql is the expression, if it is neither in the text nor the default's.
	sql string
	// parts are it for a value of the row that is changed; see storeFormula.
	parts []sqlPart
	// conflicts: the row is one that ON CONFLICT finds.
	conflicts bool
}

// computed gives a sealed role to an expression that the server can be asked for.
// It is false, and has done nothing, for any other expression.
func (a *analysis) computed(n *pg.Node, op Operand, sc *scope) bool {
	atOnce := a.stmt.Stmt.GetCopyStmt() != nil || op.Site.argument > 0 // without parameters of its own
	if !a.runs() || atOnce && a.asksLater() {
		return false
	}
	c, ok := a.computation(n)
	if !ok {
		return a.computedConstant(n, op, sc)
	}
	at := location(n)
	a.in("a computed value", func() { a.plain(n, sc) }) // what its functions may reach
	switch {
	case c.volatility == ofRow && a.evaluated == oftenEvaluated && op.Role == Store:
		a.fail(refuseComputedRows(op.Column, at))
		return true
	case c.counts != nil && a.evaluated != surelyEvaluated && op.Role == Store:
		a.fail(refuseComputedRows(op.Column, at))
		return true
	case c.volatility == ofRow && op.Role == Equality:
		a.fail(refuseComputed(op.Column, at))
		return true
	}
	for _, l := range c.literals {
		a.steer(l)
	}
	a.answers++
	x := asked{computation: c, start: int(a.tokens[c.first].start), end: int(a.tokens[c.last].end), operand: &op, answer: a.answers}
	a.asked = append(a.asked, x)
	if !a.asksLater() {
		a.edit(x.start, x.end, "", &value{operand: x.operand, literal: -1, answer: x.answer})
	}
	a.operands = append(a.operands, x.operand)
	a.note(op.verb(), op.Column, "what the server computes", at)
	return true
}

// asksLater says whether the server is asked for the values of the statement being
// planned when it is executed, so that they are further parameters of it.
func (a *analysis) asksLater() bool { return a.mode != Simple || a.stmt.Stmt.GetPrepareStmt() != nil }

// steady says whether an expression is a computed one that is the same however
// often it is evaluated in the statement.
func (a *analysis) steady(n *pg.Node) bool {
	c, ok := a.computation(n)
	return ok && c.volatility != ofRow
}

// computation reads a computed expression; ok is false for any other.
func (a *analysis) computation(n *pg.Node) (c computation, ok bool) {
	c.first = len(a.tokens)
	c.last = -1
	if !a.computes(n, &c) || !c.source || !a.brackets(&c) || !IsASCII(a.text[a.tokens[c.first].start:a.tokens[c.last].end]) {
		return c, false
	}
	return c, a.reads(n, &c)
}

// computes says whether an expression is one that the server can be asked for, or
// a part of one.
func (a *analysis) computes(n *pg.Node, c *computation) bool {
	switch x := n.GetNode().(type) {
	case *pg.Node_SqlvalueFunction:
		c.source = true
		i := a.tokenAt(x.SqlvalueFunction.Location)
		end := i
		if x.SqlvalueFunction.Typmod >= 0 && a.is(i+1, "(") {
			end = a.closing(i + 1)
			if k := a.tokens[i+2]; k.kind == tokenInteger {
				c.literals = append(c.literals, k.start)
			}
		}
		return c.covers(i, end)
	case *pg.Node_FuncCall:
		return a.computesCall(x.FuncCall, c)
	case *pg.Node_TypeCast:
		return a.computesCast(x.TypeCast, c)
	case *pg.Node_AConst:
		if x.AConst.GetIval() == nil && x.AConst.GetFval() == nil {
			return false
		}
		return a.computesLiteral(x.AConst, c)
	case *pg.Node_AExpr:
		if x.AExpr.Kind != pg.A_Expr_Kind_AEXPR_OP || x.AExpr.Lexpr == nil || len(x.AExpr.Name) != 1 {
			return false
		}
		switch last(names(x.AExpr.Name)) {
		case "+", "-", "*", "/", "||":
			return a.computes(x.AExpr.Lexpr, c) && a.computes(x.AExpr.Rexpr, c)
		}
	}
	return false
}

// computesCall is computes for a call of a function.
func (a *analysis) computesCall(f *pg.FuncCall, c *computation) bool {
	if f.AggOrder != nil || f.AggFilter != nil || f.AggWithinGroup || f.AggStar || f.AggDistinct || f.FuncVariadic || f.Over != nil {
		return false
	}
	parts := names(f.Funcname)
	known, ok := computingFunctions[last(parts)]
	if !ok || len(parts) > 2 || len(parts) == 2 && parts[0] != "pg_catalog" && !known.anywhere {
		return false
	}
	c.source = c.source || known.source
	c.volatility = max(c.volatility, known.volatility)
	c.clock = c.clock || known.volatility != ofTransaction && contains(clockFunctions, last(parts))
	if contains(orderedFunctions, last(parts)) {
		c.ordered = append(c.ordered, last(parts))
	}
	if known.counts {
		if len(f.Args) != 1 {
			return false
		}
		c.ordered = append(c.ordered, countingFunctions...)
		c.counts = append(c.counts, a.sequenceNamed(f.Args[0]))
	}
	for i, arg := range f.Args {
		if named := arg.GetNamedArgExpr(); named != nil {
			arg = named.Arg
		}
		if known.strings&(1<<i) != 0 && a.computesString(arg, known.content, c) {
			continue
		}
		if !a.computes(arg, c) {
			return false
		}
	}
	i := a.tokenAt(f.Location)
	if a.is(i, "at") && f.Funcformat == pg.CoercionForm_COERCE_SQL_SYNTAX {
		return c.covers(i, i) // its arguments stand around it
	}
	open := i
	for range 2*len(parts) - 1 {
		if open++; a.is(open, "(") {
			break
		}
	}
	if !a.is(open, "(") {
		return false
	}
	return c.covers(i, a.closing(open))
}

// computesString is an argument that says what a function does.
func (a *analysis) computesString(n *pg.Node, content func([]byte) bool, c *computation) bool {
	if cast := n.GetTypeCast(); cast != nil && cast.Location >= 0 && cast.Arg.GetAConst() != nil {
		if !a.coversType(cast, c) { // 'seq'::regclass
			return false
		}
		n = cast.Arg
	}
	k := n.GetAConst()
	if k == nil || k.Isnull {
		return false
	}
	if content != nil {
		i := a.tokenAt(k.Location)
		if k.GetSval() == nil || i < 0 || !a.tokens[i].kind.isVerbatim() {
			return false
		}
		s, ok := appendString(nil, a.text, a.tokens[i])
		if !ok || !content(s) {
			return false
		}
	}
	return a.computesLiteral(k, c)
}

// computesCast is computes for a cast: of a computed expression, or of a string
// to an interval.
func (a *analysis) computesCast(x *pg.TypeCast, c *computation) bool {
	k := x.Arg.GetAConst()
	if k.GetSval() == nil {
		return x.Location >= 0 && a.computes(x.Arg, c) && a.coversType(x, c)
	}
	parts := names(x.TypeName.Names)
	if last(parts) != "interval" || len(parts) > 1 && parts[0] != "pg_catalog" || len(x.TypeName.ArrayBounds) > 0 || !a.computesLiteral(k, c) {
		return false
	}
	if x.Location >= 0 {
		return a.coversType(x, c)
	}
	i := a.tokenAt(x.TypeName.Location) // interval '1' day
	return c.covers(i, a.intervalFields(a.tokenAt(k.Location)+1)-1)
}

// coversType takes the tokens of a cast's own into a computed expression.
func (a *analysis) coversType(x *pg.TypeCast, c *computation) bool {
	for _, m := range x.TypeName.Typmods {
		if k := m.GetAConst(); k != nil && a.literalAt(k.Location) >= 0 {
			c.literals = append(c.literals, k.Location)
		}
	}
	i := a.tokenAt(x.Location)
	if a.is(i, "cast") {
		return c.covers(i, a.closing(i+1))
	}
	end := a.typeEnd(x.TypeName.Location)
	if end < 0 || !a.is(i, "::") {
		return false
	}
	for ; i < len(a.tokens) && int(a.tokens[i].end) < end; i++ {
	}
	return c.covers(a.tokenAt(x.Location), i)
}

// computesLiteral takes a literal into a computed expression. The plan depends on
// it: the server is asked in its words.
func (a *analysis) computesLiteral(k *pg.A_Const, c *computation) bool {
	i := a.tokenAt(k.Location)
	switch {
	case i < 0:
		return false
	case k.GetSval() != nil:
		if !a.tokens[i].kind.isVerbatim() && a.tokens[i].kind != tokenIdentifier { // extract(epoch FROM …)
			return false
		}
	case k.GetBoolval() != nil:
		return c.covers(i, i)
	default:
		number, end, _ := a.signedNumber(i)
		if number < 0 {
			return false
		}
		c.literals = append(c.literals, a.tokens[number].start)
		return c.covers(i, end)
	}
	if a.tokens[i].kind.isVerbatim() {
		c.literals = append(c.literals, k.Location)
	}
	return c.covers(i, i)
}

// covers widens the expression to the tokens from first to last; false if one of
// them was not found.
func (c *computation) covers(first, last int) bool {
	c.first, c.last = min(c.first, first), max(c.last, last)
	return first >= 0 && last >= first
}

// brackets takes those into an expression that belong to its parts.
func (a *analysis) brackets(c *computation) bool {
	for range a.tokens {
		depth, least := 0, 0
		for i := c.first; i <= c.last; i++ {
			if a.is(i, "(") {
				depth++
			} else if a.is(i, ")") {
				depth--
			}
			least = min(least, depth)
		}
		switch {
		case least < 0:
			if c.first--; !a.is(c.first, "(") {
				return false
			}
		case depth > 0:
			if c.last++; !a.is(c.last, ")") {
				return false
			}
		default:
			return true
		}
	}
	return false
}

// reads makes sure that what was found to be the text of an expression means
// just that expression by itself.
func (a *analysis) reads(n *pg.Node, c *computation) bool {
	start, end := a.tokens[c.first].start, a.tokens[c.last].end
	tokens := make([]token, 0, c.last-c.first+1)
	for _, t := range a.tokens[c.first : c.last+1] {
		tokens = append(tokens, token{t.kind, t.start - start, t.end - start})
	}
	text := a.text[start:end]
	tree, err := pg.Parse(questionStart + string(masked(text, tokens)))
	if err != nil || len(tree.Stmts) != 1 {
		return false
	}
	list := tree.Stmts[0].Stmt.GetSelectStmt().GetTargetList()
	if len(list) != 1 || len(tree.Stmts[0].Stmt.GetSelectStmt().FromClause) > 0 || list[0].GetResTarget().GetName() != "" {
		return false
	}
	whole := proto.Clone(n).(*pg.Node)
	unplace(whole.ProtoReflect())
	found := list[0].GetResTarget().GetVal()
	unplace(found.ProtoReflect())
	return proto.Equal(whole, found) && !bytes.Contains(text, []byte{0})
}

// unplace takes the positions out of a tree.
func unplace(m protoreflect.Message) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Kind() == protoreflect.Int32Kind && fd.Name() == "location":
			m.Clear(fd)
		case fd.Kind() != protoreflect.MessageKind:
		case fd.IsList():
			for i := range v.List().Len() {
				unplace(v.List().Get(i).Message())
			}
		default:
			unplace(v.Message())
		}
		return true
	})
}

// findsOne says whether a condition can be true for one row of a relation at most.
func (a *analysis) findsOne(where *pg.Node, into *item, sc *scope) bool {
	return a.keyConstants(where, into, sc) != nil
}

// keyConstants are those with which a condition compares all columns of the primary
// key, by their names; nil if it does not.
func (a *analysis) keyConstants(where *pg.Node, into *item, sc *scope) map[string]*pg.Node {
	if into.relation == nil || into.relation.Key == nil {
		return nil
	}
	found := map[string]*pg.Node{}
	for _, n := range conjuncts(nil, where) {
		x := n.GetAExpr()
		if op, _ := equalityOperator(x.GetName()); op != "=" {
			continue
		}
		l, r := x.Lexpr, x.Rexpr
		if list := r.GetList().GetItems(); x.Kind == pg.A_Expr_Kind_AEXPR_IN && len(list) == 1 {
			r = list[0]
		} else if x.Kind != pg.A_Expr_Kind_AEXPR_OP {
			continue
		}
		if l.GetColumnRef() == nil {
			l, r = r, l
		}
		if ref := l.GetColumnRef(); ref != nil && isConstant(r) {
			if star, _ := isStar(ref); star {
				continue
			}
			if c := a.resolve(ref, sc).column; c != nil && c.origin.item == into {
				found[c.origin.name] = r
			}
		}
	}
	for _, name := range into.relation.Key {
		if found[name] == nil {
			return nil
		}
	}
	return found
}

// computedOnce says whether a query without FROM makes one row at most, of
// constants and computed expressions.
func (a *analysis) computedOnce(s *pg.SelectStmt) bool {
	if len(s.FromClause) > 0 {
		return false
	}
	for _, n := range s.TargetList {
		v := n.GetResTarget().GetVal()
		if _, ok := a.computation(v); !ok && !isConstant(v) {
			return false
		}
	}
	return true
}
