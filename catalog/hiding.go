package catalog

import (
	"context"
	"slices"
)

// servedFunctions are those that the server may call with sealed values, because what they do
// does not depend on these: they count them, or put them together for pgseal to open.
var servedFunctions = []string{
	"array_agg", "array_dims", "array_length", "array_lower", "array_ndims", "array_position", "array_positions", "array_to_json", "array_upper", "cardinality", "count",
	"json_agg", "json_build_array", "json_build_object", "json_object_agg", "jsonb_agg", "jsonb_build_array", "jsonb_build_object", "jsonb_object_agg",
	"row_to_json", "to_json", "to_jsonb",
}

// CanHide says whether a function by the name is one of those that the server may call with
// sealed values.
func CanHide(name string) bool { return slices.Contains(servedFunctions, name) }

// loadHiding finds such functions that somebody has made for other types than PostgreSQL's: it
// would take them for values of those types, which sealed ones are not to the server.
func loadHiding(ctx context.Context, tx reader) (names []string, err error) {
	err = about(tx, ofCode|ofSchemas).QueryRow(ctx, `SELECT ARRAY(SELECT DISTINCT p.proname::text FROM pg_proc p
		WHERE p.oid >= 16384 AND p.proname = ANY ($1) AND p.pronamespace <> ALL (ARRAY(SELECT oid FROM pg_namespace WHERE nspname IN ('pgseal', 'pgseal_column')))
		  AND NOT EXISTS (SELECT FROM pg_proc b WHERE b.oid < 16384 AND b.proname = p.proname AND b.proargtypes = p.proargtypes)
		ORDER BY 1)`, servedFunctions).Scan(&names)
	return names, err
}
