package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"pgseal/integration/harness"
	"pgseal/rewrite"
)

var patternSchema = harness.Schema{
	DDL: `CREATE TABLE users (id int PRIMARY KEY, email text, name varchar(40), bare text, role text, n int, code char(5), UNIQUE (email));
		CREATE TABLE orders (id int PRIMARY KEY, owner int, card text, total int)`,
	Seal: []string{"public.users.email --equality --normalize lower", "public.users.name --equality", "public.users.bare", "public.users.code", "public.orders.card --equality", "public.orders.total"},
}

func patternRows(w string) []harness.Step {
	return []harness.Step{
		S("INSERT INTO users VALUES (1, 'Bob@" + w + "', 'a_b', 'x', 'r1', 1), (2, 'bob@" + w + "', 'a%b', 'y', 'r1', 2), (3, 'ann@" + w + "', 'a\\b', '', 'r2', 3), (4, NULL, 'axb', NULL, 'r2', 4), (5, '', '', NULL, NULL, 5)"),
		S("INSERT INTO orders VALUES (1, 1, '4111" + w + "', 10), (2, 1, '4222', 20), (3, 2, '5111" + w + "', 30), (4, NULL, NULL, 40)"),
	}
}

// Whether a parameter has wildcards does not matter to where LIKE can stand.
func TestParametersOfLikeAnywhere(t *testing.T) {
	pair := harness.New(t, patternSchema)
	w := pair.Env.Canaries.Word()
	steps := patternRows(w)
	for _, pattern := range []any{"bob@" + w, "%b@%", "_ob%", "", "%", nil, "b\\%", "x%"} {
		steps = append(steps,
			S("SELECT count(id) FROM users WHERE email LIKE $1", pattern),
			S("SELECT id, count(*) OVER () FROM users WHERE email LIKE $1 ORDER BY id", pattern),
			S("SELECT role, count(*) FROM users WHERE email LIKE $1 GROUP BY role ORDER BY role", pattern),
			S("SELECT role, max(email) FROM users WHERE email NOT LIKE $1 GROUP BY role ORDER BY role", pattern),
			S("SELECT EXISTS (SELECT 1 FROM users WHERE email LIKE $1)", pattern),
			S("SELECT id, card FROM orders WHERE owner IN (SELECT id FROM users WHERE email LIKE $1) AND card LIKE $2 ORDER BY id", pattern, "4111"+w),
			S("SELECT id, email FROM users WHERE email LIKE $1 ORDER BY id FOR UPDATE", pattern),
			S("SELECT u.id, o.id FROM users u LEFT JOIN orders o ON o.owner = u.id AND o.card NOT LIKE $1 ORDER BY u.id, o.id", pattern),
			S("SELECT u.id, o.id FROM users u JOIN orders o ON o.owner = u.id AND o.card LIKE $1 AND u.email ILIKE $2 ORDER BY u.id, o.id", "4%", pattern),
			S("SELECT id, email LIKE $1, name NOT LIKE $2 FROM users ORDER BY id", pattern, "a%"),
			S("SELECT id, CASE WHEN email LIKE $1 THEN 'yes' ELSE 'no' END FROM users ORDER BY id", pattern),
			S("SELECT count(*) FILTER (WHERE email LIKE $1), count(*) FROM users", pattern),
			S("SELECT id FROM users WHERE email LIKE $1 UNION SELECT id FROM orders WHERE card LIKE $2 ORDER BY 1", pattern, "%2"),
			S("SELECT id FROM users WHERE NOT (email LIKE $1 OR name LIKE $2) OR id = $3 ORDER BY id", pattern, "a\\_b", "5"),
			S("SELECT id FROM users WHERE email LIKE $1 OR name LIKE $1 ORDER BY id LIMIT $2", pattern, "2"),
			S("SELECT DISTINCT role FROM users WHERE email LIKE $1 ORDER BY role", pattern),
			S("WITH q AS (SELECT id, email FROM users WHERE email LIKE $1) SELECT * FROM q ORDER BY id", pattern),
			S("UPDATE users SET n = n + 1 WHERE email LIKE $1", pattern),
			S("UPDATE users SET name = $2 WHERE name NOT LIKE $1 AND id = 4 RETURNING id, name, n", pattern, "axb"),
			S("UPDATE users SET bare = bare || '+' WHERE email LIKE $1 RETURNING id, bare", pattern).Unordered(),
			S("DELETE FROM orders WHERE card LIKE $1 AND id > 100", pattern),
			S("SELECT id, email, name, bare, n FROM users ORDER BY id"))
	}
	for _, pattern := range []any{"a\\_b", "%b@%", "", nil} { // which a plain role shows to the server
		steps = append(steps,
			S("SELECT id FROM users WHERE ($1::text IS NULL OR email LIKE $1) ORDER BY id", pattern),
			S("SELECT id FROM users WHERE email LIKE $1 OR bare LIKE $1 OR role LIKE $1 ORDER BY id", pattern),
			S("SELECT count(*), max(id) FROM users WHERE name LIKE $1 OR role = $1", pattern))
	}
	steps = append(steps,
		S("DELETE FROM orders WHERE card LIKE $1 RETURNING id", "5111%"),
		S("DELETE FROM orders WHERE card NOT LIKE $1", "%2"),
		S("SELECT id FROM orders ORDER BY id"))
	pair.SameIn(t, formulaModes, steps...)
}

// LIKE and its kin with any or all of several patterns.
func TestLikeAnyAndAll(t *testing.T) {
	pair := harness.New(t, patternSchema)
	w := pair.Env.Canaries.Word()
	steps := patternRows(w)
	for _, column := range []string{"email", "name", "bare", "name::text"} {
		for _, operator := range []string{"LIKE ANY", "ILIKE ANY", "LIKE ALL", "NOT LIKE ALL", "NOT ILIKE ANY", "NOT LIKE SOME"} {
			where := " FROM users WHERE " + column + " " + operator + " "
			steps = append(steps,
				S("SELECT id"+where+"(ARRAY['%B@%', 'a%']) ORDER BY id"),
				S("SELECT count(id), max(email)"+where+"(ARRAY[$1, $2])", "bob@"+w, "%x%"),
				S("SELECT id"+where+"(ARRAY[$1, NULL]::text[]) ORDER BY id", "A\\_b"),
				S("SELECT id"+where+"($1) ORDER BY id", "{%b@%,A%,x}"),
				S("SELECT id"+where+"($1::text[]) OR role LIKE ANY ($2::varchar[]) ORDER BY id", "{}", "{r2}"),
				S("SELECT id"+where+"('{%B@%,NULL}') AND id < 5 ORDER BY id"),
				S("SELECT id"+where+"($1::text[]) ORDER BY id", nil),
				S("SELECT id FROM orders WHERE owner IN (SELECT id"+where+"($1)) ORDER BY id", "{a%,B%,X}"),
				S("UPDATE users SET n = n + 1 WHERE "+column+" "+operator+" ($1) AND id > 1", "{a%,B%}"))
		}
	}
	pair.SameIn(t, formulaModes, append(steps,
		S("SELECT id, name ILIKE ANY (ARRAY['A%', 'x']) FROM users ORDER BY id"),
		S("SELECT id FROM users WHERE name LIKE ANY (ARRAY['a\\']) ORDER BY id").Fails("22025"),
		S("UPDATE users SET code = 'ab' WHERE id < 3"),
		S("SELECT id FROM users WHERE code LIKE ANY (ARRAY['ab', 'ab  _']) OR code LIKE ANY ($1) ORDER BY id", "{x}"),
		S("SELECT id FROM users WHERE code ILIKE ANY (ARRAY['AB%'])").Refused("public.users.code"),
		S("DELETE FROM users WHERE name ILIKE ANY ('{A\\_B,q}') RETURNING id").Unordered(),
		S("SELECT id, n FROM users ORDER BY id"))...)
}

// A statement that has been prepared once is bound with whatever patterns come, in pipelines and
// blocks, beside portals of it that are open.
func TestPatternsOfOnePreparedStatement(t *testing.T) {
	pair := harness.New(t, patternSchema)
	w := pair.Env.Canaries.Word()
	for _, url := range []string{pair.TwinURL(), pair.URL()} {
		for _, step := range patternRows(w) {
			dialogue(t, url, []pgproto3.FrontendMessage{&pgproto3.Query{String: step.SQL}})
		}
	}
	sync := []pgproto3.FrontendMessage{&pgproto3.Sync{}}
	query := func(sql string) []pgproto3.FrontendMessage {
		return []pgproto3.FrontendMessage{&pgproto3.Query{String: sql}}
	}
	binds := func(name, portal string, describes bool, rows uint32, patterns ...string) (messages []pgproto3.FrontendMessage) {
		for _, p := range patterns {
			messages = append(messages, &pgproto3.Bind{PreparedStatement: name, DestinationPortal: portal, Parameters: [][]byte{[]byte(p)}})
			if describes {
				messages = append(messages, &pgproto3.Describe{ObjectType: 'P', Name: portal})
			}
			messages = append(messages, &pgproto3.Execute{Portal: portal, MaxRows: rows})
		}
		return messages
	}
	patterns := []string{"bob@" + w, "%b@%", "%@%", "ann@" + w, "", "_nn%", "a%", "%"}
	for _, sql := range []string{
		"SELECT count(id), min(email) FROM users WHERE email LIKE $1",
		"SELECT id, count(*) OVER () FROM users WHERE name IS NOT NULL AND email NOT LIKE $1 ORDER BY id",
		"SELECT id, email FROM users WHERE email LIKE $1 OR bare = 'x' ORDER BY id FOR UPDATE",
		"UPDATE users SET n = n + 1 WHERE email LIKE $1 RETURNING 1",
		"DECLARE c CURSOR WITH HOLD FOR SELECT role, count(*) FROM users WHERE id IN (SELECT id FROM users WHERE email LIKE $1) GROUP BY role ORDER BY role",
		"SELECT id, n, email FROM users WHERE email LIKE $1 ORDER BY id",
	} {
		closes := query("CLOSE ALL")
		for _, name := range []string{"", "s"} {
			parse := []pgproto3.FrontendMessage{&pgproto3.Parse{Name: name, Query: sql}}
			described := append(parse[:1:1], &pgproto3.Describe{ObjectType: 'S', Name: name})
			var apart []pgproto3.FrontendMessage
			for _, p := range patterns {
				apart = slices.Concat(apart, binds(name, "", true, 0, p), sync, closes, sync)
			}
			cases := map[string][]pgproto3.FrontendMessage{
				"apart":            slices.Concat(described, sync, apart),
				"in a block":       slices.Concat(query("BEGIN"), described, binds(name, "", false, 0, "%b@%"), sync, binds(name, "", true, 0, "%"), sync, query("COMMIT"), query("FETCH ALL FROM c"), closes),
				"described behind": slices.Concat(parse, binds(name, "", false, 0, "%b@%"), []pgproto3.FrontendMessage{&pgproto3.Describe{ObjectType: 'S', Name: name}}, sync, query("FETCH ALL FROM c"), closes),
				"in a failed one":  slices.Concat(query("BEGIN"), parse, binds(name, "", false, 0, "x"), sync, query("SELECT 1/0"), binds(name, "", false, 0, "%b@%"), sync, query("ROLLBACK"), closes),
				"badly bound": slices.Concat(parse, []pgproto3.FrontendMessage{&pgproto3.Bind{PreparedStatement: name}}, sync,
					[]pgproto3.FrontendMessage{&pgproto3.Bind{PreparedStatement: name, Parameters: [][]byte{nil}}, &pgproto3.Execute{}}, sync, closes),
			}
			if !strings.HasPrefix(sql, "DECLARE") {
				cases["in one pipeline"] = slices.Concat(described, binds(name, "", true, 0, patterns...), sync)
				cases["undescribed"] = slices.Concat(parse, binds(name, "", false, 0, patterns...), sync)
				cases["portals"] = slices.Concat(query("BEGIN"), described, binds(name, "p", true, 1, "%@%"), sync, binds(name, "q", true, 1, "bob@"+w), sync,
					binds(name, "r", true, 1, "%"), []pgproto3.FrontendMessage{&pgproto3.Execute{Portal: "p"}, &pgproto3.Execute{Portal: "q"}, &pgproto3.Execute{Portal: "r"}}, sync, query("ROLLBACK"))
			}
			// In one session, one after the other, which begins with another one each time.
			var order []string
			var session []pgproto3.FrontendMessage
			for what, messages := range cases {
				order, session = append(order, what), append(session, messages...)
				if name != "" {
					session = append(session, &pgproto3.Close{ObjectType: 'S', Name: name}, &pgproto3.Sync{})
				}
			}
			if plain, sealed := dialogue(t, pair.TwinURL(), session), dialogue(t, pair.URL(), session); plain != sealed {
				t.Errorf("%q %q %s: plain:\n%s\nsealed:\n%s", name, order, sql, plain, sealed)
			}
		}
	}
}

// The term still finds a text among more rows than pgseal would look at, with the statement that
// has been refused a pattern, and is told of changes of the table.
func TestPatternsOfManyRows(t *testing.T) {
	pair := harness.New(t, patternSchema)
	var rows strings.Builder
	for i := range rewrite.MaxFormulaRows + 1 {
		fmt.Fprintf(&rows, ", (%d, 'u%d@x', 'n')", i+1, i)
	}
	insert := "INSERT INTO users (id, email, name) VALUES " + rows.String()[2:]
	steps := func(url, most string) string {
		dialogue(t, url, []pgproto3.FrontendMessage{&pgproto3.Query{String: insert}})
		messages := []pgproto3.FrontendMessage{&pgproto3.Parse{Name: "s", Query: "UPDATE users SET n = 1 WHERE email LIKE $1 AND id <= $2"}}
		for _, p := range [][2]string{{"u77@x", "20000"}, {"u88%", most}, {"u5@x", "20000"}, {"u_@x", "100"}, {"u9%", "100"}} {
			messages = append(messages, &pgproto3.Bind{PreparedStatement: "s", Parameters: [][]byte{[]byte(p[0]), []byte(p[1])}}, &pgproto3.Execute{}, &pgproto3.Sync{},
				&pgproto3.Query{String: "ALTER TABLE users ADD c" + most + p[1] + p[0][1:2] + " int"})
		}
		return dialogue(t, url, append(messages, &pgproto3.Query{String: "SELECT count(*), max(email) FROM users WHERE n = 1"}))
	}
	if refused := steps(pair.URL(), "20000"); !strings.Contains(refused, "54000") {
		t.Errorf("not refused:\n%s", refused)
	}
	pair.Both("TRUNCATE users")
	if plain, sealed := steps(pair.TwinURL(), "9000"), steps(pair.URL(), "9000"); plain != sealed {
		t.Errorf("plain:\n%s\nsealed:\n%s", plain, sealed)
	}
}

// What is refused of a column without a term is refused of a pattern with wildcards, and of one
// without it goes on.
func TestPatternsThatAreRefused(t *testing.T) {
	pair := harness.New(t, patternSchema)
	rows := patternRows(pair.Env.Canaries.Word())
	pair.SameIn(t, []harness.Mode{harness.SQLPrepare}, append(rows, S("SELECT count(id) FROM users WHERE email LIKE $1", "%b%").Refused("LIKE with wildcards"))...)
	dialogue(t, pair.URL(), []pgproto3.FrontendMessage{&pgproto3.Query{String: rows[0].SQL}})
	for sql, encoding := range map[string]string{
		"WITH q AS (SELECT * FROM users) SELECT array_agg(id) FROM q WHERE name LIKE $1": "UTF8",
		"SELECT '\xe4', array_agg(id) FROM users WHERE name LIKE $1":                     "LATIN1",
	} {
		messages := []pgproto3.FrontendMessage{&pgproto3.Query{String: "SET client_encoding = " + encoding}, &pgproto3.Parse{Name: "s", Query: sql}}
		for _, p := range []string{"axb", "a%", "axb", "a%"} {
			messages = append(messages, &pgproto3.Bind{PreparedStatement: "s", Parameters: [][]byte{[]byte(p)}}, &pgproto3.Execute{}, &pgproto3.Sync{})
		}
		answer := dialogue(t, pair.URL(), messages)
		if strings.Count(answer, "0A000 sealed column public.users.name cannot be an operand of LIKE") != 2 || strings.Count(answer, `"{4}"]`) != 2 {
			t.Errorf("%s:\n%s", sql, answer)
		}
	}
}
