package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Functions that may count or write are called for the rows that PostgreSQL calls them for, and
// in its order, or not at all.
func TestFunctionsBesideRowsThatAreSorted(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE t (id int PRIMARY KEY, n int, g int);
CREATE SEQUENCE numbers;
CREATE FUNCTION twice(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 2 * $1; END';
CREATE FUNCTION stored(int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT count(*) FROM t WHERE id <= $1); END';
CREATE FUNCTION counted(int) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN nextval(''numbers''); END';
CREATE FUNCTION either(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION either(bigint) RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT nextval(''numbers'')'`,
		Seal: []string{"public.t.n"},
	})
	pair.SameIn(t, formulaModes,
		S("INSERT INTO t VALUES (1, 30, 1), (2, 10, 1), (3, NULL, 2), (4, 20, 2)"),
		S("SELECT id, twice(id), stored(id), pg_size_pretty(id::bigint) FROM t ORDER BY n"),
		S("SELECT id, twice(id), stored(g) FROM t ORDER BY n DESC LIMIT 2"),
		S("SELECT DISTINCT ON (g) g, twice(id) FROM t ORDER BY g, n"),
		S("SELECT twice(g), sum(n) FROM t WHERE n > 5 GROUP BY g ORDER BY sum(n)"),
		S("SELECT id, twice(id), rank() OVER (ORDER BY n) FROM t ORDER BY id").Refused("cannot be"),
		S("SELECT id, random() < 2, gen_random_uuid() IS NULL FROM t ORDER BY n LIMIT 3"),
		S("SELECT nextval('numbers'), id FROM t ORDER BY n").Refused("beside function nextval"),
		S("SELECT counted(id), id FROM t ORDER BY n").Refused("beside function counted"),
		S("SELECT either(id), id FROM t ORDER BY n").Refused("beside function either"),
		S("SELECT g, counted(g) FROM t GROUP BY g ORDER BY sum(n)").Refused("beside function counted"),
		S("SELECT DISTINCT ON (g) g, counted(id) FROM t ORDER BY g, n").Refused("beside function counted"),
		S("SELECT counted(id), id FROM t ORDER BY n FOR UPDATE").Refused("beside function counted"),
		S("SELECT counted(id), id FROM t WHERE n > 10"),
		S("SELECT id, c FROM (SELECT id, n, counted(id) AS c FROM t) q WHERE n > 15 ORDER BY n, id").Refused("beside function counted"),
		S("WITH q AS (SELECT id, n, counted(id) AS c FROM t) SELECT id, c FROM q WHERE n > 15 ORDER BY n, id").Refused("beside function counted"),
		S("SELECT counted(id), id FROM t ORDER BY id"),
		S("CREATE FUNCTION pair_of(int) RETURNS bigint LANGUAGE sql AS 'SELECT nextval(''numbers'')'"),
		S("SELECT pair_of(id) FROM t ORDER BY n").Refused("beside function pair_of"),
		S("ALTER FUNCTION pair_of(int) STABLE"), S("CREATE OR REPLACE FUNCTION pair_of(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 7::bigint'"),
		S("SELECT id, pair_of(id) FROM t ORDER BY n"),
		S("DROP FUNCTION pair_of"))
}
