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
	// controls: bytes 0x80 to 0x9f are the control characters of these numbers.
	controls bool
	// length is the number of bytes of the character that begins with lead,
	// of which next is the following byte (0 at the end).
	length func(lead, next byte) int
	// valid says whether bytes above 0x7f are one well-formed character.
	valid func(char []byte) bool
	// firstLead and lastLead bound the first bytes of characters where the table
	// knows more than the server; 0 is no bound.
	firstLead, lastLead byte
	// exceptions is where the server differs from table.
	exceptions func() *exceptions
}

func single(byte, byte) int { return 1 }

func double(lead, _ byte) int {
	if lead < 0x80 {
		return 1
	}
	return 2
}

func lengthEUC(lead, _ byte) int {
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

func between(b, low, high byte) bool { return b >= low && b <= high }

func validAny([]byte) bool { return true }

func validEUCJP(char []byte) bool {
	switch {
	case char[0] == 0x8e:
		return len(char) == 2 && between(char[1], 0xa1, 0xdf)
	case char[0] == 0x8f:
		char = char[1:]
	}
	return len(char) == 2 && between(char[0], 0xa1, 0xfe) && between(char[1], 0xa1, 0xfe)
}

func validEUCKR(char []byte) bool {
	return len(char) == 2 && between(char[0], 0xa1, 0xfe) && between(char[1], 0xa1, 0xfe)
}

func validSJIS(char []byte) bool {
	return len(char) == 1 || len(char) == 2 &&
		(between(char[0], 0x81, 0x9f) || between(char[0], 0xe0, 0xfc)) &&
		(between(char[1], 0x40, 0x7e) || between(char[1], 0x80, 0xfc))
}

func validDouble(char []byte) bool { return len(char) == 2 && char[1] != 0 }

func validGB18030(char []byte) bool {
	if !between(char[0], 0x81, 0xfe) {
		return false
	}
	switch len(char) {
	case 4:
		return isDigit(char[1]) && between(char[2], 0x81, 0xfe) && isDigit(char[3])
	case 2:
		return between(char[1], 0x40, 0x7e) || between(char[1], 0x80, 0xfe)
	}
	return false
}

// encodings by their names without punctuation in lower case, as PostgreSQL
// looks them up, with its aliases.
var encodings = map[string]*encoding{}

func init() {
	add := func(e encoding, aliases ...string) {
		for _, a := range append(aliases, e.name) {
			encodings[normalEncodingName(a)] = &e
		}
	}
	for _, e := range []struct {
		name  string
		table xencoding.Encoding
		alias string
	}{
		{"LATIN1", charmap.ISO8859_1, "ISO88591"},
		{"LATIN2", charmap.ISO8859_2, "ISO88592"},
		{"LATIN3", charmap.ISO8859_3, "ISO88593"},
		{"LATIN4", charmap.ISO8859_4, "ISO88594"},
		{"LATIN5", charmap.ISO8859_9, "ISO88599"},
		{"LATIN6", charmap.ISO8859_10, "ISO885910"},
		{"LATIN7", charmap.ISO8859_13, "ISO885913"},
		{"LATIN8", charmap.ISO8859_14, "ISO885914"},
		{"LATIN9", charmap.ISO8859_15, "ISO885915"},
		{"LATIN10", charmap.ISO8859_16, "ISO885916"},
		{"ISO_8859_5", charmap.ISO8859_5, "ISO88595"},
		{"ISO_8859_6", charmap.ISO8859_6, "ISO88596"},
		{"ISO_8859_7", charmap.ISO8859_7, "ISO88597"},
		{"ISO_8859_8", charmap.ISO8859_8, "ISO88598"},
	} {
		add(encoding{name: e.name, table: e.table, controls: true, length: single, valid: validAny}, e.alias)
	}
	for _, e := range []struct {
		name    string
		table   xencoding.Encoding
		aliases []string
	}{
		{"WIN866", charmap.CodePage866, []string{"ALT", "WINDOWS866"}},
		{"WIN874", charmap.Windows874, []string{"WINDOWS874"}},
		{"WIN1250", charmap.Windows1250, []string{"WINDOWS1250"}},
		{"WIN1251", charmap.Windows1251, []string{"WIN", "WINDOWS1251"}},
		{"WIN1252", charmap.Windows1252, []string{"WINDOWS1252"}},
		{"WIN1253", charmap.Windows1253, []string{"WINDOWS1253"}},
		{"WIN1254", charmap.Windows1254, []string{"WINDOWS1254"}},
		{"WIN1255", charmap.Windows1255, []string{"WINDOWS1255"}},
		{"WIN1256", charmap.Windows1256, []string{"WINDOWS1256"}},
		{"WIN1257", charmap.Windows1257, []string{"WINDOWS1257"}},
		{"WIN1258", charmap.Windows1258, []string{"WINDOWS1258", "ABC", "TCVN", "TCVN5712", "VSCII"}},
		{"KOI8R", charmap.KOI8R, []string{"KOI8"}},
		{"KOI8U", charmap.KOI8U, nil},
	} {
		add(encoding{name: e.name, table: e.table, length: single, valid: validAny, exceptions: exceptionsOf(e.name)}, e.aliases...)
	}
	multibyte := func(name string, table xencoding.Encoding, length func(byte, byte) int, valid func([]byte) bool, aliases ...string) {
		add(encoding{name: name, table: table, length: length, valid: valid, exceptions: exceptionsOf(name)}, aliases...)
	}
	multibyte("EUC_JP", japanese.EUCJP, lengthEUC, validEUCJP)
	multibyte("SJIS", japanese.ShiftJIS, lengthSJIS, validSJIS, "SHIFTJIS", "WIN932", "WINDOWS932", "MSKANJI")
	multibyte("EUC_KR", korean.EUCKR, lengthEUC, validEUCKR)
	multibyte("UHC", korean.EUCKR, double, validDouble, "WIN949", "WINDOWS949")
	multibyte("GBK", simplifiedchinese.GBK, double, validDouble, "WIN936", "WINDOWS936")
	multibyte("GB18030", simplifiedchinese.GB18030, lengthGB18030, validGB18030)
	multibyte("BIG5", traditionalchinese.Big5, double, validDouble, "WIN950", "WINDOWS950")
	// The table holds the Hong Kong supplementary characters too.
	encodings["big5"].firstLead, encodings["big5"].lastLead = 0xa1, 0xf9
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
	if IsASCII(data) {
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
	case IsASCII(dst[start:]):
		return dst, nil
	}
	return e.encodeTail(dst, start)
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

// Decode gives a client's text in UTF-8, checked to be what the server would
// accept. It is the same memory when nothing had to be converted. The error is
// an *Error.
func (s *Settings) Decode(data []byte) ([]byte, error) { return s.decode(data) }

// UTF8 reports that the client's encoding is UTF8.
func (s *Settings) UTF8() bool { return s == nil || s.encoding == nil }

// Separable reports that an ASCII byte in a client's text is always that
// character, never a part of another one. It is false for encodings that are not
// known here.
func (s *Settings) Separable() bool {
	if s == nil || s.encoding == nil || s.encoding.ascii {
		return true
	}
	switch s.encoding.name {
	case "SJIS", "BIG5", "GBK", "UHC", "GB18030":
		return false
	}
	return s.encoding.table != nil
}
