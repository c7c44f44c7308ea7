package rewrite

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// sqlPart is a piece of the SQL of a question: a text, or a literal or a parameter of
// the client's.
type sqlPart struct {
	text    string
	literal int32 // index; -1 for none
	start   int   // byte offset in the client's text, of what is not text
	client  int   // number, from 1, of a parameter; 0 for none
	// from and end, if not both 0, are where conditions of the statement stand in the
	// client's text; see conditionParts.
	from, end int
	open      bool     // what is put in at end belongs to something behind it
	operand   *Operand // of a parameter in a sealed role, nil for one that passes
	value     *value   // a literal in a sealed role
}

func sqlText(text string) sqlPart { return sqlPart{text: text, literal: -1} }

// rowName is what the row is called in a question.
const rowName = "pgseal_row"

// asksFor is the question for something of the row, NULL if there is no such row. The row
// stays as it is until the transaction ends, as it would behind the statement.
func (a *analysis) asksFor(row *foundRow, sql string) ([]sqlPart, bool) {
	key := a.keyParts(row, rowName)
	parts := []sqlPart{sqlText("(SELECT " + sql + " FROM " + row.relation() + " AS " + rowName + " WHERE ")}
	return append(append(parts, key...), sqlText(" LIMIT 1 FOR NO KEY UPDATE)")), key != nil
}

// keyParts is the SQL of the condition that finds the row, by its key, nil if there is none.
func (a *analysis) keyParts(row *foundRow, name string) (parts []sqlPart) {
	for i, column := range row.columns {
		and := ""
		if i > 0 {
			and = " AND "
		}
		cell, find, c := name+"."+quoteName(column), a.constantParts, row.into.column(column)
		if c == nil {
			return nil
		}
		if c.sealed != nil {
			cell = "pgseal.eq(" + cell + ")"
			find = func(n *pg.Node) ([]sqlPart, bool) { return a.soughtParts(n, row, c.sealed) }
		}
		value, ok := find(row.key[column])
		if !ok {
			return nil
		}
		parts = append(append(parts, sqlText(and+cell+" = ")), value...)
		if c.sealed == nil && row.excluded != nil {
			parts = append(parts, sqlText(a.storedAs(row, column)))
		}
	}
	return parts
}

// storedAs has a constant be rounded as it is where a column stores it, for the row that
// ON CONFLICT comes to; "" for types that are not PostgreSQL's own.
func (a *analysis) storedAs(row *foundRow, column string) string {
	columns := row.into.relation.Columns
	c := columns[slices.IndexFunc(columns, func(c catalog.Column) bool { return c.Name == column })]
	t := logical.Type{OID: c.TypeOID, Typmod: c.Typmod}
	switch name := TypeName(t.OID); {
	case t.Typmod < 0 && name != "": // the search path may lead to another type by the name alone
		return "::pg_catalog." + name
	case logical.Supported(t.OID):
		return "::" + t.Name()
	}
	return ""
}

// soughtParts is the SQL of the term by which a row is found that has a constant in a
// sealed column.
func (a *analysis) soughtParts(n *pg.Node, row *foundRow, c *catalog.SealedColumn) ([]sqlPart, bool) {
	v := row.sought[c]
	if v == nil {
		if row.sought == nil {
			row.sought = map[*catalog.SealedColumn]*value{}
		}
		v = &value{operand: &Operand{Column: c, Role: Equality}}
		row.sought[c] = v
	}
	part := sqlPart{literal: -1, start: int(location(n))}
	i := a.tokenAt(location(n))
	switch k := n.GetAConst(); {
	case !hasEquality(c), row.excluded != nil && !a.storedAsCompared(&constants{nodes: []*pg.Node{n}}, v.operand):
		return nil, false
	case isNullConstant(n):
		part.text = "NULL"
	case n.GetParamRef() != nil && a.mode != Simple:
		part.client, part.operand = int(n.GetParamRef().Number), v.operand
	case k.GetSval() != nil && i >= 0 && a.tokens[i].kind.isString():
		v.literal, part.value = int32(a.literalAt(a.tokens[i].start)), v
	case k.GetIval() != nil || k.GetFval() != nil:
		number, _, negative := a.signedNumber(i)
		if number < 0 {
			return nil, false
		}
		v.literal, v.negative = int32(a.literalAt(a.tokens[number].start)), negative
		part.value = v
	default:
		return nil, false
	}
	return []sqlPart{part, sqlText("::" + serverType)}, true
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
	if parts, ok = a.clientParts(int(a.tokens[c.first].start), int(a.tokens[c.last].end)); !ok {
		return nil, false
	}
	return append(append([]sqlPart{sqlText("(")}, parts...), sqlText(")")), true
}

// clientParts is the SQL of a range of bytes of the client's text.
func (a *analysis) clientParts(from, end int) (parts []sqlPart, ok bool) {
	i := sort.Search(len(a.tokens), func(i int) bool { return int(a.tokens[i].start) >= from })
	for ; i < len(a.tokens) && int(a.tokens[i].end) <= end; i++ {
		t := a.tokens[i]
		at, text := int(t.start), string(a.text[t.start:t.end])
		switch before := sqlText(string(a.text[from:at])); {
		case t.kind == tokenParameter:
			number, err := strconv.Atoi(text[1:])
			if err != nil {
				return nil, false
			}
			parts = append(parts, before, sqlPart{literal: -1, client: number, start: at})
		case t.kind.isLiteral() && a.mode == Simple:
			parts = append(parts, before, sqlPart{literal: int32(a.literalAt(t.start)), start: at})
		case t.kind.isLiteral():
			parts = append(parts, before, sqlPart{text: text, literal: -1, start: at})
		default:
			continue
		}
		from = int(t.end)
	}
	return append(parts, sqlText(string(a.text[from:end]))), true
}

// conditionParts is the SQL of conditions of the statement as the server gets them there,
// once params are known; not ok for what only stands in the statement.
func (a *analysis) conditionParts(p sqlPart, params []Param) (parts []sqlPart, ok bool) {
	from, end := p.from, p.end
	var edits []edit
	for _, e := range a.edits {
		switch {
		case e.start == end && (p.open || e.closes):
		case e.start >= from && e.end <= end:
			edits = append(edits, e)
		case e.start < end && e.end > from: // half of it would not do
			return nil, false
		}
	}
	for _, e := range inOrder(edits) {
		between, ok := a.clientParts(from, e.start)
		if !ok || e.start < from {
			return nil, false
		}
		parts = append(parts, between...)
		switch {
		case e.value == nil && (e.again || strings.HasPrefix(e.text, "$")):
			before, rest, _ := strings.Cut(e.text, "$")
			digits, cast, _ := strings.Cut(rest, "::")
			number, err := strconv.Atoi(digits)
			if err != nil || number > len(params) || params[number-1].Client < 0 {
				return nil, false
			}
			p := params[number-1]
			parts = append(parts, sqlText(before), sqlPart{literal: -1, client: p.Client + 1, start: e.start, operand: p.Operand}, sqlText("::"+cast))
		case e.value == nil:
			parts = append(parts, sqlText(e.text))
		case e.value.array != nil || e.value.answer > 0 || e.value.converts:
			return nil, false
		default:
			parts = append(parts, sqlText(e.text), sqlPart{literal: -1, start: e.start, value: e.value}, sqlText("::"+e.value.operand.serverType()))
		}
		parts = append(parts, sqlText(e.after))
		from = e.end
	}
	rest, ok := a.clientParts(from, end)
	return append(parts, rest...), ok
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
	x.conflicts = use.row != nil && use.row.excluded != nil
	x.first, x.last = -1, -1 // nothing in it is the server's to compute
	a.asked = append(a.asked, x)
	return x.answer
}
