package sealing

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// place is a sealed attribute of a relation that stores rows.
type place struct {
	relation uint32
	schema   string
	table    string
	column   string
	kind     string
	known    bool // whether sealed says what its type is
	sealed   sealed
}

func (p *place) tableSQL() string { return quote(p.schema, p.table) }

func (p *place) String() string { return display(p.schema, p.table, p.column) }

// places lists where envelopes are stored: in one table with its partitions and
// children, and wherever values under its data keys have been copied to; or in
// the whole database when relation is 0.
func places(ctx context.Context, tx pgx.Tx, relation uint32) ([]place, error) {
	rows, err := tx.Query(ctx, selectSealed+`ORDER BY column_id`)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, scanSealed)
	if err != nil {
		return nil, err
	}
	byDomain := map[uint32]sealed{}
	for _, s := range all {
		byDomain[s.domain] = s
	}
	rows, err = tx.Query(ctx, `
WITH RECURSIVE tree(oid) AS (
  SELECT $1::oid UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON i.inhparent = t.oid)
SELECT c.oid, n.nspname, c.relname, a.attname, c.relkind::text, a.atttypid
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
WHERE tn.nspname = 'pgseal_column' AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'm')
  AND ($1 = 0 OR c.oid IN (SELECT oid FROM tree) OR a.atttypid IN (
    SELECT s.domain FROM pgseal.sealed_column s JOIN pgseal.sealed_table o USING (table_id) WHERE o.relation = $1))
ORDER BY n.nspname, c.relname, a.attnum`, relation)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (place, error) {
		var p place
		var domain uint32
		if err := r.Scan(&p.relation, &p.schema, &p.table, &p.column, &p.kind, &domain); err != nil {
			return p, err
		}
		p.sealed, p.known = byDomain[domain]
		return p, nil
	})
}

// findTable resolves SCHEMA.TABLE.
func findTable(ctx context.Context, tx pgx.Tx, name string) (uint32, error) {
	if name == "" {
		return 0, nil
	}
	var oid *uint32
	if err := tx.QueryRow(ctx, `SELECT pg_catalog.to_regclass($1)::oid`, name).Scan(&oid); err != nil {
		return 0, err
	}
	if oid == nil {
		return 0, refuse(name, "name it SCHEMA.TABLE, e.g. public.users", "there is no such table")
	}
	return *oid, nil
}
