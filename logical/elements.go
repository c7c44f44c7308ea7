package logical

// ArrayMaker makes an array of one dimension of the canonical values of its elements.
type ArrayMaker struct {
	of    arrayOf
	start int
}

// BeginArray appends what stands before n elements in the canonical form of an array
// of the type, which has to be one of arrays.
func (t Type) BeginArray(dst []byte, n int) ([]byte, ArrayMaker) {
	m := ArrayMaker{of: arrayOf{oid: elementOIDs[t.OID]}, start: len(dst)}
	if t.Def != nil {
		m.of.oid = t.Def.element.OID
	}
	var shape arrayShape
	if n > 0 {
		shape.dims, shape.sizes[0], shape.bounds[0] = 1, int32(n), 1
	}
	return m.of.appendShape(dst, &shape), m
}

// Append appends one element, nil for NULL.
func (m ArrayMaker) Append(dst, canonical []byte) []byte {
	dst, _ = m.of.appendItem(dst, m.start, canonical == nil, func(dst []byte) ([]byte, error) { return append(dst, canonical...), nil })
	return dst
}
