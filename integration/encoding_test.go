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
					c.Step(S(in(`SELECT '` + strings.Repeat("é", 200) + `' AS a; SELECT "naïve" || 'x' FROM "prénoms"; SELECT 'é'`)).Simple().Refused("cannot"))
					c.Step(S("BEGIN"))
					c.Step(S(in(`SAVEPOINT s; INSERT INTO "prénoms" (id, "naïve") VALUES (7, E'éééééééééééé\'é'), (1, 'éé'); SELECT 1`)).Simple().Fails("23505"))
					c.Step(S("ROLLBACK TO s"))
					c.Step(S("COMMIT"))
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
