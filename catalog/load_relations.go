package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// reach is which relations a load is about: all of the database, or those with
// sealed columns, those that are wanted, and all of the same names, so that what
// a name stands for can be told. The system's own are always there.
type reach struct {
	all   bool
	names []string
	oids  []uint32
	made  bool                 // and what the transaction has made or changed
	have  map[uint32]*Relation // the system's, from a load before
}

// firstUserOID is the first OID that an object made after initdb can have.
const firstUserOID = 16384

// loadRelations gives the relations in reach, by OID, and their names.
func loadRelations(ctx context.Context, tx reader, types sealedTypes, changing []uint32, r reach) (relations []*Relation, names []string, err error) {
	if !r.all {
		if names, err = reachedNames(ctx, tx, types, changing, r); err != nil {
			return nil, nil, err
		}
	}
	rows, err := about(tx, ofNames|ofRelations|ofSealed|ofSchemas).Query(ctx, `
		SELECT c.oid, n.nspname::text, c.relname::text, c.relkind
		  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		 WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND `+inReach(r)+`
		 ORDER BY c.oid`, names)
	if err != nil {
		return nil, nil, err
	}
	var (
		one     Relation
		kind    rune
		byOID   = map[uint32]*Relation{}
		unknown []uint32 // of which the attributes are read
	)
	_, err = pgx.ForEachRow(rows, []any{&one.OID, &one.Schema, &one.Name, &kind}, func() error {
		if had := r.have[one.OID]; had != nil {
			relations = append(relations, had)
			return nil
		}
		relation := one
		relation.Kind = byte(kind)
		relation.Changing = slices.Contains(changing, one.OID)
		relations = append(relations, &relation)
		byOID[one.OID] = &relation
		unknown = append(unknown, one.OID)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return relations, names, loadAttributes(ctx, tx, types, byOID, unknown)
}

// inReach is the condition on pg_class, with the names as $1.
func inReach(r reach) string {
	switch {
	case r.all:
		return "$1::name[] IS NULL"
	case r.have == nil:
		return "(c.relname = ANY($1::name[]) OR c.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace))"
	}
	return "c.relname = ANY($1::name[])"
}

// reachedNames are the names of the relations in reach.
func reachedNames(ctx context.Context, tx reader, types sealedTypes, changing []uint32, r reach) ([]string, error) {
	which := "oid = ANY($1)"
	if r.made { // or a later one has
		which += " OR age(xmin) <= age(pg_current_xact_id_if_assigned()::xid)"
	}
	rows, err := tx.Query(ctx, `SELECT relname::text FROM pg_class WHERE `+which,
		slices.Concat(types.relations, changing, r.oids))
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, n := range slices.Concat(list, r.names) {
		names[n] = true
	}
	for _, had := range r.have {
		names[had.Name] = true
	}
	if r.have == nil {
		// Relations of users can have the names of the system's.
		rows, err := tx.Query(ctx, `SELECT relname::text FROM pg_class
			 WHERE relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND relkind IN ('r', 'v', 'm', 'p', 'f')`)
		if err != nil {
			return nil, err
		}
		var name string
		if _, err = pgx.ForEachRow(rows, []any{&name}, func() error { names[name] = true; return nil }); err != nil {
			return nil, err
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}

// loadAttributes adds their columns to relations.
func loadAttributes(ctx context.Context, tx reader, types sealedTypes, byOID map[uint32]*Relation, oids []uint32) error {
	rows, err := about(tx, ofRelations|ofSealed).Query(ctx, `
		SELECT attrelid, attnum, attname::text, atttypid, atttypmod, attgenerated <> '', atthasdef AND attgenerated = '', 
		       attinhcount > 0 AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = attrelid AND c.relispartition) FROM pg_attribute
		 WHERE attrelid = ANY($1) AND attnum > 0 AND NOT attisdropped
		 ORDER BY attrelid, attnum`, oids)
	if err != nil {
		return err
	}
	var (
		oid       uint32
		column    Column
		inherited bool
	)
	_, err = pgx.ForEachRow(rows, []any{&oid, &column.AttNum, &column.Name, &column.TypeOID, &column.Typmod, &column.Generated, &column.HasDefault, &inherited}, func() error {
		relation := byOID[oid]
		if relation == nil {
			return fmt.Errorf("attribute %s of a relation that does not exist (oid %d)", column.Name, oid)
		}
		relation.Inherits = relation.Inherits || inherited
		c := column
		if c.Sealed = types.columns[c.TypeOID]; c.Sealed != nil {
			relation.Sealed = true
			if c.Sealed.Name == "" {
				// Without a row of its own it has no names but the attribute's.
				broken := *c.Sealed
				broken.Schema, broken.Table, broken.Name = relation.Schema, relation.Name, c.Name
				c.Sealed = &broken
			}
		}
		relation.Columns = append(relation.Columns, c)
		return nil
	})
	return err
}

// loadHomonyms marks the relations with sealed columns whose names are those of
// types that are no relation's.
func loadHomonyms(ctx context.Context, tx reader, relations []*Relation) error {
	byName := map[string][]*Relation{}
	var names []string
	for _, r := range relations {
		if r.Sealed {
			byName[r.Name] = append(byName[r.Name], r)
			names = append(names, r.Name)
		}
	}
	rows, err := about(tx, ofNames).Query(ctx, `
		SELECT t.typname::text FROM pg_type t
		 WHERE t.typname = ANY($1::name[]) AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind <> 'c')`, names)
	if err != nil {
		return err
	}
	var name string
	_, err = pgx.ForEachRow(rows, []any{&name}, func() error {
		for _, r := range byName[name] {
			r.Homonym = true
		}
		return nil
	})
	return err
}

func loadRowFunctions(ctx context.Context, tx reader, types sealedTypes) ([]string, error) {
	rows, err := about(tx, ofCode).Query(ctx, `
		SELECT DISTINCT proname::text FROM pg_proc
		 WHERE oid >= 16384 AND (prorettype = ANY($1) OR proallargtypes && $1 OR proargtypes::oid[] && $1)
		   AND pronamespace IS DISTINCT FROM to_regnamespace('pgseal')
		 ORDER BY 1`, types.oids)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
