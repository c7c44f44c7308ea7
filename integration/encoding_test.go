package integration

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"

	"pgseal/integration/harness"
)

// foreignNames has names and values that look different in every encoding.
var foreignNames = harness.Schema{
	DDL: `CREATE TABLE "prénoms" (id int PRIMARY KEY, "naïve" text, "plain é" text, kanji text);
		CREATE TABLE noms (id int PRIMARY KEY, "é" text, "naïve" text)`,
	Seal: []string{"public.prénoms.naïve --equality", "public.prénoms.kanji --equality", "public.noms.naïve"},
}

// A client's texts, names and values in its own encoding mean what they mean on
// the plaintext database.
func TestTextsInOtherClientEncodings(t *testing.T) {
	for _, client := range []struct {
		name  string
		table encoding.Encoding
		value string
		steps []string
	}{
		{"LATIN1", charmap.ISO8859_1, "Zoë ¼ ×", nil},
		{"LATIN9", charmap.ISO8859_15, "Zoë €", []string{
			`SELECT 'x' AS "€"`,
			`SELECT 1 FROM "foo€bar"`,
			`CREATE TABLE "€" ("œ" int)`,
			`INSERT INTO "€" VALUES (1) RETURNING *`,
			`DROP TABLE "€"`,
		}},
		{"SJIS", japanese.ShiftJIS, "表示 ソ十", []string{`INSERT INTO "plain" VALUES ('表')`}},
		{"EUC_JP", japanese.EUCJP, "表示", nil},
	} {
		t.Run(client.name, func(t *testing.T) {
			schema := foreignNames
			names := client.name != "SJIS" && client.name != "EUC_JP"
			pair := harness.New(t, schema)
			in := func(s string) string {
				encoded, err := client.table.NewEncoder().String(s)
				if err != nil {
					t.Fatal(err)
				}
				return encoded
			}
			for _, mode := range harness.Modes {
				if client.name == "LATIN1" && mode != harness.Simple && mode != harness.PreparedBinary {
					continue // as LATIN9
				}
				pair.Empty()
				c := pair.Compare(t, mode)
				c.Step(S("SET client_encoding = '" + client.name + "'"))
				if names {
					c.Step(S(in(`INSERT INTO "prénoms" (id, "naïve", "plain é") VALUES (1, $1, 'é') RETURNING *`), in(client.value)))
					c.Step(S(in(`INSERT INTO "prénoms" (id, "naïve") VALUES (2, '` + client.value + `' ), (3, NULL)`)))
					c.Step(S(in(`SELECT id, "naïve" FROM "prénoms" WHERE "naïve" = $1 ORDER BY id`), in(client.value)))
					c.Step(S(in(`SELECT id, "naïve" FROM "prénoms" WHERE "naïve" = '` + client.value + `' ORDER BY id`)))
					c.Step(S(in(`UPDATE "prénoms" SET "naïve" = 'é' WHERE "plain é" = 'é' RETURNING "naïve"`)))
					c.Step(S(in(`SELECT "naïve" AS "ë", "nai" FROM "prénoms" p`)))
					c.Step(S(in(`SELECT "naïve" || 'é', "naïve" || "plain é", length("naïve"), left("naïve", 2) FROM "prénoms" ORDER BY id`)).Simple())
					// What pgseal puts into these has names that the client does not write.
					c.Step(S(in("INSERT INTO noms VALUES (1, 'é', $1)"), in(client.value)))
					c.Step(S("SELECT row_to_json(n) FROM noms n"))
					c.Step(S("SELECT n, array_agg(n.id) FROM noms n GROUP BY n.id"))
					c.Step(S("COPY noms TO STDOUT").Simple())
					// What a transaction has changed is read in the client's encoding.
					for _, sql := range []string{
						"BEGIN", `ALTER TABLE noms ADD COLUMN "û" text DEFAULT 'é'`, `UPDATE noms SET "naïve" = 'ü', "é" = "û" RETURNING *`, "SELECT row_to_json(n) FROM noms n",
						`ALTER TABLE noms RENAME "naïve" TO "naîve"`, `SELECT "naîve", id FROM noms`, `CREATE TABLE "copié" AS SELECT * FROM noms`, `INSERT INTO "copié" (id, "naîve") VALUES (9, 'é') RETURNING *`,
						"ROLLBACK", "SELECT * FROM noms",
					} {
						c.Step(S(in(sql)))
					}
					// Offsets in these are others in UTF-8.
					c.Step(S(in(`SELECT '` + strings.Repeat("é", 200) + `' AS a; SELECT quote_ident("naïve") FROM "prénoms"; SELECT 'é'`)).Simple().Refused("cannot"))
					c.Step(S("BEGIN"))
					c.Step(S(in(`SAVEPOINT s; INSERT INTO "prénoms" (id, "naïve") VALUES (7, E'éééééééééééé\'é'), (1, 'éé'); SELECT 1`)).Simple().Fails("23505"))
					c.Step(S("ROLLBACK TO s"))
					c.Step(S("COMMIT"))
				}
				if broken, err := client.table.NewDecoder().String("\xff"); err != nil || strings.Contains(broken, "\ufffd") {
					c.Step(S("SELECT '\xff' AS v").Fails("22021"))
					c.Step(S("SELECT kanji AS \"\xff\" FROM noms").Fails("22021"))
				}
				for _, sql := range client.steps {
					c.Step(S(in(sql)))
				}
				c.Step(S("SET client_encoding = 'UTF8'"))
				c.Step(S(`INSERT INTO "prénoms" (id, kanji) VALUES (4, $1)`, client.value))
				c.Step(S(`INSERT INTO noms (id, "naïve") VALUES (50, $1)`, client.value))
				c.Step(S("SET client_encoding = '" + client.name + "'"))
				c.Step(S(in("SELECT '" + client.value + "' AS v")))
				if row := S("SELECT n FROM noms n WHERE id = 50"); client.name == "SJIS" && mode != harness.PreparedBinary && mode != harness.Typed {
					c.Step(row.Refused("client_encoding"))
				} else {
					c.Step(row)
				}
				c.Step(S("SET client_encoding = 'UTF8'"))
				c.Step(S(`SELECT * FROM "prénoms" WHERE kanji = $1`, client.value))
				c.Step(S(`SELECT * FROM "prénoms" ORDER BY id`))
			}
		})
	}
}

// A text that the server cannot read is refused as the server would refuse it, before
// anything else; what pgseal puts into a text and the client's encoding has no character
// for is refused, too.
func TestTextsThatTheEncodingDoesNotAllow(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE TABLE t (id int PRIMARY KEY, "表" text, s text); INSERT INTO t VALUES (1, 'a', NULL)`,
		Seal: []string{"public.t.s"},
	})
	for _, mode := range harness.Modes {
		c := pair.Compare(t, mode)
		for _, client := range []string{"UTF8", "SQL_ASCII"} {
			c.Step(S("SET client_encoding = '" + client + "'"))
			for _, sql := range []string{"SELECT s AS \"\xe9\" FROM t", "INSERT INTO t (id, s) VALUES (9, '\xe9')", `INSERT INTO t (id, s) VALUES (9, E'\xe9')`, "CREATE ROLE \"\xe9\"", "SELECT '\xe9' FROM t", "SELECT \xe9"} {
				c.Step(S(sql).Fails("22021"))
			}
			c.Step(S("BEGIN"))
			c.Step(S("SELECT 1/0"))
			c.Step(S("SELECT s AS \"\xe9\" FROM t").Fails("22021"))
			c.Step(S("ROLLBACK"))
		}
		c.Step(S("SET client_encoding = 'LATIN1'"))
		c.Step(S("COPY t TO STDOUT").Simple().Refused("has no equivalent"))
		c.Step(S("SELECT id, s FROM t"))
	}
}

// In a database of another encoding nothing is known of names that are not in ASCII but
// that they are none of those which are.
func TestNamesInADatabaseOfAnotherEncoding(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:      "CREATE TABLE t (id int PRIMARY KEY, s text); CREATE TABLE plain (id int)",
		Seal:     []string{"public.t.s"},
		Encoding: "LATIN1",
	})
	for _, mode := range []harness.Mode{harness.Simple, harness.PreparedBinary} { // PREPARE of such a text is refused
		c := pair.Compare(t, mode)
		for _, client := range []string{"LATIN1", "SQL_ASCII"} {
			c.Step(S("SET client_encoding = '" + client + "'"))
			c.Step(S("BEGIN"))
			for _, sql := range []string{
				"CREATE TABLE \"\xe9\" (\"\xea\" int)", "INSERT INTO \"\xe9\" VALUES (1) RETURNING *", "ALTER TABLE \"\xe9\" RENAME TO \"a \xe9\"",
				"COMMENT ON TABLE \"a \xe9\" IS 'one \xe9 beside t'", "COMMENT ON COLUMN \"a \xe9\".\"\xea\" IS NULL", "GRANT SELECT ON \"a \xe9\", plain TO public", "DROP TABLE \"a \xe9\"",
			} {
				c.Step(S(sql))
			}
			c.Step(S("COMMIT"))
			c.Step(S("SELECT * FROM \"\xe9\"").Fails("42P01"))
			c.Step(S("SELECT s AS \"\xe9\" FROM t").Refused("not in UTF-8"))
		}
	}
}
