package session

import (
	"crypto/rand"
	"sync"

	"pgseal/envelope"
	"pgseal/logical"
)

// maskingKey makes the digests of values that are compared with each other and with nothing
// that is stored. It lasts as long as the process, so that what is prepared in a server's
// session fits what is bound to it later.
var maskingKey = sync.OnceValues(func() (*envelope.Key, error) {
	material := make([]byte, 32)
	defer clear(material)
	rand.Read(material)
	return envelope.NewKey(0, material)
})

// digest appends that of s.buf.plain, a value of type t.
func (s *Session) digest(dst []byte, t logical.Type) ([]byte, Need, error) {
	equal := s.buf.plain
	if !t.EqualAsStored() {
		var err error
		if s.buf.equal, err = t.AppendEquality(s.buf.equal[:0], s.buf.plain); err != nil {
			return dst, Need{}, err
		}
		equal = s.buf.equal
	}
	k, err := maskingKey()
	if err != nil {
		return dst, Need{}, err
	}
	dst, err = k.Term(dst, envelope.TermEquality, t.OID, equal)
	return dst, Need{}, err
}

// valid is the error of a value that is none of the type that it is declared as, if that is
// one of those that are read here.
func (s *Session) valid(v logical.Value) error {
	if v.OID == 0 || v.OID == oidUnknown {
		v.OID = logical.OIDText
	}
	t := logical.Type{OID: v.OID, Typmod: -1}
	if !logical.Supported(t.Scalar()) {
		return nil
	}
	var err error
	s.buf.plain, err = t.AppendCanonical(s.buf.plain[:0], v, logical.Cast, s.reading())
	return err
}
