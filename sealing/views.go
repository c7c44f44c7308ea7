package sealing

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// view is a dependent view with all that must be put back after its columns'
// types have changed.
type view struct {
	over       []*column // that it depends upon, of those that change
	oid        uint32
	schema     string
	name       string
	definition string
	owner      string   // as SQL
	options    []string // reloptions
	comments   []string // statements
	grants     []string // statements, on the view as a whole
	onColumns  []string // statements, on its columns
	noGrants   bool     // nothing was ever granted on the view as a whole
}

func (v *view) sql() string { return quote(v.schema, v.name) }

func (v *view) String() string { return "view " + display(v.schema, v.name) }

func (v *view) create() string { return "CREATE VIEW " + v.sql() + " AS " + v.definition }

const again = "drop it, seal the column, and create it again"

// dependentViews lists the views over the columns in any relation of their table's tree,
// and the views over those, each after what it depends on. Everything else with
// a rule that reads one of the columns is refused.
func dependentViews(ctx context.Context, tx pgx.Tx, columns []*column) ([]view, error) {
	relations, attnums, _, of := attributesOf(columns)
	rows, err := tx.Query(ctx, `
WITH RECURSIVE dep(oid, depth, place) AS (
  SELECT r.ev_class, 1, t.place FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
  JOIN ROWS FROM (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::int2[])) WITH ORDINALITY AS t(oid, attnum, place) ON d.refobjid = t.oid AND d.refobjsubid = t.attnum
  WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
  UNION
  SELECT r.ev_class, dep.depth + 1, dep.place FROM dep JOIN pg_catalog.pg_depend d ON d.refobjid = dep.oid
  JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
  WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND r.ev_class <> dep.oid AND dep.depth < 100)
SELECT d.places, c.oid, n.nspname, c.relname, c.relkind::text, coalesce(pg_catalog.pg_get_viewdef(c.oid), ''), c.relowner::regrole::text,
  coalesce(c.reloptions, '{}'),
  ARRAY(SELECT pg_catalog.format('COMMENT ON %s IS %L', CASE WHEN ds.objsubid = 0 THEN pg_catalog.format('VIEW %I.%I', n.nspname, c.relname)
          ELSE pg_catalog.format('COLUMN %I.%I.%I', n.nspname, c.relname, a.attname) END, ds.description)
        FROM pg_catalog.pg_description ds LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = ds.objsubid
        WHERE ds.classoid = 'pg_class'::regclass AND ds.objoid = c.oid ORDER BY ds.objsubid),
  ARRAY(SELECT pg_catalog.format('GRANT %s ON %I.%I TO %s%s', x.privilege_type, n.nspname, c.relname,
          CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END, CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
        FROM pg_catalog.aclexplode(coalesce(c.relacl, pg_catalog.acldefault('r', c.relowner))) x),
  ARRAY(SELECT pg_catalog.format('GRANT %s (%I) ON %I.%I TO %s%s', x.privilege_type, a.attname, n.nspname, c.relname,
          CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END, CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
        FROM pg_catalog.pg_attribute a, pg_catalog.aclexplode(a.attacl) x WHERE a.attrelid = c.oid),
  c.relacl IS NULL,
  EXISTS (SELECT FROM pg_catalog.aclexplode(c.relacl) x WHERE x.grantor <> c.relowner)
    OR EXISTS (SELECT FROM pg_catalog.pg_attribute a, pg_catalog.aclexplode(a.attacl) x WHERE a.attrelid = c.oid AND x.grantor <> c.relowner),
  EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal),
  EXISTS (SELECT FROM pg_catalog.pg_attrdef d WHERE d.adrelid = c.oid),
  EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN'),
  EXISTS (SELECT FROM pg_catalog.pg_seclabel s WHERE s.classoid = 'pg_class'::regclass AND s.objoid = c.oid),
  EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
FROM (SELECT oid, max(depth) AS depth, array_agg(DISTINCT place - 1 ORDER BY place - 1) AS places FROM dep GROUP BY oid) d
JOIN pg_catalog.pg_class c ON c.oid = d.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY d.depth, c.oid`, relations, attnums)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (v view, err error) {
		var places []int64
		var kind string
		var strangers, triggers, defaults, rules, labels, extension bool
		if err := r.Scan(&places, &v.oid, &v.schema, &v.name, &kind, &v.definition, &v.owner, &v.options, &v.comments, &v.grants, &v.onColumns, &v.noGrants,
			&strangers, &triggers, &defaults, &rules, &labels, &extension); err != nil {
			return v, err
		}
		for _, place := range places { // of one column they stand together
			if c := of[place]; len(v.over) == 0 || v.over[len(v.over)-1] != c {
				v.over = append(v.over, c)
			}
		}
		name, column := display(v.schema, v.name), nameAll(v.over)
		switch {
		case kind == "m":
			// Made again it would have the rows of now, not those of its last refresh.
			err = refuse(column, "keep what pg_dump --table="+name+" writes, drop the view, seal the column, and create the view again through pgseal, with its indexes and privileges",
				"materialized view %s stores its values", name)
		case kind != "v" || rules:
			err = refuse(column, again, "%s has a rule that reads it", name)
		case triggers:
			err = refuse(column, again, "view %s depends on it and has triggers", name)
		case defaults:
			err = refuse(column, again, "view %s depends on it and has column defaults", name)
		case strangers:
			err = refuse(column, again, "view %s depends on it and has privileges granted by others than its owner", name)
		case labels:
			err = refuse(column, again, "view %s depends on it and has a security label", name)
		case extension:
			err = refuse(column, "drop the extension that it belongs to, seal, and create it again", "view %s depends on it and belongs to an extension", name)
		}
		return v, err
	})
}

// dropViews drops them, the last first.
func dropViews(ctx context.Context, tx pgx.Tx, views []view) error {
	for i := len(views) - 1; i >= 0; i-- {
		if _, err := tx.Exec(ctx, "DROP VIEW "+views[i].sql()); err != nil {
			if sqlState(err) == stateDependentObjects {
				return refuse(nameAll(views[i].over), "drop what depends on the view, or the view, and create it again afterwards",
					"%s depends on it, and other objects depend on the view: %s", &views[i], serverDetail(err))
			}
			return viewError(&views[i], err)
		}
	}
	return nil
}

// recreateViews makes them again; rewrite turns a definition into what the
// server must be told now, or refuses.
func recreateViews(ctx context.Context, tx pgx.Tx, views []view, rewrite func(context.Context, pgx.Tx, string) (string, error)) error {
	for i := range views {
		v := &views[i]
		sql, err := rewrite(ctx, tx, v.create())
		var refusal *Refusal
		if errors.As(err, &refusal) {
			return refuse(nameAll(v.over), refusal.Hint, "%s depends on it and cannot be made again: %s", v, refusal.Why)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", v, err)
		}
		revoke, err := v.make(ctx, tx, sql)
		if err != nil {
			return viewError(v, err)
		}
		var statements []string
		if len(revoke) > 0 {
			statements = append(revoke, v.grants...)
		}
		statements = append(statements, v.onColumns...)
		if err := execAll(ctx, tx, append(statements, v.comments...)...); err != nil {
			return viewError(v, err)
		}
	}
	return nil
}

// make creates the view under its owner and with its options, and gives the
// statements that take away what default privileges have granted on it; none
// where nothing is granted and nothing was.
func (v *view) make(ctx context.Context, tx pgx.Tx, sql string) (revoke []string, err error) {
	statements := []string{sql}
	for _, o := range v.options {
		name, value, _ := strings.Cut(o, "=")
		statements = append(statements, fmt.Sprintf("ALTER VIEW %s SET (%s = %s)", v.sql(), quote(name), literal(value)))
	}
	statements = append(statements, fmt.Sprintf("ALTER VIEW %s OWNER TO %s", v.sql(), v.owner))
	if err := execAll(ctx, tx, statements...); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `
SELECT DISTINCT CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END
FROM pg_catalog.pg_class c, pg_catalog.aclexplode(coalesce(c.relacl, pg_catalog.acldefault('r', c.relowner))) x
WHERE c.oid = $1::text::regclass AND NOT ($2 AND c.relacl IS NULL) ORDER BY 1`, v.sql(), v.noGrants)
	if err != nil {
		return nil, err
	}
	grantees, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, g := range grantees {
		revoke = append(revoke, fmt.Sprintf("REVOKE ALL ON %s FROM %s", v.sql(), g))
	}
	return revoke, err
}

func viewError(v *view, err error) error {
	switch state := sqlState(err); {
	case state == "", retryable(err), state == stateInsufficientPrivilege: // for the caller
		return err
	case strings.HasPrefix(state, classData): // its message may repeat a constant
		return refuse(nameAll(v.over), recreateHint, "%s depends on it and cannot be made again: a constant in it does not fit (SQLSTATE %s)", v, state)
	}
	return refuse(nameAll(v.over), recreateHint, "%s depends on it and cannot be made again: %s", v, serverText(err))
}
