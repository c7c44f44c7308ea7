package copyformat

// FieldEnd finds the end of the field that begins at from in a row of COPY TO,
// which is without its newline: the offset of a delimiter, or len(row).
func (f *Format) FieldEnd(row []byte, from int) int {
	i := from
	if f.Kind != CSV {
		for ; i < len(row) && row[i] != f.Delimiter; i++ {
			if row[i] == '\\' {
				i++
			}
		}
		return min(i, len(row))
	}
	quoted := false
	for ; i < len(row); i++ {
		switch c := row[i]; {
		case !quoted:
			if c == f.Delimiter {
				return i
			}
			quoted = c == f.Quote
		case c == f.Escape && i+1 < len(row) && (row[i+1] == f.Escape || row[i+1] == f.Quote):
			i++
		case c == f.Quote:
			quoted = false
		}
	}
	return len(row)
}
