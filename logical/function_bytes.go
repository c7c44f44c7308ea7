package logical

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"unicode/utf8"
)

// stored is a text as the server has it, which depends on the database's encoding.
func (c *call) stored(i int) ([]byte, error) {
	b := c.text(i)
	if c.args[i].OID != OIDBytea && c.s.foreignServer && bytes.ContainsFunc(b, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return nil, refuse("pgseal does not compute with the bytes of texts in a database that is not in UTF-8", "Compute the value in the application.")
	}
	return b, nil
}

// storedBytes is octet_length or bit_length of a text, which has so many units in a byte.
func storedBytes(units int64) func(c *call) ([]byte, error) {
	return func(c *call) ([]byte, error) {
		b, err := c.stored(0)
		if err != nil {
			return c.dst, err
		}
		return appendInt(c.dst, int64(len(b))*units, OIDInt4)
	}
}

// firstCode is ascii, the number of the first character.
func firstCode(c *call) ([]byte, error) {
	b, err := c.stored(0)
	switch {
	case err != nil:
		return c.dst, err
	case len(b) == 0:
		return appendInt(c.dst, 0, OIDInt4)
	}
	r, _ := utf8.DecodeRune(b)
	return appendInt(c.dst, int64(r), OIDInt4)
}

// repeated is repeat. The server makes texts of up to 1 GB.
func repeated(c *call) ([]byte, error) {
	const header, most = 4, 16 << 20 // bytes
	text, n := c.text(0), max(0, c.int(1))
	switch high, size := mul64(int64(len(text)), n); {
	case high != 0 || size > maxText-header:
		return c.dst, newError(codeProgramLimit, "requested length too large")
	case size > most:
		return c.dst, refuse("pgseal does not make a text as long as this", "Repeat the value in the application.")
	}
	if len(text) == 0 {
		n = 0
	}
	return append(c.dst, bytes.Repeat(text, int(n))...), nil
}

// translated replaces characters by others, or drops those that there is no other for.
func translated(c *call) ([]byte, error) {
	from, to := []rune(string(c.text(1))), []rune(string(c.text(2)))
	for _, r := range string(c.text(0)) {
		i := 0
		for i < len(from) && from[i] != r {
			i++
		}
		switch {
		case i == len(from):
			c.dst = utf8.AppendRune(c.dst, r)
		case i < len(to):
			c.dst = utf8.AppendRune(c.dst, to[i])
		}
	}
	return c.dst, nil
}

// md5Of is what applications tell rows apart by, and nothing of pgseal's own.
func md5Of(c *call) ([]byte, error) {
	b, err := c.stored(0)
	if err != nil {
		return c.dst, err
	}
	sum := md5.Sum(b)
	return hex.AppendEncode(c.dst, sum[:]), nil
}

func digesting(sum func([]byte) []byte) []signature {
	return []signature{only(OIDBytea, func(c *call) ([]byte, error) { return append(c.dst, sum(c.text(0))...), nil }, OIDBytea)}
}

// encoded is encode, of bytes as a text.
func encoded(c *call) ([]byte, error) {
	const line = 76 // characters of base64
	switch string(bytes.ToLower(c.text(1))) {
	case "hex":
		return EncodeHex(c.dst, c.text(0)), nil
	case "base64":
		all := base64.StdEncoding.EncodeToString(c.text(0))
		for ; len(all) > line; all = all[line:] {
			c.dst = append(append(c.dst, all[:line]...), '\n')
		}
		return append(c.dst, all...), nil
	}
	return c.dst, refuse("pgseal does not encode bytes like this", "Use hex or base64.")
}

func hexOf(c *call) ([]byte, error) {
	n := uint64(c.int(0))
	if c.args[0].OID == OIDInt4 {
		n = uint64(uint32(n))
	}
	return strconv.AppendUint(c.dst, n, 16), nil
}
