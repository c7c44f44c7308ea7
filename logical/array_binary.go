package logical

import "encoding/binary"

// binaryElements walks an array in the binary format: number of dimensions,
// flags, element type, then size and lower bound of each dimension, then each
// element with its length, -1 for NULL. All numbers have 32 bits.
func binaryElements(v Value, yield func([]byte, bool) error) (uint32, error) {
	data := v.Data
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
		return 0, err
	case dims < 0:
		return 0, newError(codeInvalidBinary, "invalid number of dimensions: "+itoa(int(dims)))
	case dims > maxDimensions:
		return 0, tooManyDimensions(int(dims))
	}
	flags, err := take()
	switch {
	case err != nil:
		return 0, err
	case flags != 0 && flags != 1:
		return 0, newError(codeInvalidBinary, "invalid array flags")
	}
	oid, err := take()
	if err != nil {
		return 0, err
	}
	elemOID := uint32(oid)
	if declared := ElementOID(v.OID); declared != 0 && declared != elemOID {
		if elemOID >= firstAssignedOID {
			// The server trusts only the numbers of built-in types.
			elemOID = declared
		} else {
			return 0, newError(codeDatatypeMismatch, "binary data has array element type "+oidAndName(elemOID)+
				" instead of expected "+oidAndName(declared))
		}
	}
	items := int64(1)
	if dims == 0 {
		items = 0
	}
	var sizes, bounds [maxDimensions]int32
	for i := range dims {
		if sizes[i], err = take(); err != nil {
			return 0, err
		}
		if bounds[i], err = take(); err != nil {
			return 0, err
		}
	}
	for _, size := range sizes[:dims] {
		if items *= int64(size); size < 0 || items > maxArraySize {
			return 0, newError(codeProgramLimit, "array size exceeds the maximum allowed ("+itoa(maxArraySize)+")")
		}
	}
	for i, size := range sizes[:dims] {
		if int64(bounds[i])+int64(size) > 1<<31-1 {
			return 0, newError(codeProgramLimit, "array lower bound is too large: "+itoa(int(bounds[i])))
		}
	}
	for range items {
		n, err := take()
		switch {
		case err != nil:
			return 0, err
		case n < -1 || int64(n) > int64(len(data)):
			return 0, newError(codeInvalidBinary, "insufficient data left in message")
		case n == -1:
			err = yield(nil, true)
		default:
			err = yield(data[:n:n], false)
			data = data[n:]
		}
		if err != nil {
			return 0, err
		}
	}
	if len(data) > 0 {
		return 0, trailingBinary()
	}
	return elemOID, nil
}

// firstAssignedOID is where OIDs begin that are not the same in every cluster.
const firstAssignedOID = 10000

// oidAndName names a type as array_recv() does in its complaint.
func oidAndName(oid uint32) string {
	return utoa(oid) + " (" + typeName(oid) + ")"
}
