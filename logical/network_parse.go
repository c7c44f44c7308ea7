package logical

// The server reads addresses with routines of its own, which differ between
// inet and cidr and from everyone else's.

// octets is a reader of decimal numbers with points between.
type octets struct {
	s     []byte
	at    int
	count int
}

// next is the byte at hand and steps over it; 0 at the end.
func (o *octets) next() byte {
	c := byte(0)
	if o.at < len(o.s) {
		c = o.s[o.at]
	}
	o.at++
	return c
}

// octet reads one number of which c is the first digit, and what follows it.
func (o *octets) octet(c byte, address *[16]byte) (after byte, ok bool) {
	n := 0
	for {
		if n = n*10 + int(c-'0'); n > 255 {
			return 0, false
		}
		if c = o.next(); !isDigit(c) {
			break
		}
	}
	if o.count == 4 {
		return 0, false
	}
	address[o.count] = byte(n)
	o.count++
	return c, true
}

// width reads the number of bits behind a slash, with which the text ends.
func (o *octets) width() (bits int, ok bool) {
	for c := o.next(); c != 0; c = o.next() {
		if !isDigit(c) {
			return 0, false
		}
		if bits = bits*10 + int(c-'0'); bits > 32 {
			return 0, false
		}
	}
	return bits, true
}

func (o *octets) slash(c byte) bool {
	return c == '/' && o.at < len(o.s) && isDigit(o.s[o.at]) && o.count > 0
}

// parseAddressV4 reads an inet.
func parseAddressV4(s []byte, address *[16]byte) (bits int, ok bool) {
	o := octets{s: s}
	c := o.next()
	for isDigit(c) {
		if c, ok = o.octet(c, address); !ok {
			return 0, false
		}
		if c == 0 || c == '/' {
			break
		}
		if c != '.' {
			return 0, false
		}
		c = o.next()
	}
	switch {
	case o.slash(c):
		if bits, ok = o.width(); !ok {
			return 0, false
		}
	case c != 0 || o.count != 4:
		return 0, false
	default:
		bits = 32
	}
	return bits, bits/8 <= o.count && o.count > 0
}

// parseNetworkV4 reads a cidr, whose width may follow from its class.
func parseNetworkV4(s []byte, address *[16]byte) (bits int, ok bool) {
	o := octets{s: s}
	c := o.next()
	switch {
	case c == '0' && len(s) > 2 && lower(s[1]) == 'x' && isHexDigit(s[2]):
		o.at++
		half := 0
		for c = o.next(); isHexDigit(c); c = o.next() {
			n := lower(c) - '0'
			if !isDigit(c) {
				n = lower(c) - 'a' + 10
			}
			if o.count == 4 {
				return 0, false
			}
			if half == 0 {
				address[o.count] = n << 4
			} else {
				address[o.count] |= n
				o.count++
			}
			half = 1 - half
		}
		if half == 1 {
			o.count++
		}
	case isDigit(c):
		for {
			if c, ok = o.octet(c, address); !ok {
				return 0, false
			}
			if c == 0 || c == '/' {
				break
			}
			if c != '.' {
				return 0, false
			}
			if c = o.next(); !isDigit(c) {
				return 0, false
			}
		}
	default:
		return 0, false
	}
	switch {
	case o.slash(c):
		return o.width()
	case c != 0 || o.count == 0:
		return 0, false
	}
	return max(classBits(address[0], o.count), 0), true
}

// classBits is the width of a network without one.
func classBits(first byte, octets int) int {
	bits := 8
	switch {
	case first >= 240:
		bits = 32
	case first >= 224: // class D
	case first >= 192:
		bits = 24
	case first >= 128:
		bits = 16
	}
	bits = max(bits, octets*8)
	if bits == 8 && first == 224 {
		bits = 4
	}
	return bits
}

// number reads a number without leading zeros up to a limit; end is where it
// ends, and 0 if there is none.
func smallNumber(s []byte, limit int) (n, end int) {
	for end < len(s) && isDigit(s[end]) {
		if end > 0 && n == 0 {
			return 0, 0
		}
		if n = n*10 + int(s[end]-'0'); n > limit {
			return 0, 0
		}
		end++
	}
	return n, end
}

// widthV6 reads the number of bits, with which the text ends.
func widthV6(s []byte) (bits int, ok bool) {
	bits, end := smallNumber(s, 128)
	return bits, end > 0 && end == len(s)
}

// tailV4 reads an address of IPv4 at the end of one of IPv6, and its width.
func tailV4(s []byte, address []byte) (bits int, ok bool) {
	for i := range 4 {
		n, end := smallNumber(s, 255)
		address[i] = byte(n)
		if end == 0 {
			// A missing number is 0 before a point or a slash.
			if len(s) == 0 || s[0] != '.' && s[0] != '/' {
				return 0, false
			}
		}
		s = s[end:]
		switch {
		case len(s) == 0:
			return -1, end > 0
		case s[0] == '/':
			bits, ok := widthV6(s[1:])
			return bits, ok
		case s[0] != '.' || i == 3:
			return 0, false
		}
		s = s[1:]
	}
	return 0, false
}

// parseV6 reads an inet or cidr.
func parseV6(s []byte, out *[16]byte) (bits int, ok bool) {
	var address [16]byte
	filled, gap := 0, -1
	i := 0
	if len(s) > 0 && s[0] == ':' {
		if i++; len(s) < 2 || s[1] != ':' {
			return 0, false
		}
	}
	token, value, digits, any := i, 0, 0, false
	put := func() bool {
		if filled+2 > len(address) {
			return false
		}
		address[filled], address[filled+1] = byte(value>>8), byte(value)
		filled += 2
		return true
	}
	bits = -1
scan:
	for i < len(s) {
		c := s[i]
		i++
		switch {
		case isHexDigit(c):
			n := int(lower(c) - '0')
			if !isDigit(c) {
				n = int(lower(c)-'a') + 10
			}
			value = value<<4 | n
			if digits++; digits > 4 {
				return 0, false
			}
			any = true
		case c == ':':
			token = i
			if !any {
				if gap >= 0 {
					return 0, false
				}
				gap = filled
				continue
			}
			if i == len(s) || !put() {
				return 0, false
			}
			value, digits, any = 0, 0, false
		case c == '.' && filled+4 <= len(address):
			if bits, ok = tailV4(s[token:], address[filled:filled+4]); !ok {
				return 0, false
			}
			filled += 4
			any = false
			break scan
		case c == '/':
			if bits, ok = widthV6(s[i:]); !ok {
				return 0, false
			}
			break scan
		default:
			return 0, false
		}
	}
	if any && !put() {
		return 0, false
	}
	if bits < 0 {
		bits = 128
	}
	if gap >= 0 {
		if filled == len(address) {
			return 0, false
		}
		n := filled - gap
		copy(out[:gap], address[:gap])
		copy(out[len(out)-n:], address[gap:filled])
		return bits, true
	}
	*out = address
	return bits, filled == len(address)
}
