package rewrite

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/catalog"
)

// reachesRelations names the functions of PostgreSQL that read relations named
// by their arguments, so that what they return cannot be opened.
func reachesRelations(name string) bool {
	switch name {
	case "query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema",
		"table_to_xml", "table_to_xmlschema", "table_to_xml_and_xmlschema",
		"schema_to_xml", "schema_to_xmlschema", "schema_to_xml_and_xmlschema",
		"database_to_xml", "database_to_xmlschema", "database_to_xml_and_xmlschema",
		"cursor_to_xml", "cursor_to_xmlschema", "ts_stat":
		return true
	}
	return false
}

// runsText names the functions of common extensions that run a query given as
// text, here or on another server.
func runsText(name string) bool {
	return strings.HasPrefix(name, "crosstab") || strings.HasPrefix(name, "dblink")
}

// runsElsewhere names those of them whose query another session runs, with its own
// search path.
func runsElsewhere(name string) bool { return strings.HasPrefix(name, "dblink") }

// readsByName names the functions that read the relation whose name they are given.
func readsByName(name string) bool {
	return strings.HasPrefix(name, "table_to_xml") || name == "dblink_get_pkey" || strings.HasPrefix(name, "dblink_build_sql_")
}

// reach refuses a call of a function that would read a relation with sealed
// columns unseen.
func (a *analysis) reach(name string, f *pg.FuncCall) {
	if !reachesRelations(name) && !runsText(name) {
		if slices.Contains(a.snap.Setters().Runners, name) {
			a.runsStatement(name, f)
		}
		return
	}
	literals, certain := a.argumentTexts(f)
	switch {
	case strings.HasPrefix(name, "database_to_xml"):
		a.fail(refuseReach(name, "", f.Location))
	case strings.HasPrefix(name, "schema_to_xml"):
		if certain && a.sealedIn(literals[0]) {
			a.fail(refuseReach(name, "", f.Location))
		}
	case strings.HasPrefix(name, "cursor_to_xml"):
		a.reachCursor(name, literals, certain, f.Location)
		return
	default:
		if reachesRelations(name) && certain {
			literals = literals[:1] // the others are options
		}
		for _, text := range literals {
			reached := a.sealedNameIn
			switch {
			case readsByName(name):
				reached = a.sealedNamedBy
			case runsText(name):
				reached = func(text string) string { return a.sealedReachedBy(text, !runsElsewhere(name)) }
			}
			if relation := reached(text); relation != "" {
				a.fail(refuseReach(name, relation, f.Location))
				return
			}
		}
	}
	if !certain && reachesRelations(name) {
		a.fail(refuseReach(name, "", f.Location))
	}
}

// runsStatement refuses a call of a function of the database's own that runs SQL made at
// run time, with a statement that may use a sealed column: it would compute from
// envelopes.
func (a *analysis) runsStatement(name string, f *pg.FuncCall) {
	texts, _ := a.argumentTexts(f)
	for _, text := range texts {
		if !beginsStatement(text) {
			continue
		}
		for _, use := range catalog.Uses(catalog.Code{Text: text, SQL: true}, a.snap.Named) {
			if use.Anywhere || a.pathUnsure || a.pathReaches(use.Relation) {
				a.fail(refuseReach(name, use.Relation.Name, f.Location))
				return
			}
		}
	}
}

// beginsStatement says whether a text begins as a statement that reads or writes rows.
func beginsStatement(text string) bool {
	text = strings.TrimLeft(text, " \t\r\n(")
	end := strings.IndexFunc(text, func(r rune) bool { return r < 'A' || r > 'Z' && r < 'a' || r > 'z' })
	if end < 0 {
		return false
	}
	switch strings.ToLower(text[:end]) {
	case "select", "with", "table", "insert", "update", "delete", "merge", "explain", "copy", "declare", "create", "do":
		return true
	}
	return false
}

// OpenCursors are the cursors that a session has open.
type OpenCursors struct {
	Names []string
	Texts []string // the statement that has opened each
	Plain []bool   // the session has seen it declared, without sealed outputs
}

// reachCursor is reach for the functions that read a cursor: they may read those
// of which no text could be over a sealed column.
func (a *analysis) reachCursor(name string, literals []string, certain bool, at int32) {
	a.cacheable = false
	from, end := a.span()
	if a.mode != Simple || a.several || a.persistent || a.stmt.Stmt.GetSelectStmt() == nil || a.sealedNameIn(string(a.text[from:end])) != "" {
		a.fail(refuseReach(name, "", at)) // there may be another cursor when it is carried out
		return
	}
	if a.cursors == nil {
		a.fail(ErrNeedCursors)
		return
	}
	for i, text := range a.cursors.Texts {
		if certain && a.cursors.Names[i] != literals[0] || a.cursors.Plain[i] && !a.snap.OpensCursors() {
			continue
		}
		if relation := a.sealedNameIn(text); relation != "" {
			a.fail(refuseReach(name, relation, at))
			return
		}
	}
}

// sealedIn says whether a schema has a relation with sealed columns, or is about
// to have one.
func (a *analysis) sealedIn(schema string) bool {
	return slices.ContainsFunc(a.snap.Relations(), func(r *catalog.Relation) bool {
		return (r.Sealed || r.Changing) && strings.EqualFold(r.Schema, strings.Trim(schema, "\" "))
	})
}

// argumentTexts gives the string literals among a call's arguments. certain
// says that its first argument, which names what is read, is one.
func (a *analysis) argumentTexts(f *pg.FuncCall) (texts []string, certain bool) {
	for i, arg := range f.Args {
		n := arg
		for n.GetTypeCast() != nil {
			n = n.GetTypeCast().Arg
		}
		if i == 0 {
			certain = n.GetAConst().GetSval() != nil
		}
		texts = append(texts, a.textsIn(arg.ProtoReflect())...)
	}
	return texts, certain
}

// textsIn gives the values of all string literals in a tree. The plan depends
// on them.
func (a *analysis) textsIn(m protoreflect.Message) (texts []string) {
	if c, ok := m.Interface().(*pg.A_Const); ok && c.GetSval() != nil {
		if i := a.tokenAt(c.Location); i >= 0 && a.tokens[i].kind.isString() {
			a.steer(c.Location)
			text, _ := appendString(nil, a.text, a.tokens[i])
			return []string{string(text)}
		}
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Kind() != protoreflect.MessageKind:
		case fd.IsList():
			for i := range v.List().Len() {
				texts = append(texts, a.textsIn(v.List().Get(i).Message())...)
			}
		default:
			texts = append(texts, a.textsIn(v.Message())...)
		}
		return true
	})
	return texts
}

// sealedNameIn finds a word in a text that names a relation with sealed
// columns, or a function that returns rows of one.
func (a *analysis) sealedNameIn(text string) (name string) {
	eachWord(text, func(word string) {
		if name == "" && a.snap.Strict().Word(word) {
			name = word
		}
	})
	return name
}

// sealedNamedBy is sealedNameIn for a text that is a relation's name.
func (a *analysis) sealedNamedBy(text string) string {
	if a.sealedNameIn(text) == "" {
		return ""
	}
	return a.sealedReachedBy("TABLE "+text, true)
}

// sealedReachedBy is sealedNameIn for a text that is a query. Where it can be read,
// names that only stand for columns and aliases in it do not count. here: it is run
// with the search path of this session.
func (a *analysis) sealedReachedBy(query string, here bool) (name string) {
	word := a.sealedNameIn(query)
	if word == "" {
		return ""
	}
	src, tree, refusal := parse([]byte(query), a.escapes)
	if refusal != nil || len(tree.Stmts) != 1 || tree.Stmts[0].Stmt.GetSelectStmt() == nil {
		return word
	}
	for _, t := range src.tokens {
		if t.kind.isString() { // perhaps a text in turn
			text, _ := appendString(nil, src.text, t)
			if name = a.sealedNameIn(string(text)); name != "" {
				return name
			}
		}
	}
	return a.sealedInTree(tree.ProtoReflect(), here)
}

// sealedBehind says whether a name in a query that this session runs may stand for
// a relation that is sealed or may reach what is.
func (a *analysis) sealedBehind(rv *pg.RangeVar) bool {
	named := slices.Clone(a.snap.Named(rv.Relname))
	switch {
	case rv.Schemaname != "":
		named = slices.DeleteFunc(named, func(r *catalog.Relation) bool {
			return r.Schema != rv.Schemaname && !strings.HasPrefix(rv.Schemaname, tempAlias)
		})
	case !a.several && !a.pathSet:
		if named = a.reached(named); len(named) > 1 {
			named = named[:1]
		}
	}
	return slices.ContainsFunc(named, func(r *catalog.Relation) bool { return r.Sealed || r.Changing })
}

// sealedInTree finds a relation, function or type in a tree that is sealed or may
// reach what is. here is as in sealedReachedBy.
func (a *analysis) sealedInTree(m protoreflect.Message, here bool) (name string) {
	look := func(names ...string) {
		for _, n := range names {
			if name == "" && a.snap.Strict().Word(n) {
				name = n
			}
		}
	}
	switch n := m.Interface().(type) {
	case *pg.RangeVar:
		if !here || a.sealedBehind(n) {
			look(n.Relname)
		}
	case *pg.FuncCall:
		look(names(n.Funcname)...)
	case *pg.TypeName:
		look(names(n.Names)...)
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case name != "" || fd.Kind() != protoreflect.MessageKind:
		case fd.IsList():
			for i := 0; name == "" && i < v.List().Len(); i++ {
				name = a.sealedInTree(v.List().Get(i).Message(), here)
			}
		default:
			name = a.sealedInTree(v.Message(), here)
		}
		return name == ""
	})
	return name
}

// eachWord gives the words of a text that could be names, quoted or not, as
// they are and folded.
func eachWord(text string, yield func(string)) {
	for i := 0; i < len(text); {
		if text[i] == '"' {
			if end := strings.IndexByte(text[i+1:], '"'); end >= 0 {
				yield(text[i+1 : i+1+end])
			}
		}
		if class[text[i]]&className == 0 {
			i++
			continue
		}
		end := i
		for end < len(text) && class[text[end]]&className != 0 {
			end++
		}
		yield(text[i:end])
		yield(strings.ToLower(text[i:end]))
		i = end
	}
}
