package logical

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
)

var updateEncodings = flag.Bool("update-encodings", false, "find the exceptions of the encodings again (takes minutes)")

const conversionFunctions = `
CREATE FUNCTION try_to(i int, e text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN RETURN encode(convert_to(chr(i), e), 'hex'); EXCEPTION WHEN OTHERS THEN RETURN ''; END $$;
CREATE FUNCTION try_from(b text, e text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN RETURN encode(convert_to(convert_from(decode(b, 'hex'), e), 'UTF8'), 'hex'); EXCEPTION WHEN OTHERS THEN RETURN ''; END $$;`

// allEncodings are those that can be converted, by name.
func allEncodings() []*encoding {
	seen := map[*encoding]bool{}
	var all []*encoding
	for _, e := range encodings {
		if e.table != nil && !seen[e] {
			seen[e] = true
			all = append(all, e)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].name < all[j].name })
	return all
}

// characters are all well-formed characters above 0x7f of an encoding, those of
// four bytes excepted, which are computed.
func (e *encoding) characters() []string {
	var all []string
	add := func(char ...byte) {
		var next byte
		if len(char) > 1 {
			next = char[1]
		}
		if e.length(char[0], next) == len(char) && e.valid(char) {
			all = append(all, hex.EncodeToString(char))
		}
	}
	for a := 0x80; a < 0x100; a++ {
		add(byte(a))
		if e.length(byte(a), 0) == 1 {
			continue
		}
		for b := 1; b < 0x100; b++ {
			add(byte(a), byte(b))
			if e.length(byte(a), byte(b)) == 3 {
				for c := 0xa1; c < 0xff; c++ {
					add(byte(a), byte(b), byte(c))
				}
			}
		}
	}
	return all
}

func column(t testing.TB, conn *pgconn.PgConn, sql string, args ...string) []string {
	t.Helper()
	var values [][]byte
	for _, a := range args {
		values = append(values, []byte(a))
	}
	result := conn.ExecParams(context.Background(), sql, values, nil, nil, nil).Read()
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	out := make([]string, len(result.Rows))
	for i, r := range result.Rows {
		out[i] = string(r[0])
	}
	return out
}

func (d *decoder) hex(char string) string {
	b, _ := hex.DecodeString(char)
	r, ok := d.rune(b)
	if !ok {
		return ""
	}
	return hex.EncodeToString([]byte(string(r)))
}

func (c *encoder) hex(r rune) string {
	b, ok := c.append(nil, r)
	if !ok {
		return ""
	}
	return hex.EncodeToString(b)
}

func pick[T any](r interface{ IntN(int) int }, all []T, n int) []T {
	if len(all) <= n {
		return all
	}
	out := make([]T, n)
	for i := range out {
		out[i] = all[r.IntN(len(all))]
	}
	return out
}

func TestEncodingsConvertAsTheServerConverts(t *testing.T) {
	conn := needServer(t).connect(t)
	if _, err := conn.Exec(context.Background(), conversionFunctions).ReadAll(); err != nil {
		t.Fatal(err)
	}
	r := seeded()
	n := 400
	if *updateEncodings {
		n = 1 << 30
	}
	var lines []string
	for _, e := range allEncodings() {
		if *updateEncodings {
			e.exceptions = nil
		}
		d, c := e.newDecoder(), e.newEncoder()
		var found exceptionList
		chars := pick(r, e.characters(), n)
		var runes []string
		last := rune(0xffff)
		if e.length(0x81, 0x40) > 1 {
			last = 0x2ffff
		}
		for p := rune(0x80); p <= last; p++ {
			if utf8.ValidRune(p) {
				runes = append(runes, strconv.Itoa(int(p)))
			}
		}
		runes = pick(r, runes, n)
		if e.exceptions != nil {
			x := e.exceptions()
			for p := range x.encode {
				if r.IntN(4) == 0 {
					runes = append(runes, strconv.Itoa(int(p)))
				}
			}
			for b := range x.decode {
				if r.IntN(4) == 0 {
					chars = append(chars, hex.EncodeToString(appendBytesNumber(nil, b)))
				}
			}
		}
		for i, want := range column(t, conn, "SELECT try_from(b, $2) FROM unnest($1::text[]) b", "{"+strings.Join(chars, ",")+"}", e.name) {
			if got := d.hex(chars[i]); got != want {
				if !*updateEncodings {
					t.Errorf("%s %s is decoded as %q, want %q", e.name, chars[i], got, want)
				}
				b, _ := hex.DecodeString(chars[i])
				utf, _ := hex.DecodeString(want)
				p, _ := utf8.DecodeRune(utf)
				if want == "" {
					p = 0
				}
				found = append(found, exception{"<", bytesNumber(b), p})
			}
		}
		for i, want := range column(t, conn, "SELECT try_to(i, $2) FROM unnest($1::int[]) i", "{"+strings.Join(runes, ",")+"}", e.name) {
			p, _ := strconv.Atoi(runes[i])
			if got := c.hex(rune(p)); got != want {
				if !*updateEncodings {
					t.Errorf("%s U+%04X is encoded as %q, want %q", e.name, p, got, want)
				}
				b, _ := hex.DecodeString(want)
				found = append(found, exception{">", bytesNumber(b), rune(p)})
			}
		}
		lines = append(lines, found.lines(e.name)...)
	}
	if *updateEncodings {
		if err := os.WriteFile("encoding_exceptions.txt", []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

type exception struct {
	direction string
	bytes     uint32
	r         rune
}

type exceptionList []exception

// lines joins exceptions that follow one another.
func (l exceptionList) lines(name string) []string {
	var out []string
	step := func(first, next uint32, n int) bool {
		return first == 0 && next == 0 || first != 0 && next == first+uint32(n)
	}
	for i := 0; i < len(l); {
		n := 1
		for i+n < len(l) && l[i+n].direction == l[i].direction &&
			step(l[i].bytes, l[i+n].bytes, n) && step(uint32(l[i].r), uint32(l[i+n].r), n) {
			n++
		}
		out = append(out, fmt.Sprintf("%s %s %x %x %d", name, l[i].direction, l[i].bytes, l[i].r, n))
		i += n
	}
	return out
}

func TestTextIsConvertedToAndFromTheClientsEncoding(t *testing.T) {
	conn := needServer(t).connect(t)
	set := func(name string) *Settings {
		if _, err := conn.Exec(context.Background(), "SET client_encoding = '"+name+"'").ReadAll(); err != nil {
			t.Fatal(err)
		}
		s := new(Settings)
		if err := s.Set("client_encoding", name); err != nil {
			t.Fatal(err)
		}
		return s
	}
	inputs := []string{
		"plain", "caf\xe9", "\x80", "\x81", "\xa4", "\xff", "a\x00b", "\xe9\x00", "\xc3\xa9", "\x83\x5c", "\x82\xa0", "\xa4\xa2", "\x8e\xb1", "\x8f\xb0\xa1", "\x8f\xb0", "\xb1", "\xa1\x40", "\xb0\xa1", "\xb0", "\xb0\x20", "\xfd\xfe", "\x81\x30\x81\x30", "\x81\x30\x81", "\x81\x30\x81\x40", "\x90\x30\x81\x30", "\xa2\xe8", "\xe0\x00", "\xc9\xa1", "x\x8fz\xa1", "\x80\x80", "\xfe\xfe", "\xa0\xa0",
	}
	outputs := []string{"plain", "café", "€", "日本語", "Ж", "ש", "한", "😀", "\u0081", "\u00a5", "\u2225", "\uffe5", "あ", "ｱ", "\ue000", "é日", "\u301c", "\uff5e"}
	names := []string{"UTF8", "SQL_ASCII"}
	for _, e := range allEncodings() {
		names = append(names, e.name)
	}
	text := Type{OID: OIDText, Typmod: -1}
	for _, name := range names {
		s := set(name)
		for _, in := range inputs {
			for _, binary := range []bool{false, true} {
				v := Value{Data: []byte(in), OID: OIDText, Binary: binary}
				want := send(t, conn, v, "SELECT $1, textsend($1)")
				if want.code == "" {
					// The stored bytes; the answer is in the client's encoding again.
					want.binary = ""
				}
				got := answer{}
				canonical, err := text.AppendCanonical(nil, v, Assign, s)
				if err == nil {
					var out []byte
					if out, err = text.AppendText(nil, canonical, s); err == nil {
						got.text = string(out)
					}
				}
				if err != nil {
					got = errorAnswer(err)
				}
				if got != want {
					t.Errorf("%s %q (binary %t):\n got %v\nwant %v", name, in, binary, got, want)
				}
			}
		}
		for _, in := range outputs {
			want := send(t, conn, Value{Data: []byte(hex.EncodeToString([]byte(in))), OID: OIDText}, "SELECT convert_from(decode($1, 'hex'), 'UTF8'), convert_from(decode($1, 'hex'), 'UTF8')")
			got := answer{}
			asText, err := text.AppendText([]byte("prefix"), []byte(in), s)
			if err == nil {
				var asBinary []byte
				asBinary, err = text.AppendBinary([]byte("prefix"), []byte(in), s)
				got = answer{text: strings.TrimPrefix(string(asText), "prefix"), binary: strings.TrimPrefix(string(asBinary), "prefix")}
			}
			if err != nil {
				got = errorAnswer(err)
				if string(asText) != "prefix" {
					t.Errorf("%s %q: on error dst has become %q", name, in, asText)
				}
			}
			if got != want {
				t.Errorf("%s %q to the client:\n got %v\nwant %v", name, in, got, want)
			}
		}
	}
}

func TestAnUnknownEncodingIsRefusedWhereItMatters(t *testing.T) {
	for _, name := range []string{"EUC_TW", "JOHAB", "MULE_INTERNAL", "nonsense"} {
		var s Settings
		if err := s.Set("CLIENT_ENCODING", name); err != nil {
			t.Fatal(err)
		}
		if _, err := (Type{OID: OIDText, Typmod: -1}).AppendCanonical(nil, Value{Data: []byte("abc")}, Assign, &s); errorAnswer(err).code != codeFeatureNotSupported {
			t.Errorf("%s: error %v, want a refusal", name, err)
		}
		if _, err := (Type{OID: OIDText, Typmod: -1}).AppendText(nil, []byte("abc"), &s); errorAnswer(err).code != codeFeatureNotSupported {
			t.Errorf("%s: error %v, want a refusal", name, err)
		}
		if _, err := (Type{OID: OIDInt4, Typmod: -1}).AppendCanonical(nil, Value{Data: []byte{0, 0, 0, 7}, Binary: true}, Assign, &s); err != nil {
			t.Errorf("%s: binary integers do not depend on it: %v", name, err)
		}
	}
}

func TestADatabaseOfAnotherEncodingIsRefused(t *testing.T) {
	var s Settings
	if err := s.Set("server_encoding", "LATIN1"); err != nil {
		t.Fatal(err)
	}
	if _, err := (Type{OID: OIDText, Typmod: -1}).AppendCanonical(nil, Value{Data: []byte("abc")}, Assign, &s); errorAnswer(err).code != codeFeatureNotSupported {
		t.Errorf("error %v, want a refusal", err)
	}
}
