package sealing

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"pgseal/catalog"
	"pgseal/envelope"
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

// carryIndexes refuses indexes that cannot stand on the terms, or gives the statements
// that make them anew on them, and what to remember of them: of a UNIQUE constraint over
// several columns the first one's term says so, and remembers.
func carryIndexes(ctx context.Context, tx pgx.Tx, columns []*column, indexes []index) (creates []string, notes map[*column][]carried, err error) {
	f, err := formsOf(ctx, tx, columns, indexes)
	if err != nil {
		return nil, nil, err
	}
	notes = map[*column][]carried{}
	for i := range indexes {
		x := &indexes[i]
		elements, isExpression := make([]string, len(x.elements)), make([]bool, len(x.elements))
		for k := range x.elements {
			e := &x.elements[k]
			elements[k], isExpression[k] = e.definition()+e.suffix, e.attnum == 0
		}
		for place, c := range x.over {
			if err := x.checkCarry(c, f[c]); err != nil {
				return nil, nil, err
			}
			for k := range x.elements {
				e := &x.elements[k]
				switch fold := f[c].folded(e); {
				case e.attnum == c.in(x.member.oid).attnum:
					elements[k], isExpression[k] = catalog.TermElement(envelope.TermEquality, e.sql, e.suffix), true
					if x.constraint && place == 0 {
						elements[k] += constraintOrder
					}
				case fold != 0:
					elements[k] = catalog.TermElement(fold, f[c].column, strings.TrimPrefix(e.suffix, f[c].collate))
				}
			}
		}
		creates = append(creates, x.createSQL(elements))
		creates = append(creates, x.afterwards(isExpression)...)
		if x.constraintNote != "" {
			notes[x.over[0]] = append(notes[x.over[0]], carried{Schema: x.schema, Name: x.name, Comment: x.constraintNote})
		}
	}
	return append(creates, attachSQL(indexes)...), notes, nil
}

func (x *index) checkCarry(c *column, f forms) error {
	name, terms, attnum := c.String(), c.wants.terms(), c.in(x.member.oid).attnum
	equality := terms&envelope.TermEquality != 0
	folded := 0
	for i := range x.elements {
		e := &x.elements[i]
		fold := f.folded(e)
		if fold == 0 {
			continue
		}
		folded++
		if terms&fold == 0 {
			return refuse(name, "seal it with --equality --normalize "+catalog.FoldName(fold)+", or drop the index first", "%s is over %s of it", x, catalog.FoldName(fold))
		}
	}
	const dropFirst = "drop the index first"
	switch {
	case !x.valid:
		return refuse(name, "drop the index, or make it valid with REINDEX or by attaching what it lacks", "%s is invalid", x)
	case !onlyTestsForNull(x.predicateNode, attnum):
		return refuse(name, dropFirst, "the predicate of %s reads it", x)
	case x.references(x.expressionNode, attnum) != folded:
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
		if e := &x.elements[i]; (e.attnum == attnum || f.folded(e) != 0) && e.odd != "" {
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
	all, err := formsOf(ctx, tx, []*column{c}, indexes)
	if err != nil {
		return nil, nil, err
	}
	f := all[c]
	for i := range indexes {
		x := &indexes[i]
		note, ok := findNote(notes, x)
		if above, attached := found[x.parent]; !ok && attached {
			// Of a partition that was made since: it is what its parent is.
			note = carried{Constraint: above.Constraint, Suffix: above.Suffix}
		}
		elements, plain, isExpression := make([]string, len(x.elements)), make([]string, len(x.elements)), make([]bool, len(x.elements))
		terms, others := 0, 0
		note.Constraint = note.Constraint || x.saysConstraint()
		for k := range x.elements {
			e := &x.elements[k]
			kind, suffix, isNoted := f.term(e)
			switch {
			case kind != 0:
				terms++
				plain[k] = quote(c.name)
				elements[k] = plain[k]
				if kind != envelope.TermEquality {
					elements[k], isExpression[k] = catalog.FoldName(kind)+"("+plain[k]+")", true
				}
				switch {
				case isNoted:
					elements[k] += suffix
				case !note.Constraint && e.suffix != "":
					elements[k] += e.suffix
				case kind != envelope.TermEquality:
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
	case x.hasElement(x.member.attnum):
		return refuse(c.String(), "drop the index first", "%s compares whole envelopes", x)
	case !onlyTestsForNull(x.predicateNode, x.member.attnum):
		return refuse(c.String(), "drop the index first", "the predicate of %s reads its envelopes", x)
	}
	if x.references(x.expressionNode, x.member.attnum) != terms {
		return refuse(c.String(), "drop the index first", "%s computes something else than its terms over it", x)
	}
	return nil
}

// references counts the references to a column in an expression that do not ask
// whether it IS NULL.
func (x *index) references(node string, attnum int16) int {
	v := varNode(attnum)
	return strings.Count(node, v) - strings.Count(node, "{NULLTEST :arg "+v)
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
		_, _, _, isNoted := catalog.NotedTerm(e.sql)
		return e.attnum == 0 && strings.HasPrefix(e.sql, "pgseal.eq(") && !isNoted && e.suffix == constraintOrder
	})
}

// forms are how the server prints a column in the definition of an index.
type forms struct {
	column  string
	terms   map[string]envelope.TermFlags // functions of pgseal over it
	folds   map[string]envelope.TermFlags // lower and upper over it while it is plain
	collate string                        // COLLATE of its own collation
}

// formsOf are those of the columns, empty where there is no index.
func formsOf(ctx context.Context, tx pgx.Tx, columns []*column, indexes []index) (map[*column]forms, error) {
	all := map[*column]forms{}
	if len(indexes) == 0 {
		return all, nil
	}
	names, attnums := make([]string, len(columns)), make([]int16, len(columns))
	for i, c := range columns {
		names[i], attnums[i] = c.name, c.attnum
	}
	rows, err := tx.Query(ctx, `
SELECT w.place - 1, pg_catalog.quote_ident(w.name), coalesce((SELECT ' COLLATE ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(o.collname)
	FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_collation o ON o.oid = a.attcollation JOIN pg_catalog.pg_namespace n ON n.oid = o.collnamespace
	WHERE a.attrelid = $3 AND a.attnum = w.attnum), '')
FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::int2[])) WITH ORDINALITY AS w(name, attnum, place)`, names, attnums, columns[0].relation)
	if err != nil {
		return nil, err
	}
	var place int
	var f forms
	_, err = pgx.ForEachRow(rows, []any{&place, &f.column, &f.collate}, func() error {
		f.terms, f.folds = map[string]envelope.TermFlags{}, map[string]envelope.TermFlags{}
		for _, kind := range [...]envelope.TermFlags{envelope.TermEquality, envelope.TermLower, envelope.TermUpper} {
			f.terms[catalog.TermFunction(kind)+"(("+f.column+")::bytea)"] = kind
			f.terms[catalog.TermFunction(kind)+"("+f.column+")"] = kind
			if kind != envelope.TermEquality {
				f.folds[catalog.FoldName(kind)+"(("+f.column+")::text)"] = kind
				f.folds[catalog.FoldName(kind)+"("+f.column+")"] = kind
			}
		}
		all[columns[place]] = f
		return nil
	})
	return all, err
}

// folded is the term for an element that is lower or upper of the plain column, 0 for
// any other.
func (f forms) folded(e *element) envelope.TermFlags {
	if e.attnum != 0 {
		return 0
	}
	return f.folds[e.sql]
}

// term is which term of the column the element is, 0 for any other, and its note.
func (f forms) term(e *element) (kind envelope.TermFlags, note string, isNoted bool) {
	if e.attnum != 0 {
		return 0, "", false
	}
	if kind, of, note, ok := catalog.NotedTerm(e.sql); ok && of == f.column {
		return kind, note, true
	}
	return f.terms[e.sql], "", false
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
