package session

import (
	"cmp"
	"errors"
	"slices"

	"pgseal/envelope"
	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// What a statement computes of the sealed values of the row that it changes
// (rewrite.Formula) is computed here: the question in front of it gives their
// envelopes, and the statement stores the result only if they are still there.

// errNoRow: the question has found no row, so that there is nothing to compute with.
var errNoRow = errors.New("session: there is no such row")

// given is what a formula is computed with beside the row.
type given struct {
	bind    *wire.Bind       // of the statement, in the extended protocol
	types   []uint32         // of its parameters
	literal *rewrite.Literal // in the simple protocol
	row     [][]byte         // what the row has in the formula's columns, nil for the answers
	inputs  *[]computedValue // of an output: those parameters, by number, that have been read

	literals *logical.Settings // of the statement
}

// computedValue is the value of a formula, in its type's canonical form.
type computedValue struct {
	logical.Value
	null bool
}

var nullValue = computedValue{null: true}

// appendFormula appends the value of an operand's formula, sealed. null says that it
// is NULL, and that nothing has been appended; so it is without a row, where the
// statement changes nothing.
func (s *Session) appendFormula(dst []byte, op *rewrite.Operand, g given, check func(oid uint32) *rewrite.Refusal) (out []byte, null bool, need Need, err error) {
	t, err := s.readFormula(op, &g, check)
	if err != nil {
		return dst, false, Need{}, err
	}
	s.buf.value = s.buf.value[:0]
	v, need, err := s.formula(op.Formula, &g, t)
	switch {
	case errors.Is(err, errNoRow):
		return dst, true, Need{}, nil
	case err != nil || need.Kind != NeedNothing || v.null:
		return dst, err == nil && need.Kind == NeedNothing, need, err
	}
	if op.Decides {
		return append(dst, v.Data...), false, Need{}, nil
	}
	defer func(foreign bool) { s.foreign = foreign }(s.foreign)
	s.foreign = true // the canonical form is UTF-8
	dst, need, err = s.appendOperand(dst, op, v.Value)
	return dst, false, need, err
}

// readFormula checks a formula, and reads what it has without the row. It gives the type
// of its value.
func (s *Session) readFormula(op *rewrite.Operand, g *given, check func(oid uint32) *rewrite.Refusal) (oid uint32, err error) {
	if oid = op.Formula.TypeOf(g.typeOf); oid == 0 {
		return 0, refused(op.RefuseFormula(), nil)
	}
	if r := check(oid); r != nil {
		return 0, refused(r, nil)
	}
	v, constant, err := s.readConstants(op.Formula, g)
	if of := op.Formula.Changed(); of != op.Formula && err == nil {
		v, constant, err = s.simplified(of, g, 0)
	}
	if t := op.Column.Type; err == nil && constant && !v.null && op.Role == rewrite.Store && !op.Decides && !op.Ranks && t.Def == nil {
		_, err = s.typeNow(op.Column, t).AppendCanonical([]byte{}, v.Value, logical.Assign, &s.settings.utf8)
	}
	return oid, err
}

// readConstants reads what a formula has without the row, and computes it. The value is that
// of a formula which is constant.
func (s *Session) readConstants(f *rewrite.Formula, g *given) (v computedValue, constant bool, err error) {
	s.buf.value = s.buf.value[:0]
	if err := s.inputs(f, g); err != nil {
		return v, false, err
	}
	return s.simplified(f, g, 0)
}

// inputs reads the parameters and literals of a formula: PostgreSQL reads them all,
// before it computes anything.
func (s *Session) inputs(f *rewrite.Formula, g *given) (err error) {
	for i, arg := range f.Args {
		switch {
		case arg.Kind == rewrite.ParameterValue:
			_, err = s.parameterValue(arg.Client, g)
		case arg.Kind == rewrite.LiteralValue && f.Kind == rewrite.CastTo && g.typeOf(arg) == 0:
			_, err = s.literalValue(arg, g, logical.Type{OID: f.Type.OID, Typmod: -1}, logical.Cast) // its length is for later
		case arg.Kind == rewrite.LiteralValue && f.ReadsLiterals():
			_, _, err = s.formula(f, g, 0)
		case arg.Kind == rewrite.LiteralValue:
			_, _, err = s.formula(arg, g, f.Expected(i, g.typeOf))
		default:
			err = s.inputs(arg, g)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fewArgs is how many arguments a node of a formula mostly has at most.
const fewArgs = 4

// room is where the next node of a formula puts its value, behind those of the others.
func (s *Session) room() []byte {
	const first = 1 << 10 // bytes
	if cap(s.buf.value) == 0 {
		s.buf.value = make([]byte, 0, first)
	}
	return s.buf.value[len(s.buf.value):]
}

// kept keeps a value that has been appended to room, until the formula is computed anew.
// One that has not fitted stands by itself.
func (s *Session) kept(v computedValue) computedValue {
	if n := len(s.buf.value); len(v.Data) <= cap(s.buf.value)-n {
		s.buf.value = s.buf.value[:n+len(v.Data)]
	}
	v.Data = v.Data[:len(v.Data):len(v.Data)]
	return v
}

// formula computes a formula. expected is the type of a value that has none by itself.
func (s *Session) formula(f *rewrite.Formula, g *given, expected uint32) (computedValue, Need, error) {
	switch f.Kind {
	case rewrite.ColumnValue:
		return s.cellValue(f, g)
	case rewrite.PlainValue:
		v, err := s.plainValue(f, g)
		return v, Need{}, err
	case rewrite.ParameterValue:
		v, err := s.parameterValue(f.Client, g)
		return v, Need{}, err
	case rewrite.LiteralValue:
		v, err := s.literalValue(f, g, logical.Type{OID: expected, Typmod: -1}, logical.Cast)
		return v, Need{}, err
	case rewrite.NullValue:
		return nullValue, Need{}, nil
	case rewrite.FirstOf:
		return s.firstOf(f, g)
	case rewrite.Both, rewrite.Either:
		return s.condition(f, g)
	case rewrite.Choice:
		return s.choice(f, g)
	case rewrite.Aggregated:
		return s.aggregated(f, g)
	case rewrite.Windowed:
		return s.windowValue(f, g)
	case rewrite.Inner:
		return s.innerValue(f, g)
	case rewrite.Asked:
		return s.askedValue(f, g)
	case rewrite.Collated:
		return s.formula(f.Args[0], g, f.Expected(0, g.typeOf))
	}
	if f.Kind == rewrite.AssignedTo && f.Args[0].Kind == rewrite.LiteralValue && g.typeOf(f.Args[0]) == 0 {
		v, err := s.literalValue(f.Args[0], g, f.Column.Type, logical.Assign)
		return v, Need{}, err
	}
	if f.Kind == rewrite.CastTo && f.Args[0].Kind == rewrite.LiteralValue && g.typeOf(f.Args[0]) == 0 {
		v, err := s.literalValue(f.Args[0], g, f.Type, logical.Cast)
		return v, Need{}, err
	}
	var few [fewArgs]computedValue
	args := few[:0]
	for i, arg := range f.Args {
		v, need, err := s.formula(arg, g, f.Expected(i, g.typeOf))
		if err != nil || need.Kind != NeedNothing {
			return v, need, err
		}
		args = append(args, v)
	}
	v, err := s.apply(f, g, args)
	return v, Need{}, err
}

// firstOf is COALESCE: what stands behind the first value is not computed.
func (s *Session) firstOf(f *rewrite.Formula, g *given) (computedValue, Need, error) {
	for i, arg := range f.Args {
		v, need, err := s.formula(arg, g, f.Expected(i, g.typeOf))
		if err != nil || need.Kind != NeedNothing {
			return v, need, err
		}
		if !v.null {
			v, err = s.alternative(f, g, v)
			return v, Need{}, err
		}
	}
	return nullValue, Need{}, nil
}

// alternative is a value as one of the type that all alternatives have in common.
func (s *Session) alternative(f *rewrite.Formula, g *given, v computedValue) (computedValue, error) {
	if common := f.TypeOf(g.typeOf); !v.null && v.OID != common {
		return s.castValue(logical.Type{OID: common, Typmod: -1}, v)
	}
	return v, nil
}

// apply computes one node of the values of its arguments.
func (s *Session) apply(f *rewrite.Formula, g *given, args []computedValue) (computedValue, error) {
	null := slices.ContainsFunc(args, func(v computedValue) bool { return v.null })
	switch f.Kind {
	case rewrite.IsNull:
		return truth(null), nil
	case rewrite.IsNotNull:
		return truth(!null), nil
	case rewrite.Greatest, rewrite.Least:
		return s.extreme(f, g, args)
	}
	if f.Quantifier != rewrite.OneValue {
		return s.quantified(f, args[0], args[1])
	}
	if null && (f.IsStrict() || f.Kind == rewrite.AssignedTo) {
		return nullValue, nil
	}
	if f.Kind == rewrite.Called {
		for i := range args {
			if args[i].null && args[i].OID == 0 { // a function that takes NULLs is found by their types
				args[i].OID = cmp.Or(f.Args[i].TypeOf(g.typeOf), f.Expected(i, g.typeOf))
			}
		}
	}
	return s.operate(f, args)
}

// extreme is GREATEST or LEAST of the values that are not NULL.
func (s *Session) extreme(f *rewrite.Formula, g *given, args []computedValue) (computedValue, error) {
	result := nullValue
	for _, v := range args {
		v, err := s.alternative(f, g, v)
		switch {
		case err != nil:
			return v, err
		case v.null:
		default:
			if err := f.Order.Check(v.Value); err != nil {
				return v, err
			}
			if result.null || f.Kind == rewrite.Greatest && logical.SortOrder(v.Value, result.Value, f.Order) > 0 || f.Kind == rewrite.Least && logical.SortOrder(v.Value, result.Value, f.Order) < 0 {
				result = v
			}
		}
	}
	return result, nil
}

// operate computes one node of values that are not NULL.
func (s *Session) operate(f *rewrite.Formula, args []computedValue) (v computedValue, err error) {
	v.Binary, v.OID = true, args[0].OID
	switch f.Kind {
	case rewrite.CastTo:
		return s.castValue(f.Type, args[0])
	case rewrite.AssignedTo:
		v.OID = f.Column.Type.Shown().OID
		v.Data, err = s.typeNow(f.Column, f.Column.Type).AppendCanonical([]byte{}, args[0].Value, logical.Assign, &s.settings.utf8)
		return v, err
	case rewrite.Placed:
		v.OID = logical.OIDInt4
		v.Data, err = f.Type.AppendPlace(s.room(), args[0].Data)
		return s.kept(v), staleError(err)
	case rewrite.Labelled:
		v.OID, v.Data = f.Type.Shown().OID, f.Type.AppendLabel(s.room(), args[0].Data)
		return s.kept(v), nil
	case rewrite.Inverse:
		if v.OID == logical.OIDBool {
			v.Data = logical.Inverted(nil, args[0].Value)
			return v, nil
		}
	case rewrite.Negative:
		var ok bool
		if v.Data, ok, err = logical.Negated(nil, args[0].Value); ok || err != nil {
			return v, err
		}
	case rewrite.Called:
		return s.call(f, args)
	case rewrite.Operation:
		if v.OID = f.Operator.Result(args[0].OID, args[1].OID); f.Order != nil {
			v.Data, err = f.Operator.AppendOrdered(s.room(), args[0].Value, args[1].Value, f.Order)
			return s.kept(v), err
		}
		if f.Operator.MatchesRegex() {
			v.Data, err = f.Operator.AppendMatched(s.room(), args[0].Value, args[1].Value, &s.buf.regex, &s.settings.utf8)
			return s.kept(v), err
		}
		v.Data, err = f.Operator.Append(s.room(), args[0].Value, args[1].Value, &s.settings.utf8)
		v.null = v.Data == nil
		return s.kept(v), err
	}
	return v, &wire.Error{
		Code: codeFeatureNotSupported, Message: "pgseal does not compute this of a value of type " + logical.TypeName(v.OID),
		Hint: "Compute the value in the application.",
	}
}

// call computes a function.
func (s *Session) call(f *rewrite.Formula, args []computedValue) (v computedValue, err error) {
	var few [fewArgs]logical.Value
	var fewTypes [fewArgs]uint32
	values, types := few[:0], fewTypes[:0]
	for _, arg := range args {
		if arg.null {
			arg.Data = nil
		} else if arg.Data == nil {
			arg.Data = []byte{}
		}
		values, types = append(values, arg.Value), append(types, arg.OID)
	}
	v.Binary, v.OID = true, f.Function.Result(types)
	v.Data, err = f.Function.Append(s.room(), values, logical.Help{Fold: f.Fold, First: f.First, Last: &s.buf.regex}, &s.settings.utf8)
	v.null = v.Data == nil
	return s.kept(v), err
}

// castValue is an explicit cast. A type that has no number is that of alternatives that
// have none in common.
func (s *Session) castValue(to logical.Type, v computedValue) (computedValue, error) {
	if to.OID == 0 {
		return v, &wire.Error{
			Code: codeFeatureNotSupported, Message: "pgseal does not compute with alternatives of several types",
			Hint: "Cast them to one type.",
		}
	}
	if err := to.CheckOID(v.OID, logical.Cast); err != nil {
		return v, err
	}
	data, err := to.AppendCanonical(s.room(), v.Value, logical.Cast, &s.settings.utf8)
	v.Data, v.OID = data, to.OID
	return s.kept(v), err
}

// cellValue opens a value of the row.
func (s *Session) cellValue(f *rewrite.Formula, g *given) (computedValue, Need, error) {
	v, null, err := s.cellOf(f, g, oidBytea)
	switch {
	case err != nil:
		return nullValue, Need{}, err
	case null: // also when it is only to be found out whether the client's values can be sealed
		return nullValue, Need{}, errNoRow
	case v.OID != oidBytea:
		return nullValue, Need{}, errUnasked
	case len(v.Data) == 0:
		return nullValue, Need{}, nil
	}
	h, err := envelope.Parse(v.Data)
	if err != nil {
		return nullValue, Need{}, s.corrupt(f.Column, 0, err)
	}
	k, need, err := s.key(h.KeyID)
	if k == nil {
		return nullValue, need, err
	}
	of := f.Column.Among(h.ColumnID)
	plain, err := k.Open(s.room(), of.ID, v.Data)
	if err != nil {
		return nullValue, Need{}, s.corrupt(of, h.KeyID, err)
	}
	if of.Casts != nil {
		if plain, err = s.castOpened(of, plain); err != nil {
			return nullValue, Need{}, valueError(err, of)
		}
		plain = append(s.room(), plain...)
	}
	return s.kept(computedValue{Value: logical.Value{Data: plain, Binary: true, OID: f.Column.Type.Shown().OID}}), Need{}, nil
}

// cellOf is what the row has in a column, null if that is NULL. Of a row among several
// it is of the type given.
func (s *Session) cellOf(f *rewrite.Formula, g *given, oid uint32) (v logical.Value, null bool, err error) {
	if g.row == nil {
		return s.answer(f.Answer)
	}
	cell := g.row[f.Cell]
	return logical.Value{Data: cell, Binary: true, OID: oid}, cell == nil, nil
}

// plainValue is what the row has in a plain column.
func (s *Session) plainValue(f *rewrite.Formula, g *given) (computedValue, error) {
	v, null, err := s.cellOf(f, g, f.Type.OID)
	if null && g.row != nil {
		return nullValue, nil
	}
	if null && err == nil {
		_, null, err = s.answer(f.Image)
		if null {
			err = errNoRow
		}
		return nullValue, err
	}
	switch {
	case err != nil:
		return nullValue, err
	case v.OID != f.Type.OID: // ALTER COLUMN TYPE since
		return nullValue, &outdatedError{errContradiction, 0}
	}
	v.Data, err = f.Type.AppendCanonical(s.room(), v, logical.Cast, &s.settings.values)
	return s.kept(computedValue{Value: v}), err
}

// parameterValue reads one of the client's parameters.
func (s *Session) parameterValue(client int, g *given) (computedValue, error) {
	if g.inputs != nil {
		return (*g.inputs)[client], nil
	}
	if g.bind == nil || client >= len(g.types) || client >= g.bind.Params.Len() {
		return nullValue, errUnasked
	}
	data := g.parameter(client)
	if data == nil {
		return nullValue, nil
	}
	format, _ := g.bind.ParamFormats.Format(client)
	v := computedValue{Value: logical.Value{Data: data, Binary: format == wire.Binary, OID: g.types[client]}}
	t := s.typeOf(v.OID)
	if t.Def == nil && !logical.Supported(v.OID) || t.IsArray() && !logical.Supported(logical.ElementOID(v.OID)) {
		return v, &wire.Error{
			Code: codeFeatureNotSupported, Message: "pgseal does not compute with a parameter of the type with OID " + itoa(int(v.OID)),
			Hint: "Declare the parameter as one of the types of numbers, texts and times, or as an array of these.",
		}
	}
	plain, err := t.AppendCanonical([]byte{}, v.Value, logical.Cast, &s.settings.values)
	if err != nil {
		e := statementError(err)
		if e == nil || !isValueError(e) {
			return v, err
		}
		if v.Binary || ofEncoding(e) {
			data = nil
		}
		if e = ofParameter(e, g.bind, client, data); staleError(err) != err {
			return v, &outdatedError{e, 0}
		}
		return v, e
	}
	v.Data, v.Binary = plain, true
	return v, nil
}

// literalValue reads a literal of the client's. A string is one of type t.
func (s *Session) literalValue(f *rewrite.Formula, g *given, t logical.Type, use logical.Use) (v computedValue, err error) {
	data, oid, kept, err := f.Literal(g.literal)
	if err != nil {
		return v, err
	}
	if oid != oidUnknown {
		t = logical.Type{OID: oid, Typmod: -1}
	}
	if t.Def == nil {
		t.Def = s.typeOf(t.OID).Def
	}
	if t.Def == nil && !logical.Supported(t.OID) {
		return v, &wire.Error{
			Code: codeFeatureNotSupported, Message: "pgseal does not know the type of a string that it is to compute with",
			Hint: "Cast the string to its type.",
		}
	}
	settings := s.reading()
	if kept {
		settings = &s.settings.utf8
	}
	if kept && g.literals != nil {
		s.buf.literals = *g.literals // the pointer would have all of g, and its Bind, be allocated
		settings = &s.buf.literals
	}
	v.Binary, v.OID = true, t.OID
	v.Data, err = t.AppendCanonical(s.room(), logical.Value{Data: data, OID: oidUnknown}, use, settings)
	return s.kept(v), staleError(err)
}

// typeOf is the type that a number stands for, with its definition if it is an enum.
func (s *Session) typeOf(oid uint32) logical.Type {
	t := logical.Type{OID: oid, Typmod: -1}
	if logical.Supported(oid) {
		return t
	}
	if snap, err := s.snapshot(); err == nil && snap != nil {
		if known := snap.Type(oid); known.IsEnum() && known == known.Shown() {
			return known
		}
	}
	return t
}

// parameter is the value of a parameter, nil for NULL.
func (g *given) parameter(client int) []byte {
	it := g.bind.Params.Iter()
	for range client {
		it.Next()
	}
	data, _ := it.Next()
	return data
}

// typeOf is the type of a parameter, or a literal; 0 for a string.
func (g *given) typeOf(f *rewrite.Formula) uint32 {
	if f.Kind == rewrite.ParameterValue {
		if f.Client < len(g.types) {
			return g.types[f.Client]
		}
		return 0
	}
	if _, oid, _, err := f.Literal(g.literal); err == nil && oid != oidUnknown {
		return oid
	}
	return 0
}
