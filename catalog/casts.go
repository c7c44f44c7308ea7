package catalog

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
)

// OwnCast is a cast that somebody has made, which calls a function, between types that
// PostgreSQL converts in another way or not at all.
type OwnCast struct{ Source, Target uint32 }

// loadCasts finds those between types that sealed values have. A cast WITH INOUT is what
// PostgreSQL does by itself.
func loadCasts(ctx context.Context, tx reader) ([]OwnCast, error) {
	rows, err := about(tx, ofCode|ofTypes).Query(ctx, `
		SELECT c.castsource, c.casttarget FROM pg_cast c JOIN pg_type s ON s.oid = c.castsource JOIN pg_type t ON t.oid = c.casttarget
		 WHERE c.oid >= 16384 AND c.castmethod = 'f' AND (s.oid < 16384 OR s.typtype = 'e') AND (t.oid < 16384 OR t.typtype = 'e') ORDER BY 1, 2`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[OwnCast])
}

// CastsOwn says whether the database has a cast of its own from one of the types, which are
// those of a value, to another one.
func (s *Snapshot) CastsOwn(from []uint32, to uint32) bool {
	return slices.ContainsFunc(s.casts, func(c OwnCast) bool { return c.Target == to && slices.Contains(from, c.Source) })
}
