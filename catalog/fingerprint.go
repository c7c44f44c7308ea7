package catalog

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// fingerprint tells whether anything has changed since it was last taken, at the
// cost of reading a few columns of the system catalogs.
type fingerprint struct {
	there presence

	// objects covers everything that a snapshot's version covers, and more: a
	// new value need not mean a new version.
	objects int64
	active  int64 // which keys are active for sealing
	keys    int64 // the states of all data keys
	jobs    int64 // which jobs are queued; 0 means none
	changes int64 // which changes are announced; 0 means none
	change  int32 // the newest change, announced or over
}

// snapshotDiffers reports whether a snapshot loaded at other would differ from
// one loaded at f.
func (f fingerprint) snapshotDiffers(other fingerprint) bool {
	return f.there != other.there || f.objects != other.objects || f.active != other.active || f.changes != other.changes
}

// Place and inserting transaction of a row change with every version of it, so
// that hashing these two sees all changes without reading the rows. Rows that
// initdb wrote (OIDs below 16384) are left out. Nothing sealed means nothing to
// watch but the types that would change that.
const (
	typesHash = `
		SELECT coalesce(bit_xor(hashtidextended(t.ctid, t.xmin::text::int8)), 0)
		  FROM pg_type t WHERE t.typnamespace = to_regnamespace('pgseal_column')`

	objectsHash = `
		SELECT coalesce(bit_xor(h), 0) FROM (
			SELECT hashtidextended(ctid, 1 + xmin::text::int8 * 8) FROM pg_class WHERE oid >= 16384
			UNION ALL
			SELECT hashtidextended(ctid, 2 + xmin::text::int8 * 8) FROM pg_attribute WHERE attrelid >= 16384
			UNION ALL
			SELECT hashtidextended(ctid, 3 + xmin::text::int8 * 8) FROM pg_type WHERE oid >= 16384
			UNION ALL
			SELECT hashtidextended(ctid, 4 + xmin::text::int8 * 8) FROM pg_index WHERE indexrelid >= 16384
			UNION ALL
			SELECT hashtidextended(ctid, 5 + xmin::text::int8 * 8) FROM pg_proc WHERE oid >= 16384
			UNION ALL
			SELECT hashtidextended(ctid, 6 + xmin::text::int8 * 8) FROM pg_namespace WHERE oid >= 16384
			UNION ALL
			SELECT hashtidextended(ctid, 7 + xmin::text::int8 * 8) FROM pg_enum
			UNION ALL
			SELECT hashtidextended(ctid, 8 + xmin::text::int8 * 8) FROM pg_constraint WHERE contypid <> 0
		) rows(h)`

	tablesHash = `
		SELECT coalesce((SELECT bit_xor(hashtidextended(ctid, xmin::text::int8)) FROM pgseal.sealed_column), 0),
		       coalesce((SELECT bit_xor(hashint8extended(key_id, table_id)) FROM pgseal.data_key
		                  WHERE purpose = 'seal' AND state = 'active'), 0),
		       coalesce((SELECT bit_xor(hashtextextended(state, key_id)) FROM pgseal.data_key), 0),
		       coalesce((SELECT bit_xor(hashint8extended(job_id, 1)) FROM pgseal.job WHERE state = 'queued'), 0),
		       coalesce((SELECT bit_xor(hashint8extended(c.change_id, 2)) FROM ` + liveChanges + `), 0),
		       coalesce((SELECT max(change_id) FROM pgseal.change), 0)`
)

// takeFingerprint runs inside the transaction of reading.
func takeFingerprint(ctx context.Context, tx pgx.Tx) (f fingerprint, err error) {
	if f.there, err = lookForPgseal(ctx, tx); err != nil {
		return f, err
	}
	var types, metadata int64
	if f.there.domains {
		if err = tx.QueryRow(ctx, typesHash).Scan(&types); err != nil {
			return f, err
		}
	}
	if f.there.tables {
		if err = tx.QueryRow(ctx, tablesHash).Scan(&metadata, &f.active, &f.keys, &f.jobs, &f.changes, &f.change); err != nil {
			return f, err
		}
	}
	if types == 0 && metadata == 0 && f.changes == 0 {
		return f, nil
	}
	err = tx.QueryRow(ctx, objectsHash).Scan(&f.objects)
	f.objects ^= metadata
	return f, err
}
