package sealing

import (
	"context"
	"errors"
	"regexp"

	"github.com/jackc/pgx/v5"

	"pgseal/catalog"
	"pgseal/rewrite"
)

// comparedTerm is how the server prints the term of a column in the definition
// of a view.
var comparedTerm = regexp.MustCompile(`pgseal\.eq\(\(?((?:(?:[a-z_][a-z0-9_$]*|"(?:[^"]|"")+")\.)*(?:[a-z_][a-z0-9_$]*|"(?:[^"]|"")+"))\)?::bytea\)`)

const recreateHint = "drop the view, seal the column, and create the view again"

// rewriteView plans the definition of a view as the proxy would plan the same
// text, under the catalog as this transaction has just made it: outputs stay as
// they are, sealed columns are compared by their terms, and what cannot be
// answered exactly, or would seal a constant into the definition, is a *Refusal.
//
// Terms that the definition compares already, because another of its columns is
// or was sealed, are read as their columns.
func rewriteView(ctx context.Context, tx pgx.Tx, sql string) (string, error) {
	sql = comparedTerm.ReplaceAllString(sql, "$1")
	// The catalog of now: a view that is made again changes it for the next.
	snapshot, err := catalog.LoadIn(ctx, tx)
	if err != nil {
		return "", err
	}
	var scratch rewrite.Scratch
	bound, err := rewrite.NewPlanner(1).Plan(&scratch, rewrite.Request{Snapshot: snapshot, Path: []string{"pg_catalog"},
		Text: []byte(sql), Mode: rewrite.Simple, Fresh: true})
	if refusal, ok := errors.AsType[*rewrite.Refusal](err); ok {
		return "", &Refusal{Why: refusal.Message, Hint: recreateHint}
	}
	if err != nil {
		return "", err
	}
	out, err := bound.AppendSQL(nil, func(dst []byte, _ *rewrite.Literal) ([]byte, error) {
		return dst, &Refusal{Why: "it compares the column with a constant, whose term would no longer fit when the index key is rotated", Hint: recreateHint}
	})
	return string(out), err
}
