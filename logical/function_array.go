package logical

import (
	"bytes"
	"slices"
	"strconv"
)

// Functions and operators of arrays.

// arrayElements are the types of which arrays are computed with: those that have an order or an
// equality here, but for character(n) and name.
var arrayElements = []uint32{
	OIDText, OIDVarchar, OIDInt2, OIDInt4, OIDInt8, OIDNumeric, OIDFloat8, OIDBool, OIDDate, OIDTimestamp, OIDTimestamptz, OIDUUID,
}

// IsComputedArray says whether pgseal computes with arrays of the type.
func IsComputedArray(oid uint32) bool { return slices.Contains(arrayElements, ElementOID(oid)) }

// Operators that are computed as functions, by names that no function has: the first two take NULLs.
var (
	Join      = operatorFunction("||")
	MakeArray = operatorFunction("ARRAY[]")
	Subscript = operatorFunction("[]")
	Slice     = operatorFunction("[:]")
)

func operatorFunction(name string) Function {
	return Function(slices.IndexFunc(functions[:], func(n named) bool { return n.name == name }))
}

// What stands in a signature for an array and for one of its elements, as pg_type has them.
const (
	anyElement uint32 = 2283
	anyArray   uint32 = 2277
)

// onArrays are the signatures of each type of arrays.
type onArrays map[uint32][]signature

// ofArrays makes them of signatures with anyArray and anyElement. shown: only of elements that are
// shown without settings that the server does not report.
func ofArrays(shown bool, all ...signature) onArrays {
	of := onArrays{}
	for _, element := range arrayElements {
		array := arrayOIDs[element]
		is := func(oid uint32) uint32 {
			switch oid {
			case anyArray:
				return array
			case anyElement:
				return element
			}
			return oid
		}
		if shown && !printed(element) {
			continue
		}
		for _, s := range all {
			made := signature{result: is(s.result), compute: s.compute}
			for _, p := range s.params {
				made.params = append(made.params, is(p))
			}
			of[array] = append(of[array], made)
		}
	}
	return of
}

// on finds the function for arguments of types, 0 for one without a type, which is an array where
// it can be one.
func (of onArrays) on(args []uint32) *signature {
	i := slices.IndexFunc(args, IsComputedArray)
	if i < 0 {
		return nil
	}
	all := of[args[i]]
	for k := range all {
		s := &all[k]
		if len(s.params) == len(args) && s.takesArray(args) {
			return s
		}
	}
	return nil
}

// takesArray says whether arguments are of the very types of a signature, or become them beside an
// array of those: smaller numbers, and varchar. PostgreSQL would make an array of another type for
// larger ones.
func (s *signature) takesArray(args []uint32) bool {
	for i, p := range s.params {
		smaller := familyOf(args[i]).isNumber() && familyOf(p).isNumber() && numberRank(args[i]) < numberRank(p)
		if args[i] != 0 && args[i] != p && !smaller && !(p == OIDText && args[i] == OIDVarchar) {
			return false
		}
	}
	return true
}

// array is one that has been taken apart. An item of nil is NULL.
type array struct {
	shape arrayShape
	items [][]byte
	nulls bool // PostgreSQL keeps room for NULLs in it
}

func readArray(canonical []byte) (a array, err error) {
	var rest []byte
	if a.shape, _, rest, err = readShape(canonical, 0); err != nil {
		return a, err
	}
	a.items, a.nulls = make([][]byte, 0, a.shape.items()), canonical[2*arrayFlags-1] != 0
	err = walkItems(rest, a.shape.items(), func(elem []byte, null bool) error {
		if null {
			elem = nil
		}
		a.items = append(a.items, elem)
		return nil
	})
	return a, err
}

// listed is an array of one dimension that begins at bound.
func listed(items [][]byte, bound int32) array {
	a := array{items: items}
	if len(items) > 0 {
		a.shape.dims, a.shape.sizes[0], a.shape.bounds[0] = 1, int32(len(items)), bound
	}
	return a
}

// bound is the subscript of the first element of one dimension.
func (a *array) bound() int32 {
	if a.shape.dims == 0 {
		return 1
	}
	return a.shape.bounds[0]
}

// append appends the array in canonical form.
func (a *array) append(dst []byte, element uint32) ([]byte, error) {
	if err := a.shape.check(); err != nil {
		return dst, err
	}
	of, start := arrayOf{oid: element}, len(dst)
	dst = of.appendShape(dst, &a.shape)
	if a.nulls && len(a.items) > 0 {
		dst[start+2*arrayFlags-1] = 1
	}
	var err error
	for _, item := range a.items {
		if dst, err = of.appendItem(dst, start, item == nil, func(dst []byte) ([]byte, error) { return append(dst, item...), nil }); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// same says whether two elements are, or both NULL.
func same(element uint32, a, b []byte) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return SortOrder(Value{Data: a, OID: element}, Value{Data: b, OID: element}, nil) == 0
}

// null says whether an argument is.
func (c *call) null(i int) bool { return c.args[i].Data == nil }

func (c *call) array(i int) (array, error) { return readArray(c.args[i].Data) }

// list is an argument that must have one dimension, or none; NULL is empty. several is the error
// for more.
func (c *call) list(i int, several func() error) (a array, err error) {
	if c.null(i) {
		return a, nil
	}
	if a, err = c.array(i); err == nil && a.shape.dims > 1 {
		err = several()
	}
	return a, err
}

func refuseDimensions() error {
	return refuse("pgseal does not put arrays of several dimensions together, nor cuts them", "Compute the value in the application.")
}

func notExtended() error {
	return newError(codeDataException, "argument must be empty or one-dimensional array")
}

func notSearched() error {
	return newError(codeFeatureNotSupported, "searching for elements in multidimensional arrays is not supported")
}

func notRemoved() error {
	return newError(codeFeatureNotSupported, "removing elements from multidimensional arrays is not supported")
}

// element is the type of the elements of an argument that is an array.
func (c *call) element(i int) uint32 { return ElementOID(c.args[i].OID) }

// ofDimension gives what a function tells of one dimension, NULL for one that is not there.
func ofDimension(tell func(size, bound int32) int32) func(*call) ([]byte, error) {
	return func(c *call) ([]byte, error) {
		a, err := c.array(0)
		d := c.int(1)
		if err != nil || d < 1 || d > int64(a.shape.dims) {
			return nil, err
		}
		return appendInt(c.dst, int64(tell(a.shape.sizes[d-1], a.shape.bounds[d-1])), OIDInt4)
	}
}

// countItems is cardinality.
func countItems(c *call) ([]byte, error) {
	a, err := c.array(0)
	if err != nil {
		return c.dst, err
	}
	return appendInt(c.dst, int64(len(a.items)), OIDInt4)
}

// countDimensions is array_ndims.
func countDimensions(c *call) ([]byte, error) {
	a, err := c.array(0)
	if err != nil || a.shape.dims == 0 {
		return nil, err
	}
	return appendInt(c.dst, int64(a.shape.dims), OIDInt4)
}

// showDimensions is array_dims.
func showDimensions(c *call) ([]byte, error) {
	a, err := c.array(0)
	if err != nil || a.shape.dims == 0 {
		return nil, err
	}
	dst := c.dst
	for d := range a.shape.dims {
		dst = strconv.AppendInt(append(dst, '['), int64(a.shape.bounds[d]), 10)
		dst = strconv.AppendInt(append(dst, ':'), int64(a.shape.bounds[d])+int64(a.shape.sizes[d])-1, 10)
		dst = append(dst, ']')
	}
	return dst, nil
}

func appendElement(c *call) ([]byte, error) {
	a, err := c.list(0, notExtended)
	if err != nil {
		return c.dst, err
	}
	made := listed(append(a.items, c.args[1].Data), a.bound())
	return made.append(c.dst, c.element(0))
}

func prependElement(c *call) ([]byte, error) {
	a, err := c.list(1, notExtended)
	if err != nil {
		return c.dst, err
	}
	made := listed(slices.Insert(a.items, 0, c.args[0].Data), a.bound())
	return made.append(c.dst, c.element(1))
}

// concatenateArrays is array_cat.
func concatenateArrays(c *call) ([]byte, error) {
	if c.null(0) && c.null(1) {
		return nil, nil
	}
	a, err := c.list(0, refuseDimensions)
	if err != nil {
		return c.dst, err
	}
	b, err := c.list(1, refuseDimensions)
	if err != nil {
		return c.dst, err
	}
	bound := a.bound()
	if len(a.items) == 0 {
		bound = b.bound()
	}
	made := listed(slices.Concat(a.items, b.items), bound)
	return made.append(c.dst, c.element(0))
}

// positionOf is array_position.
func positionOf(c *call) ([]byte, error) {
	a, err := c.list(0, notSearched)
	if err != nil || len(a.items) == 0 {
		return nil, err
	}
	if c.null(1) && !a.nulls {
		return nil, nil
	}
	from := int64(a.bound())
	if len(c.args) > 2 {
		if c.null(2) {
			return c.dst, newError(codeNullNotAllowed, "initial position must not be null")
		}
		from = c.int(2)
	}
	for i, item := range a.items {
		if at := int64(a.bound()) + int64(i); at >= from && same(c.element(0), item, c.args[1].Data) {
			return appendInt(c.dst, at, OIDInt4)
		}
	}
	return nil, nil
}

// positionsOf is array_positions.
func positionsOf(c *call) ([]byte, error) {
	if c.null(0) {
		return nil, nil
	}
	a, err := c.list(0, notSearched)
	if err != nil {
		return c.dst, err
	}
	var found [][]byte
	for i, item := range a.items {
		if same(c.element(0), item, c.args[1].Data) {
			at, _ := appendInt(nil, int64(a.bound())+int64(i), OIDInt4)
			found = append(found, at)
		}
	}
	made := listed(found, 1)
	return made.append(c.dst, OIDInt4)
}

// removeElement is array_remove.
func removeElement(c *call) ([]byte, error) {
	if c.null(0) {
		return nil, nil
	}
	a, err := c.list(0, notRemoved)
	if err != nil {
		return c.dst, err
	}
	of := c.element(0)
	made := listed(slices.DeleteFunc(a.items, func(item []byte) bool { return same(of, item, c.args[1].Data) }), a.bound())
	return made.append(c.dst, of)
}

// replaceElement is array_replace.
func replaceElement(c *call) ([]byte, error) {
	if c.null(0) {
		return nil, nil
	}
	a, err := c.array(0)
	if err != nil {
		return c.dst, err
	}
	of := c.element(0)
	a.nulls = false // but for those that there are
	for i, item := range a.items {
		if same(of, item, c.args[1].Data) {
			a.items[i] = c.args[2].Data
		}
	}
	return a.append(c.dst, of)
}

// joinElements is array_to_string.
func joinElements(c *call) ([]byte, error) {
	if c.null(0) || c.null(1) {
		return nil, nil
	}
	a, err := c.array(0)
	if err != nil {
		return c.dst, err
	}
	dst, first, shown := c.dst, true, Type{OID: c.element(0), Typmod: -1}
	for _, item := range a.items {
		if item == nil && (len(c.args) < 3 || c.null(2)) {
			continue
		}
		if !first {
			dst = append(dst, c.text(1)...)
		}
		first = false
		if item == nil {
			dst = append(dst, c.text(2)...)
		} else if dst, err = shown.AppendText(dst, item, c.s); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// elementAt is a subscript.
func elementAt(c *call) ([]byte, error) {
	a, err := c.array(0)
	if err != nil || a.shape.dims != 1 {
		return nil, err
	}
	i := c.int(1) - int64(a.bound())
	if i < 0 || i >= int64(len(a.items)) || a.items[i] == nil {
		return nil, nil
	}
	return append(c.dst, a.items[i]...), nil
}

// slice is that of the elements from one subscript to another one.
func slice(c *call) ([]byte, error) {
	a, err := c.list(0, refuseDimensions)
	if err != nil {
		return c.dst, err
	}
	from, to := max(c.int(1)-int64(a.bound()), 0), min(c.int(2)-int64(a.bound())+1, int64(len(a.items)))
	var made array
	if from < to {
		made = listed(a.items[from:to], 1)
		made.nulls = a.nulls
	}
	return made.append(c.dst, c.element(0))
}

// makeArray is ARRAY[…].
func makeArray(dst []byte, args []Value) ([]byte, error) {
	var items [][]byte
	element := uint32(OIDText)
	for _, v := range args {
		items = append(items, v.Data)
		if v.OID != 0 {
			element = v.OID
		}
	}
	made := listed(items, 1)
	return made.append(dst, element)
}

// elementType is the type of the elements of ARRAY[…] of values of types, 0 for none; 0 if they are
// not all of one. Strings are texts.
func elementType(args []uint32) (element uint32) {
	for _, oid := range args {
		switch {
		case oid == 0 || oid == element:
		case element == 0:
			element = oid
		default:
			return 0
		}
	}
	if element == 0 {
		element = OIDText
	}
	if !slices.Contains(arrayElements, element) {
		return 0
	}
	return element
}

// appendOverArrays appends whether elements of one array are in another one, or whether they are
// equal.
func (o Operator) appendOverArrays(dst, left, right []byte, oid uint32) ([]byte, error) {
	if o == Equal || o == NotEqual {
		equal := arrayCodecs[oid].equal
		a, err := equal(nil, left)
		if err != nil {
			return dst, err
		}
		b, err := equal(nil, right)
		return append(dst, byte(btoi(bytes.Equal(a, b) == (o == Equal)))), err
	}
	if o == ContainedBy {
		left, right = right, left
	}
	a, err := readArray(left)
	if err != nil {
		return dst, err
	}
	b, err := readArray(right)
	if err != nil {
		return dst, err
	}
	isIn := func(item []byte) bool {
		return item != nil && slices.ContainsFunc(a.items, func(other []byte) bool { return other != nil && same(ElementOID(oid), item, other) })
	}
	is := false
	if o == Overlaps {
		is = slices.ContainsFunc(b.items, isIn)
	} else {
		is = !slices.ContainsFunc(b.items, func(item []byte) bool { return !isIn(item) })
	}
	return append(dst, byte(btoi(is))), nil
}

// overArrays says whether the operator is one of two arrays of a type.
func (o Operator) overArrays(left, right uint32) bool {
	switch o {
	case Equal, NotEqual, Contains, ContainedBy, Overlaps:
		return left == right && IsComputedArray(left)
	}
	return false
}
