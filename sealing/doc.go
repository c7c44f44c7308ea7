// Package sealing changes what a column stores: it seals a plain column,
// unseals a sealed one, moves stored values to the active data key (reseal) and
// opens every stored value to prove that it can be opened (verify). It talks to
// PostgreSQL directly, never through the proxy.
//
// Seal and Unseal are one transaction each, under an ACCESS EXCLUSIVE lock.
// Transformed values go into a staging table, from which ALTER TABLE … TYPE …
// USING takes them while it rewrites the table: the column keeps its attribute
// number, no trigger, rule or policy comes between, and the files that held the
// former values are deleted at commit.
package sealing

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/keystore"
)

// Keys opens a key store over one connection or transaction, so that the keys
// a command makes live or die with its transaction.
type Keys func(keystore.DB) (*keystore.Store, error)

// Progress is told how many rows are done of how many expected. It is called
// often and must be cheap.
type Progress func(done, total int64)

// Refusal is why a column cannot be sealed or unsealed, in the words for the
// DBA who asked. It never holds a stored value.
type Refusal struct {
	What string // the object in the way
	Why  string
	Hint string // what to do
}

func (r *Refusal) Error() string { return r.What + ": " + r.Why }

func refuse(what, hint, why string, args ...any) error {
	return &Refusal{What: what, Why: fmt.Sprintf(why, args...), Hint: hint}
}

// inTransaction runs f in one transaction. A failed f leaves no trace.
func inTransaction(ctx context.Context, conn *pgx.Conn, o pgx.TxOptions, f func(pgx.Tx) error) error {
	tx, err := conn.BeginTx(ctx, o)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		undo := tx.Rollback(context.WithoutCancel(ctx))
		if conn.IsClosed() {
			// An interruption closes the connection: the server is told to cancel,
			// and rolls back. Whoever calls again must not meet the old session's lock.
			<-conn.PgConn().CleanupDone()
			undo = nil
		}
		if errors.Is(undo, pgx.ErrTxClosed) {
			undo = nil
		}
		return errors.Join(err, undo)
	}
	return tx.Commit(ctx)
}

// execAll sends statements together, as their answers are of no interest.
func execAll(ctx context.Context, tx pgx.Tx, statements ...string) error {
	if len(statements) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, strings.Join(statements, ";\n"))
	return err
}

// quote spells a name as SQL.
func quote(parts ...string) string { return pgx.Identifier(parts).Sanitize() }

// sqlState is the SQLSTATE of a server's error, "" for any other error.
func sqlState(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

// The conditions of the server that are told apart, and classes of them.
const (
	stateLockNotAvailable      = "55P03"
	stateDependentObjects      = "2BP01"
	stateInvalidParameter      = "22023"
	stateFeatureNotSupported   = "0A000"
	stateInsufficientPrivilege = "42501"
	classSyntaxOrAccess        = "42"
	classData                  = "22"
	classConflict              = "40" // serialization failure, deadlock
)

// serverText is the message of a server's error. The conditions that are turned
// into refusals name objects in it, never values.
func serverText(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Message
	}
	return err.Error()
}

// serverDetail is what the server says of dependent objects.
func serverDetail(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.ReplaceAll(pg.Detail, "\n", ", ")
	}
	return ""
}
