package integration

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"pgseal/integration/harness"
)

// Rows are sorted by sealed values, and by what is computed of them, as lists and reports
// ask for them. Equal rows are told apart by the last key, as the server gives no order to
// them.
func TestSortedBySealedValues(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	steps := []harness.Step{S("SET timezone = 'Europe/Berlin'"), S(aggregateRows)}
	for _, of := range []string{"n", "small", "big", "price", "free", "r", "d", "day", "at", "atz", "gap", "ok", "a.n * 2", "-price", "price + n"} {
		steps = append(steps,
			S("SELECT id, n FROM accounts a ORDER BY "+of+", id"),
			S("SELECT id FROM accounts a ORDER BY "+of+" DESC, id DESC"),
			S("SELECT id FROM accounts a ORDER BY "+of+" ASC NULLS FIRST, id LIMIT 3"),
			S("SELECT id, name FROM accounts a ORDER BY "+of+" DESC NULLS LAST, id OFFSET 2"),
			S("SELECT id, name FROM accounts a ORDER BY plain DESC, "+of+", id LIMIT $1 OFFSET $2", "2", "1"))
	}
	pair.SameIn(t, formulaModes, append(steps,
		S("SELECT * FROM accounts ORDER BY price, id"),
		S("SELECT public.accounts.id, public.accounts.n + 1, upper(public.accounts.name) FROM public.accounts ORDER BY public.accounts.n DESC NULLS LAST, public.accounts.id"),
		S("SELECT accounts.plain, sum(public.accounts.n) FROM public.accounts WHERE public.accounts.price > 0 GROUP BY accounts.plain HAVING max(public.accounts.n) > 1 ORDER BY max(accounts.price), 1"),
		S("SELECT public.accounts.id FROM public.accounts WHERE public.accounts.n > $1 AND (public.accounts.plain = 1 OR public.accounts.name LIKE 'a%') ORDER BY id", "1"),
		S("SELECT count(*) FROM public.accounts WHERE public.accounts.name ILIKE '%N%'"),
		S("SELECT DISTINCT public.accounts.small AS x FROM public.accounts ORDER BY public.accounts.small"),
		S("UPDATE public.accounts SET label = 'q' WHERE public.accounts.n > 10 AND accounts.plain = 1"),
		S("SELECT max(gap), min(gap), max(ok::int), GREATEST(min(gap), '2 days') FROM accounts"),
		S("SELECT id, GREATEST(gap, '1 day', $1), gap < '1 mon', LEAST(ok, true), GREATEST(small::text, name) FROM accounts ORDER BY id", "2 days"),
		S("SELECT * FROM accounts ORDER BY plain, day DESC, id LIMIT 4"),
		S("SELECT a.*, a.n AS sealed FROM accounts a ORDER BY sealed NULLS FIRST, a.id"),
		S("SELECT id, price AS p FROM accounts WHERE id < $1 ORDER BY p, id", "5"),
		S("SELECT id, price * n AS total FROM accounts ORDER BY total DESC NULLS LAST, 1"),
		S("SELECT id, price * n FROM accounts ORDER BY 2, 1"),
		S("SELECT id, price FROM accounts ORDER BY price + $1::int, id LIMIT $2", "1", "2"),
		S("SELECT id, n FROM accounts ORDER BY small + big, price, id"),
		S("SELECT id FROM accounts ORDER BY n, name = 'ann', id FETCH FIRST 3 ROWS ONLY"),
		S("SELECT id FROM accounts ORDER BY n, id OFFSET 1 ROWS FETCH NEXT $1 ROWS ONLY", "2"),
		S("SELECT id, upper(name) FROM accounts ORDER BY at, id LIMIT $1", nil),
		S("SELECT id FROM accounts ORDER BY n, id LIMIT ALL OFFSET 0"),
		S("SELECT id FROM accounts ORDER BY n, id LIMIT 0"),
		S("SELECT id, random() > 2, pg_size_pretty(id::bigint) FROM accounts ORDER BY n, id LIMIT 1"),
		S("SELECT id, random() > 2 FROM accounts ORDER BY n, id"),
		S("SELECT id FROM accounts ORDER BY n, id OFFSET 100"),
		S("SELECT id FROM accounts WHERE false ORDER BY n, id LIMIT 1"),
		S("SELECT a.id, b.id FROM accounts a JOIN accounts b ON a.plain = b.plain ORDER BY a.n, b.price DESC, a.id, b.id LIMIT 7"),
		S("SELECT date_trunc('month', plain + '2024-01-31'::date) AS m, id FROM accounts ORDER BY m, plain, n DESC, id"),
		S("SELECT id FROM accounts ORDER BY (plain % 2) DESC NULLS FIRST, lower('A' || plain), n, id"),
		S("SELECT plain % 2 AS odd, id FROM accounts ORDER BY odd DESC, n, id"),
		S("SELECT id FROM accounts ORDER BY plain % 2 DESC, n, id"),
		S("SELECT id FROM accounts ORDER BY plain + random(), n, id").Refused("cannot be sorted by behind this expression"),
		S("SELECT id, ok FROM accounts ORDER BY n, ok, id"),
		S("SELECT count(*) FROM (SELECT id, name FROM accounts ORDER BY name, price, id LIMIT 4) AS q"),
		S("SELECT count(*) AS n FROM (SELECT plain, sum(n) AS total FROM accounts GROUP BY plain ORDER BY total) AS q"),
		S("SELECT count(*) FROM (SELECT id FROM accounts ORDER BY n + $1::int, label DESC OFFSET 2) q", "5"),
		S("SELECT count(*), max(id) FROM (SELECT id FROM accounts ORDER BY n LIMIT 1) q"),
		S("SELECT id FROM accounts ORDER BY n, id LIMIT $1", "-1").Fails("2201W"),
		S("SELECT id FROM accounts ORDER BY n, id OFFSET $1", "-1").Fails("2201X"),
		S("SELECT id FROM accounts ORDER BY 100 / small, id").Fails("22012"),
		S("SELECT id FROM accounts ORDER BY label::int, id").Fails("22P02"),
		S("SELECT id, 100 / small FROM accounts ORDER BY n, id LIMIT 1").Fails("22012"),
		S("SELECT missing FROM accounts ORDER BY n, id").Fails("42703"),
		S("SELECT id FROM accounts ORDER BY missing, n").Fails("42703"),
		S("SELECT plain FROM accounts GROUP BY plain ORDER BY n").Fails("42803"),
		S("SELECT plain, count(*) FROM accounts GROUP BY plain ORDER BY sum(n) DESC NULLS LAST, plain"),
	)...)
}

// Groups are filtered and sorted by aggregates.
func TestGroupsBySealedAggregates(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	pair.SameIn(t, formulaModes, []harness.Step{
		S(aggregateRows),
		S("SELECT plain, sum(n) AS total FROM accounts GROUP BY plain ORDER BY total DESC NULLS LAST, plain"),
		S("SELECT plain, sum(n) FROM accounts GROUP BY plain ORDER BY 2, 1 LIMIT $1", "2"),
		S("SELECT plain, avg(price) FROM accounts GROUP BY plain ORDER BY avg(price) NULLS FIRST"),
		S("SELECT plain FROM accounts GROUP BY plain ORDER BY sum(price * n) DESC, plain"),
		S("SELECT plain, count(*) FROM accounts GROUP BY plain ORDER BY max(day) FILTER (WHERE id > 1 AND plain < 3) DESC NULLS LAST, plain"),
		S("SELECT plain, sum(n) FROM accounts GROUP BY plain HAVING sum(n) > 0 ORDER BY plain"),
		S("SELECT plain, sum(n) FROM accounts GROUP BY plain HAVING sum(n) < $1 ORDER BY plain", "1"),
		S("SELECT plain FROM accounts GROUP BY plain HAVING sum(n) IS NULL"),
		S("SELECT plain, max(price), count(*) FROM accounts GROUP BY plain HAVING max(price) >= 0.01 AND count(*) > 1 ORDER BY max(price) DESC LIMIT 1"),
		S("SELECT plain, max(price) FROM accounts GROUP BY plain HAVING max(price) > 1 OR count(*) FILTER (WHERE id = 6) = 1 ORDER BY plain"),
		S("SELECT plain, 100 / sum(n) FROM accounts GROUP BY plain HAVING sum(n) > 0 ORDER BY plain"),
		S("SELECT plain, 100 / (sum(n) + 7) FROM accounts GROUP BY plain HAVING sum(n) > 0 ORDER BY plain"),
		S("SELECT plain, 100 / (sum(n) + 7) FROM accounts GROUP BY plain HAVING sum(n) < 0 ORDER BY plain").Fails("22012"),
		S("SELECT count(*) FROM accounts HAVING sum(n) > 0"),
		S("SELECT count(*) FROM accounts HAVING sum(n) > $1", "1000"),
		S("SELECT 1 FROM accounts HAVING sum(n) > 0"),
		S("SELECT name, count(*) FROM accounts GROUP BY name HAVING sum(n) > 1 ORDER BY count(*), sum(n)"),
		S("SELECT plain, string_agg(name, ',' ORDER BY id) FROM accounts GROUP BY plain HAVING bool_or(ok) ORDER BY min(day)"),
		S("SELECT plain, sum(n) FROM accounts GROUP BY ROLLUP (plain) HAVING sum(n) > 0 ORDER BY sum(n), plain"),
		S("SELECT n, count(*) FROM accounts GROUP BY n ORDER BY n"),
		S("SELECT n, count(*) FROM accounts GROUP BY n ORDER BY n DESC NULLS LAST LIMIT 2"),
		S("SELECT n, count(*) FROM accounts GROUP BY 1 ORDER BY 2 DESC, 1"),
		S("SELECT n * 2 AS twice, n + count(*), sum(price) FROM accounts GROUP BY n ORDER BY twice"),
		S("SELECT upper(name), name || '!', count(*), max(n) FROM accounts GROUP BY name ORDER BY count(*), min(id)"),
		S("SELECT n, name, count(*) FROM accounts WHERE id < $1 GROUP BY n, name HAVING n > 0 AND count(*) < 3 ORDER BY n, sum(id)", "5"),
		S("SELECT CASE WHEN n > 1 THEN 'many' ELSE 'few' END, count(*) FROM accounts GROUP BY n ORDER BY n"),
		S("SELECT n, name FROM accounts GROUP BY n, name, plain ORDER BY sum(price) NULLS FIRST, max(id)"),
		S("SELECT n, count(*) FROM accounts GROUP BY ROLLUP (n) ORDER BY n").Refused("cannot be used in ORDER BY"),
		S("SELECT plain, rank() OVER (ORDER BY count(*)) FROM accounts GROUP BY plain HAVING sum(n) > 0").Unordered(),
		S("SELECT plain, 100 / (plain - 2) FROM accounts GROUP BY plain HAVING sum(n) > 0").Unordered(),
		S("SELECT plain, pg_advisory_xact_lock(plain) FROM accounts GROUP BY plain HAVING sum(n) > 0").Refused("beside function pg_advisory_xact_lock"),
		S("SELECT plain AS from, sum(n) AS \"from\" FROM accounts GROUP BY plain HAVING sum(n) > 0"),
		S("SELECT plain, sum(n) FROM accounts GROUP BY plain HAVING n > 0").Fails("42803"),
		S("SELECT plain, sum(n) FROM accounts GROUP BY plain HAVING sum(n) + 1").Fails("42804"),
		S("SELECT plain, sum(n) FROM accounts GROUP BY plain HAVING 1 / (sum(n) + 7) > 0").Fails("22012"),
	}...)
}

// Rows are found by ranges of sealed values, and counted, in whole or by the page.
func TestFoundByRangesOfSealedValues(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	steps := []harness.Step{S("SET timezone = 'Europe/Berlin'"), S(aggregateRows)}
	for of, values := range map[string][2]string{"n": {"2", "40"}, "price": {"0.01", "19.995"}, "d": {"-1e10", "7"}, "day": {"2023-01-31", "2024-12-31"}, "at": {"2020-01-31 13:00", "2024-01-31 12:30"}, "gap": {"1 day", "1 mon"}, "plain - n": {"-8", "9"}} {
		for _, condition := range []string{"%s > $1", "%s >= $1 AND %[1]s < $2", "NOT %s <= $2", "%s BETWEEN $1 AND $2", "%s NOT BETWEEN $1 AND $2 OR %[1]s IS NULL", "$1 < %s AND plain = 1"} {
			where := fmt.Sprintf(condition, of)
			given := []any{values[0]}
			if where = strings.ReplaceAll(where, "$2 OR", "$2::"+rangeType(of)+" OR"); strings.Contains(where, "$2") {
				given = append(given, values[1])
			}
			if !strings.Contains(where, "$1") {
				where, given = strings.ReplaceAll(where, "$2", "$1"), given[1:]
			}
			steps = append(steps,
				S("SELECT id, name, n FROM accounts WHERE "+where+" ORDER BY id", given...),
				S("SELECT count(*) FROM accounts WHERE "+where, given...),
				S("SELECT * FROM accounts WHERE "+where+" ORDER BY "+of+" DESC, id LIMIT 2", given...))
		}
	}
	pair.SameIn(t, formulaModes, append(steps,
		S("SELECT id FROM accounts WHERE n > 1 AND name = 'ann' ORDER BY id"),
		S("SELECT id FROM accounts WHERE name = $1 AND (n > $2 OR price < 1) AND id < 4 ORDER BY id", "ann", "1"),
		S("SELECT count(*) AS many FROM accounts WHERE n > 1 AND id <> $1", "3"),
		S("SELECT count(*) FROM accounts WHERE n > 1000"),
		S("SELECT count(*) FROM accounts WHERE false AND n > 1"),
		S("SELECT id FROM accounts WHERE n > 1000"),
		S("SELECT id FROM accounts WHERE n > 0 ORDER BY id OFFSET 1 LIMIT $1", "1"),
		S("SELECT id, 100 / (n - 2) FROM accounts WHERE n > 2"),
		S("SELECT id, 100 / (n - 2) FROM accounts WHERE n > 1").Fails("22012"),
		S("SELECT id FROM accounts WHERE id <> 5 AND 100 / small > 0 ORDER BY id"),
		S("SELECT id FROM accounts WHERE 100 / small > 0").Fails("22012"),
		S("SELECT a.id, b.id FROM accounts a LEFT JOIN accounts b ON a.id = b.id + 1 WHERE a.n > b.n OR b.n IS NULL ORDER BY a.id"),
		S("SELECT a.id, b.id FROM accounts a, accounts b WHERE a.n < b.n AND a.plain = b.plain ORDER BY a.id, b.id"),
		S("SELECT id, upper(name), price * 2 AS twice FROM accounts WHERE price > $1 ORDER BY twice DESC LIMIT $2", "1", "2"),
		S("SELECT q.id FROM (SELECT n > 1 AS b, id FROM accounts) q WHERE q.b ORDER BY id"),
		S("SELECT q.id, q.b FROM (SELECT n > 1 AS b, id FROM accounts) q WHERE NOT q.b OR id = $1 ORDER BY b, id", "1"),
		S("SELECT count(*) FROM (SELECT id FROM accounts WHERE n > 1) q"),
		S("SELECT id FROM accounts WHERE label > 'a' ORDER BY id"),
		S("SELECT 1 / (plain - 2) FROM accounts WHERE n > 1").Fails("22012"),
		S("SELECT id FROM accounts WHERE n < 40 AND 100 / (plain - 1) > 0").Refused("public.accounts.n"),
		S("SELECT id FROM accounts WHERE n < 40 AND pg_try_advisory_xact_lock(plain)").Refused("beside function pg_try_advisory_xact_lock"),
		S("SELECT id FROM accounts WHERE n < 40 AND id > $1::int - 3 AND now() - interval '1 day' < now() ORDER BY id", "4"),
		S("SELECT id, name FROM accounts WHERE n > 1 ORDER BY 3").Refused("cannot be used in ORDER BY"),
		S("SELECT id, name FROM accounts ORDER BY n, 3").Refused("cannot be used in ORDER BY"),
		S("SELECT id FROM accounts WHERE n > 1 FOR UPDATE").Unordered(),
		S("SELECT id FROM accounts WHERE n > 'x'").Fails("22P02"),
		S("SELECT id FROM accounts WHERE n > name").Fails("42883"),
	)...)
}

// Aggregates and groups are of rows that are found by ranges of sealed values.
func TestAggregatesOfRanges(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	pair.SameIn(t, formulaModes, []harness.Step{
		S(aggregateRows),
		S("SELECT sum(n), max(price), count(*), count(name), min(id), avg(plain) FROM accounts WHERE n > 1"),
		S("SELECT sum(n), max(price), count(*), bool_or(ok), string_agg(name, ',' ORDER BY id) FROM accounts WHERE price BETWEEN $1 AND $2", "0", "19.995"),
		S("SELECT sum(n), count(*) FROM accounts WHERE n > 1000"),
		S("SELECT COALESCE(sum(n), 0), count(*) + 1, round(avg(price), 1) FROM accounts WHERE day >= '2024-01-01' AND id <> $1", "5"),
		S("SELECT plain, count(*), sum(n) AS total FROM accounts WHERE n > $1 GROUP BY plain ORDER BY plain", "1"),
		S("SELECT plain, count(*) FROM accounts WHERE n < 0 GROUP BY plain"),
		S("SELECT plain FROM accounts WHERE n > 2 GROUP BY plain"),
		S("SELECT plain, count(*) FROM accounts WHERE n > -100 GROUP BY plain ORDER BY count(*) DESC, plain LIMIT 1"),
		S("SELECT plain, count(*) FROM accounts WHERE n > -100 AND name <> 'bob' GROUP BY plain HAVING count(*) > 1 AND 100 / sum(n) > 1 ORDER BY plain"),
		S("SELECT name, count(*), max(day) FROM accounts WHERE price >= $1 GROUP BY name ORDER BY count(*) DESC, max(day)", "0"),
		S("SELECT n, count(*) FROM accounts WHERE n > 0 GROUP BY n ORDER BY n"),
		S("SELECT count(DISTINCT n), sum(DISTINCT n), count(DISTINCT plain), count(*) FILTER (WHERE plain = 1), count(*) FILTER (WHERE ok) FROM accounts WHERE n > 0 OR n IS NULL"),
		S("SELECT plain, count(*) FROM accounts WHERE n > 0 GROUP BY plain ORDER BY plain OFFSET $1", "1"),
		S("SELECT sum(100 / small) FROM accounts WHERE n > 0"),
		S("SELECT sum(100 / small) FROM accounts WHERE n > -10").Fails("22012"),
		S("SELECT sum(100 / (plain - 2)) FROM accounts WHERE n > 0"),
		S("SELECT plain, n FROM accounts WHERE n > 0 GROUP BY plain").Fails("42803"),
		S("SELECT count(1), count('x'), max(1), sum(2) FROM accounts WHERE n > 0"),
		S("SELECT array_agg(id) FROM accounts WHERE n > 0"),
		S("SELECT max(name) FROM accounts WHERE n > 0"),
		S("SELECT plain, count(*) FROM accounts WHERE n > 0 GROUP BY ROLLUP (plain)").Unordered(),
		S("SELECT sum(n), (SELECT count(*) FROM accounts) FROM accounts WHERE n > 0").Unordered(),
		S("SELECT sum(id) OVER () FROM accounts WHERE n > 0").Unordered(),
	}...)
}

// rangeType is the type of what an expression over accounts is compared with.
func rangeType(of string) string {
	return map[string]string{"n": "int", "price": "numeric", "d": "float8", "day": "date", "at": "timestamp", "gap": "interval", "plain - n": "int"}[of]
}

// Columns of a row are compared with each other, sealed ones with each other and with plain
// ones.
func TestFoundByComparedColumns(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	pair.SameIn(t, formulaModes, S(aggregateRows),
		S("UPDATE accounts SET other = 'ann', label = 'ann' WHERE id IN (1, 3, 4)"),
		S("SELECT id FROM accounts WHERE name = other ORDER BY id"),
		S("SELECT id FROM accounts WHERE name <> label AND id > $1 ORDER BY id", "1"),
		S("SELECT id FROM accounts WHERE n = small OR plain = n ORDER BY id"),
		S("SELECT count(*) FROM accounts WHERE NOT n = plain"),
		S("SELECT id, n = small, name = other FROM accounts ORDER BY id"),
		S("SELECT plain, sum(n) FROM accounts WHERE name = other GROUP BY plain ORDER BY plain"),
		S("SELECT id FROM accounts WHERE day = at::date OR atz = at ORDER BY id"),
		S("SELECT a.id FROM accounts a WHERE a.n = a.n AND a.name = a.name ORDER BY id"),
		S("UPDATE accounts SET plain = 8 WHERE name = label"),
		S("DELETE FROM accounts WHERE small = plain OR name = other"),
		S("SELECT id, plain FROM accounts ORDER BY id"),
		S("SELECT a.id FROM accounts a, accounts b WHERE a.name = b.other ORDER BY a.id"),
		S("SELECT a.id FROM accounts a JOIN accounts b ON a.name = b.other ORDER BY a.id"),
		S("SELECT id FROM accounts WHERE n = name").Fails("42883"),
	)
}

// The rows of a query are counted by the statement around it, as ORMs count a page's, and
// subqueries find rows beside a range.
func TestCountedAndFoundBesideSubqueries(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	pair.SameIn(t, formulaModes, S(aggregateRows),
		S("SELECT COUNT(*) FROM (SELECT accounts.id AS \"Col1\", length(accounts.name) AS n FROM accounts WHERE length(accounts.name) = $1) subquery", "3"),
		S("SELECT count(*) AS __count FROM (SELECT * FROM accounts a WHERE a.n > 1 AND plain = 1) AS q"),
		S("SELECT count(*) FROM (SELECT a.id, b.name, 1 FROM accounts a JOIN accounts b ON a.plain = b.plain WHERE a.n > b.n) q"),
		S("SELECT count(*) FROM (SELECT id, price * n AS total FROM accounts WHERE price * n > 100) q"),
		S("SELECT count(*) FROM (SELECT id FROM accounts WHERE n > 100000) q"),
		S("SELECT count(*) FROM (SELECT missing FROM accounts WHERE n > 1) q").Fails("42703"),
		S("SELECT count(*) FROM (SELECT id FROM accounts a, accounts b WHERE a.n > 1) q").Fails("42702"),
		S("SELECT count(*) FROM (SELECT id FROM accounts WHERE n > 1 GROUP BY id) q"),
		S("SELECT count(*) FROM (SELECT generate_series(1, 3) FROM accounts WHERE n > 1) q").Unordered(),
		S("SELECT count(*) FROM (SELECT id FROM accounts WHERE n > 1) q WHERE id > 1").Unordered(),
		S("SELECT count(*) FROM (SELECT id FROM accounts WHERE n > 1) q, accounts").Unordered(),
		S("SELECT (SELECT count(*) FROM (SELECT id FROM accounts WHERE n > 1) q)").Unordered(),
		S("SELECT id FROM accounts WHERE n > 1 AND id IN (SELECT plain FROM accounts) ORDER BY id"),
		S("SELECT id FROM accounts a WHERE NOT EXISTS (SELECT 1 FROM accounts b WHERE b.plain = a.id AND b.id > 4) AND a.n >= $1 ORDER BY price, id", "2"),
		S("SELECT count(*) FROM accounts a WHERE a.plain = ANY (SELECT id FROM accounts) AND price < 20"),
		S("SELECT id FROM accounts WHERE n > 1 AND plain = (SELECT max(plain) FROM accounts)").Unordered(),
		S("SELECT id FROM accounts a WHERE n > 1 AND EXISTS (SELECT 1 FROM accounts b WHERE 1 / b.id > a.plain)").Refused("public.accounts.n"),
	)
}

// Conditions and outputs have the time of the transaction in them, as applications ask for
// what has expired. The results do not depend on the day.
func TestFoundByTheTime(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	steps := []harness.Step{S("SET timezone = 'Europe/Berlin'"), S(aggregateRows),
		S("INSERT INTO accounts (id, day, at, atz, plain) VALUES (7, '2999-01-01', '2999-01-01', '2999-01-01', 9)")}
	for _, condition := range []string{"atz > now()", "atz < now() - interval '7 days'", "day >= CURRENT_DATE", "day < CURRENT_DATE - 30", "at <= LOCALTIMESTAMP(0)", "atz BETWEEN now() - interval '100 years' AND CURRENT_TIMESTAMP",
		"atz < pg_catalog.transaction_timestamp() AND plain = 1", "extract(year FROM atz) < extract(year FROM now())", "at + interval '1 day' < statement_timestamp()"} {
		steps = append(steps,
			S("SELECT id, atz FROM accounts WHERE "+condition+" ORDER BY atz, id"),
			S("SELECT count(*) FROM accounts WHERE "+condition),
			S("SELECT plain, sum(n) FROM accounts WHERE "+condition+" GROUP BY plain ORDER BY plain"))
	}
	pair.SameIn(t, formulaModes, append(steps,
		S("SELECT id, atz > now(), CASE WHEN day < CURRENT_DATE THEN 'past' ELSE 'to come' END FROM accounts ORDER BY day < CURRENT_DATE, id"),
		S("SELECT id, GREATEST(at, LOCALTIMESTAMP) > at, COALESCE(atz, now()) = now() FROM accounts ORDER BY id"),
		S("SELECT count(*) FILTER (WHERE atz < now()), max(day) < CURRENT_DATE FROM accounts"),
		S("SELECT id FROM accounts WHERE atz < clock_timestamp()").Refused("public.accounts.atz"),
		S("CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT timestamptz '1990-01-01' $$"),
		S("SET search_path = public, pg_catalog"),
		S("SELECT id FROM accounts WHERE atz < now()").Refused("public.accounts.atz"),
		S("SELECT count(*) FROM accounts WHERE atz < pg_catalog.now()"),
		S("RESET search_path"), S("DROP FUNCTION public.now()"),
		S("SELECT count(*) FROM accounts WHERE atz < now()"),
	)...)
}

// Rows that are sorted here come in the formats that the client asks for, whole or in parts;
// they cannot be fetched by SQL, and the session goes on behind such an attempt.
func TestSortedRowsOfPortals(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	pair.SameIn(t, []harness.Mode{harness.Simple}, S(aggregateRows))
	bound := func(formats []int16, behind ...pgproto3.FrontendMessage) []pgproto3.FrontendMessage {
		return append([]pgproto3.FrontendMessage{
			&pgproto3.Query{String: "BEGIN"},
			&pgproto3.Parse{Query: "SELECT price, name FROM accounts WHERE id > $1 ORDER BY n, id LIMIT $2"},
			&pgproto3.Bind{DestinationPortal: "p", Parameters: [][]byte{[]byte("1"), []byte("3")}, ResultFormatCodes: formats},
		}, append(behind, &pgproto3.Sync{}, &pgproto3.Query{String: "ROLLBACK"})...)
	}
	describe, all := &pgproto3.Describe{ObjectType: 'P', Name: "p"}, &pgproto3.Execute{Portal: "p"}
	for name, messages := range map[string][]pgproto3.FrontendMessage{
		"mixed formats":      bound([]int16{1, 0}, describe, all, all),
		"not described":      bound([]int16{0, 1}, all),
		"one format":         bound([]int16{1}, describe, all),
		"no format":          bound(nil, all, describe),
		"too many formats":   bound([]int16{1, 0, 0}, all),
		"a described one":    bound(nil, &pgproto3.Close{ObjectType: 'P', Name: "p"}, &pgproto3.Describe{ObjectType: 'S'}),
		"several statements": {&pgproto3.Query{String: "SELECT id FROM accounts ORDER BY n, id; SELECT 1; SELECT plain FROM accounts GROUP BY plain HAVING sum(n) > 0 LIMIT 1; SELECT name FROM accounts ORDER BY price, id"}},
		"a count":            {bound(nil)[0], &pgproto3.Parse{Query: "SELECT count(*) FROM accounts WHERE n > $1"}, &pgproto3.Bind{Parameters: [][]byte{[]byte("1000")}, ResultFormatCodes: []int16{1}}, &pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Execute{}, &pgproto3.Execute{}, &pgproto3.Sync{}, &pgproto3.Query{String: "SELECT count(*) FROM accounts WHERE n > 1; SELECT count(*) FROM accounts WHERE n > 1000; ROLLBACK"}},
		"parts":              bound(nil, &pgproto3.Execute{Portal: "p", MaxRows: 2}, &pgproto3.Execute{Portal: "p", MaxRows: 1}, &pgproto3.Execute{Portal: "p", MaxRows: 1}, &pgproto3.Execute{Portal: "p"}),
		"parts and the rest": bound([]int16{1, 0}, describe, &pgproto3.Execute{Portal: "p", MaxRows: 1}, all, all),
		"more than there is": bound(nil, &pgproto3.Execute{Portal: "p", MaxRows: 10}, &pgproto3.Execute{Portal: "p", MaxRows: 10}),
		"a negative number":  bound(nil, &pgproto3.Execute{Portal: "p", MaxRows: 1 << 31}),
		"parts of what is found": {bound(nil)[0], &pgproto3.Parse{Query: "SELECT id FROM accounts WHERE n > $1 OR n < 0 OFFSET 1"}, &pgproto3.Bind{DestinationPortal: "q", Parameters: [][]byte{[]byte("1")}}, &pgproto3.Execute{Portal: "q", MaxRows: 1},
			&pgproto3.Parse{Query: "SELECT count(*) FROM accounts WHERE n > 1"}, &pgproto3.Bind{}, &pgproto3.Execute{MaxRows: 1}, &pgproto3.Execute{MaxRows: 1}, &pgproto3.Execute{Portal: "q", MaxRows: 2}, &pgproto3.Sync{},
			&pgproto3.Execute{Portal: "q", MaxRows: 2}, &pgproto3.Close{ObjectType: 'P', Name: "q"}, &pgproto3.Execute{Portal: "q", MaxRows: 2}, &pgproto3.Sync{}, &pgproto3.Query{String: "ROLLBACK"}},
		"parts behind the transaction": {&pgproto3.Parse{Query: "SELECT id FROM accounts ORDER BY n, id"}, &pgproto3.Bind{DestinationPortal: "q"}, &pgproto3.Execute{Portal: "q", MaxRows: 2}, &pgproto3.Sync{}, &pgproto3.Execute{Portal: "q", MaxRows: 2}, &pgproto3.Sync{}},
		"parts in an aborted one":      {bound(nil)[0], &pgproto3.Parse{Query: "SELECT id FROM accounts ORDER BY n, id"}, &pgproto3.Bind{DestinationPortal: "q"}, &pgproto3.Execute{Portal: "q", MaxRows: 2}, &pgproto3.Sync{}, &pgproto3.Query{String: "SELECT 1/0"}, &pgproto3.Execute{Portal: "q", MaxRows: 2}, &pgproto3.Sync{}, &pgproto3.Query{String: "ROLLBACK"}},
		"a failing row":                {&pgproto3.Query{String: "BEGIN"}, &pgproto3.Query{String: "SELECT id FROM accounts ORDER BY 100 / small"}, &pgproto3.Query{String: "SELECT 1"}, &pgproto3.Query{String: "ROLLBACK"}},
	} {
		if plain, sealed := dialogue(t, pair.TwinURL(), messages), dialogue(t, pair.URL(), messages); plain != sealed {
			t.Errorf("%s: plain:\n%s\nsealed:\n%s", name, plain, sealed)
		}
	}
	for name, messages := range map[string][]pgproto3.FrontendMessage{
		"FETCH":              {bound(nil)[0], bound(nil)[1], bound(nil)[2], &pgproto3.Sync{}, &pgproto3.Query{String: "FETCH 1 FROM p"}, &pgproto3.Query{String: "ROLLBACK"}},
		"MOVE":               {bound(nil)[0], bound(nil)[1], bound(nil)[2], &pgproto3.Sync{}, &pgproto3.Query{String: "MOVE FORWARD 2 FROM p"}, &pgproto3.Query{String: "ROLLBACK"}},
		"MOVE in a text":     {bound(nil)[0], bound(nil)[1], bound(nil)[2], &pgproto3.Sync{}, &pgproto3.Query{String: "SELECT 1; MOVE ALL IN p"}, &pgproto3.Query{String: "ROLLBACK"}},
		"MOVE by protocol":   {bound(nil)[0], bound(nil)[1], bound(nil)[2], &pgproto3.Parse{Query: "MOVE 1 p"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{}, &pgproto3.Query{String: "ROLLBACK"}},
		"MOVE by a name":     {&pgproto3.Query{String: "PREPARE m AS SELECT 1"}, &pgproto3.Parse{Name: "mv", Query: "MOVE 1 p"}, bound(nil)[0], bound(nil)[1], bound(nil)[2], &pgproto3.Sync{}, &pgproto3.Bind{PreparedStatement: "mv"}, &pgproto3.Execute{}, &pgproto3.Sync{}, &pgproto3.Query{String: "ROLLBACK"}},
		"MOVE behind rows":   {bound(nil)[0], bound(nil)[1], bound(nil)[2], &pgproto3.Execute{Portal: "p", MaxRows: 1}, &pgproto3.Sync{}, &pgproto3.Query{String: "MOVE 1 FROM p"}, &pgproto3.Query{String: "ROLLBACK"}},
		"MOVE of conditions": {bound(nil)[0], &pgproto3.Parse{Query: "SELECT id FROM accounts WHERE n > 1"}, &pgproto3.Bind{DestinationPortal: "p"}, &pgproto3.Sync{}, &pgproto3.Query{String: "MOVE ALL FROM p"}, &pgproto3.Query{String: "ROLLBACK"}},
	} {
		answer := dialogue(t, pair.URL(), append(messages, &pgproto3.Query{String: "SELECT name FROM accounts WHERE id = 1"}))
		if !strings.Contains(answer, "0A000") || !strings.Contains(answer, "cannot be fetched in parts") || !strings.Contains(answer, "ann") {
			t.Errorf("%s: %s", name, answer)
		}
	}
}

// A portal whose rows could not be computed does not show that it has none.
func TestAPortalThatHasFailedShowsNoRows(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	pair.SameIn(t, []harness.Mode{harness.Simple}, S(aggregateRows))
	answer := dialogue(t, pair.URL(), []pgproto3.FrontendMessage{
		&pgproto3.Query{String: "BEGIN"},
		&pgproto3.Parse{Query: "SELECT id FROM accounts ORDER BY 100 / small"}, &pgproto3.Bind{DestinationPortal: "p"}, &pgproto3.Sync{},
		&pgproto3.Query{String: "SAVEPOINT s"},
		&pgproto3.Execute{Portal: "p"}, &pgproto3.Sync{},
		&pgproto3.Query{String: "ROLLBACK TO s"},
		&pgproto3.Execute{Portal: "p"}, &pgproto3.Sync{},
		&pgproto3.Query{String: "ROLLBACK"},
		&pgproto3.Query{String: "SELECT 'still there'"},
	})
	if !strings.Contains(answer, "22012") || !strings.Contains(answer, "55000 the portal cannot be run") || !strings.Contains(answer, "still there") {
		t.Error(answer)
	}
}

// dialogue is what the messages are answered with.
func dialogue(t *testing.T, url string, messages []pgproto3.FrontendMessage) string {
	t.Helper()
	front := raw(t, url).Frontend()
	waits := 0
	for _, m := range messages {
		switch m.(type) {
		case *pgproto3.Query, *pgproto3.Sync:
			waits++
		}
		front.Send(m)
	}
	if err := front.Flush(); err != nil {
		t.Fatal(err)
	}
	var answer strings.Builder
	for waits > 0 {
		m, err := front.Receive()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&answer, "%T", m)
		switch m := m.(type) {
		case *pgproto3.RowDescription:
			for _, f := range m.Fields {
				fmt.Fprintf(&answer, " %s:%d:%d:%d:%d", f.Name, f.DataTypeOID, f.DataTypeSize, f.TypeModifier, f.Format)
			}
		case *pgproto3.DataRow:
			fmt.Fprintf(&answer, " %q", m.Values)
		case *pgproto3.CommandComplete:
			fmt.Fprintf(&answer, " %s", m.CommandTag)
		case *pgproto3.ErrorResponse:
			fmt.Fprintf(&answer, " %s %s", m.Code, m.Message)
		case *pgproto3.ReadyForQuery:
			fmt.Fprintf(&answer, " %c", m.TxStatus)
			waits--
		}
		answer.WriteByte('\n')
	}
	return answer.String()
}

// Many rows are sorted beside other sessions, and of those that a LIMIT cuts only some are
// held.
func TestManySortedRows(t *testing.T) {
	c := newCopySides(t, formulaSchema)
	const rows = 30_000
	var data bytes.Buffer
	for i := range rows {
		n := fmt.Sprint(i * 7919 % 1009)
		if i%100 == 0 {
			n = "\\N"
		}
		fmt.Fprintf(&data, "%d\t%s\t%d.%02d\tname %d\t%d\n", i, n, i*31%977, i%100, i%50, i%1000)
	}
	c.in("COPY accounts (id, n, price, name, plain) FROM STDIN", data.Bytes())
	for _, text := range []string{
		"SELECT id, n, name FROM accounts ORDER BY n, id",
		"SELECT id, price FROM accounts ORDER BY price DESC, n NULLS FIRST, id LIMIT 20",
		"SELECT id FROM accounts ORDER BY n DESC, id LIMIT 5 OFFSET 29000",
		"SELECT plain, sum(n) AS total FROM accounts GROUP BY plain HAVING sum(n) > 14000 ORDER BY total, plain",
	} {
		messages := []pgproto3.FrontendMessage{&pgproto3.Query{String: text}, &pgproto3.Query{String: "SELECT 1"}}
		if plain, sealed := dialogue(t, c.pair.TwinURL(), messages), dialogue(t, c.pair.URL(), messages); plain != sealed {
			t.Errorf("%s: the answers of %d and %d bytes differ", text, len(plain), len(sealed))
		}
	}
}
