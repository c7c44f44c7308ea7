package rewrite

import (
	"fmt"
	"slices"
	"strings"

	"pgseal/catalog"
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

// privilegeViews read what not everybody may read, so that they cannot be
// spelled out: what they say of pgseal's schemas is left out by this column.
var privilegeViews = map[string]string{
	"schemata": "schema_name", "column_privileges": "table_schema", "table_privileges": "table_schema",
	"routine_privileges": "specific_schema", "udt_privileges": "udt_schema", "usage_privileges": "object_schema",
}

// shownText is the subquery that stands for a relation of the system, with
// system columns if any are wanted; "" if it must stay as it is.
func shownText(snap *catalog.Snapshot, r *catalog.Relation, system []string) string {
	key := viewKey(r.Schema, r.Name)
	text := snap.Shown().Derive("relation "+key+" "+strings.Join(system, " "), func() any {
		switch {
		case r.Schema == informationSchema && privilegeViews[r.Name] != "":
			return fmt.Sprintf("(SELECT * FROM information_schema.%s WHERE %s::text <> ALL (E'{pgseal,pgseal_column}'::text[]))", r.Name, privilegeViews[r.Name])
		case r.Kind == 'v' && r.Name != "pg_stats":
			return derivedView(snap, snap.Shown().Views[key])
		}
		return shownCatalog(snap, r, system)
	})
	return text.(string)
}

// derivedView spells a view of the system out, over catalogs as they are shown.
func derivedView(snap *catalog.Snapshot, definition string) string {
	text := []byte(definition)
	src, tree, refusal := parse(text)
	if refusal != nil || len(tree.Stmts) != 1 {
		return ""
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
		columns = shownStatistics(snap)
	case "pg_constraint":
		extra = shownConstraints(shown, r, system)
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
		return fmt.Sprintf("(%s < %d OR %s <> ALL (%s))", column, firstUserOID, column, oidArray(oids))
	}
	objects := func(class, object string) string {
		return fmt.Sprintf("(%[2]s < %[3]d OR NOT (%[1]s = 1259 AND %[2]s = ANY (%[4]s) OR %[1]s = 2615 AND %[2]s = ANY (%[5]s)"+
			" OR %[1]s = 1247 AND %[2]s = ANY (%[6]s) OR %[1]s = 1255 AND %[2]s = ANY (%[7]s) OR %[1]s = 2606 AND %[2]s = ANY (%[8]s)))",
			class, object, firstUserOID, oidArray(h.Relations), oidArray(h.Schemas), oidArray(h.Types), oidArray(h.Functions), oidArray(h.Constraints))
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
		return objects("classid", "objid") + " AND " + objects("refclassid", "refobjid")
	case "pg_shdepend":
		return "(dbid <> (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) OR " + objects("classid", "objid") + ")"
	case "pg_stats":
		return statisticsFilter(snap)
	}
	return ""
}

// choice is one WHEN of a CASE.
type choice struct{ when, then string }

// oneOf writes a CASE, or what stands in its ELSE alone if there is no choice.
func oneOf(choices []choice, otherwise string) string {
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
	value := func(column string, t *catalog.ShownType, collation uint32) string {
		switch column {
		case "atttypid":
			return fmt.Sprintf("%d::oid", t.OID)
		case "atttypmod":
			return fmt.Sprint(t.Typmod)
		case "attlen":
			return fmt.Sprintf("(%d)::int2", t.Len)
		case "attbyval":
			return fmt.Sprint(t.ByVal)
		case "attalign":
			return quoteText(t.Align) + `::"char"`
		case "attstorage":
			return quoteText(t.Storage) + `::"char"`
		}
		return fmt.Sprintf("%d::oid", collation) // attcollation
	}
	columns := map[string]string{}
	for _, column := range []string{"atttypid", "atttypmod", "attlen", "attbyval", "attalign", "attstorage", "attcollation"} {
		domains := map[string][]uint32{}
		for i := range shown.Types {
			t := &shown.Types[i]
			v := value(column, t, t.Collation)
			domains[v] = append(domains[v], t.Domain)
		}
		inIndexes := indexAttributes(shown, column, func(e *catalog.ShownElement) string {
			if t := byDomain[e.Domain]; t != nil {
				return value(column, t, e.Collation)
			}
			return column
		})
		columns[column] = oneOf(append(inIndexes, byValue(domains, "atttypid")...), column)
	}
	columns["attname"] = oneOf(indexAttributes(shown, "attname", func(e *catalog.ShownElement) string { return quoteText(e.Name) + "::name" }), "attname")
	if len(shown.Types) > 0 {
		columns["attmissingval"] = "CASE WHEN " + byAny("atttypid", domainsOf(shown), false) + " THEN attmissingval END"
	}
	return columns
}

func domainsOf(shown *catalog.Shown) (oids []uint32) {
	for i := range shown.Types {
		oids = append(oids, shown.Types[i].Domain)
	}
	return oids
}

func byAny(column string, oids []uint32, in bool) string {
	if in {
		return column + " = ANY (" + oidArray(oids) + ")"
	}
	return column + " <> ALL (" + oidArray(oids) + ")"
}

// byValue makes one choice for each value, by the OIDs that have it.
func byValue(oids map[string][]uint32, column string) (choices []choice) {
	for v, list := range oids {
		choices = append(choices, choice{byAny(column, list, true), v})
	}
	slices.SortFunc(choices, func(a, b choice) int { return strings.Compare(a.when+a.then, b.when+b.then) })
	return choices
}

// indexAttributes is one choice that stands for all attributes of all indexes
// over terms, so that other relations' are passed by at the cost of one test.
func indexAttributes(shown *catalog.Shown, column string, value func(*catalog.ShownElement) string) []choice {
	var inner []choice
	for i := range shown.Indexes {
		x := &shown.Indexes[i]
		for k := range x.Elements {
			if e := &x.Elements[k]; e.Term {
				inner = append(inner, choice{fmt.Sprintf("attrelid = %d AND attnum = %d", x.OID, k+1), value(e)})
			}
		}
	}
	if len(inner) == 0 {
		return nil
	}
	return []choice{{byAny("attrelid", indexOIDs(shown), true), oneOf(inner, column)}}
}

func indexOIDs(shown *catalog.Shown) (oids []uint32) {
	for i := range shown.Indexes {
		oids = append(oids, shown.Indexes[i].OID)
	}
	return oids
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
