package sealing

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"pgseal/catalog"
)

// checkSealable refuses, naming the object, what a column has and an envelope
// could not carry.
func checkSealable(ctx context.Context, tx pgx.Tx, columns []*column) error {
	oids := make([]uint32, len(columns))
	for i, c := range columns {
		oids[i] = c.typ.OID
	}
	types, reasons, err := catalog.Types(ctx, tx, oids)
	if err != nil {
		return err
	}
	for _, c := range columns {
		c.typ.Def = types[c.typ.OID].Def
		if err := c.checkSealable(reasons[c.typ.OID]); err != nil {
			return err
		}
		if err := checkTree(c); err != nil {
			return err
		}
	}
	return checkDependents(ctx, tx, columns)
}

// checkSealable refuses by what the column itself is.
func (c *column) checkSealable(unknown *catalog.TypeReason) error {
	name := c.String()
	switch {
	case strings.HasPrefix(c.schema, "pg_") && !c.temporary, c.schema == "information_schema", c.schema == "pgseal", c.schema == "pgseal_column":
		return refuse(name, "seal the columns of your own tables", "the server, or pgseal, reads the table itself")
	case c.temporary:
		return refuse(name, "seal the table that the values come from: CREATE TEMPORARY TABLE … AS copies envelopes", "the table is temporary")
	case c.rowType:
		return refuse(name, "ALTER TABLE … NOT OF first", "the table is of a composite type, which fixes its columns' types")
	case c.inherited:
		return refuse(name, "seal the column of the parent table: its partitions and children follow", "the column is inherited")
	case c.identity:
		return refuse(name, "an identity column takes its values from a sequence on the server; seal another column", "the column is GENERATED AS IDENTITY")
	case c.generated:
		return refuse(name, "drop the generation expression: the server cannot compute over envelopes", "the column is GENERATED ALWAYS AS an expression")
	case unknown != nil && unknown.Hint != "":
		return refuse(name, unknown.Hint, "%s", unknown.Reason)
	case unknown != nil:
		return refuse(name, "types that can be sealed: text, varchar, char, smallint, integer, bigint, boolean, real, double precision, numeric, date, time, timetz, timestamp, timestamptz, interval, uuid, json, jsonb, bytea, inet, cidr, macaddr, macaddr8, bit, varbit, oid, name, pg_lsn, point, int4range, int8range, numrange, tsrange, tstzrange, daterange, citext, hstore, enums, and domains over and arrays of all these",
			"its type %s cannot be sealed", c.typeName)
	case c.typ.Def != nil && c.typ.Def.HasDefault && slices.ContainsFunc(c.tree, func(m member) bool { return m.def == "" }):
		return refuse(name, "give the column the default itself: ALTER TABLE … ALTER COLUMN … SET DEFAULT, NULL perhaps",
			"its domain %s has a default, which it would lose", c.typeName)
	case c.wants.Equality && c.typ.OwnEquality():
		return refuse(name, "seal it without --equality", "which values of type %s are equal depends on the database's locale, and a term cannot tell that", c.typeName)
	case c.wants.Equality && !c.typ.HasEquality():
		return refuse(name, "seal it without --equality", "type %s has no = operator", c.typeName)
	case c.wants.Equality && c.nondet:
		return refuse(name, "seal it without --equality, or give the column a deterministic collation first",
			"under a nondeterministic collation different strings are equal, and a term cannot tell that")
	}
	return nil
}

// checkTree refuses relations of the tree whose column cannot change its type.
func checkTree(c *column) error {
	for i := range c.tree {
		m := &c.tree[i]
		switch {
		case m.kind == "f":
			return refuse(c.String(), "detach it, and seal the column in the database where its rows are",
				"foreign table %s stores rows of the table elsewhere", m)
		case m.otherParent:
			return refuse(c.String(), "ALTER TABLE … NO INHERIT from one of its parents first",
				"table %s inherits the column from another parent, too", m)
		}
	}
	return nil
}

// dependent is an object that depends on a column in one relation.
type dependent struct {
	place            int    // among the attributes that were asked for
	class, object    string // catalog, description
	contype, relkind string
	own              bool   // the column's own default
	included         bool   // a constraint whose index stores the column (INCLUDE), and compares others
	node             string // expression of a CHECK constraint or of a statistics object
	attnum           int16  // the column's in the relation
}

// checkDependents walks what pg_depend says of the columns. Indexes, unique
// constraints, a column's own default and views are carried over elsewhere;
// statistics objects and CHECKs for NULL, by the server; everything else stands
// in the way.
func checkDependents(ctx context.Context, tx pgx.Tx, columns []*column) error {
	relations, attnums, nodes, of := attributesOf(columns)
	var place int
	err := tx.QueryRow(ctx, `
SELECT w.place - 1 FROM ROWS FROM (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::int2[]), pg_catalog.unnest($3::text[])) WITH ORDINALITY AS w(relation, attnum, node, place)
JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = w.relation
WHERE w.attnum = ANY (p.partattrs::int2[]) OR pg_catalog.strpos(p.partexprs::text, w.node) > 0 ORDER BY w.place LIMIT 1`,
		relations, attnums, nodes).Scan(&place)
	if err == nil {
		c := of[place]
		return refuse(c.String(), "partition by another column", "table %s is partitioned by it, and the server routes rows by its value", c.in(relations[place]))
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	found, err := dependents(ctx, tx, relations, attnums)
	if err != nil {
		return err
	}
	for i := range found {
		d := &found[i]
		d.attnum = attnums[d.place]
		if err := d.check(of[d.place]); err != nil {
			return err
		}
	}
	return nil
}

func dependents(ctx context.Context, tx pgx.Tx, relations []uint32, attnums []int16) ([]dependent, error) {
	rows, err := tx.Query(ctx, `
SELECT DISTINCT w.place - 1, d.classid::regclass::text, pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid),
       coalesce(con.contype::text, ''), coalesce(ic.relkind::text, ''), coalesce(ad.adnum = w.attnum AND ad.adrelid = w.relation, false),
       coalesce(con.contype IN ('p', 'u', 'x') AND w.attnum <> ALL (con.conkey), false),
       coalesce(con.conbin::text, st.stxexprs::text, '')
FROM ROWS FROM (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::int2[])) WITH ORDINALITY AS w(relation, attnum, place)
JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = w.relation AND d.refobjsubid = w.attnum
LEFT JOIN pg_catalog.pg_constraint con ON d.classid = 'pg_constraint'::regclass AND con.oid = d.objid
LEFT JOIN pg_catalog.pg_class ic ON d.classid = 'pg_class'::regclass AND ic.oid = d.objid
LEFT JOIN pg_catalog.pg_attrdef ad ON d.classid = 'pg_attrdef'::regclass AND ad.oid = d.objid
LEFT JOIN pg_catalog.pg_statistic_ext st ON d.classid = 'pg_statistic_ext'::regclass AND st.oid = d.objid
ORDER BY 1, 2, 3`, relations, attnums)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (d dependent, err error) {
		err = r.Scan(&d.place, &d.class, &d.object, &d.contype, &d.relkind, &d.own, &d.included, &d.node)
		return d, err
	})
}

func (d *dependent) check(c *column) error {
	name := c.String()
	switch d.class {
	case "pg_constraint":
		return d.checkConstraint(name)
	case "pg_attrdef":
		if !d.own {
			return refuse(name, "drop that column or its expression first", "%s is computed from it on the server", d.object)
		}
	case "pg_class":
		switch d.relkind {
		case "i", "I": // carried by carryIndexes, or refused there
		case "S": // it stays owned: the default that counts it is a computed one
		default:
			return refuse(name, "drop it first", "%s depends on it", d.object)
		}
	case "pg_statistic_ext":
		if !onlyTestsForNull(d.node, d.attnum) {
			return refuse(name, "drop it first", "%s computes an expression over it", d.object)
		}
	case "pg_rewrite": // views: recreated, or refused there
	case "pg_trigger":
		return refuse(name, "drop the trigger, seal, and create it again without naming the column",
			"%s is defined over it", d.object)
	case "pg_policy":
		return refuse(name, "row security is decided on the server, which cannot see a sealed value; drop or change the policy",
			"%s reads it", d.object)
	case "pg_publication_rel":
		return refuse(name, "ALTER PUBLICATION … SET TABLE without naming the column in its list and row filter, seal, and consider that subscribers get envelopes then",
			"%s names it", d.object)
	default:
		return refuse(name, "drop it first, and create it again afterwards", "%s depends on it", d.object)
	}
	return nil
}

func (d *dependent) checkConstraint(name string) error {
	if d.included {
		return nil // carryIndexes refuses an expression over it
	}
	switch d.contype {
	case "u", "n": // unique: carried to the term; n: NOT NULL as a constraint (PostgreSQL 18)
		return nil
	case "c":
		if onlyTestsForNull(d.node, d.attnum) {
			return nil
		}
		return refuse(name, "drop the constraint and let the application check, or seal another column",
			"%s is checked by the server, which cannot see a sealed value", d.object)
	case "f":
		return refuse(name, "drop the foreign key first; sealed columns cannot reference or be referenced",
			"%s compares its values on the server", d.object)
	case "p":
		return refuse(name, "add a surrogate primary key and make this column UNIQUE first",
			"%s is the primary key, which cannot stand on a term", d.object)
	}
	return refuse(name, "drop it first", "%s cannot be carried over to a sealed column", d.object)
}
