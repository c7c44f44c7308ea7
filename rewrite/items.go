package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
)

// column is one column that a FROM item offers, or one output of a query.
type column struct {
	name   string
	sealed *catalog.SealedColumn
	typ    uint32 // of a plain column of a relation, 0 if it is not known
	// wraps are the references that make this output, to be turned into terms
	// where the output is compared; nil if it cannot be.
	wraps []term
	// text: it can be the definition of a sealed column's default.
	text      bool
	constants *constants // nil unless literals and parameters make this output
	// nulls are the NULLs, with a cast perhaps, of which this consists; nil if there
	// is more, or where it is not the query that has them whose output this is.
	nulls []*pg.Node
	// origin is the column of a relation that this is, unchanged; reads is how the
	// query whose output it is refers to it, "" where that is not by a name.
	origin origin
	reads  string
	// returned is the item of a changed row that RETURNING gives this of, unchanged.
	returned *item
	// sorts is the same of an output, of one that is grouped by its term, too.
	sorts string
	// same is the column that a join shows under this name, nil for others.
	same *column
	// grouped: an output of a query that groups by its term.
	grouped bool
	// shown is the sealed column as the type that this has, nil where that is its
	// own.
	shown *catalog.SealedColumn
	// bare: to the server it is a bytea, not of the column's domain.
	bare bool
	// renamed is where the expression stands that the server would name otherwise
	// than the client's; zero for others.
	renamed term
	// whole is what has a row as one value; nil for all others.
	whole *wholeRow
	// formula is by what it is computed, nil for all others.
	formula *Formula
	hidden  bool // the client does not get it
	// united: an output of a set operation that compares its term.
	united bool
	// rest: stands for any number of plain columns with any names.
	rest bool
}

// wholeRow is an output that is a row of an item, which has sealed columns.
type wholeRow struct {
	ref   *pg.ColumnRef
	row   *item
	scope *scope
}

// self is the column itself, where a join shows it a second time.
func (c *column) self() *column {
	if c.same != nil {
		return c.same
	}
	return c
}

// term is the range of an expression to be put inside pgseal.eq(…).
type term struct{ start, end int }

// item is one entry of a FROM clause, or a target of a writing statement.
type item struct {
	name    string // alias, or the relation's own name
	schema  string // of a relation without alias
	columns []column
	// open says that there can be columns that are not in columns; unknown that
	// this is so because the snapshot does not have the relation.
	open, unknown bool
	candidates    []*catalog.Relation // open because the search path would decide
	base          bool                // has the system columns of a table
	relation      *catalog.Relation   // of a base item that is known
	shown         bool                // has become a subquery: see shown.go
	merged        bool                // of a set operation, whose columns have no origin for PostgreSQL
	system        bool                // which offers system columns
	excluded      bool                // the row that ON CONFLICT has not inserted, whose columns have the origins of the table's
	// byName and byColumn say whether qualified and unqualified references
	// reach it: a join hides one or the other.
	byName, byColumn bool
	// hides are those that a join with a name of its own joins.
	hides []*item
	// of is the item of a query inside whose row this is. scope and where are the query of an
	// item, and the conditions between its ANDs.
	of    *item
	scope *scope
	where []*pg.Node
	// rows: it is a subquery whose rows are those of relations, as they are.
	rows bool
}

// queryItem is the item of a subquery or CTE.
func queryItem(name string, outputs []column) *item {
	it := &item{name: name, byName: true, byColumn: true, columns: make([]column, 0, len(outputs))}
	rows := map[*item]*item{} // a row of this item has rows of others in it
	for _, c := range outputs {
		if c.rest {
			it.open = true
		}
		// Only the query that has the reference can turn it into a term.
		c.wraps, c.reads, c.sorts, c.same, c.whole, c.grouped, c.united, c.renamed = nil, "", "", nil, nil, false, false, term{}
		if from := c.origin.item; from != nil {
			if rows[from] == nil {
				rows[from] = &item{relation: from.relation, shown: from.shown, merged: from.merged, of: from}
			}
			c.origin.item = rows[from]
		}
		it.columns = append(it.columns, c)
	}
	return it
}

func (it *item) column(name string) *column {
	for i := range it.columns {
		if it.columns[i].name == name && !it.columns[i].rest {
			return &it.columns[i]
		}
	}
	return nil
}

func (it *item) sealed() *catalog.SealedColumn {
	for i := range it.columns {
		if s := it.columns[i].sealed; s != nil {
			return s
		}
	}
	return nil
}
