package rewrite

import (
	"bytes"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// What PostgreSQL makes of a client's text by lower($1) and the like is computed by
// pgseal, because the server must not see the text: see catalog.TextFunctions.

// TextFunction is one of these functions.
type TextFunction uint8

const (
	NoFunction TextFunction = iota
	Lower
	Upper
	TrimBoth // of blanks
	TrimLeft
	TrimRight
	Join   // with what stands before and behind it: 'a' || $1
	Split  // into the elements of an array, at Before: string_to_array($1, ',')
	Moment // of seconds since 1970, a float8: to_timestamp($1)
)

// textFunctions are those functions by their names in SQL.
var textFunctions = map[string]TextFunction{"lower": Lower, "upper": Upper, "btrim": TrimBoth, "ltrim": TrimLeft, "rtrim": TrimRight}

// Step is what is done to a value on its way: a function of text, or else a cast.
type Step struct {
	Function TextFunction
	Fold     *logical.Fold // of Lower and Upper
	Type     logical.Type  // of the cast
	// Before and Behind are what Join puts there, in ASCII; at Before Split splits.
	Before, Behind string
}

// AppendText appends what the function makes of a text in UTF-8.
func (s *Step) AppendText(dst, text []byte) []byte {
	const blank = " "
	switch s.Function {
	case Lower, Upper:
		return s.Fold.Append(dst, text)
	case Join:
		return append(append(append(dst, s.Before...), text...), s.Behind...)
	case TrimLeft:
		text = bytes.TrimLeft(text, blank)
	case TrimRight:
		text = bytes.TrimRight(text, blank)
	default:
		text = bytes.Trim(text, blank)
	}
	return append(dst, text...)
}

// textCall is a call of such a function.
type textCall struct {
	*pg.FuncCall
	function TextFunction
	casts    []*pg.TypeCast // around its argument, the outermost first
}

// textCalls gives the calls around a constant or a parameter, the outermost first, and
// that; nil for any other expression.
func (a *analysis) textCalls(n *pg.Node) (calls []textCall, value *pg.Node) {
	for {
		f := n.GetFuncCall()
		parts := names(f.GetFuncname())
		if f == nil || !ofPostgreSQL(parts) || !plainCall(f) || textFunctions[last(parts)] == NoFunction {
			break
		}
		c := textCall{FuncCall: f, function: textFunctions[last(parts)]}
		n, c.casts = withoutCasts(f.Args[0])
		calls = append(calls, c)
	}
	if n.GetParamRef() == nil && n.GetAConst() == nil {
		return nil, nil
	}
	return calls, n
}

// plainCall says whether a call has one argument and nothing else.
func plainCall(f *pg.FuncCall) bool {
	return len(f.Args) == 1 && f.AggOrder == nil && f.AggFilter == nil && !f.AggDistinct && !f.AggStar && !f.AggWithinGroup && f.Over == nil && !f.FuncVariadic
}

// bindCalled gives a sealed role to what such functions make of a value. It is false,
// and has done nothing, for any other expression.
func (a *analysis) bindCalled(n *pg.Node, casts []*pg.TypeCast, op *Operand) bool {
	calls, value := a.textCalls(n)
	switch {
	case len(calls) == 0 || op.Array || op.Null != nil || op.Site.argument > 0 || op.Role == Emptiness:
		return false
	case a.persistent:
		a.fail(refusePersistent(op.Column, calls[0].Location))
		return true
	case !a.called(calls, value, casts, op) || !a.withoutCalls(calls, op):
		return true
	}
	a.editCasts(casts, op, calls[0].Location)
	switch c := value.GetAConst(); {
	case c == nil:
		a.use(value.GetParamRef(), op)
	case !c.Isnull:
		a.literal(c, op)
	case len(calls[len(calls)-1].casts) == 0:
		a.insert(int(c.Location)+len("NULL"), "::"+serverType)
	}
	a.operands = append(a.operands, op)
	return true
}

// called reads calls around a value, with casts around them, into its operand.
func (a *analysis) called(calls []textCall, value *pg.Node, casts []*pg.TypeCast, op *Operand) bool {
	text := logical.Type{OID: logical.OIDText, Typmod: -1}
	var steps []Step
	for i, c := range slices.Backward(calls) {
		fold, refusal := a.foldGiven(&c, op)
		if refusal != nil {
			a.fail(refusal)
			return false
		}
		a.callSite(&c, op)
		if i == len(calls)-1 && len(c.casts) == 0 {
			if refusal := op.checkCalled(constantType(value), a.literals); refusal != nil {
				a.fail(refusal)
				return false
			}
		}
		types, ok := a.castTypes(c.casts, i == len(calls)-1 && value.GetParamRef() != nil, op, c.Location)
		if !ok {
			return false
		}
		for _, t := range types {
			steps = append(steps, Step{Type: t})
		}
		if n := len(types); n > 0 && !sameFamily(types[n-1].OID, logical.OIDText) {
			if refusal := op.checkCalled(types[n-1].OID, a.literals); refusal != nil {
				a.fail(refusal)
				return false
			}
			steps = append(steps, Step{Type: text}) // which it becomes by itself
		}
		steps = append(steps, Step{Function: c.function, Fold: fold})
	}
	if !a.thenCasts(steps, text, casts, op, calls[0].Location) {
		return false
	}
	if op.Site.function != "" {
		a.callSite(&calls[len(calls)-1], op)
	}
	return true
}

// thenCasts makes steps from a text to a type, and the casts around that, those of an
// operand.
func (a *analysis) thenCasts(steps []Step, made logical.Type, casts []*pg.TypeCast, op *Operand, at int32) bool {
	outermost := made
	types, ok := a.castTypes(casts, false, op, at)
	if !ok {
		return false
	}
	for _, t := range types {
		steps, outermost = append(steps, Step{Type: t}), t
	}
	var refusal *Refusal
	if len(types) > 0 {
		refusal = op.refusal(types[0].CheckOID(made.OID, logical.Cast), op.Site.cast, a.literals)
	}
	switch {
	case refusal != nil:
	case op.Via != nil: // of the array in which the value stands
		steps = append(steps, Step{Type: *op.Via})
		refusal = op.refusal(op.Via.CheckOID(outermost.OID, logical.Cast), op.Site.cast, a.literals)
	default:
		refusal = a.checked(op, outermost.OID)
	}
	if refusal != nil {
		a.fail(refusal)
		return false
	}
	op.Via, op.Then = &logical.Type{OID: logical.OIDText, Typmod: -1}, steps
	if len(steps) > 0 && steps[0].Function == NoFunction {
		op.Via, op.Then, op.Site.function = &steps[0].Type, steps[1:], ""
	}
	op.Site.casted = len(types) > 0
	return true
}

// callSite says which function the value is given to.
func (a *analysis) callSite(c *textCall, op *Operand) {
	op.Site.function = strings.Join(names(c.Funcname), ".")
	op.Site.call, _ = a.anchor(c.Location)
}

// constantType is the type of a constant, 0 for one without a type.
func constantType(n *pg.Node) uint32 {
	switch c := n.GetAConst(); {
	case c.GetBoolval() != nil:
		return logical.OIDBool
	case c.GetIval() != nil:
		return logical.OIDInt4
	case c.GetFval() != nil:
		return numberType([]byte(c.GetFval().Fval))
	case c.GetBsval() != nil:
		return logical.OIDBit
	}
	return 0
}

// foldGiven is the fold of a call, and why it cannot be computed.
func (a *analysis) foldGiven(c *textCall, op *Operand) (*logical.Fold, *Refusal) {
	f := a.snap.TextFunctions()
	name := last(names(c.Funcname))
	switch {
	case f == nil:
		a.fail(ErrNeedTextFunctions)
		return nil, refuseDefect()
	case f.IsOwn(name):
		return nil, refuseTextFunction(op, name, c.Location, "the database has a function "+name+" of its own", "Give the function another name.")
	case a.foldsMoved:
		r := refuseTextFunction(op, name, c.Location, "a statement before it in the same text may make a function of that name", hintSeparate)
		r.Anchor = "mixed-text"
		return nil, r
	case c.function != Lower && c.function != Upper:
		return nil, nil
	case f.Folds == nil:
		return nil, refuseTextFunction(op, name, c.Location, "only the server knows what the database's collation makes of it", "Give a value that is in "+name+" case already.")
	case c.function == Upper:
		return f.Folds.Upper, nil
	}
	return f.Folds.Lower, nil
}

// withoutCalls takes the calls off the text, but for their brackets.
func (a *analysis) withoutCalls(calls []textCall, op *Operand) bool {
	for _, c := range calls {
		i := a.tokenAt(c.Location)
		open := i
		for open >= 0 && open < len(a.tokens) && !a.is(open, "(") {
			open++
		}
		argument := open + 1 // trim(LEADING FROM …)
		for a.is(argument, "both") || a.is(argument, "leading") || a.is(argument, "trailing") || a.is(argument, "from") {
			argument++
		}
		if i < 0 || argument >= len(a.tokens) {
			a.fail(refuseValue(op.Column, c.Location))
			return false
		}
		a.edit(int(c.Location), int(a.tokens[argument].start), "(", nil)
		a.editCasts(c.casts, op, c.Location)
	}
	return a.err == nil
}

// isTextCall says whether an expression is what a function makes of a client's text, and
// a text, too.
func (a *analysis) isTextCall(n *pg.Node) bool {
	n, casts := withoutCasts(n)
	for _, c := range casts {
		if to, ok := a.typeNamed(c.TypeName); !ok || !isText(to.whole()) {
			return false
		}
	}
	calls, _ := a.textCalls(n)
	return len(calls) > 0
}
