package sealing

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"pgseal/catalog"
)

// constraintOrder says of a unique index over terms that it is a UNIQUE constraint
// of the plain table: see rewrite.madeOrder.
const constraintOrder = " DESC"

// carried is what the index does not say itself of what unsealing must know to bring
// it back as it was. It stands in pgseal.sealed_column.original. Constraint and Suffix
// were noted here before the index said both.
type carried struct {
	Schema     string `json:"schema"`
	Name       string `json:"name"`
	Constraint bool   `json:"constraint,omitempty"`
	Comment    string `json:"comment,omitempty"` // of the constraint
	Suffix     string `json:"suffix,omitempty"`  // of the column as an element
}

// carryIndexes refuses indexes that cannot stand on the equality term, or gives
// the statements that make them anew on it, and what to remember of them.
func carryIndexes(c *column, indexes []index, equality bool) (creates []string, notes []carried, err error) {
	for i := range indexes {
		x := &indexes[i]
		if err := x.checkCarry(c, equality); err != nil {
			return nil, nil, err
		}
		elements, isExpression := make([]string, len(x.elements)), make([]bool, len(x.elements))
		for k := range x.elements {
			if e := &x.elements[k]; e.attnum == x.member.attnum {
				elements[k], isExpression[k] = catalog.TermElement(e.sql, e.suffix), true
				if x.constraint {
					elements[k] += constraintOrder
				}
			} else {
				elements[k], isExpression[k] = e.definition()+e.suffix, e.attnum == 0
			}
		}
		creates = append(creates, x.createSQL(elements))
		creates = append(creates, x.afterwards(isExpression)...)
		if x.constraintNote != "" {
			notes = append(notes, carried{Schema: x.schema, Name: x.name, Comment: x.constraintNote})
		}
	}
	return append(creates, attachSQL(indexes)...), notes, nil
}

func (x *index) checkCarry(c *column, equality bool) error {
	name := c.String()
	const dropFirst = "drop the index first"
	switch {
	case !x.valid:
		return refuse(name, "drop the index, or make it valid with REINDEX or by attaching what it lacks", "%s is invalid", x)
	case !onlyTestsForNull(x.predicateNode, x.member.attnum):
		return refuse(name, dropFirst, "the predicate of %s reads it", x)
	case !onlyTestsForNull(x.expressionNode, x.member.attnum):
		return refuse(name, dropFirst, "%s computes an expression over it", x)
	case !equality && x.unique:
		return refuse(name, "seal it with --equality: uniqueness is then kept on the term", "%s keeps it unique", x)
	case !equality:
		return refuse(name, "seal it with --equality, or drop the index first", "%s searches it", x)
	case x.method != "btree" && x.method != "hash":
		return refuse(name, dropFirst+": a term can be searched for equality only", "%s is a %s index", x, x.method)
	case x.deferrable:
		return refuse(name, "make the constraint NOT DEFERRABLE first", "%s is a deferrable constraint, which cannot stand on a term", x)
	case x.replica:
		return refuse(name, "ALTER TABLE … REPLICA IDENTITY … to another index first", "%s is the table's replica identity", x)
	}
	for i := range x.elements {
		if e := &x.elements[i]; e.attnum == x.member.attnum && e.odd != "" {
			return refuse(name, dropFirst, "%s compares it by %s, and a term cannot tell what that holds equal", x, e.odd)
		}
	}
	return nil
}

// restoreIndexes gives the statements that bring indexes over the equality term
// back to the plain column. handed are notes that another sealed column must
// take over: a UNIQUE constraint can only come back when the last of its columns
// is plain again.
func restoreIndexes(ctx context.Context, tx pgx.Tx, c *column, indexes []index, notes []carried) (creates []string, handed []carried, err error) {
	found := map[uint32]carried{} // by index
	for i := range indexes {
		x := &indexes[i]
		note, ok := findNote(notes, x)
		if above, attached := found[x.parent]; !ok && attached {
			// Of a partition that was made since: it is what its parent is.
			note = carried{Constraint: above.Constraint, Suffix: above.Suffix}
		}
		term, err := termOver(ctx, tx, c.name)
		if err != nil {
			return nil, nil, err
		}
		elements, plain, isExpression := make([]string, len(x.elements)), make([]string, len(x.elements)), make([]bool, len(x.elements))
		terms, others := 0, 0
		note.Constraint = note.Constraint || x.saysConstraint()
		for k := range x.elements {
			e := &x.elements[k]
			of, suffix, isNoted := catalog.NotedTerm(e.sql)
			switch {
			case e.attnum == 0 && (isNoted && of == term[0] || slices.Contains(term[1:], e.sql)):
				terms++
				plain[k] = quote(c.name)
				elements[k] = plain[k]
				switch {
				case isNoted:
					elements[k] += suffix
				case !note.Constraint && e.suffix != "":
					elements[k] += e.suffix
				default:
					elements[k] += note.Suffix
				}
			case e.attnum == 0:
				others++
				elements[k], isExpression[k] = e.definition()+e.suffix, true
				if note.Constraint && strings.HasPrefix(e.sql, "pgseal.eq(") && !isNoted && e.suffix == "" {
					elements[k] += constraintOrder // goes on to say so
				}
			default:
				plain[k] = e.sql
				elements[k] = e.sql + e.suffix
			}
		}
		if err := x.checkRestore(c, terms); err != nil {
			return nil, nil, err
		}
		found[x.oid] = note
		switch {
		case note.Constraint && others == 0 && x.predicate == "":
			creates = append(creates, x.constraintSQL(plain))
			if note.Comment != "" {
				creates = append(creates, fmt.Sprintf("COMMENT ON CONSTRAINT %s ON %s IS %s", quote(x.name), x.member.sql(), literal(note.Comment)))
			}
		default:
			if note.Constraint && note.Comment != "" {
				handed = append(handed, carried{Schema: x.schema, Name: x.name, Comment: note.Comment})
			}
			creates = append(creates, x.createSQL(elements))
		}
		creates = append(creates, x.afterwards(isExpression)...)
	}
	return append(creates, attachSQL(indexes)...), handed, nil
}

func (x *index) checkRestore(c *column, terms int) error {
	switch {
	case x.hasElement():
		return refuse(c.String(), "drop the index first", "%s compares whole envelopes", x)
	case !onlyTestsForNull(x.predicateNode, x.member.attnum):
		return refuse(c.String(), "drop the index first", "the predicate of %s reads its envelopes", x)
	}
	// Each reference is a term, or asks whether it IS NULL.
	v := varNode(x.member.attnum)
	others := strings.Count(x.expressionNode, v) - strings.Count(x.expressionNode, "{NULLTEST :arg "+v)
	if others != terms {
		return refuse(c.String(), "drop the index first", "%s computes something else than pgseal.eq over it", x)
	}
	return nil
}

// findNote finds what was noted of an index: under its full name, or, since
// tables are renamed into other schemas, under its name alone.
func findNote(notes []carried, x *index) (carried, bool) {
	var sameName []carried
	for _, n := range notes {
		if n.Name != x.name {
			continue
		}
		if n.Schema == x.schema {
			return n, true
		}
		sameName = append(sameName, n)
	}
	if len(sameName) == 1 {
		return sameName[0], true
	}
	return carried{}, false
}

// saysConstraint says whether the index is a UNIQUE constraint of the plain table, by
// its own definition.
func (x *index) saysConstraint() bool {
	return x.unique && x.predicate == "" && slices.ContainsFunc(x.elements, func(e element) bool {
		_, _, isNoted := catalog.NotedTerm(e.sql)
		return e.attnum == 0 && strings.HasPrefix(e.sql, "pgseal.eq(") && !isNoted && e.suffix == constraintOrder
	})
}

// termOver is a column, and pgseal.eq over it in the forms in which the server prints it.
func termOver(ctx context.Context, tx pgx.Tx, column string) (forms []string, err error) {
	err = tx.QueryRow(ctx, `SELECT ARRAY[pg_catalog.quote_ident($1), 'pgseal.eq((' || pg_catalog.quote_ident($1) || ')::bytea)', 'pgseal.eq(' || pg_catalog.quote_ident($1) || ')']`,
		column).Scan(&forms)
	return forms, err
}

// handOver gives notes to the other sealed column of each index.
func handOver(ctx context.Context, tx pgx.Tx, from sealed, handed []carried) error {
	for _, n := range handed {
		found, err := sealedRows(ctx, tx, `
WHERE column_id <> $1 AND domain IN (
  SELECT a.atttypid FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid
  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = d.refobjsubid
  WHERE i.indexrelid = $2::text::regclass) ORDER BY column_id LIMIT 1`, from.id, quote(n.Schema, n.Name))
		if err != nil {
			return err
		}
		for i := range found {
			o := &found[i].original
			at := slices.IndexFunc(o.Indexes, func(k carried) bool { return k.Schema == n.Schema && k.Name == n.Name })
			if at < 0 {
				o.Indexes = append(o.Indexes, n)
			} else {
				o.Indexes[at].Comment = n.Comment
			}
			if err := writeOriginal(ctx, tx, found[i].id, *o); err != nil {
				return err
			}
		}
	}
	return nil
}
