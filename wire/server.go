package wire

// ParseDataRow reads the values of a DataRow body.
func ParseDataRow(body []byte) (Values, error) {
	r := reader{b: body}
	v := r.values(int(r.uint16()))
	return v, r.end()
}

// AppendDataRow appends the frame.
func AppendDataRow(dst []byte, v Values) []byte {
	dst, start := Begin(dst, TypeDataRow)
	dst = AppendCount(dst, v.Len())
	dst = append(dst, v.Bytes()...)
	return End(dst, start)
}

// Field is one column of a RowDescription.
type Field struct {
	Name   []byte
	Table  uint32 // OID of the relation it comes from, 0 if none
	AttNum int16
	Type   uint32
	TypLen int16
	TypMod int32
	Format int16
}

// Append appends the field as it stands in a RowDescription.
func (f *Field) Append(dst []byte) []byte {
	dst = AppendCString(dst, f.Name)
	dst = AppendOID(dst, f.Table)
	dst = AppendInt16(dst, f.AttNum)
	dst = AppendOID(dst, f.Type)
	dst = AppendInt16(dst, f.TypLen)
	dst = AppendInt32(dst, f.TypMod)
	return AppendInt16(dst, f.Format)
}

// fieldTail is what follows a field's name.
const fieldTail = 4 + 2 + 4 + 2 + 4 + 2

// Fields are the columns of a RowDescription, checked once and then read in
// order.
type Fields struct {
	n    int
	body []byte
}

// ParseRowDescription reads a RowDescription body.
func ParseRowDescription(body []byte) (Fields, error) {
	r := reader{b: body}
	n := int(r.uint16())
	all := r.b
	for range n {
		r.cstring()
		r.take(fieldTail)
	}
	return Fields{n: n, body: all}, r.end()
}

// Len is how many columns there are.
func (f Fields) Len() int { return f.n }

// Iter returns a cursor before the first column.
func (f Fields) Iter() FieldIter { return FieldIter{rest: f.body} }

// FieldIter walks Fields.
type FieldIter struct{ rest []byte }

// Next reads the next column into f; false at the end.
func (it *FieldIter) Next(f *Field) bool {
	r := reader{b: it.rest}
	f.Name = r.cstring()
	f.Table = r.uint32()
	f.AttNum = int16(r.uint16())
	f.Type = r.uint32()
	f.TypLen = int16(r.uint16())
	f.TypMod = int32(r.uint32())
	f.Format = int16(r.uint16())
	it.rest = r.b
	return !r.bad
}

// ParseParameterDescription reads a ParameterDescription body. PostgreSQL describes more
// parameters than their count can tell, which has its lower 16 bits then.
func ParseParameterDescription(body []byte) (OIDs, error) {
	r := reader{b: body}
	count := r.uint16()
	m := OIDs{r.take(len(r.b) &^ 3)}
	if uint16(m.Len()) != count {
		r.bad = true
	}
	return m, r.end()
}

// ParseCommandComplete reads the command tag of a CommandComplete body.
func ParseCommandComplete(body []byte) (tag []byte, err error) {
	r := reader{b: body}
	tag = r.cstring()
	return tag, r.end()
}

// ParseReadyForQuery reads the transaction status: 'I' idle, 'T' in a
// transaction, 'E' in a failed one.
func ParseReadyForQuery(body []byte) (status byte, err error) {
	r := reader{b: body}
	status = r.byte()
	return status, r.end()
}

// ParseParameterStatus reads a ParameterStatus body.
func ParseParameterStatus(body []byte) (name, value []byte, err error) {
	r := reader{b: body}
	name, value = r.cstring(), r.cstring()
	return name, value, r.end()
}
