package envelope

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the test vectors anew")

// vector is one stanza of testdata/*.txt. A good one says what sealing its
// plaintext under its nonce gives; a bad one, with which error its envelope must
// be refused, by Parse already or by Open.
type vector struct {
	name      string
	expect    string // "opens", or the name of the error
	dataKey   []byte
	keyID     uint32 // of the open key
	column    uint32 // that is asked for
	keyCheck  []byte
	terms     TermFlags
	equality  []byte // and the terms that stand behind it
	lower     []byte
	upper     []byte
	nonce     []byte
	plaintext []byte
	envelope  []byte
}

var vectorErrors = map[string]error{
	"ErrTruncated": ErrTruncated, "ErrMagic": ErrMagic, "ErrVersion": ErrVersion, "ErrTermFlags": ErrTermFlags,
	"ErrColumn": ErrColumn, "ErrKeyID": ErrKeyID, "ErrAuthentication": ErrAuthentication,
}

func (v vector) String() string {
	var b strings.Builder
	line := func(key, value string) { fmt.Fprintln(&b, strings.TrimRight(key+": "+value, " ")) }
	line("name", v.name)
	line("expect", v.expect)
	line("data-key", hex.EncodeToString(v.dataKey))
	line("key-id", fmt.Sprint(v.keyID))
	line("column", fmt.Sprint(v.column))
	if v.expect == "opens" {
		line("key-check", hex.EncodeToString(v.keyCheck))
		line("terms", fmt.Sprint(uint8(v.terms)))
		line("equality", hex.EncodeToString(v.equality))
		if v.terms&(TermLower|TermUpper) != 0 {
			line("lower", hex.EncodeToString(v.lower))
			line("upper", hex.EncodeToString(v.upper))
		}
		line("nonce", hex.EncodeToString(v.nonce))
		line("plaintext", hex.EncodeToString(v.plaintext))
	}
	line("envelope", hex.EncodeToString(v.envelope))
	return b.String()
}

func readVectors(t testing.TB, file string) (vectors []vector) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for stanza := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		fields := make(map[string]string)
		for line := range strings.SplitSeq(stanza, "\n") {
			key, value, _ := strings.Cut(line, ":")
			fields[key] = strings.TrimSpace(value)
		}
		bytesOf := func(key string) []byte {
			b, err := hex.DecodeString(fields[key])
			if err != nil {
				t.Fatalf("%s: %s: %v", file, fields["name"], err)
			}
			return b
		}
		number := func(key string) uint32 {
			if fields[key] == "" {
				return 0
			}
			n, err := strconv.ParseUint(fields[key], 10, 32)
			if err != nil {
				t.Fatalf("%s: %s: %v", file, fields["name"], err)
			}
			return uint32(n)
		}
		vectors = append(vectors, vector{
			name: fields["name"], expect: fields["expect"], dataKey: bytesOf("data-key"), keyID: number("key-id"),
			column: number("column"), keyCheck: bytesOf("key-check"), terms: TermFlags(number("terms")),
			equality: bytesOf("equality"), lower: bytesOf("lower"), upper: bytesOf("upper"), nonce: bytesOf("nonce"), plaintext: bytesOf("plaintext"), envelope: bytesOf("envelope"),
		})
	}
	return vectors
}

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, file := range files {
		for _, v := range readVectors(t, file) {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+"/"+v.name, v.check)
		}
	}
}

func (v vector) check(t *testing.T) {
	k, err := NewKey(v.keyID, v.dataKey)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Erase()
	plaintext, err := k.Open(nil, v.column, v.envelope)
	if v.expect != "opens" {
		want, ok := vectorErrors[v.expect]
		if !ok {
			t.Fatalf("unknown expectation %q", v.expect)
		}
		if plaintext != nil || !errors.Is(err, want) {
			t.Errorf("Open: %v, want %v", err, want)
		}
		return
	}
	if err != nil || !bytes.Equal(plaintext, v.plaintext) {
		t.Errorf("Open: %x, %v", plaintext, err)
	}
	if check := k.Check(); !bytes.Equal(check[:], v.keyCheck) {
		t.Errorf("key check %x", check)
	}
	for _, kind := range kinds {
		want := *v.term(kind)
		if v.terms&kind != 0 {
			if got, err := k.Term(nil, kind, v.column, folded[kind](v.plaintext)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("term %d: %x, %v", kind, got, err)
			}
		}
		if got := Term(v.envelope, kind); !bytes.Equal(got, want) {
			t.Errorf("term %d of the envelope: %x", kind, got)
		}
	}
	got, err := k.seal(nil, v.column, v.terms, v.allTerms(), v.plaintext, [NonceSize]byte(v.nonce))
	if err != nil || !bytes.Equal(got, v.envelope) {
		t.Errorf("Seal: %x, %v", got, err)
	}
}

func (v *vector) term(kind TermFlags) *[]byte {
	return map[TermFlags]*[]byte{TermEquality: &v.equality, TermLower: &v.lower, TermUpper: &v.upper}[kind]
}

func (v *vector) allTerms() []byte { return slices.Concat(v.equality, v.lower, v.upper) }

func writeVectors(t *testing.T) {
	write := func(file string, vectors []vector) {
		stanzas := make([]string, len(vectors))
		for i, v := range vectors {
			stanzas[i] = v.String()
		}
		if err := os.WriteFile(filepath.Join("testdata", file), []byte(strings.Join(stanzas, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	good := goodVectors(t)
	write("good.txt", good)
	write("malformed.txt", malformedVectors(good[0]))
	write("tampered.txt", tamperedVectors(good[0]))
	write("foreign.txt", foreignVectors(good[0]))
}

func goodVectors(t *testing.T) (vectors []vector) {
	text := func(name string, keySize int, column uint32, terms TermFlags, plaintext string) {
		v := vector{
			name: name, expect: "opens", dataKey: material(keySize), keyID: testKey, column: column,
			terms: terms, plaintext: []byte(plaintext), nonce: []byte("nonce number"),
		}
		k, err := NewKey(v.keyID, v.dataKey)
		if err != nil {
			t.Fatal(err)
		}
		defer k.Erase()
		check := k.Check()
		v.keyCheck = check[:]
		for _, kind := range kinds {
			*v.term(kind) = termsOf(t, k, column, terms&kind, v.plaintext)
		}
		if v.envelope, err = k.seal(nil, column, terms, v.allTerms(), v.plaintext, [NonceSize]byte(v.nonce)); err != nil {
			t.Fatal(err)
		}
		vectors = append(vectors, v)
	}
	text("with an equality term", 32, testColumn, TermEquality, "078-05-1120")
	text("without a term", 32, testColumn, 0, "078-05-1120")
	text("empty value", 32, testColumn, 0, "")
	text("empty value with an equality term", 32, testColumn, TermEquality, "")
	text("another column", 32, 18, TermEquality, "078-05-1120")
	text("greatest column id", 32, 1<<32-1, 0, "078-05-1120")
	text("data key of 16 bytes", 16, testColumn, TermEquality, "078-05-1120")
	text("one block", 32, testColumn, 0, "0123456789abcdef")
	text("plaintext that is an envelope", 32, testColumn, TermEquality, string(vectors[0].envelope))
	text("many blocks", 32, testColumn, TermEquality, strings.Repeat("seventeen bytes, ", 20))
	text("with a term of the value in lower case", 32, testColumn, TermEquality|TermLower, "Bob@Example.com")
	text("with a term of the value in upper case", 32, testColumn, TermEquality|TermUpper, "Bob@Example.com")
	text("with all terms", 32, testColumn, knownTerms, "Bob@Example.com")
	return vectors
}

// The boundaries of an envelope with an equality term and a plaintext of 11 bytes.
var regions = []struct {
	name     string
	from, to int
}{
	{"magic", 0, 1}, {"version", 1, 2}, {"column id", 2, 6}, {"key id", 6, 10}, {"term flags", 10, 11},
	{"equality term", 11, 27}, {"nonce", 27, 39}, {"ciphertext", 39, 50}, {"tag", 50, 66},
}

func (v vector) bad(name, expect string, change func(env []byte) []byte) vector {
	v.name, v.expect = name, expect
	v.envelope = change(slices.Clone(v.envelope))
	return v
}

func malformedVectors(good vector) (vectors []vector) {
	set := func(at int, value byte) func([]byte) []byte {
		return func(env []byte) []byte { env[at] = value; return env }
	}
	vectors = append(vectors,
		good.bad("plaintext in its place", "ErrMagic", func([]byte) []byte { return []byte("078-05-1120") }),
		good.bad("magic 0x00", "ErrMagic", set(0, 0)),
		good.bad("magic 0xe4", "ErrMagic", set(0, 0xe4)),
		good.bad("version 0", "ErrVersion", set(1, 0)),
		good.bad("version 2", "ErrVersion", set(1, 2)),
		good.bad("unknown flag beside equality", "ErrTermFlags", set(10, 0x03)),
		good.bad("the flag of order", "ErrTermFlags", set(10, 0x02)),
		good.bad("the flag of match", "ErrTermFlags", set(10, 0x04)),
		good.bad("terms that it has no room for", "ErrTruncated", set(10, 0x19)),
		good.bad("highest flag", "ErrTermFlags", set(10, 0x80)),
		good.bad("all flags", "ErrTermFlags", set(10, 0xff)),
	)
	for _, r := range regions {
		cut := func(n int) func([]byte) []byte { return func(env []byte) []byte { return env[:n] } }
		vectors = append(vectors, good.bad("ends before "+r.name, "ErrTruncated", cut(r.from)))
	}
	return append(vectors, good.bad("one byte too short for an empty value", "ErrTruncated", func(env []byte) []byte { return env[:Overhead(TermEquality)-1] }))
}

func tamperedVectors(good vector) (vectors []vector) {
	for _, r := range regions {
		for _, at := range []int{r.from, r.to - 1} {
			expect := "ErrAuthentication"
			switch r.name {
			case "magic":
				expect = "ErrMagic"
			case "version":
				expect = "ErrVersion"
			case "column id":
				expect = "ErrColumn"
			case "key id":
				expect = "ErrKeyID"
			case "term flags":
				expect = "ErrTermFlags"
			}
			name := "flipped first byte of " + r.name
			if at != r.from {
				name = "flipped last byte of " + r.name
			} else if r.to-r.from == 1 {
				name = "flipped " + r.name
			}
			if at == r.from || r.to-r.from > 1 {
				vectors = append(vectors, good.bad(name, expect, func(env []byte) []byte { env[at] ^= 0x80; return env }))
			}
		}
	}
	return append(vectors,
		good.bad("equality flag removed, term left", "ErrAuthentication", func(env []byte) []byte { env[10] = 0; return env }),
		good.bad("equality flag and term removed", "ErrAuthentication", func(env []byte) []byte {
			env[10] = 0
			return slices.Delete(env, 11, 27)
		}),
		good.bad("equality flag made that of lower", "ErrAuthentication", func(env []byte) []byte { env[10] = byte(TermLower); return env }),
		good.bad("last byte cut", "ErrAuthentication", func(env []byte) []byte { return env[:len(env)-1] }),
		good.bad("tag cut", "ErrAuthentication", func(env []byte) []byte { return slices.Concat(env[:39], env[39:55]) }),
		good.bad("a byte appended", "ErrAuthentication", func(env []byte) []byte { return append(env, 0) }),
		good.bad("another row's term", "ErrAuthentication", func(env []byte) []byte {
			copy(env[11:27], bytes.Repeat([]byte{7}, 16))
			return env
		}),
	)
}

func foreignVectors(good vector) []vector {
	same := func(env []byte) []byte { return env }
	column := good.bad("moved to another column", "ErrColumn", same)
	column.column++
	relabelled := good.bad("moved to another column with its id changed", "ErrAuthentication", func(env []byte) []byte { env[5]++; return env })
	relabelled.column++
	key := good.bad("another data key's id", "ErrKeyID", same)
	key.keyID++
	renamed := good.bad("another data key's id, changed in the envelope too", "ErrAuthentication", func(env []byte) []byte { env[9]++; return env })
	renamed.keyID++
	other := good.bad("the same id over other key material", "ErrAuthentication", same)
	other.dataKey = slices.Clone(other.dataKey)
	other.dataKey[0] ^= 1
	short := good.bad("the first half of the data key", "ErrAuthentication", same)
	short.dataKey = short.dataKey[:16]
	return []vector{column, relabelled, key, renamed, other, short}
}
