package copyformat

import "encoding/binary"

// Signature begins data in the binary format. Flags and the length of an
// extension follow, four bytes each.
const Signature = "PGCOPY\n\xff\r\n\x00"

// BinaryHeader is the size of the header without an extension.
const BinaryHeader = len(Signature) + 4 + 4

// Tuples finds the rows of COPY FROM's binary format in data that comes in any
// pieces. Its memory is one row.
type Tuples struct {
	fields int // that a row must have
	begun  bool
	over   bool // behind the trailer

	unit  []byte // of a row that came in pieces, or Hold
	whole []byte
	at    int // how much of the unit has been understood
	left  int // fields still to come; -1 before their number
	ends  []int
	sizes []int32
	// Trigger is set with Fault: what makes the server say what is wrong. It
	// stands behind the row's fields that are whole.
	Trigger []byte
	// Head: what Next has given with Line is the header.
	Head bool
}

// NewTuples expects rows of so many fields.
func NewTuples(fields int) *Tuples { return &Tuples{fields: fields, left: -1} }

// Bytes is the row, or the header, as it stands in the data: the number of its
// fields, then each with its length.
func (t *Tuples) Bytes() []byte { return t.whole }

// Fields is how many fields are whole.
func (t *Tuples) Fields() int { return len(t.ends) }

// Field gives the bounds of a field, without its length, in the row; size is -1
// for NULL.
func (t *Tuples) Field(i int) (from, to int, null bool) {
	to = t.ends[i]
	if t.sizes[i] < 0 {
		return to, to, true
	}
	return to - int(t.sizes[i]), to, false
}

// Hold keeps the row for longer than the bytes it was found in.
func (t *Tuples) Hold() {
	if len(t.unit) == 0 {
		t.unit = append(t.unit, t.whole...)
		t.whole = t.unit
	}
}

// Pending is how many bytes of an unfinished row there are.
func (t *Tuples) Pending() int { return len(t.unit) }

// Reset forgets the row that Next has given.
func (t *Tuples) Reset() {
	if cap(t.unit) > keptLine {
		t.unit = nil
	}
	t.unit, t.whole, t.ends, t.sizes = t.unit[:0], nil, t.ends[:0], t.sizes[:0]
	t.at, t.left, t.Head = 0, -1, false
}

// Next takes bytes of b up to the end of a row. Marker is the trailer.
func (t *Tuples) Next(b []byte) (n int, e Event) {
	if len(b) == 0 {
		return 0, More
	}
	if len(t.unit) == 0 {
		want, e := t.understand(b)
		if e != More {
			t.whole = b[:t.at]
			return t.at, e
		}
		_ = want
		t.unit = append(t.unit, b...)
		return len(b), More
	}
	for {
		want, e := t.understand(t.unit)
		if e != More {
			t.whole = t.unit[:t.at]
			return n, e
		}
		k := min(want-len(t.unit), len(b)-n)
		if k == 0 {
			return n, More
		}
		t.unit = append(t.unit, b[n:n+k]...)
		n += k
	}
}

// understand goes on in the unit: want is how many bytes of it are needed.
func (t *Tuples) understand(u []byte) (want int, e Event) {
	switch {
	case !t.begun:
		return t.header(u)
	case t.over:
		t.Trigger = []byte{0}
		return 0, Fault
	}
	if t.left < 0 {
		if len(u) < 2 {
			return 2, More
		}
		count := int(int16(binary.BigEndian.Uint16(u)))
		switch {
		case count == -1:
			t.at, t.over = 2, true
			return 0, Marker
		case count != t.fields:
			t.Trigger = append([]byte(nil), u[:2]...)
			return 0, Fault
		}
		t.at, t.left = 2, count
	}
	for t.left > 0 {
		if len(u) < t.at+4 {
			return t.at + 4, More
		}
		size := int32(binary.BigEndian.Uint32(u[t.at:]))
		if size < -1 {
			t.Trigger = append([]byte(nil), u[t.at:t.at+4]...)
			return 0, Fault
		}
		end := t.at + 4 + int(max(size, 0))
		if len(u) < end {
			return end, More
		}
		t.at = end
		t.left--
		t.ends, t.sizes = append(t.ends, end), append(t.sizes, size)
	}
	return 0, Line
}

func (t *Tuples) header(u []byte) (want int, e Event) {
	if n := min(len(u), len(Signature)); string(u[:n]) != Signature[:n] {
		t.Trigger = make([]byte, len(Signature))
		return 0, Fault
	}
	if len(u) < BinaryHeader {
		return BinaryHeader, More
	}
	flags := binary.BigEndian.Uint32(u[len(Signature):])
	extension := int32(binary.BigEndian.Uint32(u[len(Signature)+4:]))
	if flags>>16 != 0 || extension < 0 {
		t.Trigger = append([]byte(nil), u[:BinaryHeader]...)
		return 0, Fault
	}
	if want = BinaryHeader + int(extension); len(u) < want {
		return want, More
	}
	t.at, t.begun, t.Head = want, true, true
	return 0, Line
}

// End is the end of the data: what is left over of a row is its whole fields and
// in Trigger the beginning of one, without its content.
func (t *Tuples) End() Event {
	if len(t.unit) == 0 {
		return More
	}
	t.whole = t.unit[:t.at]
	t.Trigger = append([]byte(nil), t.unit[t.at:]...)
	if t.begun && t.left > 0 {
		t.Trigger = t.Trigger[:min(4, len(t.Trigger))]
	}
	return Fault
}
