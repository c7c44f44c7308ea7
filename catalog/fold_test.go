package catalog_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgseal/catalog"
	"pgseal/envelope"
)

// foldsOfC are those of collation C, as the server has them.
func foldsOfC(t *testing.T, conn *pgx.Conn) (folds *catalog.Folds) {
	t.Helper()
	if err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) (err error) {
		if _, err = tx.Exec(t.Context(), "SET LOCAL search_path = pg_catalog"); err != nil {
			return err
		}
		folds, err = catalog.CollationFolds(t.Context(), tx, `pg_catalog."C"`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return folds
}

func TestFoldsUnderCAreTheServers(t *testing.T) {
	_, conn := sealedDatabase(t)
	known := foldsOfC(t, conn)
	for _, collation := range []string{`pg_catalog."C"`, `pg_catalog."default"`, `pg_catalog."POSIX"`} {
		asked, err := catalog.AskedFolds(t.Context(), conn, collation)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []envelope.TermFlags{envelope.TermLower, envelope.TermUpper} {
			if known.Of(kind).Hash() != asked.Of(kind).Hash() {
				t.Errorf("%s under %s is not what is known without asking", catalog.FoldName(kind), collation)
			}
		}
	}
}

func noteTerms(terms envelope.TermFlags, normalizer string) string {
	return fmt.Sprintf(`UPDATE pgseal.sealed_column SET terms = %d, normalizer = nullif('%s', '') WHERE column_id = 1`, terms, normalizer)
}

func TestColumnsWithTermsOfCaseKnowHowTheServerFolds(t *testing.T) {
	_, conn := sealedDatabase(t)
	folds := foldsOfC(t, conn)
	if got := string(folds.Lower.Append(nil, []byte("ABC xyz É"))); got != "abc xyz É" {
		t.Errorf("lower under C gives %q", got)
	}
	const both = envelope.TermEquality | catalog.FoldTerms
	note := catalog.Normalizer(both, folds)
	for _, c := range []struct {
		name, normalizer string
		terms            envelope.TermFlags
		broken, changed  bool
	}{
		{"as it was", note, both, false, false},
		{"only lower", catalog.Normalizer(envelope.TermLower, folds), envelope.TermEquality | envelope.TermLower, false, false},
		{"of another server", strings.Replace(note, "lower:", "lower:0", 1), both, false, true},
		{"not noted", "", both, true, false},
		{"for other terms", note, envelope.TermEquality | envelope.TermUpper, true, false},
		{"without an equality term", catalog.Normalizer(catalog.FoldTerms, folds), catalog.FoldTerms, true, false},
	} {
		mustExec(t, conn, noteTerms(c.terms, c.normalizer))
		column := named(load(t, conn), "public", "users").Column("ssn").Sealed
		if (column.Broken != "") != c.broken {
			t.Errorf("%s: broken: %q", c.name, column.Broken)
			continue
		}
		if c.broken {
			continue
		}
		if column.Folding.Changed != c.changed {
			t.Errorf("%s: %+v", c.name, column.Folding)
		}
		for _, kind := range []envelope.TermFlags{envelope.TermLower, envelope.TermUpper} {
			if of := column.FoldsTo(kind); (of != nil) != (c.terms&kind != 0) || of != nil && (of.Folded != kind || of.Of != column) {
				t.Errorf("%s: %s is %+v", c.name, catalog.FoldName(kind), of)
			}
		}
	}
	mustExec(t, conn, noteTerms(both, note))
	if f := load(t, conn).TextFunctions(); f == nil || len(f.Own) > 0 || f.Folds == nil {
		t.Errorf("what the server makes of a client's text: %+v", f)
	}
	mustExec(t, conn, `CREATE FUNCTION public.upper(varchar) RETURNS text LANGUAGE sql AS 'SELECT NULL::text'`)
	if f := load(t, conn).TextFunctions(); f == nil || !f.IsOwn("upper") || f.IsOwn("lower") {
		t.Errorf("a function of the database's own is not seen: %+v", f)
	}
}

func TestColumnsWithoutTermsOfCaseHaveNoFolding(t *testing.T) {
	_, conn := sealedDatabase(t)
	if column := named(load(t, conn), "public", "users").Column("ssn").Sealed; column.Folding != nil || column.FoldsTo(envelope.TermLower) != nil {
		t.Errorf("got %+v", column)
	}
}
