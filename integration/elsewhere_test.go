package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// A table with sealed columns in a schema that the search path does not have is
// none of the statement's: neither what the statement makes, nor what it finds.
func TestTablesBesideTheSearchPath(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `
CREATE SCHEMA other;
CREATE TABLE other.members (id int, name text);
CREATE TABLE other.firms (id int, name text);
CREATE TABLE other.dates (id int, seen timestamptz)`,
		Seal: []string{"other.members.id --equality", "other.members.name", "other.firms.id --equality", "other.dates.seen"},
	})
	pair.Same(t,
		S("CREATE TABLE people (id int PRIMARY KEY, firm int REFERENCES firms (id))"),
		S("ALTER TABLE members ADD PRIMARY KEY (id)"),
		S("ALTER TABLE members ADD CHECK (id > 0)"),
		S("CREATE TABLE IF NOT EXISTS members (id int PRIMARY KEY, name text, boss int REFERENCES members (id))"),
		S("CREATE TABLE firms (id int PRIMARY KEY, name text CHECK (name <> ''), holding int, FOREIGN KEY (holding) REFERENCES firms)"),
		S("ALTER TABLE firms ADD FOREIGN KEY (holding) REFERENCES members (id)"),
		S("INSERT INTO members VALUES (1, 'Ada', NULL), (2, 'Bob', 1)"),
		S("SELECT id, name, boss FROM members WHERE boss = 1 ORDER BY id"),
		S("INSERT INTO members VALUES (3, 'Cyd', 4)"),
		S("INSERT INTO other.members VALUES (1, 'Eve')"),
		// Nor does a setting before it in one text have the path lead there.
		S("SET LOCAL work_mem = '1MB'; SELECT nothing FROM dates").Simple().Fails("42P01"),
		S("SET LOCAL TimeZone = 'Asia/Tokyo'; SELECT seen FROM dates").Simple().Fails("42P01"),
		S("SET LOCAL search_path = other; SELECT nothing FROM dates").Simple().Fails("42703"),
		S("SET LOCAL work_mem = '1MB'; SET LOCAL SCHEMA 'other'; SELECT id FROM dates").Simple(),
		// What pgseal asks for that comes behind SET TRANSACTION, which needs a transaction
		// that has seen nothing.
		S("BEGIN"),
		S("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT nothing FROM dates").Simple().Fails("42P01"),
		S("ROLLBACK"),
		S("BEGIN"),
		S("SET LOCAL transaction_isolation = 'serializable'; SET TRANSACTION READ ONLY; SELECT nothing FROM dates").Simple().Fails("42P01"),
		S("ROLLBACK"),
		S("BEGIN"),
		S("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT nothing FROM dates").Simple().Fails("42P01"),
		S("ROLLBACK"),
		S("BEGIN"),
		S("/* again */ Start Transaction Isolation Level Serializable; DECLARE c CURSOR FOR SELECT 1.5::real; FETCH 2 FROM c").Simple(),
		S("SHOW transaction_isolation"),
		S("ROLLBACK"),
		S("BEGIN"),
		S("BEGIN WORK; SELECT nothing FROM dates").Simple().Fails("42P01"),
		S("ROLLBACK"),
		S("BEGIN"),
		S("SELECT 1"),
		S("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT nothing FROM dates").Simple().Fails("25001"),
		S("ROLLBACK"),
		S("SET search_path = other"),
		S("SELECT id, name FROM members WHERE id = 1"),
	)
}
