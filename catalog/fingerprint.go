package catalog

import (
	"context"
	"slices"

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
	objects         [hashedAspects]int64
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

// changed gives the aspects in which f and other differ.
func (f fingerprint) changed(other fingerprint) (a aspect) {
	if f.there != other.there {
		return ^a
	}
	for i, h := range f.objects {
		if h != other.objects[i] {
			a |= 1 << i
		}
	}
	if f.types != other.types {
		a |= ofDomains
	}
	if f.metadata != other.metadata {
		a |= ofMetadata
	}
	return a
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

func (w watched) equal(other watched) bool {
	return slices.Equal(w.names, other.names) && slices.Equal(w.relations, other.relations) && slices.Equal(w.sealed, other.sealed) &&
		slices.Equal(w.fires, other.fires) && slices.Equal(w.types, other.types)
}

// Place and inserting transaction of a row change with every version of it, so
// that hashing these two sees all changes without reading the rows. Rows that
// initdb wrote are left out where that is cheap. Nothing sealed means nothing to
// watch but the types that would change that.
const (
	typesHash = `
		SELECT coalesce(bit_xor(hashtidextended(t.ctid, t.xmin::text::int8)), 0)
		  FROM pg_type t WHERE t.typnamespace = to_regnamespace('pgseal_column')`

	// With an index for whatever can be many. $3 are among $2. A row that stands for
	// several objects hashes otherwise for each: twice the same would be nothing.
	objectRows = `
			SELECT 0, hashtidextended(ctid, 1 + xmin::text::int8 * 32) FROM pg_class WHERE relname IN (SELECT unnest($1::name[]))
			UNION ALL
			SELECT 0, hashtidextended(ctid, 2 + xmin::text::int8 * 32) FROM pg_type WHERE typname IN (SELECT unnest($1::name[]))
			UNION ALL
			SELECT coalesce((oid = ANY($3))::int, 0) + 1, hashtidextended(ctid, 3 + xmin::text::int8 * 32) FROM pg_class WHERE oid = ANY($2)
			UNION ALL
			SELECT coalesce((attrelid = ANY($3))::int, 0) + 1, hashtidextended(ctid, 4 + xmin::text::int8 * 32) FROM pg_attribute WHERE attrelid = ANY($2)
			UNION ALL
			SELECT 2, hashtidextended(ctid, 5 + xmin::text::int8 * 32) FROM pg_depend WHERE refclassid = 'pg_type'::regclass AND refobjid = ANY($4)
			UNION ALL
			SELECT 2, hashtidextended(ctid, 6 + xmin::text::int8 * 32) FROM pg_index WHERE indrelid = ANY($3)
			UNION ALL
			SELECT 2, hashtidextended(c.ctid, 7 + c.xmin::text::int8 * 32) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = ANY($3)
			UNION ALL
			SELECT 2, hashtidextended(ctid, 8 + xmin::text::int8 * 32) FROM pg_attrdef WHERE adrelid = ANY($3)
			UNION ALL
			SELECT 2, hashtidextended(c.ctid, (9 + c.xmin::text::int8 * 32) # (d.oid::int8 << 31)) FROM pg_attrdef d
			  JOIN pg_depend s ON s.classid = 'pg_attrdef'::regclass AND s.objid = d.oid AND s.refclassid = 'pg_class'::regclass
			  JOIN pg_class c ON c.oid = s.refobjid AND c.relkind = 'S' WHERE d.adrelid = ANY($3)
			UNION ALL
			SELECT 2, hashtidextended(c.ctid, 10 + c.xmin::text::int8 * 32) FROM pg_depend s JOIN pg_class c ON c.oid = s.objid AND c.relkind = 'S'
			 WHERE s.classid = 'pg_class'::regclass AND s.refclassid = 'pg_class'::regclass AND s.refobjid = ANY($3) AND s.deptype = 'i'
			UNION ALL
			SELECT 3, hashtidextended(c.ctid, (11 + c.xmin::text::int8 * 32) # (r.oid::int8 << 31)) FROM pg_class r JOIN pg_class c ON c.relnamespace = r.relnamespace
			   AND c.relname >= (r.relname || '_')::name AND c.relname < (r.relname || '` + "`" + `')::name WHERE r.oid = ANY($3)
			UNION ALL
			SELECT 3, hashtidextended(c.ctid, (12 + c.xmin::text::int8 * 32) # (r.oid::int8 << 31)) FROM pg_class r JOIN pg_constraint c ON c.connamespace = r.relnamespace
			   AND c.conname >= (r.relname || '_')::name AND c.conname < (r.relname || '` + "`" + `')::name WHERE r.oid = ANY($3)
			UNION ALL
			SELECT 3, hashtidextended(ctid, 23 + xmin::text::int8 * 32) FROM pg_constraint WHERE conrelid = ANY($3)
			UNION ALL
			SELECT 3, hashtidextended(c.place, (21 + c.xmin::text::int8 * 32) # (r.oid::int8 << 31)) FROM ` + longNames + "$3" + longNamesBehind + `
			 WHERE starts_with(c.name, r.beginning)
			UNION ALL
			SELECT 4, hashtidextended(ctid, 13 + xmin::text::int8 * 32) FROM pg_type WHERE oid >= 16384 AND typtype IN ('d', 'e', 'r', 'm')
			UNION ALL
			SELECT 4, hashtidextended(ctid, 14 + xmin::text::int8 * 32) FROM pg_enum
			UNION ALL
			SELECT 4, hashtidextended(ctid, 15 + xmin::text::int8 * 32) FROM pg_constraint WHERE contypid > 0
			UNION ALL
			SELECT 5, hashtidextended(ctid, 16 + xmin::text::int8 * 32) FROM pg_trigger WHERE NOT tgisinternal
			UNION ALL
			SELECT 5, hashtidextended(ctid, 17 + xmin::text::int8 * 32) FROM pg_proc WHERE oid >= 16384
			UNION ALL
			SELECT 5, hashtidextended(ctid, 22 + xmin::text::int8 * 32) FROM pg_event_trigger
			UNION ALL
			SELECT 5, hashtidextended(ctid, 24 + xmin::text::int8 * 32) FROM pg_operator WHERE oid >= 16384
			UNION ALL
			SELECT 5, hashtidextended(ctid, 25 + xmin::text::int8 * 32) FROM pg_cast WHERE oid >= 16384
			UNION ALL
			SELECT 6, hashtidextended(ctid, 18 + xmin::text::int8 * 32) FROM pg_namespace WHERE oid >= 16384
			UNION ALL
			SELECT 6, hashtidextended(ctid, 20 + xmin::text::int8 * 32) FROM pg_collation WHERE oid >= 16384
			UNION ALL
			SELECT 7, hashtidextended(ctid, 19 + xmin::text::int8 * 32) FROM pg_depend WHERE refclassid = 'pg_class'::regclass AND refobjid = ANY($5)`

	objectsHash = `SELECT a, bit_xor(h) FROM (` + objectRows + `) rows(a, h) GROUP BY a`

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
	f.objects = [hashedAspects]int64{}
	rows, err := tx.Query(ctx, objectsHash, w.names, w.relations, w.sealed, w.types, w.fires)
	if err != nil {
		return err
	}
	var a int
	var h int64
	_, err = pgx.ForEachRow(rows, []any{&a, &h}, func() error {
		f.objects[a] = h
		return nil
	})
	return err
}
