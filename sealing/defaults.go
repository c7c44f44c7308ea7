package sealing

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/jackc/pgx/v5"

	"pgseal/catalog"
	"pgseal/logical"
)

// noteColumn and defaultNote: see catalog/default.go.
const noteColumn = catalog.NoteColumn

type defaultNote = catalog.DefaultNote

// defaultOf is what a default becomes: SQL for one relation.
type defaultOf struct {
	member *member
	sql    string
}

// statement gives the relation its new default. ONLY: partitions and children
// have theirs.
func (d *defaultOf) statement(c *column) string {
	return fmt.Sprintf("ALTER TABLE ONLY %s ALTER COLUMN %s SET DEFAULT %s", d.member.sql(), quote(c.name), d.sql)
}

// sealDefaults seals the defaults of a column in all its relations, and notes
// their expressions. What the server would compute at each INSERT stays in the
// catalog; see catalog.ComputedDefault.
func sealDefaults(ctx context.Context, tx pgx.Tx, c *column, domain string, s *sealer) (out []defaultOf, notes [][]byte, err error) {
	made := map[string]string{}
	for i := range c.tree {
		m := &c.tree[i]
		if m.def == "" {
			continue
		}
		sql, done := made[m.def]
		if !done {
			constant, err := isConstant(ctx, tx, m.defNode)
			if err != nil {
				return nil, nil, err
			}
			if !constant {
				if err := checkComputed(ctx, tx, c, m); err != nil {
					return nil, nil, err
				}
				made[m.def] = catalog.WrapDefault(m.def)
				out = append(out, defaultOf{m, made[m.def]})
				continue
			}
			var note []byte
			if sql, note, err = sealDefault(ctx, tx, c, m, domain, s); err != nil {
				return nil, nil, err
			}
			made[m.def], notes = sql, append(notes, note)
		}
		out = append(out, defaultOf{m, sql})
	}
	return out, notes, nil
}

// checkComputed refuses a default whose values pgseal cannot take for those of the
// column. It is not computed for that: a sequence would count.
func checkComputed(ctx context.Context, tx pgx.Tx, c *column, m *member) error {
	d, err := tx.Conn().PgConn().Prepare(ctx, "", "SELECT "+m.def, nil)
	if err != nil {
		return err
	}
	if len(d.Fields) == 1 && c.typ.CheckOID(d.Fields[0].DataTypeOID, logical.Assign) == nil {
		return nil
	}
	return refuse(c.String(), "give the default the type of the column: ALTER TABLE … ALTER … SET DEFAULT (…)::"+c.typeName,
		"its default in %s is of a type that pgseal does not convert into %s", m, c.typeName)
}

func sealDefault(ctx context.Context, tx pgx.Tx, c *column, m *member, domain string, s *sealer) (sql string, note []byte, err error) {
	if err := s.unwrap(ctx); err != nil {
		return "", nil, err
	}
	value, err := evaluateDefault(ctx, tx, c, m, s.columnID)
	if err != nil {
		return "", nil, err
	}
	kept := defaultNote{Null: value == nil, Canonical: value, SQL: m.def}
	plain := kept.Plaintext(s.columnID)
	defer clear(plain)
	if note, err = s.sealKey.Seal(nil, noteColumn, 0, nil, plain); err != nil {
		return "", nil, err
	}
	if value == nil {
		return "NULL::" + domain, note, nil
	}
	env, err := s.seal(nil, value)
	return byteaSQL(env), note, err
}

func byteaSQL(b []byte) string { return fmt.Sprintf(`E'\\x%x'::bytea`, b) }

// evaluateDefault gives a default's value in binary form, nil for NULL. A table
// with nothing but the default computes it, so that no statement, which the
// server may log, holds its text.
func evaluateDefault(ctx context.Context, tx pgx.Tx, c *column, m *member, id uint32) ([]byte, error) {
	scratch := quote("pgseal_column", fmt.Sprintf("default_%d", id))
	if err := execAll(ctx, tx, fmt.Sprintf("CREATE UNLOGGED TABLE %s (LIKE %s INCLUDING DEFAULTS)", scratch, m.sql())); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND attname <> $2`, scratch, c.name)
	if err != nil {
		return nil, err
	}
	others, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	for _, name := range others {
		if err := execAll(ctx, tx, fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s", scratch, quote(name))); err != nil {
			return nil, err
		}
	}
	if err := execAll(ctx, tx, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL", scratch, quote(c.name))); err != nil {
		return nil, err
	}
	result := tx.Conn().PgConn().ExecParams(ctx, fmt.Sprintf("INSERT INTO %s DEFAULT VALUES RETURNING %s", scratch, quote(c.name)),
		nil, nil, nil, []int16{pgx.BinaryFormatCode}).Read()
	if result.Err != nil {
		return nil, fmt.Errorf("the default of %s: %w", display(m.schema, m.table, c.name), result.Err)
	}
	if err := execAll(ctx, tx, "DROP TABLE "+scratch); err != nil {
		return nil, err
	}
	return result.Rows[0][0], nil
}

var (
	nodeKinds   = regexp.MustCompile(`\{([A-Z]+)`)
	nodeCalls   = regexp.MustCompile(`:(?:funcid|opfuncid) (\d+)`)
	constantish = map[string]bool{"CONST": true, "FUNCEXPR": true, "OPEXPR": true, "RELABELTYPE": true, "COERCETODOMAIN": true}
)

// isConstant says whether an expression can be evaluated once for all: made of
// constants, and of functions, casts and operators that are immutable.
func isConstant(ctx context.Context, tx pgx.Tx, node string) (bool, error) {
	for _, kind := range nodeKinds.FindAllStringSubmatch(node, -1) {
		if !constantish[kind[1]] {
			return false, nil
		}
	}
	var calls []uint32
	for _, call := range nodeCalls.FindAllStringSubmatch(node, -1) {
		oid, err := strconv.ParseUint(call[1], 10, 32)
		if err != nil {
			return false, fmt.Errorf("read a default: %w", err)
		}
		calls = append(calls, uint32(oid))
	}
	var immutable bool
	err := tx.QueryRow(ctx, `SELECT coalesce(bool_and(p.provolatile = 'i'), true)
		FROM pg_catalog.unnest($1::oid[]) f(oid) LEFT JOIN pg_catalog.pg_proc p ON p.oid = f.oid`, calls).Scan(&immutable)
	return immutable, err
}

// openDefaults gives the defaults of a sealed column back in clear: the original
// expression where the default is still the one that was sealed, a literal where
// it was changed since.
func openDefaults(ctx context.Context, tx pgx.Tx, c *column, s sealed, o *opener) (out []defaultOf, err error) {
	notes, err := o.notes(ctx, s)
	if err != nil {
		return nil, err
	}
	for i := range c.tree {
		m := &c.tree[i]
		if m.def == "" {
			continue
		}
		if sql, ok := catalog.UnwrapDefault(m.def); ok {
			out = append(out, defaultOf{m, sql})
			continue
		}
		if constant, err := isConstant(ctx, tx, m.defNode); err != nil || !constant {
			return nil, errors.Join(err, refuse(c.String(), "drop the default", "its default in %s is computed on the server", m))
		}
		env, err := evaluateDefault(ctx, tx, c, m, s.id)
		if err != nil {
			return nil, err
		}
		sql, err := openDefault(ctx, tx, c, s, env, notes, o)
		if err != nil {
			return nil, fmt.Errorf("the default of %s: %w", display(m.schema, m.table, c.name), err)
		}
		out = append(out, defaultOf{m, sql})
	}
	return out, nil
}

func openDefault(ctx context.Context, tx pgx.Tx, c *column, s sealed, env []byte, notes []defaultNote, o *opener) (string, error) {
	var canonical []byte
	if env != nil {
		var err error
		if canonical, err = o.open(ctx, s, nil, env); err != nil {
			return "", err
		}
	}
	for _, n := range notes {
		if n.Null == (env == nil) && string(n.Canonical) == string(canonical) {
			return n.SQL, nil
		}
	}
	if env == nil {
		return "NULL", nil
	}
	text, err := s.typ.AppendText(nil, canonical, nil)
	if err != nil {
		return "", err
	}
	var literal string
	err = tx.QueryRow(ctx, `SELECT pg_catalog.quote_literal($1::text)`, string(text)).Scan(&literal)
	return literal, err
}
