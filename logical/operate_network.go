package logical

import (
	"bytes"
	"cmp"
)

// commonBits compares the first bits of two addresses.
func commonBits(a, b []byte, bits int) int {
	whole, rest := bits/8, bits%8
	if n := bytes.Compare(a[:whole], b[:whole]); n != 0 || rest == 0 {
		return n
	}
	return cmp.Compare(a[whole]>>(8-rest), b[whole]>>(8-rest))
}

// compareNetworks is the order of inet and cidr: by the networks, the larger one of which comes
// before what is in it, and then by the rest of the addresses.
func compareNetworks(a, b []byte) int {
	if a[0] != b[0] {
		return cmp.Compare(a[0], b[0])
	}
	bits, others := int(a[inetBits]), int(b[inetBits])
	return cmp.Or(commonBits(a[inetHeader:], b[inetHeader:], min(bits, others)), cmp.Compare(bits, others), bytes.Compare(a[inetHeader:], b[inetHeader:]))
}

// relates says whether one network is in the other, or has something in common with it.
func (o Operator) relates(a, b []byte) bool {
	bits, others := int(a[inetBits]), int(b[inetBits])
	if a[0] != b[0] || commonBits(a[inetHeader:], b[inetHeader:], min(bits, others)) != 0 {
		return false
	}
	switch o {
	case ShiftLeft:
		return bits > others
	case WithinOrEqual:
		return bits >= others
	case ShiftRight:
		return bits < others
	case AroundOrEqual:
		return bits <= others
	}
	return true
}

// hostOf is the address as a text.
func hostOf(c *call) ([]byte, error) { return appendNetwork(c.dst, c.args[0].Data, false), nil }

// ipVersion is family, 4 or 6.
func ipVersion(c *call) ([]byte, error) {
	version := int64(4)
	if c.args[0].Data[0] == inetV6 {
		version = 6
	}
	return appendInt(c.dst, version, OIDInt4)
}

// maskLength is the number of bits of the network.
func maskLength(c *call) ([]byte, error) {
	return appendInt(c.dst, int64(c.args[0].Data[inetBits]), OIDInt4)
}
