package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Search boxes look into several columns, of which some are sealed. What is plain the server
// decides, in its collation.
func TestSearchedInSealedAndPlainColumns(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE clients (id int PRIMARY KEY, code text, city text COLLATE "C", tags text[], data jsonb, active bool, since date, name text, email text, age int);
CREATE TABLE notes (id int PRIMARY KEY, client_id int, body text)`,
		Seal: []string{"public.clients.name", "public.clients.email --equality", "public.clients.age", "public.notes.body"},
	})
	w := pair.Env.Canaries.Text()
	steps := []harness.Step{
		S("INSERT INTO clients VALUES (1, 'A-1', 'Bern', '{a,b}', '{\"k\": \"v\"}', true, '2024-01-01', '" + w + "Ann', '" + w + "ann@x', 30), (2, 'b-2', 'BONN', '{c}', NULL, false, '2023-01-01', 'Bob', 'bob@y', 5), " +
			"(3, NULL, NULL, NULL, '{\"k\": \"w\"}', NULL, NULL, NULL, NULL, NULL), (4, 'Bcd', 'Åre', '{}', '{}', true, '2020-05-05', 'Cid', 'a@a', 77), (5, 'x', 'y', '{a}', '[]', false, '1999-09-09', 'b', 'B', 18)"),
		S("INSERT INTO notes VALUES (1, 1, 'x'), (2, 4, 'y')"),
	}
	for _, cond := range []string{
		"name ILIKE '%b%' OR code ILIKE '%b%'",
		"UPPER(code::text) LIKE UPPER('%B%') OR UPPER(name::text) LIKE UPPER('%B%') OR UPPER(email::text) LIKE UPPER('%B%')",
		"(code ILIKE '%b%' OR city ILIKE '%b%') OR name ILIKE 'c%'",
		"code IS NULL OR name LIKE 'B%'",
		"NOT (lower(city) = 'bonn' OR name LIKE '%n%')",
		"active OR age > 20",
		"active IS NOT TRUE OR age > 20",
		"active = true AND age > 20 OR since < '2000-01-01'",
		"since BETWEEN '2023-01-01' AND '2024-12-31' OR age BETWEEN 10 AND 20",
		"tags @> '{a}' OR age < 10",
		"'c' = ANY (tags) OR age < 10",
		"data ->> 'k' = 'v' OR age < 10",
		"data @> '{\"k\": \"w\"}' OR age < 10",
		"code IN ('x', 'b-2') OR age > 70",
		"city > 'Bz' OR age > 70",
		"COALESCE(city, code, '') = '' OR age > 70",
		"concat(code, ' ', city) ILIKE '%b%' OR name ILIKE '%d%'",
		"id IN (SELECT client_id FROM notes) OR age < 10",
		"EXISTS (SELECT FROM notes n WHERE n.client_id = clients.id) OR age < 10",
		"since < CURRENT_DATE AND (code = 'x' OR age < 10)",
		"code IS DISTINCT FROM 'x' AND (city IS NULL OR age >= 30)",
		"(age > 10 AND code ILIKE '%1') OR (age <= 10 AND code ILIKE '%2')",
		`code COLLATE "C" LIKE 'b%' OR name LIKE 'C%'`,
	} {
		steps = append(steps, S("SELECT id, name FROM clients WHERE "+cond+" ORDER BY id"), S("SELECT count(*) FROM clients WHERE "+cond),
			S("SELECT id, CASE WHEN "+cond+" THEN name ELSE email END, "+cond+" FROM clients ORDER BY age NULLS FIRST, id LIMIT 3"),
			S("SELECT city, count(*) FROM clients WHERE "+cond+" GROUP BY city ORDER BY city"), S("SELECT sum(age), count(age) FILTER (WHERE "+cond+") FROM clients"),
			S("SELECT max(age) FROM clients WHERE "+cond))
	}
	steps = append(steps,
		// Texts that differ in a literal only.
		S("SELECT CASE WHEN code = 'x' THEN name WHEN code = 'x' THEN email || '!' END FROM clients ORDER BY id"),
		S("SELECT CASE WHEN code = 'x' THEN name WHEN code = 'A-1' THEN email || '!' END FROM clients ORDER BY id"),
		S("SELECT id FROM clients WHERE (code = 'x' OR name LIKE 'A%') AND (code = 'x' OR name LIKE '%n') ORDER BY id"),
		S("SELECT id FROM clients WHERE (code = 'x' OR name LIKE 'A%') AND (code = 'A-1' OR name LIKE '%n') ORDER BY id"),
		S("SELECT id FROM clients WHERE code ILIKE $1 OR name ILIKE $2 ORDER BY id", "%b%", "%a%"),
		S("SELECT id FROM clients WHERE UPPER(code) LIKE UPPER($1) OR since > $2 OR UPPER(name) LIKE UPPER($3) ORDER BY age LIMIT $4", "%b%", "2024-01-01", "%a%", "3"),
		S("SELECT count(*) FROM clients WHERE code ILIKE $1 OR name ILIKE $2", "%b%", "%a%"),
		S("SELECT id FROM clients WHERE id = ANY($1) OR age > $2 ORDER BY id", "{2,3}", "40"),
		S("SELECT c.id, n.id FROM clients c LEFT JOIN notes n ON n.client_id = c.id WHERE n.id IS NULL OR c.age > 30 ORDER BY c.age, n.id"),
		S("SELECT id FROM clients WHERE 10 / id > 5 OR age > 10 ORDER BY id"),
		S("SELECT id FROM clients WHERE code::int > 5 OR age > 10").Fails("22P02"),
		S("SELECT id FROM clients WHERE id IN (SELECT client_id FROM notes WHERE body = 'x') OR age > 10").Unordered(),
		S("SELECT id FROM clients WHERE EXISTS (SELECT FROM clients d WHERE d.email = 'x') OR age > 10").Unordered(),
		S("SELECT id FROM clients WHERE random() < 2 OR age > 10").Unordered(),
		S("SELECT id FROM clients WHERE code = 'x' OR name = 'Bob'"),
		S("SELECT id FROM clients WHERE missing = 'x' OR age > 3").Fails("42703"),
	)
	pair.SameIn(t, formulaModes, steps...)
}
