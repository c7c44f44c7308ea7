package catalog

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// loadUniques adds the unique indexes over equality terms to their relations.
// An index with another expression among its elements, such as the term of lower, or
// over a sealed column itself, stands for no constraint of the plaintext table and is left out.
// Of those of materialized views, one over plain columns counts, too: see Relation.Refreshes.
func loadUniques(ctx context.Context, tx reader, relations []*Relation) error {
	sealed, oids := withSealedColumns(relations)
	var views []uint32
	for _, r := range sealed {
		if r.Kind == 'm' {
			views = append(views, r.OID)
		}
	}
	rows, err := about(tx, ofSealed).Query(ctx, `
		SELECT i.indrelid, ic.relname::text, i.indpred IS NOT NULL,
		       NOT (i.indpred IS NOT NULL) AND bool_or(term.attname IS NOT NULL AND i.indoption[e.n - 1] & 1 = 1),
		       array_agg(coalesce(plain.attname, term.attname)::text ORDER BY e.n),
		       array_agg(term.attname IS NOT NULL ORDER BY e.n), coalesce(bool_or(`+indexTermKind+` <> 1), false)
		  FROM pg_index i
		  JOIN pg_class ic ON ic.oid = i.indexrelid
		 CROSS JOIN LATERAL generate_series(1, i.indnkeyatts::integer) AS e(n)
		  LEFT JOIN pg_attribute plain
		         ON plain.attrelid = i.indrelid AND plain.attnum = i.indkey[e.n - 1] AND plain.attnum > 0
		 CROSS JOIN `+indexTerms+`
		  `+indexTerm+`
		 WHERE i.indisunique AND i.indisvalid AND (i.indexprs IS NOT NULL OR i.indrelid = ANY($2)) AND i.indrelid = ANY($1)
		 GROUP BY i.indrelid, ic.relname, i.indpred IS NOT NULL
		 ORDER BY i.indrelid, ic.relname`, oids, views)
	if err != nil {
		return err
	}
	var (
		oid     uint32
		unique  Unique
		columns []*string
		terms   []bool
		folded  bool
	)
	_, err = pgx.ForEachRow(rows, []any{&oid, &unique.Name, &unique.Partial, &unique.Made, &columns, &terms, &folded}, func() error {
		if folded {
			return nil
		}
		relation := sealed[oid]
		u := Unique{Name: unique.Name, Partial: unique.Partial, Made: unique.Made}
		overTerm := false
		for i, name := range columns {
			if name == nil {
				return nil
			}
			column := relation.Column(*name)
			if column == nil || (column.Sealed != nil) != terms[i] {
				return nil
			}
			overTerm = overTerm || terms[i]
			u.Columns = append(u.Columns, *name)
		}
		switch {
		case overTerm:
			relation.Uniques = append(relation.Uniques, u)
		case !u.Partial:
			relation.Refreshes = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	return loadTaken(ctx, tx, sealed, oids)
}

// longNames and longNamesBehind, with a parameter between them, are the relations r of whose name an
// index may have only the beginning, each with the relations and constraints c of its schema,
// of which those matter whose name starts with that. Names are compared by their bytes, so an
// ASCII beginning bounds those that have it: without bounds all names are looked at, which
// takes seconds with some hundreds of such relations.
const (
	longNames = `(SELECT oid, relnamespace, beginning, CASE WHEN octet_length(beginning) = length(beginning) THEN (left(beginning, -1) || chr(ascii(right(beginning, 1)) + 1))::name END AS behind
			   FROM (SELECT oid, relnamespace, left(relname::text, CASE WHEN octet_length(relname::text) = length(relname::text) THEN 26 ELSE 6 END) AS beginning
			           FROM pg_class WHERE octet_length(relname::text) > 26 AND oid = ANY(`
	longNamesBehind = `)) long) r
			  CROSS JOIN LATERAL (
			        SELECT ctid AS place, xmin, relname::text AS name FROM pg_class WHERE relnamespace = r.relnamespace AND relname >= r.beginning::name AND relname < r.behind
			        UNION ALL SELECT ctid, xmin, conname::text FROM pg_constraint WHERE connamespace = r.relnamespace AND conname >= r.beginning::name AND conname < r.behind
			        UNION ALL SELECT ctid, xmin, relname::text FROM pg_class WHERE r.behind IS NULL AND relnamespace = r.relnamespace
			        UNION ALL SELECT ctid, xmin, conname::text FROM pg_constraint WHERE r.behind IS NULL AND connamespace = r.relnamespace) c`
)

// loadTaken adds to relations with sealed columns which of the names that PostgreSQL would
// choose for their indexes there are already, and the constraints that are no indexes. '`' is the
// character behind '_'. Of a long name of a relation there may be only the beginning.
func loadTaken(ctx context.Context, tx reader, sealed map[uint32]*Relation, oids []uint32) error {
	rows, err := about(tx, ofTaken|ofSealed).Query(ctx, `
		SELECT r.oid, c.relname::text, false
		  FROM pg_class r JOIN pg_class c ON c.relnamespace = r.relnamespace
		   AND c.relname >= (r.relname || '_')::name AND c.relname < (r.relname || '`+"`"+`')::name AND c.relname::text ~ '_(key|idx)[0-9]*$'
		 WHERE r.oid = ANY($1)
		 UNION
		SELECT r.oid, c.conname::text, false
		  FROM pg_class r JOIN pg_constraint c ON c.connamespace = r.relnamespace
		   AND c.conname >= (r.relname || '_')::name AND c.conname < (r.relname || '`+"`"+`')::name AND c.conname::text ~ '_key[0-9]*$'
		 WHERE r.oid = ANY($1)
		 UNION
		SELECT r.oid, c.name, false
		  FROM `+longNames+"$1"+longNamesBehind+`
		 WHERE starts_with(c.name, r.beginning) AND c.name ~ '_(key|idx)[0-9]*$'
		 UNION
		SELECT conrelid, conname::text, true FROM pg_constraint WHERE conrelid = ANY($1) AND contype NOT IN ('p', 'u', 'x')
		 ORDER BY 1, 2`, oids)
	if err != nil {
		return err
	}
	var oid uint32
	var name string
	var constraint bool
	_, err = pgx.ForEachRow(rows, []any{&oid, &name, &constraint}, func() error {
		if r := sealed[oid]; constraint {
			r.Constraints = append(r.Constraints, name)
		} else {
			r.Taken = append(r.Taken, name)
		}
		return nil
	})
	return err
}
