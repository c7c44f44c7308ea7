package rewrite

import (
	"fmt"
	"slices"
	"strings"

	"pgseal/catalog"
	"pgseal/logical"
)

// isShown says whether a relation of the system is shown otherwise.
func (a *analysis) isShown(schema, name string) bool {
	if schema == systemCatalog && slices.Contains(catalog.ShownRelations, name) {
		return true
	}
	return a.snap.Shown().Views[viewKey(schema, name)] != "" || schema == informationSchema && privilegeViews[name] != ""
}

func viewKey(schema, name string) string {
	if schema == systemCatalog {
		return name
	}
	return schema + "." + name
}

// OwnStatements begins the names of the statements that a session prepares for
// itself. pg_prepared_statements does not show them.
const OwnStatements = "pgseal_insert_"

// privilegeViews read what not everybody may read, so that they cannot be
// spelled out: what they say of pgseal's schemas is left out by this column.
var privilegeViews = map[string]string{
	"schemata": "schema_name", "column_privileges": "table_schema", "table_privileges": "table_schema",
	"routine_privileges": "specific_schema", "udt_privileges": "udt_schema", "usage_privileges": "object_schema",
}

// shownText is the subquery that stands for a relation of the system, with
// system columns if any are wanted, and of columns only those unless that is nil; "" if
// it must stay as it is.
func (a *analysis) shownText(r *catalog.Relation, system, columns []string) string {
	derive := func() any {
		key := viewKey(r.Schema, r.Name)
		switch {
		case r.Schema == informationSchema && privilegeViews[r.Name] != "":
			return fmt.Sprintf("(SELECT * FROM information_schema.%s WHERE %s::text <> ALL (E'{pgseal,pgseal_column}'::text[]))", r.Name, privilegeViews[r.Name])
		case r.Kind == 'v' && !slices.Contains(catalog.ShownRelations, r.Name):
			return derivedView(a.snap, a.snap.Shown().Views[key], columns)
		}
		return shownCatalog(a.snap, withColumns(r, columns), system)
	}
	if columns != nil { // of which there can be any number
		return derive().(string)
	}
	return a.snap.Shown().Derive("relation "+viewKey(r.Schema, r.Name)+" "+strings.Join(system, " "), derive).(string)
}

// derivedView spells a view of the system out, over catalogs as they are shown.
func derivedView(snap *catalog.Snapshot, definition string, columns []string) string {
	text := []byte(definition)
	src, tree, refusal := parse(text, false)
	if refusal != nil || len(tree.Stmts) != 1 {
		return ""
	}
	if some := withOutputs(src, tree, columns); some != "" {
		return derivedView(snap, some, nil)
	}
	a := &analysis{snap: snap, path: []string{systemCatalog}, fresh: true, source: src, deriving: true}
	a.stmt = tree.Stmts[0]
	a.query(a.stmt.Stmt, nil)
	pieces, ok := anchored(a.shown, text, nil)
	if a.err != nil || !ok || len(a.edits) > 0 {
		return ""
	}
	b := Bound{Plan: &Plan{pieces: pieces}, text: text, scratch: &Scratch{}}
	out, err := b.AppendSQL([]byte("("), nil)
	if err != nil {
		return ""
	}
	return string(append(out, ')'))
}

// shownCatalog is a catalog with its columns in order, without what is
// pgseal's own.
func shownCatalog(snap *catalog.Snapshot, r *catalog.Relation, system []string) string {
	shown := snap.Shown()
	columns := map[string]string{}
	extra := ""
	switch r.Name {
	case "pg_attribute":
		columns = shownAttributes(shown)
	case "pg_index":
		columns = shownIndexes(shown)
	case "pg_stats":
		columns = shownStatistics(sealedAttributes(snap), "most_common_vals", "most_common_freqs", "histogram_bounds", "correlation",
			"most_common_elems", "most_common_elem_freqs", "elem_count_histogram")
	case "pg_stats_ext":
		columns = shownStatistics(sealedTogether(snap), "most_common_vals", "most_common_val_nulls", "most_common_freqs", "most_common_base_freqs")
	case "pg_constraint":
		extra = shownConstraints(shown, r, system)
	case "pg_depend":
		extra = shownDependencies(shown, r, system)
	case "pg_description":
		extra = shownComments(shown, r, system)
	}
	var b strings.Builder
	b.WriteString("(SELECT ")
	for i := range r.Columns {
		if i > 0 {
			b.WriteString(", ")
		}
		name := r.Columns[i].Name
		if text := columns[name]; text != "" {
			b.WriteString(text + " AS ")
		}
		b.WriteString(name)
	}
	for _, name := range system {
		b.WriteString(", " + name)
	}
	b.WriteString(" FROM pg_catalog." + r.Name)
	if filter := shownFilter(snap, r.Name); filter != "" {
		b.WriteString(" WHERE " + filter)
	}
	b.WriteString(extra + ")")
	return b.String()
}

// firstUserOID is the first OID that an object made after initdb can have.
const firstUserOID = 16384

// shownFilter is the condition that leaves pgseal's own out of a catalog.
func shownFilter(snap *catalog.Snapshot, name string) string {
	h := &snap.Shown().Hidden
	not := func(column string, oids []uint32) string {
		if len(oids) == 0 {
			return "true"
		}
		// Objects made together have numbers that stand together: nearly all rows
		// are told by two comparisons.
		return fmt.Sprintf("(%s < %d OR %s > %d OR %s)", column, oids[0], column, oids[len(oids)-1], noneOf(column, oids))
	}
	objects := func(class, object string) string {
		c := oneOf([]branch{
			{class + " = 1259", noneOf(object, h.Relations)}, {class + " = 2615", noneOf(object, h.Schemas)}, {class + " = 1247", noneOf(object, h.Types)},
			{class + " = 1255", noneOf(object, h.Functions)}, {class + " = 2606", noneOf(object, h.Constraints)},
		}, "true")
		return fmt.Sprintf("(%s < %d OR %s)", object, firstUserOID, c)
	}
	switch name {
	case "pg_class":
		return not("relnamespace", h.Schemas) + " AND " + not("oid", h.Toast)
	case "pg_attribute":
		return not("attrelid", h.Relations)
	case "pg_type":
		return not("typnamespace", h.Schemas)
	case "pg_proc":
		return not("pronamespace", h.Schemas)
	case "pg_namespace":
		return not("oid", h.Schemas)
	case "pg_index":
		return not("indrelid", h.Relations)
	case "pg_constraint":
		return not("connamespace", h.Schemas)
	case "pg_attrdef":
		return not("adrelid", h.Relations)
	case "pg_trigger":
		return not("tgrelid", h.Relations)
	case "pg_rewrite":
		return not("ev_class", h.Relations)
	case "pg_sequence":
		return not("seqrelid", h.Relations)
	case "pg_extension":
		return "extname <> 'pgseal'"
	case "pg_description", "pg_init_privs":
		return objects("classoid", "objoid")
	case "pg_depend":
		filter := objects("classid", "objid") + " AND " + objects("refclassid", "refobjid")
		if oids := constraintOIDs(snap.Shown()); len(oids) > 0 {
			// It is the constraint that depends on the columns.
			filter += " AND (objid < 16384 OR classid <> 1259 OR refclassid <> 1259 OR refobjsubid = 0 OR " + noneOf("objid", oids) + ")"
		}
		if oids := indexOIDs(snap.Shown()); len(oids) > 0 {
			// An index over expressions depends on the table as a whole.
			filter += " AND (objid < 16384 OR classid <> 1259 OR refclassid <> 1259 OR refobjsubid <> 0 OR deptype <> 'a' OR " + noneOf("objid", oids) + ")"
		}
		return filter
	case "pg_shdepend":
		return "(dbid <> (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) OR " + objects("classid", "objid") + ")"
	case "pg_stats":
		return statisticsFilter(snap)
	case "pg_prepared_statements":
		return "name NOT LIKE E'" + strings.ReplaceAll(OwnStatements, "_", `\\_`) + "%'"
	}
	return ""
}

// branch is one WHEN of a CASE.
type branch struct{ when, then string }

// oneOf writes a CASE, or what stands in its ELSE alone if there is no choice.
func oneOf(choices []branch, otherwise string) string {
	if len(choices) == 0 {
		return otherwise
	}
	var b strings.Builder
	b.WriteString("CASE")
	for _, c := range choices {
		b.WriteString(" WHEN " + c.when + " THEN " + c.then)
	}
	b.WriteString(" ELSE " + otherwise + " END")
	return b.String()
}

// shownAttributes are the columns of pg_attribute that sealing changes: those
// of sealed columns, and of indexes over their terms.
func shownAttributes(shown *catalog.Shown) map[string]string {
	byDomain := map[uint32]*catalog.ShownType{}
	for i := range shown.Types {
		byDomain[shown.Types[i].Domain] = &shown.Types[i]
	}
	columns := map[string]string{}
	dimensions := "int4" // the type of attndims
	if shown.ServerVersion >= 160000 {
		dimensions = "int2"
	}
	for _, c := range []struct {
		name, typ string
		value     func(t *catalog.ShownType, collation uint32) string
	}{
		{"atttypid", "oid", func(t *catalog.ShownType, _ uint32) string { return fmt.Sprint(t.OID) }},
		{"atttypmod", "int4", func(t *catalog.ShownType, _ uint32) string { return fmt.Sprint(t.Typmod) }},
		{"attlen", "int2", func(t *catalog.ShownType, _ uint32) string { return fmt.Sprint(t.Len) }},
		{"attbyval", "bool", func(t *catalog.ShownType, _ uint32) string { return fmt.Sprint(t.ByVal) }},
		{"attalign", `"char"`, func(t *catalog.ShownType, _ uint32) string { return t.Align }},
		{"attstorage", `"char"`, func(t *catalog.ShownType, _ uint32) string { return t.Storage }},
		{"attndims", dimensions, func(t *catalog.ShownType, _ uint32) string {
			if t.Array {
				return "1" // the server counts the brackets of the declaration
			}
			return "0"
		}},
		{"attcollation", "oid", func(_ *catalog.ShownType, collation uint32) string { return fmt.Sprint(collation) }},
	} {
		domains, inIndexes := table{typ: c.typ}, table{typ: c.typ}
		for i := range shown.Types {
			t := &shown.Types[i]
			domains.add(fmt.Sprint(t.Domain), c.value(t, t.Collation))
		}
		eachTerm(shown, func(key string, e *catalog.ShownElement) {
			t := byDomain[e.Domain]
			if e.Fold != 0 {
				t = &shownText
			}
			if t != nil {
				inIndexes.add(key, c.value(t, e.Collation))
			}
		})
		var choices []branch
		if c.name == "attstorage" {
			choices = append(setStorage(shown), keptStorage(shown, func(s *catalog.ShownStorage) string { return s.Storage })...)
		}
		ofDomain := domains.lookup("oid", "atttypid", c.name)
		if c.name == "attcollation" && len(shown.Types) > 0 {
			ofDomain = "CASE WHEN " + included + " THEN " + c.name + " ELSE " + ofDomain + " END"
		}
		choices = append(choices,
			branch{fmt.Sprintf("atttypid >= %d", firstUserOID), ofDomain},
			branch{ofTerm, inIndexes.lookup("int8", attributeKey, c.name)})
		columns[c.name] = oneOf(choices, c.name)
	}
	columns["attcompression"] = oneOf(keptStorage(shown, func(s *catalog.ShownStorage) string { return s.Compression }), "attcompression")
	names := table{typ: "name"}
	eachTerm(shown, func(key string, e *catalog.ShownElement) { names.add(key, e.Name) })
	if len(names.keys) > 0 { // else the column is the catalog's own, with its origin and indexes
		columns["attname"] = oneOf([]branch{{ofTerm, names.lookup("int8", attributeKey, "attname")}}, "attname")
	}
	if len(shown.Types) > 0 {
		columns["attmissingval"] = fmt.Sprintf("CASE WHEN atttypid < %d OR %s THEN attmissingval END", firstUserOID, noneOf("atttypid", domainsOf(shown)))
	}
	return columns
}

// shownText is type text, of which lower and upper are.
var shownText = catalog.ShownType{OID: logical.OIDText, Typmod: -1, Len: -1, Align: "i", Storage: "x"}

const (
	// attributeKey is one number for an attribute of any relation.
	attributeKey = "attrelid::int8 * 65536 + attnum"
	// ofTerm holds for the attributes of indexes that can be terms: of type bytea.
	ofTerm = "atttypid = 17 AND attrelid >= 16384"
	// included holds for the attributes of indexes that are sealed columns: those of
	// INCLUDE, which have no collation.
	included = "EXISTS (SELECT FROM pg_catalog.pg_index WHERE indexrelid = attrelid)"
)

// eachTerm gives the terms among the elements of indexes, by attributeKey.
func eachTerm(shown *catalog.Shown, yield func(key string, e *catalog.ShownElement)) {
	for i := range shown.Indexes {
		x := &shown.Indexes[i]
		for k := range x.Elements {
			if e := &x.Elements[k]; e.Term {
				yield(fmt.Sprint(uint64(x.OID)<<16+uint64(k)+1), e)
			}
		}
	}
}

// keptStorage are the storage and compression of columns that differ from their
// types' own.
func keptStorage(shown *catalog.Shown, value func(*catalog.ShownStorage) string) (choices []branch) {
	for i := range shown.Storage {
		s := &shown.Storage[i]
		if v := value(s); v != "" {
			choices = append(choices, branch{fmt.Sprintf("attrelid = %d AND attnum = %d", s.Relation, s.AttNum), quoteText(v) + `::"char"`})
		}
	}
	return choices
}

// setStorage is for columns whose storage has been set since they were sealed: to
// another one than that of envelopes.
func setStorage(shown *catalog.Shown) []branch {
	var toasted []uint32
	for i := range shown.Types {
		if t := &shown.Types[i]; t.Storage != "p" {
			toasted = append(toasted, t.Domain)
		}
	}
	if toasted == nil {
		return nil
	}
	return []branch{{fmt.Sprintf(`attstorage <> 'x' AND atttypid >= %d AND NOT %s`, firstUserOID, noneOf("atttypid", toasted)), "attstorage"}}
}

func domainsOf(shown *catalog.Shown) (oids []uint32) {
	for i := range shown.Types {
		oids = append(oids, shown.Types[i].Domain)
	}
	return oids
}

// table is what a column is for some keys. A lookup in two constant arrays is
// an expression of few nodes, which the server's planner copies for each use:
// with a CASE of as many branches it took longer than the query.
type table struct {
	typ          string
	keys, values []string
}

func (t *table) add(key, value string) {
	t.keys, t.values = append(t.keys, key), append(t.values, value)
}

// lookup is the value for a key, or otherwise.
func (t *table) lookup(keyType, key, otherwise string) string {
	if len(t.keys) == 0 {
		return otherwise
	}
	return fmt.Sprintf("COALESCE((%s)[pg_catalog.array_position(%s, %s)], %s)", array(t.values, t.typ), array(t.keys, keyType), key, otherwise)
}

// inArray escapes what stands in quotation marks in an array.
var inArray = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// array is an array as a literal that means the same under any setting.
func array(values []string, typ string) string {
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		if strings.Trim(v, "-0123456789") == "" && v != "" {
			b.WriteString(v)
			continue
		}
		b.WriteString(`"` + inArray.Replace(v) + `"`)
	}
	return quoteText("{"+b.String()+"}") + "::" + typ + "[]"
}

// noneOf says that a column is none of these OIDs, in a form that costs the
// server's planner nothing to estimate.
func noneOf(column string, oids []uint32) string {
	return "pg_catalog.array_position(" + oidArray(oids) + ", " + column + ") IS NULL"
}

// oidArray is an array of OIDs as a literal that needs no setting.
func oidArray(oids []uint32) string {
	var b strings.Builder
	b.WriteString("'{")
	for i, o := range oids {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, o)
	}
	b.WriteString("}'::pg_catalog.oid[]")
	return b.String()
}

// quoteText is a string literal in ASCII, whatever the session's settings and
// encoding are.
func quoteText(s string) string {
	var b strings.Builder
	b.WriteString("E'")
	for _, r := range s {
		switch {
		case r == '\'' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x80:
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte('\'')
	return b.String()
}
