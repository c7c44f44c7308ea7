package catalog

import (
	"context"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// viewSets are the definitions of the system's own views that databases share: those of one
// server are nearly always the same, and to print them takes it longer than all else that a
// database's first load asks. Nobody changes the maps.
var viewSets struct {
	sync.Mutex
	several bool // databases have been loaded
	known   map[viewSet]map[string]string
}

// viewSet is all that definitions are printed from.
type viewSet struct {
	server int
	quoted string
	hash   int64
}

// shownViews gives the definitions of a database's system views. Who loads a single
// database is not asked which they are.
func shownViews(ctx context.Context, tx reader, server int) (map[string]string, error) {
	viewSets.Lock()
	several := viewSets.several
	viewSets.several = true
	viewSets.Unlock()
	if !several {
		return loadShownViews(ctx, tx)
	}
	id, shared, err := loadViewSet(ctx, tx, server)
	if err != nil {
		return nil, err
	}
	if !shared {
		return loadShownViews(ctx, tx)
	}
	viewSets.Lock()
	views := viewSets.known[id]
	viewSets.Unlock()
	if views != nil {
		return views, nil
	}
	if views, err = loadShownViews(ctx, tx); err != nil {
		return nil, err
	}
	viewSets.Lock()
	defer viewSets.Unlock()
	if viewSets.known == nil {
		viewSets.known = map[viewSet]map[string]string{}
	}
	viewSets.known[id] = views
	return views, nil
}

// loadViewSet says what a database's system views are printed from, and whether this is all:
// a superuser can replace them, make others, have them use what is not the system's, and
// rename what is in information_schema.
func loadViewSet(ctx context.Context, tx reader, server int) (id viewSet, shared bool, err error) {
	id.server = server
	err = tx.QueryRow(ctx, `
		WITH views AS (
			SELECT c.oid, c.relname, c.relnamespace, r.oid AS rule, r.ev_action
			  FROM pg_class c JOIN pg_rewrite r ON r.ev_class = c.oid
			 WHERE c.relkind = 'v' AND c.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
		), parts AS (
			SELECT 1 AS part, oid, 0 AS n, relname, relnamespace::int8 AS of, hashtextextended(ev_action::text, 0) AS hash FROM views
			UNION ALL
			SELECT 2, attrelid, attnum, attname, 0, 0 FROM pg_attribute
			 WHERE attrelid IN (SELECT oid FROM views UNION SELECT oid FROM pg_class WHERE relnamespace = 'information_schema'::regnamespace)
			UNION ALL
			SELECT 3, oid, 0, relname, 0, 0 FROM pg_class WHERE relnamespace = 'information_schema'::regnamespace
			UNION ALL
			SELECT 4, oid, 0, proname, 0, 0 FROM pg_proc WHERE pronamespace = 'information_schema'::regnamespace
			UNION ALL
			SELECT 5, oid, 0, typname, 0, 0 FROM pg_type WHERE typnamespace = 'information_schema'::regnamespace
		)
		SELECT current_setting('quote_all_identifiers'),
		       (SELECT hashtextextended(string_agg(concat_ws(' ', part, oid, n, of, hash, relname), ',' ORDER BY part, oid, n), 0) FROM parts),
		       NOT EXISTS (SELECT FROM views WHERE oid >= $1)
		       AND NOT EXISTS (SELECT FROM views v JOIN pg_depend d ON d.objid = v.rule WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid >= $1)`,
		firstUserOID).Scan(&id.quoted, &id.hash, &shared)
	return id, shared, err
}

// loadShownViews reads the definitions of the system's own views. Those that
// read what not everybody may read cannot be inlined, and are left out.
func loadShownViews(ctx context.Context, tx reader) (map[string]string, error) {
	rows, err := tx.Query(ctx, `
		SELECT CASE c.relnamespace WHEN 'pg_catalog'::regnamespace THEN '' ELSE 'information_schema.' END || c.relname, d.definition
		  FROM pg_class c CROSS JOIN LATERAL pg_get_viewdef(c.oid) d(definition)
		 WHERE c.relkind = 'v' AND c.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
		   AND d.definition ~ '\mpg_(class|attribute|type|proc|namespace|index|constraint|attrdef|depend|description|trigger|extension|get_indexdef|get_constraintdef|get_viewdef|get_ruledef|stat(io)?_(xact_)?all_(tables|indexes|sequences))\M|(FROM|JOIN) \(*information_schema\.\w'
		   AND d.definition !~ '\m(pg_authid|pg_user_mapping|pg_statistic|pg_statistic_ext_data|pg_subscription|_pg_foreign_\w+|_pg_user_mappings)\M'`)
	if err != nil {
		return nil, err
	}
	views := map[string]string{}
	var name, definition string
	_, err = pgx.ForEachRow(rows, []any{&name, &definition}, func() error {
		views[name] = strings.TrimSuffix(strings.TrimSpace(definition), ";")
		return nil
	})
	return views, err
}
