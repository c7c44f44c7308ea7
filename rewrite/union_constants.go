package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// UNION without ALL compares rows, which cannot be done with envelopes. Of constants it is
// known which rows are equal: none, if they are numbered. Terms can be compared, where
// they are those of texts.

// constantUnion is such a UNION.
type constantUnion struct {
	operator term
	unkeyed  bool // no column has another integer in each row
}

// constantUnion reads a UNION without ALL of queries without FROM that are constants; nil
// for anything else.
func (a *analysis) constantUnion(s *pg.SelectStmt) *constantUnion {
	if s.Op != pg.SetOperation_SETOP_UNION || s.All {
		return nil
	}
	var rows []*pg.SelectStmt
	if rows = a.constantRows(rows, s); rows == nil {
		return nil
	}
	first, second := s.Larg, s.Rarg
	for first.Op != pg.SetOperation_SETOP_NONE {
		first = first.Larg
	}
	for second.Op != pg.SetOperation_SETOP_NONE {
		second = second.Larg
	}
	_, operator, from, _, ok := a.unitedSpan(a.queryWord(first), a.queryWord(second))
	if !ok {
		return nil
	}
	return &constantUnion{term{int(a.tokens[operator].start), int(a.tokens[from-1].end)}, !a.numbered(rows)}
}

// constantRows adds the queries that a set operation puts together; nil if one of them is
// more than a row of constants of types that have an equality.
func (a *analysis) constantRows(rows []*pg.SelectStmt, s *pg.SelectStmt) []*pg.SelectStmt {
	if s.Op == pg.SetOperation_SETOP_UNION {
		if rows = a.constantRows(rows, s.Larg); rows != nil {
			rows = a.constantRows(rows, s.Rarg)
		}
		return rows
	}
	if s.Op != pg.SetOperation_SETOP_NONE || len(s.FromClause) > 0 || len(s.TargetList) == 0 {
		return nil
	}
	for _, n := range s.TargetList {
		value, casts := withoutCasts(n.GetResTarget().GetVal())
		if value.GetAConst() == nil && !isParamRef(value) {
			return nil
		}
		for _, c := range casts {
			if to, ok := a.typeNamed(c.TypeName); !ok || to.array || to.Def != nil || to.OID == logical.OIDJSON || to.OID == logical.OIDPoint {
				return nil
			}
		}
	}
	return append(rows, s)
}

// numbered says whether rows have a column that is another integer in each. It steers the
// plan.
func (a *analysis) numbered(rows []*pg.SelectStmt) bool {
	for i := range rows[0].TargetList {
		seen := map[int32]bool{}
		for _, row := range rows {
			if i >= len(row.TargetList) {
				break
			}
			if c := row.TargetList[i].GetResTarget().GetVal().GetAConst(); c.GetIval() != nil {
				seen[c.GetIval().Ival] = true
			}
		}
		if len(seen) < len(rows) {
			continue
		}
		for _, row := range rows {
			a.steer(location(row.TargetList[i].GetResTarget().GetVal()))
		}
		return true
	}
	return false
}

// unite notes the UNION of constants; u and k may be nil.
func (u *constantUnion) unite(k *constants) {
	if u != nil && k != nil {
		k.unions, k.unkeyed = append(k.unions, u.operator), k.unkeyed || u.unkeyed
	}
}

// comparedAsText says whether values have the same term if, and only if, they are the same
// text.
func comparedAsText(op *Operand) bool {
	c := op.Column
	return op.Role == Equality && op.Via == nil && c.Type.Def == nil && !c.IsCast() && (c.Type.OID == logical.OIDText || c.Type.OID == logical.OIDVarchar)
}

// keepAll makes the UNIONs of rows that are not equal UNION ALL.
func (a *analysis) keepAll(k *constants) {
	if k.unkeyed {
		return
	}
	for _, at := range k.unions {
		if a.keptAll == nil {
			a.keptAll = map[int]bool{}
		}
		if !a.keptAll[at.start] {
			a.keptAll[at.start] = true
			a.edit(at.start, at.end, "UNION ALL", nil)
		}
	}
}

// besideSealed are the strings and parameters of one side of UNION ALL that stand beside a sealed
// text of the other (SELECT name … UNION ALL SELECT 'all'): they are sealed as values of it.
func (a *analysis) besideSealed(s *pg.SelectStmt, left, right []column, united []*constants) []*constants {
	beside, text := make([]*constants, len(left)), logical.Type{OID: logical.OIDText, Typmod: -1}
	for i := range min(len(left), len(right)) {
		of, side, k := left[i], s.Rarg, right[i].constants
		if of.sealed == nil {
			of, side, k = right[i], s.Larg, left[i].constants
		}
		if of.sealed == nil || k == nil || len(k.nodes) == 1 && k.nodes[0].GetAConst().GetIsnull() || united[i] != nil || a.persistent || !a.unitable(side, k) || of.shown != nil && of.shown != a.withoutLength(of.sealed) || of.formula != nil ||
			of.sealed.Assembled() || of.sealed.Broken != "" || of.sealed.Type.Def != nil || of.sealed.Type.OID != logical.OIDText && of.sealed.Type.OID != logical.OIDVarchar {
			continue
		}
		if !slices.ContainsFunc(k.nodes, func(n *pg.Node) bool {
			kind, own := a.constantKind(n)
			isText := of.sealed.Type.OID == logical.OIDText // as strings are
			return kind != stringConstant && kind != nullConstant && !(kind == castConstant && isText && own == text) || isParamRef(n) && !isText
		}) {
			beside[i] = k
		}
	}
	return beside
}

// sealBeside makes an output of a sealed column and such constants.
func (a *analysis) sealBeside(s *pg.SelectStmt, k *constants, l, r column) column {
	of := l.sealed
	if of == nil {
		of = r.sealed
	}
	out := column{name: l.name, sealed: of, bare: true, text: l.text || r.text}
	of = a.withoutLength(of)
	if of != out.sealed {
		out.shown = of
	}
	a.giveAll(k, Operand{Column: of, Role: Store, Site: a.storing(k.nodes[0], of.Name)}, term{})
	if l.sealed == nil {
		a.keepFirstName(s, k.nodes[0], &out)
	}
	return out
}

// keepFirstName is keepName for an output of a set operation whose first query has a constant.
func (a *analysis) keepFirstName(s *pg.SelectStmt, constant *pg.Node, out *column) {
	for s.Op != pg.SetOperation_SETOP_NONE {
		s = s.Larg
	}
	for _, n := range s.TargetList {
		first, end, ok := a.tokensOf(constant)
		if t := n.GetResTarget(); t.Val == constant && t.Name == "" && ok {
			c := *out
			c.renamed = term{int(a.tokens[first].start), int(a.tokens[end].end)}
			a.keepName(t, &c)
		}
	}
}

// withoutLength is a text column as what it has in common with strings.
func (a *analysis) withoutLength(c *catalog.SealedColumn) *catalog.SealedColumn {
	return a.as(c, logical.Type{OID: c.Type.OID, Typmod: -1})
}
