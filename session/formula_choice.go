package session

import (
	"pgseal/logical"
	"pgseal/rewrite"
)

// truth is a boolean.
func truth(is bool) computedValue {
	v := computedValue{Value: logical.Value{Data: []byte{0}, Binary: true, OID: logical.OIDBool}}
	if is {
		v.Data[0] = 1
	}
	return v
}

// is says whether a boolean is that, and not NULL.
func (v computedValue) is(what bool) bool {
	return !v.null && len(v.Data) == 1 && (v.Data[0] != 0) == what
}

// condition is AND or OR: what stands behind a value that decides is not computed.
func (s *Session) condition(f *rewrite.Formula, g *given) (computedValue, Need, error) {
	decides, null := f.Kind == rewrite.Either, false
	for i, arg := range f.Args {
		v, need, err := s.formula(arg, g, f.Expected(i, g.typeOf))
		if err != nil || need.Kind != NeedNothing {
			return v, need, err
		}
		if v.is(decides) {
			return v, Need{}, nil
		}
		null = null || v.null
	}
	if null {
		return nullValue, Need{}, nil
	}
	return truth(!decides), Need{}, nil
}

// choice is CASE: nothing is computed but the conditions up to the one that holds, and
// its value.
func (s *Session) choice(f *rewrite.Formula, g *given) (computedValue, Need, error) {
	last := len(f.Args) - 1
	chosen := last
	for i := 0; i < last; i += 2 {
		v, need, err := s.formula(f.Args[i], g, logical.OIDBool)
		if err != nil || need.Kind != NeedNothing {
			return v, need, err
		}
		if v.is(true) {
			chosen = i + 1
			break
		}
	}
	common := logical.Type{OID: f.TypeOf(g.typeOf), Typmod: -1}
	v, need, err := s.formula(f.Args[chosen], g, common.OID)
	if err == nil && need.Kind == NeedNothing && !v.null && v.OID != common.OID {
		v, err = s.castValue(common, v)
	}
	return v, need, err
}

// choiceConstants is constants for CASE: PostgreSQL drops what a constant condition
// excludes.
func (s *Session) choiceConstants(f *rewrite.Formula, g *given) error {
	compute := func(i int) (v computedValue, constant bool, err error) {
		arg := f.Args[i]
		if err = s.constants(arg, g); err == nil && arg.IsConstant() {
			v, _, err = s.formula(arg, g, f.Expected(i, g.typeOf))
			return v, true, err
		}
		return v, false, err
	}
	last := len(f.Args) - 1
	for i := 0; i < last; i += 2 {
		v, constant, err := compute(i)
		if err != nil {
			return err
		}
		if constant && !v.is(true) {
			continue
		}
		if _, _, err := compute(i + 1); err != nil || constant {
			return err
		}
	}
	_, _, err := compute(last)
	return err
}
