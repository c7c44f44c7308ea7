package logical

import (
	"bytes"
	"testing"
	"unicode/utf8"
)

// fuzzSettings are sessions in whose text form every value must survive.
func fuzzSettings(t testing.TB, n byte) *Settings {
	return parseSettings(t, []string{
		"", "DateStyle=SQL, DMY;TimeZone=UTC", "DateStyle=German;bytea_output=escape", "DateStyle=Postgres, MDY", "DateStyle=ISO, YMD",
		"TimeZone=Europe/Berlin", "TimeZone=<-03:30>+03:30;extra_float_digits=3",
	}[n%7])
}

// FuzzTextFormKeepsTheValue reads a value, writes it as text and reads that
// again: the canonical bytes must be the same.
func FuzzTextFormKeepsTheValue(f *testing.F) {
	for i, oid := range allTypes {
		for _, in := range samples[oid] {
			f.Add(byte(i), byte(0), []byte(in))
		}
	}
	for _, in := range nastyDates {
		f.Add(byte(13), byte(1), []byte(in))
	}
	f.Fuzz(func(t *testing.T, which, settings byte, in []byte) {
		typ := Type{OID: allTypes[int(which)%len(allTypes)], Typmod: -1}
		s := fuzzSettings(t, settings)
		canonical, err := typ.AppendCanonical(nil, Value{Data: in}, Assign, s)
		if err != nil {
			if canonical != nil {
				t.Fatalf("%s %q: bytes beside error %v", typ.Name(), in, err)
			}
			return
		}
		text, err := typ.AppendText(nil, canonical, s)
		if err != nil {
			t.Fatalf("%s %q: %v", typ.Name(), in, err)
		}
		again, err := typ.AppendCanonical(nil, Value{Data: text}, Assign, s)
		if err != nil {
			t.Fatalf("%s %q: written as %q: %v", typ.Name(), in, text, errorAnswer(err))
		}
		// A NaN loses its payload and sign in text; the clock turned back makes
		// one local time of two instants.
		if familyOf(typ.OID) == familyFloat && string(text) == "NaN" {
			return
		}
		if !bytes.Equal(canonical, again) {
			t.Fatalf("%s %q: %x is written as %q, which is %x", typ.Name(), in, canonical, text, again)
		}
		if typ.HasEquality() {
			a, err := typ.AppendEquality(nil, canonical)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := typ.AppendEquality(nil, a)
			if typ.OID != OIDJSONB && typ.OID != OIDInterval && !bytes.Equal(a, b) {
				t.Fatalf("%s %q: equality bytes %x have equality bytes %x", typ.Name(), in, a, b)
			}
		}
	})
}

// FuzzBinaryFormKeepsTheValue reads a binary value: what is accepted must be
// written as a binary value that is accepted with the same canonical bytes.
func FuzzBinaryFormKeepsTheValue(f *testing.F) {
	r := seeded()
	for i, oid := range allTypes {
		for _, in := range binaryInputs(r, Type{OID: oid, Typmod: -1}, 5) {
			f.Add(byte(i), byte(i), in)
		}
	}
	f.Fuzz(func(t *testing.T, which, declared byte, in []byte) {
		typ := Type{OID: allTypes[int(which)%len(allTypes)], Typmod: -1}
		v := Value{Data: in, Binary: true, OID: allTypes[int(declared)%len(allTypes)]}
		for _, use := range []Use{Assign, Compare, Cast} {
			canonical, err := typ.AppendCanonical(nil, v, use, nil)
			if err != nil {
				continue
			}
			out, err := typ.AppendBinary(nil, canonical, nil)
			if err != nil {
				t.Fatalf("%s %x: %v", typ.Name(), in, err)
			}
			again, err := typ.AppendCanonical(nil, Value{Data: out, Binary: true, OID: typ.OID}, use, nil)
			if use == Compare && typ.OID == OIDCidr { // an inet equals it as it is
				canonical[inetIsCidr] = 1
			}
			if err != nil || !bytes.Equal(canonical, again) {
				t.Fatalf("%s %x: canonical %x, then %x (%v)", typ.Name(), in, canonical, again, err)
			}
			if _, err := typ.AppendText(nil, canonical, nil); err != nil {
				t.Fatalf("%s %x: %v", typ.Name(), in, err)
			}
		}
	})
}

// FuzzOpenedBytesNeverPanic feeds bytes that no AppendCanonical has written.
func FuzzOpenedBytesNeverPanic(f *testing.F) {
	f.Add(byte(15), []byte{0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, which byte, in []byte) {
		typ := Type{OID: allTypes[int(which)%len(allTypes)], Typmod: -1}
		for n := range byte(7) {
			typ.AppendText(nil, in, fuzzSettings(t, n))
		}
		typ.AppendBinary(nil, in, nil)
		typ.AppendEquality(nil, in)
	})
}

// FuzzClientEncodings converts bytes of every encoding there and back.
func FuzzClientEncodings(f *testing.F) {
	all := allEncodings()
	f.Add(byte(3), []byte("\x83\x5c\x82\xa0"))
	f.Fuzz(func(t *testing.T, which byte, in []byte) {
		s := Settings{encoding: all[int(which)%len(all)]}
		typ := Type{OID: OIDText, Typmod: -1}
		canonical, err := typ.AppendCanonical(nil, Value{Data: in}, Assign, &s)
		if err != nil {
			return
		}
		if _, err := s.decode(in); err != nil {
			t.Fatal(err)
		}
		out, err := typ.AppendText(nil, canonical, &s)
		if err != nil {
			return // several sequences may decode to a character that has no other
		}
		again, err := typ.AppendCanonical(nil, Value{Data: out}, Assign, &s)
		if err != nil || !bytes.Equal(canonical, again) {
			t.Fatalf("%s %x: %q, then %q (%v)", s.encoding.name, in, canonical, again, err)
		}
	})
}

func FuzzElements(f *testing.F) {
	for _, in := range arrayInputs {
		f.Add(false, []byte(in))
	}
	f.Add(true, binaryArray(1, 0, 25, 2, 1, 1, "a", 2, "bc"))
	f.Fuzz(func(t *testing.T, isBinary bool, in []byte) {
		v := Value{Data: in, Binary: isBinary, OID: 1009}
		for _, name := range []string{"UTF8", "SJIS", "GB18030"} {
			total := 0
			s := parseSettings(t, "client_encoding="+name)
			ElementsIn(v, s, func(elem []byte, null bool) error {
				if null != (elem == nil) && !(isBinary && len(elem) == 0) && len(elem) > 0 {
					t.Fatalf("%q: null %t with %q", in, null, elem)
				}
				total += len(elem)
				return nil
			})
			if total > len(in) {
				t.Fatalf("%q: elements of %d bytes", in, total)
			}
		}
	})
}

func FuzzSettings(f *testing.F) {
	f.Add("DateStyle", "ISO, MDY")
	f.Add("TimeZone", "<+03>-3")
	f.Add("TimeZone", "CET-1CEST,M3.5.0,M10.5.0/3")
	f.Fuzz(func(t *testing.T, name, value string) {
		var s Settings
		s.Set(name, value)
		Type{OID: OIDTimestamptz, Typmod: -1}.AppendText(nil, make([]byte, 8), &s)
	})
}

// FuzzRegex reads patterns, and matches texts with what is accepted.
func FuzzRegex(f *testing.F) {
	for _, pattern := range []string{`^\d{5}(-\d{4})?$`, "[^]a-z[:alpha:]]+?", `(?:a|b){2,3}\u0041`, "x*|", "[a-", `\x{`, "((((", "a{1,300}"} {
		f.Add(pattern, "abc 12345", true)
	}
	f.Fuzz(func(t *testing.T, pattern, text string, insensitive bool) {
		if !utf8.ValidString(pattern) || !utf8.ValidString(text) {
			return
		}
		r, err := CompileRegex([]byte(pattern), insensitive, nil)
		if err == nil {
			_, err = r.Match([]byte(text))
		}
		if err == nil {
			return
		}
		if code := errorAnswer(err).code; code != codeFeatureNotSupported && code != codeInvalidRegex {
			t.Fatalf("%q of %q: %v", text, pattern, err)
		}
	})
}

// FuzzChecks reads CHECKs as the catalog may have them, and applies what is
// accepted.
func FuzzChecks(f *testing.F) {
	for i, text := range []string{
		"CHECK ((VALUE > 0))", "CHECK (((VALUE >= 0) AND (VALUE <= 100)))", `CHECK ((VALUE ~ '^\d{5}(-\d{4})?$'::text))`, "CHECK (((VALUE)::text = ANY ((ARRAY['a'::character varying, 'abc'::character varying])::text[])))",
		"CHECK ((VALUE <> ALL (ARRAY[1, 2])))", "CHECK ((char_length(VALUE) <= 10))", "CHECK ((VALUE ~~ '%@%'::text))", "CHECK ((NOT (VALUE = 'x'::bpchar)))", "CHECK ((VALUE >= '2000-01-01'::date))", "CHECK ((VALUE IS NOT NULL))", `CHECK ((VALUE ~ E'[^a-z\\\\]'::text))`,
	} {
		f.Add(byte(i), text)
	}
	f.Fuzz(func(t *testing.T, which byte, text string) {
		typ := Type{OID: allTypes[int(which)%len(allTypes)], Typmod: -1}
		check, err := NewCheck("rule", text, typ)
		if err != nil {
			return
		}
		for _, in := range samples[typ.OID] {
			canonical, err := typ.AppendCanonical(nil, Value{Data: []byte(in)}, Assign, nil)
			if err != nil {
				continue
			}
			if _, err := check.passes(canonical); err != nil && errorAnswer(err).code != codeFeatureNotSupported {
				t.Fatalf("%s %q: %v", text, in, errorAnswer(err))
			}
		}
	})
}
