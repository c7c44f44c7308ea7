package integration

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// COPY of a table with sealed columns: values sealed and opened, or refused.
func TestCopyIsExactOrRefused(t *testing.T) {
	pair := harness.New(t, people)
	c := pair.Compare(t, harness.Simple)
	for _, step := range filled(pair.Env.Canaries) {
		c.Step(step)
	}
	twin, sealed := raw(t, pair.TwinURL()), raw(t, pair.URL())
	for _, sql := range []string{
		"COPY plain TO STDOUT", "COPY people TO STDOUT", "COPY people (id, ssn) TO STDOUT WITH (FORMAT csv, HEADER)",
		"COPY (SELECT ssn FROM people ORDER BY id) TO STDOUT", "COPY people TO STDOUT (FORMAT binary)",
	} {
		var got, want bytes.Buffer
		_, err := sealed.CopyTo(t.Context(), &got, sql)
		if refusedClearly(t, sql, err) {
			continue
		}
		if _, err := twin.CopyTo(t.Context(), &want, sql); err != nil {
			t.Fatal(err)
		}
		if got.String() != want.String() {
			t.Errorf("%s:\n%s\nwant\n%s", sql, got.String(), want.String())
		}
	}
	word := pair.Env.Canaries.Word()
	for sql, data := range map[string]string{
		"COPY plain FROM STDIN":                    "100\tx\t1\n101\t\\N\t2\n",
		"COPY people (id, name, ssn) FROM STDIN":   "90\tcopied\t" + word + "\n",
		"COPY people (id, name) FROM STDIN":        "91\tcopied\n",
		"COPY orders FROM STDIN (FORMAT csv)":      "92,,1.5," + word + "\n",
		"COPY people (id, ssn) FROM STDIN BINARY ": "",
	} {
		_, err := sealed.CopyFrom(t.Context(), strings.NewReader(data), sql)
		if err != nil {
			if !refusedClearly(t, sql, err) {
				_, twinErr := twin.CopyFrom(t.Context(), strings.NewReader(data), sql)
				if twinErr == nil {
					t.Errorf("%s: %v", sql, err)
				}
			}
			continue
		}
		if _, err := twin.CopyFrom(t.Context(), strings.NewReader(data), sql); err != nil {
			t.Errorf("%s: only the plain side fails: %v", sql, err)
		}
	}
	for _, sql := range []string{"SELECT * FROM plain ORDER BY id", "SELECT * FROM people ORDER BY id", "SELECT * FROM orders ORDER BY id"} {
		c.Step(S(sql))
	}
}

func raw(t *testing.T, url string) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// refusedClearly reports whether an error is a refusal of pgseal's, which must
// carry a hint.
func refusedClearly(t *testing.T, sql string, err error) bool {
	t.Helper()
	pgErr := new(pgconn.PgError)
	if !errors.As(err, &pgErr) || pgErr.Code != "0A000" {
		return false
	}
	if pgErr.Hint == "" {
		t.Errorf("%s: refused without a hint: %s", sql, pgErr.Message)
	}
	return true
}
