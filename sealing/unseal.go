package sealing

import (
	"context"
	"fmt"
	"slices"

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
// may be closed after an interruption.
func Unseal(ctx context.Context, conn *pgx.Conn, target string, o UnsealOptions) (*Report, error) {
	var report *Report
	var table string
	h := change{conn: conn, targets: []Target{{Column: target}}, lock: o.Lock,
		check: func(ctx context.Context, tx pgx.Tx, columns []*column) error {
			if _, err := checkUnseal(ctx, tx, columns[0]); err != nil {
				return err
			}
			return rehearseOpening(ctx, tx, columns[0], o)
		},
		apply: func(ctx context.Context, tx pgx.Tx, columns []*column) (err error) {
			table = columns[0].tableSQL()
			report, err = unseal(ctx, tx, columns[0], o)
			return err
		}}
	if err := h.run(ctx); err != nil {
		return nil, err
	}
	analyze(ctx, conn, table, report)
	return report, nil
}

// aroundSealed is what stands around a sealed column and comes back with it.
type aroundSealed struct {
	sealed  sealed
	indexes []index
	creates []string  // bring them back
	handed  []carried // what other sealed columns must remember of them
	views   []view
}

// checkUnseal refuses what stands in the way, or gives what comes back.
func checkUnseal(ctx context.Context, tx pgx.Tx, c *column) (a aroundSealed, err error) {
	if a.sealed, err = sealedBehind(ctx, tx, c); err != nil {
		return a, err
	}
	if c.inherited {
		return a, refuse(c.String(), "unseal the column of the parent table: its partitions and children follow", "the column is inherited")
	}
	if err := checkTree(c); err != nil {
		return a, err
	}
	if a.indexes, err = indexesOver(ctx, tx, []*column{c}); err != nil {
		return a, err
	}
	if a.creates, a.handed, err = restoreIndexes(ctx, tx, c, a.indexes, a.sealed.original.Indexes); err != nil {
		return a, err
	}
	if a.views, err = dependentViews(ctx, tx, []*column{c}); err != nil {
		return a, err
	}
	return a, nil
}

func unseal(ctx context.Context, tx pgx.Tx, c *column, o UnsealOptions) (*Report, error) {
	a, err := checkUnseal(ctx, tx, c)
	if err != nil {
		return nil, err
	}
	s := a.sealed
	resume, err := suspendForcedRowSecurity(ctx, tx, c.tree)
	if err != nil {
		return nil, err
	}
	store, err := o.Keys(tx)
	if err != nil {
		return nil, err
	}
	op := newOpener(store)
	defer op.erase()
	defaults, err := openDefaults(ctx, tx, c, s, op)
	if err != nil {
		return nil, err
	}
	if err := dropViews(ctx, tx, a.views); err != nil {
		return nil, err
	}
	if err := dropIndexes(ctx, tx, a.indexes); err != nil {
		return nil, err
	}
	p := &part{column: c, id: s.id, stagedAs: s.typeName, newType: s.typeName, collation: s.original.Collation,
		transform: func(dst, env []byte) ([]byte, error) { return op.open(ctx, s, dst, env) }}
	r := replacement{parts: []*part{p}, progress: o.Progress}
	if err := r.count(ctx, tx); err != nil {
		return nil, err
	}
	// Before the rows are read: the connection is busy then.
	if err := op.prefetch(ctx, tx, c.tableSQL(), c.name); err != nil {
		return nil, fmt.Errorf("%s: %w", c, err)
	}
	if err := r.run(ctx, tx); err != nil {
		return nil, err
	}
	a.creates = append(a.creates, restoreStorage(c, c.tree, s.original.Storage)...)
	for i := range defaults {
		a.creates = append(a.creates, defaults[i].statement(c))
	}
	if err := execAll(ctx, tx, append(a.creates, resume...)...); err != nil {
		return nil, err
	}
	if err := handOver(ctx, tx, s, a.handed); err != nil {
		return nil, err
	}
	if err := recreateViews(ctx, tx, a.views, rewriteView); err != nil {
		return nil, err
	}
	if err := forget(ctx, tx, c, s); err != nil {
		return nil, err
	}
	report := &Report{Column: c.String(), Rows: p.values}
	report.carried(c, a.indexes, a.views)
	return report, nil
}

// rehearseOpening opens the keys of all values, so that a key that cannot be
// opened is found before the table is locked.
func rehearseOpening(ctx context.Context, tx pgx.Tx, c *column, o UnsealOptions) error {
	if slices.ContainsFunc(c.tree, func(m member) bool { return m.forced }) {
		return nil // the owner sees the rows only under the lock
	}
	store, err := o.Keys(tx)
	if err != nil {
		return err
	}
	op := newOpener(store)
	defer op.erase()
	if err := op.prefetch(ctx, tx, c.tableSQL(), c.name); err != nil {
		return err
	}
	for _, err := range op.fails {
		return fmt.Errorf("%s: %w", c, err)
	}
	return nil
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
