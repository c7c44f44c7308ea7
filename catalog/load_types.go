package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// sealedTypes are the types through which a statement could meet a sealed value.
type sealedTypes struct {
	columns   map[uint32]*SealedColumn // what an attribute of that type is
	oids      []uint32                 // all of them, in order
	names     []string                 // theirs
	relations []uint32                 // that have attributes of them, composite types included
}

// part is a type that is made of a domain of a sealed column. whole: it is that
// domain, or a domain over it.
type part struct{ oid, domain uint32 }

// loadTypes finds the domains of sealed columns and every type made of them:
// domains over them (which are as good), and arrays, rows and ranges (whose
// insides pgseal does not open). It follows what depends on them, step by step,
// by an index of the server's: what else there is in the database costs nothing.
func loadTypes(ctx context.Context, tx reader, metadata map[uint32]*SealedColumn) (types sealedTypes, err error) {
	domains := slices.AppendSeq(make([]uint32, 0, len(metadata)), maps.Keys(metadata))
	slices.Sort(domains)
	rows, err := about(tx, ofDomains|ofTypes|ofMetadata).Query(ctx, `
		SELECT oid FROM pg_type WHERE typnamespace = to_regnamespace('pgseal_column') AND typtype = 'd'
		UNION SELECT oid FROM pg_type WHERE oid = ANY($1) AND typtype = 'd'`, domains)
	if err != nil {
		return types, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[uint32])
	if err != nil {
		return types, err
	}
	whole := map[part]bool{}
	made := map[uint32][]part{} // by type
	add := func(p part, is bool) (grown bool) {
		before, known := whole[p]
		if known && before == (before && is) {
			return false
		}
		if !known {
			made[p.oid] = append(made[p.oid], p)
		}
		whole[p] = is && (before || !known)
		return true
	}
	var frontier []uint32
	for _, oid := range found {
		add(part{oid, oid}, true)
		frontier = append(frontier, oid)
	}
	relations := map[uint32]bool{}
	for len(frontier) > 0 {
		if frontier, err = followTypes(ctx, tx, frontier, func(of, oid, relation uint32, isDomain bool) (grown bool) {
			if relation != 0 {
				relations[relation] = true
			}
			for _, p := range made[of] {
				grown = oid != 0 && add(part{oid, p.domain}, whole[p] && isDomain) || grown
			}
			return grown
		}); err != nil {
			return types, err
		}
	}
	for oid := range relations {
		types.relations = append(types.relations, oid)
	}
	slices.Sort(types.relations)
	return types, types.name(ctx, tx, metadata, whole)
}

// followTypes calls yield for each type that depends on one of these, and gives
// those for which it says that something was new.
func followTypes(ctx context.Context, tx reader, of []uint32, yield func(of, oid, relation uint32, isDomain bool) bool) (grown []uint32, err error) {
	rows, err := about(tx, ofSealed|ofDomains|ofTypes).Query(ctx, `
		SELECT d.refobjid, t.oid, 0::oid, t.typtype = 'd'
		  FROM pg_depend d JOIN pg_type t ON t.oid = d.objid
		 WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid = ANY($1) AND d.classid = 'pg_type'::regclass
		UNION
		SELECT d.refobjid, c.reltype, c.oid, false
		  FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
		 WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid = ANY($1) AND d.classid = 'pg_class'::regclass AND d.objsubid > 0`, of)
	if err != nil {
		return nil, err
	}
	var part, oid, relation uint32
	var isDomain bool
	_, err = pgx.ForEachRow(rows, []any{&part, &oid, &relation, &isDomain}, func() error {
		if yield(part, oid, relation, isDomain) {
			grown = append(grown, oid)
		}
		return nil
	})
	return grown, err
}

// name says what attributes of each type are.
func (types *sealedTypes) name(ctx context.Context, tx reader, metadata map[uint32]*SealedColumn, whole map[part]bool) error {
	parts := make([]part, 0, len(whole))
	var oids, domains []uint32
	for p := range whole {
		parts = append(parts, p)
	}
	slices.SortFunc(parts, func(a, b part) int {
		if a.oid != b.oid {
			return int(int64(a.oid) - int64(b.oid))
		}
		return int(int64(a.domain) - int64(b.domain))
	})
	for _, p := range parts {
		oids, domains = append(oids, p.oid), append(domains, p.domain)
	}
	rows, err := about(tx, ofSealed|ofDomains|ofTypes|ofNames|ofSchemas).Query(ctx, `
		SELECT format_type(p.oid, NULL), format_type(p.domain, NULL), coalesce(t.typname::text, '')
		  FROM unnest($1::oid[], $2::oid[]) WITH ORDINALITY p(oid, domain, n) LEFT JOIN pg_type t ON t.oid = p.oid ORDER BY p.n`, oids, domains)
	if err != nil {
		return err
	}
	types.columns = map[uint32]*SealedColumn{}
	var typeName, domainName, name string
	i := 0
	_, err = pgx.ForEachRow(rows, []any{&typeName, &domainName, &name}, func() error {
		p := parts[i]
		i++
		if types.columns[p.oid] != nil {
			return nil // a row type with several sealed columns
		}
		types.oids, types.names = append(types.oids, p.oid), append(types.names, name)
		column := metadata[p.domain]
		switch {
		case !whole[p]:
			column = &SealedColumn{Domain: p.domain, Broken: fmt.Sprintf("its type %s has sealed values inside, which pgseal does not open", typeName)}
		case column == nil:
			column = &SealedColumn{Domain: p.domain, Broken: fmt.Sprintf("pgseal.sealed_column has no row for its type %s: restore that row, or drop the column", domainName)}
		}
		types.columns[p.oid] = column
		return nil
	})
	return err
}
