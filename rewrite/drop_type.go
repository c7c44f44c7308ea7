package rewrite

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// meantType finds the type of sealed columns that a name in DDL stands for. The server
// looks up an unqualified one along the search path, where a type that no sealed column
// has, of which only the name is known, may come first: that is refused.
func (a *analysis) meantType(parts []string, position int32) (t logical.Type, ok bool) {
	types := a.snap.Types(last(parts))
	if len(types) == 0 || len(parts) > 2 {
		return t, false
	}
	if len(parts) == 2 {
		return typeIn(types, parts[0])
	}
	ambiguous := slices.ContainsFunc(types, func(t logical.Type) bool { return t.Def.Ambiguous })
	switch {
	case typeOIDs[parts[0]] != 0:
		return t, false // pg_catalog comes first
	case !ambiguous && (a.pathMoved || a.path == nil && types[0].Def.Schema == "public"):
		return types[0], true
	case a.pathMoved:
		a.fail(refuseTypeName(types[0], position))
		return t, false
	case a.path == nil:
		a.fail(ErrNeedSearchPath)
		return t, false
	}
	a.pathIsUsed = true
	for i, schema := range a.path {
		if t, ok = typeIn(types, schema); !ok {
			continue
		}
		if ambiguous && !a.firstOfPath(i) {
			a.fail(refuseTypeName(t, position))
			return t, false
		}
		return t, true
	}
	return t, false
}

func typeIn(types []logical.Type, schema string) (logical.Type, bool) {
	i := slices.IndexFunc(types, func(t logical.Type) bool { return t.Def.Schema == schema })
	if i < 0 {
		return logical.Type{}, false
	}
	return types[i], true
}

// keepType refuses to change a type of which there are sealed columns.
func (a *analysis) keepType(name []*pg.Node, what, hint string) {
	if t, ok := a.meantType(names(name), location(name[0])); ok {
		a.fail(refuseTypeChange(t.Def.Name, location(name[0]), what, hint))
	}
}

// dropTypes refuses to drop a type of which there are sealed columns: that they
// depend on it is not known to the server. After DDL that is not in the snapshot
// yet, there may be none any more.
func (a *analysis) dropTypes(x *pg.DropStmt) {
	if x.RemoveType != pg.ObjectType_OBJECT_TYPE && x.RemoveType != pg.ObjectType_OBJECT_DOMAIN {
		return
	}
	what, dependents := "desired object(s) because other objects depend on them", []string(nil)
	for _, o := range x.Objects {
		name := o.GetTypeName()
		t, ok := a.meantType(names(name.GetNames()), name.Location)
		if !ok {
			continue
		}
		lines := a.dependents(t)
		if len(lines) == 0 {
			continue // a domain over it, which the server keeps
		}
		a.stale = true
		if x.Behavior == pg.DropBehavior_DROP_CASCADE {
			a.fail(refuseTypeChange(t.Def.Name, name.Location, "DROP … CASCADE", "Drop or unseal the columns of this type first."))
			return
		}
		dependents = append(dependents, lines...)
		if len(x.Objects) == 1 {
			what = "type " + a.shownType(t) + " because other objects depend on it"
		}
	}
	if len(dependents) > 0 {
		a.fail(refuseDropType(what, strings.Join(dependents, "\n")))
	}
}

// dependents are the sealed columns of the type, and of arrays of it, as the
// server lists them.
func (a *analysis) dependents(t logical.Type) (lines []string) {
	var direct []string
	name := a.shownType(t)
	for _, r := range a.snap.Relations() {
		for _, c := range r.Columns {
			if c.Sealed == nil || c.Sealed.Type.Def == nil {
				continue
			}
			switch d := c.Sealed.Type.Def; t.Def {
			case d:
				direct = append(direct, a.dependent(r, c.Name)+name)
			case d.Element():
				lines = append(lines, a.dependent(r, c.Name)+name+"[]")
			}
		}
	}
	return append(lines, direct...)
}

func (a *analysis) dependent(r *catalog.Relation, column string) string {
	return "column " + column + " of table " + a.qualifier(r.Schema, false) + logical.QuoteName(r.Name) + " depends on type "
}

func (a *analysis) shownType(t logical.Type) string {
	return a.qualifier(t.Def.Schema, t.Def.Ambiguous) + logical.QuoteName(t.Def.Name)
}

// qualifier is what the server's messages have in front of a name of that schema: nothing
// where the search path leads to it, and to it first if there are others of the name.
func (a *analysis) qualifier(schema string, ambiguous bool) string {
	if a.path == nil {
		if schema != "public" || ambiguous {
			a.fail(ErrNeedSearchPath)
		}
		return ""
	}
	i := slices.Index(a.path, schema)
	if i >= 0 && (!ambiguous || a.firstOfPath(i)) {
		return ""
	}
	return logical.QuoteName(schema) + "."
}

// firstOfPath says whether no schema but pg_catalog is in front of that one.
func (a *analysis) firstOfPath(i int) bool {
	return !slices.ContainsFunc(a.path[:i], func(schema string) bool { return schema != "pg_catalog" })
}

// refuseTypeChange is for a change of a type that sealed columns have.
func refuseTypeChange(name string, position int32, what, hint string) *Refusal {
	return &Refusal{
		Anchor: "type-change", Code: codeNotSupported, Position: int(position),
		Message: what + " is not possible through pgseal on type \"" + name + "\": sealed columns are of it", Hint: hint,
	}
}

// refuseTypeName is for a name by which the server may find another type.
func refuseTypeName(t logical.Type, position int32) *Refusal {
	return &Refusal{
		Anchor: "type-change", Code: codeNotSupported, Position: int(position),
		Message: "type \"" + t.Def.Name + "\" can be that of sealed columns or another one",
		Hint:    "Write its schema: " + t.Def.Qualified() + ".",
	}
}

// refuseDropType is what the server would have said of DROP TYPE if the sealed
// columns had the type.
func refuseDropType(what, dependents string) *Refusal {
	return &Refusal{
		Anchor: "type-change", Code: codeDependents, Position: -1,
		Message: "cannot drop " + what, Detail: dependents,
		Hint: "Use DROP ... CASCADE to drop the dependent objects too.",
	}
}
