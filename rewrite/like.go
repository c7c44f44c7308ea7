package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/envelope"
	"pgseal/logical"
)

// Pattern says that a value is one of LIKE or ILIKE. Without wildcards it is found by
// the term of the text that it matches; for any other, unless the session looks at the rows,
// the statement has to be planned anew: see Request.Wild.
type Pattern struct {
	// Wild: the session does, and the server gets an empty value for a pattern with
	// wildcards.
	Wild   bool
	Escape byte // 0 for none
	// Fold, if not nil, brings it into lower case as the column's values.
	Fold *logical.Fold
}

// Literal makes a pattern the text that it matches, in place. ok is false if that may be
// another one, too.
func (p *Pattern) Literal(pattern []byte) (text []byte, ok bool) {
	text = pattern[:0]
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case p.Escape != 0 && c == p.Escape:
			if i++; i == len(pattern) {
				return nil, false
			}
			text = append(text, pattern[i])
		case c == '%' || c == '_':
			return nil, false
		default:
			text = append(text, c)
		}
	}
	return text, true
}

// RefusePattern is why a pattern with wildcards cannot be searched for.
func (o *Operand) RefusePattern() *Refusal {
	r := refuseOperator(o.Column, -1, "LIKE with wildcards")
	r.Hint = "Send the pattern as a literal, or as a parameter by Parse and Bind: not by PREPARE and EXECUTE, nor with other than ASCII characters in a statement whose client_encoding is not UTF8."
	return r
}

// like is column LIKE 'text', which is column = 'text' if there are no wildcards in it;
// ILIKE compares in lower case. It is false, and has done nothing, for anything else.
func (a *analysis) like(x *pg.A_Expr, sc *scope) bool {
	words := names(x.Name)
	if len(words) != 1 || a.persistent || a.arbiter {
		return false
	}
	right, p := x.Rexpr, Pattern{Escape: '\\'}
	var escape *pg.A_Const
	if f := right.GetFuncCall(); f != nil && last(names(f.Funcname)) == "like_escape" && len(f.Args) == 2 {
		right, escape = f.Args[0], f.Args[1].GetAConst()
		if escape == nil {
			return false
		}
	}
	operator, end, ok := a.likeSpan(x, right, escape, &p)
	if !ok {
		return false
	}
	value, _ := withoutCasts(right)
	if kind, f := foldCall(right); kind != 0 {
		value, _ = withoutCasts(f.Args[0])
	}
	if a.wildParams && value.GetParamRef() != nil {
		return false
	}
	p.Wild = a.wild && value.GetParamRef() != nil
	left := a.comparand(x.Lexpr, sc)
	if left == nil || !foldable(left.column.Type) || !hasEquality(left.column) || left.column.Loose || left.terms == nil && left.fold == nil || left.column.Assembled() || left.converted() {
		return false
	}
	op := Operand{Pattern: &p}
	if x.Kind == pg.A_Expr_Kind_AEXPR_ILIKE {
		if left = a.ownFold(left, x.Location); left == nil {
			return a.err != nil
		}
		p.Fold = left.column.Folding.Column.Lower
	}
	if !a.comparableExpr(left) {
		return true
	}
	a.toTerm(left)
	word, last, closes := "IN (", operator, ")"
	switch {
	case a.is(operator, "not"):
		word, last = "NOT IN (", operator+1
	case p.Wild: // an empty value finds all
		word, closes = "BETWEEN ", ""
	}
	a.edit(int(a.tokens[operator].start), int(a.tokens[last].end), word, nil)
	a.site = a.comparison(words[0], x.Location)
	op.Column, op.Role, op.Site = left.column, Equality, a.site
	if !a.bind(right, op, true) {
		a.refuseComputed(left, right, sc)
		return true
	}
	if a.err != nil {
		return true
	}
	if closes == "" {
		u := &a.uses[len(a.uses)-1]
		u.after, u.afterAt = " AND COALESCE(NULLIF($n::"+serverType+", ''), "+aboveTerms+")", int(a.tokens[end].end)
	}
	a.insert(int(a.tokens[end].end), closes)
	if escape != nil {
		a.edit(int(a.tokens[end+1].start), int(a.tokens[end+2].end), "", nil)
	}
	return true
}

// aboveTerms is a bytea that is greater than all terms.
const aboveTerms = `E'\\xffffffffffffffffffffffffffffffffff'`

// ownFold is a column in lower case, nil for anything else, and where it has no term of
// that.
func (a *analysis) ownFold(e *sealedExpr, at int32) *sealedExpr {
	if e.made != nil || e.fold != nil || e.printed != nil || e.grouped || len(e.terms) != 1 || e.column.FoldsTo(envelope.TermLower) == nil {
		return nil
	}
	of := a.folds(e.column, envelope.TermLower, at)
	if of == nil {
		return nil
	}
	t := e.terms[0]
	return &sealedExpr{column: of, at: e.at, fold: &foldedExpr{of: e, casts: e.casts, name: term{t.start, t.start}, end: t.end, closes: ")"}}
}

// likeSpan finds the first token of the operator and the last one of the pattern, which
// is a parameter or a string, and reads the character that escapes.
func (a *analysis) likeSpan(x *pg.A_Expr, right *pg.Node, escape *pg.A_Const, p *Pattern) (operator, end int, ok bool) {
	value, casts := withoutCasts(right)
	if kind, f := foldCall(right); kind != 0 {
		value, casts = withoutCasts(f.Args[0])
	}
	for _, c := range casts {
		if to, ok := a.typeNamed(c.TypeName); !ok || !isText(to.whole()) || !a.is(a.tokenAt(c.Location), "::") {
			return 0, 0, false
		}
	}
	operator = a.tokenAt(x.Location)
	i := operator
	if a.is(i, "not") {
		i++
	}
	if end = a.tokenAt(location(value)); i < 0 || end < 0 || !a.is(i, "like") && !a.is(i, "ilike") || value.GetParamRef() == nil && value.GetAConst().GetSval() == nil && !isNullConstant(value) {
		return 0, 0, false
	}
	if escape != nil {
		k := a.tokenAt(escape.Location)
		if escape.GetSval() == nil || k < 0 {
			return 0, 0, false
		}
		of, ok := appendString(nil, a.text, a.tokens[k])
		if !ok || len(of) > 1 || len(of) == 1 && (of[0] >= 0x80 || class[of[0]]&className != 0) { // in ILIKE letters change
			return 0, 0, false
		}
		a.steer(escape.Location)
		if p.Escape = 0; len(of) == 1 {
			p.Escape = of[0]
		}
	}
	depth := 0
	for k := i + 1; k < end; k++ {
		if a.is(k, "(") {
			depth++
		}
	}
	for {
		switch {
		case depth > 0 && a.is(end+1, ")"):
			end, depth = end+1, depth-1
			continue
		case a.is(end+1, "::") && end+2 < len(a.tokens):
			behind := a.typeEnd(a.tokens[end+2].start)
			for end++; end+1 < len(a.tokens) && int(a.tokens[end].end) < behind; end++ {
			}
			continue
		}
		return operator, end, depth == 0 && (escape == nil || a.is(end+1, "escape") && a.tokenAt(escape.Location) == end+2)
	}
}
