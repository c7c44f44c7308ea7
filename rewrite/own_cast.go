package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// ownCast says whether a value of a type becomes one of another by a cast of the database's own.
func (a *analysis) ownCast(from, to logical.Type) bool {
	return a.snap.CastsOwn(typesOf(from), to.Shown().OID)
}

// castsLiteral gives the type of a constant with one that a cast of the database's own makes
// another one, by a cast that is written or because it is stored; 0 for none. Which type a number
// has depends on its size.
func (a *analysis) castsLiteral(c *pg.A_Const, op *Operand) uint32 {
	var types []uint32
	switch {
	case c.GetIval() != nil, c.GetFval() != nil:
		types = []uint32{logical.OIDInt4, logical.OIDInt8, logical.OIDNumeric}
	case c.GetBoolval() != nil:
		types = []uint32{logical.OIDBool}
	case c.GetBsval() != nil:
		types = []uint32{logical.OIDBit}
	}
	to := op.Column.Type
	switch {
	case op.Via != nil:
		to = *op.Via
	case op.Role != Store:
		return 0
	}
	for _, t := range types {
		if a.ownCast(logical.Type{OID: t}, to) {
			return t
		}
	}
	return 0
}

// settleCasts makes sure that what a formula casts, and what || makes texts of, is cast as
// PostgreSQL does it.
func (a *analysis) settleCasts(d *formulaDraft) bool {
	for _, f := range d.casted {
		from := a.givenTo(f.Args[0])
		own := a.snap.CastsOwn(from.Types, f.Type.OID)
		if element := logical.ElementOID(f.Type.OID); element != 0 && !own { // which PostgreSQL casts one by one
			own = slices.ContainsFunc(from.Types, func(t uint32) bool { return a.snap.CastsOwn([]uint32{logical.ElementOID(t)}, element) })
		}
		if own {
			return a.failsOwnCast(f, from)
		}
	}
	for _, o := range d.operated {
		if o.names[0] != joinOperator {
			continue
		}
		for _, f := range [...]*Formula{o.left, o.right} {
			if from := a.givenTo(f); a.snap.CastsOwn(from.Types, logical.OIDText) {
				return a.failsOwnCast(f, from)
			}
		}
	}
	return true
}

func (a *analysis) failsOwnCast(f *Formula, from catalog.Given) bool {
	if c := f.SealedColumn(); c != nil {
		a.fail(refuseOwnCast(c, -1, from.Types[0]))
	}
	return false
}

// refuseOwnCast is for a cast that may be one of the database's own.
func refuseOwnCast(c *catalog.SealedColumn, position int32, from uint32) *Refusal {
	r := sealedRefusal("own-cast", c, position, "cannot be used with this cast: the database has a cast of its own of values of type "+logical.TypeName(from))
	r.Detail = "That is what the server would call, and it would see encrypted values."
	r.Hint = "Drop the cast, or cast in the application."
	return r
}
