package session

import (
	"bytes"
	"errors"
	"slices"

	"pgseal/catalog"
	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// Outputs that are computed of a row's sealed values: the server gives the envelopes,
// which are opened here, and the value of the formula takes their place.

// computedOutput is by what a result column is computed.
type computedOutput struct {
	formula *rewrite.Formula
	given   given
}

// computedOutputs are those of a result, by column.
type computedOutputs struct {
	formulas []*rewrite.Formula // nil for columns that are not computed
	given    given
}

// of is by what column i is computed, nil for one that is not.
func (o *computedOutputs) of(i int) *computedOutput {
	if i >= len(o.formulas) || o.formulas[i] == nil {
		return nil
	}
	return &computedOutput{o.formulas[i], o.given}
}

// computed are the outputs of a portal's statement, or of the cursor that it declares.
func (p *portal) computed() computedOutputs {
	st := p.statement
	if st.plan == nil || st.plan.Computed() == nil {
		return st.computed
	}
	return computedOutputs{st.plan.Computed(), given{types: st.types, inputs: p.inputs, literals: st.literals}}
}

var errCells = errors.New("what an output is computed of is not what was asked for")

// ownSettings are those of what the client does not get: texts are in UTF-8, by whose bytes
// they are compared.
var ownSettings logical.Settings

// openOutput appends the value of a formula, with its length, to the rows made so far.
func (s *Session) openOutput(c *cell, value []byte) (Need, error) {
	v, need, err := s.serverOutput(c, value)
	t := s.theBatch()
	switch {
	case err != nil || need.Kind != NeedNothing:
		return need, err
	case v.null:
		t.made = wire.AppendInt32(t.made, wire.Null)
		return Need{}, nil
	}
	var at int
	t.made, at = wire.BeginValue(t.made)
	if c.compared {
		t.made, err = c.sealed.Type.AppendBinary(t.made, v.Data, &ownSettings)
	} else if c.client == wire.Binary {
		t.made, err = c.sealed.Type.AppendBinary(t.made, v.Data, &s.settings.values)
	} else {
		t.made, err = c.sealed.Type.AppendText(t.made, v.Data, &s.settings.values)
	}
	t.made = wire.EndValue(t.made, at)
	return Need{}, err
}

// outputValue computes an output, which is a value of a column, of what the server gives.
func (s *Session) outputValue(shown *catalog.SealedColumn, by *computedOutput, value []byte) (computedValue, Need, error) {
	g := by.given
	var err error
	if g.row, err = readCells(s.buf.row[:0], value); err != nil || len(g.row) != len(shown.Cells) {
		return nullValue, Need{}, &unopened{shown, 0, errCells}
	}
	s.buf.row = g.row[:0]
	s.buf.value = s.buf.value[:0]
	v, need, err := s.inRows(by.formula, value, func() (computedValue, Need, error) { return s.formula(by.formula, &g, 0) })
	clear(g.row)
	if err == nil && need.Kind == NeedNothing && !v.null && v.OID != shown.Type.OID {
		err = errContradiction
	}
	return v, need, err
}

// readCells appends what a row has in the columns that something is computed of.
func readCells(row [][]byte, array []byte) ([][]byte, error) {
	_, err := logical.Elements(logical.Value{Data: array, Binary: true}, func(elem []byte, null bool) error {
		if elem = slices.Clip(elem); null {
			elem = nil // others are not, even if they are empty
		}
		row = append(row, elem)
		return nil
	})
	return row, err
}

// innerValue is what an output of a query in FROM comes to.
func (s *Session) innerValue(f *rewrite.Formula, g *given) (computedValue, Need, error) {
	cell, null, err := s.cellOf(f, g, oidBytea)
	if err != nil || null || len(cell.Data) == 0 {
		return nullValue, Need{}, err
	}
	inner := *g
	if inner.row, err = readCells(nil, cell.Data); err != nil || len(inner.row) != f.Args[0].Cells() {
		return nullValue, Need{}, &unopened{f.SealedColumn(), 0, errCells}
	}
	return s.inRows(f, cell.Data, func() (computedValue, Need, error) { return s.formula(f.Args[0], &inner, 0) })
}

// askedValue is what a subquery has come to that the server has been asked for.
func (s *Session) askedValue(f *rewrite.Formula, g *given) (computedValue, Need, error) {
	answer, null, err := s.answer(f.Answer)
	switch {
	case err == nil && s.rehearsing: // it is to be found out whether the client's values can be sealed
		return nullValue, Need{}, nil
	case err == nil && (null || answer.OID != oidBytea):
		err = errUnasked
	}
	if err != nil {
		return nullValue, Need{}, err
	}
	known := &s.frame.computed.asked
	if i := slices.IndexFunc(*known, func(v subqueryValue) bool { return v.of == f }); i >= 0 {
		return (*known)[i].value, Need{}, nil
	}
	inner := *g
	if inner.row = [][]byte{answer.Data}; !f.Envelope {
		if len(answer.Data) == 0 {
			return nullValue, Need{}, nil
		}
		if inner.row, err = readCells(nil, answer.Data); err != nil || len(inner.row) != f.Args[0].Cells() {
			return nullValue, Need{}, &unopened{f.SealedColumn(), 0, errCells}
		}
	}
	v, need, err := s.formula(f.Args[0], &inner, 0)
	if err == nil && need.Kind == NeedNothing {
		v.Data = append([]byte(nil), v.Data...)
		*known = append(*known, subqueryValue{of: f, value: v})
	}
	return v, need, err
}

// subqueryValue is what a subquery has come to, in the last row if there are several.
type subqueryValue struct {
	of    *rewrite.Formula
	cells []byte
	value computedValue
}

// longCells are as many bytes of a subquery as it takes longer to open than to compare.
const longCells = 1 << 10

// inRows computes what the server has given cells for; of a subquery that has the same as in the
// row before, not once more.
func (s *Session) inRows(f *rewrite.Formula, cells []byte, compute func() (computedValue, Need, error)) (computedValue, Need, error) {
	if !f.Subquery || len(cells) < longCells {
		return compute()
	}
	list := s.result.subqueries
	i := slices.IndexFunc(list, func(v subqueryValue) bool { return v.of == f })
	if i >= 0 && bytes.Equal(list[i].cells, cells) {
		return list[i].value, Need{}, nil
	}
	v, need, err := compute()
	if err != nil || need.Kind != NeedNothing {
		return v, need, err
	}
	if i < 0 {
		i, list = len(list), append(list, subqueryValue{of: f})
	}
	list[i].cells, list[i].value = append(list[i].cells[:0], cells...), v
	list[i].value.Data = append([]byte(nil), v.Data...)
	s.result.subqueries = list
	return v, need, nil
}

// typeOutputs gives the outputs of a statement that are computed the types that the
// client's parameters make them have. It is a refusal where that is none.
func (p *statement) typeOutputs() *rewrite.Refusal {
	results, refusal := p.typedOutputs(p.results, p.plan.Formulas, p.plan.Arrangement)
	if refusal != nil {
		return refusal
	}
	p.results = results
	if p.plan.Effect == rewrite.Declares && p.plan.Inner != nil {
		if _, refusal = p.typedOutputs(p.plan.Inner.Results, p.plan.Inner.Formulas, p.plan.Inner.Arrangement); refusal != nil {
			return refusal
		}
	}
	for _, f := range p.plan.Unshown {
		if f.TypeOf((&given{types: p.types}).typeOf) == 0 {
			return f.RefuseOutput()
		}
	}
	return nil
}

// typedOutputs are results with the types that the client's parameters make computed ones
// have.
func (p *statement) typedOutputs(results []*catalog.SealedColumn, formulas []*rewrite.Formula, arrangement *rewrite.Arrangement) ([]*catalog.SealedColumn, *rewrite.Refusal) {
	own, shown := false, len(results)
	if arrangement != nil {
		shown -= arrangement.Hidden
	}
	for i, f := range formulas {
		if f == nil {
			continue
		}
		t := f.TypeOf((&given{types: p.types}).typeOf)
		switch {
		case t == 0, arrangement.Keyed(i-shown) && !logical.Sorts(t), arrangement.Filters(i-shown) && t != logical.OIDBool:
			return nil, f.RefuseOutput()
		case t == results[i].Type.OID:
			continue
		case !own:
			results, own = append(results[:0:0], results...), true
		}
		typed := *results[i]
		typed.Type = logical.Type{OID: t, Typmod: -1}
		results[i] = &typed
	}
	return results, nil
}

// bindOutputs reads the parameters that outputs are computed with, and computes what is
// constant in them, as PostgreSQL does before there is a row.
func (s *Session) bindOutputs(p *portal, m *wire.Bind) error {
	g := given{bind: m, types: p.statement.types, literals: p.statement.literals}
	if err := s.readOutputs(p.statement.plan, &g); err != nil {
		return err
	}
	for i, param := range p.statement.plan.Params {
		if !param.Hidden && !param.Read {
			continue
		}
		if p.inputs == nil {
			inputs := make([]computedValue, len(p.statement.types))
			p.inputs = &inputs
		}
		v, err := s.parameterValue(param.Client, &g)
		if err != nil {
			return err
		}
		(*p.inputs)[i] = v
	}
	return nil
}

// checkOutputs is bindOutputs for the statements of a Query, which have no parameters. It tells
// which one has a mistake.
func (s *Session) checkOutputs(all []rewrite.Statement) (i int, err error) {
	for i = range all {
		if err = s.readOutputs(&all[i], &given{}); err != nil {
			break
		}
	}
	return i, err
}

// readOutputs reads what outputs have without a row. What is constant in them PostgreSQL
// computes of those that are shown.
func (s *Session) readOutputs(st *rewrite.Statement, g *given) error {
	for _, f := range st.Computed() {
		if f == nil {
			continue
		}
		if _, _, err := s.readConstants(f, g); err != nil {
			return err
		}
	}
	for _, f := range st.Unshown {
		s.buf.value = s.buf.value[:0]
		if err := s.inputs(f, g); err != nil {
			return err
		}
	}
	return nil
}
