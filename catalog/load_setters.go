package catalog

import "context"

// Setters says what the functions of a database do to the settings by which
// values are read and written, as far as their bodies tell. A function's SET
// clause ends with it and does not count.
type Setters struct {
	// Names are the unqualified names of functions that name such a setting, or
	// set_config. What they change stays when they have ended.
	Names []string
	// Dynamic: others run SQL that is made at run time, or are in a language whose
	// source the catalog does not have. Extensions' own do not count.
	Dynamic bool
	// Runners are the unqualified names of functions whose bodies run SQL that is made at
	// run time, of a text that they are given, perhaps.
	Runners []string
}

// loadSetters reads the bodies of all functions that are not PostgreSQL's own.
func loadSetters(ctx context.Context, tx reader) (s Setters, err error) {
	err = about(tx, ofCode|ofSchemas).QueryRow(ctx, `
		WITH mine AS (
			SELECT p.proname::text AS name, l.lanname = 'c' AS c,
			       CASE WHEN l.lanname = 'c' THEN '' ELSE p.prosrc END AS body
			  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
			 WHERE p.oid >= 16384
			   AND p.pronamespace <> ALL (ARRAY(SELECT oid FROM pg_namespace WHERE nspname IN ('pgseal', 'pgseal_column')))
			   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
		)
		SELECT coalesce(array_agg(DISTINCT name ORDER BY name) FILTER (WHERE body ~* $1), '{}'),
		       coalesce(bool_or(c OR body ~* $2), false),
		       coalesce(array_agg(DISTINCT name ORDER BY name) FILTER (WHERE body ~* $2), '{}')
		  FROM mine`,
		`set_config|extra_float_digits|bytea_output|datestyle|intervalstyle|timezone|time\s+zone\s+(to\M|''|=)|client_encoding|standard_conforming_strings|\mset\s+(session\s+|local\s+)?(names|time)\M|\mreset\s+all\M|\mdiscard\M`,
		`\mexecute\M|spi_exec|spi_query`).Scan(&s.Names, &s.Dynamic, &s.Runners)
	return s, err
}
