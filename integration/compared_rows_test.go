package integration

import (
	"testing"

	"pgseal/integration/harness"
)

func ledgerSchema() harness.Schema {
	return harness.Schema{
		DDL: `CREATE TABLE ledger (id int PRIMARY KEY, paid timestamp, amount numeric(10,2), name text, kind text, plain int, stars int);
			CREATE TABLE limits (id int PRIMARY KEY, most numeric(10,2), word text)`,
		Seal: []string{"public.ledger.paid", "public.ledger.amount", "public.ledger.name", "public.ledger.kind --equality", "public.ledger.stars", "public.limits.most"},
	}
}

const ledgerRows = `INSERT INTO ledger (id, paid, amount, name, kind, plain, stars) VALUES
	(1, '2024-01-01', 10, 'ann', 'a', 1, 1), (2, '2024-01-02', 10, 'bob', 'b', 2, 5), (3, '2024-01-02', 20.5, 'ann', 'a', 3, NULL),
	(4, '2024-01-02', NULL, 'cid', 'b', 4, 3), (5, NULL, 30, NULL, 'a', 5, 2), (6, '2024-02-01', 7, 'dora', NULL, NULL, 4), (7, '2024-02-01', 7.01, 'dora', 'a', 1, 4)`

// Rows of several values are compared from the first on, as pages of results are found.
func TestComparisonsOfRows(t *testing.T) {
	pair := harness.New(t, ledgerSchema())
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes, S(ledgerRows),
		S("SELECT id FROM ledger WHERE (paid, id) > ('2024-01-02', 2) ORDER BY paid, id LIMIT 2"),
		S("SELECT id FROM ledger WHERE (paid, id) < ($1, $2) ORDER BY paid DESC, id DESC LIMIT 3", "2024-02-01", "7"),
		S("SELECT id FROM ledger WHERE (amount, name) >= (10, $1) ORDER BY amount, name, id", "bob"),
		S("SELECT id FROM ledger WHERE (plain, amount, id) <= (3, 10, 9) ORDER BY id"),
		S("SELECT id FROM ledger WHERE ROW(amount, plain) < ROW(20.5, NULL) ORDER BY id"),
		S("SELECT id FROM ledger WHERE NOT (amount, stars) > (10, 1) ORDER BY id"),
		S("SELECT id FROM ledger WHERE ROW(amount) > ROW(10) ORDER BY id"),
		S("SELECT id, (amount, stars) = (10, 1), (amount, stars) <> (10, 5), (stars, paid) >= (4, '2024-02-01') FROM ledger ORDER BY id"),
		S("SELECT CASE WHEN (amount, id) > (10, 2) THEN 'much' ELSE 'little' END, count(*) FROM ledger GROUP BY 1 ORDER BY 1"),
		S("SELECT count(*) FROM ledger WHERE (amount, id) > (10, 1)"),
		S("SELECT l.id FROM limits l WHERE EXISTS (SELECT FROM ledger g WHERE g.id = l.id AND (g.amount, g.id) > (7, 6))"),
		S("SELECT id FROM ledger WHERE (name, id) < ('"+w+"', 3) OR (name, id) > ($1, 5) ORDER BY id", w+"x"),
		S("SELECT id FROM ledger WHERE (amount, 2 / (plain - plain)) < (-1, 2)"),
		S("SELECT id FROM ledger WHERE (amount, 2 / (plain - plain)) >= (10, 2)").Fails("22012"),
		S("SELECT id FROM ledger WHERE (kind, id) = ('a', 3)"),
		S("SELECT id FROM ledger WHERE (kind, amount) < ('b', 20) ORDER BY id"),
		S("SELECT id FROM ledger WHERE (amount, $1) < (10, $2)", "a", "b").Refused("public.ledger.amount"),
		S("SELECT id FROM ledger WHERE (amount, id) < (10, 1, 2)").Fails("42601"),
		S("SELECT id FROM ledger WHERE (amount, name) < ('x', 'y')").Fails("22P02"),
		S("UPDATE ledger SET plain = 9 WHERE (amount, id) > (10, 2)"),
		S("SELECT id, plain FROM ledger ORDER BY id"),
		S("DELETE FROM ledger WHERE (paid, amount) <= ('2024-01-02', 10)"),
		S("SELECT id FROM ledger ORDER BY id"),
	)
}

// CASE whose conditions the server cannot decide is stored as it is computed.
func TestChoicesByRangesAreStored(t *testing.T) {
	pair := harness.New(t, ledgerSchema())
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes, S(ledgerRows),
		S("UPDATE ledger SET kind = CASE WHEN amount > 10 THEN 'much' ELSE kind END"),
		S("UPDATE ledger SET name = CASE WHEN amount > $1 THEN 'rich' WHEN stars < 2 THEN 'poor' ELSE name END WHERE plain < 4", "15"),
		S("UPDATE ledger SET stars = CASE WHEN amount >= 30 THEN 5 WHEN plain > 2 THEN 4 ELSE 1 END WHERE id = 5"),
		S("UPDATE ledger SET stars = (CASE WHEN name LIKE 'd%' THEN 1 ELSE stars END)::int WHERE id IN (6, 7)"),
		S("UPDATE ledger SET amount = CASE WHEN paid < '2024-01-02' THEN amount * 2 ELSE amount END"),
		S("INSERT INTO ledger (id, amount, kind) VALUES (1, 5, 'z') ON CONFLICT (id) DO UPDATE SET kind = CASE WHEN ledger.amount > 10 THEN 'over' ELSE 'under' END"),
		S("UPDATE ledger SET name = CASE WHEN amount > 1 AND name < '"+w+"' THEN '"+w+"a' WHEN name > $1 THEN $2 ELSE name END", w+"b", w+"c"),
		S("UPDATE ledger SET kind = CASE WHEN kind = 'b' THEN 'B' ELSE kind END"),
		S("UPDATE ledger SET plain = CASE WHEN amount > 10 THEN 1 END"),
		S("SELECT * FROM ledger ORDER BY id"),
	)
}

// Aggregates of subqueries are stored, alone and computed with.
func TestAggregatesOfSubqueriesAreStored(t *testing.T) {
	pair := harness.New(t, ledgerSchema())
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes, S(ledgerRows),
		S("INSERT INTO ledger (id, stars, name) VALUES (8, (SELECT max(stars) + 1 FROM ledger), 'next')"),
		S("INSERT INTO limits (id, most) VALUES (101, (SELECT max(stars) + 1 FROM ledger))").Simple(), S("INSERT INTO limits (id, most) VALUES (102, (SELECT max(stars) + 2 FROM ledger))").Simple(),
		S("INSERT INTO limits (id, most) VALUES (103, (SELECT max(stars) + 3 FROM ledger))").Simple(), S("INSERT INTO limits (id, most) VALUES (104, (SELECT max(stars) + 4 FROM ledger))").Simple(),
		S("INSERT INTO limits (id, most) VALUES (105, (SELECT max(stars) FROM ledger) * 2)").Simple(), S("DELETE FROM limits WHERE id > 100 RETURNING id, most").Unordered(),
		S("INSERT INTO ledger (id, stars, amount) VALUES (9, (SELECT max(stars) FROM ledger) + $1, (SELECT sum(amount) FROM ledger WHERE kind = $2)), (10, 1, COALESCE((SELECT min(amount) FROM ledger WHERE id > 100), 7)) RETURNING id, stars, amount", "1", "a"),
		S("INSERT INTO ledger (id, stars) VALUES (11, (SELECT count(*) FROM ledger WHERE amount > 10))").Refused("public.ledger.stars"),
		S("INSERT INTO ledger (id, stars) VALUES ((SELECT max(id) + 1 FROM ledger), (SELECT max(stars) + 1 FROM ledger))"),
		S("INSERT INTO limits VALUES (1, (SELECT avg(amount) FROM ledger), 'w') RETURNING most"),
		S("INSERT INTO limits (id, most) SELECT id + 10, (SELECT max(amount) FROM ledger) FROM limits"),
		S("INSERT INTO ledger (id, name) VALUES (30, '"+w+"p' || (SELECT max(name) || '"+w+"q' FROM ledger) || $2), (31, (SELECT min(name) || $1 FROM ledger))", w+"r", w+"s"),
		S("UPDATE ledger l SET name = (SELECT string_agg(name, $2) || $1 FROM ledger k WHERE k.id = l.id) || '"+w+"t' WHERE id < 3", w+"u", w+"v"),
		S("UPDATE ledger SET amount = (SELECT avg(amount) FROM ledger) WHERE id = 1"),
		S("UPDATE ledger SET stars = (SELECT max(stars) + 1 FROM ledger), name = 'top' WHERE kind = 'b'"),
		S("UPDATE ledger SET amount = (SELECT max(most) FROM limits) - 1 WHERE amount > 20"),
		S("UPDATE ledger SET amount = (SELECT sum(most) FROM limits WHERE limits.id = ledger.id) WHERE id < 3"),
		S("UPDATE ledger l SET amount = (SELECT max(most) * $1 + l.stars FROM limits WHERE limits.id > l.id) WHERE l.kind = 'a'", "2"),
		S("UPDATE ledger l SET amount = COALESCE(amount, 0) + (SELECT max(most) FROM limits WHERE limits.id >= l.id), plain = 3 WHERE id = 4 RETURNING amount"),
		S("UPDATE ledger SET stars = (SELECT min(most) FROM limits WHERE limits.id = ledger.plain AND word = $1), name = 'one' WHERE plain = 1", "w"),
		S("UPDATE ledger SET amount = (SELECT sum(most) FROM limits WHERE limits.id = ledger.id) WHERE amount > 20").Refused("public.limits.most"),
		S("UPDATE ledger SET amount = (SELECT sum(most) FROM limits WHERE limits.id = ledger.id) - (SELECT max(most) FROM limits)").Refused("public.limits.most"),
		S("INSERT INTO ledger (id, stars) VALUES (20, (SELECT max(amount) * 1000000000000 FROM ledger))").Fails("22003"),
		S("INSERT INTO ledger (id, stars) VALUES (21, (SELECT max(name) FROM ledger))").Fails("42804"),
		S("INSERT INTO ledger (id, plain) VALUES (22, (SELECT max(stars) FROM ledger))").Refused("public.ledger.stars"),
		S("SELECT * FROM ledger ORDER BY id"),
		S("SELECT * FROM limits ORDER BY id"),
	)
}
