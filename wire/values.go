package wire

import "encoding/binary"

// Values are the length-prefixed values of a DataRow or the parameters of a
// Bind, checked once and then read in order.
type Values struct {
	n    int
	body []byte
}

// values consumes n values; every length is checked here, so that Iter need
// not fail. Where there are fewer, it ends behind the last one that is whole.
func (r *reader) values(n int) Values {
	all, end := r.b, 0
	for range n {
		if l := int32(r.uint32()); l != Null {
			r.take(int(l))
		}
		if r.bad {
			break
		}
		end = len(all) - len(r.b)
	}
	return Values{n: n, body: all[:end:end]}
}

// Len is how many values there are.
func (v *Values) Len() int { return v.n }

// Bytes are the values as they stand on the wire, without their count.
func (v *Values) Bytes() []byte { return v.body }

// Iter returns a cursor before the first value.
func (v *Values) Iter() ValueIter { return ValueIter{rest: v.body} }

// ValueIter walks Values.
type ValueIter struct{ rest []byte }

// Next returns the next value: nil, true for a NULL, a non-nil slice otherwise,
// and nil, false at the end.
func (it *ValueIter) Next() (value []byte, ok bool) {
	if len(it.rest) < 4 {
		return nil, false
	}
	l := int32(binary.BigEndian.Uint32(it.rest))
	it.rest = it.rest[4:]
	if l == Null {
		return nil, true
	}
	value = it.rest[:l:l]
	it.rest = it.rest[l:]
	return value, true
}

// AppendValue appends one value with its length; a nil value is NULL.
func AppendValue(dst, value []byte) []byte {
	if value == nil {
		return AppendInt32(dst, Null)
	}
	dst = AppendInt32(dst, int32(len(value)))
	return append(dst, value...)
}

// BeginValue appends room for the length of a value that EndValue fills in.
func BeginValue(dst []byte) (out []byte, start int) {
	start = len(dst)
	return append(dst, 0, 0, 0, 0), start
}

// EndValue fills in the length of the value that began at start.
func EndValue(dst []byte, start int) []byte {
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}

// Int16s is a counted list of Int16 as it stands on the wire (format codes).
type Int16s struct{ body []byte }

func (r *reader) int16s() Int16s {
	n := int(r.uint16())
	return Int16s{r.take(2 * n)}
}

// Len is how many numbers there are.
func (s Int16s) Len() int { return len(s.body) / 2 }

// At returns the number at i.
func (s Int16s) At(i int) int16 { return int16(binary.BigEndian.Uint16(s.body[2*i:])) }

// Append appends count and numbers.
func (s Int16s) Append(dst []byte) []byte {
	dst = AppendCount(dst, s.Len())
	return append(dst, s.body...)
}

// Format is the format code of the i-th value by the protocol's rule: none
// given means text, one given means that one for all. ok is false when the
// list has no entry for i.
func (s Int16s) Format(i int) (f int16, ok bool) {
	switch n := s.Len(); {
	case n == 0:
		return Text, true
	case n == 1:
		return s.At(0), true
	case i < n:
		return s.At(i), true
	}
	return 0, false
}

// OIDs is a counted list of object identifiers as it stands on the wire.
type OIDs struct{ body []byte }

func (r *reader) oids() OIDs {
	n := int(r.uint16())
	return OIDs{r.take(4 * n)}
}

// Len is how many identifiers there are.
func (s OIDs) Len() int { return len(s.body) / 4 }

// At returns the identifier at i.
func (s OIDs) At(i int) uint32 { return binary.BigEndian.Uint32(s.body[4*i:]) }

// Append appends count and identifiers.
func (s OIDs) Append(dst []byte) []byte {
	dst = AppendCount(dst, s.Len())
	return append(dst, s.body...)
}
