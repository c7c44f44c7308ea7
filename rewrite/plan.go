// Package rewrite turns one SQL text and a catalog snapshot into an immutable
// plan, or a refusal. It knows PostgreSQL's grammar and no network: a plan says
// which spans of the client's own text to replace, which parameters and
// literals to seal and how, and which result columns to open.
package rewrite

import (
	"errors"
	"math"
	"sync/atomic"

	"pgseal/catalog"
	"pgseal/logical"
)

// Role is what a client's value becomes on its way to the server.
type Role uint8

const (
	// Store seals the value into an envelope of the column.
	Store Role = iota
	// Equality turns the value into the column's equality term.
	Equality
	// Emptiness turns the empty value into an empty bytea. For any other the answer
	// is RefuseEmpty.
	Emptiness
	// Presence turns every value into an empty bytea: it matters only that it is not NULL.
	Presence
	// Digest turns the value into what equal values of the type have in common, and no others.
	// It is of no use to who does not have the key, which no other process has.
	Digest
)

// Compares reports that the value is compared, and not stored.
func (r Role) Compares() bool { return r != Store }

// verb is what is done with the value, as explain says it.
func (o *Operand) verb() string {
	switch o.Role {
	case Store:
		return "seal"
	case Presence, Digest:
		return "mask"
	}
	return "search"
}

// Operand says how one value of the client becomes one value for the server,
// always a bytea (or bytea[] when Array).
type Operand struct {
	Column *catalog.SealedColumn
	Role   Role
	// Array: the client's value is an array (= ANY($1)); each element becomes a
	// term and the server's value is a bytea[].
	Array bool
	// Places: it matters where an element stands in the Array.
	Places bool
	// Listed: the value is one of several in an IN list, to which PostgreSQL
	// gives their common type.
	Listed bool
	// Unsure: that type depends on what parameters beside the value are declared as. A
	// value that is another one as a real than as a double precision is refused then.
	Unsure bool
	// Compared: what is stored is compared, too, as it was before, so it must not be cut.
	Compared bool
	// Via is the explicit cast around the value ($1::varchar(5)), nil if none;
	// the type of the elements when Array. Then are the types to which it is cast
	// further, and what functions make of it, one after the other.
	Via  *logical.Type
	Then []Step
	// Split, if not "", is where the client's value, a text, is split into the elements of
	// an array (Array): string_to_array($1, ',').
	Split string
	// Pattern, if not nil, says that the value is a pattern.
	Pattern *Pattern
	// Site is where the value stands.
	Site Site
	// Beside says that the value shares its type with the column: it is one of the
	// alternatives of an expression.
	Beside beside
	// Default, if not nil, is the column of whose sealed constant default, as the server
	// prints it, the value is.
	Default *catalog.SealedColumn
	// Null, if not nil, is the text that becomes NULL: NULLIF($1, ''). The client's
	// value is a text then.
	Null *string
	// Nulled is how many of Then come before that.
	Nulled int
	// Base is the type that PostgreSQL gives the value if the client declares none,
	// 0 for what the role says.
	Base uint32
	// Records, if not nil, says that the value is a document with sealed members. Its type is
	// that of Column, which is none of the catalog's.
	Records *Records
	// Formula, if not nil, is what the value is computed by.
	Formula *Formula
	// OfRows: there can be several rows, and what the server gets is a jsonb object with the
	// value for each; see AppendKey.
	OfRows bool
	// Keys are how many cells of the answer, the last ones of each row, tell the rows apart, if
	// those of its columns do not: where it is stored, and since when.
	Keys int
	// Decides: the value is true or false and is not sealed. Absent: it is wanted for a row of
	// NULLs, too, which an outer join has in the place of a row.
	Decides, Absent bool
	// Subqueries are how many of the last cells of each row are of subqueries, of which a digest
	// tells the rows apart.
	Subqueries int
	// Ranks: the value is the place, from 1, that what is computed of the row has among that of
	// all rows, and is not sealed.
	Ranks bool
	Texts *logical.TextOrder // of Ranks, if what is computed is one
	// Among, if not nil, are all those, this one too, among whose values these ranks are. Equal: it
	// matters only which are the same.
	Among []*Operand
	Equal bool
	// AsAnswered: the value is an answer of the server's as it is, an envelope already;
	// NULL or empty for none.
	AsAnswered bool
	// Again: the answer is what the statement has to find once more, or NULL if it cannot be
	// anything else, since both see the same.
	Again bool
}

// TakesAny says whether a value of every type can stand there, and gets none from it.
func (o *Operand) TakesAny() bool {
	return o.Role == Presence && o.Via == nil && o.Null == nil && o.Then == nil
}

// Unasked is the number of what needs no answer of the server's.
const Unasked = math.MaxInt32

// Param is one parameter of the text that the server sees.
type Param struct {
	// Client is the index, from 0, of the client's parameter that feeds it, -1 for
	// none: Answer numbers the value, from 1, that the Question asks for; it is Unasked for
	// one that the session computes of what the client gives.
	Client  int
	Answer  int
	Operand *Operand // nil: passes as the client sent it
	// Infer is the type to declare to the server where the client declares
	// none, 0 for none: the value has a plain role here and a sealed role that
	// comes first in PostgreSQL's order, and would have got its type from that.
	Infer uint32
	// Deduced is the type that PostgreSQL gives the value for its plain role
	// here, if the client declares none; 0 where that is for the server to say.
	Deduced uint32
	// Hidden: the server does not get the value, which formulas are computed with.
	Hidden bool
	// Read: formulas are computed with the value, too. Differs is for one whose type is not the
	// same for them and for what else the statement does with it, or not known.
	Read    bool
	Differs *Refusal
}

// Conflict is why PostgreSQL refuses a statement whose parameter the client
// does not declare: roles that are typed together give it different types.
type Conflict struct {
	Client  int // index, from 0, of the client's parameter
	Refusal *Refusal
}

// Mix are parameters that get a common type which does not come from a column.
type Mix struct {
	Clients []int // indexes, from 0, of the client's parameters
	Texts   bool  // it does not matter which types of texts they are
	// Names: only a name matters, which others become beside it; Others: there are some
	// that are no parameters.
	Names, Others bool
	Refusal       *Refusal
}

// Refuses is why the types cannot be mixed: of what some of them would become pgseal
// would have to know more. declared gives the type that the client declares, 0 for none.
func (m *Mix) Refuses(declared func(client int) uint32) *Refusal {
	if m.Names {
		return m.refusesNames(declared)
	}
	first := declared(m.Clients[0])
	for _, i := range m.Clients[1:] {
		t := declared(i)
		texts := m.isText(t) && m.isText(first)
		if exact := isExact(t) && isExact(first); t != first && !texts && !exact {
			return m.Refusal
		}
	}
	return nil
}

func (m *Mix) refusesNames(declared func(client int) uint32) *Refusal {
	names, others := false, m.Others
	for _, i := range m.Clients {
		t := declared(i)
		names, others = names || t == logical.OIDName, others || t != 0 && t != logical.OIDName
	}
	if names && others {
		return m.Refusal
	}
	return nil
}

// isText says whether a parameter is a text, as which PostgreSQL takes one that is not
// declared.
func (m *Mix) isText(oid uint32) bool {
	return oid == 0 || oid == logical.OIDText || m.Texts && oid == logical.OIDVarchar
}

// isExact says whether a type is one of numbers that are equal in each other's types.
func isExact(oid uint32) bool {
	return isNumber(oid) && oid != logical.OIDFloat4 && oid != logical.OIDFloat8
}

// Computes says whether there are outputs that are computed, shown or not.
func (s *Statement) Computes() bool { return s.Computed() != nil || s.Unshown != nil }

// Computed are the Formulas of a statement, or those of the cursor that it declares, or of
// the columns that it copies.
func (s *Statement) Computed() []*Formula {
	switch {
	case s.Effect == Declares && s.Inner != nil:
		return s.Inner.Formulas
	case s.Copy != nil:
		return s.Copy.Formulas
	}
	return s.Formulas
}

// Effect is what a statement does to the session beyond its rows.
type Effect uint8

const (
	NoEffect       Effect = iota
	Prepares              // PREPARE: Name, Inner
	Executes              // EXECUTE: Name; Planner.Execute gives its plan
	Deallocates           // DEALLOCATE: Name, or all when empty
	Discards              // DISCARD ALL: prepared statements and temporary tables go too
	ChangesCatalog        // DDL: the snapshot may be stale once it has run
	Declares              // DECLARE CURSOR: Name, Held; Inner has the results of its query
	Fetches               // FETCH: Name of the cursor or portal
	Closes                // CLOSE: Name, or all when empty
)

// Statement is the plan of one statement of the text. It is immutable and may
// be kept as long as the session likes.
type Statement struct {
	// Results has one entry per output column, nil for a plain one; it is nil
	// when no output column is sealed. Columns behind its end are plain: their
	// number can be unknown (SELECT u.*, f.* FROM users u, f(1) f).
	Results []*catalog.SealedColumn
	// Formulas are by which outputs are computed, those that have Cells in Results, by
	// output; nil if there are none.
	Formulas []*Formula
	// Unshown are those of outputs of queries in FROM that the query around them does not
	// show, and of EXPLAIN: of them only mistakes are found.
	Unshown []*Formula
	// Arrangement is how the rows are filtered and sorted, nil for as they come.
	Arrangement *Arrangement
	// Origins say, by output, where PostgreSQL would say that an output comes from
	// and the server says otherwise, or may; nil for none, and for outputs without one zero.
	Origins []catalog.Attribute
	// Params are the server's parameters in order; nil when no parameter has a
	// sealed role (they pass as they are). The first ClientParams of them keep
	// the client's numbers; further ones are further roles of the same values.
	// Where a client's parameter has a plain role and a sealed one, the type
	// that the server infers for the plain one is the type of the value.
	Params []Param
	// Lists are the client's parameters, from 0, that stand in one IN list each and
	// get the common type of what is in it: that of the column, if none of them has
	// been declared as another.
	Lists [][]int
	// Mixes are parameters that stand beside each other in an array or in CASE, and get a
	// common type.
	Mixes []Mix
	// Conflicts are found in Params.
	Conflicts []Conflict
	// ClientParams is how many parameters the client's text uses ($n at most n).
	ClientParams int
	// Types are the types that PREPARE declares for the client's parameters, by
	// index, 0 where it declares none; nil for every other statement.
	Types  []uint32
	Effect Effect
	Name   string // of the prepared statement or cursor, for Effect and Skips
	// Inner is what PREPARE prepared or DECLARE reads, to be kept by the session; of
	// EXECUTE what it runs.
	Inner *Statement
	Held  bool // DECLARE … WITH HOLD
	// Forward is how many rows a FETCH asks for, the next ones of its cursor, 2^63-1 for all of
	// them; 0 for every other FETCH. All is the text of one for all of them.
	Forward int64
	All     string
	Skips   bool  // MOVE: Name of the cursor or portal
	Copy    *Copy // COPY of sealed columns; nil for every other statement
	// Ends: it ends a transaction, or takes back what is behind a savepoint.
	Ends bool
	// Spreads: DDL that names something sealed, so that there may be more names of
	// that once it has run.
	Spreads bool
	// Alters: it calls a function that may do DDL with what is sealed.
	Alters bool
	// DropsTemporary: DISCARD ALL, where there are temporary relations of names that
	// matter.
	DropsTemporary bool
	// Moves: DDL through which a name may come to stand for something sealed, or no
	// longer, for other sessions, too.
	Moves bool
	// Lingers: the same of a temporary relation that stays when its transaction ends:
	// only a pool of transactions shows it to other sessions.
	Lingers bool
	// Quiet: DDL that concerns nothing the snapshot knows of.
	Quiet bool
	// Width is how many columns the rows of a SELECT have whose text names each of
	// them (no star, no set operation); 0 for every other statement.
	Width int
	// Question is what the server has to be asked first, in the same transaction;
	// nil for nothing.
	Question *Question
	// Prints: a cast makes a text of a float or a bytea of the client's, by settings that
	// the server does not report.
	Prints bool
	// Tag is the command tag that the client expects, where the server gives
	// another one; "" for the server's own.
	Tag string
	// Extra is how many statements the server has in its place, but one.
	Extra int
	// Guarded: the server fails the statement if a name in it has come to stand
	// for something else than it was planned for. See guard.go.
	Guarded bool
}

// Plan is what to do with one text. It is immutable, safe for concurrent use,
// and independent of the values of the literals in the text.
type Plan struct {
	large      atomic.Bool // see Large
	statements []Statement
	pieces     []piece
	actions    []Action
	fixed      []fixedLiteral
	typed      []typedParam
	traits     Traits
	executes   bool
	cacheable  bool
	presumed   []string
	apart      bool   // see Apart
	quoted     [2]int // where in the client's text there is what Bound.Quoted gives
}

// Presumed are the schemas that the search path was taken to have, because it was
// not known: a session whose path lacks one asks for it and plans again.
func (p *Plan) Presumed() []string { return p.presumed }

// Relay reports that the text passes byte for byte and nothing needs to be
// done with its parameters and results. Its statements can have effects.
func (p *Plan) Relay() bool { return len(p.pieces) == 0 && !p.executes && !p.opens() }

// Edited reports that the server gets another text than the client's.
func (p *Plan) Edited() bool { return len(p.pieces) > 0 || p.executes }

// Alike reports that every text of the same shape passes byte for byte under this
// plan, whatever its literals are.
func (p *Plan) Alike() bool {
	return p.cacheable && !p.Edited() && len(p.fixed) == 0 && p.traits == 0
}

// Statements are the statements of the text in order, empty ones left out; nil
// for a text that needed no planning.
func (p *Plan) Statements() []Statement { return p.statements }

// Apart reports that a statement of the text has rows that are computed, which may fail when the
// server has carried out all of the text, and another one does more than read.
func (p *Plan) Apart() bool { return p.apart }

// NeedsPrepared reports that the text has an EXECUTE, whose plan depends on
// what the session prepared: call Planner.Execute before sending anything.
func (p *Plan) NeedsPrepared() bool { return p.executes }

// Actions explain the plan, in the order of the text.
func (p *Plan) Actions() []Action { return p.actions }

// Traits are conditions on the session under which the text means something
// else than what was planned. The session must refuse the text then.
type Traits uint8

const (
	// TraitBackslash: a plain '…' literal holds a backslash, so the text means
	// something else under another Request.Escapes.
	TraitBackslash Traits = 1 << iota
	// TraitNonASCII: the text holds bytes above 0x7f. Refuse it with
	// RefuseEncoding when client_encoding is one whose multibyte characters can
	// hold ASCII bytes (SJIS, BIG5, GBK, UHC, GB18030, JOHAB).
	TraitNonASCII
)

// Traits of the text. A text that was relayed without planning has none.
func (p *Plan) Traits() Traits { return p.traits }

func (p *Plan) opens() bool {
	for i := range p.statements {
		s := &p.statements[i]
		if s.Results != nil || s.Params != nil || s.Copy != nil || (s.Inner != nil && (s.Inner.Results != nil || s.Inner.Params != nil)) {
			return true
		}
	}
	return false
}

// Action is one thing that a plan does, for people.
type Action struct {
	Do       string // "seal", "search", "open" or "refuse"
	Column   string // schema.table.column
	What     string // the parameter, "a literal", the output column
	Position int    // byte offset in the text, -1 if none
}

// Refusal is why a statement cannot be answered exactly. It never holds a
// value. Position is a byte offset in the client's text, -1 if none.
type Refusal struct {
	Anchor   string // of the entry in docs/errors.md
	Code     string // SQLSTATE, mostly 0A000
	Message  string
	Detail   string
	Hint     string // the command or the change that would allow it
	Column   *catalog.SealedColumn
	Position int
	// Unread: the text cannot be parsed.
	Unread bool
	// Apart: it is for standing in a text with other statements.
	Apart bool

	probe *probe // nil for none
}

func (r *Refusal) Error() string { return r.Message }

var (
	// ErrStaleCatalog: the text names a relation that the snapshot does not
	// know. The session loads a fresh one and asks again with Fresh set.
	ErrStaleCatalog = errors.New("rewrite: the text names a relation that the catalog snapshot does not have")
	// ErrChanging: the text names a relation of which a column is being sealed or
	// unsealed. The session asks again when that is over.
	ErrChanging = errors.New("rewrite: the text names a relation that is being sealed or unsealed")
	// ErrNeedSearchPath: a name stands for different relations depending on the
	// search path. The session asks the server for current_schemas(true) and
	// asks again with Path.
	ErrNeedSearchPath = errors.New("rewrite: the text needs the session's search path")
	// ErrNeedTextFunctions: the text calls one of them, and the snapshot does not know
	// what the server makes of it. The session loads a fresh one and asks again.
	ErrNeedTextFunctions = errors.New("rewrite: the text needs what the server makes of a client's text")
	// ErrNeedTextOrders is the same of the order of texts.
	ErrNeedTextOrders = errors.New("rewrite: the text needs the order of a collation")
	// ErrNeedCursors: what the text reads depends on the session's cursors. The
	// session asks the server for them and asks again with Cursors.
	ErrNeedCursors = errors.New("rewrite: the text needs the session's cursors")
)

// Large reports that the last answer to the text was a large one, and SetLarge
// says so: a guess at the next one. It is all of a plan that changes.
func (p *Plan) Large() bool { return p.large.Load() }

// SetLarge is for Large.
func (p *Plan) SetLarge(large bool) {
	if p.large.Load() != large {
		p.large.Store(large)
	}
}
