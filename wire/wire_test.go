package wire

import (
	"bytes"
	"errors"
	"testing"
)

func bind(portal, statement string, params ...[]byte) []byte {
	body := AppendCString(nil, portal)
	body = AppendCString(body, statement)
	body = AppendInt16(AppendCount(body, 1), Binary)
	body = AppendCount(body, len(params))
	for _, p := range params {
		body = AppendValue(body, p)
	}
	return AppendCount(body, 0)
}

func TestPeekRefusesLengthsNoMessageCanHave(t *testing.T) {
	for _, l := range []uint32{0, 1, 2, 3, MaxFrame, 0x7fffffff, 0x80000000, 0xffffffff} {
		b := AppendOID([]byte{'Q'}, l)
		if _, _, err := Peek(b); !errors.Is(err, ErrLength) {
			t.Errorf("length %#x: error %v, want ErrLength", l, err)
		}
	}
	if _, size, err := Peek(AppendOID([]byte{'Q'}, MaxFrame-1)); err != nil || size != MaxFrame {
		t.Errorf("largest frame: %d, %v", size, err)
	}
	if _, size, err := Peek([]byte{'Q', 0, 0, 0}); size != 0 || err != nil {
		t.Errorf("half a header: %d, %v; want to be told to wait", size, err)
	}
}

func TestBindValuesKeepNullAndEmptyApart(t *testing.T) {
	m, err := ParseBind(bind("p", "s", nil, []byte{}, []byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	it := m.Params.Iter()
	for i, want := range []string{"NULL", "", "x"} {
		v, ok := it.Next()
		got := string(v)
		if v == nil {
			got = "NULL"
		}
		if !ok || got != want {
			t.Errorf("value %d: %q, %v; want %q", i, got, ok, want)
		}
	}
	if _, ok := it.Next(); ok {
		t.Error("a fourth value out of three")
	}
}

// The lengths of GO-2026-4518 and their kin: negative, and past the end.
func TestValueLengthsFromTheWireAreChecked(t *testing.T) {
	for _, l := range []int32{-2, -2147483648, 2147483647, 5} {
		body := AppendCount(nil, 1)
		body = AppendInt32(body, l)
		body = append(body, "four"...)
		if _, err := ParseDataRow(body); err == nil {
			t.Errorf("DataRow value of length %d accepted", l)
		}
		b := append([]byte{0, 0, 0, 0}, body...)
		if _, err := ParseBind(append(b, 0, 0)); err == nil {
			t.Errorf("Bind parameter of length %d accepted", l)
		}
	}
}

func TestParsersAllocateNothing(t *testing.T) {
	row := AppendCount(nil, 3)
	for _, v := range [][]byte{nil, {}, []byte("abc")} {
		row = AppendValue(row, v)
	}
	bound := bind("", "stmt", []byte("a"), nil)
	field := Field{Name: []byte("id"), Table: 7, AttNum: 1, Type: 23, TypLen: 4, TypMod: -1}
	described := field.Append(AppendCount(nil, 1))
	var sum int
	if n := testing.AllocsPerRun(100, func() {
		v, _ := ParseDataRow(row)
		for it := v.Iter(); ; {
			c, ok := it.Next()
			if !ok {
				break
			}
			sum += len(c)
		}
		m, _ := ParseBind(bound)
		sum += m.Params.Len()
		fs, _ := ParseRowDescription(described)
		var f Field
		for it := fs.Iter(); it.Next(&f); {
			sum += int(f.Type)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func TestErrorShowsOnlyWhatItHas(t *testing.T) {
	b := (&Error{Code: "0A000", Message: "no", Hint: "do", Position: 7}).Append(nil)
	f, err := ParseErrorFields(b[HeaderLen:])
	if err != nil {
		t.Fatal(err)
	}
	for code, want := range map[byte]string{'S': "ERROR", 'V': "ERROR", 'C': "0A000", 'M': "no", 'H': "do", 'P': "7", 'D': ""} {
		if got := string(f.Get(code)); got != want {
			t.Errorf("field %c: %q, want %q", code, got, want)
		}
	}
}

// What parses encodes again to the same bytes; everything else is an error.
func FuzzRoundTrip(f *testing.F) {
	f.Add(byte('B'), bind("p", "s", nil, []byte{}, []byte("x")))
	f.Add(byte('D'), AppendValue(AppendCount(nil, 1), []byte("abc")))
	f.Add(byte('P'), append(AppendCString(AppendCString(nil, "n"), "SELECT 1"), 0, 1, 0, 0, 0, 23))
	field := Field{Name: []byte("id"), Table: 7, AttNum: 1, Type: 23, TypLen: 4, TypMod: -1, Format: 1}
	f.Add(byte('T'), field.Append(AppendCount(nil, 1)))
	f.Add(byte('E'), (&Error{Code: "0A000", Message: "no"}).Append(nil)[HeaderLen:])
	f.Add(byte('e'), AppendExecute(nil, "p", 10)[HeaderLen:])
	f.Add(byte('t'), []byte{0, 1, 0, 0, 0, 23})
	f.Add(byte('d'), []byte("Sname\x00"))
	f.Add(byte('Q'), []byte("SELECT 1\x00"))
	f.Fuzz(func(t *testing.T, typ byte, body []byte) {
		var again []byte
		switch typ {
		case 'B':
			m, err := ParseBind(body)
			if err != nil {
				return
			}
			again = m.Append(nil)
			portal, statement, ok := BindNames(body)
			if !ok || !bytes.Equal(portal, m.Portal) || !bytes.Equal(statement, m.Statement) {
				t.Fatal("BindNames differs from ParseBind")
			}
			walk(t, m.Params)
		case 'D':
			v, err := ParseDataRow(body)
			if err != nil {
				return
			}
			again = AppendDataRow(nil, v)
			walk(t, v)
		case 'P':
			m, err := ParseParse(body)
			if err != nil {
				return
			}
			again = m.Append(nil)
		case 'T':
			fs, err := ParseRowDescription(body)
			if err != nil {
				return
			}
			b, start := Begin(nil, 'T')
			b = AppendCount(b, fs.Len())
			var fd Field
			for it := fs.Iter(); it.Next(&fd); {
				b = fd.Append(b)
			}
			again = End(b, start)
		case 'E':
			m, err := ParseErrorFields(body)
			if err != nil {
				return
			}
			b, start := Begin(nil, 'E')
			for it := m.Iter(); ; {
				code, value := it.Next()
				if code == 0 {
					break
				}
				b = AppendErrorField(b, code, value)
			}
			again = End(append(b, 0), start)
		case 'e':
			m, err := ParseExecute(body)
			if err != nil {
				return
			}
			again = AppendExecute(nil, m.Portal, m.MaxRows)
		case 't':
			m, err := ParseParameterDescription(body)
			if err != nil {
				return
			}
			b, start := Begin(nil, 't')
			again = End(m.Append(b), start)
		case 'd':
			m, err := ParseTarget(body)
			if err != nil {
				return
			}
			again = AppendTarget(nil, 'D', m.Kind, m.Name)
		case 'Q':
			m, err := ParseQuery(body)
			if err != nil {
				return
			}
			again = AppendQuery(nil, m)
		default:
			return
		}
		if !bytes.Equal(again[HeaderLen:], body) {
			t.Fatalf("type %c: %x encodes again as %x", typ, body, again[HeaderLen:])
		}
		if _, size, err := Peek(again); err != nil || size != len(again) {
			t.Fatalf("frame of %d bytes says %d, %v", len(again), size, err)
		}
	})
}

func walk(t *testing.T, v Values) {
	n := 0
	for it := v.Iter(); ; n++ {
		if _, ok := it.Next(); !ok {
			break
		}
	}
	if n != v.Len() {
		t.Fatalf("%d values, count says %d", n, v.Len())
	}
}
