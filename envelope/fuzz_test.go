package envelope

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"
)

// Whatever the bytes: an error, or a header that encodes again to the same bytes.
func FuzzParse(f *testing.F) {
	addVectors(f)
	f.Fuzz(func(t *testing.T, env []byte) {
		h, err := Parse(env)
		if err != nil {
			if h != (Header{}) {
				t.Errorf("%v with a header", err)
			}
			return
		}
		again := appendHeader(nil, h)
		again = append(again, Terms(env)...)
		if !bytes.Equal(again, env[:HeaderSize+termsSize(h.Terms)]) {
			t.Errorf("header %+v encodes to %x", h, again)
		}
		if len(env) < Overhead(h.Terms) {
			t.Error("accepted an envelope without room for nonce and tag")
		}
	})
}

// What opens seals again, under the same nonce, to the same bytes; what does not
// gives nothing but an error.
func FuzzOpen(f *testing.F) {
	addVectors(f)
	k := newTestKey(f)
	f.Fuzz(func(t *testing.T, env []byte) {
		before := bytes.Clone(env)
		plaintext, err := k.Open(nil, testColumn, env)
		if !bytes.Equal(before, env) {
			t.Error("Open changed the envelope")
		}
		if err != nil {
			if plaintext != nil {
				t.Errorf("%v with a plaintext", err)
			}
			return
		}
		h, err := Parse(env)
		if err != nil {
			t.Fatalf("opens but does not parse: %v", err)
		}
		start := HeaderSize + termsSize(h.Terms)
		again, err := k.seal(nil, testColumn, h.Terms, Terms(env), plaintext, [NonceSize]byte(env[start:]))
		if err != nil || !bytes.Equal(again, env) {
			t.Errorf("seals again to other bytes: %v", err)
		}
	})
}

// Any one changed, added or removed byte keeps an envelope from opening.
func FuzzMalleability(f *testing.F) {
	f.Add([]byte("078-05-1120"), byte(TermEquality), uint16(0), byte(0x80))
	f.Add([]byte(""), byte(0), uint16(38), byte(1))
	f.Add(bytes.Repeat([]byte{1}, 300), byte(TermEquality), uint16(40), byte(0xff))
	f.Add([]byte("Bob@Example.com"), byte(knownTerms), uint16(45), byte(1))
	k := newTestKey(f)
	f.Fuzz(func(t *testing.T, plaintext []byte, terms byte, at uint16, change byte) {
		env := seal(t, k, TermFlags(terms)&knownTerms, plaintext)
		got, err := k.Open(nil, testColumn, env)
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("does not open as sealed: %v", err)
		}
		i := int(at) % len(env)
		refuse := func(what string, changed []byte) {
			if got, err := k.Open(nil, testColumn, changed); err == nil || got != nil {
				t.Errorf("%s at %d of %d: opens", what, i, len(env))
			}
		}
		refuse("byte removed", append(bytes.Clone(env[:i]), env[i+1:]...))
		refuse("byte added", append(append(bytes.Clone(env[:i]), change), env[i:]...))
		refuse("cut", env[:i])
		if change != 0 {
			changed := bytes.Clone(env)
			changed[i] ^= change
			refuse("byte changed", changed)
		}
	})
}

func addVectors(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		for _, v := range readVectors(f, file) {
			f.Add(v.envelope)
		}
	}
}

func TestOverlappingBuffersAreAnError(t *testing.T) {
	k := newTestKey(t)
	env := seal(t, k, 0, []byte("0123456789"))
	body := HeaderSize + NonceSize
	if _, err := k.Open(env[body+1:body+1], testColumn, env); !errors.Is(err, ErrOverlap) {
		t.Errorf("Open: %v", err)
	}
	buffer := make([]byte, 200)
	if _, err := k.Seal(buffer[:0], testColumn, 0, nil, buffer[30:40]); !errors.Is(err, ErrOverlap) {
		t.Errorf("Seal: %v", err)
	}
	if _, err := k.Seal(buffer[:0], testColumn, 0, nil, buffer[100:110]); err != nil {
		t.Errorf("Seal beside the room that it needs: %v", err)
	}
}
