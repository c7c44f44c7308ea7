package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// timeFunctions tell the time of the transaction or of the statement.
var timeFunctions = []string{"now", "transaction_timestamp", "statement_timestamp"}

// isTransactionTime says whether a call gives the time at which the transaction has begun, which is
// the same in a question.
func (a *analysis) isTransactionTime(x *pg.FuncCall) bool {
	name, known := last(names(x.Funcname)), a.snap.TextFunctions()
	return (name == "now" || name == "transaction_timestamp") && len(x.Args) == 0 && x.Over == nil && known != nil && !known.IsOwn(name)
}

// formulaTime is that time in an output or a condition, which the server computes as of a
// plain column: now() or CURRENT_DATE. It is nil for anything else.
func (a *analysis) formulaTime(n *pg.Node, d *formulaDraft) *Formula {
	t := logical.Type{OID: a.computedType(n), Typmod: -1}
	var first, end int
	switch x := n.GetFuncCall(); {
	case d.row != nil && !d.decides || t.OID == 0:
		return nil
	case x != nil:
		parts := names(x.Funcname)
		if !slices.Contains(timeFunctions, last(parts)) || d.row != nil && last(parts) == "statement_timestamp" || !ofPostgreSQL(parts) || len(x.Args) > 0 || x.Over != nil || x.AggFilter != nil {
			return nil
		}
		if first = a.tokenAt(x.Location); len(parts) == 1 {
			d.named = append(d.named, last(parts))
		}
		end = first + 2*len(parts) // its brackets
	default:
		first = a.tokenAt(n.GetSqlvalueFunction().GetLocation())
		if end = first; a.is(first+1, "(") { // a precision
			end, t.Typmod = first+3, n.GetSqlvalueFunction().Typmod
			d.literals = append(d.literals, a.tokens[first+2].start)
		}
	}
	if first < 0 || !d.covers(first, end) {
		return nil
	}
	at := term{int(a.tokens[first].start), int(a.tokens[end].end)}
	return &Formula{Kind: PlainValue, Type: t, sql: string(a.text[at.start:at.end]), at: at}
}
