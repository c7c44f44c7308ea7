package kmsdev

import (
	"crypto/rand"
	"encoding/hex"
)

// uuidSize is the length of a key id in a ciphertext blob, in bytes.
const uuidSize = 16

// newUUID returns a random (version 4) UUID in its canonical lower-case form.
func newUUID() string {
	var u [uuidSize]byte
	rand.Read(u[:])
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return formatUUID(u)
}

func formatUUID(u [uuidSize]byte) string {
	var b [36]byte
	hex.Encode(b[0:8], u[0:4])
	hex.Encode(b[9:13], u[4:6])
	hex.Encode(b[14:18], u[6:8])
	hex.Encode(b[19:23], u[8:10])
	hex.Encode(b[24:36], u[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// parseUUID accepts only what formatUUID returns, so that a key has one id.
func parseUUID(s string) (u [uuidSize]byte, ok bool) {
	if len(s) != 36 {
		return u, false
	}
	raw, err := hex.DecodeString(s[0:8] + s[9:13] + s[14:18] + s[19:23] + s[24:36])
	if err != nil {
		return u, false
	}
	copy(u[:], raw)
	return u, formatUUID(u) == s
}
