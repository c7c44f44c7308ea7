package sealing

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/logical"
)

// sealed is a row of pgseal.sealed_column.
type sealed struct {
	id       uint32
	tableID  uint32
	domain   uint32
	typ      logical.Type
	typeName string
	terms    envelope.TermFlags
	indexKey uint32
	// normalizer says how the terms of lower and upper were made; folds, as findFolds
	// has found them, how the server makes them now.
	normalizer string
	folds      *catalog.Folds
	original   original
}

const selectSealed = `
SELECT column_id, table_id, domain::oid, logical_type::oid, typmod, pg_catalog.format_type(logical_type, typmod), terms,
       coalesce(index_key_id, 0), coalesce(normalizer, ''), original FROM pgseal.sealed_column `

func scanSealed(r pgx.CollectableRow) (sealed, error) {
	var s sealed
	var terms int32
	var data []byte
	if err := r.Scan(&s.id, &s.tableID, &s.domain, &s.typ.OID, &s.typ.Typmod, &s.typeName, &terms, &s.indexKey, &s.normalizer, &data); err != nil {
		return s, err
	}
	s.terms = envelope.TermFlags(terms)
	if err := json.Unmarshal(data, &s.original); err != nil {
		return s, fmt.Errorf("pgseal.sealed_column, column %d: original: %w", s.id, err)
	}
	return s, nil
}

// sealedRows reads rows of pgseal.sealed_column, with what their types are now.
func sealedRows(ctx context.Context, tx pgx.Tx, where string, arguments ...any) ([]sealed, error) {
	rows, err := tx.Query(ctx, selectSealed+where, arguments...)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, scanSealed)
	if err != nil {
		return nil, err
	}
	oids := make([]uint32, len(found))
	for i := range found {
		oids[i] = found[i].typ.OID
	}
	types, _, err := catalog.Types(ctx, tx, oids)
	for i := range found {
		found[i].typ.Def = types[found[i].typ.OID].Def
	}
	return found, err
}

// sealedBehind finds what a sealed column's domain stands for.
func sealedBehind(ctx context.Context, tx pgx.Tx, c *column) (sealed, error) {
	if c.domain == "" {
		return sealed{}, refuse(c.String(), "pgseal column list shows the sealed columns", "the column is not sealed")
	}
	found, err := sealedRows(ctx, tx, `WHERE domain = $1::text::regtype`, quote("pgseal_column", c.domain))
	if err != nil {
		return sealed{}, err
	}
	if len(found) == 0 {
		return sealed{}, refuse(c.String(), "restore pgseal.sealed_column from the backup that the table came from",
			"its domain pgseal_column.%s has no row in pgseal.sealed_column", c.domain)
	}
	if found[0].typ.Relabelled(found[0].original.Labels) {
		return sealed{}, refuse(c.String(), "ALTER TYPE … RENAME VALUE back to the labels of before", "labels of its enum have been renamed since it was sealed")
	}
	return found[0], nil
}

// original is what unsealing must bring back. It stands in
// pgseal.sealed_column.original, on the server, in clear: nothing in it may tell
// a value.
type original struct {
	Collation string        `json:"collation,omitempty"`
	Indexes   []carried     `json:"indexes,omitempty"`
	Storage   []keptStorage `json:"storage,omitempty"`
	// Defaults are notes, sealed: see defaults.go.
	Defaults [][]byte `json:"defaults,omitempty"`
	// Labels are those of the column's enum, in order, when it was sealed: see
	// logical.Type.Relabelled.
	Labels []string `json:"labels,omitempty"`
}

// keptStorage is how one relation stored the column, where it was not as the
// type's own default says. A change of type resets both.
type keptStorage struct {
	Schema      string `json:"schema"`
	Table       string `json:"table"`
	Storage     string `json:"storage,omitempty"`
	Compression string `json:"compression,omitempty"`
}

func keepStorage(tree []member) (kept []keptStorage) {
	for i := range tree {
		if m := &tree[i]; m.storage != "" || m.compression != "" {
			kept = append(kept, keptStorage{m.schema, m.table, m.storage, m.compression})
		}
	}
	return kept
}

func restoreStorage(c *column, tree []member, kept []keptStorage) (statements []string) {
	for i := range tree {
		m := &tree[i]
		for _, k := range kept {
			if k.Schema != m.schema || k.Table != m.table {
				continue
			}
			alter := "ALTER TABLE ONLY " + m.sql() + " ALTER COLUMN " + quote(c.name)
			if k.Storage != "" {
				statements = append(statements, alter+" SET STORAGE "+k.Storage)
			}
			if k.Compression != "" {
				statements = append(statements, alter+" SET COMPRESSION "+k.Compression)
			}
		}
	}
	return statements
}

func writeOriginal(ctx context.Context, tx pgx.Tx, columnID uint32, o original) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE pgseal.sealed_column SET original = $2 WHERE column_id = $1`, columnID, data)
	return err
}
