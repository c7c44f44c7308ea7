package rewrite

import "testing"

// DDL is quiet if it concerns nothing that the snapshot knows, and cannot.
func TestQuietDDL(t *testing.T) {
	snap := testSnapshot()
	for sql, want := range map[string]bool{
		`CREATE TABLE more (id serial PRIMARY KEY, a text REFERENCES other)`: true,
		`CREATE TABLE more (users_id int)`:                                   true,
		`CREATE INDEX more_a ON more (a)`:                                    true,
		`CREATE TYPE mood AS ENUM ('users')`:                                 true,
		`CREATE SEQUENCE numbers2`:                                           true,
		`ALTER TABLE more ADD b int, ALTER a TYPE int USING a::int, DROP c`:  true,
		`ALTER TABLE more ADD CONSTRAINT c UNIQUE (a)`:                       true,
		`DROP TABLE more, other`:                                             true,
		`CREATE TABLE more (id int REFERENCES users)`:                        false,
		`CREATE TABLE more (LIKE plain)`:                                     false,
		`CREATE TABLE pg_class (id int)`:                                     false,
		`CREATE TABLE more AS SELECT 1`:                                      false,
		`CREATE VIEW more AS SELECT 1`:                                       false,
		`CREATE SCHEMA more`:                                                 false,
		`CREATE TRIGGER t AFTER INSERT ON more EXECUTE FUNCTION f()`:         false,
		`DROP TABLE more CASCADE`:                                            false,
		`DROP VIEW more`:                                                     false,
		`DROP TYPE more`:                                                     false,
		`ALTER TABLE more DROP a CASCADE`:                                    false,
		`ALTER TABLE more ENABLE TRIGGER t`:                                  false,
		`ALTER TABLE more ADD b int, ENABLE TRIGGER t`:                       false,
		`ALTER TABLE more RENAME TO most`:                                    false,
		`ALTER TABLE more SET SCHEMA app`:                                    false,
		`ALTER TABLE more INHERIT plain`:                                     false,
		`ALTER TABLE plain ADD c int`:                                        false,
		`ALTER TABLE users ADD c int`:                                        false,
		`ALTER INDEX more_a RENAME TO b`:                                     false,
		`CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'`:         false,
	} {
		var scratch Scratch
		bound, err := NewPlanner(16).Plan(&scratch, Request{Snapshot: snap, Fresh: true, Path: []string{"public"}, Text: []byte(sql), Mode: Simple})
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		if got := bound.Plan.Statements()[0].Quiet; got != want {
			t.Errorf("%s: quiet is %v", sql, got)
		}
	}
}
