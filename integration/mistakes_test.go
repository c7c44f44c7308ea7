package integration

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// A SELECT that pgseal refuses and that has a mistake of its own besides gets the
// error of that, as in PostgreSQL; a right one is refused.
func TestMistakesInRefusedStatements(t *testing.T) {
	pair := harness.New(t, people)
	w := pair.Env.Canaries.Text()
	pair.Both("CREATE VIEW adults AS SELECT id, ssn, name, age FROM people")
	e := &errorTwins{t: t, twin: raw(t, pair.TwinURL()), sealed: raw(t, pair.URL())}
	for _, sql := range []string{
		"SELECT ssn FROM people UNION SELECT id, ssn FROM people",
		"SELECT ssn, id FROM people EXCEPT (SELECT ssn FROM people ORDER BY 1)",
		"SELECT quote_ident(ssn), nosuch FROM people",
		"SELECT id FROM people WHERE ssn LIKE '" + w + "%' AND nosuch = 5",
		"SELECT ssn || '" + w + "', id FROM people JOIN nosuch USING (id)",
		"SELECT id FROM nosuch.people n, people WHERE ssn > '" + w + "'",
		"SELECT length(ssn), nosuch(age, 1, 1.5, 'x') FROM ONLY people WHERE active",
		"SELECT age + 'x'::nosuch FROM people AS p",
		"SELECT age + ssn FROM people ORDER BY ssn",
		"SELECT lower(ssn) FROM adults a JOIN people p ON a.id = p.id WHERE name = 'x'",
		"SELECT CASE WHEN ssn ~ '" + w + "' THEN 1 WHEN id = 1 THEN nosuch END FROM people",
		"WITH q AS (SELECT upper(ssn) AS u FROM people) SELECT nosuch FROM q",
		"SELECT max(p.ssn::varchar(5)) FROM other.people, people p LIMIT nosuch",
		"SELECT id, nane FROM people WHERE ssn = '" + w + "'",
		"SELECT p.snn FROM people p JOIN adults a ON a.ssn = p.ssn",
		"SELECT people.id FROM people p WHERE ssn = 'x'",
		`SELECT "The SSN" || 'x', "nosuch" FROM "Odd Names" WHERE "select" = true`,
	} {
		e.simple(sql)
		e.extended(sql, nil)
	}
	e.extended("SELECT (SELECT max(ssn) FROM people), $1 FROM nosuch", nil)
	e.extended("SELECT p.ssn || $1 FROM public.people p WHERE q.id = $2 FOR UPDATE", nil)
	for _, sql := range []string{
		"SELECT quote_ident(ssn) FROM people WHERE name = '" + w + "'",
		"SELECT DISTINCT quote_ident(ssn) FROM people ORDER BY 1 LIMIT 5",
		"SELECT quote_ident(public.people.ssn) FROM public.people, other.people",
		"SELECT quote_ident(email) FROM people, other.people",
		"SELECT quote_ident(ssn) FROM people WHERE ssn > DATE '2001-01-01'::text AND age BETWEEN 5 AND -7 AND id IN (1.5, 3)",
		"SELECT count(*), quote_ident(ssn) FROM people GROUP BY 2",
		"SELECT p.*, p::text FROM people p",
		"SELECT to_json(people), quote_ident(people.ssn) FROM people",
		"SELECT quote_ident(public.people.ssn), tableoid FROM people",
		"SELECT 'x' UNION ALL SELECT quote_ident(ssn) FROM people",
	} {
		for _, around := range [][2]string{{"SELECT 1", "SELECT 2"}, {"BEGIN", "ROLLBACK"}} {
			for _, exec := range []func() error{
				func() error { _, err := e.sealed.Exec(t.Context(), sql).ReadAll(); return err },
				func() error { _, err := e.sealed.Prepare(t.Context(), "", sql, nil); return err },
				func() error { _, err := e.sealed.Prepare(t.Context(), "named", sql, nil); return err },
			} {
				if _, err := e.sealed.Exec(t.Context(), around[0]).ReadAll(); err != nil {
					t.Fatal(err)
				}
				err := exec()
				var pgErr *pgconn.PgError
				if !errors.As(err, &pgErr) || pgErr.Code != "0A000" || !strings.HasPrefix(pgErr.Message, "sealed column public.people.") && !strings.HasPrefix(pgErr.Message, "a row of public.people") {
					t.Errorf("%s: %v", sql, err)
				}
				if want := map[string]byte{"BEGIN": 'E'}[around[0]]; want != 0 && e.sealed.TxStatus() != want {
					t.Errorf("%s: the transaction is in %c", sql, e.sealed.TxStatus())
				}
				if _, err := e.sealed.Exec(t.Context(), around[1]).ReadAll(); err != nil {
					t.Fatal(err)
				}
				if _, err := e.sealed.Exec(t.Context(), "SELECT id FROM people WHERE ssn = '1'").ReadAll(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	// In an aborted transaction that is the error.
	e.simple("BEGIN")
	e.simple("SELECT nosuch")
	e.simple("SELECT quote_ident(ssn), nosuch FROM people")
	e.extended("SELECT quote_ident(ssn), nosuch FROM people", nil)
	e.simple("ROLLBACK")
}

// A mistyped column in a statement that writes, and so does not reach the server, is met
// with PostgreSQL's guess.
func TestMistypedColumnsInWrites(t *testing.T) {
	pair := harness.New(t, people)
	e := &errorTwins{t: t, twin: raw(t, pair.TwinURL()), sealed: raw(t, pair.URL())}
	sqls := []string{
		"INSERT INTO people (id, ssn) VALUES (9, sn)",
		"INSERT INTO people (id, ssn) VALUES (8, 'x'), (9, nmae)",
		"INSERT INTO people (id, name) VALUES (9, 'x') RETURNING agee",
		"INSERT INTO people (id, name) VALUES (8, 'x'), (9, 'y') RETURNING colum1",
		"INSERT INTO people (id, name) SELECT id, 'x' AS nam FROM orders RETURNING nme",
		"INSERT INTO people (id, ssn) SELECT id, sn FROM people",
		"INSERT INTO people (id, name) VALUES (9, 'x') ON CONFLICT (id) DO UPDATE SET ssn = snn",
		"INSERT INTO people (id, name) VALUES (9, 'x') ON CONFLICT (id) DO UPDATE SET ssn = excluded.snn",
		"INSERT INTO people (id, name) VALUES (9, 'x') ON CONFLICT (id) DO UPDATE SET ssn = 'y' RETURNING snn",
		"INSERT INTO people (id, name) VALUES (9, 'x') ON CONFLICT (id) DO NOTHING RETURNING snn",
		"UPDATE people SET note = 'x' WHERE sssn = 'y'",
		"UPDATE people SET note = 'x' WHERE nothing = 'y'",
		"UPDATE people SET (note, ssn) = ('x', ssnn)",
		"UPDATE people p SET note = 'x' FROM orders o WHERE o.id = p.idd",
		"UPDATE people p SET note = 'x' FROM orders p1 WHERE p1.crd = 'y'",
		"UPDATE people p SET note = 'x' FROM orders q WHERE q.nane = 'y'",
		"UPDATE people SET note = (SELECT card FROM orders WHERE crad = 'x')",
		"UPDATE people SET note = 'x' WHERE id IN (SELECT person FROM orders o WHERE o.id = people.idd)",
		"UPDATE people SET note = 'x' FROM orders JOIN plain USING (id) WHERE person = people.id RETURNING cardd",
		"DELETE FROM people USING generate_series(1, 2) g WHERE gg = people.id",
		"DELETE FROM people WHERE naïme = 'x'",
		"DELETE FROM people WHERE \"Name\" = 'x' AND ssn = 'y'",
		"DELETE FROM people WHERE ae = 1",
		"DELETE FROM people WHERE ssn = 'y' RETURNING note, cty",
	}
	if !strings.HasPrefix(e.twin.ParameterStatus("server_version"), "14") { // which knows no MERGE
		sqls = append(sqls, "MERGE INTO people p USING orders o ON o.person = p.id WHEN MATCHED AND p.aeg = 5 THEN DELETE")
	}
	for _, sql := range sqls {
		e.simple(sql)
		e.extended(sql, nil)
	}
}

// A name that stands in another part of the query, where it cannot be referred to: as in
// MySQL, where a comma binds like JOIN, or in a subquery without LATERAL.
func TestNamesOfOtherPartsOfAQuery(t *testing.T) {
	pair := harness.New(t, people)
	e := &errorTwins{t: t, twin: raw(t, pair.TwinURL()), sealed: raw(t, pair.URL())}
	for _, sql := range []string{
		"SELECT p.id FROM people p, plain q JOIN orders o ON o.person = p.id",
		"SELECT p.id FROM people, plain q JOIN orders o ON o.person = people.id AND card = 'x'",
		"SELECT p.id FROM people p, plain q JOIN orders o ON o.person = people.id",
		"SELECT p.id FROM people p JOIN orders ON orders.person = people.id",
		"SELECT p.id FROM people p, plain q JOIN orders o ON city = 'x'",
		"SELECT p.id FROM people p, plain q JOIN orders o ON o.person = p.id AND citi = 'x'",
		"SELECT p.id FROM people p, plain q JOIN orders o ON citty = 'x'",
		"SELECT q.id FROM plain q JOIN orders o ON o.id = pp.id, people pp",
		"SELECT p.id FROM people p JOIN (SELECT * FROM orders WHERE person = p.id) o ON true",
		"SELECT p.id FROM people p, (SELECT card FROM orders WHERE orders.person = people.id AND card = 'x') s",
		"SELECT p.id FROM people p, (SELECT card FROM orders WHERE ssn = 'x') s",
		"SELECT p.id FROM people p, (SELECT card FROM orders WHERE orders.person = p.missing) s",
		"SELECT p.id FROM people p, LATERAL (SELECT card FROM orders WHERE orders.person = p.idd) s",
		"SELECT 1 FROM people p JOIN (people a CROSS JOIN orders b) j ON b.id = p.id",
		"SELECT b.id FROM (people a CROSS JOIN orders b) j",
		"SELECT (SELECT card FROM orders o, plain q JOIN people r ON r.id = o.id) FROM people p",
		"UPDATE people SET note = 'x' FROM plain q JOIN orders o ON o.person = people.id WHERE q.id = people.id",
		"UPDATE people p SET note = 'x' FROM orders o, (SELECT id FROM plain WHERE plain.id = o.id) q WHERE ssn = 'x'",
		"UPDATE people p SET note = 'x' WHERE people.id = 1",
		"DELETE FROM people USING orders o JOIN plain q ON q.id = people.id WHERE o.id = people.id",
		"INSERT INTO people (id, ssn) VALUES (1, name)",
		"INSERT INTO people (id, ssn) VALUES (1, people.name)",
		"INSERT INTO people (id, name) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET ssn = 'y' RETURNING excluded.ssn",
		"INSERT INTO people (id, name) SELECT id, 'x' FROM orders o RETURNING o.id",
		"WITH w AS (SELECT card FROM orders WHERE card = p.ssn) SELECT * FROM people p, w",
	} {
		e.simple(sql)
		e.extended(sql, nil)
	}
}

// What cannot be parsed says so in a transaction that has failed, too.
func TestUnreadTextsInAbortedTransactions(t *testing.T) {
	pair := harness.New(t, people)
	simple := func(sql string) harness.Step { return S(sql).Simple() }
	pair.Same(t,
		simple("PREPARE one AS SELECT id FROM people WHERE id = $1"),
		simple("SELECT 1; EXECUTE one (1, 2)").Fails("42601"),
		S("INSERT INTO people (id, ssn) VALUES (501, 'x'), (502, unquoted)").Fails("42703"),
		simple("BEGIN"),
		S("SELECT 1/0").Fails("22012"),
		S("SELECT ssn FRM people").Fails("42601"),
		S("SELECT ssn FROM people WHERE ssn = 'x").Fails("42601"),
		S("INSERT INTO people (ssn) VALUES (12abc)").Fails("42601"),
		S("SELECT ssn FROM people").Fails("25P02"),
		S("SELECT nothing FROM people").Fails("25P02"),
		simple("SELECT 1; SELECT ssn FRM people").Fails("42601"),
		simple("ROLLBACK; SELECT ssn FRM people").Fails("42601"),
		simple("EXECUTE one (1, 2)").Fails("25P02"),
		S("SELECT ssn FROM people").Fails("25P02"),
		simple("ROLLBACK"),
		simple("DEALLOCATE one"),
	)
}

// A statement that has been refused leaves nothing behind under which a later mistake
// would be run.
func TestRefusedStatementsLeaveNothingPrepared(t *testing.T) {
	harness.New(t, people).Same(t,
		S("SELECT id FROM people WHERE quote_ident(ssn) = 'a'").Refused("public.people.ssn"),
		S("SELECT name FROM pg_prepared_statements WHERE name !~ '^harness'"),
		S("PREPARE one AS INSERT INTO people (id, nosuch) SELECT 1, 2").Fails("42703"),
		S("EXECUTE one").Fails("26000"),
		S("SELECT name FROM pg_prepared_statements WHERE name !~ '^harness'"),
	)
}

// Go's goqu puts bytes into its text as they are, and a zero byte ends that. The statement
// fails, and the session goes on.
func TestZeroBytesInTexts(t *testing.T) {
	pair := harness.New(t, people)
	w := pair.Env.Canaries.Text()
	e := &errorTwins{t: t, twin: raw(t, pair.TwinURL()), sealed: raw(t, pair.URL())}
	for _, sql := range []string{
		"SELECT id FROM people WHERE ssn = '" + w + "\x00\x01'",      // 0x0127 types
		"SELECT id FROM people WHERE ssn = '" + w + "'\x00\x00\x00x", // none, and more behind them
		"SELECT id FROM people WHERE ssn = '" + w + "'\x00",
	} {
		e.simple(sql)
		e.extended(sql, nil)
	}
	pair.Same(t, S("SELECT id FROM people WHERE ssn = $1", w))
}
