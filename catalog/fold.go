package catalog

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"pgseal/envelope"
	"pgseal/logical"
)

// Folds are lower and upper of one collation, as the server makes them.
type Folds struct{ Lower, Upper *logical.Fold }

// Of is the fold behind a kind of terms.
func (f *Folds) Of(kind envelope.TermFlags) *logical.Fold {
	if kind == envelope.TermUpper {
		return f.Upper
	}
	return f.Lower
}

// FoldName is the function of SQL behind a kind of terms.
func FoldName(kind envelope.TermFlags) string {
	if kind == envelope.TermUpper {
		return "upper"
	}
	return "lower"
}

// FoldTerms are the terms of a value in lower and upper case.
const FoldTerms = envelope.TermLower | envelope.TermUpper

// Folding is how a column with such terms, and what is compared with it, is brought
// into one case.
type Folding struct {
	// Column is that of the column's collation: as it was when the terms were made, or
	// else Changed says so.
	Column  *Folds
	Changed bool

	lower, upper          *SealedColumn
	collation, normalizer string // from pgseal.sealed_column
}

// TextFunctions is how the server computes functions of a value that a client gives:
// string_to_array and those that pgseal knows (logical.Function).
type TextFunctions struct {
	// Folds are those of the database's collation, in which lower($1) is computed. They
	// are nil where the server does more than to replace characters.
	Folds *Folds
	// Own are the names of those that the database has functions of its own for, which a
	// statement may mean. citext's are of values of its type alone, which no other becomes.
	Own []string
	// Steady are the names of all functions of the database, sorted, of which nobody notices
	// how often and in which order they are called: those that are not VOLATILE, under any
	// types, and some that give what is different each time.
	Steady []string
}

// IsSteady reports that by a name only such functions can be meant.
func (f *TextFunctions) IsSteady(name string) bool {
	_, ok := slices.BinarySearch(f.Steady, name)
	return ok
}

// different are functions that are VOLATILE for what they give alone.
var different = []string{"random", "random_normal", "clock_timestamp", "timeofday", "gen_random_uuid", "uuidv4", "uuidv7", "uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v4", "gen_random_bytes", "gen_salt", "pg_sleep", "pg_sleep_for", "pg_sleep_until"}

// IsOwn reports that a statement may mean a function of the database's own by a name.
func (f *TextFunctions) IsOwn(name string) bool { return slices.Contains(f.Own, name) }

// FoldsTo is lower or upper of the column as a column of its own: a text whose
// equality term is that one of the column's terms. It is nil if there is none.
func (c *SealedColumn) FoldsTo(kind envelope.TermFlags) *SealedColumn {
	switch {
	case c.Folding == nil:
		return nil
	case kind == envelope.TermUpper:
		return c.Folding.upper
	}
	return c.Folding.lower
}

// AddFolding gives the column its Folding, and makes what FoldsTo gives.
func (c *SealedColumn) AddFolding(f Folding) {
	c.Folding = &f
	of := func(kind envelope.TermFlags) *SealedColumn {
		if c.Terms&kind == 0 {
			return nil
		}
		f := *c
		f.Type, f.Folded, f.Of = logical.Type{OID: logical.OIDText, Typmod: -1}, kind, c
		f.Casts, f.Defaults, f.Labels = nil, nil, nil
		return &f
	}
	f.lower, f.upper = of(envelope.TermLower), of(envelope.TermUpper)
}

// Normalizer is what pgseal.sealed_column says of the terms of a column: by which
// folds they were made.
func Normalizer(terms envelope.TermFlags, f *Folds) string {
	var parts []string
	for _, kind := range [...]envelope.TermFlags{envelope.TermLower, envelope.TermUpper} {
		if terms&kind != 0 {
			parts = append(parts, FoldName(kind)+":"+f.Of(kind).Hash())
		}
	}
	return strings.Join(parts, ",")
}

// normalizes says whether a normalizer is one of such terms.
func normalizes(normalizer string, terms envelope.TermFlags) bool {
	found := envelope.TermFlags(0)
	if normalizer != "" {
		for part := range strings.SplitSeq(normalizer, ",") {
			switch name, hash, _ := strings.Cut(part, ":"); {
			case hash == "":
				return false
			case name == "lower":
				found |= envelope.TermLower
			case name == "upper":
				found |= envelope.TermUpper
			default:
				return false
			}
		}
	}
	return found == terms&FoldTerms && (found == 0 || terms&envelope.TermEquality != 0)
}

// FoldError is why the case of a collation cannot be computed here.
type FoldError struct{ Reason string }

func (e *FoldError) Error() string { return e.Reason }

// whatFolds asks for lower and upper of all characters: those that become another one,
// and what they become. What the server does beyond that shows in characters that become
// several or none, and in texts: where a final sigma is another one, and where what
// stands before or behind a character counts. So each of them is tried alone and among
// others. From the third plane on there are no letters with a case, which one text of
// all those characters shows at once.
const whatFolds = `
	WITH changed AS MATERIALIZED (
		SELECT i, c, lower(c COLLATE @) AS l, upper(c COLLATE @) AS u
		  FROM (SELECT i, chr(i) AS c FROM (SELECT generate_series(1, 55295) UNION ALL SELECT generate_series(57344, 131071)) g(i) OFFSET 0) one
		 WHERE lower(c COLLATE @) COLLATE "C" <> c OR upper(c COLLATE @) COLLATE "C" <> c
	), texts(t, l, u) AS (
		SELECT string_agg(c, '' ORDER BY i), string_agg(l, '' ORDER BY i), string_agg(u, '' ORDER BY i) FROM changed
		UNION ALL SELECT string_agg('a' || c || ' ', '' ORDER BY i), string_agg(lower('a' COLLATE @) || l || ' ', '' ORDER BY i), string_agg(upper('a' COLLATE @) || u || ' ', '' ORDER BY i) FROM changed
		UNION ALL SELECT string_agg(c || U&'\0307', '' ORDER BY i), string_agg(l || lower(U&'\0307' COLLATE @), '' ORDER BY i), string_agg(u || upper(U&'\0307' COLLATE @), '' ORDER BY i) FROM changed
		UNION ALL SELECT t, t, t FROM (SELECT string_agg(chr(i), '') FROM (SELECT generate_series(131072, 1114111)) g(i)) rest(t)
	)
	SELECT ARRAY(SELECT i FROM changed ORDER BY i), ARRAY(SELECT ascii(l) FROM changed ORDER BY i), ARRAY(SELECT ascii(u) FROM changed ORDER BY i),
	       NOT EXISTS (SELECT FROM changed WHERE char_length(l) <> 1 OR char_length(u) <> 1)
	           AND NOT EXISTS (SELECT FROM texts WHERE lower(t COLLATE @) COLLATE "C" <> l COLLATE "C" OR upper(t COLLATE @) COLLATE "C" <> u COLLATE "C")`

// foldsOf asks the server how it folds under a collation, which is SQL as quote_ident
// and the like print it. What keeps it from being computed here is an *FoldError.
func foldsOf(ctx context.Context, tx reader, collation string) (*Folds, error) {
	var ascii bool
	var encoding string
	if err := tx.QueryRow(ctx, `SELECT getdatabaseencoding(), datctype IN ('C', 'POSIX') AND coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c'
		FROM pg_database d WHERE datname = current_database()`).Scan(&encoding, &ascii); err != nil {
		return nil, err
	}
	if encoding != "UTF8" {
		return nil, &FoldError{"the encoding of the database is " + encoding + " and not UTF8"}
	}
	if collation == collationC || collation == databaseCollation && ascii {
		return foldsOfASCII, nil
	}
	return askedFolds(ctx, tx, collation)
}

// askedFolds are those that the server gives for every character.
func askedFolds(ctx context.Context, tx reader, collation string) (*Folds, error) {
	var from, lower, upper []rune
	var simple bool
	if err := tx.QueryRow(ctx, strings.ReplaceAll(whatFolds, "@", collation)).Scan(&from, &lower, &upper, &simple); err != nil {
		return nil, err
	}
	if !simple {
		return nil, &FoldError{"the collation " + collation + " makes several characters of one, or looks at those around it"}
	}
	return &Folds{logical.NewFold(from, lower), logical.NewFold(from, upper)}, nil
}

const (
	databaseCollation = `pg_catalog."default"`
	collationC        = `pg_catalog."C"`
)

// foldsOfASCII are those of C, under which PostgreSQL folds no other characters, whatever the
// operating system says: no server needs to be asked for a fifth of a second.
var foldsOfASCII = func() *Folds {
	var lower, upper []rune
	for r := 'a'; r <= 'z'; r++ {
		lower, upper = append(lower, r), append(upper, r-'a'+'A')
	}
	return &Folds{logical.NewFold(upper, lower), logical.NewFold(lower, upper)}
}()

// CollationFolds is how the server folds under a collation, which is SQL.
// What keeps it from being computed here is a *FoldError. The search path must be
// pg_catalog.
func CollationFolds(ctx context.Context, tx pgx.Tx, collation string) (*Folds, error) {
	return foldsOf(ctx, tx, collation)
}

// foldings are the folds of a server's collations that have been asked for, nil for
// those that cannot be computed here. They are the same for as long as the server runs.
type foldings map[string]*Folds

func (f foldings) of(ctx context.Context, tx reader, collation string) (*Folds, error) {
	if found, ok := f[collation]; ok || collation == "" { // which is gone
		return found, nil
	}
	found, err := foldsOf(ctx, tx, collation)
	if _, ok := errors.AsType[*FoldError](err); ok {
		found, err = nil, nil
	}
	if err == nil {
		f[collation] = found
	}
	return found, err
}

// load adds to columns with terms of lower or upper how the server folds now. It gives
// what the server makes of a client's texts if there are such columns, or it is wanted,
// and asks nothing otherwise.
func (f foldings) load(ctx context.Context, tx reader, columns map[uint32]*SealedColumn, wanted bool) (*TextFunctions, error) {
	for _, c := range columns {
		if c.Folding == nil || c.Broken != "" {
			continue
		}
		n := *c.Folding
		column, err := f.of(ctx, tx, n.collation)
		if err != nil {
			return nil, err
		}
		n.Column, n.Changed = column, column == nil || Normalizer(c.Terms, column) != n.normalizer
		c.AddFolding(n)
		wanted = true
	}
	if !wanted {
		return nil, nil
	}
	given, err := f.of(ctx, tx, databaseCollation)
	if err != nil {
		return nil, err
	}
	return (&TextFunctions{Folds: given}).inside(ctx, tx)
}

// inside is what f is inside of a transaction; f may be nil.
func (f *TextFunctions) inside(ctx context.Context, tx reader) (*TextFunctions, error) {
	if f == nil {
		return nil, nil
	}
	now := *f
	err := about(tx, ofCode|ofSchemas).QueryRow(ctx, `SELECT ARRAY(SELECT DISTINCT proname::text FROM pg_proc
		WHERE proname = ANY ($1) AND pronamespace NOT IN ('pg_catalog'::regnamespace, 'pgseal'::regnamespace)
		  AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'citext'
		                   WHERE d.classid = 'pg_proc'::regclass AND d.objid = pg_proc.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e')
		ORDER BY 1),
		ARRAY(SELECT proname::text FROM pg_proc WHERE prokind <> 'p' GROUP BY proname HAVING bool_and(provolatile <> 'v' OR proname = ANY ($2)))`,
		append(logical.FunctionNames(), "string_to_array", "jsonb_extract_path", "jsonb_extract_path_text", "json_extract_path", "json_extract_path_text", "now", "transaction_timestamp", "statement_timestamp"), different).Scan(&now.Own, &now.Steady)
	slices.Sort(now.Steady)
	return &now, err
}
