package logical

import "encoding/binary"

// maxDimensions is MAXDIM of the server, maxArraySize its MaxArraySize.
const (
	maxDimensions = 6
	maxArraySize  = 134217727
)

// arrayShape is the dimensions of an array; an empty one has none.
type arrayShape struct {
	dims          int
	sizes, bounds [maxDimensions]int32
}

// items is how many elements there are.
func (s *arrayShape) items() int {
	if s.dims == 0 {
		return 0
	}
	n := 1
	for _, size := range s.sizes[:s.dims] {
		n *= int(size)
	}
	return n
}

// check refuses what is too large, as the server does.
func (s *arrayShape) check() error {
	items := int64(1)
	for _, size := range s.sizes[:s.dims] {
		if items *= int64(size); size < 0 || items > maxArraySize {
			return newError(codeProgramLimit, "array size exceeds the maximum allowed ("+itoa(maxArraySize)+")")
		}
	}
	for i, size := range s.sizes[:s.dims] {
		if int64(s.bounds[i])+int64(size) > 1<<31-1 {
			return newError(codeProgramLimit, "array lower bound is too large: "+itoa(int(s.bounds[i])))
		}
	}
	return nil
}

// arrayNull is the length of a NULL among the elements.
const arrayNull = -1

// readShape reads what stands before the elements of an array in the binary
// format: number of dimensions, flags, element type, then size and lower bound
// of each dimension. All numbers have 32 bits. expected is the type that the
// elements must have, 0 for any.
func readShape(data []byte, expected uint32) (s arrayShape, elemOID uint32, rest []byte, err error) {
	take := func() (int32, error) {
		if len(data) < 4 {
			return 0, shortBinary()
		}
		n := int32(binary.BigEndian.Uint32(data))
		data = data[4:]
		return n, nil
	}
	dims, err := take()
	switch {
	case err != nil:
		return s, 0, nil, err
	case dims < 0:
		return s, 0, nil, newError(codeInvalidBinary, "invalid number of dimensions: "+itoa(int(dims)))
	case dims > maxDimensions:
		return s, 0, nil, tooManyDimensions(int(dims))
	}
	flags, err := take()
	switch {
	case err != nil:
		return s, 0, nil, err
	case flags != 0 && flags != 1:
		return s, 0, nil, newError(codeInvalidBinary, "invalid array flags")
	}
	oid, err := take()
	if err != nil {
		return s, 0, nil, err
	}
	elemOID = uint32(oid)
	if expected != 0 && expected != elemOID {
		if elemOID < firstAssignedOID && expected < firstAssignedOID {
			return s, 0, nil, newError(codeDatatypeMismatch, "binary data has array element type "+oidAndName(elemOID)+
				" instead of expected "+oidAndName(expected))
		}
		// The server trusts only the numbers of built-in types.
		elemOID = expected
	}
	s.dims = int(dims)
	for i := range s.dims {
		if s.sizes[i], err = take(); err != nil {
			return s, 0, nil, err
		}
		if s.bounds[i], err = take(); err != nil {
			return s, 0, nil, err
		}
	}
	return s, elemOID, data, s.check()
}

// walkItems gives n elements, each with its length before it, -1 for NULL.
func walkItems(data []byte, n int, yield func(elem []byte, null bool) error) error {
	for range n {
		if len(data) < 4 {
			return shortBinary()
		}
		size := int32(binary.BigEndian.Uint32(data))
		data = data[4:]
		var err error
		switch {
		case size < arrayNull || int64(size) > int64(len(data)):
			return newError(codeInvalidBinary, "insufficient data left in message")
		case size == arrayNull:
			err = yield(nil, true)
		default:
			err = yield(data[:size:size], false)
			data = data[size:]
		}
		if err != nil {
			return err
		}
	}
	if len(data) > 0 {
		return trailingBinary()
	}
	return nil
}

// binaryElements walks an array in the binary format.
func binaryElements(v Value, yield func([]byte, bool) error) (uint32, error) {
	s, elemOID, rest, err := readShape(v.Data, ElementOID(v.OID))
	if err == nil {
		err = walkItems(rest, s.items(), yield)
	}
	if err != nil {
		return 0, err
	}
	return elemOID, nil
}

// firstAssignedOID is where OIDs begin that are not the same in every cluster.
const firstAssignedOID = 10000

// oidAndName names a type as array_recv() does in its complaint.
func oidAndName(oid uint32) string {
	return utoa(oid) + " (" + typeName(oid) + ")"
}
