package logical

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	xencoding "golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// encoding is a client encoding other than UTF8.
type encoding struct {
	name string // as PostgreSQL prints it
	// table converts; nil for SQL_ASCII, where bytes pass as they are, and for
	// an encoding that is not known here.
	table xencoding.Encoding
	ascii bool
	// length is the number of bytes of the character that begins with lead,
	// of which next is the following byte (0 at the end).
	length func(lead, next byte) int
}

func single(byte, byte) int { return 1 }

func double(lead, _ byte) int {
	if lead < 0x80 {
		return 1
	}
	return 2
}

func lengthEUCJP(lead, _ byte) int {
	switch {
	case lead == 0x8f:
		return 3
	case lead >= 0x80:
		return 2
	}
	return 1
}

func lengthSJIS(lead, _ byte) int {
	if lead < 0x80 || lead >= 0xa1 && lead <= 0xdf {
		return 1
	}
	return 2
}

func lengthGB18030(lead, next byte) int {
	switch {
	case lead < 0x80:
		return 1
	case isDigit(next):
		return 4
	}
	return 2
}

// encodings by their names without punctuation in lower case, as PostgreSQL
// looks them up, with its aliases.
var encodings = map[string]*encoding{}

func init() {
	add := func(name string, table xencoding.Encoding, length func(byte, byte) int, aliases ...string) {
		e := &encoding{name: name, table: table, length: length}
		for _, a := range append(aliases, name) {
			encodings[normalEncodingName(a)] = e
		}
	}
	add("LATIN1", charmap.ISO8859_1, single, "ISO88591")
	add("LATIN2", charmap.ISO8859_2, single, "ISO88592")
	add("LATIN3", charmap.ISO8859_3, single, "ISO88593")
	add("LATIN4", charmap.ISO8859_4, single, "ISO88594")
	add("LATIN5", charmap.ISO8859_9, single, "ISO88599")
	add("LATIN6", charmap.ISO8859_10, single, "ISO885910")
	add("LATIN7", charmap.ISO8859_13, single, "ISO885913")
	add("LATIN8", charmap.ISO8859_14, single, "ISO885914")
	add("LATIN9", charmap.ISO8859_15, single, "ISO885915")
	add("LATIN10", charmap.ISO8859_16, single, "ISO885916")
	add("ISO_8859_5", charmap.ISO8859_5, single)
	add("ISO_8859_6", charmap.ISO8859_6, single)
	add("ISO_8859_7", charmap.ISO8859_7, single)
	add("ISO_8859_8", charmap.ISO8859_8, single)
	add("WIN866", charmap.CodePage866, single, "ALT")
	add("WIN874", charmap.Windows874, single)
	add("WIN1250", charmap.Windows1250, single)
	add("WIN1251", charmap.Windows1251, single, "WIN")
	add("WIN1252", charmap.Windows1252, single)
	add("WIN1253", charmap.Windows1253, single)
	add("WIN1254", charmap.Windows1254, single)
	add("WIN1255", charmap.Windows1255, single)
	add("WIN1256", charmap.Windows1256, single)
	add("WIN1257", charmap.Windows1257, single)
	add("WIN1258", charmap.Windows1258, single, "ABC", "TCVN", "TCVN5712", "VSCII")
	add("KOI8R", charmap.KOI8R, single, "KOI8")
	add("KOI8U", charmap.KOI8U, single)
	add("EUC_JP", japanese.EUCJP, lengthEUCJP)
	add("SJIS", japanese.ShiftJIS, lengthSJIS, "SHIFTJIS", "WIN932", "WINDOWS932", "MSKANJI")
	add("EUC_KR", korean.EUCKR, double)
	add("UHC", korean.EUCKR, double, "WIN949", "WINDOWS949")
	add("GBK", simplifiedchinese.GBK, double, "WIN936", "WINDOWS936")
	add("GB18030", simplifiedchinese.GB18030, lengthGB18030)
	add("BIG5", traditionalchinese.Big5, double, "WIN950", "WINDOWS950")
	for _, n := range []string{"1250", "1251", "1252", "1253", "1254", "1255", "1256", "1257", "1258", "866", "874"} {
		encodings["windows"+n] = encodings["win"+n]
	}
	encodings["sqlascii"] = &encoding{name: "SQL_ASCII", ascii: true, length: single}
}

func normalEncodingName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r | 0x20
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, name)
}

// findEncoding gives nil for UTF8, and an encoding without table for one that
// is not known here.
func findEncoding(name string) *encoding {
	n := normalEncodingName(name)
	if n == "utf8" || n == "unicode" {
		return nil
	}
	if e := encodings[n]; e != nil {
		return e
	}
	return &encoding{name: name}
}

func (e *encoding) unknown() error {
	return refuse("pgseal cannot convert between UTF8 and client encoding \""+e.name+"\"",
		"SET client_encoding to UTF8 or to another encoding that pgseal supports.")
}

func (s *Settings) clientEncoding() (*encoding, error) {
	if s == nil {
		return nil, nil
	}
	if s.foreignServer {
		return nil, refuse("pgseal seals columns only in databases whose encoding is UTF8", "")
	}
	return s.encoding, nil
}

// decode gives a client's text in UTF-8, checked to be what the server would
// accept. It is the same memory when nothing had to be converted.
func (s *Settings) decode(data []byte) ([]byte, error) {
	e, err := s.clientEncoding()
	if err != nil {
		return nil, err
	}
	if e == nil || e.ascii {
		if utf8.Valid(data) && bytes.IndexByte(data, 0) < 0 {
			return data, nil
		}
		return nil, invalidUTF8(data)
	}
	if e.table == nil {
		return nil, e.unknown()
	}
	if isASCII(data) {
		if i := bytes.IndexByte(data, 0); i >= 0 {
			return nil, invalidSequence(e.name, data[i:], 1)
		}
		return data, nil
	}
	return e.decode(data)
}

// encodeTail converts dst[start:], which is UTF-8, to the client's encoding.
func (s *Settings) encodeTail(dst []byte, start int) ([]byte, error) {
	e, err := s.clientEncoding()
	switch {
	case err != nil:
		return dst[:start], err
	case e == nil || e.ascii:
		return dst, nil
	case e.table == nil:
		return dst[:start], e.unknown()
	case isASCII(dst[start:]):
		return dst, nil
	}
	return e.encodeTail(dst, start)
}

func isASCII(data []byte) bool {
	for _, b := range data {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// invalidUTF8 finds the first byte sequence that the server would refuse.
func invalidUTF8(data []byte) error {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if data[i] == 0 || r == utf8.RuneError && n == 1 {
			length := 1
			switch lead := data[i]; {
			case lead&0xe0 == 0xc0:
				length = 2
			case lead&0xf0 == 0xe0:
				length = 3
			case lead&0xf8 == 0xf0:
				length = 4
			}
			return invalidSequence("UTF8", data[i:], length)
		}
		i += n
	}
	return nil
}

func byteList(data []byte, n int) string {
	var b strings.Builder
	for i, c := range data[:min(n, len(data))] {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "0x%02x", c)
	}
	return b.String()
}

func invalidSequence(encoding string, data []byte, n int) error {
	return newError(codeNotInRepertoire, `invalid byte sequence for encoding "`+encoding+`": `+byteList(data, n))
}

func untranslatable(from string, data []byte, n int, to string) error {
	return newError(codeUntranslatable, "character with byte sequence "+byteList(data, n)+
		` in encoding "`+from+`" has no equivalent in encoding "`+to+`"`)
}
