package catalog

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// loadKeys adds the primary keys to relations with sealed columns. A key that is
// checked at the end of a transaction only, and one of a table with children by
// inheritance, to whose rows it does not apply, say nothing of what is read.
func loadKeys(ctx context.Context, tx reader, relations []*Relation) error {
	sealed, oids := withSealedColumns(relations)
	rows, err := about(tx, ofSealed).Query(ctx, `
		SELECT i.indrelid, array_agg(a.attname::text ORDER BY a.attnum)
		  FROM pg_index i
		  JOIN pg_class c ON c.oid = i.indrelid
		  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY((i.indkey::int2[])[0:i.indnkeyatts - 1])
		 WHERE i.indisprimary AND i.indimmediate AND i.indisvalid AND i.indrelid = ANY($1)
		   AND (c.relkind = 'p' OR NOT c.relhassubclass)
		 GROUP BY i.indrelid`, oids)
	if err != nil {
		return err
	}
	var (
		oid uint32
		key []string
	)
	_, err = pgx.ForEachRow(rows, []any{&oid, &key}, func() error {
		r := sealed[oid]
		for _, name := range key {
			if c := r.Column(name); c == nil || c.Sealed != nil {
				return nil
			}
		}
		r.Key = append([]string(nil), key...)
		return nil
	})
	return err
}

// withSealedColumns are the relations that have sealed columns, by their OIDs.
func withSealedColumns(relations []*Relation) (byOID map[uint32]*Relation, oids []uint32) {
	byOID = map[uint32]*Relation{}
	for _, r := range relations {
		if r.Sealed {
			byOID[r.OID] = r
			oids = append(oids, r.OID)
		}
	}
	return byOID, oids
}
