package session

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"pgseal/envelope"
	"pgseal/wire"
)

// show prints a frame as the script would write it.
func (r *scripted) show(b []byte, server bool) string {
	typ, body := b[0], b[wire.HeaderLen:]
	if server {
		return r.showClient(typ, body)
	}
	return r.showServer(typ, body)
}

func (r *scripted) showClient(typ byte, body []byte) string {
	switch typ {
	case 'Q':
		text, _ := wire.ParseQuery(body)
		return "Query " + r.quoteSQL(text)
	case 'P':
		m, err := wire.ParseParse(body)
		if err != nil {
			r.t.Fatal(err)
		}
		var types []string
		for i := range m.Types.Len() {
			types = append(types, strconv.Itoa(int(m.Types.At(i))))
		}
		return fmt.Sprintf("Parse %q %s %s", m.Name, r.quoteSQL(m.Query), list(types))
	case 'B':
		m, err := wire.ParseBind(body)
		if err != nil {
			r.t.Fatal(err)
		}
		s := fmt.Sprintf("Bind %q %q %s %s", m.Portal, m.Statement, codes(m.ParamFormats), codes(m.ResultFormats))
		return s + r.showValues(m.Params)
	case 'D', 'C':
		m, _ := wire.ParseTarget(body)
		return fmt.Sprintf("%s %c %q", map[byte]string{'D': "Describe", 'C': "Close"}[typ], m.Kind, m.Name)
	case 'E':
		m, _ := wire.ParseExecute(body)
		return fmt.Sprintf("Execute %q %d", m.Portal, m.MaxRows)
	case 'S', 'H', 'X', 'c':
		return map[byte]string{'S': "Sync", 'H': "Flush", 'X': "Terminate", 'c': "CopyDone"}[typ]
	case 'F':
		return "FunctionCall"
	case 'd':
		return fmt.Sprintf("CopyData %q", body)
	case 'f':
		return fmt.Sprintf("CopyFail %q", body[:len(body)-1])
	}
	return fmt.Sprintf("frame %c %x", typ, body)
}

func (r *scripted) showServer(typ byte, body []byte) string {
	for name, t := range bodiless {
		if t == typ && len(body) == 0 {
			return name
		}
	}
	switch typ {
	case 'T':
		fields, err := wire.ParseRowDescription(body)
		if err != nil {
			r.t.Fatal(err)
		}
		s := "RowDescription"
		var f wire.Field
		for it := fields.Iter(); it.Next(&f); {
			s += fmt.Sprintf(" %s:%d:%d:%d:%d:%d:%d", f.Name, f.Table, f.AttNum, f.Type, f.TypLen, f.TypMod, f.Format)
		}
		return s
	case 'D':
		v, err := wire.ParseDataRow(body)
		if err != nil {
			r.t.Fatal(err)
		}
		return "DataRow" + r.showValues(v)
	case 'C':
		tag, _ := wire.ParseCommandComplete(body)
		return fmt.Sprintf("CommandComplete %q", tag)
	case 'Z':
		return "ReadyForQuery " + string(body)
	case 't':
		oids, _ := wire.ParseParameterDescription(body)
		var types []string
		for i := range oids.Len() {
			types = append(types, strconv.Itoa(int(oids.At(i))))
		}
		return "ParameterDescription " + list(types)
	case 'E', 'N':
		fields, err := wire.ParseErrorFields(body)
		if err != nil {
			r.t.Fatal(err)
		}
		s := map[byte]string{'E': "ErrorResponse", 'N': "NoticeResponse"}[typ]
		s += fmt.Sprintf(" %s %q", fields.Get('C'), fields.Get('M'))
		for it := fields.Iter(); ; {
			code, value := it.Next()
			if code == 0 {
				return s
			}
			if !strings.ContainsRune("SVCM", rune(code)) {
				s += " " + strconv.Quote(string(code)+":"+string(value))
			}
		}
	case 'S':
		name, value, _ := wire.ParseParameterStatus(body)
		return fmt.Sprintf("ParameterStatus %s %q", name, value)
	case 'd':
		return fmt.Sprintf("CopyData %q", body)
	case 'G', 'H':
		return map[byte]string{'G': "CopyInResponse", 'H': "CopyOutResponse"}[typ]
	case 'A':
		return "NotificationResponse"
	}
	return fmt.Sprintf("frame %c %x", typ, body)
}

func list(words []string) string {
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, ",")
}

func codes(f wire.Int16s) string {
	var out []string
	for i := range f.Len() {
		out = append(out, strconv.Itoa(int(f.At(i))))
	}
	return list(out)
}

func (r *scripted) showValues(v wire.Values) (s string) {
	for it := v.Iter(); ; {
		b, ok := it.Next()
		if !ok {
			return s
		}
		s += " " + r.showValue(b)
	}
}

// showValue recognises what the session has sealed.
func (r *scripted) showValue(b []byte) string {
	if b == nil {
		return "NULL"
	}
	if s, ok := r.showSealed(b); ok {
		return s
	}
	if bytes.HasPrefix(b, []byte("\x00\x00\x00\x01\x00\x00\x00")) && len(b) > 20 && binary.BigEndian.Uint32(b[8:]) == 17 {
		var elements []string
		for rest := b[20:]; len(rest) >= 4; {
			n := int32(binary.BigEndian.Uint32(rest))
			rest = rest[4:]
			if n < 0 {
				elements = append(elements, "NULL")
				continue
			}
			elements = append(elements, r.showValue(rest[:n]))
			rest = rest[n:]
		}
		return "array(" + strings.Join(elements, " ") + ")"
	}
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return fmt.Sprintf("0x%x", b)
		}
	}
	return strconv.Quote(string(b))
}

func (r *scripted) showSealed(b []byte) (string, bool) {
	if h, err := envelope.Parse(b); err == nil {
		for _, c := range testColumns() {
			if c.ID != h.ColumnID || r.clear[h.KeyID] == nil {
				continue
			}
			plain, err := r.clear[h.KeyID].Open(nil, c.ID, b)
			if err != nil {
				continue
			}
			text, err := c.Type.AppendText(nil, plain, nil)
			if err != nil {
				continue
			}
			if c.Terms != 0 && !bytes.Equal(envelope.Equality(b), r.term(c, string(text))) {
				r.t.Fatal("an envelope with another value's term")
			}
			return fmt.Sprintf("env(%s, %s)", c.Name, text), true
		}
		return "", false
	}
	if len(b) == envelope.EqualitySize {
		for _, c := range testColumns() {
			for _, text := range []string{"123-45-6789", "000-00-0001", "7", "42", ""} {
				if c.Terms == 0 || text == "" && c.Name != "ssn" || c.Name == "score" && len(text) > 2 {
					continue
				}
				if bytes.Equal(b, r.term(c, text)) {
					return fmt.Sprintf("term(%s, %s)", c.Name, text), true
				}
			}
		}
	}
	return "", false
}

var sqlBytea = regexp.MustCompile(`\\\\x([0-9a-f]+)`)

// quoteSQL quotes a text with what was sealed in it written as in a script.
func (r *scripted) quoteSQL(text []byte) string {
	shown := sqlBytea.ReplaceAllFunc(text, func(m []byte) []byte {
		b, err := hex.DecodeString(string(m[3:]))
		if err != nil {
			return m
		}
		if s, ok := r.showSealed(b); ok {
			return []byte("<" + s + ">")
		}
		return m
	})
	return strconv.Quote(string(shown))
}
