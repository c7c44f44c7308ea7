package catalog_test

import (
	"strings"
	"testing"

	"pgseal/catalog"
	"pgseal/logical"
)

// An operator is PostgreSQL's own where it has one of the very types, or prefers it.
func TestWhichOperatorIsMeant(t *testing.T) {
	_, conn := sealedDatabase(t)
	mustExec(t, conn, `CREATE TYPE hue AS ENUM ('red'); CREATE DOMAIN code AS varchar(9); CREATE TYPE pair AS (a int);
		CREATE FUNCTION vv(varchar, varchar) RETURNS boolean LANGUAGE sql AS 'SELECT true';
		CREATE FUNCTION it(int, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
		CREATE FUNCTION hh(hue, hue) RETURNS boolean LANGUAGE sql AS 'SELECT true';
		CREATE FUNCTION cc(code, code) RETURNS boolean LANGUAGE sql AS 'SELECT true';
		CREATE FUNCTION vp(varchar, pair) RETURNS boolean LANGUAGE sql AS 'SELECT true';
		CREATE FUNCTION pp(pair, pair) RETURNS boolean LANGUAGE sql AS 'SELECT true';
		CREATE FUNCTION ee(anyelement, anyelement) RETURNS boolean LANGUAGE sql AS 'SELECT true';
		CREATE FUNCTION tp(text, pair) RETURNS boolean LANGUAGE sql AS 'SELECT true';
		CREATE FUNCTION nv(varchar) RETURNS boolean LANGUAGE sql AS 'SELECT true';
		CREATE OPERATOR ~ (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = vv);
		CREATE OPERATOR = (LEFTARG = int, RIGHTARG = text, FUNCTION = it);
		CREATE OPERATOR = (LEFTARG = hue, RIGHTARG = hue, FUNCTION = hh);
		CREATE OPERATOR < (LEFTARG = code, RIGHTARG = code, FUNCTION = cc);
		CREATE OPERATOR > (LEFTARG = varchar, RIGHTARG = pair, FUNCTION = vp);
		CREATE OPERATOR >= (LEFTARG = pair, RIGHTARG = pair, FUNCTION = pp);
		CREATE OPERATOR <= (LEFTARG = anyelement, RIGHTARG = anyelement, FUNCTION = ee);
		CREATE OPERATOR || (LEFTARG = text, RIGHTARG = pair, FUNCTION = tp);
		CREATE OPERATOR - (RIGHTARG = varchar, FUNCTION = nv);
		CREATE OPERATOR <<>> (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = vv);
		CREATE OPERATOR pgseal.~ (LEFTARG = text, RIGHTARG = text, FUNCTION = textregexeq)`)
	o := load(t, conn).Operators()
	if o == nil {
		t.Fatal("no operators")
	}
	hue := one[uint32](t, conn, `SELECT 'hue'::regtype::oid`)
	code := one[uint32](t, conn, `SELECT 'code'::regtype::oid`)
	untyped, param := catalog.Given{Untyped: true}, catalog.Given{Untyped: true, Param: true}
	of := func(oids ...uint32) catalog.Given { return catalog.Given{Types: oids} }
	none, varchar, text, integer := of(0), of(logical.OIDVarchar), of(logical.OIDText), of(logical.OIDInt4)
	for _, c := range []struct {
		name        string
		left, right catalog.Given
		meant       bool
	}{
		{"~", varchar, untyped, true}, {"~", untyped, varchar, true}, {"~", varchar, varchar, true}, {"~", varchar, param, true}, {"~", of(code, logical.OIDVarchar), untyped, true},
		{"~", text, untyped, false}, {"~", text, text, false}, {"~", varchar, text, false}, {"~", text, varchar, false}, {"~", integer, untyped, false},
		{"~", varchar, catalog.Given{}, true}, {"~~", varchar, untyped, false},
		{"=", integer, untyped, false}, {"=", integer, text, true}, {"=", integer, varchar, true}, {"=", integer, integer, false}, {"=", of(logical.OIDInt2), text, true}, {"=", text, untyped, false},
		{"=", of(hue), untyped, true}, {"=", of(hue), of(hue), true}, {"=", varchar, untyped, false},
		{"<", of(code, logical.OIDVarchar), untyped, true}, {"<", varchar, untyped, false},
		{">", varchar, untyped, true}, {">", text, untyped, false}, {">=", varchar, untyped, false}, {">=", text, catalog.Given{}, false},
		{"<=", integer, untyped, false}, {"<=", of(hue), untyped, true}, {"<=", varchar, untyped, false},
		{"||", text, untyped, false}, {"||", varchar, untyped, false},
		{"-", none, varchar, true}, {"-", none, integer, false}, {"-", integer, varchar, false},
		{"<<>>", varchar, varchar, false},
	} {
		if got := len(o.Meant(c.name, c.left, c.right)) > 0; got != c.meant {
			t.Errorf("%v %s %v: %v", c.left, c.name, c.right, got)
		}
	}
	for _, own := range o.Own {
		if own.Schema == "pgseal" {
			t.Error("one of pgseal's")
		}
	}
	mustExec(t, conn, `DROP OPERATOR pgseal.~ (text, text)`)
	before := load(t, conn).Version
	mustExec(t, conn, `CREATE OPERATOR <<<>>> (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = vv)`)
	if load(t, conn).Version != before {
		t.Error("an operator that pgseal never computes makes another version")
	}
	mustExec(t, conn, `ALTER OPERATOR ~ (varchar, varchar) SET SCHEMA pgseal_column`)
	if after := load(t, conn); after.Version == before || strings.Contains(after.Operators().Own[0].Schema, "pgseal") {
		t.Error("an operator that goes makes no other version")
	}
}
