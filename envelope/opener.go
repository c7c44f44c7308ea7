package envelope

import "slices"

// Opener opens the envelopes of one column under one data key. It keeps the
// place of their subkey, so that a row need not look for it. After the key's
// Erase it opens nothing.
type Opener struct {
	key    *Key
	subkey *subkey
	column uint32
	names  [HeaderSize]byte // what its envelopes begin with
}

// Opener returns the opener of a column. The errors are ErrErased and ErrMemory.
func (k *Key) Opener(columnID uint32) (Opener, error) {
	user := k.guard.enter()
	if user == nil {
		return Opener{}, ErrErased
	}
	defer leave(user)
	s, err := k.subkey(sealID(columnID))
	if err != nil {
		return Opener{}, err
	}
	o := Opener{key: k, subkey: s, column: columnID}
	appendHeader(o.names[:0], Header{ColumnID: columnID, KeyID: k.id})
	return o, nil
}

// Names reports whether an envelope, if it is one, is of o's column and key.
func (o *Opener) Names(env []byte) bool {
	return len(env) >= HeaderSize && [flagsOffset]byte(env) == [flagsOffset]byte(o.names[:])
}

// Of reports whether o opens envelopes of the column under the key.
func (o *Opener) Of(k *Key, columnID uint32) bool {
	return o.key == k && o.column == columnID && k != nil
}

// why says, in the words of Open, why o has not opened an envelope.
func (o *Opener) why(env []byte) error {
	h, err := Parse(env)
	switch {
	case err != nil:
		return err
	case h.ColumnID != o.column:
		return ErrColumn
	case h.KeyID != o.key.id:
		return ErrKeyID
	}
	return ErrAuthentication
}

// Sealed is one envelope for OpenAll, and what it was sealed from.
type Sealed struct {
	Opener   *Opener
	Envelope []byte
	Plain    []byte // set by OpenAll: a part of its result
}

// sectionSize is how much is opened in one secret section, in bytes of
// envelopes: 50 µs of work.
const sectionSize = 1 << 16

// OpenAll opens envelopes one after the other, appends their plaintexts to dst
// and returns the extended slice. It stops at the first that does not open: n is
// how many did before it, and err why it did not, as Open would say it. The
// envelopes must not lie in the room that dst has or gets.
//
// It costs less than as many calls of Open, because the stack and the registers
// are scrubbed once for many. It does not allocate if dst has room for as many
// bytes as the envelopes have.
func OpenAll(dst []byte, cells []Sealed) (_ []byte, n int, err error) {
	total := 0
	for i := range cells {
		total += len(cells[i].Envelope)
	}
	dst = slices.Grow(dst, total)
	for n < len(cells) {
		user := cells[n].Opener.key.guard.enter()
		if user == nil {
			return dst, n, ErrErased
		}
		var opened int
		dst, opened, err = openSection(dst, cells[n:])
		leave(user)
		if n += opened; err != nil {
			return dst, n, err
		}
	}
	return dst, n, nil
}

// openSection opens envelopes, at least one, of the first one's key in one
// secret section. Only for those who have entered the key's guard.
func openSection(dst []byte, cells []Sealed) (_ []byte, n int, err error) {
	key, size := cells[0].Opener.key, 0
	beginSecret()
	for ; n < len(cells) && size < sectionSize && cells[n].Opener.key == key; n++ {
		c := &cells[n]
		o, at := c.Opener, len(dst)
		if overlap(dst[at:at+len(c.Envelope)], c.Envelope) {
			err = ErrOverlap
			break
		}
		// What names another column or key does not authenticate: the header is
		// sealed with the value. Which it was is found out afterwards.
		var opened []byte
		terms, ok := structure(c.Envelope)
		if ok {
			opened, err = o.subkey.open(dst, c.Envelope, terms)
		}
		if !ok || err != nil {
			err = o.why(c.Envelope)
			break
		}
		dst = opened
		c.Plain = dst[at:len(dst):len(dst)]
		size += len(c.Envelope)
	}
	endSecret()
	return dst, n, err
}
