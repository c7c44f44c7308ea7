package logical

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func TestHexadecimalDigits(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for n := range len(all) {
		digits := []byte(hex.EncodeToString(all[:n]))
		if got, err := DecodeHex([]byte("before"), digits); err != nil || !bytes.Equal(got, append([]byte("before"), all[:n]...)) {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if got, err := DecodeHex(nil, bytes.ToUpper(digits)); err != nil || !bytes.Equal(got, all[:n]) {
			t.Fatalf("%d bytes in capitals: %v", n, err)
		}
	}
	// Each byte at each place, as encoding/hex has it.
	for at := range 16 {
		for c := range 256 {
			digits := []byte("0123456789abcdef")
			digits[at] = byte(c)
			want, wantErr := hex.DecodeString(string(digits))
			got, err := DecodeHex(nil, digits)
			if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
				t.Fatalf("byte %#x at %d: %x, %v", c, at, got, err)
			}
		}
	}
	for n := range len(all) {
		if got := EncodeHex([]byte("before"), all[n:]); string(got) != "before"+hex.EncodeToString(all[n:]) {
			t.Fatalf("from %d: %s", n, got)
		}
	}
	if _, err := DecodeHex(nil, []byte("abc")); err == nil {
		t.Error("half a byte is read")
	}
}

func BenchmarkDecodeHex(b *testing.B) {
	digits, dst := []byte(hex.EncodeToString(make([]byte, 55))), make([]byte, 0, 64)
	b.SetBytes(55)
	for b.Loop() {
		DecodeHex(dst, digits)
	}
}

func BenchmarkEncodeHex(b *testing.B) {
	value, dst := make([]byte, 55), make([]byte, 0, 128)
	b.SetBytes(55)
	for b.Loop() {
		EncodeHex(dst, value)
	}
}
