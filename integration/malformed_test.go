package integration

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"pgseal/integration/harness"
)

// Frames that have not the form of their types fail as in PostgreSQL, and the session goes
// on, whether there are values for sealed columns in them or not.
func TestMalformedFrames(t *testing.T) {
	pair := harness.New(t, people)
	twin, sealed := raw(t, pair.TwinURL()), raw(t, pair.URL())
	value := func(s string) string { return string(binary.BigEndian.AppendUint32(nil, uint32(len(s)))) + s }
	both := func(frames ...string) {
		t.Helper()
		want, got := answersTo(t, twin, frames), answersTo(t, sealed, frames)
		if want != got {
			t.Errorf("%q:\nplain:\n%s\nsealed:\n%s", frames, want, got)
		}
	}
	both("QSET log_parameter_max_length_on_error = 0\x00") // the sealed server shows them, to be searched
	for sql, w := range map[string]string{
		"SELECT id, ssn FROM people WHERE ssn = $1 AND id = $2":   pair.Env.Canaries.Text(),
		"SELECT id, name FROM people WHERE name = $1 AND id = $2": "nothing sealed",
	} {
		parse := "P\x00" + sql + "\x00\x00\x00"
		both("P" + sql)
		both("P\x00" + sql + "\x00\x00\x01")
		both(parse + "\x00")
		both("Q" + sql)
		for _, begin := range []string{"S", "QBEGIN\x00"} {
			for _, bind := range []string{
				"B", "B\x00", "B\x00\x00", "B\x00\x00\x00\x01", "B\x00\x00\x00\x00\x00\x02",
				"B\x00\x00\x00\x00\x00\x02" + value(w), "B\x00\x00\x00\x00\x00\x02" + value(w) + "\x00\x00\x00\x021",
				"B\x00\x00\x00\x00\x00\x02" + value(w) + value("1"), "B\x00\x00\x00\x00\x00\x02" + value(w) + value("x"),
				"B\x00\x00\x00\x00\x00\x02" + value(w) + value("1") + "\x00\x01", "B\x00\x00\x00\x00\x00\x02" + value(w) + value("1") + "\x00\x00" + w,
				"B\x00\x00\x00\x01\x00\x02\x00\x02" + value(w) + value("1") + "\x00\x00",
			} {
				both(begin, parse, bind, "E\x00\x00\x00\x00\x00", "S")
				both(begin, "QROLLBACK\x00")
			}
		}
		for _, frame := range []string{"D", "DS", "Dx\x00", "DS\x00\x00", "C", "CP", "Cx\x00", "CP\x00\x00", "E", "E\x00\x00", "E\x00\x00\x00\x00\x00\x00", "H\x00"} {
			both(parse, frame, "DS\x00", "S")
		}
		both(parse, "S\x00")
	}
}

// answersTo sends frames, of which only the lengths are missing, and gives what comes back
// for them and a Sync.
func answersTo(t *testing.T, conn *pgconn.PgConn, frames []string) string {
	t.Helper()
	var b []byte
	ready := 0
	for _, f := range append(frames, "S") {
		b = binary.BigEndian.AppendUint32(append(b, f[0]), uint32(4+len(f)-1))
		b = append(b, f[1:]...)
		if f[0] == 'S' || f[0] == 'Q' {
			ready++
		}
	}
	if _, err := conn.Conn().Write(b); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for ready > 0 {
		m, err := conn.Frontend().Receive()
		if err != nil {
			t.Fatalf("%q: %v", frames, err)
		}
		switch m := m.(type) {
		case *pgproto3.RowDescription:
			for _, f := range m.Fields {
				fmt.Fprintf(&out, "%s %d ", f.Name, f.DataTypeOID)
			}
		case *pgproto3.ErrorResponse:
			fmt.Fprintf(&out, "%s %s %s %q", m.Severity, m.Code, m.Message, m.Where)
		case *pgproto3.ReadyForQuery:
			fmt.Fprintf(&out, "%c", m.TxStatus)
			ready--
		default:
			fmt.Fprintf(&out, "%T %v", m, m)
		}
		out.WriteByte('\n')
	}
	return out.String()
}
