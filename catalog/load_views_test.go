package catalog_test

import (
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgseal/catalog"
)

func loadShownViews(t *testing.T, conn *pgx.Conn) map[string]string {
	t.Helper()
	s, err := catalog.Load(t.Context(), conn, false, false)
	if err != nil {
		t.Fatal(err)
	}
	return s.Shown().Views
}

// TestSystemViewsAreThoseOfTheirDatabase: databases share the definitions that they have alike.
func TestSystemViewsAreThoseOfTheirDatabase(t *testing.T) {
	_, first := sealedDatabase(t)
	database, conn := sealedDatabase(t)
	loadShownViews(t, first) // of the first load in a process nobody knows whether there are others
	usual := loadShownViews(t, first)
	if again := loadShownViews(t, conn); reflect.ValueOf(again).Pointer() != reflect.ValueOf(usual).Pointer() {
		t.Error("two databases with the same system views do not share them")
	}
	const domains, usage = "information_schema.domains", "information_schema.column_domain_usage"
	const replace = `CREATE OR REPLACE VIEW ` + usage + ` AS
		SELECT domain_catalog, domain_schema, domain_name, table_catalog, table_schema, table_name, column_name
		  FROM information_schema.columns WHERE `
	const own = "information_schema.own"
	for _, c := range []struct{ change, view, has, undo string }{
		{`ALTER VIEW ` + domains + ` RENAME domain_default TO usual_value`, domains, "usual_value", `ALTER VIEW ` + domains + ` RENAME usual_value TO domain_default`},
		{`ALTER FUNCTION information_schema._pg_char_max_length RENAME TO _pg_most`, domains, "_pg_most", `ALTER FUNCTION information_schema._pg_most RENAME TO _pg_char_max_length`},
		{`ALTER DOMAIN information_schema.sql_identifier RENAME TO sql_name`, domains, "sql_name", `ALTER DOMAIN information_schema.sql_name RENAME TO sql_identifier`},
		{`ALTER VIEW ` + domains + ` RENAME TO own`, own, "pg_type", `ALTER VIEW ` + own + ` RENAME TO domains`},
		{`CREATE VIEW ` + own + ` AS SELECT relname FROM pg_class`, own, "pg_class", `DROP VIEW ` + own},
		{`ALTER DATABASE ` + database + ` SET quote_all_identifiers = on`, domains, `"pg_type"`, `ALTER DATABASE ` + database + ` RESET quote_all_identifiers`},
		{replace + `column_name = 'none'`, usage, "'none'", ``},
		{`CREATE TABLE public.own (n int); ` + replace + `EXISTS (SELECT FROM public.own)`, usage, "public.own", ``},
		{`ALTER TABLE public.own RENAME TO other`, usage, "public.other", ``},
	} {
		if err := cluster.Exec(t.Context(), database, c.change); err != nil {
			t.Fatal(err)
		}
		if got := loadShownViews(t, connect(t, cluster, database, owner))[c.view]; !strings.Contains(got, c.has) {
			t.Errorf("after %s, %s is\n%s\nwithout %s", c.change, c.view, got, c.has)
		}
		if err := cluster.Exec(t.Context(), database, c.undo); err != nil {
			t.Fatal(err)
		}
	}
	if again := loadShownViews(t, first); !maps.Equal(again, usual) {
		t.Error("what another database has changed is seen")
	}
}
