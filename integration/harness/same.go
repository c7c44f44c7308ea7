package harness

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// refusal is the SQLSTATE of a statement that cannot be answered exactly.
const refusal = "0A000"

// Same runs the steps on both sides, each time from empty tables, and fails the test
// where a client could see a difference: all of them in the simple protocol, and twice
// prepared, with text and with binary results.
func (p *Pair) Same(t *testing.T, steps ...Step) {
	t.Helper()
	p.SameIn(t, Modes, steps...)
}

// SameIn is Same in some modes only.
func (p *Pair) SameIn(t *testing.T, modes []Mode, steps ...Step) {
	t.Helper()
	for _, pass := range passes(modes) {
		t.Run(pass.name(), func(t *testing.T) {
			p.Empty()
			c := p.again(t, pass[0])
			for i, step := range steps {
				c.mode = pass[i%len(pass)]
				if !c.Step(step) {
					t.Fatalf("step %d: the sides have diverged, the rest would be noise", i+1)
				}
			}
		})
	}
}

// Comparison is one session on each side.
type Comparison struct {
	t            *testing.T
	mode         Mode
	twin, sealed *session
	side         *pgx.Conn // to the twin, for questions about types
	senders      map[uint32]string
	oids         typeOIDs
}

// Compare opens a session on each side; the test's end closes them.
func (p *Pair) Compare(t *testing.T, mode Mode) *Comparison {
	t.Helper()
	return p.compare(t, mode, [2]*session{p.open(t, p.TwinURL()), p.open(t, p.URL())})
}

func (p *Pair) compare(t *testing.T, mode Mode, sides [2]*session) *Comparison {
	t.Helper()
	asides := p.aside()
	return &Comparison{t: t, mode: mode, twin: sides[0], sealed: sides[1], side: asides[0], senders: map[uint32]string{}, oids: typeNumbers(t, asides)}
}

// again is Compare with the sessions of the pair's last comparison in all modes, as a
// pooler hands them to the next client: on some machines making two takes longer than
// most of what is compared in them.
func (p *Pair) again(t *testing.T, mode Mode) *Comparison {
	t.Helper()
	for i, url := range [2]string{p.TwinURL(), p.URL()} {
		if s := p.pooled[i]; s == nil || s.discard(t.Context()) != nil {
			p.pooled[i] = p.open(p.t, url)
		}
	}
	return p.compare(t, mode, p.pooled)
}

// open is a session that the test's end closes.
func (p *Pair) open(t testing.TB, url string) *session {
	t.Helper()
	s, err := openSession(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.conn.Close(context.WithoutCancel(t.Context())) })
	return s
}

// Step runs one step on both sides. It returns false, and has failed the test,
// when they differ.
func (c *Comparison) Step(step Step) bool {
	c.t.Helper()
	v := c.values(step)
	sealed := c.one(c.sealed, "sealed", step, v)
	if sealed == nil {
		return false
	}
	if step.refuse {
		return c.refused(step, sealed)
	}
	return c.compare(step, v, sealed)
}

// Within is Step in a subtest of the test that the sessions belong to.
func (c *Comparison) Within(t *testing.T, step Step) bool {
	t.Helper()
	outer := c.t
	c.t = t
	defer func() { c.t = outer }()
	return c.Step(step)
}

// Generated runs a step that may be refused: then the twin does not run it.
func (c *Comparison) Generated(step Step) (refused, same bool) {
	c.t.Helper()
	v := c.values(step)
	sealed := c.one(c.sealed, "sealed", step, v)
	if sealed == nil {
		return false, false
	}
	// PostgreSQL refuses with that SQLSTATE, too, mostly without a hint.
	if err := sealed[len(sealed)-1].err; err != nil && err.Code == refusal && err.Hint != "" {
		return true, c.refused(step, sealed)
	}
	step.anyDataError = true
	return false, c.compare(step, v, sealed)
}

// bothReject reports whether both sides fail, and at least one of them for the data: a
// statement with two things wrong fails for the one that is looked at first, and
// nothing says which that is.
func bothReject(twin, sealed []outcome, anyError bool) bool {
	x, y := twin[len(twin)-1], sealed[len(sealed)-1]
	if x.err == nil || y.err == nil || x.status != y.status {
		return false
	}
	if anyError {
		return true
	}
	data := func(e *pgconn.PgError) bool {
		return strings.HasPrefix(e.Code, dataException) || strings.HasPrefix(e.Code, integrityViolation)
	}
	wrong := func(e *pgconn.PgError) bool { return strings.HasPrefix(e.Code, wrongStatement) }
	return data(x.err) && (data(y.err) || wrong(y.err)) || wrong(x.err) && data(y.err)
}

// The classes of SQLSTATEs for values that do not fit, alone or beside others, and for
// statements that are wrong whatever the values are.
const (
	dataException      = "22"
	integrityViolation = "23"
	wrongStatement     = "42"
)

func (c *Comparison) one(s *session, side string, step Step, v values) []outcome {
	c.t.Helper()
	if s == c.sealed {
		v = c.oids.values(v)
	}
	list, err := s.run(c.t.Context(), c.mode, step, v)
	if err != nil {
		c.t.Errorf("%s: the %s side broke: %v", step.SQL, side, err)
		return nil
	}
	if s == c.sealed {
		c.oids.outcomes(list)
	}
	return list
}

func (c *Comparison) compare(step Step, v values, sealed []outcome) bool {
	c.t.Helper()
	twin := c.one(c.twin, "twin", step, v)
	if twin == nil {
		return false
	}
	got, want := render(sealed, step.unordered), render(twin, step.unordered)
	if got != want && !(step.anyDataError && bothReject(twin, sealed, step.anyError)) {
		c.t.Errorf("%s %q\n--- plain\n%s--- sealed\n%s", step.SQL, step.Args, want, got)
		if err := sealed[len(sealed)-1].err; err != nil {
			c.t.Logf("sealed: %s (hint: %s)", err.Message, err.Hint)
		}
		return false
	}
	last := twin[len(twin)-1].err
	switch {
	case step.fails != "" && (last == nil || last.Code != step.fails):
		c.t.Errorf("%s %q: the plain side does not fail with %s:\n%s", step.SQL, step.Args, step.fails, want)
		return false
	case step.fails == "" && last != nil && !step.anyDataError:
		// The sides agree, but did the test's author mean it?
		c.t.Logf("%s %q fails on both sides: %s", step.SQL, step.Args, last.Message)
	}
	return true
}

func (c *Comparison) refused(step Step, list []outcome) bool {
	c.t.Helper()
	err := list[len(list)-1].err
	switch {
	case err == nil:
		c.t.Errorf("%s %q: not refused:\n%s", step.SQL, step.Args, render(list, false))
	case err.Code != refusal:
		c.t.Errorf("%s: SQLSTATE %s (%s), want a refusal, %s", step.SQL, err.Code, err.Message, refusal)
	case err.Hint == "":
		c.t.Errorf("%s: refused without a hint: %s", step.SQL, err.Message)
	case !strings.Contains(err.Message, step.refused):
		c.t.Errorf("%s: the refusal does not say %q: %s", step.SQL, step.refused, err.Message)
	default:
		return true
	}
	return false
}

// values prepares a step's arguments. Types and binary forms are the twin's:
// PostgreSQL itself says what they are.
func (c *Comparison) values(step Step) values {
	c.t.Helper()
	var v values
	for _, arg := range step.Args {
		if arg == nil {
			v.values = append(v.values, nil)
		} else {
			v.values = append(v.values, []byte(arg.(string)))
		}
	}
	if len(step.Args) == 0 || (c.mode != Typed && c.mode != PreparedBinary) {
		return v
	}
	description, err := c.side.PgConn().Prepare(c.t.Context(), "", step.SQL, nil)
	if err != nil {
		return v // the step fails on the twin too; it goes as text
	}
	v.types = description.ParamOIDs
	v.formats = make([]int16, len(v.values))
	for i, arg := range step.Args {
		if arg == nil || i >= len(v.types) {
			continue
		}
		binary, err := c.binary(v.types[i], arg.(string))
		if err != nil {
			continue // the type does not take the text: both sides shall say so
		}
		v.values[i], v.formats[i] = binary, binaryFormat
	}
	return v
}

// describeSend makes the query that turns a type's text into its binary form.
const describeSend = `
SELECT format('SELECT %s($1::text::%I.%I)', t.typsend, n.nspname, t.typname)
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = $1`

// binary asks PostgreSQL for the binary form of a value.
func (c *Comparison) binary(oid uint32, text string) ([]byte, error) {
	ctx := c.t.Context()
	send, ok := c.senders[oid]
	if !ok {
		row := c.side.QueryRow(ctx, describeSend, oid)
		if err := row.Scan(&send); err != nil {
			return nil, err
		}
		c.senders[oid] = send
	}
	var binary []byte
	err := c.side.QueryRow(ctx, send, text).Scan(&binary)
	return binary, err
}

// render writes down everything that a client can see and both sides must
// share. Object ids differ between databases, so only their presence counts.
func render(list []outcome, unordered bool) string {
	var b strings.Builder
	for _, o := range list {
		if o.described {
			fmt.Fprintf(&b, "parameters %v\n", o.parameters)
		}
		for _, f := range o.columns {
			fmt.Fprintf(&b, "column %q type %d size %d typmod %d attribute %d of table %v format %d\n",
				f.Name, f.DataTypeOID, f.DataTypeSize, f.TypeModifier, f.TableAttributeNumber, f.TableOID != 0, f.Format)
		}
		rows := make([]string, len(o.rows))
		for i, row := range o.rows {
			rows[i] = renderRow(row, o.columns)
		}
		if unordered {
			slices.Sort(rows)
		}
		for _, row := range rows {
			fmt.Fprintln(&b, row)
		}
		switch {
		case o.err != nil:
			fmt.Fprintf(&b, "error %s%s\n", o.err.Code, objects(o.err))
		case !o.described:
			fmt.Fprintf(&b, "tag %q\n", o.tag)
		}
		if o.notices != nil {
			fmt.Fprintf(&b, "notices %v\n", o.notices)
		}
	}
	fmt.Fprintf(&b, "transaction %c\n", list[len(list)-1].status)
	return b.String()
}

func renderRow(row [][]byte, columns []pgconn.FieldDescription) string {
	cells := make([]string, len(row))
	for i, cell := range row {
		switch {
		case cell == nil:
			cells[i] = "NULL"
		case i < len(columns) && columns[i].Format == binaryFormat:
			cells[i] = fmt.Sprintf("x%x", cell)
		default:
			cells[i] = fmt.Sprintf("%q", bytes.ToValidUTF8(cell, []byte("?")))
		}
	}
	return "row " + strings.Join(cells, " | ")
}

// objects are the names by which applications recognise what went wrong.
func objects(e *pgconn.PgError) string {
	var b strings.Builder
	for _, field := range []struct{ name, value string }{
		{"schema", e.SchemaName}, {"table", e.TableName}, {"column", e.ColumnName}, {"constraint", e.ConstraintName},
	} {
		if field.value != "" {
			fmt.Fprintf(&b, " %s %s", field.name, field.value)
		}
	}
	return b.String()
}

// Ask asks the twin, in its session, for texts.
func (c *Comparison) Ask(sql string) [][]string {
	c.t.Helper()
	results, err := c.twin.conn.Exec(c.t.Context(), sql).ReadAll()
	if err != nil {
		c.t.Fatalf("%s: %v", sql, err)
	}
	var rows [][]string
	for _, row := range results[len(results)-1].Rows {
		texts := make([]string, len(row))
		for i, cell := range row {
			texts[i] = string(cell)
		}
		rows = append(rows, texts)
	}
	return rows
}

// Rollback ends the transaction on both sides, whatever state it is in.
func (c *Comparison) Rollback() {
	c.t.Helper()
	for _, s := range []*session{c.twin, c.sealed} {
		if _, err := s.conn.Exec(c.t.Context(), "ROLLBACK").ReadAll(); err != nil {
			c.t.Errorf("ROLLBACK: %v", err)
		}
		s.notices = nil // only one of them may have been in a transaction
	}
}

// SealedStatus is the sealed side's transaction status: I, T or E.
func (c *Comparison) SealedStatus() byte { return c.sealed.conn.TxStatus() }

// SealedOnly runs a step on the sealed side alone, which must fail with this
// SQLSTATE, or not fail for "00000".
func (c *Comparison) SealedOnly(step Step, sqlstate string) {
	c.t.Helper()
	list := c.one(c.sealed, "sealed", step, c.values(step))
	if list == nil {
		return
	}
	err := list[len(list)-1].err
	if err == nil && sqlstate == "00000" {
		return
	}
	if err == nil || err.Code != sqlstate {
		c.t.Errorf("%s: %v, want SQLSTATE %s", step.SQL, err, sqlstate)
	}
}
