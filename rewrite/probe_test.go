package rewrite

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgseal/catalog"
)

// probedSnapshot is that of the fixture with the names of its logical types.
func probedSnapshot() *catalog.Snapshot {
	snap := testSnapshot()
	for id := uint32(1); snap.Column(id) != nil; id++ {
		c := snap.Column(id)
		c.Domain = 18000 + id
		snap.Shown().Types = append(snap.Shown().Types, catalog.ShownType{Domain: c.Domain, Name: "t" + c.Name})
	}
	return snap
}

// checkProbe fails for a probe with a string in it.
func checkProbe(t *testing.T, err error, text string) {
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		return
	}
	b, ok := refusal.BindProbe(&Scratch{}, []byte(text))
	if !ok {
		return
	}
	out, err := b.AppendSQL(nil, nil)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	l := lexer{text: out}
	for k, ok := l.next(); ok; k, ok = l.next() {
		if k.kind.isString() {
			t.Fatalf("%q: the probe has a string: %q", text, out)
		}
	}
}

// A probe has none of the literals of the text that it stands for, and is that text
// else.
func TestProbes(t *testing.T) {
	snap := probedSnapshot()
	const users = `(SELECT "id", "name", NULL::tssn AS "ssn", NULL::temail AS "email", NULL::tbio AS "bio", NULL::tage AS "age", NULL::tactive AS "active" FROM`
	for sql, want := range map[string]string{
		"SELECT upper(ssn), nosuch(age, 1, 1.5, 3000000000, 'x') FROM ONLY users WHERE active = true AND (name = 'x') IS NOT TRUE":               `SELECT upper(ssn), nosuch(age, NULL::pg_catalog.int4, NULL::pg_catalog.numeric, NULL::pg_catalog.int8, NULL) FROM ` + users + ` ONLY users) AS "users" WHERE active = NULL::pg_catalog.bool AND (name = NULL) IS NOT TRUE`,
		"SELECT ssn || $1::varchar(5) FROM public.users AS u(a, b), orders * JOIN v_users USING (id) WHERE b = -5 GROUP BY 1 ORDER BY 2 LIMIT 7": `SELECT ssn || $1::varchar(5) FROM ` + users + ` public.users) AS u(a, b), (SELECT "id", "user_id", "total", "note", NULL::tcard AS "card" FROM orders *) AS "orders" JOIN (SELECT "id", NULL::tssn AS "ssn" FROM v_users) AS "v_users" USING (id) WHERE b = -NULL::pg_catalog.int4 GROUP BY 1 ORDER BY 2 LIMIT NULL::pg_catalog.int4`,
		"SELECT upper(ssn) FROM users WHERE date '2001-01-01' < now() OR email LIKE E'x\\y' OR name = $$q$$ OR name = U&'x' UESCAPE '!'":         "",
		"SELECT upper(ssn) FROM users WHERE now() < date '2001-01-01'":                                                                           "",
		"SELECT upper(ssn) FROM users UNION SELECT B'101', X'ff', 'a' 'b'":                                                                       "",
		"SELECT upper(ssn), x'1f', b'1' FROM users WHERE name = 'a'\n'b'":                                                                        `SELECT upper(ssn), NULL::pg_catalog.bit, NULL::pg_catalog.bit FROM ` + users + ` users) AS "users" WHERE name = NULL`,
		"SELECT upper(ssn), ctid FROM users":                                      "",
		"SELECT upper(public.users.ssn) FROM users":                               "",
		"WITH orders AS (SELECT 1) SELECT upper(ssn) FROM users":                  "",
		"WITH q AS (DELETE FROM orders RETURNING 1) SELECT upper(ssn) FROM users": "",
		"UPDATE users SET name = upper(ssn)":                                      "",
		"SELECT upper(ssn) FROM users; SELECT 1":                                  "",
	} {
		t.Run(sql, func(t *testing.T) {
			_, err := NewPlanner(1).Plan(&Scratch{}, Request{Snapshot: snap, Text: []byte(sql), Mode: Extended})
			var refusal *Refusal
			if !errors.As(err, &refusal) {
				t.Fatal(err)
			}
			b, ok := refusal.BindProbe(&Scratch{}, []byte(sql))
			got := ""
			if ok {
				text, err := b.AppendSQL(nil, nil)
				if err != nil {
					t.Fatal(err)
				}
				got = string(bytes.TrimSpace(text))
			}
			if got != strings.TrimSpace(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}
