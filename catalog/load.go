package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/envelope"
	"pgseal/logical"
)

// Load reads the catalog of conn's database in one REPEATABLE READ transaction.
// A database without sealed columns gives an empty snapshot, whether pgseal is
// installed in it or not. It asks the server, which takes it some 100 ms, for
// TextFunctions if they are wanted, or some column needs them, and for TextOrders, which can
// take seconds, if they are wanted.
//
// The role of conn needs to read the tables of schema pgseal; the error says so
// where it may not.
func Load(ctx context.Context, conn *pgx.Conn, textFunctions, textOrders bool) (*Snapshot, error) {
	var s *Snapshot
	known := map[uint32]*logical.TextOrder{}
	if textOrders {
		orders := NewOrders()
		rows, err := conn.Query(ctx, orderedCollations)
		if err != nil {
			return nil, err
		}
		collations, err := pgx.CollectRows(rows, pgx.RowTo[uint32])
		for _, oid := range collations {
			if err != nil {
				break
			}
			order, name, failure := orders.learn(ctx, conn, oid)
			if known[oid] = order; failure != nil {
				err = &OrderFailure{Collation: name, Why: failure}
			}
		}
		if err != nil {
			return nil, err
		}
	}
	err := reading(ctx, conn, func(tx pgx.Tx) error {
		there, err := lookForPgseal(ctx, tx)
		if err != nil {
			return err
		}
		s, _, err = load(ctx, tx, there, loading{shown: true, reach: reach{all: true}, folds: foldings{}, orders: known, functions: textFunctions})
		return err
	})
	return s, err
}

// loading says what a load may leave out or take from before.
type loading struct {
	shown bool      // load what the catalogs must show
	have  *Snapshot // as loaded before, or nil
	reach reach
	folds foldings
	// orders are those that have been learnt.
	orders map[uint32]*logical.TextOrder
	// functions: Contents.TextFunctions is wanted, whether or not the load needs it.
	functions bool
}

// LoadIn reads the catalog inside a transaction of the caller's, as that
// transaction has left it so far. The search path must be pg_catalog. What is
// planned from it sees the catalogs as they are.
func LoadIn(ctx context.Context, tx pgx.Tx) (*Snapshot, error) {
	there, err := lookForPgseal(ctx, tx)
	if err != nil {
		return nil, err
	}
	s, _, err := load(ctx, tx, there, loading{reach: reach{all: true}, folds: foldings{}})
	return s, err
}

// reading runs f in a transaction that sees one state of the database.
func reading(ctx context.Context, conn *pgx.Conn, f func(pgx.Tx) error) error {
	err := pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		// What prints types and expressions leaves out schemas that the search path names.
		// The questions take milliseconds, and to compile them takes seconds.
		if _, err := tx.Exec(ctx, `SET LOCAL search_path = pg_catalog; SET LOCAL jit = off`); err != nil {
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
	var current bool
	err = tx.QueryRow(ctx, `SELECT
		to_regclass('pgseal.sealed_column') IS NOT NULL
			AND to_regclass('pgseal.data_key') IS NOT NULL
			AND to_regclass('pgseal.job') IS NOT NULL
			AND to_regclass('pgseal.change') IS NOT NULL,
		to_regnamespace('pgseal_column') IS NOT NULL,
		to_regprocedure('pgseal.lower(bytea)') IS NOT NULL`).Scan(&p.tables, &p.domains, &current)
	if err == nil && p.tables && !current {
		err = ErrOldSchema
	}
	return p, err
}

// ErrOldSchema: statements are rewritten to call a function that was not there.
var ErrOldSchema = errors.New("the pgseal schema of the database is older than this program: pgseal init upgrades it")

// load builds the snapshot inside the transaction of reading, and says what it
// was built from.
func load(ctx context.Context, tx reader, there presence, l loading) (*Snapshot, watched, error) {
	var (
		c        Contents
		w        watched
		err      error
		metadata = map[uint32]*SealedColumn{}
		changing []uint32
	)
	if there.tables {
		if metadata, err = loadMetadata(ctx, tx); err != nil {
			return nil, w, err
		}
		if c.TextFunctions, err = l.folds.load(ctx, tx, metadata, l.functions && len(metadata) > 0); err != nil {
			return nil, w, err
		}
		c.TextOrders = maps.Clone(l.orders)
		if c.ActiveKeys, err = loadActiveKeys(ctx, tx); err != nil {
			return nil, w, err
		}
		if changing, err = loadChanging(ctx, tx); err != nil {
			return nil, w, err
		}
	}
	var types sealedTypes
	if there.tables || there.domains {
		if types, err = loadTypes(ctx, tx, metadata); err != nil {
			return nil, w, err
		}
	}
	c.Metadata = metadata
	// Without a sealed type nothing can touch one: planning needs no names.
	if len(types.oids) > 0 || len(changing) > 0 {
		if w, err = loadContents(ctx, tx, &c, types, changing, l.reach); err != nil {
			return nil, w, err
		}
		if there.tables && l.shown {
			var have *Shown
			if l.have != nil {
				have = l.have.shown
			}
			if c.Shown, err = loadShown(ctx, tx, have, w.sealed); err != nil {
				return nil, w, err
			}
		}
	}
	return New(version(c), c), w, nil
}

// loadContents fills in the relations and what is around them. What c shows already is
// from outside of a transaction.
func loadContents(ctx context.Context, tx reader, c *Contents, types sealedTypes, changing []uint32, reach reach) (w watched, err error) {
	w.types, c.Sealing = types.oids, types.names
	if c.Relations, w.names, err = loadRelations(ctx, tx, types, changing, reach); err != nil {
		return w, err
	}
	for _, r := range c.Relations {
		if r.Sealed {
			w.sealed = append(w.sealed, r.OID)
		}
	}
	var unanswered error
	for _, load := range [...]func() error{
		func() error { return loadUniques(ctx, tx, c.Relations) },
		func() error { return loadHomonyms(ctx, tx, c.Relations) },
		func() error { return loadKeys(ctx, tx, c.Relations) },
		func() error { return loadDefaults(ctx, tx, c.Relations) },
		func() (err error) { c.RowFunctions, err = loadRowFunctions(ctx, tx, types); return err },
		func() (err error) { c.Setters, err = loadSetters(ctx, tx); return err },
		func() error {
			return about(tx, ofCode).QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_event_trigger WHERE evtenabled <> 'D')`).Scan(&c.Reacts)
		},
		func() (err error) { c.Operators, err = loadOperators(ctx, tx); return err },
		func() (err error) { c.Casts, err = loadCasts(ctx, tx); return err },
		func() (err error) { c.Hiding, err = loadHiding(ctx, tx); return err },
		func() error { return loadCode(ctx, tx, c, w.sealed) },
		func() (err error) { c.Shown, err = c.Shown.inside(ctx, tx, w.sealed); return err },
	} {
		if err := load(); errors.Is(err, errUnanswered) {
			unanswered = err // the others have their questions, too
		} else if err != nil {
			return w, err
		}
	}
	for _, r := range c.Relations {
		if r.OID >= firstUserOID {
			w.relations = append(w.relations, r.OID)
		}
		if len(r.Triggers) > 0 {
			w.fires = append(w.fires, r.OID)
			w.names = append(w.names, r.Name)
		}
	}
	w.names = append(w.names, typeNames(c.Metadata)...)
	return w, unanswered
}

// typeNames are those of the types of users that sealed columns have: another type of
// that name is another meaning of it.
func typeNames(columns map[uint32]*SealedColumn) []string {
	names := map[string]bool{}
	for _, c := range columns {
		if c.Type.Def != nil {
			names[c.Type.Def.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// loadMetadata gives the rows of pgseal.sealed_column by the OID of their domain.
func loadMetadata(ctx context.Context, tx reader) (map[uint32]*SealedColumn, error) {
	rows, err := about(tx, ofMetadata|ofDomains|ofTypes|ofSchemas).Query(ctx, `
		SELECT column_id, table_id, domain::oid, coalesce((SELECT t.typname::text FROM pg_type t WHERE t.oid = domain), ''),
		       logical_type::oid, typmod, terms,
		       coalesce(index_key_id, 0), coalesce(normalizer, ''), schema_name, table_name, column_name,
		       ARRAY(SELECT decode(d, 'base64') FROM jsonb_array_elements_text(original -> 'defaults') d),
		       ARRAY(SELECT jsonb_array_elements_text(original -> 'labels')),
		       EXISTS (SELECT FROM pg_collation WHERE oid = to_regcollation(nullif(original ->> 'collation', '')) AND NOT collisdeterministic),
		       coalesce((SELECT quote_ident(n.nspname) || '.' || quote_ident(c.collname)
		          FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
		         WHERE c.oid = coalesce(to_regcollation(nullif(original ->> 'collation', ''))::oid, (SELECT t.typcollation FROM pg_type t WHERE t.oid = logical_type))), '')
		  FROM pgseal.sealed_column`)
	if err != nil {
		return nil, err
	}
	byDomain := map[uint32]*SealedColumn{}
	var (
		s                     SealedColumn
		id, table             int32
		index                 int32
		terms                 int32
		normalizer, collation string
	)
	_, err = pgx.ForEachRow(rows, []any{&id, &table, &s.Domain, &s.DomainName, &s.Type.OID, &s.Type.Typmod, &terms,
		&index, &normalizer, &s.Schema, &s.Table, &s.Name, &s.Defaults, &s.Labels, &s.Loose, &collation}, func() error {
		column := s
		s.Defaults, s.Labels = nil, nil
		if len(column.Defaults) == 0 {
			column.Defaults = nil
		}
		if len(column.Labels) == 0 {
			column.Labels = nil
		}
		column.ID, column.TableID, column.IndexKeyID = uint32(id), uint32(table), uint32(index)
		column.Terms = envelope.TermFlags(terms)
		switch {
		case id <= 0 || table <= 0 || index < 0:
			column.Broken = "its row in pgseal.sealed_column has an id that pgseal never gives"
		case column.Terms&^(envelope.TermEquality|FoldTerms) != 0:
			column.Broken = "it has search terms that this version of pgseal does not know"
		case !normalizes(normalizer, column.Terms):
			column.Broken = "its terms are normalised in a way that this version of pgseal does not know: " + normalizer
		}
		if normalizer != "" {
			column.Folding = &Folding{collation: collation, normalizer: normalizer}
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
func defineTypes(ctx context.Context, tx reader, columns map[uint32]*SealedColumn) error {
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
		if c.Type.Relabelled(c.Labels) && c.Broken == "" {
			c.Broken = "labels of its enum have been renamed to each other's since it was sealed: rename them back"
		}
		if c.Broken != "" {
			c.ID, c.Type = 0, logical.Type{}
		}
	}
	return nil
}

func loadActiveKeys(ctx context.Context, tx reader) (map[uint32]uint32, error) {
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
