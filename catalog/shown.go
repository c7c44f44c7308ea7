package catalog

import (
	"slices"
	"strings"
	"sync"

	"pgseal/envelope"
)

// Shown is what it takes to make the system catalogs show the database as the
// application knows it: sealed columns with their logical types, indexes over
// terms as indexes over columns, and nothing of pgseal's own.
type Shown struct {
	// ByBytes: the database's own collation sorts texts by their bytes in UTF-8.
	ByBytes bool
	// UTF8: the database's encoding is UTF-8, in which collation C sorts.
	UTF8 bool
	// Loose: the database has a collation, perhaps of a plain column, under which different
	// strings are equal.
	Loose bool
	// ServerVersion is server_version_num; Views are of that server.
	ServerVersion int
	// RowsKeepNames: in JSON a row of a table has the names of the table's columns,
	// whatever an alias calls them. Which servers do so depends on the minor version.
	RowsKeepNames bool
	// Types are the domains of sealed columns.
	Types []ShownType
	// Storage is where a column was not stored as its type's own default says.
	Storage []ShownStorage
	// Indexes are those with a term among their elements.
	Indexes []ShownIndex
	// Hidden are the objects of pgseal's schemas, by catalog.
	Hidden Hidden
	// Views are the definitions of the views of pg_catalog ("pg_views") and
	// information_schema ("information_schema.columns") that are made of what is
	// shown otherwise, in names relative to pg_catalog.
	Views map[string]string

	notes   []indexNote // what Indexes were read with
	derived sync.Map    // see Derive
}

// copied is s without what has been derived from it.
func (s *Shown) copied() *Shown {
	return &Shown{ServerVersion: s.ServerVersion, RowsKeepNames: s.RowsKeepNames, Types: s.Types, Storage: s.Storage, Indexes: s.Indexes, Hidden: s.Hidden, Views: s.Views, notes: s.notes}
}

// Derive gives what was derived from s under a name before, or derives it. It
// may derive the same twice at once. The memory lives as long as s.
func (s *Shown) Derive(name string, derive func() any) any {
	if v, ok := s.derived.Load(name); ok {
		return v
	}
	v, _ := s.derived.LoadOrStore(name, derive())
	return v
}

// ShownRelations are the catalogs that are shown otherwise, each with the filter
// that hides pgseal's own.
var ShownRelations = []string{
	"pg_class", "pg_attribute", "pg_type", "pg_proc", "pg_namespace", "pg_index", "pg_constraint", "pg_attrdef", "pg_depend",
	"pg_description", "pg_trigger", "pg_extension", "pg_rewrite", "pg_sequence", "pg_init_privs", "pg_shdepend", "pg_stats",
	"pg_stats_ext", "pg_prepared_statements",
}

// ShownFunctions are the functions of pg_catalog that show definitions, or parts of them.
var ShownFunctions = []string{"pg_get_indexdef", "pg_get_constraintdef", "pg_get_viewdef", "pg_get_ruledef", "pg_index_column_has_property"}

// words are the names through which a statement could meet what is shown.
func (s *Shown) words() []string {
	words := append([]string{"information_schema", "pg_get_expr"}, ShownRelations...)
	words = append(words, ShownFunctions...)
	for w := range s.Views {
		if !strings.Contains(w, ".") {
			words = append(words, w)
		}
	}
	for i := range s.Types {
		if name := s.Types[i].OwnCollation[1]; name != "" {
			words = append(words, name)
		}
	}
	return words
}

// ShownType is what pg_attribute says of a column of a logical type.
type ShownType struct {
	Domain     uint32
	DomainName string // as format_type prints it
	OID        uint32
	Typmod     int32
	Name       string // as format_type prints it, with the typmod
	Len        int16
	ByVal      bool
	Align      string
	Storage    string
	Collation  uint32
	// OwnCollation is the schema and the name of the collation, if that is not
	// PostgreSQL's own.
	OwnCollation [2]string
	// ByBytes: its collation sorts texts by their bytes in UTF-8.
	ByBytes bool
	Array   bool
}

// TypeOf is the type of a sealed column, the zero one if that is not known.
func (s *Shown) TypeOf(c *SealedColumn) (t ShownType) {
	if s == nil {
		return t
	}
	if i := slices.IndexFunc(s.Types, func(t ShownType) bool { return t.Domain == c.Domain }); i >= 0 {
		t = s.Types[i]
	}
	return t
}

// ShownStorage is how one relation stored a sealed column in clear.
type ShownStorage struct {
	Relation    uint32
	AttNum      int16
	Storage     string // as pg_attribute has it, "" for the type's own
	Compression string // likewise, "" for the server's default
}

// ShownIndex is an index over a term of a sealed column.
type ShownIndex struct {
	OID        uint32
	Relation   uint32
	Schema     uint32
	Name       string
	Parent     uint32 // index of the partitioned table that it is attached to, 0 if none
	Constraint bool   // it stands for a UNIQUE constraint
	Made       bool   // and says so itself: its terms are in descending order
	Comment    string // of the constraint
	Elements   []ShownElement
	// KeyColumns is how many of Elements are no INCLUDE columns.
	KeyColumns int
	NullsEqual bool // NULLS NOT DISTINCT
}

// IsConstraint says whether the index is shown as a UNIQUE constraint.
func (x *ShownIndex) IsConstraint() bool {
	for i := range x.Elements {
		if x.Elements[i].AttNum == 0 {
			return false
		}
	}
	return x.Constraint
}

// ShownElement is one element of an index.
type ShownElement struct {
	AttNum    int16              // 0 for an expression, but for an equality term
	Fold      envelope.TermFlags // which term of lower or upper it is, 0 for none
	Column    string             // quoted as SQL needs it
	Name      string             // of the column, as it is
	Term      bool
	Domain    uint32 // of the sealed column, where Term
	Suffix    Suffix // behind the column in the index's definition
	Note      string // which the index has of it, "" if it has none
	OpClass   uint32
	Collation uint32
	Option    int16
}

// Hidden are OIDs, in order.
type Hidden struct {
	Schemas, Relations, Toast, Types, Functions, Constraints []uint32
}
