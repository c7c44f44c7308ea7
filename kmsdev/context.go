package kmsdev

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxContextSize bounds the canonical form of an encryption context, in bytes.
const maxContextSize = 8192

// encryptionContext is the EncryptionContext of a request. Absent and empty are
// the same, as in KMS.
type encryptionContext map[string]string

var (
	errContextShape     = errors.New("an encryption context is a JSON object whose values are strings")
	errContextDuplicate = errors.New("an encryption context names a key twice")
)

// UnmarshalJSON refuses a key that occurs twice: which of the two would be
// bound is a question that must not arise.
func (c *encryptionContext) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte("null")) {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errContextShape
	}
	out := encryptionContext{}
	for d.More() {
		// Within an object the decoder yields name and value in turn, and a
		// name is always a string.
		name, err := d.Token()
		if err != nil {
			return errContextShape
		}
		value, err := d.Token()
		if err != nil {
			return errContextShape
		}
		k := name.(string)
		v, ok := value.(string)
		if !ok {
			return errContextShape
		}
		if _, again := out[k]; again {
			return errContextDuplicate
		}
		out[k] = v
	}
	*c = out
	return nil
}

func (c encryptionContext) validate(member string) error {
	for k, v := range c {
		if k == "" {
			return invalid("Value at '%s' failed to satisfy constraint: Map keys must not be empty.", member)
		}
		// The JSON decoder puts U+FFFD for every lone surrogate, so two
		// different contexts could become one.
		if strings.ContainsRune(k, utf8.RuneError) || strings.ContainsRune(v, utf8.RuneError) {
			return invalid("Value at '%s' failed to satisfy constraint: Map keys and values must be valid Unicode.", member)
		}
	}
	if len(c.canonical()) > maxContextSize {
		return invalid("Value at '%s' failed to satisfy constraint: the encryption context must not exceed %d bytes.", member, maxContextSize)
	}
	return nil
}

// canonical encodes the context for use as additional data: pairs sorted by
// key, every string preceded by its length, so that equal contexts encode
// alike in whatever order they came, and different ones differ.
func (c encryptionContext) canonical() []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(c)))
	for _, k := range slices.Sorted(maps.Keys(c)) {
		for _, s := range [2]string{k, c[k]} {
			out = binary.BigEndian.AppendUint32(out, uint32(len(s)))
			out = append(out, s...)
		}
	}
	return out
}
