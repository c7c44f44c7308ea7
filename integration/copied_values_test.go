package integration

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"pgseal/integration/harness"
)

// INSERT … SELECT between tables with sealed columns, as clean-up jobs archive rows, and
// migrations move them.
func TestValuesOfOtherColumns(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE orders (id int PRIMARY KEY, customer text, card varchar(19), amount numeric(10,2), placed timestamptz, note text, region text);
			CREATE TABLE archive (id int PRIMARY KEY, customer text, card varchar(30), amount numeric(12,2), placed timestamptz, note text, region text);
			CREATE TABLE short (id int PRIMARY KEY, card varchar(4), amount int, what text, note text UNIQUE);
			CREATE TABLE staging (id int, customer text, card varchar(19), amount numeric(10,2), placed timestamptz, note text, region text);
			CREATE TABLE regions (name text PRIMARY KEY, boss text)`,
		Seal: []string{"public.orders.customer --equality", "public.orders.card", "public.orders.amount", "public.orders.placed", "public.orders.note",
			"public.archive.customer --equality", "public.archive.card --equality", "public.archive.amount", "public.archive.placed", "public.archive.note",
			"public.short.card", "public.short.amount", "public.short.what", "public.short.note --equality", "public.regions.boss"},
	})
	w := pair.Env.Canaries.Text()
	const all = "SELECT * FROM archive ORDER BY id"
	pair.SameIn(t, formulaModes,
		S("INSERT INTO orders VALUES (1, 'ann', '4111 1111', 10.5, '2024-01-31 12:00+01', $1, 'north')", w), S("INSERT INTO orders VALUES (2, NULL, '4222', -3, 'infinity', '', 'south')"),
		S("INSERT INTO orders VALUES (3, 'ann', '4', 99999999.99, NULL, NULL, NULL)"), S("INSERT INTO regions VALUES ('north', 'Zed'), ('west', NULL)"),
		S("INSERT INTO archive SELECT * FROM orders WHERE id < 3"), S(all), S("SELECT id FROM archive WHERE customer = 'ann' AND card = '4111 1111'"),
		S("INSERT INTO archive (id, note, region, customer) SELECT o.id + 10, o.note, o.region, upper(o.customer) || $1 FROM orders AS o WHERE o.id = $2 RETURNING id, customer, note", "!", "1"),
		S("INSERT INTO archive (id, card, placed) SELECT id + 20, card, placed FROM orders ORDER BY id LIMIT 2"),
		S("INSERT INTO archive SELECT o.id + 30, o.customer, o.card, o.amount, o.placed, o.note, r.boss FROM orders o LEFT JOIN regions r ON r.name = o.region").Refused("regions.boss"),
		S("INSERT INTO archive SELECT o.id + 30, o.customer, o.card, o.amount, o.placed, r.boss, r.name FROM orders o LEFT JOIN regions r ON r.name = o.region WHERE o.id < 4"),
		S("INSERT INTO archive SELECT o.* FROM orders o WHERE o.amount < 0 AND o.placed > now() ON CONFLICT (id) DO UPDATE SET note = 'again'"), S(all),
		S("INSERT INTO archive SELECT id + 40, customer, card, amount * 2, placed, COALESCE(note, 'none'), region FROM orders WHERE id <> 3 AND region = 'south' OR id = 1"), S(all),
		S("INSERT INTO archive SELECT id + 50, note, card, amount, placed, customer, region FROM archive WHERE id = 1"), S("SELECT id FROM archive WHERE customer = $1", w),
		S("INSERT INTO short (id, card, note) SELECT id, card, note FROM orders WHERE id IN (2, 3)"), S("INSERT INTO short (id, card) SELECT id, card FROM orders WHERE id = 1").Fails("22001"),
		S("INSERT INTO short (id, amount, what) SELECT id + 10, amount, amount::text || card FROM orders WHERE id < 3"), S("SELECT * FROM short ORDER BY id"),
		S("INSERT INTO short (id, amount) SELECT id + 20, amount * 100 FROM orders").Fails("22003"), S("INSERT INTO short (id, note) SELECT id + 30, note FROM orders WHERE id = 2").Fails("23505"),
		S("INSERT INTO short (id, card) SELECT id + 40, o.card FROM orders o JOIN regions ON true").Refused("orders.card"), // which may not fit
		S("INSERT INTO archive (id, card) SELECT DISTINCT id + 60, card FROM orders").Refused("cannot"), S("INSERT INTO archive (id, card) SELECT id + 60, card FROM orders UNION SELECT 1, 'x'").Refused("cannot"),
		S("INSERT INTO archive (id, card) SELECT max(id) + 60, max(card) FROM orders").Refused("cannot"), S("INSERT INTO archive (id, region) SELECT id + 60, card FROM orders").Refused("cannot"),
		S("EXPLAIN (COSTS OFF) INSERT INTO archive SELECT * FROM orders WHERE id > 100").Unordered(),
		S("SELECT count(*) FROM short"), S(all),
		// From plain columns, as rows are imported.
		S("INSERT INTO staging SELECT i, 'bob', '5555', 1.5, '2024-02-29 12:00+01', NULL, 'east' FROM generate_series(100, 120) i"), S("INSERT INTO staging (id) VALUES (121)"),
		S("INSERT INTO orders SELECT * FROM staging WHERE id < 110"), S("INSERT INTO orders (id, customer, card, note) SELECT id + 100, customer || '!', card, concat(customer, card, $1::text) FROM staging WHERE id > 105", w),
		S("INSERT INTO orders (id, card, note) SELECT s.id + 200, s.card, r.name FROM staging s LEFT JOIN regions r ON r.name = s.region WHERE s.id > 119"),
		S("INSERT INTO short (id, card) SELECT id, card FROM staging WHERE id = 100"), S("INSERT INTO short (id, card) SELECT id, card || '!' FROM staging WHERE id = 101").Fails("22001"),
		S("INSERT INTO short (id, card) SELECT s.id, s.card FROM staging s JOIN regions ON true").Refused("card"),
		S("UPDATE orders SET card = s.card, note = s.region, region = s.note FROM staging s WHERE s.id + 1 = orders.id AND s.id < 104 RETURNING orders.id, orders.card, orders.note").Unordered(),
		S("UPDATE orders o SET customer = r.boss, note = o.note FROM regions r WHERE r.name = o.region"), S("UPDATE orders SET customer = $1, note = s.customer FROM staging s WHERE s.id = orders.id AND s.id = $2", w, "105"),
		S("UPDATE orders SET note = s.card || '!' FROM staging s WHERE s.id = orders.id").Refused("note"), // which might fail
		S("UPDATE orders SET note = s.card FROM (SELECT * FROM staging) s WHERE s.id = orders.id").Refused("note"),
		S("MERGE INTO orders o USING staging s ON o.id = s.id + 200 AND s.region = 'east' WHEN MATCHED THEN UPDATE SET card = s.card, note = s.note WHEN NOT MATCHED AND s.id < 103 THEN INSERT (id, customer, card, amount) VALUES (s.id + 200, s.customer, s.card, s.amount)"),
		S("MERGE INTO archive a USING (SELECT * FROM orders WHERE id < $1) o ON a.id = o.id WHEN MATCHED THEN UPDATE SET card = o.card, region = o.region WHEN NOT MATCHED THEN INSERT VALUES (o.id, o.customer, o.card, o.amount, o.placed, o.note, o.region)", "4"), S(all),
		// Of queries inside.
		S("INSERT INTO archive (id, card) SELECT q.id + 4000, card FROM (SELECT id, card FROM orders WHERE id < 2 UNION ALL SELECT id, card FROM orders WHERE id = 2) q").Refused("card"),
		S("WITH RECURSIVE w AS (SELECT id, card FROM orders WHERE id = 1 UNION ALL SELECT o.id, o.card FROM orders o JOIN w ON o.id = w.id + 1) INSERT INTO archive (id, card) SELECT id + 5000, card FROM w").Refused("card"),
		S("INSERT INTO archive (id, card) SELECT q.id + 6000, q.card FROM orders o CROSS JOIN LATERAL (SELECT p.id, p.card FROM orders p WHERE p.id = o.id AND p.region IS NOT NULL) q WHERE o.id < 3"),
		S("WITH moved AS (DELETE FROM orders WHERE id >= 205 AND region IS NULL RETURNING *) INSERT INTO archive SELECT * FROM moved RETURNING id, card, customer").Unordered(),
		S("WITH moved AS (SELECT o.id + 1000 AS id, o.card AS c, o.note FROM orders o WHERE o.id < $1) INSERT INTO archive (id, card, note) SELECT m.id, m.c, note FROM moved AS m WHERE m.id < 5000", "120"),
		S("INSERT INTO archive (id, customer, note) SELECT q.id + 2000, q.customer, q.note FROM (SELECT id, customer, note FROM orders WHERE id < 3) q LEFT JOIN regions r ON r.name = 'x'"),
		S("WITH moved AS (UPDATE orders SET region = 'gone' WHERE id < 3 RETURNING *) INSERT INTO archive (id, card) SELECT id + 3000, card FROM moved").Refused("card"),
		S("WITH moved AS (SELECT id, card || 'x' AS card FROM orders) INSERT INTO archive (id, card) SELECT id + 3000, card FROM moved").Refused("card"),
		S(all),
		S("SELECT * FROM orders WHERE id > 99 ORDER BY id"), S("SELECT count(*) FROM orders WHERE customer = 'bob'"),
		S("BEGIN"), S("INSERT INTO orders (id, card) VALUES (9, 'own')"), S("INSERT INTO archive SELECT * FROM orders WHERE id = 9"), S("DELETE FROM orders WHERE id = 9"), S("COMMIT"), S("SELECT card FROM archive WHERE id = 9"))

	// Equal values have envelopes of their own.
	c := pair.Connect(t, pair.ServerURL())
	var rows, envelopes int
	if err := c.QueryRow(t.Context(), "SELECT count(*), count(DISTINCT card::bytea) FROM orders WHERE card IS NOT NULL AND id > 99").Scan(&rows, &envelopes); err != nil || rows < 10 || rows != envelopes {
		t.Errorf("%d rows have %d envelopes: %v", rows, envelopes, err)
	}
}

// A row that has come since the rows were looked at has no value to be stored: the statement
// fails, and stores nothing.
func TestARowThatComesBeforeItIsCopiedFailsTheStatement(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	for _, copied := range []string{"name", "id::text"} {
		pair.SameIn(t, []harness.Mode{harness.Simple}, S(aggregateRows))
		sql := "INSERT INTO accounts (id, other) SELECT id + 100, " + copied + " FROM accounts WHERE id < $1"
		answer := dialogue(t, pair.URL(), []pgproto3.FrontendMessage{
			&pgproto3.Query{String: "BEGIN"},
			&pgproto3.Parse{Query: sql},
			&pgproto3.Bind{DestinationPortal: "p", Parameters: [][]byte{[]byte("50")}},
			&pgproto3.Parse{Name: "i", Query: "INSERT INTO accounts (id, name) VALUES (9, 'new')"},
			&pgproto3.Bind{DestinationPortal: "i", PreparedStatement: "i"}, &pgproto3.Execute{Portal: "i"},
			&pgproto3.Execute{Portal: "p"},
			&pgproto3.Sync{},
			&pgproto3.Query{String: "ROLLBACK"},
			&pgproto3.Parse{Query: sql}, &pgproto3.Bind{Parameters: [][]byte{[]byte("50")}}, &pgproto3.Execute{}, &pgproto3.Sync{},
		})
		if !strings.Contains(answer, "INSERT 0 1") || !strings.Contains(answer, "40001") || !strings.Contains(answer, "INSERT 0 6") {
			t.Error(copied, answer)
		}
	}
}

// What a subquery gives of another table's column is sealed anew, too.
func TestValuesOfOtherColumnsInSubqueries(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE people (id int PRIMARY KEY, firm int, name text, nick text, city varchar(20), born date, age int);
			CREATE TABLE firms (id int PRIMARY KEY, name text, city varchar(20), founded date, size bigint, plain text, state text)`,
		Seal: []string{"public.people.name --equality", "public.people.nick", "public.people.city", "public.people.born", "public.people.age",
			"public.firms.name --equality", "public.firms.city --equality", "public.firms.founded", "public.firms.size"},
	})
	w, p := pair.Env.Canaries.Word(), pair.Env.Canaries.Text()
	all := S("SELECT * FROM people ORDER BY id")
	pair.SameIn(t, formulaModes,
		S("INSERT INTO firms VALUES (1, $1, 'Oslo', '2001-02-03', 5, 'p1', 'n'), (2, 'two', NULL, NULL, 5000000000, NULL, 'n'), (3, 'three', 'Rome', '1999-01-01', 7, 'p3', 's')", w),
		S("INSERT INTO people VALUES (1, 1, 'a', $1, 'x', NULL, 3), (2, 2, 'b', 'n2', NULL, NULL, 4), (3, NULL, 'c', NULL, NULL, NULL, NULL)", p),
		S("UPDATE people p SET nick = (SELECT f.name FROM firms f WHERE f.id = p.firm) WHERE p.id < $1 RETURNING id, nick", "3"), all,
		S("UPDATE people SET name = (SELECT name FROM firms WHERE firms.id = people.firm)"), S("SELECT id FROM people WHERE name = $1", w),
		S("UPDATE people SET born = (SELECT founded FROM firms WHERE firms.id = firm), age = age + 1, city = (SELECT f.city FROM firms f WHERE f.state = $1 ORDER BY f.id DESC LIMIT 1)", "n"), all,
		S("UPDATE people p SET nick = (SELECT f.plain FROM firms f WHERE f.id = p.id AND f.size < 10)"), all,
		S("UPDATE people p SET nick = (SELECT f.name FROM firms f WHERE f.id = p.id AND f.city = 'Rome' AND f.name <> $1)", w), all,
		S("UPDATE people p SET nick = (SELECT q.name FROM people q WHERE q.id = p.id + 1)"), all,
		S("UPDATE people p SET nick = (SELECT f.name FROM firms f WHERE f.id = p.firm) FROM firms g WHERE g.id = p.id AND g.state = 'n' RETURNING p.id, p.nick"), all,
		S("UPDATE people SET nick = (SELECT name FROM firms)").Fails("21000"),
		S("UPDATE people SET nick = (SELECT nothing FROM firms)").Fails("42703"),
		S("UPDATE people p SET age = (SELECT f.size FROM firms f WHERE f.id = p.id)").Refused("public.people.age"), // which may not fit
		S("UPDATE people p SET nick = (SELECT max(f.name) FROM firms f)"), all,
		S("UPDATE people p SET nick = (SELECT f.name FROM firms f JOIN people q ON q.firm = f.id WHERE q.id = p.id)").Refused("public.people.nick"),
		S("UPDATE people p SET nick = (SELECT p.name FROM firms f WHERE f.state = 's')"), all, S("UPDATE people p SET nick = (SELECT p.name FROM firms f WHERE f.id = p.id + 1)"), all,
		S("WITH f AS (SELECT 1 AS id, 'x'::text AS name) UPDATE people p SET nick = (SELECT firms.name FROM firms WHERE firms.id = p.id)"), all,
		S("BEGIN"), S("UPDATE firms SET name = 'new' WHERE id = 1"), S("UPDATE people p SET name = (SELECT f.name FROM firms f WHERE f.id = p.firm)"), S("COMMIT"), all)
}
