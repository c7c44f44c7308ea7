// Package rewrite turns one SQL text and a catalog snapshot into an immutable
// plan, or a refusal. It knows PostgreSQL's grammar and no network: a plan says
// which spans of the client's own text to replace, which parameters and
// literals to seal and how, and which result columns to open.
package rewrite

import (
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
)

// Operand says how one value of the client becomes one value for the server,
// always a bytea (or bytea[] when Array).
type Operand struct {
	Column *catalog.SealedColumn
	Role   Role
	// Array: the client's value is an array (= ANY($1)); each element becomes a
	// term and the server's value is a bytea[].
	Array bool
	// Via is the explicit cast around the value ($1::varchar(5)), nil if none.
	Via *logical.Type
}

// Param is one parameter of the text that the server sees.
type Param struct {
	Client  int      // index, from 0, of the client's parameter that feeds it
	Operand *Operand // nil: passes as the client sent it
}

// Effect is what a statement does to the session beyond its rows.
type Effect uint8

const (
	NoEffect       Effect = iota
	Prepares              // PREPARE: Name, Inner
	Executes              // EXECUTE: Name; resolved with Planner.Execute
	Deallocates           // DEALLOCATE: Name, or all when empty
	Discards              // DISCARD ALL
	ChangesCatalog        // DDL: the snapshot may be stale once it has run
)

// Statement is the plan of one statement of the text.
type Statement struct {
	// Results has one entry per output column, nil for a plain one; it is nil
	// when no output column is sealed.
	Results []*catalog.SealedColumn
	// Params are the server's parameters in order; nil when the text has no
	// parameter in a sealed role (they pass as they are).
	Params []Param
	// ClientParams is how many parameters the client's text uses ($n at most n).
	ClientParams int
	Effect       Effect
	Name         string     // of the prepared statement, for Effect
	Inner        *Statement // what PREPARE prepared, to be kept by the session
}

// Refusal is why a statement cannot be answered exactly. It never holds a
// value. Position is a byte offset in the client's text, -1 if none.
type Refusal struct {
	Code     string // SQLSTATE, mostly 0A000
	Message  string
	Detail   string
	Hint     string // the command or the change that would allow it
	Column   *catalog.SealedColumn
	Position int
}

func (r *Refusal) Error() string { return r.Message }
