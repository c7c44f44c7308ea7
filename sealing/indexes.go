package sealing

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// index is one index of one relation that reads one of the columns, or several.
type index struct {
	over           []*column // that it does more with than to ask whether they are NULL, and to store them
	oid            uint32
	schema         string
	name           string
	member         *member // the first of those in its relation
	parent         uint32  // index of the partitioned table that it is attached to, 0 if none
	method         string
	unique         bool
	nullsEqual     bool // NULLS NOT DISTINCT
	constraint     bool // it stands for a UNIQUE constraint
	constraintNote string
	deferrable     bool
	valid          bool
	replica        bool // REPLICA IDENTITY USING INDEX
	clustered      bool
	comment        string
	predicate      string
	predicateNode  string // the same as the server stores it
	expressionNode string // the expressions among its elements, likewise
	options        string // WITH (…), without the parentheses
	tablespace     string
	elements       []element
	included       []string // INCLUDE columns as SQL
}

// element is one key element of an index.
type element struct {
	attnum int16  // 0 for an expression
	sql    string // the column or expression
	suffix string // collation, operator class and order, "" if all are defaults
	odd    string // why a term cannot stand for it: its collation or operator class
	target int32  // statistics target, -1 if none
}

func (x *index) String() string { return "index " + display(x.schema, x.name) }

func (x *index) sql() string { return quote(x.schema, x.name) }

// indexesOver lists the indexes of the table's relations that the server could
// not carry through a change of the columns' types, by relation and age: in that order they are
// made anew, and the server looks at unique ones.
func indexesOver(ctx context.Context, tx pgx.Tx, columns []*column) ([]index, error) {
	found, err := indexesOf(ctx, tx, columns)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(x index) bool { return len(x.over) == 0 }), nil
}

// readsValues says whether the index does more with a column than to ask
// whether it IS NULL, and to store it (INCLUDE).
func (x *index) readsValues(attnum int16) bool {
	return !onlyTestsForNull(x.expressionNode, attnum) || !onlyTestsForNull(x.predicateNode, attnum) || x.hasElement(attnum)
}

// hasElement says whether a column itself is among the elements.
func (x *index) hasElement(attnum int16) bool {
	return slices.ContainsFunc(x.elements, func(e element) bool { return e.attnum == attnum })
}

func indexesOf(ctx context.Context, tx pgx.Tx, columns []*column) ([]index, error) {
	relations, _, _, _ := attributesOf(columns)
	rows, err := tx.Query(ctx, `
SELECT i.indexrelid, i.indrelid, n.nspname, ic.relname,
       coalesce((SELECT h.inhparent FROM pg_catalog.pg_inherits h WHERE h.inhrelid = i.indexrelid), 0),
       am.amname, i.indisunique, coalesce((pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false),
       coalesce(con.contype = 'u', false), coalesce(pg_catalog.obj_description(con.oid, 'pg_constraint'), ''),
       coalesce(con.condeferrable, false), i.indisvalid, i.indisreplident, i.indisclustered,
       coalesce(pg_catalog.obj_description(i.indexrelid, 'pg_class'), ''),
       coalesce(pg_catalog.pg_get_expr(i.indpred, i.indrelid), ''), coalesce(i.indpred::text, ''), coalesce(i.indexprs::text, ''),
       coalesce(pg_catalog.array_to_string(ic.reloptions, ', '), ''),
       coalesce((SELECT spcname FROM pg_catalog.pg_tablespace WHERE oid = ic.reltablespace), ''),
       ARRAY(SELECT i.indkey[k] FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) k ORDER BY k),
       ARRAY(SELECT pg_catalog.pg_get_indexdef(i.indexrelid, k + 1, false) FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) k ORDER BY k),
       ARRAY(SELECT
           coalesce((SELECT ' COLLATE ' || pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname)
             FROM pg_catalog.pg_collation co JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
             WHERE co.oid = i.indcollation[k] AND co.oid <> coalesce((SELECT attcollation FROM pg_catalog.pg_attribute
               WHERE attrelid = i.indrelid AND attnum = i.indkey[k] AND attnum > 0), 100)), '') ||
           coalesce((SELECT ' ' || pg_catalog.quote_ident(opn.nspname) || '.' || pg_catalog.quote_ident(op.opcname)
             FROM pg_catalog.pg_opclass op JOIN pg_catalog.pg_namespace opn ON opn.oid = op.opcnamespace
             WHERE op.oid = i.indclass[k] AND NOT op.opcdefault), '') ||
           CASE i.indoption[k] & 3 WHEN 1 THEN ' DESC NULLS LAST' WHEN 2 THEN ' NULLS FIRST' WHEN 3 THEN ' DESC' ELSE '' END
         FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) k ORDER BY k),
       ARRAY(SELECT
           CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_collation co WHERE co.oid = i.indcollation[k] AND NOT co.collisdeterministic)
                THEN 'a nondeterministic collation'
                WHEN EXISTS (SELECT FROM pg_catalog.pg_opclass op WHERE op.oid = i.indclass[k] AND op.opcnamespace <> 'pg_catalog'::regnamespace)
                THEN 'an operator class of its own'
                WHEN EXISTS (SELECT FROM pg_catalog.pg_opclass op WHERE op.oid = i.indclass[k] AND op.opcintype = 'bpchar'::regtype)
                     AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
                                     WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[k] AND 'bpchar'::regtype IN (t.oid, t.typbasetype))
                THEN 'an operator class of another type' ELSE '' END
         FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) k ORDER BY k),
       ARRAY(SELECT coalesce((SELECT a.attstattarget FROM pg_catalog.pg_attribute a WHERE a.attrelid = i.indexrelid AND a.attnum = k + 1), -1)::int
         FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) k ORDER BY k),
       ARRAY(SELECT pg_catalog.pg_get_indexdef(i.indexrelid, k + 1, false) FROM pg_catalog.generate_series(i.indnkeyatts::int, i.indnatts - 1) k ORDER BY k)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = ic.relnamespace
JOIN pg_catalog.pg_am am ON am.oid = ic.relam
LEFT JOIN pg_catalog.pg_constraint con ON con.conindid = i.indexrelid AND con.conrelid = i.indrelid AND con.contype IN ('p', 'u', 'x')
WHERE i.indrelid = ANY ($1)
ORDER BY pg_catalog.array_position($1::oid[], i.indrelid), i.indexrelid`, relations)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (x index, err error) {
		var relation uint32
		var attnums []int16
		var sqls, suffixes, odd []string
		var targets []int32
		err = r.Scan(&x.oid, &relation, &x.schema, &x.name, &x.parent, &x.method, &x.unique, &x.nullsEqual, &x.constraint, &x.constraintNote,
			&x.deferrable, &x.valid, &x.replica, &x.clustered, &x.comment, &x.predicate, &x.predicateNode, &x.expressionNode,
			&x.options, &x.tablespace, &attnums, &sqls, &suffixes, &odd, &targets, &x.included)
		for i := range attnums {
			x.elements = append(x.elements, element{attnums[i], sqls[i], suffixes[i], odd[i], targets[i]})
		}
		for _, c := range columns {
			if m := c.in(relation); x.readsValues(m.attnum) {
				if x.over = append(x.over, c); x.member == nil {
					x.member = m
				}
			}
		}
		return x, err
	})
}

// varNode begins a reference to a column of the only relation in an expression
// as the server stores it (pg_node_tree).
func varNode(attnum int16) string { return fmt.Sprintf("{VAR :varno 1 :varattno %d ", attnum) }

// onlyTestsForNull says whether an expression does nothing with the column but
// ask whether it IS NULL, which a sealed column answers as well.
func onlyTestsForNull(node string, attnum int16) bool {
	v := varNode(attnum)
	return strings.Count(node, v) == strings.Count(node, "{NULLTEST :arg "+v)
}

func (x *index) dropSQL() string {
	if x.constraint {
		return fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", x.member.sql(), quote(x.name))
	}
	return "DROP INDEX " + x.sql()
}

// dropIndexes drops them; those attached to another follow it.
func dropIndexes(ctx context.Context, tx pgx.Tx, indexes []index) error {
	for i := range indexes {
		x := &indexes[i]
		if x.parent != 0 {
			continue
		}
		if _, err := tx.Exec(ctx, x.dropSQL()); err != nil {
			if sqlState(err) == stateDependentObjects {
				return refuse(nameAll(x.over), "drop what depends on it first, and create it again afterwards",
					"%s must be made anew, and other objects depend on it: %s", x, serverDetail(err))
			}
			return err
		}
	}
	return nil
}

// createSQL makes the index over elements, as it was in all else.
func (x *index) createSQL(elements []string) string {
	var b strings.Builder
	b.WriteString("CREATE ")
	if x.unique {
		b.WriteString("UNIQUE ")
	}
	// ONLY: the indexes of partitions have names and settings of their own, and
	// are attached afterwards.
	fmt.Fprintf(&b, "INDEX %s ON ONLY %s USING %s (%s)", quote(x.name), x.member.sql(), x.method, strings.Join(elements, ", "))
	b.WriteString(x.include())
	if x.nullsEqual {
		b.WriteString(" NULLS NOT DISTINCT")
	}
	if x.options != "" {
		b.WriteString(" WITH (" + x.options + ")")
	}
	if x.tablespace != "" {
		b.WriteString(" TABLESPACE " + quote(x.tablespace))
	}
	if x.predicate != "" {
		b.WriteString(" WHERE " + x.predicate)
	}
	return b.String()
}

// constraintSQL makes the index as a UNIQUE constraint over elements.
func (x *index) constraintSQL(elements []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "ALTER TABLE ONLY %s ADD CONSTRAINT %s UNIQUE", x.member.sql(), quote(x.name))
	if x.nullsEqual {
		b.WriteString(" NULLS NOT DISTINCT")
	}
	b.WriteString(" (" + strings.Join(elements, ", ") + ")" + x.include())
	if x.options != "" {
		b.WriteString(" WITH (" + x.options + ")")
	}
	if x.tablespace != "" {
		b.WriteString(" USING INDEX TABLESPACE " + quote(x.tablespace))
	}
	return b.String()
}

func (x *index) include() string {
	if len(x.included) == 0 {
		return ""
	}
	return " INCLUDE (" + strings.Join(x.included, ", ") + ")"
}

// definition is the element as CREATE INDEX wants it: expressions in
// parentheses.
func (e *element) definition() string {
	if e.attnum != 0 {
		return e.sql
	}
	return "(" + e.sql + ")"
}

// afterwards gives the statements for what CREATE INDEX cannot say. Only
// elements that are expressions can have a statistics target.
func (x *index) afterwards(isExpression []bool) (statements []string) {
	for i := range x.elements {
		if t := x.elements[i].target; t >= 0 && isExpression[i] {
			statements = append(statements, fmt.Sprintf("ALTER INDEX %s ALTER COLUMN %d SET STATISTICS %d", x.sql(), i+1, t))
		}
	}
	if x.comment != "" {
		statements = append(statements, fmt.Sprintf("COMMENT ON INDEX %s IS %s", x.sql(), literal(x.comment)))
	}
	if x.clustered {
		statements = append(statements, fmt.Sprintf("ALTER TABLE %s CLUSTER ON %s", x.member.sql(), quote(x.name)))
	}
	return statements
}

// attachSQL attaches the indexes of partitions to those of their parents, the
// innermost first. Names are still the same: oids were of the dropped ones.
func attachSQL(indexes []index) (statements []string) {
	byOID := map[uint32]*index{}
	for i := range indexes {
		byOID[indexes[i].oid] = &indexes[i]
	}
	for i := len(indexes) - 1; i >= 0; i-- {
		if parent := byOID[indexes[i].parent]; parent != nil {
			statements = append(statements, fmt.Sprintf("ALTER INDEX %s ATTACH PARTITION %s", parent.sql(), indexes[i].sql()))
		}
	}
	return statements
}

// literal writes a string as SQL, whatever standard_conforming_strings says.
func literal(s string) string {
	return ` E'` + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + `'`
}
