package catalog

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"pgseal/logical"
)

// loadRetyped gives what the domains of base stand for, and what the catalogs show of
// them, with the types that the transaction has given to sealed columns.
func loadRetyped(ctx context.Context, tx reader, base *Snapshot) (map[uint32]*SealedColumn, *Shown, error) {
	rows, err := tx.Query(ctx, `
		SELECT domain, domain_name, column_id, logical_type, typmod, type_name, typlen, typbyval, typalign, typstorage, coll, is_array
		  FROM pgseal.retyped_columns ORDER BY domain`)
	if err != nil {
		return nil, nil, err
	}
	metadata, shown := base.metadata, base.shown
	var (
		t    ShownType
		name string
		id   int32
	)
	_, err = pgx.ForEachRow(rows, []any{&t.Domain, &name, &id, &t.OID, &t.Typmod, &t.Name, &t.Len, &t.ByVal, &t.Align, &t.Storage, &t.Collation, &t.Array}, func() error {
		was := base.metadata[t.Domain]
		if was == nil || was.Broken != "" || was.ID == uint32(id) && was.Type.OID == t.OID && was.Type.Typmod == t.Typmod && (shown == nil || base.shown.collationOf(t.Domain) == t.Collation) {
			return nil
		}
		column := *was
		column.Type = logical.Type{OID: t.OID, Typmod: t.Typmod}
		if t.OID == was.Type.OID {
			column.Type.Def = was.Type.Def
		}
		if column.DomainName = name; column.ID != uint32(id) {
			column.ID, column.Defaults, column.Labels = uint32(id), nil, nil
		}
		if column.Folding != nil {
			column.AddFolding(*column.Folding)
		}
		if metadata = maps.Clone(metadata); shown != nil {
			shown = shown.retyped(t)
		}
		metadata[t.Domain] = &column
		return nil
	})
	return metadata, shown, err
}

// collationOf is the collation of a sealed column, by its domain; 0 for none.
func (s *Shown) collationOf(domain uint32) uint32 {
	for i := range s.Types {
		if s.Types[i].Domain == domain {
			return s.Types[i].Collation
		}
	}
	return 0
}

// retyped is what the catalogs show where one column has got another type, which resets
// how it is stored.
func (s *Shown) retyped(t ShownType) *Shown {
	n := s.copied()
	n.Types = slices.Clone(s.Types)
	for i := range n.Types {
		if n.Types[i].Domain == t.Domain {
			t.DomainName = n.Types[i].DomainName
			n.Types[i] = t
		}
	}
	return n
}
