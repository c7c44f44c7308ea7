package logical

import (
	"bytes"
	"strconv"
)

// The binary format of inet and cidr: family, bits of the network, whether it is
// a cidr, number of bytes of the address, the address.

const (
	inetHeader = 4
	inetV4     = 2 // AF_INET of the server
	inetV6     = 3
	inetBits   = 1 // where in the header
	inetIsCidr = 2
)

var inetCodec = codec{
	name: "inet", size: -1,
	in:    networkIn("inet", false),
	recv:  networkRecv("inet", false),
	out:   inetOut(false),
	send:  inetSend,
	equal: inetEqual,
	check: checkInet,
}

var cidrCodec = codec{
	name: "cidr", size: -1,
	in:    networkIn("cidr", true),
	recv:  networkRecv("cidr", true),
	out:   inetOut(true),
	equal: inetEqual,
	check: checkInet,
}

// inetEqual leaves out whether it is a cidr: an inet can equal one.
func inetEqual(dst, canonical []byte) ([]byte, error) {
	start := len(dst)
	dst = append(dst, canonical...)
	dst[start+inetIsCidr] = 0
	return dst, nil
}

// inetSend sends a cidr as an inet, which NULLIF makes of it.
func inetSend(dst, canonical []byte, _ *Settings) ([]byte, error) {
	return inetEqual(dst, canonical)
}

func addressSize(family byte) int {
	if family == inetV6 {
		return 16
	}
	return 4
}

func checkInet(canonical []byte) bool {
	if len(canonical) < inetHeader || canonical[0] != inetV4 && canonical[0] != inetV6 {
		return false
	}
	size := addressSize(canonical[0])
	return len(canonical) == inetHeader+size && int(canonical[inetBits]) <= 8*size && int(canonical[3]) == size
}

func appendInet(dst []byte, family byte, bits int, isCidr bool, address []byte) []byte {
	flag := byte(0)
	if isCidr {
		flag = 1
	}
	dst = append(dst, family, byte(bits), flag, byte(len(address)))
	return append(dst, address...)
}

// hostBits says whether bits are set behind the network's.
func hostBits(address []byte, bits int) bool {
	for i, b := range address {
		switch n := bits - 8*i; {
		case n >= 8:
		case n > 0:
			if b<<n != 0 {
				return true
			}
		case b != 0:
			return true
		}
	}
	return false
}

func networkIn(name string, isCidr bool) func(dst, text []byte, _ *Settings) ([]byte, error) {
	return func(dst, text []byte, _ *Settings) ([]byte, error) {
		var address [16]byte
		family, bits := byte(inetV4), 0
		var ok bool
		switch {
		case bytes.IndexByte(text, ':') >= 0:
			family = inetV6
			bits, ok = parseV6(text, &address)
		case isCidr:
			bits, ok = parseNetworkV4(text, &address)
		default:
			bits, ok = parseAddressV4(text, &address)
		}
		if !ok {
			return dst, invalidSyntax(name, text)
		}
		size := addressSize(family)
		if isCidr && hostBits(address[:size], bits) {
			return dst, &Error{Code: codeInvalidText, Message: `invalid cidr value: "` + string(text) + `"`,
				Detail: "Value has bits set to right of mask."}
		}
		return appendInet(dst, family, bits, isCidr, address[:size]), nil
	}
}

func networkRecv(name string, isCidr bool) func(dst, data []byte) ([]byte, error) {
	return func(dst, data []byte) ([]byte, error) {
		bad := func(what string) error {
			return newError(codeInvalidBinary, "invalid "+what+` in external "`+name+`" value`)
		}
		for n := range inetHeader + 1 {
			switch {
			case n == 1 && data[0] != inetV4 && data[0] != inetV6:
				return dst, bad("address family")
			case n == 2 && int(data[inetBits]) > 8*addressSize(data[0]):
				return dst, bad("bits")
			case n == 4 && int(data[3]) != addressSize(data[0]):
				return dst, bad("length")
			}
			if n == inetHeader {
				break
			}
			if len(data) <= n {
				return dst, noByte()
			}
		}
		size := addressSize(data[0])
		if len(data) < inetHeader+size {
			return dst, noByte()
		}
		address := data[inetHeader : inetHeader+size]
		if isCidr && hostBits(address, int(data[inetBits])) {
			return dst, &Error{Code: codeInvalidBinary, Message: `invalid external "cidr" value`, Detail: "Value has bits set to right of mask."}
		}
		if len(data) > inetHeader+size {
			return dst, trailingBinary()
		}
		return appendInet(dst, data[0], int(data[inetBits]), isCidr, address), nil
	}
}

// noByte is what the server says when a single byte is missing.
func noByte() error { return newError(codeProtocolViolation, "no data left in message") }

func inetOut(isCidr bool) func(dst, canonical []byte, _ *Settings) ([]byte, error) {
	return func(dst, canonical []byte, _ *Settings) ([]byte, error) {
		return appendNetwork(dst, canonical, isCidr || int(canonical[inetBits]) != 8*len(canonical[inetHeader:])), nil
	}
}

// appendNetwork appends the text form, with the number of bits or without it.
func appendNetwork(dst, canonical []byte, withBits bool) []byte {
	address := canonical[inetHeader:]
	if canonical[0] == inetV6 {
		dst = appendV6(dst, address)
	} else {
		dst = appendV4(dst, address)
	}
	if withBits {
		dst = strconv.AppendInt(append(dst, '/'), int64(canonical[inetBits]), 10)
	}
	return dst
}

func appendV4(dst, address []byte) []byte {
	for i, b := range address {
		if i > 0 {
			dst = append(dst, '.')
		}
		dst = strconv.AppendInt(dst, int64(b), 10)
	}
	return dst
}

// appendV6 shortens the longest run of zeros, and writes the end of an address
// that holds one of IPv4 as such.
func appendV6(dst, address []byte) []byte {
	const words = 8
	word := func(i int) int { return int(address[2*i])<<8 | int(address[2*i+1]) }
	base, length := -1, 1 // the longest run; shorter ones are written out
	for i := 0; i < words; {
		end := i
		for end < words && word(end) == 0 {
			end++
		}
		if end-i > length {
			base, length = i, end-i
		}
		i = max(end, i+1)
	}
	for i := range words {
		if base >= 0 && i >= base && i < base+length {
			if i == base {
				dst = append(dst, ':')
			}
			continue
		}
		if i != 0 {
			dst = append(dst, ':')
		}
		if i == 6 && base == 0 && (length == 6 || length == 7 && word(7) != 1 || length == 5 && word(5) == 0xffff) {
			return appendV4(dst, address[12:])
		}
		dst = strconv.AppendInt(dst, int64(word(i)), 16)
	}
	if base >= 0 && base+length == words {
		dst = append(dst, ':')
	}
	return dst
}
