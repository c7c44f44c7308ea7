package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/envelope"
	"pgseal/logical"
)

// Load reads the catalog of conn's database in one REPEATABLE READ transaction.
// A database without sealed columns gives an empty snapshot, whether pgseal is
// installed in it or not.
//
// The role of conn needs to read the tables of schema pgseal; the error says so
// where it may not.
func Load(ctx context.Context, conn *pgx.Conn) (*Snapshot, error) {
	var s *Snapshot
	err := reading(ctx, conn, func(tx pgx.Tx) error {
		there, err := lookForPgseal(ctx, tx)
		if err != nil {
			return err
		}
		s, err = load(ctx, tx, there, loading{shown: true})
		return err
	})
	return s, err
}

// loading says what a load may leave out or take from before.
type loading struct {
	shown bool   // load what the catalogs must show
	have  *Shown // as loaded before, or nil
}

// LoadIn reads the catalog inside a transaction of the caller's, as that
// transaction has left it so far. The search path must be pg_catalog. What is
// planned from it sees the catalogs as they are.
func LoadIn(ctx context.Context, tx pgx.Tx) (*Snapshot, error) {
	there, err := lookForPgseal(ctx, tx)
	if err != nil {
		return nil, err
	}
	return load(ctx, tx, there, loading{})
}

// reading runs f in a transaction that sees one state of the database.
func reading(ctx context.Context, conn *pgx.Conn, f func(pgx.Tx) error) error {
	err := pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		// pg_get_indexdef leaves out schemas that the search path names.
		if _, err := tx.Exec(ctx, `SET LOCAL search_path = pg_catalog`); err != nil {
			return err
		}
		return f(tx)
	})
	var pg *pgconn.PgError
	const insufficientPrivilege = "42501"
	if errors.As(err, &pg) && pg.Code == insufficientPrivilege {
		return fmt.Errorf("read the catalog: %w (the owner of schema pgseal allows it: SELECT pgseal.grant_proxy('role'))", err)
	}
	if err != nil {
		return fmt.Errorf("read the catalog: %w", err)
	}
	return nil
}

// presence says which parts of pgseal's schema a database has. The two are
// apart while a dump is being restored.
type presence struct {
	tables  bool // pgseal.sealed_column, data_key, job and change
	domains bool // schema pgseal_column
}

func lookForPgseal(ctx context.Context, tx pgx.Tx) (p presence, err error) {
	err = tx.QueryRow(ctx, `SELECT
		to_regclass('pgseal.sealed_column') IS NOT NULL
			AND to_regclass('pgseal.data_key') IS NOT NULL
			AND to_regclass('pgseal.job') IS NOT NULL
			AND to_regclass('pgseal.change') IS NOT NULL,
		to_regnamespace('pgseal_column') IS NOT NULL`).Scan(&p.tables, &p.domains)
	return p, err
}

// load builds the snapshot inside the transaction of reading.
func load(ctx context.Context, tx pgx.Tx, there presence, l loading) (*Snapshot, error) {
	var c Contents
	metadata := map[uint32]*SealedColumn{}
	if there.tables {
		var err error
		if metadata, err = loadMetadata(ctx, tx); err != nil {
			return nil, err
		}
		if c.ActiveKeys, err = loadActiveKeys(ctx, tx); err != nil {
			return nil, err
		}
	}
	if there.tables || there.domains {
		types, err := loadTypes(ctx, tx, metadata)
		if err != nil {
			return nil, err
		}
		var changing []uint32
		if there.tables {
			if changing, err = loadChanging(ctx, tx); err != nil {
				return nil, err
			}
		}
		// Without a sealed type nothing can touch one: planning needs no names.
		if len(types.names) > 0 || len(changing) > 0 {
			if c.Relations, err = loadRelations(ctx, tx, types, changing); err != nil {
				return nil, err
			}
			if err = loadUniques(ctx, tx, c.Relations); err != nil {
				return nil, err
			}
			if err = loadHomonyms(ctx, tx, c.Relations); err != nil {
				return nil, err
			}
			if err = loadKeys(ctx, tx, c.Relations); err != nil {
				return nil, err
			}
			if c.RowFunctions, err = loadRowFunctions(ctx, tx, types); err != nil {
				return nil, err
			}
			if there.tables && l.shown {
				if c.Shown, err = loadShown(ctx, tx, l.have); err != nil {
					return nil, err
				}
			}
		}
	}
	return New(version(c), c), nil
}

// loadMetadata gives the rows of pgseal.sealed_column by the OID of their domain.
func loadMetadata(ctx context.Context, tx pgx.Tx) (map[uint32]*SealedColumn, error) {
	rows, err := tx.Query(ctx, `
		SELECT column_id, table_id, domain::oid, coalesce((SELECT t.typname::text FROM pg_type t WHERE t.oid = domain), ''),
		       logical_type::oid, typmod, terms,
		       coalesce(index_key_id, 0), coalesce(normalizer, ''), schema_name, table_name, column_name,
		       ARRAY(SELECT decode(d, 'base64') FROM jsonb_array_elements_text(original -> 'defaults') d)
		  FROM pgseal.sealed_column`)
	if err != nil {
		return nil, err
	}
	byDomain := map[uint32]*SealedColumn{}
	var (
		s          SealedColumn
		id, table  int32
		index      int32
		terms      int32
		normalizer string
	)
	_, err = pgx.ForEachRow(rows, []any{&id, &table, &s.Domain, &s.DomainName, &s.Type.OID, &s.Type.Typmod, &terms,
		&index, &normalizer, &s.Schema, &s.Table, &s.Name, &s.Defaults}, func() error {
		column := s
		if len(s.Defaults) == 0 {
			column.Defaults = nil
		}
		column.ID, column.TableID, column.IndexKeyID = uint32(id), uint32(table), uint32(index)
		column.Terms = envelope.TermFlags(terms)
		switch {
		case id <= 0 || table <= 0 || index < 0:
			column.Broken = "its row in pgseal.sealed_column has an id that pgseal never gives"
		case column.Terms&^envelope.TermEquality != 0:
			column.Broken = "it has search terms that this version of pgseal does not know"
		case normalizer != "":
			column.Broken = "its terms are normalised in a way that this version of pgseal does not know: " + normalizer
		}
		byDomain[column.Domain] = &column
		return nil
	})
	if err != nil {
		return nil, err
	}
	return byDomain, defineTypes(ctx, tx, byDomain)
}

// defineTypes adds to the columns what their types are, and takes identity and
// type from those that cannot be used.
func defineTypes(ctx context.Context, tx pgx.Tx, columns map[uint32]*SealedColumn) error {
	oids := make([]uint32, 0, len(columns))
	for _, c := range columns {
		oids = append(oids, c.Type.OID)
	}
	types, reasons, err := Types(ctx, tx, oids)
	if err != nil {
		return err
	}
	for _, c := range columns {
		if reason := reasons[c.Type.OID]; reason != nil && c.Broken == "" {
			c.Broken = reason.Reason
		}
		c.Type.Def = types[c.Type.OID].Def
		if c.Broken != "" {
			c.ID, c.Type = 0, logical.Type{}
		}
	}
	return nil
}

func loadActiveKeys(ctx context.Context, tx pgx.Tx) (map[uint32]uint32, error) {
	rows, err := tx.Query(ctx, `SELECT table_id, key_id FROM pgseal.data_key WHERE purpose = 'seal' AND state = 'active'`)
	if err != nil {
		return nil, err
	}
	keys := map[uint32]uint32{}
	var table, key int32
	_, err = pgx.ForEachRow(rows, []any{&table, &key}, func() error {
		keys[uint32(table)] = uint32(key)
		return nil
	})
	return keys, err
}

// sealedTypes are the types through which a statement could meet a sealed value.
type sealedTypes struct {
	columns map[uint32]*SealedColumn // what an attribute of that type is
	names   []uint32                 // all of them
}

// loadTypes finds the domains of sealed columns and every type made of them:
// domains over them (which are as good), and arrays, rows and ranges (whose
// insides pgseal does not open).
func loadTypes(ctx context.Context, tx pgx.Tx, metadata map[uint32]*SealedColumn) (sealedTypes, error) {
	domains := make([]uint32, 0, len(metadata))
	for oid := range metadata {
		domains = append(domains, oid)
	}
	rows, err := tx.Query(ctx, `
		WITH RECURSIVE made_of(oid, part, is_domain) AS (
			SELECT oid, typbasetype, true FROM pg_type WHERE typtype = 'd'
			UNION ALL
			SELECT oid, typelem, false FROM pg_type WHERE typelem <> 0
			UNION ALL
			SELECT rngtypid, rngsubtype, false FROM pg_range
			UNION ALL
			SELECT rngmultitypid, rngsubtype, false FROM pg_range
			UNION ALL
			SELECT c.reltype, a.atttypid, false
			  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
			 WHERE a.attnum > 0 AND NOT a.attisdropped AND c.reltype <> 0
		), sealed(oid, domain, whole) AS (
			SELECT oid, oid, true FROM pg_type
			 WHERE typtype = 'd' AND (typnamespace = to_regnamespace('pgseal_column') OR oid = ANY($1))
			UNION
			SELECT m.oid, s.domain, s.whole AND m.is_domain
			  FROM sealed s JOIN made_of m ON m.part = s.oid
		)
		SELECT s.oid, s.domain, bool_and(s.whole), format_type(s.oid, NULL), format_type(s.domain, NULL)
		  FROM sealed s GROUP BY s.oid, s.domain ORDER BY s.oid, s.domain`, domains)
	if err != nil {
		return sealedTypes{}, err
	}
	types := sealedTypes{columns: map[uint32]*SealedColumn{}}
	var (
		oid, domain          uint32
		whole                bool
		typeName, domainName string
	)
	_, err = pgx.ForEachRow(rows, []any{&oid, &domain, &whole, &typeName, &domainName}, func() error {
		if types.columns[oid] != nil {
			return nil // a row type with several sealed columns
		}
		types.names = append(types.names, oid)
		column := metadata[domain]
		switch {
		case !whole:
			column = &SealedColumn{Domain: domain, Broken: fmt.Sprintf("its type %s has sealed values inside, which pgseal does not open", typeName)}
		case column == nil:
			column = &SealedColumn{Domain: domain, Broken: fmt.Sprintf("pgseal.sealed_column has no row for its type %s: restore that row, or drop the column", domainName)}
		}
		types.columns[oid] = column
		return nil
	})
	return types, err
}

func loadRelations(ctx context.Context, tx pgx.Tx, types sealedTypes, changing []uint32) ([]*Relation, error) {
	rows, err := tx.Query(ctx, `
		SELECT c.oid, n.nspname::text, c.relname::text, c.relkind
		  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		 WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f')
		 ORDER BY c.oid`)
	if err != nil {
		return nil, err
	}
	var (
		relations []*Relation
		r         Relation
		kind      rune
		byOID     = map[uint32]*Relation{}
	)
	_, err = pgx.ForEachRow(rows, []any{&r.OID, &r.Schema, &r.Name, &kind}, func() error {
		relation := r
		relation.Kind = byte(kind)
		relation.Changing = slices.Contains(changing, r.OID)
		relations = append(relations, &relation)
		byOID[r.OID] = &relation
		return nil
	})
	if err != nil {
		return nil, err
	}
	rows, err = tx.Query(ctx, `
		SELECT a.attrelid, a.attnum, a.attname::text, a.atttypid, a.atttypmod, a.attgenerated <> ''
		  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
		 WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped
		 ORDER BY a.attrelid, a.attnum`)
	if err != nil {
		return nil, err
	}
	var (
		oid    uint32
		column Column
	)
	_, err = pgx.ForEachRow(rows, []any{&oid, &column.AttNum, &column.Name, &column.TypeOID, &column.Typmod, &column.Generated}, func() error {
		relation := byOID[oid]
		if relation == nil {
			return fmt.Errorf("attribute %s of a relation that does not exist (oid %d)", column.Name, oid)
		}
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
	return relations, err
}

// loadUniques adds the unique indexes over equality terms to their relations.
// An index with another expression among its elements, or over a sealed column
// itself, stands for no constraint of the plaintext table and is left out.
func loadUniques(ctx context.Context, tx pgx.Tx, relations []*Relation) error {
	sealed := map[uint32]*Relation{}
	var oids []uint32
	for _, r := range relations {
		if r.Sealed {
			sealed[r.OID] = r
			oids = append(oids, r.OID)
		}
	}
	rows, err := tx.Query(ctx, `
		SELECT i.indrelid, ic.relname::text, i.indpred IS NOT NULL,
		       array_agg(coalesce(plain.attname, term.attname)::text ORDER BY e.n),
		       array_agg(term.attname IS NOT NULL ORDER BY e.n)
		  FROM pg_index i
		  JOIN pg_class ic ON ic.oid = i.indexrelid
		 CROSS JOIN LATERAL generate_series(1, i.indnkeyatts::integer) AS e(n)
		  LEFT JOIN pg_attribute plain
		         ON plain.attrelid = i.indrelid AND plain.attnum = i.indkey[e.n - 1] AND plain.attnum > 0
		  LEFT JOIN LATERAL (
		         SELECT a.attname FROM pg_attribute a
		          WHERE i.indkey[e.n - 1] = 0
		            AND a.attrelid = i.indrelid AND a.attnum > 0 AND NOT a.attisdropped
		            AND pg_get_indexdef(i.indexrelid, e.n, false) IN (
		                'pgseal.eq((' || quote_ident(a.attname) || ')::bytea)',
		                'pgseal.eq(' || quote_ident(a.attname) || ')')
		       ) term ON true
		 WHERE i.indisunique AND i.indisvalid AND i.indexprs IS NOT NULL AND i.indrelid = ANY($1)
		 GROUP BY i.indrelid, ic.relname, i.indpred IS NOT NULL
		 ORDER BY i.indrelid, ic.relname`, oids)
	if err != nil {
		return err
	}
	var (
		oid     uint32
		unique  Unique
		columns []*string
		terms   []bool
	)
	_, err = pgx.ForEachRow(rows, []any{&oid, &unique.Name, &unique.Partial, &columns, &terms}, func() error {
		relation := sealed[oid]
		u := Unique{Name: unique.Name, Partial: unique.Partial}
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
		if overTerm {
			relation.Uniques = append(relation.Uniques, u)
		}
		return nil
	})
	return err
}

// loadHomonyms marks the relations with sealed columns whose names are those of
// types that are no relation's.
func loadHomonyms(ctx context.Context, tx pgx.Tx, relations []*Relation) error {
	byName := map[string][]*Relation{}
	var names []string
	for _, r := range relations {
		if r.Sealed {
			byName[r.Name] = append(byName[r.Name], r)
			names = append(names, r.Name)
		}
	}
	rows, err := tx.Query(ctx, `
		SELECT t.typname::text FROM pg_type t
		 WHERE t.typname = ANY($1) AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind <> 'c')`, names)
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

func loadRowFunctions(ctx context.Context, tx pgx.Tx, types sealedTypes) ([]string, error) {
	rows, err := tx.Query(ctx, `
		SELECT DISTINCT proname::text FROM pg_proc
		 WHERE prorettype = ANY($1) OR proallargtypes && $1
		 ORDER BY 1`, types.names)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
