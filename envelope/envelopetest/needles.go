// Package envelopetest searches the memory of a process for key material of the
// package envelope, for tests that prove its erasure.
package envelopetest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"fmt"
	"reflect"
	"unsafe"
)

// Needle is what the memory of a process is searched for: any aligned 16 bytes
// of a secret, which may have been cut or moved.
type Needle [16]byte

// Needles are secrets by what they are.
type Needles map[Needle]string

const (
	DataKey       = "data key"
	ExtractedKey  = "extracted key" // HKDF's pseudorandom key
	Subkey        = "subkey"
	HMACPad       = "HMAC pad"
	HMACState     = "HMAC state"
	AESRoundKey   = "AES round key"
	GHASHTable    = "GHASH table"
	MaskedCounter = "counter under the first round key"
)

// Of returns everything that the package envelope could leave in memory of a
// data key and its subkeys for columns. It derives them by the standard library
// alone.
func Of(material []byte, columns ...uint32) (Needles, error) {
	n := make(Needles)
	n.add(DataKey, material)
	extracted, err := hkdf.Extract(sha256.New, material, nil)
	if err != nil {
		return nil, err
	}
	n.add(ExtractedKey, extracted)
	n.addHMAC(extracted)
	for _, column := range columns {
		id := string(binary.BigEndian.AppendUint32(nil, column))
		for _, terms := range []string{"index", "lower", "upper"} {
			index, err := hkdf.Expand(sha256.New, extracted, "pgseal v1 "+terms+" hmac-sha256"+id, 32)
			if err != nil {
				return nil, err
			}
			n.add(Subkey, index)
			n.addHMAC(index)
		}
		seal, err := hkdf.Expand(sha256.New, extracted, "pgseal v1 seal aes-256-gcm"+id, 32)
		if err != nil {
			return nil, err
		}
		n.add(Subkey, seal)
		if err := n.addGCM(seal); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// AddCounters adds what the assembly of AES-GCM keeps on the stack: the counters
// of an envelope's nonce under the first round key, from which it follows.
func (n Needles) AddCounters(material []byte, column uint32, nonce []byte) error {
	seal, err := hkdf.Key(sha256.New, material, nil, "pgseal v1 seal aes-256-gcm"+string(binary.BigEndian.AppendUint32(nil, column)), 32)
	if err != nil {
		return err
	}
	for counter := range uint32(32) {
		block := binary.BigEndian.AppendUint32(append([]byte(nil), nonce...), counter)
		for i := range block {
			block[i] ^= seal[i] // the first round key is the first half of the key
		}
		n.add(MaskedCounter, block)
	}
	return nil
}

// add adds all aligned 16-byte pieces of a secret, as they are and as the words
// of a little-endian processor.
func (n Needles) add(name string, secret []byte) {
	for ; len(secret) >= len(Needle{}); secret = secret[len(Needle{}):] {
		plain := Needle(secret)
		if constant(plain) {
			continue
		}
		var words Needle
		for i := 0; i < len(words); i += 4 {
			binary.LittleEndian.PutUint32(words[i:], binary.BigEndian.Uint32(plain[i:]))
		}
		n[plain], n[words] = name, name
	}
}

// constant reports whether a piece has too few different bytes to be part of a
// secret: padding, sizes, unused words.
func constant(piece Needle) bool {
	different := make(map[byte]bool)
	for _, b := range piece {
		different[b] = true
	}
	return len(different) < 8
}

func (n Needles) addHMAC(key []byte) {
	for _, pad := range []byte{0x36, 0x5c} {
		block := make([]byte, sha256.BlockSize)
		copy(block, key)
		for i := range block {
			block[i] ^= pad
		}
		n.add(HMACPad, block)
		h := sha256.New()
		h.Write(block)
		state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			panic(err)
		}
		n.add(HMACState, state[4:4+sha256.Size])
	}
}

// addGCM adds the content of the standard library's own cipher objects.
func (n Needles) addGCM(key []byte) error {
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return err
	}
	b, g := content(block), content(gcm)
	words := int(unsafe.Sizeof(0)) // the schedule follows the number of rounds
	if len(g) < len(b) || Needle(b[words:]) != Needle(key) && Needle(g[words:]) == Needle(key) {
		return fmt.Errorf("AES-GCM of this Go release is laid out differently")
	}
	n.add(AESRoundKey, b[words:])
	n.add(GHASHTable, g[len(g)-256:])
	return nil
}

// content returns the bytes of the struct behind a pointer in an interface.
func content(pointer any) []byte {
	v := reflect.ValueOf(pointer)
	return unsafe.Slice((*byte)(v.UnsafePointer()), v.Type().Elem().Size())
}
