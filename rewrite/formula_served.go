package rewrite

import (
	"slices"
	"strconv"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/catalog"
	"pgseal/logical"
)

// served is a condition inside of what the session computes in which nothing is sealed
// (`name ILIKE '%x%'` in `name ILIKE '%x%' OR email ILIKE '%x%'`): the server decides it, as
// it may depend on the collations of plain columns, and gives the verdict as of a column. It
// is nil, with nothing done, for one that could fail where PostgreSQL might not come to it.
func (a *analysis) served(n *pg.Node, d *formulaDraft) *Formula {
	if d.row != nil || !decides(n) {
		return nil
	}
	var called []string
	reads := false
	if !a.isServed(n.ProtoReflect(), d.scope, &called, &reads) || !reads {
		return nil
	}
	first, end, ok := a.tokensOf(n)
	if !ok || !d.covers(first, end) {
		return nil
	}
	d.named = append(d.named, called...)
	for _, t := range a.tokens[first : end+1] {
		if t.kind.isLiteral() {
			d.literals = append(d.literals, t.start) // by which it is told from others
		}
	}
	at := term{int(a.tokens[first].start), int(a.tokens[end].end)}
	return &Formula{Kind: PlainValue, Type: logical.Type{OID: logical.OIDBool, Typmod: -1}, sql: string(a.text[at.start:at.end]), served: n, at: at}
}

// decides says whether an expression is a condition by its form.
func decides(n *pg.Node) bool {
	switch x := n.GetNode().(type) {
	case *pg.Node_BoolExpr, *pg.Node_NullTest, *pg.Node_BooleanTest:
		return true
	case *pg.Node_SubLink:
		return x.SubLink.SubLinkType == pg.SubLinkType_EXISTS_SUBLINK || x.SubLink.SubLinkType == pg.SubLinkType_ANY_SUBLINK
	case *pg.Node_AExpr:
		name := last(names(x.AExpr.Name))
		return name != "||" && slices.Contains(harmless, name)
	}
	return false
}

// neverFailing are functions that take all texts.
var neverFailing = []string{"lower", "upper", "length", "char_length", "btrim", "ltrim", "rtrim", "reverse", "concat", "concat_ws", "replace", "translate",
	"strpos", "position", "starts_with", "left", "right", "initcap", "octet_length", "bit_length", "ascii", "md5", "quote_literal"}

// isServed says whether all that is in an expression is plain and takes any value. reads is
// set if it has a column in it, and called gets the functions.
func (a *analysis) isServed(m protoreflect.Message, sc *scope, called *[]string, reads *bool) bool {
	switch x := m.Interface().(type) {
	case *pg.ColumnRef:
		if star, _ := isStar(x); star {
			return false
		}
		c := a.resolve(x, sc).column
		*reads = true
		return c != nil && c.sealed == nil && c.constants == nil && c.formula == nil && !c.text && !c.rest
	case *pg.ParamRef:
		return a.mode != Simple && a.usesOf(int(x.Number)) == 1
	case *pg.A_Expr:
		if !slices.Contains(harmless, last(names(x.Name))) {
			return false
		}
		if x.Kind == pg.A_Expr_Kind_AEXPR_ILIKE && a.mode != Simple && x.Lexpr.GetColumnRef() != nil && x.Rexpr.GetParamRef() != nil {
			return a.isServed(x.Lexpr.ProtoReflect(), sc, called, reads) // a text elsewhere, too
		}
	case *pg.FuncCall:
		parts := names(x.Funcname)
		if !slices.Contains(neverFailing, last(parts)) || !ofPostgreSQL(parts) || x.Over != nil || x.AggFilter != nil || x.AggOrder != nil || x.AggDistinct || x.FuncVariadic {
			return false
		}
		if len(parts) == 1 {
			*called = append(*called, last(parts))
		}
	case *pg.TypeCast:
		to, ok := a.typeNamed(x.TypeName)
		if !ok || varies(m) && (to.array || to.Def != nil || to.whole().OID != logical.OIDText && (to.whole().OID != logical.OIDVarchar || to.Typmod >= 0)) {
			return false
		}
		return a.isServed(x.Arg.ProtoReflect(), sc, called, reads)
	case *pg.SubLink: // its rows are the server's, and what it may do is looked at where it is placed
		*reads = true
		return decides(&pg.Node{Node: &pg.Node_SubLink{SubLink: x}}) && !a.mayRead(m) && !anywhere(m, func(m protoreflect.Message) bool { _, ok := m.Interface().(*pg.ParamRef); return ok })
	case *pg.Node, *pg.A_Const, *pg.BoolExpr, *pg.NullTest, *pg.BooleanTest, *pg.CollateClause, *pg.CoalesceExpr, *pg.List, *pg.A_ArrayExpr, *pg.SQLValueFunction,
		*pg.String, *pg.Integer, *pg.Float, *pg.Boolean, *pg.BitString:
	default:
		return false
	}
	ok := true
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Kind() != protoreflect.MessageKind:
		case fd.IsList():
			for i := range v.List().Len() {
				ok = ok && a.isServed(v.List().Get(i).Message(), sc, called, reads)
			}
		default:
			ok = a.isServed(v.Message(), sc, called, reads)
		}
		return ok
	})
	return ok
}

// mayRead says whether a subquery names a column as a sealed one of the relations is called
// that it names.
func (a *analysis) mayRead(m protoreflect.Message) bool {
	return anywhere(m, func(of protoreflect.Message) bool {
		ref, ok := of.Interface().(*pg.ColumnRef)
		return ok && len(a.readAs(m, last(names(ref.Fields)))) > 0
	})
}

// readAs are the sealed columns of a name of the relations that a subquery names.
func (a *analysis) readAs(m protoreflect.Message, name string) (list []*catalog.SealedColumn) {
	anywhere(m, func(m protoreflect.Message) bool {
		if rv, ok := m.Interface().(*pg.RangeVar); ok {
			for _, r := range a.snap.Named(rv.Relname) {
				for i := range r.Columns {
					if c := &r.Columns[i]; c.Sealed != nil && c.Name == name {
						list = append(list, c.Sealed)
					}
				}
			}
		}
		return false
	})
	return list
}

// usesOf is how often a parameter stands in the text.
func (a *analysis) usesOf(number int) int {
	if a.standing == nil {
		a.standing = map[int]int{}
		for _, t := range a.tokens {
			if t.kind == tokenParameter {
				n, _ := strconv.Atoi(string(a.text[t.start+1 : t.end])) // a number, as the parser has it
				a.standing[n]++
			}
		}
	}
	return a.standing[number]
}

// tokensOf are the first and the last token of an expression.
func (a *analysis) tokensOf(n *pg.Node) (first, end int, ok bool) {
	from, to := location(n), lastLocation(n.ProtoReflect())
	first, end = a.tokenAt(from), a.tokenAt(to)
	const behind = 5 // tokens that have no place of their own: IS NOT NULL, what follows a dot
	for range behind {
		c := computation{first: first, last: end}
		switch {
		case first < 0 || end < first || end >= len(a.tokens):
			return 0, 0, false
		case a.brackets(&c) && a.reads(n, &c):
			return c.first, c.last, true
		}
		end++
	}
	return 0, 0, false
}

// place has the server look at a served condition: its parameters are plain ones, and nothing
// in it may have to be written in another way.
func (a *analysis) place(f *Formula, o *draftedOutput) {
	for _, of := range f.Row {
		a.place(of, o)
	}
	if f.served == nil {
		return
	}
	edits := len(a.edits)
	if a.condition(f.served, o.scope); len(a.edits) > edits && a.err == nil {
		a.fail(refuseUse(o.formula.SealedColumn(), location(f.served), a.within))
	}
}
