package envelope

import (
	"bytes"
	"errors"
	"testing"
)

func sealedCells(t testing.TB, k *Key, n int) []Sealed {
	o, err := k.Opener(testColumn)
	if err != nil {
		t.Fatal(err)
	}
	cells := make([]Sealed, n)
	for i := range cells {
		cells[i] = Sealed{Opener: &o, Envelope: seal(t, k, TermFlags(i%2), bytes.Repeat([]byte{'p'}, i))}
	}
	return cells
}

func TestOpenAllOpensWhatOpenOpens(t *testing.T) {
	k, other := newTestKey(t), newTestKey(t)
	cells := append(sealedCells(t, k, 40), sealedCells(t, other, 3)...)
	cells = append(cells, Sealed{Opener: cells[0].Opener, Envelope: seal(t, k, 0, make([]byte, 2*sectionSize))}, cells[7])
	got, n, err := OpenAll([]byte("before"), cells)
	if n != len(cells) || err != nil || string(got[:6]) != "before" {
		t.Fatalf("%d of %d, %v", n, len(cells), err)
	}
	at := 6
	for i, c := range cells {
		want, err := k.Open(nil, testColumn, c.Envelope)
		if err != nil || !bytes.Equal(c.Plain, want) || !bytes.Equal(got[at:at+len(want)], want) || cap(c.Plain) != len(want) {
			t.Errorf("cell %d: %d bytes, want %d, %v", i, len(c.Plain), len(want), err)
		}
		at += len(want)
	}
}

// Names is about the first bytes only, and about all of them.
func TestOpenerNamesItsEnvelopes(t *testing.T) {
	k := newTestKey(t)
	o, err := k.Opener(testColumn)
	if err != nil {
		t.Fatal(err)
	}
	env := seal(t, k, TermEquality, nil)
	for n := range len(env) {
		if got := o.Names(env[:n]); got != (n >= HeaderSize) {
			t.Errorf("%d bytes: %v", n, got)
		}
		changed := bytes.Clone(env)
		changed[n] ^= 1
		if got := o.Names(changed); got != (n >= flagsOffset) {
			t.Errorf("byte %d changed: %v", n, got)
		}
	}
}

func TestOpenAllStopsAtWhatDoesNotOpen(t *testing.T) {
	k := newTestKey(t)
	erased, err := NewKey(testKey, material(32))
	if err != nil {
		t.Fatal(err)
	}
	gone := sealedCells(t, erased, 1)[0]
	erased.Erase()
	foreign, err := k.Opener(testColumn + 1)
	if err != nil {
		t.Fatal(err)
	}
	flipped := seal(t, k, TermEquality, cell)
	flipped[len(flipped)-1] ^= 1
	otherKey := seal(t, k, 0, cell)
	otherKey[KeyOffset] ^= 1
	good := sealedCells(t, k, 3)
	for name, c := range map[string]struct {
		cell Sealed
		want error
	}{
		"changed":         {Sealed{Opener: good[0].Opener, Envelope: flipped}, ErrAuthentication},
		"other column":    {Sealed{Opener: &foreign, Envelope: good[1].Envelope}, ErrColumn},
		"other key":       {Sealed{Opener: good[0].Opener, Envelope: otherKey}, ErrKeyID},
		"no envelope":     {Sealed{Opener: good[0].Opener, Envelope: []byte("plain")}, ErrMagic},
		"truncated":       {Sealed{Opener: good[0].Opener, Envelope: otherKey[:HeaderSize+NonceSize]}, ErrTruncated},
		"empty":           {Sealed{Opener: good[0].Opener}, ErrTruncated},
		"an erased key's": {gone, ErrErased},
	} {
		cells := append(append([]Sealed{}, good...), c.cell, good[0])
		got, n, err := OpenAll(nil, cells)
		if n != len(good) || !errors.Is(err, c.want) || len(got) != 0+1+2 {
			t.Errorf("%s: %d opened, %d bytes, %v", name, n, len(got), err)
		}
		if cells[len(good)].Plain != nil {
			t.Errorf("%s: has a plaintext", name)
		}
	}
	room := make([]byte, 512)
	env := room[:copy(room, good[2].Envelope)]
	if _, n, err := OpenAll(room[:0], []Sealed{{Opener: good[0].Opener, Envelope: env}}); n != 0 || !errors.Is(err, ErrOverlap) {
		t.Errorf("overlapping: %d, %v", n, err)
	}
	if _, err := erased.Opener(testColumn); !errors.Is(err, ErrErased) {
		t.Errorf("Opener of an erased key: %v", err)
	}
}

func TestNoncesAreUsedOnceAndWiped(t *testing.T) {
	var supply Nonces
	seen := map[[NonceSize]byte]bool{}
	for range 10 * nonceSupply {
		n := supply.next()
		if seen[n] || n == [NonceSize]byte{} {
			t.Fatal("a nonce comes twice, or is all zeros")
		}
		seen[n] = true
		if bytes.Contains(supply.b[:], n[:]) {
			t.Fatal("a used nonce is still in the supply")
		}
	}
	supply.next()
	supply.Wipe()
	if supply != (Nonces{}) {
		t.Error("unused nonces are kept")
	}
	k := newTestKey(t)
	env, err := k.SealWith(&supply, nil, testColumn, 0, nil, cell)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.Open(nil, testColumn, env); err != nil || !bytes.Equal(got, cell) {
		t.Error("does not open:", err)
	}
	if seen[[NonceSize]byte(env[HeaderSize:])] {
		t.Error("a nonce of before")
	}
}
