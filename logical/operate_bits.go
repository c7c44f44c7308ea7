package logical

// onBits is an operator of integers: of those of two sizes the larger one, and of a shift the
// one that is shifted.
func (o Operator) onBits(left, right uint32) (op operation, ok bool) {
	if familyOf(left) != familyInt || familyOf(right) != familyInt {
		return op, false
	}
	if o == ShiftLeft || o == ShiftRight {
		return operation{left, OIDInt4, left}, right == OIDInt4 || right == OIDInt2
	}
	at := left
	if numberRank(right) > numberRank(left) {
		at = right
	}
	return operation{at, at, at}, true
}

func (o Operator) appendBits(dst []byte, a, b int64, oid uint32) ([]byte, error) {
	width := map[uint32]int64{OIDInt2: 16, OIDInt4: 32, OIDInt8: 64}[oid]
	switch {
	case o == BitAnd:
		a &= b
	case o == BitOr:
		a |= b
	case o == BitXor:
		a ^= b
	case b < 0 || b >= width: // what comes of it depends on the server's processor
		return dst, refuse("pgseal does not shift an integer by so many bits", "Shift it by fewer bits than it has.")
	case o == ShiftLeft:
		a = a << b << (64 - width) >> (64 - width)
	default:
		a >>= b
	}
	return appendInt(dst, a, oid)
}
