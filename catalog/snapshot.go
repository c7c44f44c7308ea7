// Package catalog knows the sealed columns of a database and the relations
// around them. A Snapshot is immutable: planning reads one, and a plan names
// the version it was made from.
package catalog

import (
	"slices"
	"strings"

	"pgseal/envelope"
	"pgseal/logical"
)

// SealedColumn is one sealed column: a row of pgseal.sealed_column. Several
// attributes can carry its domain (partitions, views, children, copies made by
// CREATE TABLE AS): they all point to the same SealedColumn.
type SealedColumn struct {
	ID         uint32       // column id, as it stands in every envelope
	TableID    uint32       // owner of the data keys
	Domain     uint32       // OID of the column's domain in pgseal_column
	DomainName string       // its name there
	Type       logical.Type // what the application sees
	// Casts, nil for none, are the types that a value goes through before it is
	// shown as Type, that of the stored values first. It is a plan that sets them.
	Casts      []logical.Type
	Terms      envelope.TermFlags // what the server can search by
	IndexKeyID uint32             // data key (purpose index) of the terms; 0 without terms
	// Loose: under its collation, which is nondeterministic, different strings are equal.
	Loose bool
	// Folding is there if the Terms have one of lower or upper.
	Folding *Folding
	// Folded, if not 0, is the one of those terms that is meant, of what is no column
	// but lower or upper of one, and a text.
	Folded envelope.TermFlags
	Of     *SealedColumn // the column then

	Schema string // names at sealing, for messages only
	Table  string
	Name   string

	// Defaults are the sealed notes of its original defaults.
	Defaults [][]byte
	// Labels are those that its enum had when it was sealed, in order.
	Labels []string

	// Broken says why the attributes that carry this type can be neither read
	// nor written through pgseal: their domain has lost its metadata, say, or
	// sealed values stand inside an array. Empty for a column in order. ID and
	// Type of a broken column are zero, so that nothing opens or seals by
	// mistake; a statement that touches one is refused with this reason.
	Broken string

	// Document is not nil for what is no column but an output of a query: JSON, of
	// the type, made of sealed values. The names are those of the first of them.
	Document *Document

	// Mixed is not nil for what is no column but an output of UNION ALL: values of
	// these columns, each shown as Type. The names are those of the first of them.
	Mixed []*SealedColumn

	// Elements is not nil for what is no column but an array, of the type, whose
	// elements are values of this column, shown as its type.
	Elements *SealedColumn

	// Record is not nil for what is no column but a row: these are its columns, nil
	// for a plain one. The names are those of the first sealed one.
	Record []*SealedColumn

	// Cells is not nil for what is no column but a value, of the type, that is computed
	// of these columns of a row, nil for a plain one: the server has a bytea in its
	// place, the binary form of an array of bytea with what the row has in each. The
	// names are those of the first sealed one.
	Cells []*SealedColumn
}

// String is the column's name as commands and hints spell it: public.users.ssn.
func (c *SealedColumn) String() string { return c.Schema + "." + c.Table + "." + c.Name }

// Assembled reports what is no column but made of the values of some.
func (c *SealedColumn) Assembled() bool { return c.Mixed != nil || c.Holds() }

// Among is the one of several columns that has an ID, c if there are not several.
func (c *SealedColumn) Among(id uint32) *SealedColumn {
	for _, of := range c.Mixed {
		if of.ID == id {
			return of
		}
	}
	return c
}

// Holds reports what is no column but has envelopes somewhere in it.
func (c *SealedColumn) Holds() bool {
	return c.Document != nil || c.Elements != nil || c.Record != nil || c.Cells != nil
}

// Stored is the type of the stored values.
func (c *SealedColumn) Stored() logical.Type {
	if c.Casts != nil {
		return c.Casts[0]
	}
	return c.Type
}

// IsCast says whether the values are shown cast to another type; c may be nil.
func (c *SealedColumn) IsCast() bool { return c != nil && c.Casts != nil }

// Column is one attribute of a relation.
type Column struct {
	AttNum  int16
	Name    string
	TypeOID uint32        // pg_attribute.atttypid; the domain's for a sealed column
	Typmod  int32         // pg_attribute.atttypmod
	Sealed  *SealedColumn // nil when the attribute is plain
	// Generated: computed by the server (GENERATED ALWAYS AS), so that COPY
	// leaves it out.
	Generated bool
	// HasDefault: it has one, of whatever kind.
	HasDefault bool
	// Draws are the sequences that its default counts, or that it has as an identity,
	// by their names; "" where a function does that may be anything.
	Draws []string
	// Default of a sealed column that is another value each time, nil for any other.
	Default *ComputedDefault
}

// Wrapped says whether the column is sealed and has not the domain itself for its type,
// but another one over it.
func (c Column) Wrapped() bool {
	return c.Sealed != nil && c.Sealed.Domain != 0 && c.TypeOID != c.Sealed.Domain
}

// Unique is a unique index of a relation that has at least one sealed column
// among its elements. Name is also the name of the constraint it stood for
// before sealing, if it was one: ON CONFLICT ON CONSTRAINT can name it.
type Unique struct {
	Name    string
	Columns []string // element by element; sealed ones are indexed by their equality term
	Partial bool     // has a WHERE clause: ON CONFLICT infers it only with a predicate that implies that
	Made    bool     // stands for a constraint, see ShownIndex.Made: known inside of the transaction that has made it
}

// Relation is a table, partition, view, materialised view or foreign table.
type Relation struct {
	OID     uint32
	Schema  string
	Name    string
	Kind    byte     // pg_class.relkind
	Columns []Column // in attribute order, dropped ones left out
	Uniques []Unique // only those over sealed columns
	// Taken are the names in its schema that could be those of its indexes.
	Taken []string
	// Constraints are the names of those that are no indexes, of relations with sealed
	// columns only.
	Constraints []string
	// Key are the columns of the primary key, as far as it holds at all times and
	// for everything that a statement reads from the relation; nil for none. They
	// are known for relations with sealed columns only, and never sealed.
	Key    []string
	Sealed bool // at least one column is sealed
	// Changing: a column is being sealed or unsealed at this moment, so that
	// nothing planned from this snapshot may reach the server.
	Changing bool
	// Refreshes: it is a materialized view with a unique index by which the server can
	// refresh it concurrently.
	Refreshes bool
	// Inherits: it is a child of others, and no partition, so that it changes with them.
	Inherits bool
	// Triggers are those that may use a sealed column when it is written.
	Triggers []Trigger
	// Homonym: it has sealed columns, and a type that is no relation's has its
	// name, so that the name of its row type may be that one's.
	Homonym bool
}

// Column finds an attribute by its name.
func (r *Relation) Column(name string) *Column {
	for i := range r.Columns {
		if r.Columns[i].Name == name {
			return &r.Columns[i]
		}
	}
	return nil
}

// Attribute identifies a result column's origin as RowDescription gives it.
type Attribute struct {
	Relation uint32
	AttNum   int16
}

// Snapshot is everything planning needs to know of one database at one time.
// It is immutable and safe for concurrent use.
type Snapshot struct {
	// Version changes whenever a plan made from an older snapshot could be
	// wrong. A rotated key does not change it: keys are looked up at run time.
	Version uint64

	relations  []*Relation
	byOID      map[uint32]*Relation
	byName     map[string][]*Relation
	origins    map[Attribute]*SealedColumn
	columns    map[uint32]*SealedColumn
	functions  map[string]bool
	uses       map[string][]Use
	types      map[string][]logical.Type // that are not built in, by name
	arrays     map[uint32]logical.Type   // of those, by element type
	words      words
	activeKey  map[uint32]uint32
	metadata   map[uint32]*SealedColumn // by domain
	sealing    map[string]bool
	alters     map[string]bool
	triggering map[string]bool
	setters    Setters
	inFlux     *Snapshot
	namesOnly  bool
	shown      *Shown
	shownWord  words     // through which a statement could meet what is shown
	strict     *Snapshot // the same without those; nil when there are none
	wanted     *wanted   // where what is missing is noted; nil when all is there
	defaults   bool      // a sealed column has one
	opens      bool      // the code of a function that is in uses opens cursors
	reacts     bool      // see Contents
	temporary  bool      // some of the relations are

	casts         []OwnCast      // see Contents
	hiding        []string       // likewise
	operators     *Operators     // likewise
	textFunctions *TextFunctions // nil if nobody has asked for them
	textOrders    map[uint32]*logical.TextOrder
	read          *readFrom // by a Reading; nil if it was loaded
}

// Contents is what a Snapshot is built from.
type Contents struct {
	Relations []*Relation
	// RowFunctions are the unqualified names of functions of which the result or a
	// parameter is, or contains, a sealed value.
	RowFunctions []string
	Setters      Setters
	// Reacts: the database has event triggers, which may do something else beside DDL.
	Reacts bool
	// Uses are the unqualified names of functions whose code may use sealed
	// columns, and those.
	Uses map[string][]Use
	// OpensCursors says that the code of one of those may leave a cursor open.
	OpensCursors bool
	// Alters has the unqualified names of functions whose code may do DDL with relations
	// that have sealed columns.
	Alters map[string]bool
	// Triggering are the unqualified names of functions of triggers whose code may use
	// sealed columns.
	Triggering []string
	// Sealing are the unqualified names of the types that are, or contain, sealed values.
	Sealing []string
	// Metadata are the rows of pgseal.sealed_column, by the OIDs of their domains.
	Metadata map[uint32]*SealedColumn
	// ActiveKeys maps a table id to its active data key of purpose seal.
	ActiveKeys map[uint32]uint32
	// TextFunctions are nil unless they are needed, or a statement has named one of them.
	TextFunctions *TextFunctions
	// TextOrders are the orders of collations, by OID, that statements have needed; nil for
	// those that cannot be computed here.
	TextOrders map[uint32]*logical.TextOrder
	// Casts are those of the database's own.
	Casts []OwnCast
	// Hiding are names of functions that the database has of its own (CanHide).
	Hiding []string
	// Operators are nil if the database has none of its own that matter.
	Operators *Operators
	// Shown is what the system catalogs must show, nil for what they hold.
	Shown *Shown
}

// New builds a snapshot. The relations must not be changed afterwards.
func New(version uint64, c Contents) *Snapshot {
	s := &Snapshot{
		Version:    version,
		relations:  c.Relations,
		byOID:      make(map[uint32]*Relation, len(c.Relations)),
		byName:     make(map[string][]*Relation, len(c.Relations)),
		origins:    map[Attribute]*SealedColumn{},
		columns:    map[uint32]*SealedColumn{},
		functions:  map[string]bool{},
		sealing:    map[string]bool{},
		triggering: map[string]bool{},
		types:      map[string][]logical.Type{},
		arrays:     map[uint32]logical.Type{},
		activeKey:  c.ActiveKeys,
		metadata:   c.Metadata,
		setters:    c.Setters,
		reacts:     c.Reacts,

		casts:         c.Casts,
		hiding:        c.Hiding,
		operators:     c.Operators,
		textFunctions: c.TextFunctions,
		textOrders:    c.TextOrders,
	}
	for _, r := range c.Relations {
		s.byOID[r.OID] = r
		s.byName[r.Name] = append(s.byName[r.Name], r)
		s.temporary = s.temporary || strings.HasPrefix(r.Schema, "pg_temp_")
		for i := range r.Columns {
			if sc := r.Columns[i].Sealed; sc != nil {
				r.Sealed = true
				s.origins[Attribute{r.OID, r.Columns[i].AttNum}] = sc
				s.defaults = s.defaults || r.Columns[i].Default != nil || r.Columns[i].HasDefault
				if sc.ID != 0 {
					s.columns[sc.ID] = sc
					s.define(sc.Type)
				}
			}
		}
		if r.Sealed || r.Changing || len(r.Triggers) > 0 {
			s.words.add(r.Name)
		}
	}
	for _, f := range c.Triggering {
		s.triggering[f] = true
		s.words.add(f)
	}
	for _, name := range c.Sealing {
		s.sealing[name] = true
		s.words.add(name)
	}
	s.uses, s.opens, s.alters = c.Uses, c.OpensCursors, c.Alters
	for f := range c.Alters {
		s.words.add(f)
	}
	for f := range c.Uses {
		s.words.add(f)
	}
	for _, f := range c.RowFunctions {
		s.functions[f] = true
		s.words.add(f)
	}
	var changing []string
	for _, r := range c.Relations {
		if r.Changing {
			changing = append(changing, r.Name)
		}
	}
	if changing != nil {
		s.inFlux = Names(changing...)
	}
	if c.Shown != nil {
		strict := *s
		s.strict, s.shown = &strict, c.Shown
		for _, w := range c.Shown.words() {
			s.shownWord.add(w)
		}
	}
	return s
}

// define notes a type that is not built in, with what it is made of. Statements
// that name it may cast to it, or change it.
func (s *Snapshot) define(t logical.Type) {
	if t.Def == nil || slices.Contains(s.types[t.Def.Name], t) {
		return
	}
	s.types[t.Def.Name] = append(s.types[t.Def.Name], t)
	s.words.add(t.Def.Name)
	for _, part := range t.Def.Parts() {
		if part.Def != nil && t.OID == part.Def.ArrayOID {
			s.arrays[part.OID] = t
		}
		s.define(part)
	}
}

// Reacts reports that DDL may have effects beside its own.
func (s *Snapshot) Reacts() bool { return s.reacts }

// Operators gives the operators that the database has of its own, nil for none.
func (s *Snapshot) Operators() *Operators { return s.operators }

// HidesFunction says whether a call by the name, one that CanHide, may mean a function of the
// database's own.
func (s *Snapshot) HidesFunction(name string) bool { return slices.Contains(s.hiding, name) }

// Setters says what functions do to settings.
func (s *Snapshot) Setters() *Setters { return &s.setters }

// Types are the types of sealed columns, and parts of them, that are not built
// in and have this name.
func (s *Snapshot) Types(name string) []logical.Type { return s.types[name] }

// TypeName is the name of a type as messages print it, "" if it is not known here.
func (s *Snapshot) TypeName(oid uint32) string {
	if t := s.Type(oid); t.Def != nil {
		return t.Name()
	}
	return logical.TypeName(oid)
}

// Type is one of the types that Types finds; it has no Def if there is none of the OID.
func (s *Snapshot) Type(oid uint32) logical.Type {
	for _, types := range s.types {
		for _, t := range types {
			if t.OID == oid {
				return t
			}
		}
	}
	return logical.Type{OID: oid, Typmod: -1}
}

// ArrayOf finds the type of the arrays of such a type. It has OID 0 if no sealed
// column is of it.
func (s *Snapshot) ArrayOf(element uint32) logical.Type { return s.arrays[element] }

// Names makes a snapshot that knows only that something is the matter with these
// names.
func Names(names ...string) *Snapshot {
	s := &Snapshot{namesOnly: true}
	for _, n := range names {
		s.words.add(n)
	}
	return s
}

// NamesOnly reports that the snapshot was made by Names.
func (s *Snapshot) NamesOnly() bool { return s.namesOnly }

// Empty reports that the database has no sealed column at all, and is not about
// to have one; nor has it a domain left of a table that was dropped, which the
// catalogs must not show.
func (s *Snapshot) Empty() bool {
	return len(s.origins) == 0 && s.inFlux == nil && s.shown == nil && !s.namesOnly
}

// InFlux knows the names of the relations of which columns are being sealed or
// unsealed at this moment, and nothing else; it is nil when there are none.
func (s *Snapshot) InFlux() *Snapshot { return s.inFlux }

// Relations are all relations of the snapshot; the slice must not be changed.
func (s *Snapshot) Relations() []*Relation { return s.relations }

// HasTemporary reports that some of the relations are temporary tables or views.
func (s *Snapshot) HasTemporary() bool { return s.temporary }

// Relation finds a relation by its OID.
func (s *Snapshot) Relation(oid uint32) *Relation { return s.byOID[oid] }

// Named returns the relations of that unqualified name in all schemas.
func (s *Snapshot) Named(name string) []*Relation { return s.byName[name] }

// Origin returns the sealed column behind a result column, or nil.
func (s *Snapshot) Origin(a Attribute) *SealedColumn { return s.origins[a] }

// Column finds a sealed column by its id.
func (s *Snapshot) Column(id uint32) *SealedColumn { return s.columns[id] }

// Domain finds a sealed column by the name of its domain, which is not empty.
func (s *Snapshot) Domain(name string) *SealedColumn {
	for _, c := range s.columns {
		if c.DomainName == name && name != "" {
			return c
		}
	}
	return nil
}

// OfDomain finds a sealed column by the OID of its domain.
func (s *Snapshot) OfDomain(oid uint32) *SealedColumn {
	for _, c := range s.columns {
		if c.Domain == oid {
			return c
		}
	}
	return nil
}

// Alters reports whether the code of functions of that name may do DDL with relations
// that have sealed columns.
func (s *Snapshot) Alters(name string) bool { return s.alters[name] }

// Triggering reports whether a function of that name is one for triggers whose code may
// use sealed columns.
func (s *Snapshot) Triggering(name string) bool { return s.triggering[name] }

// Sealing reports whether a type of that name is, or contains, a sealed value.
func (s *Snapshot) Sealing(name string) bool { return s.sealing[name] }

// OpensCursors reports whether the code of any function may open a cursor with
// values of a sealed column.
func (s *Snapshot) OpensCursors() bool { return s.opens || len(s.functions) > 0 }

// RowFunction reports whether a function of that name may return or take sealed
// values.
func (s *Snapshot) RowFunction(name string) bool { return s.functions[name] }

// Uses are the sealed columns that the code of functions of that name may use.
func (s *Snapshot) Uses(name string) []Use { return s.uses[name] }

// Word reports whether an identifier, folded as PostgreSQL folds it, names
// something through which a statement could touch a sealed column, or what the
// catalogs show of one. A statement without such a word cannot.
func (s *Snapshot) Word(name string) bool { return s.words.has(name) || s.shownWord.has(name) }

// ASCII reports that all these names are in ASCII.
func (s *Snapshot) ASCII() bool { return !s.words.foreign && !s.shownWord.foreign }

// Strict is the snapshot without the words that only name what is shown.
func (s *Snapshot) Strict() *Snapshot {
	if s.strict != nil {
		return s.strict
	}
	return s
}

// SealedDefaults reports whether a sealed column has a default, or had one before.
func (s *Snapshot) SealedDefaults() bool {
	if s.defaults {
		return true
	}
	for _, c := range s.columns {
		if len(c.Defaults) > 0 {
			return true
		}
	}
	return false
}

// TypedDefaults reports whether a sealed column of a type that is not built in had
// a default.
func (s *Snapshot) TypedDefaults() bool {
	for _, c := range s.columns {
		if len(c.Defaults) > 0 && c.Type.Def != nil {
			return true
		}
	}
	return false
}

// Shown is what the system catalogs must show, nil for what they hold.
func (s *Snapshot) Shown() *Shown { return s.shown }

// ActiveKey is the data key under which new values of a table are sealed, or 0.
func (s *Snapshot) ActiveKey(tableID uint32) uint32 { return s.activeKey[tableID] }
