package session

import (
	"slices"

	"pgseal/logical"
	"pgseal/rewrite"
)

// PostgreSQL's planner computes what in an expression has nothing of the row in it, and
// drops what that excludes. So mistakes in it are found whether there is a row or not, and
// those in what is dropped never.

// simplified is what a formula comes to without the row; constant says whether it does.
func (s *Session) simplified(f *rewrite.Formula, g *given, expected uint32) (v computedValue, constant bool, err error) {
	switch f.Kind {
	case rewrite.ColumnValue, rewrite.PlainValue, rewrite.Asked:
		return v, false, nil
	case rewrite.FirstOf:
		return s.simplifiedFirst(f, g)
	case rewrite.Both, rewrite.Either:
		return s.simplifiedCondition(f, g)
	case rewrite.Choice:
		return s.simplifiedChoice(f, g)
	case rewrite.Aggregated, rewrite.Inner:
		_, _, err = s.simplified(f.Args[0], g, 0)
		return v, false, err
	case rewrite.Windowed:
		for i, arg := range f.Args {
			if _, _, err = s.simplified(arg, g, f.Expected(i, g.typeOf)); err != nil {
				break
			}
		}
		return v, false, err
	}
	var few [fewArgs]computedValue
	args, null := few[:0], false
	for i, arg := range f.Args {
		if arg.Kind == rewrite.LiteralValue && f.ReadsLiterals() { // it is read with the cast
			v, _, err = s.formula(f, g, expected)
			return v, err == nil, err
		}
		v, known, err := s.simplified(arg, g, f.Expected(i, g.typeOf))
		if err != nil {
			return v, false, err
		}
		if known {
			args, null = append(args, v), null || v.null
		}
	}
	switch {
	case len(f.Args) == 0:
		v, _, err = s.formula(f, g, expected)
		return v, err == nil, err
	case len(args) == len(f.Args) && !null && dependsOnSettings(f, args):
	case len(args) == len(f.Args):
		v, err = s.apply(f, g, args)
		return v, err == nil, err
	case null && f.IsStrict():
		return nullValue, true, nil
	}
	return v, false, nil
}

// dependsOnSettings says whether what a node comes to depends on settings of the session, so
// that PostgreSQL computes it (a stable function) when it has a row.
func dependsOnSettings(f *rewrite.Formula, args []computedValue) bool {
	if f.Quantifier != rewrite.OneValue {
		args = []computedValue{args[0], {Value: logical.Value{OID: logical.ElementOID(args[1].OID)}}}
	}
	some := func(of ...uint32) bool {
		return slices.ContainsFunc(args, func(v computedValue) bool { return slices.Contains(of, v.OID) })
	}
	switch f.Kind {
	case rewrite.CastTo:
		from, to := args[0].OID, f.Type.OID
		moment := func(oid uint32) bool {
			return oid == logical.OIDDate || oid == logical.OIDTimestamp || oid == logical.OIDTimestamptz
		}
		return from != to && (from == logical.OIDTimestamptz || to == logical.OIDTimestamptz || moment(from) != moment(to))
	case rewrite.Operation:
		return some(logical.OIDTimestamptz) && some(logical.OIDInterval, logical.OIDDate, logical.OIDTimestamp)
	case rewrite.Called:
		switch f.Function.String() {
		case "concat", "concat_ws", "to_char", "format":
			return true
		case "date_trunc", "age":
			return some(logical.OIDTimestamptz, logical.OIDDate)
		case "extract", "date_part":
			return some(logical.OIDTimestamptz)
		}
	}
	return false
}

// simplifiedFirst is simplified for COALESCE: NULLs are dropped, and what stands behind
// another constant.
func (s *Session) simplifiedFirst(f *rewrite.Formula, g *given) (computedValue, bool, error) {
	constant := true
	for i, arg := range f.Args {
		v, known, err := s.simplified(arg, g, f.Expected(i, g.typeOf))
		switch {
		case err != nil:
			return v, false, err
		case known && !v.null:
			v, err = s.alternative(f, g, v)
			return v, err == nil && constant, err
		}
		constant = constant && known
	}
	return nullValue, constant, nil
}

// simplifiedCondition is simplified for AND and OR: one value decides.
func (s *Session) simplifiedCondition(f *rewrite.Formula, g *given) (computedValue, bool, error) {
	decides, constant, null := f.Kind == rewrite.Either, true, false
	for i, arg := range f.Args {
		v, known, err := s.simplified(arg, g, f.Expected(i, g.typeOf))
		if err != nil || known && v.is(decides) {
			return v, err == nil, err
		}
		constant, null = constant && known, null || known && v.null
	}
	if null {
		return nullValue, constant, nil
	}
	return truth(!decides), constant, nil
}

// simplifiedChoice is simplified for CASE: a condition that cannot hold is dropped with its
// value, and all that stands behind one that holds.
func (s *Session) simplifiedChoice(f *rewrite.Formula, g *given) (computedValue, bool, error) {
	constant := true // all that has been kept
	last := len(f.Args) - 1
	chosen := last
	for i := 0; i < last; i += 2 {
		v, known, err := s.simplified(f.Args[i], g, f.Expected(i, g.typeOf))
		switch {
		case err != nil:
			return v, false, err
		case known && !v.is(true):
			continue
		}
		if known {
			chosen = i + 1
			break
		}
		constant = false
		if v, _, err := s.simplified(f.Args[i+1], g, f.Expected(i+1, g.typeOf)); err != nil {
			return v, false, err
		}
	}
	v, known, err := s.simplified(f.Args[chosen], g, f.Expected(chosen, g.typeOf))
	if err == nil && known {
		v, err = s.alternative(f, g, v)
	}
	return v, err == nil && constant && known, err
}
