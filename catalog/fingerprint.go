package catalog

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// fingerprint tells whether anything has changed since it was last taken, at the
// cost of reading a few columns of the system catalogs.
type fingerprint struct {
	there presence

	// types and metadata are what says which columns are sealed, and objects
	// all else that a snapshot's version covers, and more: a new value need not
	// mean a new version.
	types, metadata int64
	objects         int64
	active          int64 // which keys are active for sealing
	keys            int64 // all data keys, wrapped, and their states
	jobs            int64 // which jobs are queued; 0 means none
	changes         int64 // which changes are announced; 0 means none
	change          int32 // the newest change, announced or over
}

// snapshotDiffers reports whether a snapshot loaded at other would differ from
// one loaded at f.
func (f fingerprint) snapshotDiffers(other fingerprint) bool {
	return f.there != other.there || f.types != other.types || f.metadata != other.metadata ||
		f.objects != other.objects || f.active != other.active || f.changes != other.changes
}

// nothing reports that nothing is sealed, nor about to be.
func (f fingerprint) nothing() bool { return f.types == 0 && f.metadata == 0 && f.changes == 0 }

// watched are the objects that a snapshot was loaded from. What else happens in
// the database does not concern it: a relation that gets sealed columns depends
// on a sealed type from then on, and one that gets a name in question is found by
// that.
type watched struct {
	names     []string // of all relations in the snapshot
	relations []uint32 // those of users
	sealed    []uint32 // of these, those with sealed columns
	fires     []uint32 // of the relations, those whose writes fire triggers that may use sealed columns
	types     []uint32 // sealed, or made of what is
}

// Place and inserting transaction of a row change with every version of it, so
// that hashing these two sees all changes without reading the rows. Rows that
// initdb wrote are left out where that is cheap. Nothing sealed means nothing to
// watch but the types that would change that.
const (
	typesHash = `
		SELECT coalesce(bit_xor(hashtidextended(t.ctid, t.xmin::text::int8)), 0)
		  FROM pg_type t WHERE t.typnamespace = to_regnamespace('pgseal_column')`

	// With an index for whatever can be many.
	objectsHash = `
		SELECT coalesce(bit_xor(h), 0) FROM (
			SELECT hashtidextended(ctid, 1 + xmin::text::int8 * 16) FROM pg_class WHERE relname = ANY($1::name[])
			UNION ALL
			SELECT hashtidextended(ctid, 2 + xmin::text::int8 * 16) FROM pg_class WHERE oid = ANY($2)
			UNION ALL
			SELECT hashtidextended(ctid, 3 + xmin::text::int8 * 16) FROM pg_attribute WHERE attrelid = ANY($2)
			UNION ALL
			SELECT hashtidextended(ctid, 4 + xmin::text::int8 * 16) FROM pg_depend WHERE refclassid = 'pg_type'::regclass AND refobjid = ANY($4)
			UNION ALL
			SELECT hashtidextended(ctid, 5 + xmin::text::int8 * 16) FROM pg_index WHERE indrelid = ANY($3)
			UNION ALL
			SELECT hashtidextended(c.ctid, 6 + c.xmin::text::int8 * 16) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = ANY($3)
			UNION ALL
			SELECT hashtidextended(ctid, 7 + xmin::text::int8 * 16) FROM pg_trigger WHERE NOT tgisinternal
			UNION ALL
			SELECT hashtidextended(ctid, 8 + xmin::text::int8 * 16) FROM pg_type WHERE oid >= 16384 AND typtype IN ('d', 'e', 'r', 'm')
			UNION ALL
			SELECT hashtidextended(ctid, 9 + xmin::text::int8 * 16) FROM pg_type WHERE typname = ANY($1::name[])
			UNION ALL
			SELECT hashtidextended(ctid, 10 + xmin::text::int8 * 16) FROM pg_proc WHERE oid >= 16384
			UNION ALL
			SELECT hashtidextended(ctid, 11 + xmin::text::int8 * 16) FROM pg_namespace WHERE oid >= 16384
			UNION ALL
			SELECT hashtidextended(ctid, 12 + xmin::text::int8 * 16) FROM pg_enum
			UNION ALL
			SELECT hashtidextended(ctid, 13 + xmin::text::int8 * 16) FROM pg_constraint WHERE contypid > 0
			UNION ALL
			SELECT hashtidextended(ctid, 14 + xmin::text::int8 * 16) FROM pg_attrdef WHERE adrelid = ANY($3)
			UNION ALL
			SELECT hashtidextended(ctid, 15 + xmin::text::int8 * 16) FROM pg_depend WHERE refclassid = 'pg_class'::regclass AND refobjid = ANY($5)
		) rows(h)`

	tablesHash = `
		SELECT coalesce((SELECT bit_xor(hashtidextended(ctid, xmin::text::int8)) FROM pgseal.sealed_column), 0),
		       coalesce((SELECT bit_xor(hashint8extended(key_id, table_id)) FROM pgseal.data_key
		                  WHERE purpose = 'seal' AND state = 'active'), 0),
		       coalesce((SELECT bit_xor(hashtextextended(state || encode(ciphertext_blob, 'hex'), key_id)) FROM pgseal.data_key), 0),
		       coalesce((SELECT bit_xor(hashint8extended(job_id, 1)) FROM pgseal.job WHERE state = 'queued'), 0),
		       coalesce((SELECT bit_xor(hashint8extended(c.change_id, 2)) FROM ` + liveChanges + `), 0),
		       coalesce((SELECT max(change_id) FROM pgseal.change), 0)`
)

// takeFingerprint runs inside the transaction of reading.
func takeFingerprint(ctx context.Context, tx pgx.Tx, w watched) (f fingerprint, err error) {
	if f.there, err = lookForPgseal(ctx, tx); err != nil {
		return f, err
	}
	if f.there.domains {
		if err = tx.QueryRow(ctx, typesHash).Scan(&f.types); err != nil {
			return f, err
		}
	}
	if f.there.tables {
		if err = tx.QueryRow(ctx, tablesHash).Scan(&f.metadata, &f.active, &f.keys, &f.jobs, &f.changes, &f.change); err != nil {
			return f, err
		}
	}
	if !f.nothing() {
		err = f.look(ctx, tx, w)
	}
	return f, err
}

// look takes the part of the fingerprint that depends on what is watched.
func (f *fingerprint) look(ctx context.Context, tx pgx.Tx, w watched) error {
	return tx.QueryRow(ctx, objectsHash, w.names, w.relations, w.sealed, w.types, w.fires).Scan(&f.objects)
}
