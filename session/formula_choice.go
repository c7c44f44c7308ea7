package session

import (
	"errors"

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

// quantified is a comparison with the elements of an array, with ANY or ALL. An empty array
// decides, and NULL does not.
func (s *Session) quantified(f *rewrite.Formula, left, array computedValue) (computedValue, error) {
	if array.null {
		return nullValue, nil
	}
	decides, null, found := f.Quantifier == rewrite.AnyElement, false, false
	of := logical.ElementOID(array.OID)
	_, err := logical.Elements(array.Value, func(elem []byte, isNull bool) error {
		if left.null || isNull {
			null = true
			return nil
		}
		mark := len(s.buf.value)
		if f.FoldsElements {
			elem = f.Args[0].Fold.Append(nil, elem)
		}
		v, err := s.operate(f, []computedValue{left, {Value: logical.Value{Data: elem, Binary: true, OID: of}}})
		s.buf.value = s.buf.value[:mark]
		if err != nil {
			return err
		}
		if found = v.is(decides); found {
			return errDecided
		}
		return nil
	})
	switch {
	case found:
		return truth(decides), nil
	case err != nil:
		return nullValue, err
	case null:
		return nullValue, nil
	}
	return truth(!decides), nil
}

// errDecided ends a walk over elements of which one decides.
var errDecided = errors.New("session: decided")

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
	v, need, err := s.formula(f.Args[chosen], g, f.Expected(chosen, g.typeOf))
	if err == nil && need.Kind == NeedNothing {
		v, err = s.alternative(f, g, v)
	}
	return v, need, err
}
