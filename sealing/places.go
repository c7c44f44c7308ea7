package sealing

import (
	"context"
	"encoding/hex"
	"regexp"

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
	all, err := sealedRows(ctx, tx, `ORDER BY column_id`)
	if err != nil {
		return nil, err
	}
	byDomain := map[uint32]sealed{}
	for _, s := range all {
		byDomain[s.domain] = s
	}
	rows, err := tx.Query(ctx, `
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

// querier is a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// sealedDefault is a default of a sealed column as the server prints it: the
// envelope that every row gets which is inserted without a value.
type sealedDefault struct {
	place
	attnum int16
	env    []byte
}

var envelopeLiteral = regexp.MustCompile(`^E?'\\{1,2}x([0-9a-f]+)'::bytea$`)

// sealedDefaults finds the defaults of all columns, of partitioned tables as
// well, that are of the place's type.
func sealedDefaults(ctx context.Context, db querier, p *place) ([]sealedDefault, error) {
	rows, err := db.Query(ctx, `
SELECT c.oid, n.nspname, c.relname, a.attname, a.attnum, pg_catalog.pg_get_expr(d.adbin, d.adrelid)
FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE a.atttypid = $1 AND c.relkind IN ('r', 'p') ORDER BY n.nspname, c.relname, a.attnum`, p.sealed.domain)
	if err != nil {
		return nil, err
	}
	var out []sealedDefault
	d := sealedDefault{place: *p}
	var expression string
	_, err = pgx.ForEachRow(rows, []any{&d.relation, &d.schema, &d.table, &d.column, &d.attnum, &expression}, func() error {
		if m := envelopeLiteral.FindStringSubmatch(expression); m != nil {
			env, err := hex.DecodeString(m[1])
			if err != nil {
				return err
			}
			found := d
			found.env = env
			out = append(out, found)
		}
		return nil
	})
	return out, err
}
