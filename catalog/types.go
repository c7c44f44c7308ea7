package catalog

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"pgseal/logical"
)

// TypeReason is why a type cannot be that of a sealed column.
type TypeReason struct{ Reason, Hint string }

func (r *TypeReason) Error() string { return r.Reason }

// userType is one row of pg_type with what belongs to it.
type userType struct {
	oid              uint32
	schema, name     string
	kind             string // pg_type.typtype
	array            uint32
	base             uint32
	baseTypmod       int32
	notNull          bool
	element          uint32 // of a true array
	labels           []string
	checks, texts    []string
	ambiguous        bool
	extension        string // "" if it belongs to none
	constraintsValid bool
	hasDefault       bool
}

// Types finds the logical types with these OIDs, with their definitions where
// they are not built in. A type that no sealed column can have is missing from
// the types and has its reason instead. The search path must be pg_catalog.
func Types(ctx context.Context, tx reader, oids []uint32) (map[uint32]logical.Type, map[uint32]*TypeReason, error) {
	var unknown []uint32
	types := map[uint32]logical.Type{}
	for _, oid := range oids {
		if logical.Supported(oid) {
			types[oid] = logical.Type{OID: oid, Typmod: -1}
		} else {
			unknown = append(unknown, oid)
		}
	}
	reasons := map[uint32]*TypeReason{}
	if len(unknown) == 0 {
		return types, reasons, nil
	}
	// Only definitions of parts may be read, whatever the plan: that of a domain of
	// somebody's may name a type that is gone, which the server cannot print.
	rows, err := about(tx, ofTypes|ofSchemas|ofNames|ofCode).Query(ctx, `
		WITH RECURSIVE parts(oid) AS (
			SELECT unnest($1::oid[])
			UNION
			SELECT p.oid FROM parts JOIN pg_type t ON t.oid = parts.oid
			 CROSS JOIN LATERAL (VALUES (t.typbasetype), (t.typelem)) p(oid) WHERE p.oid <> 0
		)
		SELECT t.oid, n.nspname::text, t.typname::text, t.typtype::text, t.typarray, t.typbasetype, t.typtypmod, t.typnotnull,
		       CASE WHEN t.typsubscript = 'array_subscript_handler'::regproc THEN t.typelem ELSE 0 END,
		       (SELECT coalesce(array_agg(e.enumlabel::text ORDER BY e.enumsortorder), '{}') FROM pg_enum e WHERE e.enumtypid = t.oid),
		       c.names, c.texts, c.valid, t.typdefault IS NOT NULL,
		       EXISTS (SELECT FROM pg_type o WHERE o.typname = t.typname AND o.oid <> t.oid),
		       coalesce((SELECT e.extname::text FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
		                  WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.objsubid = 0
		                    AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'), '')
		  FROM parts JOIN pg_type t ON t.oid = parts.oid JOIN pg_namespace n ON n.oid = t.typnamespace
		 CROSS JOIN LATERAL (
		       SELECT coalesce(array_agg(c.conname::text ORDER BY c.conname), '{}'),
		              coalesce(array_agg(pg_get_constraintdef(c.oid) ORDER BY c.conname), '{}'),
		              coalesce(bool_and(c.convalidated), true)
		         FROM pg_constraint c WHERE c.contypid = parts.oid AND c.contype = 'c') c(names, texts, valid)`, unknown)
	if err != nil {
		return nil, nil, err
	}
	found := map[uint32]*userType{}
	var u userType
	_, err = pgx.ForEachRow(rows, []any{&u.oid, &u.schema, &u.name, &u.kind, &u.array, &u.base, &u.baseTypmod, &u.notNull,
		&u.element, &u.labels, &u.checks, &u.texts, &u.constraintsValid, &u.hasDefault, &u.ambiguous, &u.extension}, func() error {
		one := u
		u.labels, u.checks, u.texts = nil, nil, nil
		found[one.oid] = &one
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	r := resolver{found: found, types: types, reasons: reasons}
	for _, oid := range unknown {
		r.resolve(oid)
	}
	return types, reasons, nil
}

// resolver makes types of rows; each once, so that they can be compared.
type resolver struct {
	found   map[uint32]*userType
	types   map[uint32]logical.Type
	reasons map[uint32]*TypeReason
}

func (r *resolver) resolve(oid uint32) (logical.Type, *TypeReason) {
	if t, ok := r.types[oid]; ok {
		return t, nil
	}
	if reason := r.reasons[oid]; reason != nil {
		return logical.Type{}, reason
	}
	if logical.Supported(oid) {
		r.types[oid] = logical.Type{OID: oid, Typmod: -1}
		return r.types[oid], nil
	}
	t, reason := r.make(oid)
	if reason != nil {
		r.reasons[oid] = reason
	} else {
		r.types[oid] = t
	}
	return t, reason
}

func (r *resolver) make(oid uint32) (logical.Type, *TypeReason) {
	u := r.found[oid]
	if u == nil {
		return logical.Type{}, &TypeReason{Reason: "its type is gone"}
	}
	id := logical.Identity{Schema: u.schema, Name: u.name, ArrayOID: u.array, Ambiguous: u.ambiguous}
	t := logical.Type{OID: oid, Typmod: -1}
	switch {
	case u.extension == "hstore" && u.name == "hstore":
		t.Def = logical.Hstore(id)
	case u.extension == "citext" && u.name == "citext":
		t.Def = logical.Citext(id)
	case u.kind == "e":
		t.Def = logical.Enum(id, u.labels)
	case u.kind == "d":
		base, reason := r.resolve(u.base)
		if reason != nil {
			return t, reason
		}
		base.Typmod = u.baseTypmod
		rules := logical.DomainRules{NotNull: u.notNull, HasDefault: u.hasDefault}
		for i, text := range u.texts {
			check, err := logical.NewCheck(u.checks[i], text, base)
			var e *logical.Error
			if errors.As(err, &e) {
				return t, &TypeReason{Reason: e.Message, Hint: e.Hint}
			}
			rules.Checks = append(rules.Checks, check)
		}
		t.Def = logical.Domain(id, base, rules)
	case u.element != 0:
		element, reason := r.resolve(u.element)
		if reason != nil {
			return t, reason
		}
		if element.Def == nil {
			return t, &TypeReason{Reason: "its type is an array of a type that pgseal does not know"}
		}
		t.Def = logical.ArrayOf(id, element)
	default:
		return t, &TypeReason{Reason: "its type " + u.schema + "." + u.name + " is not one that pgseal knows"}
	}
	return t, nil
}
