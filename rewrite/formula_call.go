package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// formulaCall is a call of a function that pgseal computes as the server does.
func (a *analysis) formulaCall(x *pg.FuncCall, d *formulaDraft) *Formula {
	parts := names(x.Funcname)
	if of, ok := pathFunctions[last(parts)]; ok {
		return a.formulaPath(of, x, d)
	}
	f, ok := logical.FunctionNamed(last(parts))
	if !ok || !ofPostgreSQL(parts) || !isPlainCall(x) || len(x.Args) == 0 {
		return nil
	}
	i := a.tokenAt(x.Location)
	open := i
	for open >= 0 && open < len(a.tokens) && !a.is(open, "(") && open-i < 2*len(parts) {
		open++
	}
	switch {
	case a.is(i, "at") && x.Funcformat == pg.CoercionForm_COERCE_SQL_SYNTAX: // TIME ZONE, its arguments around it
		if !d.covers(i, i) {
			return nil
		}
	case !a.is(open, "(") || !d.covers(i, a.closing(open)):
		return nil
	}
	call := &Formula{Kind: Called, Function: f}
	for i, n := range x.Args {
		arg := a.formula(n, d)
		if k := n.GetAConst(); arg == nil && i == 0 && f.String() == "extract" && k.GetSval() != nil { // EXTRACT(year FROM …)
			if at := a.tokenAt(k.Location); d.covers(at, at) {
				arg = &Formula{Kind: LiteralValue, text: formulaLiteral{literal: -1, value: []byte(k.GetSval().Sval), oid: oidUnknown}}
			}
		}
		if arg == nil {
			return nil
		}
		call.Args = append(call.Args, arg)
	}
	if f.String() == "age" && len(call.Args) == 1 {
		if call.Args[0].isUntyped() {
			return nil // there are several
		}
		call.Args = []*Formula{today(a.tokens[i].start), call.Args[0]}
	}
	if (f.String() == "array_position" || f.String() == "array_positions") && call.Args[0].IsConstant() && len(call.Args) > 1 && call.Args[1].uncast().isTerm() {
		return nil // by which the server finds the place
	}
	d.calls = append(d.calls, formulaCalled{call, len(parts) == 1})
	return call
}

// pathFunctions are those that do what operators do with a document of a type, of names
// instead of a path.
var pathFunctions = map[string]pathFunction{
	"jsonb_extract_path": {logical.AtPath, logical.OIDJSONB}, "jsonb_extract_path_text": {logical.AtPathText, logical.OIDJSONB},
	"json_extract_path": {logical.AtPath, logical.OIDJSON}, "json_extract_path_text": {logical.AtPathText, logical.OIDJSON},
}

type pathFunction struct {
	operator logical.Operator
	document uint32
}

// formulaPath is a call of one of pathFunctions.
func (a *analysis) formulaPath(of pathFunction, x *pg.FuncCall, d *formulaDraft) *Formula {
	parts := names(x.Funcname)
	first := a.tokenAt(x.Location)
	open := first + 2*(len(parts)-1) + 1
	if !ofPostgreSQL(parts) || !isPlainCall(x) || len(x.Args) < 2 || !a.is(open, "(") || !d.covers(first, a.closing(open)) {
		return nil
	}
	document, path := a.formula(x.Args[0], d), a.formulaOfAll(Called, x.Args[1:], d)
	if document == nil || document.isUntyped() || path == nil {
		return nil
	}
	path.Function = logical.MakeArray
	for i, name := range path.Args { // which nothing else than texts become by themselves
		path.Args[i] = &Formula{Kind: CastTo, implied: true, Type: logical.Type{OID: logical.OIDText, Typmod: -1}, Args: []*Formula{name}}
		d.casted = append(d.casted, path.Args[i])
	}
	if len(parts) == 1 {
		d.named = append(d.named, parts[0])
	}
	return &Formula{Kind: Operation, Operator: of.operator, document: of.document, Args: []*Formula{document, path}}
}

// isPlainCall says whether a call has nothing but arguments.
func isPlainCall(x *pg.FuncCall) bool {
	return x.AggOrder == nil && x.AggFilter == nil && !x.AggDistinct && !x.AggStar && !x.AggWithinGroup && x.Over == nil && !x.FuncVariadic
}

// today is the day since which age counts if it is not said. It stands nowhere in the client's
// text, but would in front of the call.
func today(call int32) *Formula {
	return &Formula{Kind: PlainValue, Type: logical.Type{OID: logical.OIDDate, Typmod: -1}, sql: "CURRENT_DATE", at: term{int(call), int(call)}}
}

// formulaCalled is a call in a formula; bare: its name has no schema.
type formulaCalled struct {
	*Formula
	bare bool
}

// settleCalls makes sure that calls are of PostgreSQL's own functions, and operators its own, and
// that what they give is known here, as of comparisons.
func (a *analysis) settleCalls(d *formulaDraft) bool {
	if !a.settleOperators(d) || !a.settleCasts(d) || slices.ContainsFunc(d.compared, func(f *Formula) bool { return !a.compares(f) }) {
		return false
	}
	folds := func(f *Formula) bool { return f.Kind == Operation && f.Operator.Folds() }
	if len(d.calls) == 0 && len(d.aggregates) == 0 && len(d.named) == 0 && !slices.ContainsFunc(d.compared, folds) {
		return true
	}
	known := a.snap.TextFunctions()
	if known == nil {
		a.fail(ErrNeedTextFunctions)
		return false
	}
	if slices.ContainsFunc(d.compared, func(f *Formula) bool { return folds(f) && (!foldsASCII(known.Folds) || !a.plainlyCollated(f)) }) {
		return false
	}
	if slices.ContainsFunc(d.named, func(name string) bool { return known.IsOwn(name) || a.foldsMoved }) {
		return false
	}
	for _, of := range d.aggregates {
		if of.bare && !of.kept && (known.IsOwn(last(names(of.call.Funcname))) || a.foldsMoved) {
			return false
		}
	}
	for _, c := range d.calls {
		f := c.Function
		switch {
		case c.bare && (known.IsOwn(f.String()) || a.foldsMoved), f.Collated() && !a.plainlyCollated(c.Formula), (f.Folds() || f.Titles()) && known.Folds == nil, f.MatchesFold(len(c.Args)) && !foldsASCII(known.Folds):
			return false
		case f.Titles():
			c.Fold, c.First = known.Folds.Lower, known.Folds.Upper
			continue
		case !f.Folds():
			continue
		}
		if c.Fold = known.Folds.Lower; f.String() == "upper" {
			c.Fold = known.Folds.Upper
		}
	}
	return true
}

// foldsASCII says whether letters of ASCII have those of ASCII as their other case, which they do
// not have in Turkish.
func foldsASCII(f *catalog.Folds) bool {
	const upper, lower = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
	return f != nil && string(f.Lower.Append(nil, []byte(upper))) == lower && string(f.Upper.Append(nil, []byte(lower))) == upper
}

// defaultCollation is the OID of the collation that a database has.
const defaultCollation = 100

// plainlyCollated says whether all texts that a formula is computed of have the
// database's collation. Of plain columns that is not known.
func (a *analysis) plainlyCollated(f *Formula) bool {
	switch {
	case f.Kind == PlainValue:
		return !isCharacter(f.Type) && f.Type.OID != logical.OIDName
	case f.Kind == Collated, f.Kind == CastTo && f.Type.OID == logical.OIDName, f.Kind == ColumnValue && f.Column.Type.Shown().OID == logical.OIDName:
		return false // as names have the collation C
	case f.Kind == ColumnValue && f.Column.Loose:
		return false
	case f.Kind == ColumnValue && isCharacter(f.Column.Type.Shown()):
		c := a.collation(f)
		return c.known && c.oid == defaultCollation
	}
	return !slices.ContainsFunc(f.Args, func(arg *Formula) bool { return !a.plainlyCollated(arg) })
}
