package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ComputedDefault is a default that is another value each time. The server has it
// inside a call of pgseal.computed_default, which fails: the value is asked for in
// front of the statement and sealed. See docs/decisions/0020-computed-defaults.md.
type ComputedDefault struct {
	// SQL is the expression, with the schemas of all but the system's own names.
	SQL string
	// Check is a condition that is true as long as the column has this default.
	Check string
	// PerRow: it is another value in each row.
	PerRow bool
	// UUID: it is a random UUID, which need not be the server's.
	UUID bool
	// Counts: computing it once more, or once less, than the server would have can be
	// noticed. A sequence counts, and so may any function that is volatile.
	Counts bool
	// Alone: it may read what the statement has written so far.
	Alone bool
	// Calls are the functions that must not be called in the same statement, because
	// they would be called in another order than the server's.
	Calls []string
	// Functions are those that it calls and that are not the system's own.
	Functions []string
	// Domain is that whose default it is, which the server does not have for the column: a
	// value that comes from there cannot be asked for; "" for a default of its own.
	Domain string
	// Beside is another column of the relation whose default calls one of Calls, or
	// counts the same sequence; "" for none.
	Beside string
}

// ComputedDefaultFunction stands around such an expression.
const ComputedDefaultFunction = "pgseal.computed_default"

// WrapDefault makes an expression a ComputedDefault for the server.
func WrapDefault(sql string) string { return ComputedDefaultFunction + "(" + sql + ")" }

// UnwrapDefault gives the expression back, as the server prints it: with the schema
// of the function, or without where the search path has it. ok is false for any
// other default.
func UnwrapDefault(printed string) (sql string, ok bool) {
	_, bare, _ := strings.Cut(ComputedDefaultFunction, ".")
	rest, ok := strings.CutPrefix(printed, ComputedDefaultFunction+"(")
	if !ok {
		rest, ok = strings.CutPrefix(printed, bare+"(")
	}
	return strings.TrimSuffix(rest, ")"), ok && strings.HasSuffix(rest, ")")
}

var (
	// independent are the volatile functions whose values have nothing to do with
	// each other, and nobody can tell how many there were.
	independent = []string{"gen_random_uuid", "uuidv4", "uuidv7", "gen_random_bytes", "uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v4"}
	randomUUIDs = []string{"gen_random_uuid", "uuidv4", "uuid_generate_v4"}
	clocks      = []string{"clock_timestamp", "statement_timestamp", "timeofday"}
	counters    = []string{"nextval", "setval", "currval", "lastval"}
)

// calledByDefault is a function that a default calls and that is no mere function of
// its arguments.
type calledByDefault struct {
	Name     string
	Volatile bool
	System   bool
	Compiled bool
}

// loadDefaults adds the computed defaults to relations with sealed columns.
func loadDefaults(ctx context.Context, tx reader, relations []*Relation) error {
	sealed, oids := withSealedColumns(relations)
	rows, err := about(tx, ofSealed|ofCode|ofTypes|ofNames|ofSchemas).Query(ctx, `
		SELECT d.adrelid, d.adnum, pg_get_expr(d.adbin, 0), md5(d.adbin::text),
		       ARRAY(SELECT c.relname::text || ' ' || c.oid FROM pg_depend s JOIN pg_class c ON c.oid = s.refobjid AND c.relkind = 'S'
		              WHERE s.classid = 'pg_attrdef'::regclass AND s.objid = d.oid AND s.refclassid = 'pg_class'::regclass),
		       called.names, called.volatile, called.system, called.compiled
		  FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum AND a.attgenerated = '',
		       LATERAL (SELECT array_agg(p.proname::text ORDER BY p.oid), array_agg(p.provolatile = 'v' ORDER BY p.oid),
		                       array_agg(p.pronamespace = 'pg_catalog'::regnamespace ORDER BY p.oid),
		                       array_agg(l.lanname IN ('internal', 'c') ORDER BY p.oid)
		                  FROM (SELECT DISTINCT m[1]::oid AS oid FROM regexp_matches(d.adbin::text, ':(?:funcid|opfuncid) (\d+)', 'g') m) f
		                  JOIN pg_proc p ON p.oid = f.oid JOIN pg_language l ON l.oid = p.prolang
		                 WHERE p.oid IS DISTINCT FROM to_regprocedure('pgseal.computed_default(anyelement)')::oid
		               ) called (names, volatile, system, compiled)
		 WHERE d.adrelid = ANY($1)
		 ORDER BY d.adrelid, d.adnum`, oids)
	if err != nil {
		return err
	}
	var (
		oid                        uint32
		number                     int16
		printed, hash              string
		sequences                  []string // name and number
		names                      []string
		volatile, system, compiled []bool
		sources                    = map[*Column][]string{}
	)
	_, err = pgx.ForEachRow(rows, []any{&oid, &number, &printed, &hash, &sequences, &names, &volatile, &system, &compiled}, func() error {
		r := sealed[oid]
		i := slices.IndexFunc(r.Columns, func(c Column) bool { return c.AttNum == number })
		if i < 0 {
			return nil
		}
		var called []calledByDefault
		for k, name := range names {
			called = append(called, calledByDefault{name, volatile[k], system[k], compiled[k]})
		}
		c := &r.Columns[i]
		if sql, ok := UnwrapDefault(printed); ok && c.Sealed != nil {
			c.Default = &ComputedDefault{SQL: sql, Check: fmt.Sprintf("(SELECT pg_catalog.md5(adbin::pg_catalog.text) FROM pg_catalog.pg_attrdef"+
				" WHERE adrelid OPERATOR(pg_catalog.=) %d::pg_catalog.oid AND adnum OPERATOR(pg_catalog.=) %d) OPERATOR(pg_catalog.=) '%s'", oid, number, hash)}
			c.Default.classify(called)
			c.Default.UUID = isRandomUUID(sql, called)
		}
		sources[c] = sourcesOf(called, sequences)
		return nil
	})
	if err != nil {
		return err
	}
	if err := identitySequences(ctx, tx, sealed, oids, sources); err != nil {
		return err
	}
	for _, r := range sealed {
		for i := range r.Columns {
			c := &r.Columns[i]
			if c.Default != nil {
				c.Default.Beside = besides(r, c, sources)
			}
			if c.Sealed != nil && !c.HasDefault && c.Sealed.Type.Def != nil && c.Sealed.Type.Def.HasDefault {
				c.Default = &ComputedDefault{Domain: c.Sealed.Type.Def.Name}
			}
			c.Draws = draws(sources[c])
		}
	}
	return nil
}

// identitySequences adds the sequences of identity columns, which have no default.
func identitySequences(ctx context.Context, tx reader, relations map[uint32]*Relation, oids []uint32, sources map[*Column][]string) error {
	rows, err := about(tx, ofSealed).Query(ctx, `
		SELECT d.refobjid, d.refobjsubid::int2, c.relname::text || ' ' || c.oid FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
		 WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY($1) AND d.deptype = 'i'`, oids)
	if err != nil {
		return err
	}
	var (
		relation uint32
		sequence string
		number   int16
	)
	_, err = pgx.ForEachRow(rows, []any{&relation, &number, &sequence}, func() error {
		r := relations[relation]
		if i := slices.IndexFunc(r.Columns, func(c Column) bool { return c.AttNum == number }); i >= 0 {
			c := &r.Columns[i]
			sources[c] = append(sources[c], sequencePrefix+sequence)
		}
		return nil
	})
	return err
}

// classify fills in what follows from the functions that a default calls.
func (d *ComputedDefault) classify(called []calledByDefault) {
	for _, f := range called {
		if !f.System {
			d.Functions = append(d.Functions, f.Name)
		}
		switch {
		case f.System && slices.Contains(counters, f.Name):
			d.PerRow, d.Counts, d.Calls = true, true, append(d.Calls, counters...)
		case f.System && slices.Contains(clocks, f.Name):
			d.PerRow = d.PerRow || f.Volatile
			d.Calls = append(d.Calls, clocks...)
		case f.Volatile && f.Compiled && slices.Contains(independent, f.Name):
			d.PerRow = true
		case f.Volatile:
			d.PerRow, d.Calls = true, append(d.Calls, f.Name)
			d.Counts = d.Counts || !f.System
			d.Alone = d.Alone || !f.Compiled
		}
	}
	slices.Sort(d.Calls)
	d.Calls = slices.Compact(d.Calls)
}

// isRandomUUID says whether an expression is nothing but a random UUID, or its text.
func isRandomUUID(sql string, called []calledByDefault) bool {
	if len(called) != 1 || !called[0].Volatile || !called[0].Compiled || !slices.Contains(randomUUIDs, called[0].Name) {
		return false
	}
	for _, cast := range [...]string{")::text", ")::character varying"} {
		if inner, ok := strings.CutSuffix(sql, cast); ok && strings.HasPrefix(inner, "(") {
			sql = inner[1:]
			break
		}
	}
	schema, ok := strings.CutSuffix(sql, called[0].Name+"()")
	return ok && (schema == "" || isName(strings.TrimSuffix(schema, ".")) && strings.HasSuffix(schema, "."))
}

// isName says whether a text is one name, quoted or not.
func isName(s string) bool {
	if quoted, ok := strings.CutPrefix(s, `"`); ok {
		quoted, ok = strings.CutSuffix(quoted, `"`)
		return ok && quoted != "" && !strings.Contains(quoted, `"`)
	}
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_0123456789") == ""
}

// sourcesOf names what a default draws from in an order that matters.
func sourcesOf(called []calledByDefault, sequences []string) (sources []string) {
	for _, f := range called {
		switch {
		case f.System && slices.Contains(counters, f.Name):
			if len(sequences) == 0 {
				sources = append(sources, anySequence)
			}
			for _, s := range sequences {
				sources = append(sources, sequencePrefix+s)
			}
		case f.System && slices.Contains(clocks, f.Name):
			sources = append(sources, "clock")
		case f.Volatile && !(f.Compiled && slices.Contains(independent, f.Name)):
			sources = append(sources, functionPrefix+f.Name)
		}
	}
	return sources
}

const (
	functionPrefix = "function "
	sequencePrefix = "sequence "
	anySequence    = sequencePrefix + "of a name that is known when it runs"
)

// draws are the names of the sequences among the sources.
func draws(sources []string) (names []string) {
	for _, s := range sources {
		sequence, ok := strings.CutPrefix(s, sequencePrefix)
		switch {
		case s == anySequence || strings.HasPrefix(s, functionPrefix):
			names = append(names, "")
		case ok:
			names = append(names, sequence[:strings.LastIndexByte(sequence, ' ')])
		}
	}
	return names
}

// besides finds another column whose default draws from the same source.
func besides(r *Relation, of *Column, sources map[*Column][]string) string {
	for i := range r.Columns {
		c := &r.Columns[i]
		if c == of {
			continue
		}
		for _, a := range sources[of] {
			for _, b := range sources[c] {
				if a == b || a == anySequence && strings.HasPrefix(b, sequencePrefix) || b == anySequence && strings.HasPrefix(a, sequencePrefix) {
					return c.Name
				}
			}
		}
	}
	return ""
}
