package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/envelope"
	"pgseal/logical"
)

// formulaLike is LIKE or ILIKE, which compares in lower case.
func (a *analysis) formulaLike(x *pg.A_Expr, d *formulaDraft) *Formula {
	f := &Formula{Kind: Operation, Operator: logical.Like}
	if name := last(names(x.Name)); name[0] == '!' {
		f.Operator = logical.NotLike
	}
	pattern := []*pg.Node{x.Rexpr}
	if call := x.Rexpr.GetFuncCall(); slices.Equal(names(call.GetFuncname()), []string{systemCatalog, "like_escape"}) {
		pattern = call.Args // ESCAPE
	}
	all := &Formula{Kind: Called}
	for _, n := range pattern {
		arg := a.formula(n, d)
		if arg == nil {
			return nil
		}
		all.Args = append(all.Args, arg)
	}
	left := a.formula(x.Lexpr, d)
	if left == nil || left.OfRow() && !f.Operator.Takes(left.TypeOf(nil)) {
		return nil
	}
	right := all.Args[0]
	if len(all.Args) > 1 {
		all.Function, _ = logical.FunctionNamed("like_escape")
		d.calls = append(d.calls, formulaCalled{all, false})
		right = all
	}
	f.Args = []*Formula{left, right}
	d.operates(left, right, x.Location, last(names(x.Name)))
	if x.Kind == pg.A_Expr_Kind_AEXPR_ILIKE {
		if !d.foldsArgs(f, 2) {
			return nil
		}
	}
	d.compares(f)
	return f
}

// foldsArgs brings the first n operands into lower case, as ILIKE does. It is false for a
// character(n), whose blanks count here, and not in lower().
func (d *formulaDraft) foldsArgs(f *Formula, n int) bool {
	if f.Args[0].isPadded() {
		return false
	}
	lower, _ := logical.FunctionNamed("lower")
	for i, arg := range f.Args[:n] {
		f.Args[i] = &Formula{Kind: Called, Function: lower, Args: []*Formula{arg}}
		d.calls = append(d.calls, formulaCalled{f.Args[i], false})
	}
	return true
}

// formulaSimilar is SIMILAR TO: a regular expression is made of the pattern.
func (a *analysis) formulaSimilar(x *pg.A_Expr, d *formulaDraft) *Formula {
	o, ok := logical.OperatorNamed(last(names(x.Name)))
	left := a.formula(x.Lexpr, d)
	call := x.Rexpr.GetFuncCall()
	if !ok || left == nil || left.OfRow() && !o.Takes(left.TypeOf(nil)) || !slices.Equal(names(call.GetFuncname()), []string{systemCatalog, "similar_to_escape"}) {
		return nil
	}
	pattern := &Formula{Kind: Called}
	for _, n := range call.Args {
		arg := a.formula(n, d)
		if arg == nil {
			return nil
		}
		pattern.Args = append(pattern.Args, arg)
	}
	pattern.Function, _ = logical.FunctionNamed("similar_to_escape")
	d.calls = append(d.calls, formulaCalled{pattern, false})
	f := &Formula{Kind: Operation, Operator: o, Args: []*Formula{left, pattern}}
	d.operates(left, pattern, x.Location, o.String())
	d.compares(f)
	return f
}

// isPadded says whether it is a character(n), or may be.
func (f *Formula) isPadded() bool {
	switch f.Kind {
	case CastTo, PlainValue:
		return f.Type.OID == logical.OIDBpchar
	case ColumnValue, AssignedTo:
		return f.Column.Type.Shown().OID == logical.OIDBpchar
	case FirstOf, Greatest, Least, Choice, Inner, Asked, Collated:
		return slices.ContainsFunc(f.Args, (*Formula).isPadded)
	}
	return false
}

// hasRange says whether it asks for sealed values in a way that no term answers: for those
// that are greater or less than others, or match a pattern with wildcards, or of which
// something is computed, or that are equal to something and of a column without the term.
func (f *Formula) hasRange() bool {
	switch {
	case (f.Kind == IsNull || f.Kind == IsNotNull) && !f.compared && slices.Contains([]FormulaKind{Operation, Called, Negative}, f.Args[0].Kind):
		return f.hasSealed() // the server does not have what is NULL
	case f.Kind == Both, f.Kind == Either, f.Kind == Inverse:
		return slices.ContainsFunc(f.Args, func(arg *Formula) bool { return arg.isTruth() || arg.hasRange() })
	case f.Kind == Choice && f.choosesByTruth():
		return true
	case f.Kind != Operation || !f.hasSealed():
	case f.looksIntoArray():
		return true
	case f.Operator.LooksInto(), f.Operator.MatchesRegex(), f.Operator.RelatesNetworks():
		return true
	case f.Operator.Matches():
		return f.wild || !f.matchesByTerm() || f.Args[1].isPattern()
	case f.Operator == logical.Equal || f.Operator == logical.NotEqual:
		if slices.ContainsFunc(f.Args, func(arg *Formula) bool { return arg.hasSealed() && !arg.isComparable() }) || f.lacksTerm() {
			return true
		}
	case f.Operator.Compares():
		return true
	}
	return slices.ContainsFunc(f.Args, (*Formula).hasRange)
}

// looksIntoArray says whether it compares with the elements of a sealed array, whose term is of
// the array.
func (f *Formula) looksIntoArray() bool { return f.Quantifier != OneValue && f.Args[1].hasSealed() }

// isTruth says whether a condition is a column that has no term, or what an operator or a function
// gives, cast to a boolean.
func (f *Formula) isTruth() bool {
	of := f.uncast().Kind
	return f.Kind == ColumnValue && !f.isTerm() || f.Kind == CastTo && (of == Operation || of == Called) && f.hasSealed()
}

// choosesByTruth says whether CASE has such a column for a condition, or NOT of one.
func (f *Formula) choosesByTruth() bool {
	for i := 0; i+1 < len(f.Args); i += 2 {
		if f.Args[i].isTruth() {
			return true
		}
	}
	return false
}

// lacksTerm says whether it compares one column, which has no term for it, with a value.
func (f *Formula) lacksTerm() bool {
	columns := f.columns(nil)
	if len(columns) != 1 || columns[0].Kind != ColumnValue {
		return false
	}
	of, with := f.Args[0].uncast(), f.Args[1].uncast()
	if !of.hasSealed() {
		of, with = with, of
	}
	switch of.Kind {
	case ColumnValue, FirstOf, Choice:
		return !columns[0].isTerm() && !columns[0].comparesEmpty(with)
	case Called:
		return of.Function.Folds() && !of.hasTerm()
	}
	return false
}

// foldKind is the term that answers comparisons of lower or upper of a column.
func foldKind(f logical.Function) envelope.TermFlags {
	if f.String() == "upper" {
		return envelope.TermUpper
	}
	return envelope.TermLower
}

// comparesColumns says whether it tells if a sealed column is equal to another one, which has
// no terms in common with it.
func (f *Formula) comparesColumns() bool {
	if f.Kind == Operation && (f.Operator == logical.Equal || f.Operator == logical.NotEqual) && f.hasSealed() {
		left, right := f.Args[0].columns(nil), f.Args[1].columns(nil)
		if l, r := f.Args[0].uncast(), f.Args[1].uncast(); l.isTerm() && r.isTerm() && l.Column == r.Column {
			return false // which the server finds out by terms
		}
		computed := func(c *Formula) bool { return c.sql != "" } // to be compared with a term
		if len(left) > 0 && len(right) > 0 && len(f.columns(nil)) > 1 && !slices.ContainsFunc(left, computed) && !slices.ContainsFunc(right, computed) {
			return true
		}
	}
	return slices.ContainsFunc(f.Args, (*Formula).comparesColumns)
}

// isComparable says whether it is a column, or what is made of one, that could have a term.
func (f *Formula) isComparable() bool {
	switch f.Kind {
	case ColumnValue:
		return f.Column.Mixed == nil
	case CastTo:
		if inner := f.uncast(); !isAnyText(f.Type.OID) && inner.Kind == ColumnValue && !inner.Column.Type.Shown().Widens(f.Type) {
			return false
		}
	case Called:
		if !f.Function.Folds() {
			return false
		}
	case Operation:
		if !f.Operator.Compares() && !f.Operator.Matches() {
			return false
		}
	case Negative, Greatest, Least, Aggregated, Windowed, Inner, Asked, Collated:
		return false
	case FirstOf, Choice:
		if f.choosesColumns() {
			return false
		}
	case Both, Either, Inverse, IsNull, IsNotNull, Placed:
	default:
		return f.isUntyped() || f.OfRow()
	}
	return !slices.ContainsFunc(f.Args, func(arg *Formula) bool { return !arg.isComparable() })
}

// choosesColumns says whether it may be the value of one of several columns.
func (f *Formula) choosesColumns() bool {
	var columns []*Formula
	for i, arg := range f.Args {
		if f.Kind != Choice || i%2 == 1 || i == len(f.Args)-1 {
			columns = arg.columns(columns)
		}
	}
	return len(columns) > 1
}

// matchesByTerm says whether LIKE of a column without wildcards is answered by a term.
func (f *Formula) matchesByTerm() bool {
	of := f.Args[0].uncast()
	if of.Kind != Called {
		return of.isTerm() && of.Column.Type.Shown().OID != logical.OIDBpchar // whose blanks count
	}
	return of.hasTerm()
}

// matchesParameter says whether a condition is LIKE of a column with a term and a pattern
// that is a parameter, or has some between its ANDs and ORs, and no other parameters: it is
// known with their values whether the terms answer it.
func (a *analysis) matchesParameter(o *draftedOutput) bool {
	patterns := o.formula.patterns()
	if patterns == 0 || patterns != len(o.params) {
		return false
	}
	uses := map[int32]int{}
	for _, p := range o.params {
		uses[p.Number]++
	}
	return !slices.ContainsFunc(o.params, func(p *pg.ParamRef) bool { return a.usesOf(int(p.Number)) != uses[p.Number] })
}

// patterns is how many parameters there are that are such patterns, as far as the server may
// take each for one that matches all.
func (f *Formula) patterns() (n int) {
	switch {
	case f.Kind == Both || f.Kind == Either:
		for _, arg := range f.Args {
			n += arg.patterns()
		}
	case f.Kind == Operation && f.Operator.Matches() && !f.wild && f.matchesByTerm():
		pattern := f.Args[1]
		for pattern.Kind == CastTo || pattern.Kind == Called && (pattern.Function.Folds() || pattern.Function.String() == "like_escape") {
			pattern = pattern.Args[0]
		}
		if pattern.Kind == ParameterValue && !pattern.wild {
			n = 1
		}
	}
	return n
}

// isPattern says whether it is more than a text that matches itself, as far as can be told
// without a parameter's value.
func (f *Formula) isPattern() bool {
	escape := byte('\\')
	for f.Kind == CastTo || f.Kind == Called {
		switch {
		case f.Kind == CastTo || f.Function.Folds():
		case f.Function.String() != "like_escape" || f.Args[1].Kind != LiteralValue || len(f.Args[1].text.value) > 1:
			return true
		case len(f.Args[1].text.value) == 0:
			escape = 0
		default:
			escape = f.Args[1].text.value[0]
		}
		f = f.Args[0]
	}
	switch f.Kind {
	case NullValue:
		return false
	case ParameterValue:
		return f.wild
	case LiteralValue:
		_, ok := (&Pattern{Escape: escape}).Literal(slices.Clone(f.text.value))
		return !ok
	}
	return true
}

// depends says whether it is by the value of a pattern that there is a range in it.
func (f *Formula) depends() bool {
	return f.Kind == Operation && f.Operator.Matches() && f.hasSealed() && f.matchesByTerm() || slices.ContainsFunc(f.Args, (*Formula).depends)
}
