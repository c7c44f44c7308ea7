package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"testing"
)

// reference is AES-256-GCM by the standard library alone.
func reference(subkey []byte) cipher.AEAD {
	block, err := aes.NewCipher(subkey)
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return gcm
}

var cell = make([]byte, 50)

func TestHotPathDoesNotAllocate(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	k := newTestKey(t)
	env := seal(t, k, TermEquality, cell)
	term := Equality(env)
	dst := make([]byte, 0, 4096)
	cells := sealedCells(t, k, 8)
	var nonces Nonces
	for name, f := range map[string]func(){
		"Parse":          func() { Parse(env) },
		"Seal":           func() { k.Seal(dst, testColumn, TermEquality, term, cell) },
		"Open":           func() { k.Open(dst, testColumn, env) },
		"SealWith":       func() { k.SealWith(&nonces, dst, testColumn, TermEquality, term, cell) },
		"OpenAll":        func() { OpenAll(dst, cells) },
		"Opener":         func() { k.Opener(testColumn) },
		"AppendEquality": func() { k.AppendEquality(dst, testColumn, cell) },
		"Term":           func() { k.Term(dst, TermLower, testColumn, cell) },
		"refused Open":   func() { k.Open(dst, testColumn+1, env) },
	} {
		if n := testing.AllocsPerRun(1000, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	k := newTestKey(b)
	env := seal(b, k, TermEquality, cell)
	dst := make([]byte, 0, 256)
	for b.Loop() {
		k.Open(dst, testColumn, env)
	}
}

// BenchmarkOpenRow opens the three cells of a row: the time is of the row.
func BenchmarkOpenRow(b *testing.B) {
	k := newTestKey(b)
	o, err := k.Opener(testColumn)
	if err != nil {
		b.Fatal(err)
	}
	cells := make([]Sealed, 3)
	for i := range cells {
		cells[i] = Sealed{Opener: &o, Envelope: seal(b, k, TermEquality, cell)}
	}
	dst := make([]byte, 0, 512)
	for b.Loop() {
		OpenAll(dst, cells)
	}
}

func BenchmarkOpenParallel(b *testing.B) {
	k := newTestKey(b)
	env := seal(b, k, TermEquality, cell)
	b.RunParallel(func(pb *testing.PB) {
		dst := make([]byte, 0, 256)
		for pb.Next() {
			k.Open(dst, testColumn, env)
		}
	})
}

func BenchmarkOpenReference(b *testing.B) {
	gcm := reference(material(32))
	nonce := make([]byte, NonceSize)
	env := gcm.Seal(nil, nonce, cell, cell[:27])
	dst := make([]byte, 0, 256)
	for b.Loop() {
		gcm.Open(dst, nonce, env, cell[:27])
	}
}

func BenchmarkSeal(b *testing.B) {
	k := newTestKey(b)
	term := make([]byte, EqualitySize)
	dst := make([]byte, 0, 256)
	for b.Loop() {
		k.Seal(dst, testColumn, TermEquality, term, cell)
	}
}

func BenchmarkSealWith(b *testing.B) {
	k := newTestKey(b)
	term := make([]byte, EqualitySize)
	dst := make([]byte, 0, 256)
	var nonces Nonces
	for b.Loop() {
		k.SealWith(&nonces, dst, testColumn, TermEquality, term, cell)
	}
}

func BenchmarkNonce(b *testing.B) {
	for b.Loop() {
		newNonce()
	}
}

func BenchmarkAppendEquality(b *testing.B) {
	k := newTestKey(b)
	dst := make([]byte, 0, 256)
	for b.Loop() {
		k.AppendEquality(dst, testColumn, cell)
	}
}

func BenchmarkNewKeyOneColumn(b *testing.B) {
	m := material(32)
	for b.Loop() {
		k, err := NewKey(1, m)
		if err != nil {
			b.Fatal(err)
		}
		k.Seal(nil, testColumn, 0, nil, nil)
		k.Erase()
	}
}

func BenchmarkScrub(b *testing.B) {
	for b.Loop() {
		reserveStack()
		scrub()
	}
}
