package catalog

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"pgseal/logical"
)

// OwnOperator is an operator that is not PostgreSQL's own and has a name of one of those that
// pgseal computes, or compares by terms.
type OwnOperator struct {
	Name, Schema string
	Left, Right  OwnOperand
}

// OwnOperand is the type of an operand, 0 for the one that a prefix operator does not have.
type OwnOperand struct {
	Type uint32
	// From are the types of which values are taken without being asked, itself among them; Any
	// is for a polymorphic one.
	From []uint32
	Any  bool
	// Category is pg_type.typcategory.
	Category string
}

// takes says whether one of the types can be the operand.
func (o *OwnOperand) takes(types []uint32) bool {
	return o.Any || slices.ContainsFunc(types, func(t uint32) bool { return slices.Contains(o.From, t) })
}

// BuiltInOperator is one of PostgreSQL's own that has the name of an OwnOperator.
type BuiltInOperator struct {
	Name        string
	Left, Right uint32
}

// Operators are what the name of an operator may mean, as far as the database has some of its
// own of that name.
type Operators struct {
	Own     []OwnOperator
	BuiltIn []BuiltInOperator
}

// Given is what is known of the type of an operand: Types are the type and that which it is a
// domain over, nil for none.
type Given struct {
	Types []uint32
	// Untyped: it is a string or NULL, or, if Param, a parameter of which the client may have
	// declared the type. Without Types and neither it can be anything.
	Untyped, Param bool
}

// Meant gives the operators of the database's own that the name between two operands may mean:
// those of the very types, or, where PostgreSQL has none of these, those that take them, and
// beside a parameter, which the client may have declared as anything, those that take the other
// operand. That can be one too many, where PostgreSQL prefers its own. Of a prefix operator left
// has the type 0.
func (o *Operators) Meant(name string, left, right Given) (meant []*OwnOperator) {
	builtIn := o.hasBuiltIn(name, left, right)
	for i := range o.Own {
		own := &o.Own[i]
		takes := (left.Types == nil || own.Left.takes(left.Types)) && (right.Types == nil || own.Right.takes(right.Types))
		switch {
		case own.Name != name:
			continue
		case fits(left, right, own.Left.Type, own.Right.Type):
		case left.Param && o.declares(name, &own.Left, &own.Right, left, right), right.Param && o.declares(name, &own.Right, &own.Left, left, right):
			if !takes {
				continue
			}
		case builtIn, !takes, o.prefersText(own, left, right):
			continue
		}
		meant = append(meant, own)
	}
	return meant
}

// declares says whether a client that is not mistaken can have declared a parameter as the type
// of an operand: one of the other's kind, or text.
func (o *Operators) declares(name string, param, known *OwnOperand, left, right Given) bool {
	return param.Category == known.Category || param.Category == "S" && o.takesText(name, left, right)
}

// hasBuiltIn says whether PostgreSQL has an operator of the very types, which it takes.
func (o *Operators) hasBuiltIn(name string, left, right Given) bool {
	return left.certain() && right.certain() && (o.takesText(name, left, right) ||
		slices.ContainsFunc(o.BuiltIn, func(b BuiltInOperator) bool { return b.Name == name && fits(left, right, b.Left, b.Right) }))
}

// takesText says whether PostgreSQL has an operator of the type of one operand and text, as which
// it takes the other, which has no type.
func (o *Operators) takesText(name string, left, right Given) bool {
	return slices.ContainsFunc(o.BuiltIn, func(b BuiltInOperator) bool {
		return b.Name == name && (left.Untyped && b.Left == logical.OIDText && slices.Contains(right.Types, b.Right) ||
			right.Untyped && b.Right == logical.OIDText && slices.Contains(left.Types, b.Left))
	})
}

// prefersText says whether PostgreSQL has its operator of two texts for texts and what has no
// type, because an operator of the database's own is for no more of the very types.
func (o *Operators) prefersText(own *OwnOperator, left, right Given) bool {
	exact, texts := 0, 0
	for i, g := range [...]Given{left, right} {
		switch {
		case g.Types == nil && g.Untyped:
			continue
		case slices.Contains(g.Types, logical.OIDText):
			texts++
		case !slices.Contains(g.Types, logical.OIDVarchar):
			return false
		}
		if slices.Contains(g.Types, [...]uint32{own.Left.Type, own.Right.Type}[i]) {
			exact++
		}
	}
	return exact <= texts && slices.Contains(o.BuiltIn, BuiltInOperator{own.Name, logical.OIDText, logical.OIDText})
}

// fits says whether operands are of two types. One without a type is taken for that of the other.
func fits(left, right Given, l, r uint32) bool {
	switch {
	case left.Types == nil && right.Types == nil:
		return false
	case left.Types == nil:
		return left.Untyped && l == r && slices.Contains(right.Types, r)
	case right.Types == nil:
		return right.Untyped && l == r && slices.Contains(left.Types, l)
	}
	return slices.Contains(left.Types, l) && slices.Contains(right.Types, r)
}

func (g Given) certain() bool { return g.Types != nil || g.Untyped }

// operatorNames are those of the operators that pgseal computes, or compares by terms.
func operatorNames() []string { return append(logical.OperatorNames(), "~~*", "!~~*") }

// loadOperators finds operators that somebody has made. One of which an operand is of a type
// that no sealed value has, as those of extensions mostly are, is only meant by values that are
// exactly of its other type. Those of hstore and citext are of types that pgseal knows.
func loadOperators(ctx context.Context, tx reader) (*Operators, error) {
	rows, err := about(tx, ofCode|ofSchemas|ofTypes).Query(ctx, `
		WITH own AS (
			SELECT o.oprname, n.nspname, o.oprleft, o.oprright,
			       l.oid >= 16384 AND l.typtype NOT IN ('d', 'e') AS left_foreign, r.oid >= 16384 AND r.typtype NOT IN ('d', 'e') AS right_foreign,
			       coalesce(l.typtype, 'b') AS left_kind, r.typtype AS right_kind, coalesce(l.typcategory, '') AS left_category, r.typcategory AS right_category
			  FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
			  LEFT JOIN pg_type l ON l.oid = o.oprleft JOIN pg_type r ON r.oid = o.oprright
			 WHERE o.oid >= 16384 AND o.oprname = ANY ($1) AND n.nspname NOT IN ('pgseal', 'pgseal_column')
			   AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname IN ('citext', 'hstore')
			                    WHERE d.classid = 'pg_operator'::regclass AND d.objid = o.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e')
		), whole(oid, over) AS (
			WITH RECURSIVE w(oid, over) AS (
				SELECT t, t FROM (SELECT oprleft FROM own UNION SELECT oprright FROM own) types(t)
				UNION
				SELECT w.oid, t.typbasetype FROM w JOIN pg_type t ON t.oid = w.over AND t.typtype = 'd'
			) SELECT oid, over FROM w
		), taken(oid, types) AS (
			SELECT oid, array_agg(DISTINCT t ORDER BY t) FROM (
				SELECT oid, over FROM whole
				UNION ALL SELECT w.oid, c.castsource FROM whole w JOIN pg_cast c ON c.casttarget = w.over AND c.castcontext = 'i'
			) all_of(oid, t) GROUP BY oid
		)
		SELECT oprname::text, nspname::text,
		       oprleft, CASE WHEN coalesce(left_foreign, false) OR right_foreign THEN ARRAY[oprleft] ELSE l.types END, left_kind = 'p', left_category::text,
		       oprright, CASE WHEN coalesce(left_foreign, false) OR right_foreign THEN ARRAY[oprright] ELSE r.types END, right_kind = 'p', right_category::text
		  FROM own JOIN taken l ON l.oid = oprleft JOIN taken r ON r.oid = oprright
		 WHERE NOT coalesce(left_foreign, oprleft = 0 AND right_foreign) OR NOT right_foreign
		 ORDER BY oprname, nspname, oprleft, oprright`, operatorNames())
	if err != nil {
		return nil, err
	}
	var own OwnOperator
	all := &Operators{}
	names := []string{}
	if _, err = pgx.ForEachRow(rows, []any{&own.Name, &own.Schema, &own.Left.Type, &own.Left.From, &own.Left.Any, &own.Left.Category,
		&own.Right.Type, &own.Right.From, &own.Right.Any, &own.Right.Category}, func() error {
		o := own
		o.Left.From, o.Right.From = slices.Clone(own.Left.From), slices.Clone(own.Right.From)
		all.Own = append(all.Own, o)
		if !slices.Contains(names, o.Name) {
			names = append(names, o.Name)
		}
		return nil
	}); err != nil || all.Own == nil {
		return nil, err
	}
	if rows, err = about(tx, 0).Query(ctx, `SELECT oprname::text, oprleft, oprright FROM pg_operator WHERE oid < 16384 AND oprname = ANY ($1) ORDER BY 1, 2, 3`, names); err != nil {
		return nil, err
	}
	all.BuiltIn, err = pgx.CollectRows(rows, pgx.RowToStructByPos[BuiltInOperator])
	return all, err
}
