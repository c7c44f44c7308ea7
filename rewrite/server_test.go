package rewrite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/integration/pgtest"
	"pgseal/logical"
)

// fixtureDDL makes the schema that the tests plan against, as the server has
// it: sealed columns have a domain over bytea.
func fixtureDDL() string {
	var b strings.Builder
	b.WriteString(`CREATE SCHEMA app; CREATE SCHEMA pgseal;
		CREATE FUNCTION pgseal.eq(value bytea) RETURNS bytea IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql RETURN pg_catalog.substring(value, 12, 16);
		CREATE FUNCTION pgseal.lower(value bytea) RETURNS bytea IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql RETURN pg_catalog.substring(value, 28, 16);
		CREATE FUNCTION pgseal.upper(value bytea) RETURNS bytea IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql RETURN pg_catalog.substring(value, 44, 16);
		CREATE FUNCTION pgseal.computed_default(anyelement) RETURNS bytea LANGUAGE plpgsql AS 'BEGIN RAISE feature_not_supported; END';
		CREATE SCHEMA pgseal_column;
		CREATE FUNCTION pgseal.same_type(anyelement, anyelement) RETURNS bytea IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql AS 'SELECT NULL::bytea';
		CREATE FUNCTION pgseal.retyped(regtype, integer, regtype, integer, regcollation, boolean) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';
		CREATE FUNCTION app.f() RETURNS text LANGUAGE sql RETURN 1; CREATE SEQUENCE s;
		CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
		CREATE FUNCTION some_function(text) RETURNS text LANGUAGE sql RETURN $1;
		CREATE FUNCTION unknown_function(int) RETURNS int LANGUAGE sql RETURN 1;
		CREATE PROCEDURE users() LANGUAGE sql AS 'SELECT 1';
		CREATE PROCEDURE find_user(int) LANGUAGE sql AS 'SELECT 1';
		CREATE ROLE someone; CREATE TABLE unknown_table (id int, note text, ssn text);
	`)
	domain := func(f fixtureRelation, c fixtureColumn) string {
		if c.like != "" {
			return `"domain ` + c.like + `"`
		}
		if c.domain != "" {
			return domainSchema + "." + quoteName(c.domain)
		}
		return `"domain ` + f.name + "." + c.name + `"`
	}
	for _, f := range fixture {
		if f.schema != "public" && f.schema != "app" || f.kind == 'v' {
			continue
		}
		var columns []string
		for _, c := range f.columns {
			typ := "text"
			switch {
			case c.name == "id" || c.name == "user_id" || c.name == "Id":
				typ = "int DEFAULT 0"
			case c.oid != 0 || c.broken != "":
				fmt.Fprintf(&b, "CREATE DOMAIN %s AS bytea;\n", domain(f, c))
				typ = domain(f, c)
			case c.like != "":
				typ = domain(f, c)
			}
			columns = append(columns, quoteName(c.name)+" "+typ)
		}
		fmt.Fprintf(&b, "CREATE TABLE %s.%s (%s);\n", f.schema, quoteName(f.name), strings.Join(columns, ", "))
	}
	b.WriteString(`CREATE VIEW v_users AS SELECT id, ssn FROM users_2020;
		ALTER TABLE users ADD CONSTRAINT users_pkey PRIMARY KEY (id);
		CREATE UNIQUE INDEX users_email_key ON users (pgseal.eq(email));
		CREATE UNIQUE INDEX users_name_ssn_key ON users (name, pgseal.eq(ssn));
		CREATE UNIQUE INDEX ON users (lower(name));`)
	return b.String()
}

// realLiteral writes what a session would: bytes of the right shape.
func realLiteral(dst []byte, l *Literal) ([]byte, error) {
	value := make([]byte, 16)
	if l.Operand.Role == Store {
		value = make([]byte, 64)
	}
	copy(value[max(0, len(value)-len(l.Value)):], l.Value)
	switch {
	case l.Operand.Decides && !l.Operand.OfRows:
		return append(dst, "true"...), nil
	case l.Operand.Records != nil || l.Operand.OfRows:
		return AppendDocument(dst, []byte("{}"), l.Operand.ServerOID()), nil
	case l.Bare:
		return AppendBareBytea(dst, value), nil
	case !l.Operand.Array:
		return AppendBytea(dst, value), nil
	}
	return AppendByteaArray(dst, [][]byte{value, nil}), nil
}

// serverCode is the SQLSTATE that a golden case expects of the server in a
// comment: # server: 42703; "any" where that depends on its version.
func (c *goldenCase) serverCode() string {
	for _, h := range c.head {
		if code, ok := strings.CutPrefix(h, "# server: "); ok {
			return code
		}
	}
	return ""
}

func TestTheServerAcceptsWhatIsPlanned(t *testing.T) {
	ctx := context.Background()
	cluster, err := pgtest.Start(ctx, pgtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	}()
	conn, err := pgx.Connect(ctx, cluster.DSN("postgres", pgtest.Superuser))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	server := conn.PgConn()
	exec := func(sql string) error {
		return server.Exec(ctx, sql).Close()
	}
	if err := exec(fixtureDDL()); err != nil {
		t.Fatal(err)
	}
	version := 0
	if err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int / 10000").Scan(&version); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		const firstWithMerge = 15
		if version < firstWithMerge && filepath.Base(file) == "merge.txt" {
			continue
		}
		cases, _ := readGolden(t, file)
		for _, c := range cases {
			if version < c.since {
				continue
			}
			b, err := c.plan(NewPlanner(4), &Scratch{})
			if err != nil {
				continue // the refusals are in the golden files
			}
			planned, err := b.AppendSQL(nil, realLiteral)
			if err != nil || strings.Contains(c.sql, "COPY") {
				continue // COPY would wait for data
			}
			if err := exec("BEGIN"); err != nil {
				t.Fatal(err)
			}
			if c.path != nil {
				err = exec("SET LOCAL search_path = " + strings.Join(c.path, ", "))
			}
			for _, text := range c.prepared {
				p, planErr := NewPlanner(1).Plan(&Scratch{}, Request{Snapshot: testSnapshot(), Text: []byte(text)})
				if planErr != nil {
					t.Fatal(planErr)
				}
				sql, _ := p.AppendSQL(nil, realLiteral)
				err = errors.Join(err, exec(string(sql)))
			}
			if err != nil {
				t.Fatal(err)
			}
			var sd *pgconn.StatementDescription
			if statements := b.Plan.Statements(); len(statements) > 1 || strings.Contains(string(planned), ";") || c.mode() == Simple && !describable(c.sql) {
				err = exec(string(planned))
			} else {
				var oids []uint32
				if len(statements) == 1 {
					for _, p := range statements[0].Params {
						oid := p.Infer
						if p.Hidden {
							oid = logical.OIDInt4 // what the session finds that it is
						}
						oids = append(oids, oid)
					}
				}
				sd, err = server.Prepare(ctx, "", string(planned), oids)
			}
			code := ""
			var pgErr *pgconn.PgError
			if errors.As(err, &pgErr) {
				code = pgErr.Code
			}
			if code != c.serverCode() && c.serverCode() != "any" {
				t.Errorf("%s\nplanned as\n%s\nthe server says %v, expected %q", c.sql, planned, err, c.serverCode())
			}
			if sd != nil && err == nil && c.serverCode() == "" {
				checkDescription(t, &c, b.Plan, sd)
			}
			if err := exec("ROLLBACK; DEALLOCATE ALL"); err != nil {
				t.Fatal(err)
			}
		}
	}
	emptyByTheEnvelopesOwnTerms(t, conn)
}

// emptyByTheEnvelopesOwnTerms: a column can have got a term since the statement was
// planned.
func emptyByTheEnvelopesOwnTerms(t *testing.T, conn *pgx.Conn) {
	for _, terms := range []envelope.TermFlags{0, envelope.TermEquality, envelope.TermEquality | envelope.TermUpper, envelope.TermEquality | catalog.FoldTerms} {
		for length := range 20 {
			sealed := make([]byte, envelope.Overhead(terms)+length)
			sealed[envelope.HeaderSize-1] = byte(terms)
			var empty bool
			if err := conn.QueryRow(t.Context(), "SELECT "+contentFrom+"$1::bytea"+contentTo+" = ''", sealed).Scan(&empty); err != nil {
				t.Fatal(err)
			}
			if empty != (length == 0) {
				t.Errorf("of an envelope with terms %d of %d bytes: empty %v", terms, length, empty)
			}
		}
	}
}

// describable says whether the server describes the outputs of a text.
func describable(sql string) bool {
	first := strings.ToUpper(strings.Fields(strings.TrimLeft(sql, "( "))[0])
	switch first {
	case "SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "TABLE", "VALUES", "MERGE":
		return true
	}
	return false
}

// checkDescription compares which outputs and parameters are sealed for us with
// what the server says of their types: only what is sealed is a bytea here.
func checkDescription(t *testing.T, c *goldenCase, p *Plan, sd *pgconn.StatementDescription) {
	var s Statement
	if len(p.Statements()) > 0 {
		s = p.Statements()[0]
	}
	for i, f := range sd.Fields {
		sealed := i < len(s.Results) && s.Results[i] != nil && s.Results[i] != catalog.DefaultText
		if sealed && s.Results[i].Document != nil {
			if f.DataTypeOID != s.Results[i].Type.OID {
				t.Errorf("%s\noutput %d (%s) has type %d, planned as %d", c.sql, i+1, f.Name, f.DataTypeOID, s.Results[i].Type.OID)
			}
			continue
		}
		if sealed && s.Results[i].Holds() && s.Results[i].Cells == nil {
			if f.DataTypeOID == logical.OIDBytea {
				t.Errorf("%s\noutput %d (%s) is a bytea, planned as an array or row", c.sql, i+1, f.Name)
			}
			continue
		}
		if (f.DataTypeOID == logical.OIDBytea) != sealed {
			t.Errorf("%s\noutput %d (%s) has type %d; sealed: %v", c.sql, i+1, f.Name, f.DataTypeOID, sealed)
		}
	}
	if len(s.Results) > len(sd.Fields) {
		t.Errorf("%s\nopens %d outputs of %d", c.sql, len(s.Results), len(sd.Fields))
	}
	if s.Params != nil && len(s.Params) != len(sd.ParamOIDs) {
		t.Errorf("%s\nhas %d parameters, the server sees %d", c.sql, len(s.Params), len(sd.ParamOIDs))
	}
	for i, oid := range sd.ParamOIDs {
		const byteaArray = 1001
		switch sealed := i < len(s.Params) && s.Params[i].Operand != nil; {
		case sealed && oid != s.Params[i].Operand.ServerOID(), !sealed && (oid == logical.OIDBytea || oid == byteaArray):
			t.Errorf("%s\nparameter $%d has type %d; sealed: %v", c.sql, i+1, oid, sealed)
		}
	}
}
