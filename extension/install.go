package extension

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// installLock is the advisory lock under which the schema is made: two `init`
// at once do the work once. It is "pgseal" in ASCII.
const installLock int64 = 0x70677365616c

// Result says what Install found and did.
type Result struct {
	Version  string // the version that is there now
	Previous string // the version that was there before; empty if none was

	// Extension reports that the schema belongs to CREATE EXTENSION, so that
	// upgrades are the DBA's: ALTER EXTENSION pgseal UPDATE.
	Extension bool
}

// Error is a failure of Install with what to do about it.
type Error struct {
	message, hint string
	err           error
}

func (e *Error) Error() string {
	if e.err == nil {
		return e.message
	}
	return e.message + ": " + e.err.Error()
}

func (e *Error) Unwrap() error { return e.err }

// Hint says what the user can do.
func (e *Error) Hint() string { return e.hint }

// Install makes the pgseal schema of this program's Version in the database of
// conn, or upgrades an older one to it. Called again, it changes nothing. The
// role of conn needs CREATE on the database, and for an upgrade must own the
// schema; it need not be a superuser.
//
// Everything happens in one transaction under an advisory lock. Where the schema
// was made by CREATE EXTENSION, Install only compares versions. An installation
// of a newer version than this program's is an error.
func Install(ctx context.Context, conn *pgx.Conn) (Result, error) {
	return install(ctx, conn, files, Version)
}

func install(ctx context.Context, conn *pgx.Conn, scripts fs.FS, version string) (Result, error) {
	var r Result
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) (err error) {
		r, err = installIn(ctx, tx, scripts, version)
		return err
	})
	if err != nil {
		return Result{}, explain(err)
	}
	return r, nil
}

func installIn(ctx context.Context, tx pgx.Tx, scripts fs.FS, version string) (Result, error) {
	// The settings of the role or the database must not change what the scripts
	// mean.
	_, err := tx.Exec(ctx, `SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true),
		pg_catalog.set_config('standard_conforming_strings', 'on', true),
		pg_catalog.set_config('check_function_bodies', 'on', true),
		pg_catalog.pg_advisory_xact_lock($1)`, installLock)
	if err != nil {
		return Result{}, err
	}
	r, err := installed(ctx, tx)
	if err != nil {
		return Result{}, err
	}
	order, err := compareVersions(version, r.Previous)
	switch {
	case err != nil:
		return Result{}, err
	case order < 0:
		return Result{}, &Error{
			message: fmt.Sprintf("the database has pgseal schema %s, this program works with %s", r.Previous, version),
			hint:    "Use a pgseal of that version or later.",
		}
	case order > 0 && r.Extension:
		return Result{}, &Error{
			message: fmt.Sprintf("the database has extension pgseal %s, this program needs %s", r.Previous, version),
			hint:    fmt.Sprintf("ALTER EXTENSION pgseal UPDATE TO '%s'", version),
		}
	}
	steps, err := upgradePath(scripts, r.Previous, version)
	if err != nil {
		return Result{}, err
	}
	for _, name := range steps {
		sql, err := fs.ReadFile(scripts, name)
		if err != nil {
			return Result{}, err
		}
		// A script is many statements: simple protocol, on the transaction's
		// own connection.
		if _, err := tx.Conn().PgConn().Exec(ctx, string(sql)).ReadAll(); err != nil {
			return Result{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	// Not in the script, because a restored dump brings its own row; see there.
	_, err = tx.Exec(ctx, `INSERT INTO pgseal.installation (id)
		SELECT pg_catalog.gen_random_uuid() WHERE NOT EXISTS (SELECT FROM pgseal.installation)`)
	if err != nil {
		return Result{}, err
	}
	r.Version = version
	return r, nil
}

// installed finds out what is there: Previous and Extension of the result.
func installed(ctx context.Context, tx pgx.Tx) (Result, error) {
	var schema, function, extension bool
	err := tx.QueryRow(ctx, `SELECT
		pg_catalog.to_regnamespace('pgseal') IS NOT NULL OR pg_catalog.to_regnamespace('pgseal_column') IS NOT NULL,
		pg_catalog.to_regprocedure('pgseal.version()') IS NOT NULL,
		EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'pgseal')`).Scan(&schema, &function, &extension)
	if err != nil {
		return Result{}, err
	}
	r := Result{Extension: extension}
	switch {
	case function:
		err = tx.QueryRow(ctx, `SELECT pgseal.version()`).Scan(&r.Previous)
	case schema:
		err = &Error{
			message: "the database has a schema pgseal or pgseal_column that this program did not make",
			hint:    "Rename or drop that schema, or finish restoring the dump that it comes from.",
		}
	}
	return r, err
}

func explain(err error) error {
	var pg *pgconn.PgError
	const insufficientPrivilege = "42501"
	if errors.As(err, &pg) && pg.Code == insufficientPrivilege {
		return &Error{
			message: "install the pgseal schema",
			hint: "The role needs CREATE on the database (GRANT CREATE ON DATABASE … TO …), " +
				"and must own the schema pgseal if it exists already.",
			err: err,
		}
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return fmt.Errorf("install the pgseal schema: %w", err)
}
