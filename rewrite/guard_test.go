package rewrite

import (
	"strings"
	"testing"

	"pgseal/catalog"
)

// guardedSnapshot is the tests' snapshot with the names of the domains.
func guardedSnapshot() *catalog.Snapshot {
	s := testSnapshot()
	for _, r := range s.Relations() {
		for i := range r.Columns {
			if c := r.Columns[i].Sealed; c != nil {
				c.DomainName = c.Table + "_" + c.Name
			}
		}
		r.Homonym = r.Name == "orders"
	}
	return s
}

const (
	guardSSN   = `pgseal.same_type((NULL::"users")."ssn", NULL::pgseal_column."users_ssn")`
	guardEmail = `pgseal.same_type((NULL::"users")."email", NULL::pgseal_column."users_email")`
)

const places = `WITH pgseal_moved AS (SELECT (SELECT COALESCE(pgseal.same_type(pgseal_3, NULL::pgseal_column."users_ssn")) FROM "users" AS pgseal_moved (pgseal_1, pgseal_2, pgseal_3))) `

func TestTextsSayWhatTheyWerePlannedFor(t *testing.T) {
	for _, c := range []struct {
		mode      Mode
		sql, want string
	}{
		{Simple, "SELECT ssn FROM users", "SELECT ssn FROM users"},
		{Simple, "UPDATE users SET ssn = NULL", "UPDATE users SET ssn = NULL"},
		{Simple, "INSERT INTO users (ssn, email) VALUES ('a','b')", "INSERT INTO users (ssn, email) VALUES ((COALESCE(‹ssn›, " + guardSSN + ")),‹email›)"},
		{Extended, "INSERT INTO users (ssn, email) VALUES ($1, $2)",
			"INSERT INTO users (ssn, email) VALUES ((COALESCE($1::pg_catalog.bytea, " + guardSSN + ", " + guardEmail + ")), $2::pg_catalog.bytea)"},
		{Simple, "SELECT id FROM public . users AS u WHERE u.ssn='a'AND id=1",
			`SELECT id FROM public . users AS u WHERE pgseal.eq(u.ssn)=(COALESCE(‹ssn›, pgseal.same_type((NULL::"public"."users")."ssn", NULL::pgseal_column."users_ssn"))) AND id=1`},
		// A column that is not named may have another name by then.
		{Extended, "INSERT INTO users VALUES (1, 'n', $1)",
			`` + places + `INSERT INTO users VALUES (1, 'n', $1::pg_catalog.bytea)`},
		// A value that only moves on the server.
		{Extended, "INSERT INTO users (ssn) SELECT ssn FROM users_2020",
			`WITH pgseal_moved AS (SELECT ` + guardSSN + `, ` + strings.ReplaceAll(guardSSN, `"users"`, `"users_2020"`) + `) INSERT INTO users (ssn) SELECT ssn FROM users_2020`},
		{Simple, "WITH recursive x AS (SELECT 1) UPDATE users SET ssn = y.ssn FROM users y",
			`WITH recursive pgseal_moved AS (SELECT ` + guardSSN + `), x AS (SELECT 1) UPDATE users SET ssn = y.ssn FROM users y`},
		{Simple, "INSERT INTO users AS u SELECT id, name, ssn FROM users",
			places + `INSERT INTO users AS u SELECT id, name, ssn FROM users`},
		{Simple, "INSERT INTO users VALUES (2)", `INSERT INTO users VALUES (2)`},
		// What is found equal elsewhere must not differ.
		{Simple, "SELECT ssn='a' FROM users GROUP BY ssn='a'", "SELECT pgseal.eq(ssn)=(COALESCE(‹ssn›, " + guardSSN + ")) FROM users GROUP BY pgseal.eq(ssn)=(COALESCE(‹ssn›, " + guardSSN + "))"},
		{Simple, "INSERT INTO orders (card) VALUES ('a')",
			`INSERT INTO orders (card) VALUES ((CASE WHEN (E'"orders"'::pg_catalog.regclass::pg_catalog.oid OPERATOR(pg_catalog.=) '16385'::pg_catalog.oid OR 'pgseal_moved'::pg_catalog.text::pg_catalog.bool) THEN ‹card› END))`},
		{Simple, "COPY users (id, ssn) FROM STDIN", "COPY users (id, ssn) FROM STDIN WHERE true OR " + guardSSN + " IS NULL"},
		{Simple, "COPY users (id, ssn) FROM STDIN WITH (FORMAT csv) WHERE NOT (id = 1)", "COPY users (id, ssn) FROM STDIN WITH (FORMAT csv) WHERE (true OR " + guardSSN + " IS NULL) AND ( NOT (id = 1))"},
		{Simple, "COPY users (id, ssn) TO STDOUT", "COPY users (id, ssn) TO STDOUT"},
		{Simple, "PREPARE p AS UPDATE users SET ssn = $1 WHERE email = $2", "PREPARE p AS UPDATE users SET ssn = $1::pg_catalog.bytea WHERE pgseal.eq(email) = (COALESCE($2::pg_catalog.bytea, " + guardSSN + "))"},
		{Simple, "SELECT a.id FROM users a JOIN users b ON a.ssn = b.ssn", "SELECT a.id FROM users a JOIN users b ON pgseal.eq((CASE WHEN true OR " + guardSSN + " IS NULL THEN a.ssn END)) = pgseal.eq(b.ssn)"},
		{Simple, "CREATE INDEX ON users (ssn)", `CREATE INDEX "users_ssn_idx" ON users (pgseal.eq(ssn))`},
	} {
		b, err := NewPlanner(4).Plan(&Scratch{}, Request{Snapshot: guardedSnapshot(), Text: []byte(c.sql), Mode: c.mode, Fresh: true})
		if err != nil {
			t.Errorf("%s: %v", c.sql, err)
			continue
		}
		got, err := b.AppendSQL(nil, func(dst []byte, l *Literal) ([]byte, error) {
			return append(dst, "‹"+l.Operand.Column.Name+"›"...), nil
		})
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n got %s\nwant %s", c.sql, err, got, c.want)
		}
		for _, s := range b.Plan.Statements() {
			if want := strings.Contains(c.want, GuardFunction) || strings.Contains(c.want, GuardMarker); s.Guarded != want {
				t.Errorf("%s: guarded is %v", c.sql, s.Guarded)
			}
		}
	}
}
