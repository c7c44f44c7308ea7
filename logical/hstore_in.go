package logical

import (
	"strings"
	"unicode/utf8"
)

// hstoreText is the text of an hstore on its way, with the states of the server's
// parser.
type hstoreText struct {
	text []byte
	i    int
	v16  bool // errors as from version 16 on
}

func (h *hstoreText) at() byte {
	if h.i < len(h.text) {
		return h.text[h.i]
	}
	return 0
}

func (h *hstoreText) syntaxError() error {
	_, n := utf8.DecodeRune(h.text[h.i:])
	near := string(h.text[h.i : h.i+n])
	if h.v16 {
		return newError(codeSyntaxError, `syntax error in hstore, near "`+near+`" at position `+itoa(h.i))
	}
	return newError(codeInternal, `Syntax error near "`+near+`" at position `+itoa(h.i))
}

func (h *hstoreText) ended() error {
	if h.v16 {
		return newError(codeSyntaxError, "syntax error in hstore: unexpected end of string")
	}
	return newError(codeInternal, "Unexpected end of string")
}

// word reads a key, which ends at =, or a value, which ends at a comma. ok is false
// at the end of the text. It stops at the last byte that belongs to the word.
func (h *hstoreText) word(isKey bool) (word []byte, quoted, ok bool, err error) {
	for h.i < len(h.text) && isSpace(h.text[h.i]) {
		h.i++
	}
	switch {
	case h.i == len(h.text):
		return nil, false, false, nil
	case h.at() == '=' && isKey:
		return nil, false, false, h.syntaxError()
	}
	word = []byte{}
	if quoted = h.at() == '"'; quoted {
		h.i++
	}
	for first := h.i; ; h.i++ {
		if h.i == len(h.text) {
			if quoted {
				return nil, false, false, h.ended()
			}
			h.i--
			return word, quoted, true, nil
		}
		switch c := h.text[h.i]; {
		case c == '\\':
			if h.i++; h.i == len(h.text) {
				return nil, false, false, h.ended()
			}
			word = append(word, h.text[h.i])
		case quoted && c == '"', !quoted && isSpace(c):
			return word, quoted, true, nil
		case !quoted && h.i > first && (c == '=' && isKey || c == ',' && !isKey):
			h.i--
			return word, quoted, true, nil
		default:
			word = append(word, c)
		}
	}
}

// hstoreIn reads "key"=>"value", … as the server does.
func hstoreIn(dst, text []byte, s *Settings) ([]byte, error) {
	h := hstoreText{text: text, v16: s != nil && s.version >= 16}
	var pairs []hstorePair
	for {
		key, _, ok, err := h.word(true)
		if err != nil {
			return dst, err
		}
		if !ok {
			break
		}
		h.i++
		for ; h.at() != '='; h.i++ {
			if h.i >= len(text) {
				return dst, h.ended()
			}
			if !isSpace(h.at()) {
				return dst, h.syntaxError()
			}
		}
		if h.i++; h.i >= len(text) {
			return dst, h.ended()
		}
		if h.at() != '>' {
			return dst, h.syntaxError()
		}
		h.i++
		value, quoted, ok, err := h.word(false)
		switch {
		case err != nil:
			return dst, err
		case !ok:
			return dst, h.ended()
		}
		pairs = append(pairs, hstorePair{key, value, !quoted && strings.EqualFold(string(value), "null")})
		for h.i++; h.i < len(text) && isSpace(h.at()); h.i++ {
		}
		if h.i >= len(text) {
			break
		}
		if h.at() != ',' {
			return dst, h.syntaxError()
		}
		h.i++
	}
	return appendHstore(dst, pairs)
}
