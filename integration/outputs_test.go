package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"pgseal/integration/harness"
)

// Outputs can be computed of sealed values, as applications join names and multiply
// prices in their queries.
func TestComputedOutputs(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	pair.SameIn(t, formulaModes,
		S("SET timezone = 'Europe/Berlin'"),
		S(accountRows),
		S("SELECT name || ' ' || label, n + 1 AS more, id FROM accounts ORDER BY id"),
		S("SELECT (a.name) || a.id::text FROM accounts a ORDER BY a.id"),
		S("SELECT a.n + a.plain, a.n * a.id AS \"Of all\", price * n total, free / 3, r + d, big - small FROM accounts a ORDER BY a.id"),
		S("SELECT name || $1, n + $2, $3 || label, price * $4, day + $5::int, $6 - n FROM accounts ORDER BY id", " & co", "1", "x", "1.5", "7", "3"),
		S("SELECT n + $1::bigint, price - $2::float8, n + CAST($3 AS numeric) FROM accounts ORDER BY id", "1", "0.1", "5"),
		S("SELECT name || $1 FROM accounts WHERE id = $2", nil, "1"),
		S("SELECT COALESCE(n, 0) + 1, COALESCE(name || 'x', 'nobody'), GREATEST(n, plain, 3), LEAST(day, '2024-01-01'), COALESCE(label, name), COALESCE(price, free) FROM accounts ORDER BY id"),
		S("SELECT NOT ok, -n, - price, n::text || '!', n::text, price::int, (price * 2)::numeric(12,1), name::varchar(2) || label, at::date + 1 FROM accounts ORDER BY id"),
		S("SELECT day + 1, day - $1::int, at + interval '1 month', atz + '1 day'::interval, gap + gap, day + gap FROM accounts ORDER BY id", "40"),
		S("SELECT n * interval '1 day 2 hours', interval '-1 month' * small, atz + n * interval '1 day', gap * 2, 3 * gap, gap * '4', at + interval '1 day' * (day - date '2024-01-01') FROM accounts ORDER BY id"),
		S("SELECT gap * $1, plain * gap, gap * NULL FROM accounts ORDER BY id", "5"), S("SELECT id FROM accounts WHERE day + n * interval '1 day' > '2024-02-01' ORDER BY n * gap, id"),
		S("SELECT big * gap FROM accounts WHERE id = 1").Fails("22008"), S("SELECT gap * 1.5 FROM accounts WHERE id = 1").Refused("whole numbers"), S("SELECT gap / 2 FROM accounts").Refused("public.accounts.gap"),
		S("SELECT x.name || y.name, x.n - y.n FROM accounts x JOIN accounts y ON x.id <= y.id ORDER BY x.id, y.id"),
		S("SELECT x.name || 'é', y.id FROM accounts y LEFT JOIN accounts x ON x.id = y.id AND x.id = 1 ORDER BY y.id"),
		S("SELECT q.name || '!', q.m + 1 FROM (SELECT name, n AS m, id FROM accounts) q ORDER BY q.id"),
		S("WITH q AS (SELECT name, id FROM accounts WHERE id = 1) SELECT q.name || '!', n + 1 FROM q JOIN accounts USING (id)"),
		S("SELECT name || label, name, count(*) OVER () FROM accounts ORDER BY id LIMIT 1"),
		S("SELECT id, n + 1 FROM accounts GROUP BY id ORDER BY id"),
		S("SELECT name || 'x' FROM accounts WHERE n = 40"),
		S("SELECT name || 'x' FROM accounts WHERE false"),
		S("SELECT n + 1 FROM accounts WHERE id = 1 FOR UPDATE"),
		// Functions.
		S("SELECT concat(name, ' ', n, NULL, day, price, ok), concat_ws(', ', name, label, plain), upper(name), lower(name) || '!', length(name), char_length(pad) FROM accounts ORDER BY id"),
		S("SELECT left(name, 1) || '.', substring(name from 2 for 1), substr(name, $1), trim(both 'n' from name), lpad(n::text, 8, '0'), position('n' in name), replace(name, 'n', 'm') FROM accounts ORDER BY id", "2"),
		S("SELECT round(price * 1.19, 2), round(price), abs(-n), floor(d * 10), ceil(free), n % 7, mod(n, 7), trunc(price, 1), round(n / 3.0, $1) FROM accounts ORDER BY id", "3"),
		S("SELECT extract(year from day), extract(month from at), EXTRACT(hour FROM atz), date_part('dow', day), date_trunc('month', at), date_trunc('day', atz), date_trunc('year', day), extract(epoch from atz) FROM accounts ORDER BY id"),
		S("SELECT to_char(at, 'YYYY-MM-DD HH24:MI:SS'), to_char(atz, $1), to_char(day, 'DD Mon YYYY'), to_char(at, 'Day, FMMonth') IS NULL FROM accounts ORDER BY id", "HH12:MI AM").Refused("in this format"),
		S("SELECT to_char(at, 'YYYY-MM-DD HH24:MI:SS'), to_char(atz, $1), to_char(day, 'DD Mon YYYY') FROM accounts ORDER BY id", "HH12:MI AM"),
		S("SELECT (atz AT TIME ZONE 'UTC')::date, at AT TIME ZONE 'America/New_York', date_trunc('day', atz AT TIME ZONE 'Europe/Berlin') FROM accounts ORDER BY id"),
		S("SELECT upper(left(name, 1)) || lower(substr(name, 2)), COALESCE(upper(label), 'none') AS \"Label\" FROM accounts ORDER BY id"),
		S("SELECT split_part(name, ',', 0) FROM accounts WHERE id = 1").Fails("22023"),
		S("SELECT round(name) FROM accounts WHERE id = 1").Fails("42883"),
		S("UPDATE accounts SET name = upper(left(name, 1)) || substr(name, 2), label = lpad(label, 3, '-'), price = round(price * 1.1, 1), at = date_trunc('month', at) WHERE id = 1 RETURNING name, label, price, at"),
		S("UPDATE accounts SET n = abs(n - $1) + length(name), other = concat(name, ' & ', $2::text) WHERE plain = 1", "50", "sons"),
		S("SELECT n, other FROM accounts ORDER BY id"),
		// Conditions.
		S("SELECT n > 10, n <= $1, price = 19.99, day < '2024-02-01', at - atz, day - '2024-01-01', big <> 9000000000, small BETWEEN 1 AND 9, small IN (7, 8), NOT small IN (3), price NOT BETWEEN $2 AND 30, n NOT IN (1, 40) AND price > 0, other IN ('x', 'y') FROM accounts ORDER BY id", "40", "5"),
		S("SELECT n > 10, n <= $1, price = 19.99, day < '2024-02-01', at - atz, day - '2024-01-01'::date, big <> 9000000000, name = other, n > 3 AND ok, n IS NULL OR n < 5 FROM accounts ORDER BY id", "40"),
		S("SELECT CASE WHEN n > 10 THEN name WHEN n IS NULL THEN 'none' ELSE other END, CASE WHEN price > $1 THEN 'dear' ELSE 'cheap' END, CASE WHEN n > 1 THEN n * 2 END, CASE n % 2 WHEN 0 THEN 'even' WHEN 1 THEN 'odd' END FROM accounts ORDER BY id", "10"),
		S("SELECT CASE WHEN n > $1 THEN label END, CASE WHEN n > $1 THEN price ELSE n END, CASE WHEN n > $1 OR ok THEN label ELSE label END FROM accounts ORDER BY id", nil),
		S("SELECT CASE WHEN n > $1 THEN label END, CASE WHEN n > $1 THEN price ELSE n END, CASE WHEN n > $1 OR ok THEN label ELSE label END FROM accounts ORDER BY id", "1"),
		S("SELECT CASE WHEN id = 1 THEN 1 / (n - n) ELSE 0 END FROM accounts WHERE id = 2"),
		S("SELECT CASE WHEN n > 10 AND plain > 0 THEN 'x' END, id || name, name || n, day || '!' FROM accounts ORDER BY id"),
		S("SELECT CASE WHEN false THEN n / 0 ELSE n + 1 END, CASE WHEN n > 0 THEN 1 / 0 END FROM accounts WHERE false").Fails("22012"),
		S("UPDATE accounts SET n = CASE WHEN n > 10 THEN n - 10 ELSE 0 END, ok = n > 5 AND ok WHERE id = 1 RETURNING n, ok"),
		// Errors come with the row, as from the server.
		S("SELECT n / (plain - 1) FROM accounts ORDER BY id").Fails("22012"),
		S("SELECT n / 0 FROM accounts WHERE false"),
		S("SELECT n + (1 / 0) FROM accounts WHERE false").Fails("22012"),
		S("SELECT n + 2147483647 FROM accounts WHERE id = 1").Fails("22003"),
		S("SELECT name::int FROM accounts WHERE id = 1").Fails("22P02"),
		S("SELECT n + $1 FROM accounts", "many").Fails("22P02"),
		S("SELECT n + 'x' FROM accounts WHERE false").Fails("22P02"),
		S("BEGIN"),
		S("SELECT n / (plain - 1) FROM accounts WHERE id = 1").Fails("22012"),
		S("SELECT 1").Fails("25P02"),
		S("ROLLBACK"),
		S("SELECT n + 1 FROM accounts WHERE id = 1"))
	pair.SameIn(t, []harness.Mode{harness.Unnamed, harness.PreparedBinary},
		S("SELECT concat($1, name) FROM accounts", "x").Fails("42P18"))
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary},
		S(accountRows),
		S("SELECT name || 'x' AS x FROM accounts ORDER BY x"),
		S("SELECT name || 'x' FROM accounts ORDER BY 1"),
		S("SELECT name || 'x' FROM accounts GROUP BY 1").Unordered(),
		// What the planner makes of these has another length.
		S("SELECT CASE WHEN n > 1 OR 5 IS NOT NULL THEN price ELSE free END FROM accounts").Refused("public.accounts.n"),
		S("SELECT CASE WHEN n > NULL::int THEN n ELSE price END FROM accounts").Refused("public.accounts.n"),
		S("SELECT DISTINCT name || 'x' FROM accounts").Unordered(),
		S("SELECT name || 'x' FROM accounts UNION ALL SELECT 'y'").Refused("public.accounts.name"),
		S("SELECT (SELECT name || 'x' FROM accounts LIMIT 1)").Unordered(),
		S("SELECT id FROM accounts WHERE quote_ident(name) = 'Ann'").Refused("public.accounts.name"),
		S("UPDATE accounts SET n = 1 WHERE id = 1 RETURNING n + 1").Refused("public.accounts.n"),
		S("WITH w AS (INSERT INTO accounts (id, n) VALUES (9, 1) RETURNING n) SELECT n + 1 FROM w").Refused("public.accounts.n"),
		S("CREATE TABLE made AS SELECT name || 'x' FROM accounts").Refused("public.accounts.name"),
		S("PREPARE p AS SELECT name || 'x' FROM accounts").Refused("public.accounts.name"),
		S("SELECT name || 'x', * FROM accounts ORDER BY id"),
		S("SELECT id FROM accounts ORDER BY id"))
}

// A query around another shows its outputs, or counts its rows, as ORMs and
// paginators let it. What the server has in the place of a value is good for nothing else.
func TestComputedOutputsOfSubqueries(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	pair.SameIn(t, formulaModes,
		S(accountRows),
		S("SELECT * FROM (SELECT name || 'x', id FROM accounts) q ORDER BY id"),
		S("SELECT q.full, q.id, q.full AS again, q.more FROM (SELECT name || ' & co' AS full, n + $1 AS more, id FROM accounts) q WHERE q.id < $2 ORDER BY q.id LIMIT 3", "5", "9"),
		S("SELECT (q).*, q.id + 1 FROM (SELECT upper(name) AS u, id FROM accounts) q ORDER BY id"),
		S("SELECT q.* FROM (SELECT * FROM (SELECT concat(name, ' ', label) c, price * 2 AS twice, id FROM accounts) a) q (a, b, c) ORDER BY q.c"),
		S("WITH q AS (SELECT upper(name) AS u, id FROM accounts), r (v, w) AS (SELECT u, id FROM q) SELECT q.u, r.v FROM q JOIN r ON r.w = q.id ORDER BY q.id"),
		S("WITH q AS MATERIALIZED (SELECT name || $1 AS u, id FROM accounts ORDER BY id LIMIT 1) SELECT a.id, q.u FROM accounts a LEFT JOIN q USING (id) ORDER BY a.id", "x"),
		S("SELECT a.id, q.c, q.n FROM accounts a LEFT JOIN (SELECT COALESCE(name || 'x', 'none') AS c, n, id FROM accounts WHERE id = 1) q ON q.id = a.id ORDER BY a.id"),
		S("SELECT a.id, q.c FROM accounts a, LATERAL (SELECT a.name || b.label AS c FROM accounts b WHERE b.id = a.id) q ORDER BY a.id"),
		S("SELECT a.id, q.d FROM (SELECT id, name || 'x' AS c FROM accounts) a, LATERAL (SELECT a.c AS d) q ORDER BY a.id"),
		S("SELECT count(*) FROM (SELECT name || $1 AS full, n + $2 AS m FROM accounts) q", "x", "1"),
		S("SELECT count(*) AS count FROM (SELECT concat(name, ' ', label) AS one FROM accounts LIMIT 1 OFFSET 1) subquery_for_count"),
		S("SELECT q.id FROM (SELECT id, name || 'x' AS c FROM accounts) q WHERE EXISTS (SELECT 1 FROM accounts b WHERE b.id = q.id) ORDER BY q.id"),
		S("SELECT count(q) FROM (SELECT id, name || 'x' AS c FROM accounts) q"),
		S("SELECT q.id FROM (SELECT id, 1 / (n - n) AS c FROM accounts) q ORDER BY q.id"),
		S("SELECT q.c FROM (SELECT id, 1 / (n - n) AS c FROM accounts) q WHERE q.id = 1").Fails("22012"),
		S("SELECT count(*) FROM (SELECT n + 'x' AS c FROM accounts) q").Fails("22P02"),
		S("SELECT count(*) FROM (SELECT n + $1 AS c FROM accounts) q", "x").Fails("22P02"),
		S("SELECT count(*) FROM (SELECT name + n AS c FROM accounts) q").Fails("42883"),
		S("SELECT q.none FROM (SELECT name || 'x' AS c FROM accounts) q").Fails("42703"),
		// What is computed can be computed with.
		S("SELECT count(q.c), count(*), string_agg(q.c, ', '), sum(q.m), max(q.m + q.id), count(*) FILTER (WHERE q.c = 'annx') FROM (SELECT name || label AS c, n + 1 AS m, id FROM accounts) q"),
		S("SELECT q.c IS NULL, q.c IS NOT NULL, COALESCE(q.c, 'none'), upper(q.c), q.c || $1, q.c::varchar(3), q.c = 'annx', q.c IN ('annx', 'x'), CASE WHEN q.id = 1 THEN q.c END, length(q.c), concat(q.c, q.c), q.m * 2 FROM (SELECT name || label AS c, n + $2 AS m, id FROM accounts) q ORDER BY q.id", "!", "7"),
		S("SELECT a.id, q.t IS NULL, q.t + 1, COALESCE(q.t, 0) FROM accounts a LEFT JOIN (SELECT id, sum(n) AS t FROM accounts WHERE id = 1 GROUP BY id) q ON q.id = a.id ORDER BY a.id"),
		S("SELECT sum(q.t), avg(q.t), count(q.t) FROM (SELECT plain, sum(n) AS t FROM accounts GROUP BY plain) q"),
		S("WITH q AS (SELECT id, price * n AS total FROM accounts), r AS (SELECT id, total * 2 AS twice FROM q) SELECT sum(total), max(twice), round(sum(twice) / count(*), 1) FROM q JOIN r USING (id)"),
		S("SELECT q.c FROM (SELECT p.c || '!' AS c, p.id FROM (SELECT name || 'x' AS c, id FROM accounts) p) q ORDER BY q.id"),
		S("SELECT q.c || p.c FROM (SELECT name || 'x' AS c, id FROM accounts) q JOIN (SELECT label || 'y' AS c, id FROM accounts) p USING (id) ORDER BY id"),
		S("SELECT q.c LIKE 'ann%', GREATEST(q.c, 'x') FROM (SELECT name || label AS c, id FROM accounts) q ORDER BY q.c, upper(q.c)"),
		S("WITH q AS (SELECT name || label AS c, id FROM accounts) SELECT q.c AS x FROM q WHERE q.c > 'a' ORDER BY x DESC"),
		S("SELECT 1 FROM (SELECT label || 'x' = 'y' AS b, id FROM accounts) q WHERE NOT q.b AND id > 0"),
		S("SELECT min(q.c) FROM (SELECT name || label AS c, id FROM accounts) q"),
		S("SELECT q.c, count(*), count(DISTINCT q.c) FROM (SELECT name || label AS c, id FROM accounts) q GROUP BY q.c ORDER BY min(q.id)"),
		S("SELECT q.id, lag(q.c) OVER (ORDER BY q.id DESC), count(*) OVER (PARTITION BY q.c), rank() OVER (ORDER BY length(q.c)) FROM (SELECT name || label AS c, id FROM accounts) q ORDER BY q.id"),
		S("SELECT ARRAY[q.c, $1] FROM (SELECT name || label AS c, id FROM accounts) q ORDER BY q.id", "x"),
		S("SELECT upper(q.none) FROM (SELECT name || 'x' AS c FROM accounts) q").Fails("42703"),
		S("SELECT 1 / (q.m - q.m) FROM (SELECT n + 1 AS m FROM accounts) q").Fails("22012"))
	for _, m := range []harness.Mode{harness.Simple, harness.PreparedBinary} {
		steps := []harness.Step{S(accountRows)}
		for _, use := range []string{
			"array_agg(q.c)", "ROW(q.c)", "ROW(q.*)", "json_agg(q)", "row_to_json(q)", "to_jsonb(q.c)", "json_build_object('c', q.c)",
			"q IS NULL", "q IS NOT NULL", "(q.c, 1) IS NULL", "q", "(q).c", "c(q)",
			"ARRAY(SELECT q.c)", "1 IN (SELECT length(q.c))", "'x' IN (SELECT q.c)", "EXISTS (SELECT WHERE q.c = 'x')",
			"pg_typeof(q.c)", "hashtext(q.c)", "quote_ident(q.c)", "quote_nullable(q.c)",
			"DISTINCT ON (q.c) q.id",
		} {
			of := "(SELECT name || label AS c, id FROM accounts) q"
			outputs, behind, _ := strings.Cut(use, " ORDER BY")
			if behind != "" {
				behind = " ORDER BY" + behind
			}
			if before, group, ok := strings.Cut(outputs, " GROUP BY"); ok {
				outputs, behind = before, " GROUP BY"+group+behind
			}
			steps = append(steps, S("SELECT "+outputs+" FROM "+of+behind).Refused(""))
			steps = append(steps, S("WITH q AS (SELECT name || label AS c, id FROM accounts) SELECT "+outputs+" FROM q"+behind).Refused(""))
		}
		for _, text := range []string{
			"SELECT 1 FROM (SELECT name || 'x' AS c FROM accounts) q JOIN (SELECT label AS c FROM accounts) r USING (c)",
			"SELECT 1 FROM (SELECT name || 'x' AS c FROM accounts) q NATURAL JOIN (SELECT name || 'x' AS c FROM accounts) r",
			"SELECT c FROM (SELECT name || 'x' AS c FROM accounts) q UNION ALL SELECT 'x'",
			"SELECT * FROM (SELECT name || 'x' AS c FROM accounts) q UNION SELECT * FROM (SELECT name || 'x' AS c FROM accounts) q",
			"SELECT * FROM (SELECT name || 'x' FROM accounts UNION ALL SELECT name || 'x' FROM accounts) q",
			"WITH q AS (SELECT name || 'x' AS c FROM accounts) SELECT 1 WHERE 'x' IN (SELECT c FROM q)",
			"WITH q AS (SELECT name || 'x' AS c FROM accounts) SELECT 1 WHERE 'x' IN (TABLE q)",
			"WITH q AS (SELECT name || 'x' AS c FROM accounts) SELECT 1 WHERE EXISTS (SELECT * FROM q WHERE c IS NULL)",
			"WITH RECURSIVE q AS (SELECT id, name || 'x' AS c FROM accounts UNION ALL SELECT id + 1, c FROM q WHERE id < 3) SELECT c FROM q",
			"INSERT INTO accounts (id, name) SELECT id + 100, c FROM (SELECT id, name || 'x' AS c FROM accounts) q",
			"WITH q AS (SELECT id, name || 'x' AS c FROM accounts) INSERT INTO accounts (id, name) SELECT id + 100, c FROM q",
			"UPDATE accounts SET name = q.c FROM (SELECT id, name || 'x' AS c FROM accounts) q WHERE q.id = accounts.id",
			"DELETE FROM accounts USING (SELECT id, name || 'x' AS c FROM accounts) q WHERE q.id = accounts.id RETURNING q.c",
			"WITH d AS (DELETE FROM accounts WHERE id = 1 RETURNING id) SELECT * FROM (SELECT name || 'x' FROM accounts) q",
			"CREATE TABLE made AS SELECT * FROM (SELECT name || 'x' AS c FROM accounts) q",
			"SELECT * INTO made FROM (SELECT name || 'x' AS c FROM accounts) q",
			"CREATE VIEW made AS SELECT * FROM (SELECT name || 'x' AS c FROM accounts) q",
		} {
			steps = append(steps, S(text).Refused(""))
		}
		pair.SameIn(t, []harness.Mode{m}, append(steps,
			S("SELECT 1 FROM (SELECT name || 'x' AS c FROM accounts) q JOIN accounts r ON r.name = q.c"),
			S("SELECT * FROM (SELECT name || 'x', * FROM accounts) q ORDER BY id"))...)
	}
}

// Cursors give computed outputs, as drivers and ORMs read large results.
func TestComputedOutputsOfCursors(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	pair.SameIn(t, formulaModes,
		S(accountRows),
		S("BEGIN"),
		S("DECLARE c SCROLL CURSOR FOR SELECT name || ' & co', n + $1 AS more, id, day, concat(label, $2::text) FROM accounts ORDER BY id", "5", "é"),
		S("DECLARE \"Other\" CURSOR FOR SELECT * FROM (SELECT upper(name) u, price * $1 AS p, id FROM accounts) q ORDER BY id", "2.5"),
		S("FETCH 1 FROM c"),
		S("FETCH ALL FROM \"Other\""),
		S("FETCH NEXT FROM c"),
		S("FETCH NEXT FROM c"),
		S("FETCH PRIOR FROM c"),
		S("MOVE FIRST IN c"),
		S("FETCH RELATIVE 0 FROM c"),
		S("CLOSE c"),
		S("DECLARE c CURSOR FOR SELECT left(name, 1), label FROM accounts ORDER BY id"),
		S("FETCH ALL FROM c"),
		S("CLOSE ALL"),
		S("SAVEPOINT s"),
		S("DECLARE c CURSOR FOR SELECT n + 'x' FROM accounts").Fails("22P02"),
		S("ROLLBACK TO s"),
		S("DECLARE held CURSOR WITH HOLD FOR SELECT name || $1, id FROM accounts ORDER BY id", "!"),
		S("DECLARE here CURSOR FOR SELECT id, name || 'x' FROM accounts WHERE id = 1 FOR UPDATE"),
		S("FETCH 1 FROM here"),
		S("UPDATE accounts SET label = 'here' WHERE CURRENT OF here"),
		S("COMMIT"),
		S("FETCH 1 FROM held"),
		S("FETCH ALL FROM held"),
		S("CLOSE held"),
		S("SELECT label FROM accounts ORDER BY id"))
	// In a Query PostgreSQL says so before it describes the rows.
	pair.SameIn(t, []harness.Mode{harness.Unnamed, harness.PreparedBinary},
		S(accountRows),
		S("BEGIN"),
		S("SAVEPOINT s"),
		S("DECLARE c CURSOR FOR SELECT n / (plain - $1), id FROM accounts ORDER BY id DESC", "1"),
		S("FETCH 1 FROM c"),
		S("FETCH 1 FROM c").Fails("22012"),
		S("ROLLBACK TO s"),
		S("FETCH 1 FROM c").Fails("34000"),
		S("ROLLBACK"))
}

// COPY of a query gives computed outputs in all formats.
func TestComputedOutputsOfCopies(t *testing.T) {
	c := newCopySides(t, formulaSchema)
	c.pair.SameIn(t, []harness.Mode{harness.Simple}, S(accountRows), S(`UPDATE accounts SET label = e'a\t"b",\\c\nd' WHERE id = 1`))
	for _, options := range []string{"", " (FORMAT csv, HEADER, FORCE_QUOTE *)", " (FORMAT csv, NULL '-')", " (FORMAT binary)", " (NULL 'none', DELIMITER '|')"} {
		c.out("COPY (SELECT name || ' & \"co\"', n + 1 AS more, id, day + 7, concat(label), lower(label), left(name, 0), price * n, ok AND n > 1, label FROM accounts ORDER BY id) TO STDOUT" + options)
		c.out("COPY (SELECT day::text, n::bigint, n::varchar(1), name::varchar, label::text, (atz AT TIME ZONE 'UTC')::date, at::date, ok::text FROM accounts ORDER BY id) TO STDOUT" + options)
		c.out("COPY (SELECT upper(name) u FROM accounts ORDER BY id) TO STDOUT" + options)
		c.out("COPY (SELECT u, label, upper(label) FROM (SELECT id, left(name, 0) || label u, label FROM accounts) q ORDER BY id) TO STDOUT" + options)
		c.out("COPY (SELECT id, 1 / (n - n) FROM accounts WHERE id = 1) TO STDOUT" + options)
		c.out("COPY (SELECT n + 'x' FROM accounts) TO STDOUT" + options)
	}
	big := strings.Repeat(c.pair.Env.Canaries.Text(), 100_000)
	c.pair.SameIn(t, []harness.Mode{harness.Simple}, S("INSERT INTO accounts (id, other, label) VALUES (1, '"+big+"', 'x'), (2, NULL, NULL)"))
	c.out("COPY (SELECT id, other || 'x', other, label FROM accounts ORDER BY id) TO STDOUT")
	c.out("COPY (SELECT id, other || 'x', other, label FROM accounts ORDER BY id) TO STDOUT (FORMAT binary)")
}

// What outputs are computed with, and what they come to, the server does not see. FETCH
// shows it from a portal of the protocol, too.
func TestComputedOutputsAreNotSeen(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	w := pair.Env.Canaries
	rows := []harness.Step{S("INSERT INTO accounts (id, name, other) VALUES (1, $1, $2)", w.Text(), w.Text())}
	for range 400 { // a large answer, which comes in binary the next time
		rows = append(rows, S("INSERT INTO accounts (id, name, other) SELECT max(id) + 1, $1, $2 FROM accounts", strings.Repeat(w.Text(), 20), w.Text()))
	}
	pair.SameIn(t, []harness.Mode{harness.PreparedBinary}, append(rows,
		S("SELECT name || $1, upper(other) || $2 FROM accounts ORDER BY id", w.Text(), w.Text()),
		S("SELECT concat(name, $1::text), CASE WHEN other = $2 THEN $3 ELSE $4 END FROM accounts ORDER BY id", w.Text(), w.Text(), w.Text(), w.Text()))...)
	literal := "SELECT name || '" + w.Text() + "', left(other, 3) || id FROM accounts ORDER BY id"
	pair.SameIn(t, []harness.Mode{harness.Simple}, append(rows, S(literal), S(literal), S(literal), S("SELECT replace(name, '"+w.Text()+"', $1) FROM accounts WHERE id < 5", w.Text()))...)

	// Nor in aggregates, queries in FROM, cursors and copies.
	mine := w.Text()
	pair.SameIn(t, []harness.Mode{harness.Unnamed, harness.PreparedBinary}, append(rows,
		S("SELECT string_agg(name || $1, $2 ORDER BY id), count(*) FILTER (WHERE other || $3 = $4) FROM accounts WHERE id < 5", w.Text(), w.Text(), w.Text(), w.Text()),
		S("SELECT count(*) FROM (SELECT name || $1 AS c FROM accounts) q", w.Text()),
		S("SELECT q.c || $2, upper(q.c) FROM (SELECT id, left(name, 3) || $1 AS c FROM accounts) q WHERE id < 5 ORDER BY id", w.Text(), w.Text()),
		S("EXPLAIN (COSTS OFF) SELECT name || $1 FROM accounts", w.Text()),
		S("SELECT id FROM accounts WHERE id < 5 ORDER BY length(other || $1) DESC, name = $2, id LIMIT $3", w.Text(), w.Text(), "3"),
		S("SELECT plain, count(*) FROM accounts GROUP BY plain HAVING string_agg(name || $1, ',') <> $2 ORDER BY max(length(other || $3))", w.Text(), w.Text(), w.Text()),
		S("SELECT id FROM accounts WHERE name LIKE $1 || '%' OR other > $2 OR other ILIKE $3 ORDER BY GREATEST(name, $4), id", w.Text(), w.Text(), w.Text(), w.Text()),
		S("SELECT left(other || $1, 90) AS k, count(*) FILTER (WHERE name = $2) FROM accounts WHERE id < 9 AND other < $3 GROUP BY k HAVING max(name) <> $4 ORDER BY min(id)", w.Text(), w.Text(), w.Text(), w.Text()),
		S("UPDATE accounts SET plain = 1 WHERE name LIKE '%' || $1 AND id < 9", w.Text()),
		S("UPDATE accounts SET other = name || $1 WHERE other > $2 AND name <> $3 AND id < 9", w.Text(), w.Text(), w.Text()),
		S("DELETE FROM accounts WHERE other BETWEEN $1 AND $2 AND id < 9", w.Text(), w.Text()),
		S("BEGIN"),
		S("DECLARE c CURSOR FOR SELECT name || $1, id FROM accounts ORDER BY id", w.Text()),
		S("FETCH 2 FROM c"),
		S("COMMIT"))...)
	pair.SameIn(t, []harness.Mode{harness.Simple}, append(rows,
		S("SELECT string_agg(name || '"+mine+"', '"+mine+"' ORDER BY id), count(*) FILTER (WHERE other || '"+mine+"' = '"+mine+"') FROM accounts WHERE id < 5"),
		S("SELECT count(*) FROM (SELECT name || '"+mine+"' AS c FROM accounts) q"),
		S("COPY (SELECT name || '"+mine+"' FROM accounts) TO STDOUT"),
		S("SELECT id FROM accounts WHERE id < 5 ORDER BY length(other || '"+mine+"') DESC, name = '"+mine+"', id LIMIT 3"),
		S("SELECT plain, count(*) FROM accounts GROUP BY plain HAVING string_agg(name || '"+mine+"', ',') <> '"+mine+"' ORDER BY max(length(other || '"+mine+"'))"),
		S("SELECT id FROM accounts WHERE name LIKE '"+mine+"%' OR other > '"+mine+"' OR other ILIKE '"+mine+"' ORDER BY GREATEST(name, '"+mine+"'), id"),
		S("SELECT left(other || '"+mine+"', 90) AS k, count(*) FILTER (WHERE name = '"+mine+"') FROM accounts WHERE id < 9 AND other < '"+mine+"' GROUP BY k HAVING max(name) <> '"+mine+"' ORDER BY min(id)"),
		S("SELECT id FROM accounts WHERE id < 9 ORDER BY name = '"+mine+"', CASE WHEN name IN ('"+mine+"', 'x') THEN 1 END, name IS DISTINCT FROM '"+mine+"', length(other), id"),
		S("UPDATE accounts SET plain = 1 WHERE name LIKE '%"+mine+"' AND id < 9"),
		S("UPDATE accounts SET other = name || '"+mine+"' WHERE other > '"+mine+"' AND name <> '"+mine+"' AND id < 9"),
		S("DELETE FROM accounts WHERE other BETWEEN '"+mine+"' AND '"+mine+"' AND id < 9"),
		S("BEGIN"),
		S("DECLARE c CURSOR FOR SELECT name || '"+mine+"', id FROM accounts ORDER BY id"),
		S("FETCH 2 FROM c"),
		S("COMMIT"))...)

	conn := raw(t, pair.URL())
	front := conn.Frontend()
	for _, m := range []pgproto3.FrontendMessage{
		&pgproto3.Query{String: "BEGIN"},
		&pgproto3.Parse{Query: "SELECT left(name, 0) || $1 FROM accounts"},
		&pgproto3.Bind{DestinationPortal: "p", Parameters: [][]byte{[]byte("mine")}},
		&pgproto3.Sync{},
		&pgproto3.Query{String: "FETCH 1 FROM p"},
		&pgproto3.Query{String: "ROLLBACK"},
		&pgproto3.Query{String: "SELECT left(name, 0) FROM accounts LIMIT 1"},
	} {
		front.Send(m)
	}
	if err := front.Flush(); err != nil {
		t.Fatal(err)
	}
	var codes, values []string
	for ready := 0; ready < 5; {
		m, err := front.Receive()
		if err != nil {
			t.Fatal(err)
		}
		switch m := m.(type) {
		case *pgproto3.ErrorResponse:
			codes = append(codes, m.Code)
		case *pgproto3.DataRow:
			values = append(values, string(m.Values[0]))
		case *pgproto3.ReadyForQuery:
			ready++
		}
	}
	if len(codes) > 0 || strings.Join(values, "|") != "mine|" {
		t.Errorf("FETCH from a portal gave errors %q and rows %q", codes, values)
	}
}

// A portal computes with the parameters that it was bound with, however its rows are
// fetched.
func TestComputedOutputsOfPortals(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	pair.SameIn(t, []harness.Mode{harness.Simple}, S(accountRows))
	var answers []string
	for _, url := range []string{pair.TwinURL(), pair.URL()} {
		front := raw(t, url).Frontend()
		for _, m := range []pgproto3.FrontendMessage{
			&pgproto3.Query{String: "BEGIN"},
			&pgproto3.Parse{Name: "s", Query: "SELECT COALESCE(name, 'nobody') || $1, n + $2::int FROM accounts ORDER BY id"},
			&pgproto3.Bind{PreparedStatement: "s", DestinationPortal: "p", Parameters: [][]byte{[]byte(" one"), []byte("1")}},
			&pgproto3.Bind{PreparedStatement: "s", DestinationPortal: "q", Parameters: [][]byte{[]byte(" two"), nil}, ResultFormatCodes: []int16{1}},
			&pgproto3.Describe{ObjectType: 'P', Name: "q"},
			&pgproto3.Execute{Portal: "p", MaxRows: 1},
			&pgproto3.Execute{Portal: "q", MaxRows: 1},
			&pgproto3.Execute{Portal: "p"},
			&pgproto3.Execute{Portal: "q"},
			&pgproto3.Sync{},
			&pgproto3.Query{String: "COMMIT"},
		} {
			front.Send(m)
		}
		if err := front.Flush(); err != nil {
			t.Fatal(err)
		}
		var answer strings.Builder
		for ready := 0; ready < 3; {
			m, err := front.Receive()
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&answer, "%T", m)
			switch m := m.(type) {
			case *pgproto3.DataRow:
				fmt.Fprintf(&answer, " %q", m.Values)
			case *pgproto3.ErrorResponse:
				t.Errorf("%s: %s", m.Code, m.Message)
			case *pgproto3.ReadyForQuery:
				ready++
			}
			answer.WriteByte('\n')
		}
		answers = append(answers, answer.String())
	}
	if answers[0] != answers[1] || !strings.Contains(answers[0], "ann two") {
		t.Errorf("plain:\n%s\nsealed:\n%s", answers[0], answers[1])
	}
}
