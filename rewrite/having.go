package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/logical"
)

// having is a condition on groups that the session computes. It is false, and has done
// nothing, for any other.
func (a *analysis) having(s *pg.SelectStmt, sc *scope, outputs []column) (done bool) {
	if s.HavingClause == nil || !a.arranges(s, sc, outputs) || a.mindsGroups(s, sc, outputs) {
		return false
	}
	a.in("HAVING", func() {
		o := a.outputDraft(s.HavingClause, sc)
		if o == nil || !o.formula.computes() || o.shown.Type.OID != logical.OIDBool || !a.settleCalls(o.formulaDraft) {
			return
		}
		done = true
		r := a.arrange(s)
		r.plan.Having = r.hideOutput(a, o)
		start, end := o.span(a)
		a.edit(start, end, "true", nil)
	})
	return done || a.err != nil
}

// mindsGroups says whether something that the server computes minds that there are groups
// which HAVING leaves out.
func (a *analysis) mindsGroups(s *pg.SelectStmt, sc *scope, outputs []column) bool {
	for i := range outputs {
		if t := targetOf(s.TargetList, outputs, &outputs[i]); t != nil && outputs[i].formula == nil && minds(t.Val) {
			return true
		}
	}
	return slices.ContainsFunc(s.SortClause, func(n *pg.Node) bool {
		n = n.GetSortBy().GetNode()
		return minds(n) && a.outputDraft(n, sc) == nil
	})
}

// minds says whether an expression comes to something else, or can fail, if it is computed
// of groups that HAVING leaves out: it has a window over them, or an operator, a cast or a
// subquery that may not take their values.
func minds(n *pg.Node) bool {
	return anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
		switch x := m.Interface().(type) {
		case *pg.FuncCall:
			return x.Over != nil
		case *pg.SubLink, *pg.TypeCast, *pg.A_Indirection:
			return true
		case *pg.A_Expr:
			return !slices.Contains([]string{"=", "<>", "<", "<=", ">", ">="}, last(names(x.Name)))
		}
		return false
	})
}

// anywhere says whether something holds for a node or one in it.
func anywhere(m protoreflect.Message, holds func(protoreflect.Message) bool) (found bool) {
	if holds(m) {
		return true
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Kind() != protoreflect.MessageKind:
		case fd.IsList():
			for i := range v.List().Len() {
				found = found || anywhere(v.List().Get(i).Message(), holds)
			}
		default:
			found = anywhere(v.Message(), holds)
		}
		return !found
	})
	return found
}
