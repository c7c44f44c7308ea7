package integration

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// What a cast, or an assignment, prints of a number or of bytes depends on settings that
// the server does not report.
func TestTextsOfFloatsAndBytesDependOnSettings(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: "CREATE TABLE texts (id int, t text)", Seal: []string{"public.texts.t --equality"}})
	const number, bytes = "0.30000000000000004", "\\x41ff"
	pair.Same(t,
		S("SET extra_float_digits = 0"), S("SET bytea_output = 'escape'"),
		S("INSERT INTO texts VALUES (1, $1::float8::text), (2, '"+number+"'::float8::text), (3, $2::bytea::text)", number, bytes),
		S("SELECT t FROM texts ORDER BY id"),
		S("SELECT id FROM texts WHERE t = $1::float8::text OR t = $2::bytea::text ORDER BY id", number, bytes),
		S("RESET ALL"),
		S("SELECT id FROM texts WHERE t = $1::float8::text OR t = '0.3' ORDER BY id", number),
		S("INSERT INTO texts VALUES (4, $1::float8::text), (5, $2::bytea::text)", number, bytes),
		S("SELECT t FROM texts ORDER BY id"))
	// The driver says what the values are, and PostgreSQL makes texts of them.
	for _, setting := range []string{"extra_float_digits = 0", "extra_float_digits = 3", "bytea_output = 'escape'"} {
		var answers [2]string
		for i, url := range []string{pair.TwinURL(), pair.URL()} {
			conn := raw(t, url)
			if err := conn.Exec(t.Context(), "DELETE FROM texts; SET "+setting).Close(); err != nil {
				t.Fatal(err)
			}
			r := conn.ExecParams(context.WithoutCancel(t.Context()), "INSERT INTO texts VALUES (1, $1), (2, $2) RETURNING t", [][]byte{[]byte(number), []byte(bytes)}, []uint32{701, 17}, nil, nil).Read()
			answers[i] = texts(r)
		}
		if answers[0] != answers[1] {
			t.Errorf("%s: %s, not %s", setting, answers[1], answers[0])
		}
	}
}

func texts(r *pgconn.Result) (all string) {
	for _, row := range r.Rows {
		all += string(row[0]) + "; "
	}
	if r.Err != nil {
		return r.Err.Error()
	}
	return all
}
