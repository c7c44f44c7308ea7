package logical

import "strconv"

// arrayOIDs gives for each element type the array type in pg_type.
var arrayOIDs = map[uint32]uint32{
	OIDBool: 1000, OIDBytea: 1001, oidChar: 1002, OIDName: 1003, OIDInt8: 1016, OIDInt2: 1005, OIDInt4: 1007,
	OIDText: 1009, OIDJSON: 199, OIDFloat4: 1021, OIDFloat8: 1022, OIDBpchar: 1014, OIDVarchar: 1015,
	OIDDate: 1182, OIDTime: 1183, OIDTimestamp: 1115, OIDTimestamptz: 1185, OIDNumeric: 1231, OIDUUID: 2951,
	OIDJSONB: 3807, OIDInterval: 1187, OIDTimetz: 1270, OIDInet: 1041, OIDCidr: 651, OIDMacaddr: 1040,
	OIDBit: 1561, OIDVarbit: 1563, OIDOid: 1028, OIDPoint: 1017, OIDMacaddr8: 775, OIDLSN: 3221,
	OIDInt4Range: 3905, OIDNumRange: 3907, OIDTsRange: 3909, OIDTstzRange: 3911, OIDDateRange: 3913, OIDInt8Range: 3927,
}

var elementOIDs = func() map[uint32]uint32 {
	m := make(map[uint32]uint32, len(arrayOIDs))
	for element, array := range arrayOIDs {
		m[array] = element
	}
	return m
}()

// ArrayOID is the type of arrays of the type, 0 if it is not supported.
func (t Type) ArrayOID() uint32 {
	if t.Def != nil {
		return t.Def.ArrayOID
	}
	return arrayOIDs[t.OID]
}

// IsArray says whether the values are arrays themselves.
func (t Type) IsArray() bool {
	if t.Def != nil {
		return t.Def.element.OID != 0 || t.Def.isDomain() && t.Def.base.IsArray()
	}
	return elementOIDs[t.OID] != 0
}

// ElementOID is the element type of an array type, 0 if it is not known here.
func ElementOID(arrayOID uint32) uint32 { return elementOIDs[arrayOID] }

// Elements walks a one-dimensional PostgreSQL array given in text or binary
// form, for = ANY($1); an array of more dimensions is walked flat, as = ANY
// does. It gives the type of the elements: the one that a binary array names,
// otherwise the one that belongs to the declared type, 0 if that is not known.
// elem is valid until yield returns; an error of yield ends the walk and is
// returned as it is. Text must be in an encoding whose multibyte characters
// hold no ASCII bytes, which excludes SJIS, BIG5, GBK, UHC and GB18030: for
// those see ElementsIn.
func Elements(v Value, yield func(elem []byte, null bool) error) (elemOID uint32, err error) {
	return ElementsIn(v, nil, yield)
}

// ElementsIn is Elements for text in the session's client encoding.
func ElementsIn(v Value, s *Settings, yield func(elem []byte, null bool) error) (elemOID uint32, err error) {
	if v.Binary {
		return binaryElements(v, yield)
	}
	a := arrayText{data: v.Data}
	if s != nil && s.encoding != nil {
		a.length = s.encoding.length
	}
	if err := a.check(); err != nil {
		return 0, err
	}
	if a.empty {
		return ElementOID(v.OID), nil
	}
	return ElementOID(v.OID), a.walk(yield)
}

// IsList says whether an array has one dimension, or none, and begins at 1. One that is none is a
// list, too.
func IsList(v Value, s *Settings) bool {
	var shape arrayShape
	if v.Binary {
		shape, _, _, _ = readShape(v.Data, 0)
	} else {
		a := arrayText{data: v.Data}
		if s != nil && s.encoding != nil {
			a.length = s.encoding.length
		}
		_ = a.check()
		shape = a.shape
	}
	return shape.dims == 0 || shape.dims == 1 && shape.bounds[0] == 1
}

// arrayText is an array literal.
type arrayText struct {
	data  []byte
	start int // of the outermost brace
	empty bool
	shape arrayShape // once checked
	// length gives the size of a character that begins with a byte above 0x7f;
	// nil if no byte inside a character can be taken for punctuation.
	length func(lead, next byte) int
}

func (a *arrayText) malformed(detail string) error {
	// Once the dimensions are read the server shows what follows them.
	return &Error{Code: codeInvalidText, Message: `malformed array literal: "` + string(a.data[a.start:]) + `"`, Detail: detail}
}

func unexpected(c byte) string { return `Unexpected "` + string(rune(c)) + `" character.` }

// at is the byte at i, 0 at the end, where the server sees its terminator.
func (a *arrayText) at(i int) byte {
	if i < len(a.data) {
		return a.data[i]
	}
	return 0
}

// next is the position after the character at i.
func (a *arrayText) next(i int) int {
	if a.length != nil && a.at(i) >= 0x80 {
		return min(i+a.length(a.at(i), a.at(i+1)), len(a.data))
	}
	return i + 1
}

func (a *arrayText) skipSpace(i int) int {
	for i < len(a.data) && isSpace(a.data[i]) {
		i++
	}
	return i
}

// bound reads a signed number at i as atoi() would, and where it ends.
func (a *arrayText) bound(i int) (n int32, end int) {
	end = i
	for c := a.at(end); isDigit(c) || c == '-' || c == '+'; c = a.at(end) {
		end++
	}
	digits := i
	if c := a.at(i); c == '-' || c == '+' {
		digits++
	}
	stop := digits
	for stop < end && isDigit(a.data[stop]) {
		stop++
	}
	if stop == digits {
		return 0, end
	}
	// Out of range it gives the nearest number of 64 bits, and then the low 32.
	wide, _ := strconv.ParseInt(string(a.data[i:stop]), 10, 64)
	return int32(wide), end
}

// check validates the literal's form and finds its outermost brace.
func (a *arrayText) check() error {
	var sizes [maxDimensions]int64
	dims, i, err := a.dimensions(&sizes)
	if err != nil {
		return err
	}
	if dims == 0 && a.at(i) != '{' {
		return a.malformed(`Array value must start with "{" or dimension information.`)
	}
	if dims > 0 {
		if a.at(i) != '=' {
			return a.malformed(`Missing "=" after array dimensions.`)
		}
		i = a.skipSpace(i + 1)
		if a.at(i) != '{' {
			return a.malformed(`Array contents must start with "{".`)
		}
	}
	a.start = i
	counter := arrayCounter{a: a, i: i}
	if err := counter.count(); err != nil {
		return err
	}
	a.empty = counter.empty
	for _, size := range counter.sizes[:counter.dims] {
		// Levels of unequal depth count as none: {{{1}},{2}} is empty.
		a.empty = a.empty || size == 0
	}
	if dims > 0 {
		if counter.empty {
			counter.dims = 0
		}
		if counter.dims != dims || counter.sizes != sizes {
			a.start = 0
			return a.malformed("Specified array dimensions do not match array contents.")
		}
	}
	if a.empty {
		a.shape = arrayShape{}
		return nil
	}
	a.shape.dims = counter.dims
	for d := range counter.dims {
		a.shape.sizes[d] = int32(counter.sizes[d])
		if dims == 0 {
			a.shape.bounds[d] = 1
		}
	}
	return a.shape.check()
}

// dimensions reads "[1:3][0:2]" before the contents.
func (a *arrayText) dimensions(sizes *[maxDimensions]int64) (dims, i int, err error) {
	for {
		i = a.skipSpace(i)
		if a.at(i) != '[' {
			return dims, i, nil
		}
		if dims >= maxDimensions {
			return 0, 0, tooManyDimensions(dims + 1)
		}
		lowerBound := int32(1)
		upper, end := a.bound(i + 1)
		if end == i+1 {
			return 0, 0, a.malformed(`"[" must introduce explicitly-specified array dimensions.`)
		}
		if a.at(end) == ':' {
			from := end + 1
			lowerBound = upper
			if upper, end = a.bound(from); end == from {
				return 0, 0, a.malformed("Missing array dimension value.")
			}
		}
		if a.at(end) != ']' {
			return 0, 0, a.malformed(`Missing "]" after array dimensions.`)
		}
		if upper < lowerBound {
			return 0, 0, newError(codeArraySubscript, "upper bound cannot be less than lower bound")
		}
		a.shape.bounds[dims] = lowerBound
		sizes[dims] = int64(upper) - int64(lowerBound) + 1
		dims++
		i = end + 1
	}
}

// arrayState is what stands before the next character of a literal.
type arrayState uint8

const (
	atNothing arrayState = iota
	levelStarted
	elemStarted
	elemQuoted
	elemQuotedDone
	elemDelimited
	levelDone
	levelDelimited
)

// arrayCounter finds the dimensions of a literal and what is wrong with it.
type arrayCounter struct {
	a     *arrayText
	i     int
	state arrayState

	dims, level         int
	sizes               [maxDimensions]int64
	elems, elemsOfPrior [maxDimensions]int64
	quoted, empty, done bool
}

func (c *arrayCounter) in(states ...arrayState) bool {
	for _, s := range states {
		if c.state == s {
			return true
		}
	}
	return false
}

func (c *arrayCounter) count() error {
	c.empty = true
	for i := range c.elems {
		c.elems[i] = 1
	}
	for !c.done {
		if c.in(elemStarted, elemQuoted) {
			c.empty = false
		}
		if err := c.step(); err != nil {
			return err
		}
	}
	for _, b := range c.a.data[c.i:] {
		if !isSpace(b) {
			return c.a.malformed("Junk after closing right brace.")
		}
	}
	return nil
}

// step takes one character.
func (c *arrayCounter) step() error {
	a := c.a
	if c.i >= len(a.data) {
		return a.malformed("Unexpected end of input.")
	}
	b := a.data[c.i]
	next := a.next(c.i)
	switch {
	case b == '\\':
		if !c.in(levelStarted, elemStarted, elemQuoted, elemDelimited) {
			return a.malformed(unexpected(b))
		}
		if c.state != elemQuoted {
			c.state = elemStarted
		}
		if next >= len(a.data) {
			return a.malformed("Unexpected end of input.")
		}
		next = a.next(next)
	case b == '"':
		if !c.in(levelStarted, elemQuoted, elemDelimited) {
			return a.malformed("Unexpected array element.")
		}
		c.quoted = !c.quoted
		c.state = elemQuotedDone
		if c.quoted {
			c.state = elemQuoted
		}
	case c.quoted:
	case b == '{':
		if !c.in(atNothing, levelStarted, levelDelimited) {
			return a.malformed(unexpected(b))
		}
		c.state = levelStarted
		if c.level >= maxDimensions {
			return tooManyDimensions(c.level + 1)
		}
		c.sizes[c.level] = 0
		c.level++
		c.dims = max(c.dims, c.level)
	case b == '}':
		if err := c.closeLevel(); err != nil {
			return err
		}
	case b == ',':
		if !c.in(elemStarted, elemQuotedDone, levelDone) {
			return a.malformed(unexpected(b))
		}
		if c.state == levelDone {
			c.state = levelDelimited
		} else {
			c.state = elemDelimited
		}
		c.elems[c.level-1]++
		c.sizes[c.dims-1]++
	case !isSpace(b):
		if !c.in(levelStarted, elemStarted, elemDelimited) {
			return a.malformed("Unexpected array element.")
		}
		c.state = elemStarted
	}
	c.i = next
	return nil
}

func (c *arrayCounter) closeLevel() error {
	if !c.in(elemStarted, elemQuotedDone, levelDone) && !(c.level == 1 && c.state == levelStarted) {
		return c.a.malformed(unexpected('}'))
	}
	c.state = levelDone
	c.level--
	if c.elemsOfPrior[c.level] != 0 && c.elems[c.level] != c.elemsOfPrior[c.level] {
		return c.a.malformed("Multidimensional arrays must have sub-arrays with matching dimensions.")
	}
	c.elemsOfPrior[c.level] = c.elems[c.level]
	c.elems[c.level] = 1
	if c.level > 0 {
		c.sizes[c.level-1]++
		return nil
	}
	c.done = true
	c.sizes[c.dims-1]++
	return nil
}

func tooManyDimensions(n int) error {
	return newError(codeProgramLimit, "number of array dimensions ("+itoa(n)+") exceeds the maximum allowed ("+itoa(maxDimensions)+")")
}

// walk gives the elements of a literal that check has accepted.
func (a *arrayText) walk(yield func([]byte, bool) error) error {
	var item []byte
	var quoted, masked, some bool // in quotes; holds quoted or escaped text; holds anything
	end := 0                      // of the item without trailing spaces
	level := 0
	emit := func() error {
		if !some {
			return nil
		}
		elem := item[:end:end]
		null := !masked && len(elem) == 4 && hasPrefixFold(elem, "null")
		item, end, masked, some = item[:0], 0, false, false
		if null {
			return yield(nil, true)
		}
		return yield(elem, false)
	}
	for i := a.start; i < len(a.data); {
		b, next := a.data[i], a.next(i)
		switch {
		case b == '\\':
			i, next = next, a.next(next)
			item = append(item, a.data[i:next]...)
			end, masked, some = len(item), true, true
		case b == '"':
			quoted = !quoted
			end, masked, some = len(item), true, true
		case quoted:
			item = append(item, a.data[i:next]...)
		case b == '{':
			level++
		case b == '}', b == ',':
			if err := emit(); err != nil {
				return err
			}
			if b == '}' {
				if level--; level == 0 {
					return nil
				}
			}
		case isSpace(b):
			if some {
				item = append(item, b)
			}
		default:
			item = append(item, a.data[i:next]...)
			end, some = len(item), true
		}
		i = next
	}
	return nil
}
