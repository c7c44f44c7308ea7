package integration

import (
	"fmt"
	"strings"
	"testing"

	"pgseal/integration/harness"
)

func pairedSchema() harness.Schema {
	return harness.Schema{
		DDL: `CREATE TABLE cats (id int PRIMARY KEY, owner int, name text COLLATE "C", kind varchar(20), age int, weight numeric, born date, code text, keyed text, plain int, pad char(6));
CREATE TABLE dogs (id int PRIMARY KEY, owner int, name text COLLATE "C", kind text, age bigint, weight float8, born date, plain int, pad char(4), small smallint);
CREATE TABLE found (id int, name text, n int)`,
		Seal: []string{"public.cats.name", "public.cats.kind", "public.cats.age", "public.cats.weight", "public.cats.born", "public.cats.code", "public.cats.keyed --equality", "public.cats.pad",
			"public.dogs.name", "public.dogs.kind", "public.dogs.age", "public.dogs.weight", "public.dogs.born", "public.dogs.pad", "public.dogs.small", "public.found.name"},
	}
}

func pairedRows(w string) []harness.Step {
	return []harness.Step{
		S("INSERT INTO cats VALUES (1, 1, '" + w + "', 'tabby', 5, 2.50, '2020-01-01', '1', 'k', 5, 'a'), (2, 1, 'tom', 'x', 7, 3, '2021-01-01', '2', 'l', 7, 'b '), (3, 2, 'tom', NULL, 5, 0.1, NULL, '1', 'k', NULL, NULL), (4, NULL, NULL, 'tabby', NULL, NULL, '2020-01-01', NULL, NULL, 1, 'c'), (5, 3, 'Zoe', 'Tabby', 2147483647, 1e3, '1999-12-31', '30', 'm', 9, 'd')"),
		S("INSERT INTO dogs VALUES (1, 1, 'tom', 'tabby', 5, 2.5, '2020-01-01', 1, 'a', 5), (2, 2, 'tom', 'tabby', 7000000000, 0.1, '2022-01-01', 5, 'b', 7), (3, 2, '" + w + "', NULL, 7, 3, NULL, 7, NULL, NULL), (4, NULL, NULL, 'y', NULL, NULL, '2020-01-01', NULL, 'c  ', 2)"),
	}
}

// Rows are joined and found by values of other relations that have no term in common with theirs.
func TestValuesOfTwoRelationsAreCompared(t *testing.T) {
	pair := harness.New(t, pairedSchema())
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes, append([]harness.Step{
		S("SELECT id FROM cats c WHERE EXISTS (SELECT 1 FROM dogs d WHERE d.name = c.name) ORDER BY id"),
	}, append(pairedRows(w),
		S("SELECT id FROM cats c WHERE EXISTS (SELECT 1 FROM dogs d WHERE d.name = c.name) ORDER BY id"),
		S("SELECT id FROM cats c WHERE NOT EXISTS (SELECT 1 FROM dogs d WHERE d.owner = c.owner AND d.name = c.name) ORDER BY id"),
		S("SELECT id FROM cats c WHERE EXISTS (SELECT 1 FROM dogs d WHERE d.owner = c.owner AND d.age > c.age AND d.plain < $1) ORDER BY id", "6"),
		S("SELECT c.id, d.id FROM cats c JOIN dogs d ON d.owner = c.owner AND c.name = d.name ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c JOIN dogs d ON c.name = d.name ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c, dogs d WHERE c.name = d.name AND c.plain = $1 ORDER BY 1, 2", "7"),
		S("SELECT c.id, d.id FROM cats c, dogs d WHERE c.name <> d.name ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c, dogs d WHERE c.name IS DISTINCT FROM d.name ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c, dogs d WHERE c.name IS NOT DISTINCT FROM d.name ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c, dogs d WHERE NOT (c.name = d.name OR c.id = d.id) ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c LEFT JOIN dogs d ON c.name = d.name AND c.plain = 7 ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c LEFT JOIN dogs d ON c.name = d.name AND d.plain = 5 ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c LEFT JOIN dogs d ON c.name = d.name WHERE d.id IS NULL OR d.plain = 5 ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c FULL JOIN dogs d ON c.name = d.name ORDER BY 1, 2"),
		S("SELECT c.name, c.kind, d.age FROM cats c JOIN dogs d ON c.kind = d.kind ORDER BY c.name, d.age"),
		S("SELECT c.id, d.id FROM cats c JOIN dogs d ON c.age = d.age ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c JOIN dogs d ON c.age >= d.small ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c JOIN dogs d ON c.weight = d.weight ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c JOIN dogs d ON c.weight < d.age ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c JOIN dogs d ON c.age = d.plain ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c JOIN dogs d ON c.plain = d.age ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c JOIN dogs d ON c.born <= d.born ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c JOIN dogs d ON c.born + 366 = d.born ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c JOIN dogs d ON c.pad = d.pad ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c JOIN dogs d ON c.code::int = d.id ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c JOIN dogs d ON c.name::int = d.id").Fails("22P02"),
		S("SELECT c.id, d.id FROM cats c JOIN dogs d ON lower(c.kind) = lower(d.kind) ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c JOIN dogs d ON c.age + $1::int = d.age + $2::bigint ORDER BY 1, 2", "2", "0"),
		S("SELECT c.id, d.id FROM cats c JOIN dogs d ON c.name = d.name || $1 ORDER BY 1, 2", ""),
		S("SELECT c.id, d.id FROM cats c JOIN dogs d ON c.age BETWEEN d.small AND d.age ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c JOIN dogs d ON c.age NOT BETWEEN SYMMETRIC d.age AND d.small ORDER BY 1, 2"),
		S("SELECT c.id, d.id FROM cats c JOIN dogs d ON c.name > d.name WHERE c.name LIKE 't%' ORDER BY 1, 2"),
		S("SELECT x.id, y.id FROM cats x JOIN cats y ON x.name = y.name AND x.id < y.id ORDER BY 1, 2"),
		S("SELECT x.id FROM cats x WHERE EXISTS (SELECT FROM cats y WHERE y.age = x.age AND y.id <> x.id) ORDER BY 1"),
		S("SELECT x.id, y.id FROM cats x JOIN cats y ON x.keyed = y.keyed AND x.id < y.id ORDER BY 1, 2"),
		S("SELECT count(*), sum(d.age) FROM cats c JOIN dogs d ON c.name = d.name"),
		S("SELECT c.name, count(d.id) FROM cats c LEFT JOIN dogs d ON c.name = d.name GROUP BY c.name ORDER BY 1"),
		S("SELECT id, (SELECT count(*) FROM dogs d WHERE d.name = c.name) FROM cats c ORDER BY id"),
		S("SELECT id, (SELECT d.weight FROM dogs d WHERE d.name = c.name AND d.id > 1) FROM cats c ORDER BY id"),
		S("SELECT c.id, l.id FROM cats c LEFT JOIN LATERAL (SELECT * FROM dogs d WHERE d.name = c.name ORDER BY d.id LIMIT 1) l ON true ORDER BY 1"),
		S("SELECT c.id FROM cats c JOIN dogs d ON c.name = d.name ORDER BY c.id, d.id FOR UPDATE OF c"),
		S("BEGIN"), S("DECLARE k CURSOR FOR SELECT c.id FROM cats c JOIN dogs d ON c.name = d.name ORDER BY 1"), S("FETCH ALL FROM k"), S("ROLLBACK"),
		S("COPY (SELECT c.id FROM cats c JOIN dogs d ON c.name = d.name ORDER BY c.id) TO STDOUT").Simple(),
		S("INSERT INTO found (id) SELECT c.id FROM cats c JOIN dogs d ON c.name = d.name"),
		S("UPDATE cats c SET plain = 70 FROM dogs d WHERE c.name = d.name AND d.plain = 1"),
		S("DELETE FROM dogs d USING cats c WHERE c.born = d.born AND c.id = $1", "4"),
		S("MERGE INTO found f USING dogs d ON f.name = d.name WHEN MATCHED THEN UPDATE SET n = 1 WHEN NOT MATCHED THEN INSERT (id, n) VALUES (d.id, 2)"),
		S("INSERT INTO found VALUES (9, 'tom', 0)"),
		S("MERGE INTO found f USING dogs d ON f.name = d.name AND d.plain = 1 WHEN MATCHED THEN UPDATE SET n = 1 WHEN NOT MATCHED THEN INSERT (id, n) VALUES (d.id, 3)"),
		S("SELECT * FROM found ORDER BY id, n, name"), S("SELECT id, plain FROM cats ORDER BY id"), S("SELECT id FROM dogs ORDER BY id"),
		S("DELETE FROM dogs"),
		S("SELECT c.id, d.id FROM cats c LEFT JOIN dogs d ON c.name = d.name ORDER BY 1"),
		// What no rank can say.
		S("SELECT c.id FROM cats c JOIN dogs d USING (name)").Refused("USING"),
		S("SELECT c.id FROM cats c JOIN dogs d ON c.name || d.name = 'x'").Refused("public.cats.name"),
		S("CREATE VIEW v AS SELECT c.id FROM cats c JOIN dogs d ON c.name = d.name").Refused("cannot be compared"),
	)...)...)
	prepared := pair.Compare(t, harness.Simple)
	prepared.Step(S("PREPARE p AS SELECT c.id FROM cats c JOIN dogs d ON c.name = d.name").Refused("cannot be compared"))
}

// A value is compared with all that a subquery gives, with NULLs among it and without any.
func TestValuesAreComparedWithThoseOfSubqueries(t *testing.T) {
	pair := harness.New(t, pairedSchema())
	w := pair.Env.Canaries.Text()
	all := []harness.Step{
		S("SELECT id FROM cats WHERE name IN (SELECT name FROM dogs) ORDER BY id"),
		S("SELECT id FROM cats WHERE name NOT IN (SELECT name FROM dogs) ORDER BY id"),
		S("SELECT id FROM cats WHERE name NOT IN (SELECT name FROM dogs WHERE name IS NOT NULL) ORDER BY id"),
		S("SELECT id, name IN (SELECT name FROM dogs), name NOT IN (SELECT name FROM dogs WHERE plain = $1) FROM cats ORDER BY id", "1"),
	}
	for _, of := range []string{"FROM dogs", "FROM dogs WHERE age IS NOT NULL", "FROM dogs d WHERE d.owner = c.owner", "FROM dogs WHERE false"} {
		all = append(all,
			S("SELECT id, age > ALL (SELECT age "+of+"), age < ANY (SELECT age "+of+"), age = ALL (SELECT small "+of+"), age <> SOME (SELECT DISTINCT age "+of+") FROM cats c ORDER BY id"),
			S("SELECT id FROM cats c WHERE age >= ALL (SELECT age "+of+") ORDER BY id"),
			S("SELECT id FROM cats c WHERE NOT (weight <= ANY (SELECT weight "+of+")) ORDER BY id"),
			S("SELECT id FROM cats c WHERE (weight <> ALL (SELECT age "+of+")) IS NOT TRUE ORDER BY id"))
	}
	all = append(all,
		S("SELECT id FROM cats WHERE age > ALL (SELECT age FROM cats WHERE plain = 5) ORDER BY id"),
		S("SELECT id FROM cats WHERE age > SOME (SELECT max(age) FROM dogs GROUP BY owner) ORDER BY id"),
		S("SELECT id FROM cats WHERE age IN (SELECT min(small) FROM dogs) ORDER BY id"),
		S("SELECT id FROM cats WHERE (owner, age) IN (SELECT owner, max(small) FROM dogs GROUP BY owner) ORDER BY id"),
		S("SELECT id FROM cats WHERE (name, plain) IN (SELECT name, plain FROM dogs) ORDER BY id"),
		S("SELECT id FROM cats WHERE (name, kind) NOT IN (SELECT name, kind FROM dogs) ORDER BY id"),
		S("SELECT id FROM cats WHERE (name, keyed) IN (SELECT d.name, c.keyed FROM dogs d JOIN cats c ON c.owner = d.owner) ORDER BY id"),
		S("SELECT id FROM cats WHERE keyed IN (SELECT keyed FROM cats WHERE id = 1) ORDER BY id"),
		S("SELECT id FROM cats WHERE plain IN (SELECT age FROM dogs) ORDER BY id"),
		S("SELECT id FROM cats WHERE age IN (SELECT plain FROM dogs) ORDER BY id"),
		S("SELECT id FROM cats WHERE upper(kind) IN (SELECT upper(kind) FROM dogs) ORDER BY id"),
		S("SELECT id FROM cats WHERE age + $1::int = ANY (SELECT age FROM dogs WHERE plain > $2) ORDER BY id", "2", "0"),
		S("SELECT id FROM cats WHERE age > 4 AND name IN (SELECT name FROM dogs) ORDER BY id"),
		S("SELECT count(*) FROM cats WHERE name IN (SELECT name FROM dogs)"),
		S("SELECT name, count(*) FROM cats WHERE name IN (SELECT name FROM dogs) GROUP BY name ORDER BY 1"),
		S("UPDATE cats SET plain = 3 WHERE name IN (SELECT name FROM dogs WHERE plain = 1)"),
		S("DELETE FROM cats WHERE age > ALL (SELECT age FROM dogs WHERE plain = 7)"),
		S("SELECT id, plain FROM cats ORDER BY id"),
		S("SELECT id FROM cats WHERE born = ANY (SELECT age FROM dogs)").Fails("42883"),
		S("SELECT id FROM cats WHERE name IN (SELECT name FROM dogs GROUP BY name)").Refused("public."),
		S("SELECT id FROM cats WHERE name IN (SELECT name FROM dogs ORDER BY id LIMIT 1)").Refused("cannot be compared"))
	pair.SameIn(t, formulaModes, append(append([]harness.Step{}, all[:4]...), append(pairedRows(w), all...)...)...)
}

// What is equal, and what less, is for collations and operators to say.
func TestPairsUnderCollationsAndOwnOperators(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		Locale: "icu:en-US",
		DDL: `CREATE TABLE l (id int PRIMARY KEY, name text, c text COLLATE "C", n int, v varchar, d text);
CREATE TABLE r (id int PRIMARY KEY, name text, c text COLLATE "C", n int, v varchar, p text);
CREATE FUNCTION same(varchar, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false';
CREATE OPERATOR = (LEFTARG = varchar, RIGHTARG = text, FUNCTION = same)`,
		Seal: []string{"public.l.name", "public.l.c", "public.l.n", "public.l.v", "public.r.name", "public.r.c", "public.r.n", "public.r.v"},
	})
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes,
		S("INSERT INTO l VALUES (1, 'a', 'a', 1, 'a'), (2, 'B', 'B', 2, 'b'), (3, 'ä', 'ä', 3, NULL), (4, '"+w+"', NULL, NULL, '')"),
		S("INSERT INTO r VALUES (1, 'A', 'A', 1, 'a', 'a'), (2, 'b', 'B', 3, 'b', 'B'), (3, 'z', 'ä', NULL, NULL, NULL), (4, '"+w+"', 'a', 2, '', '')"),
		S("SELECT l.id, r.id FROM l JOIN r ON l.name < r.name ORDER BY 1, 2"), S("SELECT l.id, r.id FROM l JOIN r ON l.name = r.name ORDER BY 1, 2"),
		S("SELECT l.id, r.id FROM l JOIN r ON l.c < r.c ORDER BY 1, 2"), S("SELECT l.id, r.id FROM l JOIN r ON l.c >= r.name COLLATE \"C\" ORDER BY 1, 2"),
		S("SELECT l.id, l.name > ALL (SELECT name FROM r WHERE id < 3), l.c <= ANY (SELECT c FROM r) FROM l ORDER BY 1"),
		S("SELECT l.id FROM l WHERE name IN (SELECT p FROM r) ORDER BY 1"),
		S("SELECT l.id, r.id FROM l JOIN r ON l.v OPERATOR(pg_catalog.=) r.v ORDER BY 1, 2"),
		S("SELECT l.id, r.id FROM l JOIN r ON l.v = r.v").Refused("of its own"),
		S("SELECT l.id, r.id FROM l JOIN r ON l.v = r.name ORDER BY 1, 2").Refused("of its own"),
		S("SELECT l.id FROM l WHERE v IN (SELECT name FROM r)").Refused("of its own"),
		S("SELECT l.id, r.id FROM l JOIN r ON l.c > r.name ORDER BY 1, 2"),
		S("SELECT l.id, r.id FROM l JOIN r ON l.c COLLATE \"C\" > r.c COLLATE \"POSIX\"").Refused("COLLATE"))
}

// Where several values are compared at once, each pair has its own type and collation.
func TestEachPairIsComparedByItself(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		Locale: "en_US.utf8",
		DDL: `CREATE TABLE k (id int PRIMARY KEY, bi bigint, tx text, tc text COLLATE "C", g int);
CREATE TABLE l (id int PRIMARY KEY, bi bigint, f float8, n numeric, i int, tx text, tc text COLLATE "C", p text COLLATE "en-x-icu", q text)`,
		Seal: []string{"public.k.bi", "public.k.tx", "public.k.tc --equality", "public.l.bi", "public.l.f", "public.l.n", "public.l.i", "public.l.tx", "public.l.tc"},
	})
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes,
		S("INSERT INTO k VALUES (1, 9007199254740993, 'B', 'B', 1), (2, 9007199254740992, 'b', 'b', 2), (3, 7, 'C', 'C', 1), (4, NULL, '"+w+"', NULL, 2)"),
		S("INSERT INTO l VALUES (1, 9007199254740992, 9007199254740992, 9007199254740992, 6, 'a', 'a', 'B', 'B'), (2, 7, 9007199254740992, 8, 7, 'C', 'C', 'b', 'b'), (3, NULL, NULL, NULL, NULL, '"+w+"', NULL, NULL, NULL)"),
		S("SELECT k.id, l.id FROM k JOIN l ON k.bi BETWEEN l.f AND l.n ORDER BY 1, 2").Refused("public.k.bi"),
		S("DELETE FROM k USING l WHERE k.bi NOT BETWEEN l.bi AND l.f").Refused("public.k.bi"),
		S("SELECT k.id, l.id FROM k JOIN l ON k.bi BETWEEN l.i AND l.n ORDER BY 1, 2"),
		S("SELECT k.id, l.id FROM k JOIN l ON k.bi BETWEEN SYMMETRIC l.n AND l.i ORDER BY 1, 2"),
		S("SELECT k.id, l.id FROM k JOIN l ON k.bi >= l.f AND k.bi <= l.n ORDER BY 1, 2"),
		S("SELECT k.id, l.id FROM k JOIN l ON k.tx BETWEEN l.tx AND l.tc ORDER BY 1, 2").Refused("public."),
		S("SELECT k.id, l.id FROM k JOIN l ON k.tx BETWEEN l.tx AND l.tx || 'z' ORDER BY 1, 2"),
		S("SELECT k.id, l.id FROM k JOIN l ON k.tx >= l.tx AND k.tx <= l.tc ORDER BY 1, 2"),
		// The greatest of a column is so by that column's collation.
		S("SELECT id FROM k WHERE tc IN (SELECT max(tx) FROM k) ORDER BY id").Refused("public.k.tx"),
		S("SELECT id FROM k WHERE tc >= ALL (SELECT max(tx) FROM k y GROUP BY g) ORDER BY id").Refused("public.k.tx"),
		S("SELECT id FROM k WHERE tx IN (SELECT max(tx) FROM l) ORDER BY id"), S("SELECT id FROM k WHERE tc IN (SELECT max(tc) FROM l GROUP BY q) ORDER BY id"),
		S("SELECT id FROM k WHERE tx IN (SELECT max(tc) FROM l) ORDER BY id"),
		// A plain column can have a collation that does not go with the other's.
		S("SELECT k.id, l.id FROM k JOIN l ON k.tc = l.p").Refused("public.k.tc"), S("SELECT k.id FROM k WHERE tc NOT IN (SELECT p FROM l)").Refused("public.k.tc"),
		S("SELECT k.id, l.id FROM k JOIN l ON k.tx = l.p ORDER BY 1, 2"), S("SELECT k.id, l.id FROM k JOIN l ON k.tx = l.q ORDER BY 1, 2"),
		// Other conditions beside what joins the relations.
		S("SELECT k.id, l.id FROM k, l WHERE k.tx = l.tx AND k.bi > 1 ORDER BY 1, 2"), S("SELECT k.id, l.id FROM k, l WHERE k.tx < l.tx AND l.i = 7 AND k.g = $1 ORDER BY 1, 2", "1"),
		S("SELECT k.id, l.n FROM k, l WHERE k.bi = l.bi AND k.tx LIKE 'C%' ORDER BY l.n DESC LIMIT 3"), S("SELECT count(*) FROM k, l WHERE k.tx <> l.tx AND k.bi = 7"),
		S("UPDATE k SET g = 5 FROM l WHERE k.tx = l.tx AND l.f > 5"), S("SELECT * FROM k ORDER BY id"))
}

// Of a relation only those rows count that conditions find, of ON or of WHERE.
func TestFewRowsOfLargePairs(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE k (id int PRIMARY KEY, t text); CREATE TABLE l (id int PRIMARY KEY, t text, g int)",
		Seal: []string{"public.k.t", "public.l.t"},
	})
	w := pair.Env.Canaries.Word()
	var rows strings.Builder
	for i := range 10001 {
		fmt.Fprintf(&rows, ", (%d, '%s%d')", i, w, i)
	}
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary},
		S("INSERT INTO k VALUES "+rows.String()[1:]), S("INSERT INTO l VALUES (1, $1, 1), (2, $2, 1), (3, $3, 2)", w+"7", w+"8", w+"9000"),
		S("SELECT k.id, l.id FROM k JOIN l ON k.t = l.t WHERE k.id < $1 ORDER BY 1", "9"),
		S("SELECT k.id, l.id FROM k JOIN l ON k.t = l.t AND l.g = 1 JOIN l m ON m.t >= l.t WHERE k.id BETWEEN 8 AND 20 AND m.id > 1 ORDER BY 1, m.id"),
		S("SELECT k.id FROM k, l WHERE k.t = l.t AND k.id > 8990"), S("SELECT k.id FROM k WHERE k.t IN (SELECT t FROM l) AND k.id < 100 ORDER BY 1"),
		S("SELECT count(*) FROM k"))
}

// Of many rows with a value that cannot be computed the first that is met fails the statement.
func TestManyRowsOfAPairThatFail(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE k (id int PRIMARY KEY, t text); CREATE TABLE l (id int PRIMARY KEY, i int)",
		Seal: []string{"public.k.t", "public.l.i"},
	})
	var words strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&words, ", (%d, '%s%d')", i, pair.Env.Canaries.Word(), i)
	}
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary},
		S("INSERT INTO l VALUES (1, 5)"), S("INSERT INTO k VALUES "+words.String()[1:]),
		S("SELECT count(*) FROM k JOIN l ON k.t::int = l.i").Fails("22P02"), S("SELECT count(*) FROM k"))
}
