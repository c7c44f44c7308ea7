package main

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"pgseal/extension"
	"pgseal/sealing"
)

// usageError is a command line or a setting that cannot be meant.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// hinted is an error with what to do about it.
type hinted struct {
	err  error
	hint string
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }
func (e *hinted) Hint() string  { return e.hint }

func hint(err error, text string) error { return &hinted{err, text} }

// errReported is a failure that the command has printed itself.
var errReported = errors.New("reported")

// describe says in one line what failed and why, and what to do.
func describe(cmd *cobra.Command, err error) (what, why, hint string) {
	what = strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), "pgseal"), " ")
	if what == "" {
		what = "command line"
	}
	why = strings.TrimSpace(err.Error())
	var usage *usageError
	var withHint interface{ Hint() string }
	var refusal *sealing.Refusal
	var pgErr *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case errors.As(err, &usage):
		hint = strings.TrimSpace(cmd.CommandPath()) + " --help"
	case errors.As(err, &withHint):
		hint = withHint.Hint()
	case errors.As(err, &refusal):
		hint = refusal.Hint
	case errors.As(err, &connect):
		why = strings.ReplaceAll(why, "\n", " ")
		hint = "check --database-url, PGSEAL_DATABASE_URL or the PG* variables, and that the server is up"
	case errors.As(err, &pgErr):
		why = pgErr.Message + " (SQLSTATE " + pgErr.Code + ")"
		hint = pgErr.Hint
		if hint == "" && pgErr.Code == "3F000" || pgErr.Code == "42P01" && strings.Contains(pgErr.Message, "pgseal.") {
			hint = "install the pgseal schema in this database first: pgseal init"
		}
	case errors.Is(err, context.Canceled):
		why = "interrupted"
		hint = "nothing is lost: call it again"
	}
	return what, why, hint
}

var _ interface{ Hint() string } = (*extension.Error)(nil)
