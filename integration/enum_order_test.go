package integration

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgseal/integration/harness"
)

// enumOrders has an enum whose order is not that of the alphabet, and a label before all others that
// came last.
func enumOrders() harness.Schema {
	return harness.Schema{
		DDL: `CREATE TYPE grade AS ENUM ('low', 'mid', 'high');
CREATE TYPE other AS ENUM ('low', 'high');
CREATE DOMAIN mark AS grade;
CREATE TABLE jobs (id int PRIMARY KEY, kind text, g grade, h grade, m mark, o other, word text, open boolean, plain grade);
CREATE TABLE kinds (kind text PRIMARY KEY, least grade);
ALTER TYPE grade ADD VALUE 'above' BEFORE 'low'`,
		Seal: []string{"public.jobs.g --equality", "public.jobs.h", "public.jobs.m", "public.jobs.o", "public.jobs.word", "public.jobs.open", "public.kinds.least"},
	}
}

func enumRows(word string) harness.Step {
	return S("INSERT INTO jobs (id, kind, g, h, m, o, word, open) VALUES (1, 'a', 'mid', 'high', 'low', 'high', '" + word + "', true), (2, 'a', 'low', 'low', 'high', 'low', 'Bo', false), " +
		"(3, 'b', 'above', 'mid', NULL, NULL, 'cy', NULL), (4, 'b', NULL, NULL, 'above', 'low', NULL, true), (5, NULL, 'high', 'above', 'mid', 'high', 'dee', true), (6, 'a', 'mid', 'mid', 'mid', 'high', 'e', false)")
}

// Rows come in the order of an enum wherever they come in that of other sealed values.
func TestEnumsAreSortedBy(t *testing.T) {
	pair := harness.New(t, enumOrders())
	pair.SameIn(t, formulaModes, enumRows(pair.Env.Canaries.Text()), S("INSERT INTO kinds VALUES ('a', 'mid'), ('b', 'low'), ('c', NULL)"),
		S("SELECT id, g FROM jobs ORDER BY g, id"), S("SELECT id FROM jobs ORDER BY h DESC NULLS LAST, id DESC LIMIT 3 OFFSET 1"),
		S("SELECT id, m AS x FROM jobs ORDER BY x NULLS FIRST, id"), S("SELECT * FROM jobs ORDER BY m, id"), S("SELECT id FROM jobs ORDER BY 1 DESC, g"),
		S("SELECT id FROM jobs ORDER BY kind, h, id"), S("SELECT id FROM jobs ORDER BY coalesce(g, 'low'), id"), S("SELECT id FROM jobs ORDER BY greatest(g, h) DESC, id"),
		S("SELECT id FROM jobs ORDER BY CASE WHEN g > 'low' THEN g ELSE h END, id"), S("SELECT id FROM jobs ORDER BY g > 'low', id"), S("SELECT id FROM jobs ORDER BY g, word COLLATE \"C\", id FOR UPDATE"),
		S("SELECT DISTINCT g FROM jobs ORDER BY g"), S("SELECT DISTINCT h FROM jobs ORDER BY h DESC"), S("SELECT DISTINCT ON (h) h, id FROM jobs ORDER BY h, g DESC, id"),
		S("SELECT g, count(*) FROM jobs GROUP BY g ORDER BY g DESC"), S("SELECT h, count(*), max(g) FROM jobs GROUP BY h ORDER BY h"), S("SELECT kind, max(h) AS top FROM jobs GROUP BY kind ORDER BY top, kind"),
		S("SELECT g FROM jobs UNION SELECT h FROM jobs ORDER BY g"), S("SELECT id, g FROM jobs UNION ALL SELECT id, h FROM jobs ORDER BY 2 DESC, 1"),
		S("SELECT id FROM jobs WHERE id IN (SELECT id FROM jobs ORDER BY g DESC, id LIMIT 2) ORDER BY id"), S("SELECT array_agg(id ORDER BY h, id) FROM jobs"), S("SELECT json_agg(id ORDER BY m DESC, id) FROM jobs"),
		S("SELECT string_agg(word, ',' ORDER BY g, id) FROM jobs"), S("WITH w AS (SELECT id, g FROM jobs ORDER BY g LIMIT 2) SELECT id, g FROM w ORDER BY id"),
		S("SELECT k.kind, t.id FROM kinds k CROSS JOIN LATERAL (SELECT id FROM jobs j WHERE j.kind = k.kind ORDER BY j.g LIMIT 1) t ORDER BY 1"),
		S("SELECT id FROM jobs ORDER BY g FETCH FIRST 3 ROWS WITH TIES"),
		S("SELECT id, rank() OVER (PARTITION BY kind ORDER BY g) FROM jobs ORDER BY id"), S("SELECT id, row_number() OVER (PARTITION BY h ORDER BY m DESC, id) FROM jobs ORDER BY id"),
		S("SELECT id, lag(g) OVER (ORDER BY g, id), lead(g, 1, 'low') OVER (ORDER BY g, id), first_value(h) OVER (ORDER BY h DESC) FROM jobs ORDER BY id"),
		S("SELECT id, max(g) OVER (PARTITION BY kind), min(h) OVER (ORDER BY id) FROM jobs ORDER BY id"),
		S("SELECT * FROM (SELECT id, row_number() OVER (PARTITION BY kind ORDER BY g, id) AS n FROM jobs) q WHERE n = 1 ORDER BY id"),
		S("BEGIN"), S("DECLARE c CURSOR FOR SELECT id, g FROM jobs ORDER BY g, id"), S("FETCH 2 FROM c"), S("FETCH ALL FROM c"), S("COMMIT"),
		S("COPY (SELECT id FROM jobs ORDER BY g, id) TO STDOUT").Simple(),
		S("INSERT INTO kinds SELECT 'x' || id, g FROM jobs ORDER BY g DESC NULLS LAST LIMIT 1 RETURNING kind, least"), S("SELECT id FROM jobs ORDER BY g USING >").Refused("public.jobs.g"),
		S("CREATE VIEW sorted AS SELECT id FROM jobs ORDER BY g").Refused("public.jobs.g"), S("SELECT id FROM jobs ORDER BY g::text").Refused("public.jobs.g"),
	)
}

// So are values compared, and the greatest found.
func TestEnumsAreCompared(t *testing.T) {
	pair := harness.New(t, enumOrders())
	pair.SameIn(t, formulaModes, enumRows(pair.Env.Canaries.Text()), S("INSERT INTO kinds VALUES ('a', 'mid'), ('b', 'low'), ('c', NULL)"),
		S("SELECT id FROM jobs WHERE g > $1 ORDER BY id", "low"), S("SELECT id FROM jobs WHERE $1 >= g ORDER BY id", "mid"), S("SELECT id FROM jobs WHERE g < 'mid'::grade ORDER BY id"),
		S("SELECT id FROM jobs WHERE g > $1::grade ORDER BY id", "low"), S("SELECT id FROM jobs WHERE g > $1 ORDER BY id", nil), S("SELECT id FROM jobs WHERE g > NULL"),
		S("SELECT id FROM jobs WHERE g BETWEEN $1 AND $2 ORDER BY id", "above", "low"), S("SELECT id FROM jobs WHERE g NOT BETWEEN 'low' AND 'mid' ORDER BY id"), S("SELECT id FROM jobs WHERE h BETWEEN SYMMETRIC 'mid' AND 'above' ORDER BY id"),
		S("SELECT id FROM jobs WHERE (g, id) > ('mid', 1) ORDER BY id"), S("SELECT id FROM jobs WHERE g > h ORDER BY id"), S("SELECT id FROM jobs WHERE g = h ORDER BY id"), S("SELECT id FROM jobs WHERE g IS DISTINCT FROM h ORDER BY id"),
		S("SELECT id FROM jobs WHERE h = $1 ORDER BY id", "mid"), S("SELECT id FROM jobs WHERE h <> 'mid' ORDER BY id"), S("SELECT id FROM jobs WHERE h IN ('mid', $1) ORDER BY id", "low"), S("SELECT id FROM jobs WHERE h IS DISTINCT FROM 'mid' ORDER BY id"),
		S("SELECT id FROM jobs WHERE g > 'low' OR word = 'Bo' ORDER BY id"), S("SELECT id FROM jobs WHERE NOT (g > 'low') ORDER BY id"), S("SELECT id FROM jobs WHERE g = 'mid' ORDER BY id"),
		S("SELECT count(*) FROM jobs WHERE g >= $1", "mid"), S("SELECT count(*) FILTER (WHERE g > 'low'), count(DISTINCT h) FROM jobs"), S("SELECT h, count(*) FROM jobs WHERE h > 'low' GROUP BY h ORDER BY h"),
		S("SELECT id, g > 'low', h = 'mid', CASE h WHEN 'mid' THEN 1 WHEN 'low' THEN 2 END, CASE WHEN g > h THEN g ELSE 'above' END FROM jobs ORDER BY id"),
		S("SELECT max(g), min(g), max(h), min(h) FROM jobs"), S("SELECT kind, max(h) FROM jobs").Fails("42803"), S("SELECT kind, max(h) FROM jobs WHERE g > 'low' GROUP BY kind ORDER BY kind"), S("SELECT max(h) FILTER (WHERE open), max(g) > 'mid', count(*) FROM jobs"), S("SELECT max(g) FROM jobs WHERE false"),
		S("SELECT kind, min(h) FROM jobs GROUP BY kind HAVING max(h) >= 'mid' ORDER BY kind"), S("SELECT mode() WITHIN GROUP (ORDER BY g), percentile_disc(0.5) WITHIN GROUP (ORDER BY m DESC) FROM jobs"),
		S("SELECT id, greatest(g, 'low'), least(g, h), greatest(m, 'low'), least(g, $1) FROM jobs ORDER BY id", "low"), S("SELECT id, nullif(h, 'mid') FROM jobs ORDER BY id"),
		S("SELECT id FROM jobs WHERE g = (SELECT max(g) FROM jobs) ORDER BY id"), S("SELECT id FROM jobs WHERE h > (SELECT g FROM jobs WHERE id = 2) ORDER BY id"),
		S("SELECT id, (SELECT max(g) FROM jobs k WHERE k.kind = j.kind) FROM jobs j ORDER BY id"), S("SELECT id FROM jobs WHERE (kind, h) IN (SELECT kind, max(h) FROM jobs GROUP BY kind) ORDER BY id"),
		S("SELECT id FROM jobs WHERE g >= ALL (SELECT least FROM kinds WHERE least IS NOT NULL) ORDER BY id"), S("SELECT j.id, k.kind FROM jobs j JOIN kinds k ON j.g > k.least ORDER BY 1, 2"),
		S("SELECT kind FROM kinds k WHERE EXISTS (SELECT 1 FROM jobs j WHERE j.h = k.least) ORDER BY 1"),
		S("UPDATE jobs SET word = 'z' WHERE g > $1 RETURNING id", "low"), S("UPDATE jobs SET h = greatest(h, 'low'), m = least(m, 'mid') WHERE id < 4"), S("UPDATE jobs SET g = CASE WHEN g > 'low' THEN 'low' ELSE g END"),
		S("INSERT INTO jobs (id, g) VALUES (9, (SELECT max(h) FROM jobs))"), S("DELETE FROM jobs WHERE h >= 'high' RETURNING id"), S("SELECT * FROM jobs ORDER BY id"),
		S("SELECT id FROM jobs WHERE g > 'none'").Fails("22P02"), S("SELECT id FROM jobs WHERE g > $1", "none").Fails("22P02"), S("SELECT id FROM jobs WHERE h IN ('low', 'none')").Fails("22P02"),
		S("SELECT greatest(g, 'none') FROM jobs").Fails("22P02"), S("SELECT id FROM jobs WHERE g > 5").Fails("42883"), S("SELECT id FROM jobs WHERE g > 'low'::text").Fails("42883"), S("SELECT id FROM jobs WHERE g > word").Fails("42883"),
		S("SELECT id FROM jobs WHERE g > o").Fails("42883"), S("SELECT id FROM jobs WHERE g = o").Fails("42883"), S("SELECT j.id FROM jobs j JOIN jobs k ON j.g > k.o").Fails("42883"), S("SELECT id FROM jobs WHERE g IN (SELECT max(o) FROM jobs)").Fails("42883"),
		S("SELECT greatest(g, o) FROM jobs").Refused("public.jobs.g"),
		S("SELECT id FROM jobs WHERE m > 'low'").Fails("42883"), S("SELECT id FROM jobs WHERE g > m").Fails("42883"), S("SELECT max(m) FROM jobs").Fails("42883"), S("SELECT j.id FROM jobs j JOIN jobs k ON j.g > k.m").Fails("42883"),
		S("SELECT id FROM jobs WHERE g IN (SELECT max(m) FROM jobs)").Fails("42883"), S("SELECT id FROM jobs WHERE g > plain").Refused("public.jobs.g"), S("SELECT id FROM jobs WHERE g > ANY ('{low}')").Refused("public.jobs.g"),
		S("SELECT array_agg(DISTINCT h) FROM jobs").Refused("public.jobs.h"), S("SELECT max(g::text) FROM jobs").Refused("public.jobs.g"),
	)
}

// An operator of the database's own on an enum is not PostgreSQL's.
func TestOwnOperatorsOnEnumsAreNotComputed(t *testing.T) {
	s := enumOrders()
	s.DDL += `; CREATE FUNCTION never(grade, grade) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false'; CREATE OPERATOR > (LEFTARG = grade, RIGHTARG = grade, FUNCTION = never)`
	pair := harness.New(t, s)
	pair.SameIn(t, formulaModes, enumRows(pair.Env.Canaries.Text()),
		S("SELECT id FROM jobs WHERE g > 'low'").Refused("operator > of its own"), S("SELECT id FROM jobs WHERE g > h").Refused("operator > of its own"), S("SELECT id FROM jobs WHERE h > $1", "low").Refused("operator > of its own"),
		S("SELECT id FROM jobs WHERE g OPERATOR(pg_catalog.>) 'low' ORDER BY g, id"), S("SELECT id FROM jobs WHERE g < 'mid' ORDER BY g DESC, id"), S("SELECT max(g) FROM jobs"),
	)
}

// Labels that the type gets stand where they have been put.
func TestNewLabelsOfEnumsAreSortedBy(t *testing.T) {
	pair := harness.New(t, enumOrders())
	for i, mode := range []harness.Mode{harness.Simple, harness.Unnamed, harness.PreparedText, harness.PreparedBinary} {
		t.Run(string(mode), func(t *testing.T) {
			pair.Empty()
			c := pair.Compare(t, mode)
			c.Step(enumRows(pair.Env.Canaries.Text()))
			all := func(label string) {
				c.Step(S("SELECT id, g FROM jobs ORDER BY g, id"))
				c.Step(S("SELECT id FROM jobs WHERE g > $1 ORDER BY id", label))
				c.Step(S("SELECT max(g), min(g) FROM jobs"))
				c.Step(S("SELECT array_agg(id ORDER BY h, id) FROM jobs"))
				c.Step(S("SELECT id, rank() OVER (ORDER BY g DESC) FROM jobs ORDER BY id"))
			}
			all("low")
			n := strings.Repeat("n", i+1)
			pair.Both("ALTER TYPE grade ADD VALUE 'straight " + n + "' BEFORE 'low'")
			c.Step(S("SELECT id FROM jobs WHERE h < $1 ORDER BY id", "straight "+n)) // which reads the catalog again
			c.Step(S("INSERT INTO jobs (id, g, h) VALUES ($1, $2, $2)", "7", "straight "+n))
			all("straight " + n)
			c.Step(S("ALTER TYPE grade ADD VALUE 'first " + n + "' BEFORE 'above'"))
			c.Step(S("INSERT INTO jobs (id, g, h) VALUES ($1, $2, $2)", "8", "first "+n))
			c.Step(S("ALTER TYPE grade ADD VALUE 'last " + n + "' AFTER 'high'"))
			c.Step(S("UPDATE jobs SET h = $1 WHERE id = 2", "last "+n))
			all("first " + n)
			all("straight " + n)
		})
	}
}

// What another pgseal has stored with a label that this one has not heard of has no place until the
// catalog is read again: the statement fails, and is right when it is repeated.
func TestLabelsFromElsewhereHaveNoWrongPlace(t *testing.T) {
	pair := harness.New(t, enumOrders())
	pair.Compare(t, harness.Simple).Step(enumRows(pair.Env.Canaries.Text()))
	here, elsewhere := pair.Connect(t, pair.URL()), pair.Connect(t, pair.ProxyURL(startProxy(t, pair)))
	twin := pair.Connect(t, pair.TwinURL())
	defer twin.Close(t.Context())
	defer here.Close(t.Context())
	defer elsewhere.Close(t.Context())
	statements := []string{
		"SELECT id FROM jobs ORDER BY g, id", "SELECT id FROM jobs WHERE g > 'low' ORDER BY id", "SELECT array_agg(id ORDER BY g, id) FROM jobs",
		"UPDATE jobs SET word = 'u' WHERE g < 'mid' RETURNING id",
	}
	shown := func(conn *pgx.Conn, sql string) (string, error) {
		rows, err := conn.Query(t.Context(), sql)
		if err != nil {
			return "", err
		}
		all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) { return string(row.RawValues()[0]), nil })
		return strings.Join(all, ";"), err
	}
	for i, sql := range statements {
		if _, err := shown(here, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		label := "label " + strings.Repeat("x", i)
		pair.Both("ALTER TYPE grade ADD VALUE '" + label + "' BEFORE 'low'")
		insert := "INSERT INTO jobs (id, g) SELECT max(id) + 1, '" + label + "' FROM jobs"
		for _, conn := range []*pgx.Conn{twin, elsewhere} {
			if _, err := conn.Exec(t.Context(), insert); err != nil {
				t.Fatal(err)
			}
		}
		want, err := shown(twin, sql)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the label has its place", func() bool {
			got, err := shown(here, sql)
			switch {
			case err != nil && !strings.Contains(err.Error(), "SQLSTATE 0A000"):
				t.Fatalf("%s: %v", sql, err)
			case err == nil && got != want:
				t.Fatalf("%s gives %q, in PostgreSQL %q", sql, got, want)
			}
			return err == nil
		})
	}
}
