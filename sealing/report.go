package sealing

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Report is what a DBA is told after sealing or unsealing.
type Report struct {
	Column   string
	Rows     int64 // values sealed, or opened
	Indexes  []string
	Views    []string
	Triggers []string // user triggers of the table, whose functions may read the column
	// Remains lists where the former plaintext may still stand, with what
	// removes it.
	Remains []Remainder
}

// Remainder is one place where plaintext may live on after sealing. Command is
// SQL for this database, unless the place is outside of it.
type Remainder struct{ Where, Command string }

func userTriggers(ctx context.Context, tx pgx.Tx, tree []member) ([]string, error) {
	oids := make([]uint32, len(tree))
	for i := range tree {
		oids[i] = tree[i].oid
	}
	rows, err := tx.Query(ctx, `SELECT DISTINCT tgname::text FROM pg_catalog.pg_trigger WHERE tgrelid = ANY ($1) AND NOT tgisinternal ORDER BY 1`, oids)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// left is what the sealing of one column has left behind.
type left struct {
	rows     int64
	defaults bool // it had a default
}

// remains says where plaintext from before the sealing may live on in this
// database and around it, and what removes it.
func remains(ctx context.Context, tx pgx.Tx, c *column, l left) ([]Remainder, error) {
	var out []Remainder
	add := func(where, command string) { out = append(out, Remainder{where, command}) }
	// A new version of a catalog's row leaves the former one in its file, and
	// VACUUM alone does not overwrite it.
	if l.rows > 0 {
		add("former statistics of the column (most common values), as superuser or owner of the database, when no older transaction is open",
			"VACUUM FULL pg_catalog.pg_statistic, pg_catalog.pg_statistic_ext_data")
	}
	if l.defaults {
		add("the former default's expression, likewise", "VACUUM FULL pg_catalog.pg_attrdef")
	}
	if l.rows == 0 && !l.defaults {
		return out, nil
	}
	add("WAL written before the sealing: its files are used again and overwritten in time; archived ones stay until they expire",
		"SELECT pg_catalog.pg_switch_wal(); CHECKPOINT")
	var statements bool
	var slots, publications []string
	if err := tx.QueryRow(ctx, `
SELECT pg_catalog.to_regclass('public.pg_stat_statements') IS NOT NULL OR EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'pg_stat_statements'),
       ARRAY(SELECT slot_name::text FROM pg_catalog.pg_replication_slots ORDER BY 1),
       ARRAY(SELECT pubname::text FROM pg_catalog.pg_publication_tables WHERE schemaname = $1 AND tablename = $2 ORDER BY 1)`,
		c.schema, c.table).Scan(&statements, &slots, &publications); err != nil {
		return nil, err
	}
	if statements {
		var schema string
		if err := tx.QueryRow(ctx, `SELECT coalesce((SELECT n.nspname::text FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
			WHERE e.extname = 'pg_stat_statements'), 'public')`).Scan(&schema); err != nil {
			return nil, err
		}
		add("statements that pg_stat_statements has kept", "SELECT "+quote(schema)+".pg_stat_statements_reset()")
	}
	if len(slots) > 0 {
		add("WAL held back by replication slots: "+strings.Join(slots, ", "), "see pg_replication_slots; drop those that nobody reads")
	}
	if len(publications) > 0 {
		add("subscribers of publications: "+strings.Join(publications, ", ")+"; they keep the plain column and cannot take up sealed rows",
			"on each subscriber: seal or drop the column")
	}
	add("disk blocks that the former files of the table had, freed at commit and by the next CHECKPOINT",
		"CHECKPOINT; they are reused in time: encrypt the disk as well")
	add("physical replicas: they follow by themselves, and keep WAL and freed blocks as this server does", "the same on each replica")
	add("backups and snapshots taken before", "let them expire, or encrypt them")
	add("server logs with statements that held values", "rotate and delete them")
	add("copies that applications made in other tables, materialized views and files",
		fmt.Sprintf("search for them: pgseal does not know what was copied from %s", c))
	return out, nil
}
