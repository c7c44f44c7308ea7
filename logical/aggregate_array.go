package logical

// AddNull takes NULL, which array_agg has among the others, and the other aggregates leave out.
func (g *Aggregation) AddNull() {
	if g.of == Gathered && (g.seen == nil || !g.null) {
		g.list, g.null = append(g.list, nil), true
	}
}

// appendArray appends the array of the values, in the order in which they have come, nil for none.
func (g *Aggregation) appendArray(dst []byte) []byte {
	if len(g.list) == 0 {
		return nil
	}
	dst, maker := Type{OID: arrayOIDs[g.oid], Typmod: -1}.BeginArray(dst, len(g.list))
	for _, value := range g.list {
		dst = maker.Append(dst, value)
	}
	return dst
}
