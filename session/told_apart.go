package session

import (
	"encoding/binary"
	"math"

	"pgseal/logical"
)

// again reports a row that DISTINCT leaves out, as there has been one like it.
func (g *arranged) again(hidden [][]byte, cells []cell) (bool, error) {
	if len(g.plan.Distinct) == 0 {
		return false, nil
	}
	var told, canonical []byte
	var err error
	for _, i := range g.plan.Distinct {
		at := len(told)
		told = binary.BigEndian.AppendUint32(told, 0)
		switch v, c := hidden[i], &cells[i]; {
		case v == nil:
			binary.BigEndian.PutUint32(told[at:], math.MaxUint32)
			continue
		case c.sealed == nil:
			told = append(told, v...)
		default:
			t := logical.Type{OID: c.sealed.Type.OID, Typmod: -1}
			if canonical, err = t.AppendCanonical(canonical[:0], logical.Value{Data: v, Binary: true, OID: t.OID}, logical.Cast, &ownSettings); err != nil {
				return false, err
			}
			if told, err = t.AppendEquality(told, canonical); err != nil {
				return false, err
			}
		}
		binary.BigEndian.PutUint32(told[at:], uint32(len(told)-at))
	}
	if _, again := g.seen[string(told)]; again {
		return true, nil
	}
	if g.seen == nil {
		g.seen = map[string]struct{}{}
	}
	g.seen[string(told)] = struct{}{}
	g.size += rowOverhead + len(told)
	return false, nil
}
