package logical

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// The extension hstore: pairs of a key and a value, each key once, in the order of
// the keys' lengths and then of their bytes. The binary format is the number of
// pairs, then key and value of each with their lengths, -1 for NULL.

type hstorePair struct {
	key, value []byte
	null       bool
}

// Hstore defines the type of the extension of that name.
func Hstore(id Identity) *Definition {
	d := newDefinition(id, "hstore")
	d.codec = codec{
		name: QuoteName(id.Name), size: -1,
		in:      hstoreIn,
		recv:    func(dst, data []byte) ([]byte, error) { return hstoreReceive(dst, data, nil) },
		receive: hstoreReceive,
		send:    hstoreSend,
		out:     hstoreOut,
		check: func(canonical []byte) bool {
			_, err := hstorePairs(canonical, nil)
			return err == nil
		},
	}
	return d
}

// appendHstore appends pairs in the server's order, of those with one key the
// first.
func appendHstore(dst []byte, pairs []hstorePair) ([]byte, error) {
	slices.SortStableFunc(pairs, func(a, b hstorePair) int {
		return cmp.Or(cmp.Compare(len(a.key), len(b.key)), bytes.Compare(a.key, b.key))
	})
	// The server's sort keeps the order of equal keys for few pairs only.
	const stableBelow = 7
	unique := pairs[:0]
	for i, p := range pairs {
		if i == 0 || !bytes.Equal(p.key, unique[len(unique)-1].key) {
			unique = append(unique, p)
			continue
		}
		last := &unique[len(unique)-1]
		if len(pairs) >= stableBelow && (p.null != last.null || !bytes.Equal(p.value, last.value)) {
			return dst, refuse("an hstore has a key twice, and which of the values PostgreSQL keeps is not defined", "Give each key once.")
		}
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(unique)))
	for _, p := range unique {
		dst = append(binary.BigEndian.AppendUint32(dst, uint32(len(p.key))), p.key...)
		if p.null {
			dst = binary.BigEndian.AppendUint32(dst, 1<<32-1)
			continue
		}
		dst = append(binary.BigEndian.AppendUint32(dst, uint32(len(p.value))), p.value...)
	}
	return dst, nil
}

// hstorePairs reads the binary format.
func hstorePairs(data []byte, s *Settings) ([]hstorePair, error) {
	const most = 0x3fffffff / 40 // MaxAllocSize by the size of a pair in the server
	number := func() (int32, error) {
		if len(data) < 4 {
			return 0, shortBinary()
		}
		n := int32(binary.BigEndian.Uint32(data))
		data = data[4:]
		return n, nil
	}
	text := func(n int32) ([]byte, error) {
		if int(n) > len(data) {
			return nil, shortBinary()
		}
		part := data[:n:n]
		data = data[n:]
		return s.decode(part)
	}
	count, err := number()
	switch {
	case err != nil:
		return nil, err
	case count < 0 || count > most:
		return nil, newError(codeProgramLimit, "number of pairs ("+itoa(int(count))+") exceeds the maximum allowed ("+itoa(most)+")")
	}
	pairs := make([]hstorePair, 0, min(int(count), len(data)/8))
	for range count {
		var p hstorePair
		n, err := number()
		switch {
		case err != nil:
			return nil, err
		case n < 0:
			return nil, newError(codeNullNotAllowed, "null value not allowed for hstore key")
		}
		if p.key, err = text(n); err != nil {
			return nil, err
		}
		if n, err = number(); err != nil {
			return nil, err
		}
		if p.null = n < 0; !p.null {
			if p.value, err = text(n); err != nil {
				return nil, err
			}
		}
		pairs = append(pairs, p)
	}
	if len(data) > 0 {
		return nil, trailingBinary()
	}
	return pairs, nil
}

func hstoreReceive(dst, data []byte, s *Settings) ([]byte, error) {
	pairs, err := hstorePairs(data, s)
	if err != nil {
		return dst, err
	}
	return appendHstore(dst, pairs)
}

func hstoreSend(dst, canonical []byte, s *Settings) ([]byte, error) {
	pairs, err := hstorePairs(canonical, nil)
	if err != nil {
		return dst, err
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(pairs)))
	put := func(text []byte) error {
		at := len(dst)
		out, err := s.encodeTail(append(append(dst, 0, 0, 0, 0), text...), at+4)
		if err != nil {
			return err
		}
		binary.BigEndian.PutUint32(out[at:], uint32(len(out)-at-4))
		dst = out
		return nil
	}
	for _, p := range pairs {
		if err := put(p.key); err != nil {
			return dst, err
		}
		if p.null {
			dst = binary.BigEndian.AppendUint32(dst, 1<<32-1)
		} else if err := put(p.value); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func hstoreOut(dst, canonical []byte, _ *Settings) ([]byte, error) {
	pairs, err := hstorePairs(canonical, nil)
	if err != nil {
		return dst, err
	}
	quoted := func(text []byte) {
		dst = append(dst, '"')
		for _, c := range text {
			if c == '"' || c == '\\' {
				dst = append(dst, '\\')
			}
			dst = append(dst, c)
		}
		dst = append(dst, '"')
	}
	for i, p := range pairs {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		quoted(p.key)
		dst = append(dst, "=>"...)
		if p.null {
			dst = append(dst, "NULL"...)
		} else {
			quoted(p.value)
		}
	}
	return dst, nil
}
