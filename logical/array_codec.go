package logical

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"
)

// arrayOf is the type of arrays of an element type. The canonical form is what
// array_send() gives: the server's array with all its dimensions.
type arrayOf struct {
	element *codec
	oid     uint32 // of the element type
	// notNull refuses NULL among the elements; nil for every type but domains.
	notNull error
}

// arrayCodecs are the codecs of the arrays of built-in types, by array type.
var arrayCodecs = map[uint32]*codec{}

func init() {
	for element, array := range arrayOIDs {
		if c := parameterCodec(element); c != nil {
			arrayCodecs[array] = newArrayCodec(arrayOf{element: c, oid: element})
		}
	}
}

func newArrayCodec(a arrayOf) *codec {
	c := &codec{
		name: a.element.name + "[]", size: -1,
		in: a.in, receive: a.receive, out: a.out, check: a.check, equal: a.equal,
		incomparable: a.element.incomparable, ownEquality: a.element.ownEquality,
	}
	c.recv = func(dst, data []byte) ([]byte, error) { return a.receive(dst, data, nil) }
	if a.element.fit != nil {
		c.fit = a.fit
	}
	if name := a.element.typmodName; name != nil {
		c.typmodName = func(typmod int32) string { return name(typmod) + "[]" }
	}
	if a.element.textual {
		c.send = a.send
	}
	return c
}

// arrayHeader is the size of what stands before the dimensions, and arrayFlags
// where in it the flag is that says whether there are NULLs.
const (
	arrayHeader = 12
	arrayFlags  = 4
)

// appendShape begins an array without NULLs.
func (a *arrayOf) appendShape(dst []byte, s *arrayShape) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(s.dims))
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, a.oid)
	for i := range s.dims {
		dst = binary.BigEndian.AppendUint32(dst, uint32(s.sizes[i]))
		dst = binary.BigEndian.AppendUint32(dst, uint32(s.bounds[i]))
	}
	return dst
}

// appendItem appends one element that write appends, with its length before it,
// to the array that begins at start.
func (a *arrayOf) appendItem(dst []byte, start int, null bool, write func(dst []byte) ([]byte, error)) ([]byte, error) {
	if null {
		if a.notNull != nil {
			return dst, a.notNull
		}
		binary.BigEndian.PutUint32(dst[start+arrayFlags:], 1)
		return binary.BigEndian.AppendUint32(dst, 1<<32-1), nil
	}
	at := len(dst)
	out, err := write(append(dst, 0, 0, 0, 0))
	if err != nil {
		return dst, err
	}
	binary.BigEndian.PutUint32(out[at:], uint32(len(out)-at-4))
	return out, nil
}

func (a *arrayOf) in(dst, text []byte, s *Settings) ([]byte, error) {
	l := arrayText{data: text}
	if err := l.check(); err != nil {
		return dst, err
	}
	start := len(dst)
	out := a.appendShape(dst, &l.shape)
	if l.empty {
		return out, nil
	}
	err := l.walk(func(elem []byte, null bool) (err error) {
		out, err = a.appendItem(out, start, null, func(dst []byte) ([]byte, error) { return a.element.in(dst, elem, s) })
		return err
	})
	if err != nil {
		return dst, err
	}
	return out, nil
}

// receive reads the binary format; the elements of textual types stand in the
// client's encoding.
func (a *arrayOf) receive(dst, data []byte, s *Settings) ([]byte, error) {
	shape, _, rest, err := readShape(data, a.oid)
	if err != nil {
		return dst, err
	}
	if shape.items() == 0 {
		shape = arrayShape{}
	}
	start, count := len(dst), 0
	out := a.appendShape(dst, &shape)
	err = walkItems(rest, shape.items(), func(elem []byte, null bool) (err error) {
		count++
		v := Value{Data: elem, Binary: true}
		out, err = a.appendItem(out, start, null, func(dst []byte) ([]byte, error) { return a.element.read(dst, v, s) })
		var e *Error
		if errors.As(err, &e) && e.Code == codeInvalidBinary && e.Message == trailingMessage {
			err = newError(codeInvalidBinary, "improper binary format in array element "+itoa(count))
		}
		return err
	})
	if err != nil {
		return dst, err
	}
	return out, nil
}

// fit applies a typmod to every element.
func (a *arrayOf) fit(dst []byte, start int, typmod int32, use Use) ([]byte, error) {
	return a.each(dst, start, func(dst, elem []byte) ([]byte, error) {
		at := len(dst)
		return a.element.fit(append(dst, elem...), at, typmod, use)
	})
}

// each replaces every element of the canonical array dst[start:], NULLs stay.
func (a *arrayOf) each(dst []byte, start int, write func(dst, elem []byte) ([]byte, error)) ([]byte, error) {
	old := bytes.Clone(dst[start:])
	shape, _, rest, err := readShape(old, 0)
	if err != nil {
		return dst, err
	}
	out := a.appendShape(dst[:start], &shape)
	err = walkItems(rest, shape.items(), func(elem []byte, null bool) (err error) {
		out, err = a.appendItem(out, start, null, func(dst []byte) ([]byte, error) { return write(dst, elem) })
		return err
	})
	return out, err
}

// send writes the binary format with its text in the client's encoding.
func (a *arrayOf) send(dst, canonical []byte, s *Settings) ([]byte, error) {
	start := len(dst)
	dst, err := a.each(append(dst, canonical...), start, func(dst, elem []byte) ([]byte, error) {
		at := len(dst)
		return s.encodeTail(append(dst, elem...), at)
	})
	if err == nil {
		copy(dst[start+arrayFlags:start+2*arrayFlags], canonical[arrayFlags:])
	}
	return dst, err
}

func (a *arrayOf) check(canonical []byte) bool {
	shape, _, rest, err := readShape(canonical, 0)
	if err != nil {
		return false
	}
	return walkItems(rest, shape.items(), func(elem []byte, null bool) error {
		if !null && !a.element.check(elem) {
			return corrupt(a.element)
		}
		return nil
	}) == nil
}

// equal writes dimensions, lower bounds and elements, which is what array_eq()
// compares; NULLs are equal to each other there.
func (a *arrayOf) equal(dst, canonical []byte) ([]byte, error) {
	shape, _, rest, err := readShape(canonical, 0)
	if err != nil {
		return dst, err
	}
	out := (&arrayOf{}).appendShape(dst, &shape)
	err = walkItems(rest, shape.items(), func(elem []byte, null bool) (err error) {
		if null {
			out = binary.BigEndian.AppendUint32(out, 1<<32-1)
			return nil
		}
		out, err = a.appendItem(out, 0, false, func(dst []byte) ([]byte, error) {
			if a.element.equal == nil {
				return append(dst, elem...), nil
			}
			return a.element.equal(dst, elem)
		})
		return err
	})
	return out, err
}

func (a *arrayOf) out(dst, canonical []byte, s *Settings) ([]byte, error) {
	shape, _, rest, err := readShape(canonical, 0)
	if err != nil {
		return dst, err
	}
	if shape.items() == 0 {
		return append(dst, "{}"...), nil
	}
	dst = shape.appendBounds(dst)
	var index [maxDimensions]int32
	var plain []byte
	err = walkItems(rest, shape.items(), func(elem []byte, null bool) error {
		// A brace opens with the first element of each level.
		for d := range shape.dims {
			if zeroFrom(index[d:shape.dims]) {
				dst = append(dst, '{')
			}
		}
		if null {
			dst = append(dst, "NULL"...)
		} else {
			at := len(dst)
			out, err := a.element.out(dst, elem, s)
			if err != nil {
				return err
			}
			if dst = out; needsQuotes(dst[at:]) {
				plain = append(plain[:0], dst[at:]...)
				dst = appendQuotedElement(dst[:at], plain)
			}
		}
		for d := shape.dims - 1; d >= 0; d-- {
			if index[d]++; index[d] < shape.sizes[d] {
				dst = append(dst, ',')
				break
			}
			index[d] = 0
			dst = append(dst, '}')
		}
		return nil
	})
	return dst, err
}

func zeroFrom(index []int32) bool {
	for _, i := range index {
		if i != 0 {
			return false
		}
	}
	return true
}

// appendBounds writes "[0:1][1:2]=" if a lower bound is not 1.
func (s *arrayShape) appendBounds(dst []byte) []byte {
	usual := true
	for _, b := range s.bounds[:s.dims] {
		usual = usual && b == 1
	}
	if usual {
		return dst
	}
	for i := range s.dims {
		dst = strconv.AppendInt(append(dst, '['), int64(s.bounds[i]), 10)
		dst = strconv.AppendInt(append(dst, ':'), int64(s.bounds[i])+int64(s.sizes[i])-1, 10)
		dst = append(dst, ']')
	}
	return append(dst, '=')
}

// needsQuotes says whether an element would not be read as it stands.
func needsQuotes(text []byte) bool {
	if len(text) == 0 || len(text) == 4 && hasPrefixFold(text, "null") {
		return true
	}
	for _, c := range text {
		if c == '"' || c == '\\' || c == '{' || c == '}' || c == ',' || isSpace(c) {
			return true
		}
	}
	return false
}

func appendQuotedElement(dst, text []byte) []byte {
	dst = append(dst, '"')
	for _, c := range text {
		if c == '"' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}
