package integration

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"pgseal/integration/harness"
)

// Rows are changed and deleted by ranges of sealed values, as applications purge what has
// expired and sell what is left.
func TestRowsChangedByRanges(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	const all = "SELECT * FROM accounts ORDER BY id"
	steps := []harness.Step{S("SET timezone = 'Europe/Berlin'"), S(aggregateRows)}
	for _, condition := range []string{"n > $1", "price BETWEEN $1 AND 20", "plain = 1 AND small < $1", "(n > $1 OR d < 0) AND id <> 3", "name = 'ann' AND n >= $1 AND price > 1", "length(label) = $1", "plain - n > $1"} {
		steps = append(steps,
			S("UPDATE accounts SET plain = plain + 10 WHERE "+condition, "1"),
			S(all),
			S("UPDATE accounts AS accounts SET name = 'changed', n = $2 WHERE "+condition, "1", "7"),
			S(all),
			S("BEGIN"),
			S("DELETE FROM accounts WHERE "+condition, "1"),
			S(all),
			S("ROLLBACK"))
	}
	pair.SameIn(t, formulaModes, append(steps,
		S("UPDATE accounts SET n = 4, small = 2 WHERE id IN (1, 3)"),
		S("UPDATE accounts SET n = n - 3 WHERE id = $1 AND n > 0 RETURNING n", "1"),
		S("UPDATE accounts SET n = n - 3 WHERE id = $1 AND n >= 3 RETURNING n", "1"),
		S("UPDATE accounts SET n = n - $2 WHERE id = $1 AND n >= 2 RETURNING n", "3", "2"),
		S("UPDATE accounts SET n = 100 / small WHERE small > 0"),
		S("UPDATE accounts SET n = n * 2, price = price + $1, plain = 5 WHERE price > 0.5 AND small <> 0", "1"),
		S("UPDATE accounts SET n = n * 2147483647 WHERE n > 1").Fails("22003"),
		S("UPDATE accounts SET label = upper(label) WHERE label LIKE '%y%' AND at < now()"),
		S(all),
		S("DELETE FROM accounts WHERE atz < now() - interval '100 years'"),
		S("DELETE FROM accounts WHERE day < CURRENT_DATE - 365 AND plain > 0 RETURNING id"),
		S(all),
		S("DELETE FROM accounts WHERE n > 0 AND 1 / (plain - 5) > 0").Refused("public.accounts.n"),
		S("DELETE FROM accounts WHERE n > (SELECT 3)").Refused("public.accounts.n"),
		S("DELETE FROM accounts a USING lines l WHERE a.n > 3"),
		S("UPDATE accounts SET plain = 1 FROM lines l WHERE n > 3"),
		S("WITH w AS (DELETE FROM accounts WHERE n > 3 RETURNING id) SELECT * FROM w").Unordered(),
		S("UPDATE accounts SET label = COALESCE('too long by', label) || 'far' WHERE n > 1000").Fails("22001"), S("UPDATE accounts SET label = COALESCE('short', label) || 'er' WHERE n > 1000"),
		S("DELETE FROM accounts WHERE n > 'x'").Fails("22P02"),
		S("DELETE FROM accounts WHERE n > missing").Fails("42703"),
		S(all),
		S("DELETE FROM ONLY accounts WHERE n < 1000"),
		S("DELETE FROM accounts WHERE n > -1000000"),
		S(all),
	)...)
	pair.SameIn(t, formulaModes, S(aggregateRows), S("DELETE FROM accounts WHERE n > $1 AND plain = $1 RETURNING id", "1"), S("DELETE FROM accounts WHERE n > $1 AND plain > $1 RETURNING id", "1"))
}

// A row that has come since the rows were looked at may be one of those that are meant: the
// statement fails, and changes nothing.
func TestARowThatComesBeforeAChangeByRangeFailsIt(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	pair.SameIn(t, []harness.Mode{harness.Simple}, S(aggregateRows))
	answer := dialogue(t, pair.URL(), []pgproto3.FrontendMessage{
		&pgproto3.Query{String: "BEGIN"},
		&pgproto3.Parse{Query: "DELETE FROM accounts WHERE n > $1"},
		&pgproto3.Bind{DestinationPortal: "p", Parameters: [][]byte{[]byte("3")}},
		&pgproto3.Parse{Name: "i", Query: "INSERT INTO accounts (id, n) VALUES (9, 50)"},
		&pgproto3.Bind{DestinationPortal: "i", PreparedStatement: "i"}, &pgproto3.Execute{Portal: "i"},
		&pgproto3.Execute{Portal: "p"},
		&pgproto3.Sync{},
		&pgproto3.Query{String: "ROLLBACK"},
		&pgproto3.Query{String: "SELECT count(*) FROM accounts WHERE n > 3"},
	})
	if !strings.Contains(answer, "INSERT 0 1") || !strings.Contains(answer, "40001") || strings.Contains(answer, "DELETE") || !strings.Contains(answer, `["1"]`) {
		t.Error(answer)
	}
}
