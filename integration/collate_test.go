package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// COLLATE "C" tells pgseal an order that it knows, whatever collation a column has.
func TestTextsWithCOLLATE(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE TABLE words (id int PRIMARY KEY, de text COLLATE "de-x-icu", v varchar(8) COLLATE "en-x-icu", pad char(5), usual text, plain text COLLATE "en-x-icu", nm name)`,
		Seal: []string{"public.words.de --equality", "public.words.v", "public.words.pad", "public.words.usual", "public.words.nm"},
	})
	steps := []harness.Step{S(`INSERT INTO words VALUES (1, 'Zebra', 'b', 'x', 'q', 'b'), (2, 'apfel', 'B', 'x y', 'Q', 'B'), (3, 'Äpfel', '', 'X', 'ä', 'a'), (4, NULL, NULL, NULL, NULL, NULL), (5, 'apfel ', 'bb', 'x', 'q ', 'bb')`)}
	for _, of := range []string{"de", "v", "usual"} {
		for _, c := range []string{`"C"`, `"POSIX"`, `pg_catalog."C"`} {
			key := of + " COLLATE " + c
			steps = append(steps,
				S("SELECT id, "+of+" FROM words ORDER BY "+key+", id"),
				S("SELECT id FROM words ORDER BY ("+key+") DESC NULLS LAST, id LIMIT $1", "3"),
				S("SELECT id FROM words WHERE "+key+" > 'a' ORDER BY id"),
				S("SELECT id FROM words WHERE 'b' >= "+key+" ORDER BY id"),
				S("SELECT id FROM words WHERE "+key+" BETWEEN $1 AND $2 AND id < 9 ORDER BY id", "A", "b"),
				S("SELECT id FROM words WHERE "+key+" = $1 ORDER BY id", "apfel"),
				S("SELECT id FROM words WHERE "+key+" LIKE 'a%' ORDER BY id"),
				S("SELECT max("+key+"), min("+key+") FROM words"),
				S("SELECT id, "+key+", GREATEST("+key+", 'b'), length("+key+"), COALESCE("+key+", '-') || '!' FROM words ORDER BY id"),
				S("SELECT DISTINCT "+key+" AS x FROM words ORDER BY x"),
				S("SELECT "+key+" AS x, count(*) FROM words GROUP BY x ORDER BY x DESC"),
				S("SELECT DISTINCT ON (id % 2) id FROM words ORDER BY id % 2, "+key+" DESC NULLS LAST, id"),
				S("UPDATE words SET plain = 'x' WHERE "+key+" < 'B' RETURNING id").Unordered())
		}
	}
	pair.SameIn(t, formulaModes, append(steps,
		S(`SELECT id FROM words ORDER BY plain COLLATE "C", de COLLATE "C", id`),
		S(`SELECT id FROM words WHERE de COLLATE "C" < v OR v < usual COLLATE "C" ORDER BY id`),
		S(`SELECT id FROM words WHERE de COLLATE "C" < plain ORDER BY id`),
		S(`SELECT * FROM words ORDER BY 5, 1`), S(`SELECT id FROM words ORDER BY pad COLLATE "C" DESC, id`), S(`SELECT w.*, id + 1 FROM words w ORDER BY 5 DESC NULLS LAST, 8`), S(`SELECT * FROM words ORDER BY 1, 5`), S(`SELECT id, words.* FROM words ORDER BY 6, 2 DESC LIMIT 2`),
		S(`SELECT * FROM words ORDER BY 8`).Fails("42P10"), S(`SELECT * FROM words ORDER BY 2`),
		S(`SELECT id FROM words WHERE de COLLATE "C" < v COLLATE "POSIX" ORDER BY id`).Refused("cannot be used in"), S(`SELECT id FROM words WHERE de COLLATE "C" = v COLLATE "POSIX"`).Refused("cannot be"),
		S(`SELECT id FROM words WHERE de = v`).Refused("cannot be"), S(`SELECT id FROM words WHERE de = usual ORDER BY id`), S(`SELECT id FROM words WHERE de || v = 'x'`).Refused("cannot be"), S(`SELECT id FROM words WHERE de || usual = 'Zebraq'`),
		S(`SELECT id FROM words WHERE (de || v) COLLATE "C" = 'Zebrab'`),
		S(`SELECT id FROM words ORDER BY de`),
		S(`SELECT id FROM words ORDER BY de COLLATE "de-x-icu"`).Refused("cannot be used in"),
		S(`SELECT id FROM words ORDER BY usual COLLATE "default", id`).Refused("cannot be used in"),
		S(`SELECT upper(de COLLATE "C") FROM words`).Refused("cannot be used in"),
		S(`SELECT id FROM words WHERE de COLLATE "C" ILIKE 'A%'`).Refused("cannot be used in"),
		S(`SELECT id FROM words ORDER BY nullif(usual, de)`), S(`DELETE FROM words WHERE nullif(usual, de) < 'b'`),
		S(`SELECT id FROM words ORDER BY nullif(usual COLLATE "C", de), id`), S(`SELECT id, nullif(usual, 'q') AS u FROM words ORDER BY u, id`),
		S(`SELECT coalesce(de COLLATE "C", v COLLATE "POSIX") FROM words`).Refused("cannot be"), S(`SELECT coalesce(de, v), count(*) FROM words GROUP BY 1`).Refused("cannot be"),
		S(`INSERT INTO words (id, nm, usual) VALUES (7, 'é', 'é')`), S(`SELECT upper(nm) FROM words`).Refused("cannot be"), S(`SELECT upper(nm::text) FROM words`).Refused("cannot be"), S(`SELECT id FROM words WHERE nm::text ILIKE 'É'`).Refused("cannot be"),
		S(`SELECT upper(usual || 'é'::name) FROM words`).Refused("cannot be"), S(`SELECT nm || '!', length(nm::text), upper(usual) FROM words ORDER BY nm, id`),
		S(`SELECT id FROM words ORDER BY id COLLATE "C"`).Fails("42804"),
	)...)
}
