package rewrite

import (
	"slices"
	"strconv"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// sqlPart is a piece of the SQL of a question: a text, or a literal or a parameter of
// the client's.
type sqlPart struct {
	text    string
	literal int32 // index; -1 for none
	start   int   // byte offset in the client's text, of what is not text
	client  int   // number, from 1, of a parameter; 0 for none
}

func sqlText(text string) sqlPart { return sqlPart{text: text, literal: -1} }

// rowName is what the row is called in a question.
const rowName = "pgseal_row"

// asksFor is the question for something of the row, NULL if there is no such row. The row
// stays as it is until the transaction ends, as it would behind the statement.
func (a *analysis) asksFor(row *foundRow, sql string) ([]sqlPart, bool) {
	parts := []sqlPart{sqlText("(SELECT " + sql + " FROM " + row.relation() + " AS " + rowName + " WHERE ")}
	for i, column := range row.into.relation.Key {
		and := ""
		if i > 0 {
			and = " AND "
		}
		parts = append(parts, sqlText(and+rowName+"."+quoteName(column)+" = "))
		value, ok := a.constantParts(row.key[column])
		if !ok {
			return nil, false
		}
		parts = append(parts, value...)
	}
	return append(parts, sqlText(" FOR NO KEY UPDATE)")), true
}

// relation is the SQL of where the row is.
func (r *foundRow) relation() string {
	from := quoteName(r.into.relation.Schema) + "." + quoteName(r.into.relation.Name)
	if r.only {
		from = "ONLY " + from
	}
	return from
}

// constantParts is the SQL of a constant, as the client has it.
func (a *analysis) constantParts(n *pg.Node) (parts []sqlPart, ok bool) {
	c := computation{first: len(a.tokens), last: -1}
	if !a.coversConstant(n, &c) || !a.brackets(&c) {
		return nil, false
	}
	if parts, ok = a.clientParts(c.first, c.last); !ok {
		return nil, false
	}
	return append(append([]sqlPart{sqlText("(")}, parts...), sqlText(")")), true
}

// clientParts is the SQL of tokens of the client's text.
func (a *analysis) clientParts(first, last int) (parts []sqlPart, ok bool) {
	from := a.tokens[first].start
	for i := first; i <= last; i++ {
		t := a.tokens[i]
		switch text := string(a.text[t.start:t.end]); {
		case t.kind == tokenParameter:
			number, err := strconv.Atoi(text[1:])
			if err != nil {
				return nil, false
			}
			parts = append(parts, sqlText(string(a.text[from:t.start])), sqlPart{literal: -1, client: number, start: int(t.start)})
		case t.kind.isLiteral() && a.mode == Simple:
			parts = append(parts, sqlText(string(a.text[from:t.start])), sqlPart{literal: int32(a.literalAt(t.start)), start: int(t.start)})
		case t.kind.isLiteral():
			parts = append(parts, sqlText(string(a.text[from:t.start])), sqlPart{text: text, literal: -1, start: int(t.start)})
		default:
			continue
		}
		from = t.end
	}
	return append(parts, sqlText(string(a.text[from:a.tokens[last].end]))), true
}

// coversConstant finds the tokens of a constant.
func (a *analysis) coversConstant(n *pg.Node, c *computation) bool {
	switch x := n.GetNode().(type) {
	case *pg.Node_TypeCast:
		return x.TypeCast.Location >= 0 && a.coversConstant(x.TypeCast.Arg, c) && a.coversType(x.TypeCast, c)
	case *pg.Node_ParamRef:
		i := a.tokenAt(x.ParamRef.Location)
		return a.mode != Simple && c.covers(i, i) // a Query has none
	case *pg.Node_AConst:
		k := x.AConst
		i := a.tokenAt(k.Location)
		if k.GetSval() != nil {
			return i >= 0 && a.tokens[i].kind.isString() && c.covers(i, i)
		}
		if k.Isnull {
			return c.covers(i, i)
		}
		if k.GetIval() == nil && k.GetFval() == nil {
			return false
		}
		number, end, _ := a.signedNumber(i)
		return number >= 0 && c.covers(i, end)
	}
	return false
}

// asksForFormula notes a question of a formula's, and gives the number of its answer.
// What the statement asks for twice it asks for once.
func (a *analysis) asksForFormula(parts []sqlPart, op *Operand, use formulaUse) int {
	for i := range a.asked {
		if slices.Equal(a.asked[i].parts, parts) {
			return a.asked[i].answer
		}
	}
	a.answers++
	x := asked{start: use.start, end: use.end, operand: op, answer: a.answers, parts: parts}
	x.first, x.last = -1, -1 // nothing in it is the server's to compute
	a.asked = append(a.asked, x)
	return x.answer
}
