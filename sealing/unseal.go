package sealing

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// UnsealOptions are the choices of `pgseal unseal`.
type UnsealOptions struct {
	Lock     Lock
	Progress Progress
	Keys     Keys
}

// Unseal brings a sealed column back to the type, default, constraints and
// indexes it had, with its values in clear, in one transaction. A connection
// whose ctx has ended is closed.
func Unseal(ctx context.Context, conn *pgx.Conn, target string, o UnsealOptions) (*Report, error) {
	var report *Report
	var table string
	err := announced(ctx, conn, target, func() error {
		return inTransaction(ctx, conn, readCommitted, func(tx pgx.Tx) (err error) {
			report, table, err = unseal(ctx, tx, target, o)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	report.analyze(ctx, conn, table)
	return report, nil
}

func unseal(ctx context.Context, tx pgx.Tx, target string, o UnsealOptions) (*Report, string, error) {
	c, tree, err := lockColumn(ctx, tx, target, o.Lock)
	if err != nil {
		return nil, "", err
	}
	s, err := sealedBehind(ctx, tx, c)
	if err != nil {
		return nil, "", err
	}
	if c.inherited {
		return nil, "", refuse(c.String(), "unseal the column of the parent table: its partitions and children follow", "the column is inherited")
	}
	if err := checkTree(c, tree); err != nil {
		return nil, "", err
	}
	indexes, err := indexesOver(ctx, tx, tree)
	if err != nil {
		return nil, "", err
	}
	creates, handed, err := restoreIndexes(ctx, tx, c, indexes, s.original.Indexes)
	if err != nil {
		return nil, "", err
	}
	views, err := dependentViews(ctx, tx, c, tree)
	if err != nil {
		return nil, "", err
	}
	for i := range views {
		if strings.Contains(views[i].definition, "pgseal.eq(") {
			return nil, "", refuse(c.String(), "drop the view, unseal, and create it again",
				"view %s compares terms", display(views[i].schema, views[i].name))
		}
	}
	resume, err := suspendForcedRowSecurity(ctx, tx, tree)
	if err != nil {
		return nil, "", err
	}
	store, err := o.Keys(tx)
	if err != nil {
		return nil, "", err
	}
	op := newOpener(store)
	defer op.erase()
	defaults, err := openDefaults(ctx, tx, c, s, tree, op)
	if err != nil {
		return nil, "", err
	}
	if err := dropViews(ctx, tx, c, views); err != nil {
		return nil, "", err
	}
	if err := dropIndexes(ctx, tx, c, indexes); err != nil {
		return nil, "", err
	}
	r := replacement{column: c, tree: tree, id: s.id, stagedAs: s.typeName, newType: s.typeName, collation: s.original.Collation,
		progress: o.Progress, transform: func(dst, env []byte) ([]byte, error) { return op.open(ctx, s, dst, env) }}
	rows, err := r.rows(ctx, tx)
	if err != nil {
		return nil, "", err
	}
	// Before the rows are read: the connection is busy then.
	if err := op.prefetch(ctx, tx, c.tableSQL(), c.name); err != nil {
		return nil, "", fmt.Errorf("%s: %w", c, err)
	}
	if err := r.run(ctx, tx, rows); err != nil {
		return nil, "", err
	}
	creates = append(creates, restoreStorage(c, tree, s.original.Storage)...)
	for i := range defaults {
		creates = append(creates, defaults[i].statement(c))
	}
	if err := execAll(ctx, tx, append(creates, resume...)...); err != nil {
		return nil, "", err
	}
	if err := handOver(ctx, tx, s, handed); err != nil {
		return nil, "", err
	}
	if err := recreateViews(ctx, tx, c, views, func(_ context.Context, _ pgx.Tx, sql string) (string, error) { return sql, nil }); err != nil {
		return nil, "", err
	}
	if err := forget(ctx, tx, c, s); err != nil {
		return nil, "", err
	}
	report := &Report{Column: c.String(), Rows: rows}
	report.carried(indexes, views)
	return report, c.tableSQL(), nil
}

// forget drops the domain and the metadata of a column that is plain again,
// unless copies of it still stand somewhere, which could not be opened without.
func forget(ctx context.Context, tx pgx.Tx, c *column, s sealed) error {
	var copies bool
	if err := tx.QueryRow(ctx, `
SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
WHERE a.atttypid = $1 AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'm', 'p', 'f', 'c'))`, s.domain).Scan(&copies); err != nil || copies {
		return err
	}
	if err := execAll(ctx, tx, fmt.Sprintf("DELETE FROM pgseal.sealed_column WHERE column_id = %d", s.id)); err != nil {
		return err
	}
	err := execAll(ctx, tx, "DROP DOMAIN "+quote("pgseal_column", c.domain))
	if sqlState(err) == stateDependentObjects {
		return refuse(c.String(), "drop or change them first", "other objects use its domain: %s", serverDetail(err))
	}
	return err
}
