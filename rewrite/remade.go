package rewrite

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
)

// A text of several statements can make and drop the relations that it uses. The
// statements behind such DDL are planned for what it leaves: the server carries
// the text out in order, in one transaction, and stops where a statement fails,
// so that they run only if the relations are what they are taken for.

// remade are the relations that the text has made and dropped so far.
type remade struct {
	created []*catalog.Relation
	dropped []*catalog.Relation
	altered []string // names of relations that have other columns, perhaps
	// opaque: DDL has been carried out that is not followed.
	opaque bool
}

// follows says whether it is known what the DDL before has made of a name.
func (a *analysis) follows(name string) bool {
	sealed, changed := a.changed[name]
	return changed && !sealed && !a.remade.opaque && !a.pathSet && !slices.Contains(a.remade.altered, name)
}

// now are the relations of a name, as the text has left them.
func (a *analysis) now(name string) (list []*catalog.Relation) {
	for _, r := range a.remade.created {
		if r.Name == name {
			list = append(list, r)
		}
	}
	for _, r := range a.snap.Named(name) {
		if !slices.Contains(a.remade.dropped, r) {
			list = append(list, r)
		}
	}
	return list
}

// relationNow resolves a name of which it is known what became of it.
func (a *analysis) relationNow(schema, name string) found {
	list := a.now(name)
	if schema != "" {
		list = slices.DeleteFunc(list, func(r *catalog.Relation) bool {
			return r.Schema != schema && !(schema == tempAlias && strings.HasPrefix(r.Schema, tempAlias+"_"))
		})
	}
	sealed := slices.ContainsFunc(list, func(r *catalog.Relation) bool { return r.Sealed })
	switch {
	case len(list) == 0:
		return found{}
	case !sealed && len(list) > 1:
		return found{candidates: list}
	case schema != "" || !sealed || list[0].Schema == tempAlias: // which every path begins with
		return a.foundNow(list[0])
	case a.path == nil:
		a.fail(ErrNeedSearchPath)
		return found{}
	}
	a.pathIsUsed = true
	for _, place := range a.path {
		for _, r := range list {
			if r.Schema == place {
				return a.foundNow(r)
			}
		}
	}
	return found{}
}

func (a *analysis) foundNow(r *catalog.Relation) found {
	if r.Sealed {
		a.sealedNamed = true
	}
	if r.Columns == nil {
		return found{} // made by the text in a way that is not followed
	}
	return found{relation: r}
}

// remake follows the DDL of the statement just analysed. sealed: it touches
// something sealed, so that the session refuses what it makes until it is
// committed.
func (a *analysis) remake(sealed bool) {
	switch n := a.stmt.Stmt.GetNode().(type) {
	case *pg.Node_CreateStmt:
		x := n.CreateStmt
		var columns []catalog.Column
		for _, e := range x.TableElts {
			d := e.GetColumnDef()
			if d == nil && e.GetConstraint() == nil {
				columns = nil
				break
			}
			if d != nil {
				columns = append(columns, catalog.Column{AttNum: int16(len(columns) + 1), Name: d.Colname})
			}
		}
		if len(x.InhRelations) > 0 || x.OfTypename != nil {
			columns = nil
		}
		a.make(x.Relation, columns, x.IfNotExists, sealed)
	case *pg.Node_CreateTableAsStmt:
		a.make(n.CreateTableAsStmt.Into.GetRel(), nil, n.CreateTableAsStmt.IfNotExists, sealed)
	case *pg.Node_ViewStmt:
		a.make(n.ViewStmt.View, nil, n.ViewStmt.Replace, sealed)
	case *pg.Node_DropStmt:
		a.drop(n.DropStmt)
	case *pg.Node_AlterTableStmt:
		a.remade.altered = append(a.remade.altered, n.AlterTableStmt.Relation.GetRelname())
	case *pg.Node_IndexStmt, *pg.Node_CreateFunctionStmt, *pg.Node_AlterFunctionStmt, *pg.Node_CreateTrigStmt,
		*pg.Node_CreateEnumStmt, *pg.Node_AlterEnumStmt, *pg.Node_CommentStmt:
	default:
		a.remade.opaque = true
	}
}

// endTransaction follows COMMIT and ROLLBACK. Statements before BEGIN in the text
// belong to the same transaction. It is false if that can have begun before the
// text, with DDL or SET.
func (a *analysis) endTransaction(commit bool) bool {
	switch {
	case a.last:
		return true
	case !a.idle:
		return false
	case commit:
		a.committed = a.remade.copied()
	default:
		a.remade = a.committed.copied()
	}
	a.cacheable = false // elsewhere the text means something else
	return true
}

func (r *remade) copied() remade {
	return remade{slices.Clone(r.created), slices.Clone(r.dropped), slices.Clone(r.altered), r.opaque}
}

// make notes a relation that the text makes. unlessThere: one of its name and
// schema is left as it is, or replaced by one with its columns.
func (a *analysis) make(rv *pg.RangeVar, columns []catalog.Column, unlessThere, sealed bool) {
	if rv == nil || a.err != nil || sealed {
		return
	}
	r := &catalog.Relation{Schema: rv.Schemaname, Name: rv.Relname, Kind: 'r', Columns: columns}
	list := a.now(rv.Relname)
	switch {
	case rv.Relpersistence == "t":
		r.Schema = tempAlias
	case r.Schema == "" && a.path == nil:
		if slices.ContainsFunc(list, func(r *catalog.Relation) bool { return r.Sealed }) {
			a.fail(ErrNeedSearchPath)
		}
	case r.Schema == "":
		a.pathIsUsed = true
		if i := slices.IndexFunc(a.path, func(s string) bool { return s != systemCatalog && !strings.HasPrefix(s, tempAlias) }); i >= 0 {
			r.Schema = a.path[i]
		}
	}
	if r.Schema == tempAlias {
		if unlessThere && slices.ContainsFunc(list, func(there *catalog.Relation) bool { return strings.HasPrefix(there.Schema, tempAlias) }) {
			a.remade.opaque = true // it may be there, and of this session
			return
		}
		a.remade.created = slices.Insert(a.remade.created, 0, r)
		return
	}
	if unlessThere && slices.ContainsFunc(list, func(there *catalog.Relation) bool { return there.Schema == r.Schema }) {
		return
	}
	a.remade.created = append(a.remade.created, r)
}

// drop notes the relations that the text drops.
func (a *analysis) drop(x *pg.DropStmt) {
	switch x.RemoveType {
	case pg.ObjectType_OBJECT_TABLE, pg.ObjectType_OBJECT_VIEW, pg.ObjectType_OBJECT_MATVIEW, pg.ObjectType_OBJECT_FOREIGN_TABLE:
	case pg.ObjectType_OBJECT_INDEX:
		return
	default:
		a.remade.opaque = true
		return
	}
	if x.Behavior == pg.DropBehavior_DROP_CASCADE {
		a.remade.opaque = true // what else goes is for the server to say
		return
	}
	for _, o := range x.Objects {
		parts := names(listOf(o))
		if len(parts) == 0 || len(parts) > 2 {
			a.remade.opaque = true
			return
		}
		schema, name := "", last(parts)
		if len(parts) == 2 {
			schema = parts[0]
		}
		list := a.now(name)
		if len(list) == 0 {
			continue
		}
		touched := a.sealedNamed
		f := a.relationNow(schema, name)
		a.sealedNamed = touched
		switch {
		case f.relation != nil:
			a.unmake(f.relation)
		case f.candidates != nil:
			a.remade.opaque = true
		case len(list) == 1 && list[0].Columns == nil:
			a.unmake(list[0])
		}
	}
}

func (a *analysis) unmake(r *catalog.Relation) {
	if i := slices.Index(a.remade.created, r); i >= 0 {
		a.remade.created = slices.Delete(a.remade.created, i, i+1)
		return
	}
	a.remade.dropped = append(a.remade.dropped, r)
}
