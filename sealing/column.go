package sealing

import (
	"context"
	"slices"
	"strings"

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

	wants Target   // on sealing
	tree  []member // once it has grown
}

// String is the column's name as commands spell it.
func (c *column) String() string { return display(c.schema, c.table, c.name) }

// tableSQL is the table's name as SQL.
func (c *column) tableSQL() string { return quote(c.schema, c.table) }

// find resolves columns, each SCHEMA.TABLE.COLUMN, or TABLE.COLUMN over the search path.
func find(ctx context.Context, db querier, targets []string) ([]*column, error) {
	tables, names, err := parseNames(ctx, db, targets)
	if err != nil {
		return nil, err
	}
	rows, err := db.Query(ctx, `
SELECT coalesce(c.oid, 0), coalesce(n.nspname, ''), coalesce(c.relname, ''), coalesce(c.relkind::text, ''), coalesce(c.reloftype <> 0, false),
       coalesce(c.relpersistence = 't', false), w.name, coalesce(a.attnum, 0), coalesce(a.atttypid, 0), coalesce(a.atttypmod, -1),
       coalesce(pg_catalog.format_type(a.atttypid, a.atttypmod), ''),
       coalesce(a.attidentity <> '', false), coalesce(a.attgenerated <> '', false), coalesce(a.attinhcount > 0, false),
       coalesce((SELECT t.typname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
                 WHERE t.oid = a.atttypid AND tn.nspname = 'pgseal_column'), ''),
       coalesce((SELECT pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname)
                 FROM pg_catalog.pg_collation co JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
                 JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
                 WHERE co.oid = a.attcollation AND a.attcollation <> t.typcollation), ''),
       coalesce((SELECT NOT co.collisdeterministic FROM pg_catalog.pg_collation co WHERE co.oid = a.attcollation), false)
FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) WITH ORDINALITY AS w(tab, name, place)
LEFT JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(w.tab)
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = w.name AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY w.place`, tables, names)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (*column, error) {
		c := &column{}
		return c, r.Scan(&c.relation, &c.schema, &c.table, &c.kind, &c.rowType, &c.temporary, &c.name, &c.attnum, &c.typ.OID, &c.typ.Typmod,
			&c.typeName, &c.identity, &c.generated, &c.inherited, &c.domain, &c.collation, &c.nondet)
	})
	if err != nil {
		return nil, err
	}
	for i, c := range found {
		switch {
		case c.relation == 0:
			return nil, refuse(targets[i], "check the name and the database; the role needs USAGE on the schema", "there is no such table")
		case c.attnum == 0:
			return nil, refuse(targets[i], "look at the table with psql: \\d "+tables[i], "the table has no such column")
		}
	}
	return found, nil
}

// parseNames parts names of columns into their tables, as SQL, and what they are called
// there.
func parseNames(ctx context.Context, db querier, targets []string) (tables, names []string, err error) {
	const asSpelled = "name it SCHEMA.TABLE.COLUMN, e.g. public.users.ssn"
	rows, err := db.Query(ctx, `SELECT pg_catalog.parse_ident(w.name) FROM pg_catalog.unnest($1::text[]) WITH ORDINALITY AS w(name, place) ORDER BY w.place`, targets)
	if err != nil {
		return nil, nil, err
	}
	parsed, err := pgx.CollectRows(rows, pgx.RowTo[[]string])
	switch {
	case sqlState(err) != stateInvalidParameter:
	case len(targets) == 1:
		return nil, nil, refuse(targets[0], asSpelled+"; quote what SQL would quote", "not the name of a column")
	default: // which of them
		for i := range targets {
			if _, _, err := parseNames(ctx, db, targets[i:i+1]); err != nil {
				return nil, nil, err
			}
		}
	}
	if err != nil {
		return nil, nil, err
	}
	for i, parts := range parsed {
		last := len(parts) - 1
		if last != 1 && last != 2 {
			return nil, nil, refuse(targets[i], asSpelled, "not the name of a column")
		}
		tables, names = append(tables, quote(parts[:last]...)), append(names, parts[last])
	}
	return tables, names, nil
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

// grow finds columns of one table in the table, its partitions and its children, the
// table first and parents before their children.
func grow(ctx context.Context, tx pgx.Tx, columns []*column) error {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i], c.tree = c.name, nil
	}
	rows, err := tx.Query(ctx, `
WITH RECURSIVE tree(oid, depth) AS (
  SELECT $1::oid, 0
  UNION ALL SELECT i.inhrelid, depth + 1 FROM pg_catalog.pg_inherits i JOIN tree t ON i.inhparent = t.oid),
once(oid, depth) AS (SELECT oid, max(depth) FROM tree GROUP BY oid)
SELECT w.place - 1, c.oid, n.nspname, c.relname, c.relkind::text, a.attnum,
       coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), ''), coalesce(d.adbin::text, ''),
       CASE WHEN a.attstorage <> t.typstorage
            THEN CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END
            ELSE '' END,
       CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' ELSE '' END,
       c.relforcerowsecurity,
       a.attinhcount > (SELECT count(*) FROM pg_catalog.pg_inherits i JOIN once p ON p.oid = i.inhparent WHERE i.inhrelid = c.oid)
FROM once JOIN pg_catalog.pg_class c ON c.oid = once.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN pg_catalog.unnest($2::text[]) WITH ORDINALITY AS w(name, place)
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = w.name AND NOT a.attisdropped
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
ORDER BY w.place, once.depth, n.nspname, c.relname`, columns[0].relation, names)
	if err != nil {
		return err
	}
	var place int
	var m member
	_, err = pgx.ForEachRow(rows, []any{&place, &m.oid, &m.schema, &m.table, &m.kind, &m.attnum, &m.def, &m.defNode, &m.storage, &m.compression,
		&m.forced, &m.otherParent}, func() error {
		columns[place].tree = append(columns[place].tree, m)
		return nil
	})
	return err
}

// in is the column in one relation of its tree.
func (c *column) in(relation uint32) *member {
	i := slices.IndexFunc(c.tree, func(m member) bool { return m.oid == relation })
	return &c.tree[i]
}

// attributesOf are a column's relations and its number in each, of all columns one behind
// the other; of is whose they are.
func attributesOf(columns []*column) (relations []uint32, attnums []int16, nodes []string, of []*column) {
	for _, c := range columns {
		for i := range c.tree {
			m := &c.tree[i]
			relations, attnums, nodes, of = append(relations, m.oid), append(attnums, m.attnum), append(nodes, varNode(m.attnum)), append(of, c)
		}
	}
	return relations, attnums, nodes, of
}

// nameAll names columns for people.
func nameAll(columns []*column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.String()
	}
	return strings.Join(names, ", ")
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
