package rewrite

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// collated are the sealed columns that have the collation of the database's own with this
// name, which pgseal knows them by. The server does not know that they depend on it.
func (a *analysis) collated(parts []string, found func(of *catalog.ShownType, r *catalog.Relation, column string)) {
	shown := a.snap.Shown()
	if shown == nil || len(parts) == 0 {
		return
	}
	for _, r := range a.snap.Relations() {
		for i := range r.Columns {
			c := &r.Columns[i]
			if c.Sealed == nil || r.Kind == 'v' {
				continue
			}
			t := shown.TypeOf(c.Sealed)
			if own := t.OwnCollation; own[1] != "" && own[1] == last(parts) && (len(parts) == 1 || parts[len(parts)-2] == own[0]) {
				found(&t, r, c.Name)
			}
		}
	}
}

// keepsCollation refuses to change the name of such a collation.
func (a *analysis) keepsCollation(kind pg.ObjectType, object *pg.Node, what string) {
	if kind != pg.ObjectType_OBJECT_COLLATION {
		return
	}
	a.collated(names(listOf(object)), func(of *catalog.ShownType, _ *catalog.Relation, _ string) {
		a.fail(refuseCollationChange(of, what))
	})
}

// dropsCollation refuses to drop one.
func (a *analysis) dropsCollation(x *pg.DropStmt) {
	if x.RemoveType != pg.ObjectType_OBJECT_COLLATION {
		return
	}
	what, dependents := "desired object(s) because other objects depend on them", []string(nil)
	for _, o := range x.Objects {
		a.collated(names(listOf(o)), func(of *catalog.ShownType, r *catalog.Relation, column string) {
			a.stale = true
			if x.Behavior == pg.DropBehavior_DROP_CASCADE {
				a.fail(refuseCollationChange(of, "DROP … CASCADE"))
				return
			}
			name := a.qualifier(of.OwnCollation[0], false) + logical.QuoteName(of.OwnCollation[1])
			dependents = append(dependents, "column "+column+" of table "+a.qualifier(r.Schema, false)+logical.QuoteName(r.Name)+" depends on collation "+name)
			if len(x.Objects) == 1 {
				what = "collation " + name + " because other objects depend on it"
			}
		})
	}
	if len(dependents) > 0 {
		a.fail(refuseDropType(what, strings.Join(dependents, "\n")))
	}
}

func refuseCollationChange(of *catalog.ShownType, what string) *Refusal {
	return &Refusal{
		Anchor: "type-change", Code: codeNotSupported, Position: -1,
		Message: what + " is not possible through pgseal on collation \"" + of.OwnCollation[1] + "\": sealed columns have it",
		Hint:    "Drop or unseal the columns first.",
	}
}
