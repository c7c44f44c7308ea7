package logical

import "unicode/utf8"

// Transcodes reports that the client's encoding is one that has to be, and can
// be, converted to UTF-8: a statement in it is planned by its text in UTF-8.
func (s *Settings) Transcodes() bool {
	return !s.foreignServer && s.encoding != nil && s.encoding.table != nil
}

// CheckUTF8 gives the server's own error for a text that it would not accept where it
// takes UTF-8 alone: from a client in UTF8, and in a database in UTF8 in place of SQL_ASCII.
func (s *Settings) CheckUTF8(text []byte) error {
	if s.encoding != nil && (s.foreignServer || !s.encoding.ascii) || utf8.Valid(text) {
		return nil
	}
	return invalidUTF8(text)
}

// ToUTF8 gives a statement's text, in the client's encoding, in UTF-8. It is the
// same memory when nothing had to be converted. The error is the server's own
// for text that it would not accept.
func (s *Settings) ToUTF8(text []byte) ([]byte, error) { return s.decode(text) }

// FromUTF8 converts dst[start:] to the client's encoding.
func (s *Settings) FromUTF8(dst []byte, start int) ([]byte, error) { return s.encodeTail(dst, start) }
