package envelope

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
)

const (
	testColumn = 17
	testKey    = 42
)

func material(n int) []byte {
	m := make([]byte, n)
	for i := range m {
		m[i] = byte(7*i + 1)
	}
	return m
}

func newTestKey(t testing.TB) *Key {
	t.Helper()
	k, err := NewKey(testKey, material(32))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Erase)
	return k
}

func seal(t testing.TB, k *Key, terms TermFlags, plaintext []byte) []byte {
	t.Helper()
	env, err := k.Seal(nil, testColumn, terms, termsOf(t, k, testColumn, terms, plaintext), plaintext)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// folded is what a term of a kind is made of, in these tests.
var folded = map[TermFlags]func([]byte) []byte{
	TermEquality: bytes.Clone, TermLower: bytes.ToLower, TermUpper: bytes.ToUpper,
}

// kinds are the terms in the order of their flags.
var kinds = []TermFlags{TermEquality, TermLower, TermUpper}

func termsOf(t testing.TB, k *Key, column uint32, terms TermFlags, plaintext []byte) (all []byte) {
	t.Helper()
	for _, kind := range kinds {
		if terms&kind != 0 {
			var err error
			if all, err = k.Term(all, kind, column, folded[kind](plaintext)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return all
}

func TestEachTermStandsBehindThoseOfLowerFlags(t *testing.T) {
	k := newTestKey(t)
	value := []byte("Straße 9")
	for terms := range knownTerms + 1 {
		if terms&^knownTerms != 0 {
			continue
		}
		env, all := seal(t, k, terms, value), []byte(nil)
		for _, kind := range kinds {
			want := termsOf(t, k, testColumn, terms&kind, value)
			if got := Term(env, kind); !bytes.Equal(got, want) {
				t.Errorf("terms %d: that of %d is %x, want %x", terms, kind, got, want)
			}
			all = append(all, want...)
		}
		if got := Terms(env); !bytes.Equal(got, all) {
			t.Errorf("terms %d: all of them are %x, want %x", terms, got, all)
		}
		if plain, err := k.Open(nil, testColumn, env); err != nil || !bytes.Equal(plain, value) {
			t.Errorf("terms %d: %v", terms, err)
		}
	}
}

func TestTermsOfOneTextHaveNothingInCommon(t *testing.T) {
	k := newTestKey(t)
	seen := map[string]TermFlags{}
	for _, kind := range kinds {
		term, err := k.Term(nil, kind, testColumn, []byte("123"))
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[string(term)]; ok {
			t.Errorf("the terms of %d and %d are the same", kind, other)
		}
		seen[string(term)] = kind
	}
}

func TestWhatIsSealedOpensToTheSameBytes(t *testing.T) {
	k := newTestKey(t)
	for _, terms := range []TermFlags{0, TermEquality, TermEquality | TermUpper, knownTerms} {
		for _, size := range []int{0, 1, 15, 16, 17, 50, 127, 128, 129, 4096, 1 << 20} {
			plaintext := bytes.Repeat([]byte{'p'}, size)
			env := seal(t, k, terms, plaintext)
			if len(env) != size+Overhead(terms) {
				t.Errorf("size %d terms %d: envelope of %d bytes, want %d", size, terms, len(env), size+Overhead(terms))
			}
			got, err := k.Open([]byte("before"), testColumn, env)
			if err != nil || !bytes.Equal(got, append([]byte("before"), plaintext...)) {
				t.Errorf("size %d terms %d: does not open to what was sealed: %v", size, terms, err)
			}
			if h, err := Parse(env); err != nil || h != (Header{testColumn, testKey, terms}) {
				t.Errorf("header %+v, %v", h, err)
			}
		}
	}
}

func TestOpensInPlace(t *testing.T) {
	k := newTestKey(t)
	env := seal(t, k, TermEquality, []byte("078-05-1120"))
	body := HeaderSize + EqualitySize + NonceSize
	got, err := k.Open(env[body:body], testColumn, env)
	if err != nil || string(got) != "078-05-1120" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestSameValueSealsDifferentlyButHasTheSameTerm(t *testing.T) {
	k := newTestKey(t)
	a, b := seal(t, k, TermEquality, []byte("x")), seal(t, k, TermEquality, []byte("x"))
	if bytes.Equal(a, b) {
		t.Error("two seals of one value are the same envelope")
	}
	if !bytes.Equal(Equality(a), Equality(b)) || len(Equality(a)) != EqualitySize {
		t.Error("two seals of one value have different terms")
	}
	if bytes.Equal(k.AppendEquality(nil, testColumn, []byte("x")), k.AppendEquality(nil, testColumn+1, []byte("x"))) {
		t.Error("one value has the same term in two columns")
	}
	if Equality(seal(t, k, 0, []byte("0123456789abcdefghij"))) != nil {
		t.Error("an envelope without a term has one")
	}
}

// The derivations of the package comment, by the standard library's own HKDF
// and HMAC.
func TestDerivationsAreHKDFAndHMAC(t *testing.T) {
	for _, size := range []int{16, 32} {
		k, err := NewKey(testKey, material(size))
		if err != nil {
			t.Fatal(err)
		}
		defer k.Erase()
		derive := func(info string, n int) []byte {
			key, err := hkdf.Key(sha256.New, material(size), nil, info, n)
			if err != nil {
				t.Fatal(err)
			}
			return key
		}
		column := string(binary.BigEndian.AppendUint32(nil, testColumn))
		if check := k.Check(); !bytes.Equal(check[:], derive("pgseal v1 key check", 16)) {
			t.Errorf("%d bytes: key check is not HKDF's", size)
		}
		for _, n := range []int{0, 1, 55, 56, 64, 65, 1000} {
			message := bytes.Repeat([]byte{'m'}, n)
			for kind, info := range map[TermFlags]string{TermEquality: "index", TermLower: "lower", TermUpper: "upper"} {
				mac := hmac.New(sha256.New, derive("pgseal v1 "+info+" hmac-sha256"+column, 32))
				mac.Write(message)
				if got, err := k.Term(nil, kind, testColumn, message); err != nil || !bytes.Equal(got, mac.Sum(nil)[:EqualitySize]) {
					t.Errorf("%d bytes: %s term of %d bytes is not HMAC's: %v", size, info, n, err)
				}
			}
		}
		env, err := k.Seal(nil, testColumn, 0, nil, []byte("plaintext"))
		if err != nil {
			t.Fatal(err)
		}
		plaintext, err := reference(derive("pgseal v1 seal aes-256-gcm"+column, 32)).Open(nil, env[HeaderSize:HeaderSize+NonceSize], env[HeaderSize+NonceSize:], env[:HeaderSize])
		if err != nil || string(plaintext) != "plaintext" {
			t.Errorf("%d bytes: AES-256-GCM under HKDF's subkey does not open it: %v", size, err)
		}
	}
}

func TestSealRefuses(t *testing.T) {
	k := newTestKey(t)
	for name, c := range map[string]struct {
		terms     TermFlags
		termBytes []byte
		want      error
	}{
		"unknown flags":            {2, nil, ErrTermFlags},
		"a term without its flag":  {0, make([]byte, 16), ErrTermBytes},
		"a flag without its term":  {TermEquality, nil, ErrTermBytes},
		"a term of the wrong size": {TermEquality, make([]byte, 15), ErrTermBytes},
	} {
		if got, err := k.Seal(nil, testColumn, c.terms, c.termBytes, nil); got != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for _, n := range []int{0, 15, 17, 24, 31, 33, 64} {
		if _, err := NewKey(1, make([]byte, n)); !errors.Is(err, ErrKeySize) {
			t.Errorf("data key of %d bytes: %v", n, err)
		}
	}
}

func TestSealRefusesBeforeRandomNoncesRepeat(t *testing.T) {
	k := newTestKey(t)
	seal(t, k, 0, nil)
	s := (*k.subkeys.Load())[sealID(testColumn)]
	s.seals.Store(sealLimit - 1)
	seal(t, k, 0, nil)
	for range 2 {
		if _, err := k.Seal(nil, testColumn, 0, nil, nil); !errors.Is(err, ErrExhausted) {
			t.Errorf("seal number 2^32+1: %v, want ErrExhausted", err)
		}
	}
	if k.Seals() != sealLimit {
		t.Errorf("counted %d seals", k.Seals())
	}
	if _, err := k.Seal(nil, testColumn+1, 0, nil, nil); err != nil {
		t.Errorf("another column's subkey: %v", err)
	}
}

func TestErasedKeyRefusesEverything(t *testing.T) {
	k := newTestKey(t)
	env := seal(t, k, TermEquality, []byte("x"))
	check := k.Check()
	k.Erase()
	k.Erase()
	if _, err := k.Seal(nil, testColumn, 0, nil, nil); !errors.Is(err, ErrErased) {
		t.Errorf("Seal: %v", err)
	}
	if _, err := k.Open(nil, testColumn, env); !errors.Is(err, ErrErased) {
		t.Errorf("Open: %v", err)
	}
	if _, err := k.EqualityTerm(nil, testColumn, nil); !errors.Is(err, ErrErased) {
		t.Errorf("EqualityTerm: %v", err)
	}
	if k.AppendEquality([]byte("x"), testColumn, nil) != nil {
		t.Error("AppendEquality returned a term")
	}
	if k.Seals() != 1 || k.Check() != check || k.ID() != testKey {
		t.Error("the count of seals, the check or the id went with the key")
	}
}

// Whatever happens while a key is erased, nothing is sealed under zeros: what
// was sealed opens under the same key material.
func TestEraseWaitsForThoseWhoUseTheKey(t *testing.T) {
	reader := newTestKey(t)
	for range 50 {
		k, err := NewKey(testKey, material(32))
		if err != nil {
			t.Fatal(err)
		}
		var users sync.WaitGroup
		started := make(chan struct{}, 4)
		for g := range 4 {
			users.Go(func() {
				for i := 0; ; i++ {
					env, err := k.Seal(nil, uint32(g+i%3), 0, nil, []byte("value"))
					if errors.Is(err, ErrErased) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					if i == 0 {
						started <- struct{}{}
					}
					if _, err := reader.Open(nil, uint32(g+i%3), env); err != nil {
						t.Errorf("sealed during the erasure: %v", err)
						return
					}
				}
			})
		}
		<-started
		k.Erase()
		users.Wait()
	}
}
