package sealing

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"pgseal/catalog"
)

// announced runs change while every running proxy knows that a column of the
// target's table is about to change its type: a proxy that planned with the
// catalog of before would send plaintext, or show envelopes.
func announced(ctx context.Context, conn *pgx.Conn, target string, change func() error) error {
	var relations []uint32
	err := inTransaction(ctx, conn, readCommitted, func(tx pgx.Tx) error {
		c, err := findColumn(ctx, tx, target)
		if err != nil {
			return err
		}
		relations, err = affected(ctx, tx, c.relation)
		return err
	})
	if err != nil {
		return err
	}
	end, err := catalog.Announce(ctx, conn, relations)
	if errors.Is(err, catalog.ErrNotAcknowledged) {
		return refuse(target, "end that proxy, or its connection: SELECT pg_terminate_backend(PID)", "%s", err)
	}
	if err != nil {
		return fmt.Errorf("tell the proxies: %w", err)
	}
	err = change()
	if conn.IsClosed() {
		return err // the announcement ended with the connection
	}
	return errors.Join(err, end(context.WithoutCancel(ctx)))
}

// affected lists the table, its partitions and children, and the views that
// show any of them.
func affected(ctx context.Context, tx pgx.Tx, relation uint32) ([]uint32, error) {
	rows, err := tx.Query(ctx, `
WITH RECURSIVE reached(oid) AS (
  SELECT $1::oid
  UNION
  SELECT e.oid FROM reached JOIN LATERAL (
    SELECT i.inhrelid AS oid FROM pg_catalog.pg_inherits i WHERE i.inhparent = reached.oid
    UNION ALL
    SELECT r.ev_class FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
     WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = reached.oid
  ) e ON true)
SELECT oid FROM reached`, relation)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[uint32])
}
