package catalog

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// aspect is what a question about the catalog depends on: one or more of these. A
// fingerprint has a hash of each, so that after a change only those questions are
// asked again whose answers it can have changed.
type aspect uint16

const (
	ofNames     aspect = 1 << iota // which relations and types there are of the names in the snapshot
	ofRelations                    // relations without sealed columns
	ofSealed                       // those with sealed columns, their indexes, defaults and sequences, and what depends on sealed types
	ofTaken                        // which names there are that indexes of theirs would get
	ofTypes                        // domains, enums and ranges
	ofCode                         // functions, operators, casts and triggers
	ofSchemas                      // and collations
	ofFired                        // what depends on relations whose writes fire triggers
	ofDomains                      // the domains of sealed columns
	ofMetadata                     // pgseal.sealed_column

	hashedAspects = iota - 2 // those that objectsHash has; the others have hashes of their own
)

// memory answers questions from what was asked before. It is a reader for one load.
type memory struct {
	tx      pgx.Tx
	changed aspect // since known was asked
	known   map[string]*answer
	used    map[string]*answer // what this load has asked: what the next one knows
}

// answer is what the server said to one question.
type answer struct {
	fields []pgconn.FieldDescription
	rows   [][][]byte
}

func (a *answer) read(types *pgtype.Map) pgx.Rows {
	return &answered{fields: a.fields, rows: a.rows, types: types}
}

func (m *memory) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return m.tx.Query(ctx, sql, args...)
}

func (m *memory) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return m.tx.QueryRow(ctx, sql, args...)
}

// prepared asks by prepared statements, each of which is planned once for the whole
// connection: to plan the fingerprint takes the server longer than to compute it. A
// pooler of transactions would leave them with others.
type prepared struct{ pgx.Tx }

func (p prepared) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return p.Tx.Query(ctx, sql, append([]any{pgx.QueryExecModeCacheStatement}, args...)...)
}

func (p prepared) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return p.Tx.QueryRow(ctx, sql, append([]any{pgx.QueryExecModeCacheStatement}, args...)...)
}

// about gives a reader that need not ask again what depends on nothing but of.
func about(r reader, of aspect) reader {
	switch r := r.(type) {
	case *memory:
		return remembered{r, of}
	case *Reading:
		return recalling{r, of}
	}
	return r
}

type remembered struct {
	*memory
	of aspect
}

func (r remembered) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	key, _, err := questionKey(sql, args)
	if err != nil {
		return nil, err
	}
	a := r.known[key]
	if a == nil || r.of&r.changed != 0 {
		if a, err = r.ask(ctx, sql, args); err != nil {
			return nil, err
		}
	}
	r.used[key] = a
	return a.read(r.tx.Conn().TypeMap()), nil
}

func (r remembered) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, err := r.Query(ctx, sql, args...)
	return oneRow{rows, err}
}

func (r remembered) ask(ctx context.Context, sql string, args []any) (*answer, error) {
	rows, err := r.tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	a := &answer{fields: slices.Clone(rows.FieldDescriptions())}
	for rows.Next() {
		raw := rows.RawValues()
		row, size := make([][]byte, len(raw)), 0
		for _, v := range raw {
			size += len(v)
		}
		// What the driver gives is good until the next row only.
		b := make([]byte, 0, size)
		for i, v := range raw {
			if v != nil {
				b = append(b, v...)
				row[i] = b[len(b)-len(v):]
			}
		}
		a.rows = append(a.rows, row)
	}
	return a, rows.Err()
}

// questionKey tells questions apart; params are those of args in text.
func questionKey(sql string, args []any) (key string, params [][]byte, err error) {
	key = sql
	for _, a := range args {
		p, err := textParam(a)
		if err != nil {
			return "", nil, err
		}
		params = append(params, p)
		key += "\x00" + string(p)
	}
	return key, params, nil
}

// answered are the rows of an answer, as pgx gives them.
type answered struct {
	fields []pgconn.FieldDescription
	rows   [][][]byte
	types  *pgtype.Map
	next   int
	err    error
}

func (a *answered) Next() bool {
	if a.err != nil || a.next >= len(a.rows) {
		return false
	}
	a.next++
	return true
}

func (a *answered) Scan(dest ...any) error {
	a.err = pgx.ScanRow(a.types, a.fields, a.rows[a.next-1], dest...)
	return a.err
}

func (a *answered) Close()                                       {}
func (a *answered) Err() error                                   { return a.err }
func (a *answered) CommandTag() pgconn.CommandTag                { return pgconn.CommandTag{} }
func (a *answered) FieldDescriptions() []pgconn.FieldDescription { return a.fields }
func (a *answered) Values() ([]any, error)                       { return nil, errors.ErrUnsupported }
func (a *answered) RawValues() [][]byte                          { return a.rows[a.next-1] }
func (a *answered) Conn() *pgx.Conn                              { return nil }
func (a *answered) TypeMap() *pgtype.Map                         { return a.types }

type oneRow struct {
	rows pgx.Rows
	err  error
}

func (o oneRow) Scan(dest ...any) error {
	switch {
	case o.err != nil:
		return o.err
	case !o.rows.Next():
		return pgx.ErrNoRows
	}
	return o.rows.Scan(dest...)
}
