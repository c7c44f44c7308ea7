package logical

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// send asks the server for a parameter as it is, in text and binary.
func send(t testing.TB, conn *pgconn.PgConn, v Value, sql string) answer {
	t.Helper()
	format := int16(0)
	if v.Binary {
		format = 1
	}
	result := conn.ExecParams(context.Background(), sql, [][]byte{v.Data}, []uint32{v.OID}, []int16{format}, []int16{0, 1}).Read()
	if result.Err != nil {
		var e *pgconn.PgError
		if !errors.As(result.Err, &e) {
			t.Fatal(result.Err)
		}
		return answer{code: e.Code, message: strings.TrimSuffix(e.Message, " in bind parameter 1"), detail: e.Detail, hint: e.Hint}
	}
	return answer{text: string(result.Rows[0][0]), binary: string(result.Rows[0][1])}
}

func binaryInputs(r *rand.Rand, typ Type, n int) [][]byte {
	var good [][]byte
	for _, in := range samples[typ.OID] {
		if canonical, err := typ.AppendCanonical(nil, Value{Data: []byte(in)}, Assign, nil); err == nil {
			good = append(good, append([]byte{}, canonical...)) // nil would be NULL
		}
	}
	inputs := append([][]byte{{}, {0}, {1}, {2}, {1, '1'}, {0, '1'}, {0xff}}, good...)
	if typ.OID == OIDNumeric {
		for _, fields := range [][]uint16{
			{1, 0, 0, 0, 10000}, {1, 0, 0, 0, 0xffff}, {1, 0, 0x8000, 0, 1}, {1, 0, 0, 0x4000, 1}, {1, 0, 0, 0x3fff, 1}, {2, 0, 0, 0, 1, 5000}, {2, 0, 0, 2, 1, 5678},
			{3, 2, 0x4000, 0, 0, 0, 7}, {2, 5, 0, 0, 0, 0}, {0, 9, 0x4000, 3}, {1, 0, 0xc000, 3, 1}, {1, 7, 0xd000, 3, 1}, {0, 0, 0xf000, 0}, {1, 0xffff, 0, 4, 1}, {1, 0xffff, 0, 3, 19}, {1, 0x7fff, 0, 0, 1}, {1, 0x8000, 0, 0x3fff, 1}, {0xffff, 0, 0, 0}, {1, 0xfffe, 0, 0, 1}, {4, 1, 0, 1, 12, 3456, 7891, 2345},
		} {
			var b []byte
			for _, f := range fields {
				b = binary.BigEndian.AppendUint16(b, f)
			}
			inputs = append(inputs, b)
		}
	}
	for range n {
		b := append([]byte{}, good[r.IntN(len(good))]...)
		switch r.IntN(4) {
		case 0:
			b = b[:r.IntN(len(b)+1)]
		case 1:
			b = append(b, byte(r.IntN(256)))
		default:
			for range 1 + r.IntN(3) {
				if len(b) > 0 {
					b[r.IntN(len(b))] = byte(r.IntN(256))
				}
			}
		}
		inputs = append(inputs, b)
	}
	return inputs
}

func TestBinaryValuesAreReadAndWrittenAsByTheServer(t *testing.T) {
	conn := needServer(t).connect(t)
	r := seeded()
	for _, oid := range allTypes {
		typ := Type{OID: oid, Typmod: -1}
		sql := "SELECT $1, $1"
		for _, in := range binaryInputs(r, typ, 150) {
			v := Value{Data: in, Binary: true, OID: oid}
			want := send(t, conn, v, sql)
			if len(want.text) > 100000 {
				continue // numbers of that length are compared as text
			}
			got := askValue(typ, v, Assign, nil)
			// The names of types that no column can have are not known here.
			unnamed := got.code == codeDatatypeMismatch && strings.Contains(got.message, "???") && want.code == got.code
			if got != want && !unnamed {
				t.Errorf("%s %x:\n got %v\nwant %v", typ.Name(), in, got, want)
			}
		}
	}
}

func TestTextWithBytesThatAreNoCharactersIsRefusedAsByTheServer(t *testing.T) {
	conn := needServer(t).connect(t)
	inputs := []string{
		"a\xff", "\xc3", "\xc3(", "\xe2\x82", "\xe2(\xa1", "\xf0\x9f\x98", "\xf0\x9f\x98\x80", "\xed\xa0\x80", "\xc0\x80", "\xe0\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80",
		"é\x80", "ok é \xe9 x", "a\x00b", "\x00", "\x80", "\xfe\xfe", "\xef\xbf\xbf", "\xc3\x00", "\xf0\x9f", "\xe9",
	}
	for _, typ := range []Type{{OID: OIDText, Typmod: -1}, {OID: OIDVarchar, Typmod: -1}, {OID: OIDBpchar, Typmod: -1}, {OID: OIDInt4, Typmod: -1}, {OID: OIDJSON, Typmod: -1}, {OID: OIDJSONB, Typmod: -1}, {OID: OIDBytea, Typmod: -1}} {
		for _, binary := range []bool{false, true} {
			if binary && familyOf(typ.OID) != familyText {
				continue
			}
			for _, in := range inputs {
				v := Value{Data: []byte(in), Binary: binary, OID: typ.OID}
				if want, got := send(t, conn, v, "SELECT $1, $1"), askValue(typ, v, Assign, nil); got != want {
					t.Errorf("%s %q:\n got %v\nwant %v", typ.Name(), in, got, want)
				}
			}
		}
	}
}

func TestNamesAreCutAsByTheServer(t *testing.T) {
	conn := needServer(t).connect(t)
	for _, in := range []string{"a", strings.Repeat("x", 63), strings.Repeat("x", 64), strings.Repeat("é", 32), "x" + strings.Repeat("é", 32), strings.Repeat("😀", 16)} {
		for _, binary := range []bool{false, true} {
			v := Value{Data: []byte(in), Binary: binary, OID: OIDName}
			want := send(t, conn, v, "SELECT $1::text, $1::text")
			if got := askValue(Type{OID: OIDText, Typmod: -1}, v, Assign, nil); got != want {
				t.Errorf("%q binary %t:\n got %v\nwant %v", in, binary, got, want)
			}
		}
	}
}
