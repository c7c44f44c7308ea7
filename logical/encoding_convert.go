package logical

import (
	"unicode/utf8"

	xencoding "golang.org/x/text/encoding"
)

// decode converts text that holds a byte above 0x7f, character by character,
// because the server names the character that it cannot convert.
func (e *encoding) decode(data []byte) ([]byte, error) {
	out := make([]byte, 0, len(data)+len(data)/2)
	decoder := e.table.NewDecoder()
	for i := 0; i < len(data); {
		var next byte
		if i+1 < len(data) {
			next = data[i+1]
		}
		n := e.length(data[i], next)
		if data[i] == 0 || i+n > len(data) {
			return nil, invalidSequence(e.name, data[i:], n)
		}
		char := data[i : i+n]
		if n == 1 && char[0] < utf8.RuneSelf {
			out = append(out, char[0])
		} else {
			var err error
			if out, err = e.decodeChar(out, decoder, char); err != nil {
				return nil, err
			}
		}
		i += n
	}
	return out, nil
}

func (e *encoding) decodeChar(out []byte, decoder *xencoding.Decoder, char []byte) ([]byte, error) {
	var buf [8]byte
	n, _, err := decoder.Transform(buf[:], char, true)
	if r, _ := utf8.DecodeRune(buf[:n]); err != nil || r == utf8.RuneError {
		return nil, untranslatable(e.name, char, len(char), "UTF8")
	}
	return append(out, buf[:n]...), nil
}

// encodeTail converts dst[start:], which holds a character above 0x7f.
func (e *encoding) encodeTail(dst []byte, start int) ([]byte, error) {
	text := string(dst[start:])
	out := dst[:start]
	encoder := e.table.NewEncoder()
	var buf [8]byte
	for i, r := range text {
		if r < utf8.RuneSelf {
			out = append(out, byte(r))
			continue
		}
		char := text[i : i+utf8.RuneLen(r)]
		n, _, err := encoder.Transform(buf[:], []byte(char), true)
		if err != nil {
			return dst[:start], untranslatable("UTF8", []byte(char), len(char), e.name)
		}
		out = append(out, buf[:n]...)
	}
	return out, nil
}
