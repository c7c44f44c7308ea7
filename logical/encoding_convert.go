package logical

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	xencoding "golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
)

// encoding_exceptions.txt holds the differences between the conversions of
// PostgreSQL and those of golang.org/x/text, found by comparing all characters.
// A line is: encoding, direction, first character as bytes, first code point,
// number of both that follow one another, all but the encoding, direction and
// number in hexadecimal. Direction < decodes bytes, > encodes the code point;
// code point or bytes 0 mean that there is no equivalent.
//
//go:embed encoding_exceptions.txt
var encodingExceptions string

type exceptions struct {
	decode map[uint32]rune // by the bytes as a big-endian number; 0: no equivalent
	encode map[rune]uint32 // to such a number; 0: no equivalent
}

// exceptionsOf reads the lines of one encoding when it is first used.
func exceptionsOf(name string) func() *exceptions {
	return sync.OnceValue(func() *exceptions {
		x := &exceptions{map[uint32]rune{}, map[rune]uint32{}}
		for line := range strings.Lines(encodingExceptions) {
			if !strings.HasPrefix(line, name+" ") {
				continue
			}
			var direction string
			var bytes uint32
			var r rune
			var count int
			if _, err := fmt.Sscanf(line[len(name):], " %s %x %x %d", &direction, &bytes, &r, &count); err != nil {
				panic("encoding_exceptions.txt: " + line)
			}
			for i := range count {
				b, c := bytes+uint32(i), r+rune(i)
				if bytes == 0 {
					b = 0
				}
				if r == 0 {
					c = 0
				}
				if direction == "<" {
					x.decode[b] = c
				} else {
					x.encode[c] = b
				}
			}
		}
		return x
	})
}

func bytesNumber(char []byte) (n uint32) {
	for _, b := range char {
		n = n<<8 | uint32(b)
	}
	return n
}

func appendBytesNumber(dst []byte, n uint32) []byte {
	for shift := 24; shift >= 0; shift -= 8 {
		if b := byte(n >> shift); n>>shift != 0 {
			dst = append(dst, b)
		}
	}
	return dst
}

// decode converts text that holds a byte above 0x7f, character by character,
// because the server names the character that it cannot convert.
func (e *encoding) decode(data []byte) ([]byte, error) {
	out := make([]byte, 0, len(data)+len(data)/2)
	d := e.newDecoder()
	for i := 0; i < len(data); {
		if c := data[i]; c < utf8.RuneSelf && c != 0 {
			out = append(out, c)
			i++
			continue
		}
		var next byte
		if i+1 < len(data) {
			next = data[i+1]
		}
		n := e.length(data[i], next)
		if data[i] == 0 || i+n > len(data) || !e.valid(data[i:i+n]) {
			return nil, invalidSequence(e.name, data[i:], n)
		}
		r, ok := d.rune(data[i : i+n])
		if !ok {
			return nil, untranslatable(e.name, data[i:], n, "UTF8")
		}
		out = utf8.AppendRune(out, r)
		i += n
	}
	return out, nil
}

// decoder converts single characters.
type decoder struct {
	e          *encoding
	exceptions *exceptions // nil if there are none
	table      *xencoding.Decoder
}

func (e *encoding) newDecoder() decoder {
	d := decoder{e: e}
	if e.exceptions != nil {
		d.exceptions = e.exceptions()
	}
	if _, single := e.table.(*charmap.Charmap); !single {
		d.table = e.table.NewDecoder()
	}
	return d
}

func (d *decoder) rune(char []byte) (rune, bool) {
	if d.exceptions != nil {
		if r, ok := d.exceptions.decode[bytesNumber(char)]; ok {
			return r, r != 0
		}
	}
	if d.e.controls && char[0] < 0xa0 {
		return rune(char[0]), true
	}
	if d.e.lastLead != 0 && !between(char[0], d.e.firstLead, d.e.lastLead) {
		return 0, false
	}
	if d.table == nil {
		r := d.e.table.(*charmap.Charmap).DecodeByte(char[0])
		return r, r != utf8.RuneError
	}
	var buf [8]byte
	d.table.Reset()
	n, _, err := d.table.Transform(buf[:], char, true)
	r, size := utf8.DecodeRune(buf[:n])
	return r, err == nil && r != utf8.RuneError && size == n
}

// encoder converts single characters.
type encoder struct {
	e          *encoding
	exceptions *exceptions
	table      *xencoding.Encoder
}

func (e *encoding) newEncoder() encoder {
	c := encoder{e: e}
	if e.exceptions != nil {
		c.exceptions = e.exceptions()
	}
	if _, single := e.table.(*charmap.Charmap); !single {
		c.table = e.table.NewEncoder()
	}
	return c
}

// append writes a character above 0x7f; false if it has no equivalent.
func (c *encoder) append(dst []byte, r rune) ([]byte, bool) {
	if c.exceptions != nil {
		if n, ok := c.exceptions.encode[r]; ok {
			return appendBytesNumber(dst, n), n != 0
		}
	}
	if c.e.controls && r < 0xa0 {
		return append(dst, byte(r)), true
	}
	if c.table == nil {
		b, ok := c.e.table.(*charmap.Charmap).EncodeRune(r)
		if !ok {
			return dst, false
		}
		return append(dst, b), true
	}
	var utf, buf [8]byte
	c.table.Reset()
	n, _, err := c.table.Transform(buf[:], utf[:utf8.EncodeRune(utf[:], r)], true)
	if err != nil || !c.e.valid(buf[:n]) || c.e.lastLead != 0 && !between(buf[0], c.e.firstLead, c.e.lastLead) {
		return dst, false
	}
	return append(dst, buf[:n]...), true
}

// encodeTail converts dst[start:], which holds a character above 0x7f.
func (e *encoding) encodeTail(dst []byte, start int) ([]byte, error) {
	text := string(dst[start:])
	out := dst[:start]
	c := e.newEncoder()
	for i, r := range text {
		if r < utf8.RuneSelf {
			out = append(out, byte(r))
			continue
		}
		var ok bool
		if out, ok = c.append(out, r); !ok {
			char := text[i : i+utf8.RuneLen(r)]
			return dst[:start], untranslatable("UTF8", []byte(char), len(char), e.name)
		}
	}
	return out, nil
}
