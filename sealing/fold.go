package sealing

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/logical"
)

// checkFolds refuses what keeps a column from having terms of its values in lower or
// upper case, or gives how the server makes them. collation is SQL, "" for the type's
// own. It gives nil if no such terms are asked for.
func checkFolds(ctx context.Context, tx pgx.Tx, c *column, typ logical.Type, collation string, normalize envelope.TermFlags, found foldsFound) (*catalog.Folds, error) {
	if normalize == 0 {
		return nil, nil
	}
	if oid := typ.Shown().OID; oid != logical.OIDText && oid != logical.OIDVarchar {
		return nil, refuse(c.String(), "do without --normalize", "its values are compared in one case for text and varchar only")
	}
	folds, err := found.under(ctx, tx, typ.OID, collation)
	if reason, ok := errors.AsType[*catalog.FoldError](err); ok {
		return nil, refuse(c.String(), "do without --normalize, or give the column a collation of libc or builtin under which one character becomes one, such as \"C\"",
			"only the server knows what lower and upper make of its values: %s", reason.Reason)
	}
	return folds, err
}

// foldsFound are folds by collation: the server takes a moment to tell them.
type foldsFound map[string]*catalog.Folds

// under is how the server folds values of a type under a collation, "" for the type's own.
func (f foldsFound) under(ctx context.Context, tx pgx.Tx, typ uint32, collation string) (*catalog.Folds, error) {
	if collation == "" {
		if err := tx.QueryRow(ctx, `SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.collname)
			FROM pg_catalog.pg_type t JOIN pg_catalog.pg_collation c ON c.oid = t.typcollation JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
			WHERE t.oid = $1`, typ).Scan(&collation); err != nil {
			return nil, err
		}
	}
	if f[collation] != nil {
		return f[collation], nil
	}
	folds, err := catalog.CollationFolds(ctx, tx, collation)
	if err == nil {
		f[collation] = folds
	}
	return folds, err
}

// appendTerms appends the terms of a canonical value, one behind the other. scratch is
// memory to be used again.
func appendTerms(dst []byte, k *envelope.Key, columnID uint32, terms envelope.TermFlags, typ logical.Type, folds *catalog.Folds, canonical, scratch []byte) (_, _ []byte, err error) {
	for _, kind := range [...]envelope.TermFlags{envelope.TermEquality, envelope.TermLower, envelope.TermUpper} {
		switch {
		case terms&kind == 0:
			continue
		case kind != envelope.TermEquality:
			scratch = folds.Of(kind).Append(scratch[:0], canonical)
		default:
			if scratch, err = typ.AppendEquality(scratch[:0], canonical); err != nil {
				return dst, scratch, err
			}
		}
		if dst, err = k.Term(dst, kind, columnID, scratch); err != nil {
			return dst, scratch, err
		}
	}
	return dst, scratch, nil
}

// findFolds adds how the server makes the terms of lower and upper, if that is what it
// was when they were made.
func (s *sealed) findFolds(ctx context.Context, tx pgx.Tx, found foldsFound) error {
	if s.terms&catalog.FoldTerms == 0 {
		return nil
	}
	folds, err := found.under(ctx, tx, s.typ.OID, s.original.Collation)
	if _, other := errors.AsType[*catalog.FoldError](err); other {
		return nil
	}
	if err == nil && catalog.Normalizer(s.terms, folds) == s.normalizer {
		s.folds = folds
	}
	return err
}
