package sealing

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"pgseal/logical"
)

// column is one attribute as the catalog shows it now.
type column struct {
	relation  uint32
	schema    string
	table     string
	kind      string // pg_class.relkind
	name      string
	attnum    int16
	typ       logical.Type
	typeName  string // format_type
	domain    string // name in pgseal_column when it is sealed, "" otherwise
	identity  bool
	generated bool
	collation string // explicit collation as SQL, "" for the type's own
	nondet    bool   // nondeterministic collation
	inherited bool
	rowType   bool // a typed table (CREATE TABLE OF)
	temporary bool
}

// String is the column's name as commands spell it.
func (c *column) String() string { return display(c.schema, c.table, c.name) }

// tableSQL is the table's name as SQL.
func (c *column) tableSQL() string { return quote(c.schema, c.table) }

// findColumn resolves SCHEMA.TABLE.COLUMN, or TABLE.COLUMN over the search path.
func findColumn(ctx context.Context, tx pgx.Tx, target string) (*column, error) {
	parts, err := parseName(ctx, tx, target)
	if err != nil {
		return nil, err
	}
	var table string
	switch len(parts) {
	case 2:
		table = quote(parts[0])
	case 3:
		table = quote(parts[0], parts[1])
	default:
		return nil, refuse(target, "name it SCHEMA.TABLE.COLUMN, e.g. public.users.ssn", "not the name of a column")
	}
	c := &column{name: parts[len(parts)-1]}
	err = tx.QueryRow(ctx, `
SELECT c.oid, n.nspname, c.relname, c.relkind::text, c.reloftype <> 0, c.relpersistence = 't'
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass($1)`, table).Scan(&c.relation, &c.schema, &c.table, &c.kind, &c.rowType, &c.temporary)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, refuse(target, "check the name and the database; the role needs USAGE on the schema", "there is no such table")
	}
	if err != nil {
		return nil, err
	}
	err = tx.QueryRow(ctx, `
SELECT a.attnum, a.atttypid, a.atttypmod, pg_catalog.format_type(a.atttypid, a.atttypmod),
       a.attidentity <> '', a.attgenerated <> '', a.attinhcount > 0,
       coalesce((SELECT t.typname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
                 WHERE t.oid = a.atttypid AND n.nspname = 'pgseal_column'), ''),
       coalesce((SELECT pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname)
                 FROM pg_catalog.pg_collation co JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
                 JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
                 WHERE co.oid = a.attcollation AND a.attcollation <> t.typcollation), ''),
       coalesce((SELECT NOT co.collisdeterministic FROM pg_catalog.pg_collation co WHERE co.oid = a.attcollation), false)
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = $1 AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped`, c.relation, c.name).Scan(
		&c.attnum, &c.typ.OID, &c.typ.Typmod, &c.typeName, &c.identity, &c.generated,
		&c.inherited, &c.domain, &c.collation, &c.nondet)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, refuse(target, "look at the table with psql: \\d "+table, "the table has no such column")
	}
	return c, err
}

func parseName(ctx context.Context, tx pgx.Tx, name string) ([]string, error) {
	const asSpelled = "name it SCHEMA.TABLE.COLUMN, e.g. public.users.ssn; quote what SQL would quote"
	// In a savepoint: the server refuses what is no name, and the transaction
	// goes on to say so.
	sp, err := tx.Begin(ctx)
	if err != nil {
		return nil, err
	}
	var parts []string
	if err = sp.QueryRow(ctx, `SELECT pg_catalog.parse_ident($1)`, name).Scan(&parts); err != nil {
		undo := sp.Rollback(ctx)
		if sqlState(err) == stateInvalidParameter && undo == nil {
			return nil, refuse(name, asSpelled, "not the name of a column")
		}
		return nil, errors.Join(err, undo)
	}
	return parts, sp.Commit(ctx)
}

// member is one relation of a table's tree: the table itself, a partition or a
// child, each with an attribute number, a default and a storage of its own.
type member struct {
	oid         uint32
	schema      string
	table       string
	kind        string
	attnum      int16
	def         string // default as SQL, "" for none
	defNode     string // the same as the server stores it
	storage     string // as SET STORAGE wants it, "" for the type's own
	compression string // as SET COMPRESSION wants it, "" for the server's default
	forced      bool   // FORCE ROW LEVEL SECURITY
	otherParent bool   // inherits the column from a table outside the tree, too
}

func (m *member) sql() string { return quote(m.schema, m.table) }

func (m *member) String() string { return display(m.schema, m.table) }

// stores reports whether rows stand in the relation itself.
func (m *member) stores() bool { return m.kind != "p" }

// members finds the column in the table, its partitions and its children, the
// table first and parents before their children.
func members(ctx context.Context, tx pgx.Tx, c *column) ([]member, error) {
	rows, err := tx.Query(ctx, `
WITH RECURSIVE tree(oid, depth) AS (
  SELECT $1::oid, 0
  UNION ALL SELECT i.inhrelid, depth + 1 FROM pg_catalog.pg_inherits i JOIN tree t ON i.inhparent = t.oid),
once(oid, depth) AS (SELECT oid, max(depth) FROM tree GROUP BY oid)
SELECT c.oid, n.nspname, c.relname, c.relkind::text, a.attnum,
       coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), ''), coalesce(d.adbin::text, ''),
       CASE WHEN a.attstorage <> t.typstorage
            THEN CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END
            ELSE '' END,
       CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' ELSE '' END,
       c.relforcerowsecurity,
       a.attinhcount > (SELECT count(*) FROM pg_catalog.pg_inherits i JOIN once p ON p.oid = i.inhparent WHERE i.inhrelid = c.oid)
FROM once JOIN pg_catalog.pg_class c ON c.oid = once.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = $2 AND NOT a.attisdropped
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
ORDER BY once.depth, n.nspname, c.relname`, c.relation, c.name)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (member, error) {
		var m member
		err := r.Scan(&m.oid, &m.schema, &m.table, &m.kind, &m.attnum, &m.def, &m.defNode, &m.storage, &m.compression,
			&m.forced, &m.otherParent)
		return m, err
	})
}

// display joins names with dots for people, quoting only what needs it.
func display(parts ...string) string {
	s := ""
	for i, p := range parts {
		if i > 0 {
			s += "."
		}
		if plainIdentifier(p) {
			s += p
		} else {
			s += quote(p)
		}
	}
	return s
}

func plainIdentifier(s string) bool {
	for i, r := range []byte(s) {
		if !(r >= 'a' && r <= 'z' || r == '_' || i > 0 && r >= '0' && r <= '9') {
			return false
		}
	}
	return s != ""
}
