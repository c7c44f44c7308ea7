package copyformat

import "bytes"

// FieldEnd finds the end of the field that begins at from in a row of COPY TO,
// which is without its newline: the offset of a delimiter, or len(row).
func (f *Format) FieldEnd(row []byte, from int) int {
	if from > len(row) {
		return len(row)
	}
	if f.Kind == CSV {
		return f.quotedEnd(row, from)
	}
	for i := from; ; i++ {
		n := bytes.IndexByte(row[i:], f.Delimiter)
		if n < 0 {
			return len(row)
		}
		i += n
		// Behind an odd number of backslashes it belongs to the field.
		escapes := i
		for escapes > from && row[escapes-1] == '\\' {
			escapes--
		}
		if (i-escapes)%2 == 0 {
			return i
		}
	}
}

func (f *Format) quotedEnd(row []byte, from int) int {
	if n := bytes.IndexByte(row[from:], f.Delimiter); n >= 0 && bytes.IndexByte(row[from:from+n], f.Quote) < 0 {
		return from + n
	}
	quoted := false
	for i := from; i < len(row); i++ {
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
