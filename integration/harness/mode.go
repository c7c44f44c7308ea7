package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Mode is one way in which a client sends a statement with its values.
type Mode string

// The ways in which drivers send statements.
const (
	Simple         Mode = "simple"          // values as literals
	Unnamed        Mode = "unnamed"         // Parse, Bind, Describe portal, Execute in one go; text; no types
	Typed          Mode = "typed"           // as Unnamed, with the parameters' types declared; binary results
	PreparedText   Mode = "prepared text"   // Parse, Describe statement, then Bind and Execute; text
	PreparedBinary Mode = "prepared binary" // the same, parameters and results in binary
	SQLPrepare     Mode = "SQL PREPARE"     // PREPARE and EXECUTE with literals
)

// Modes are all of them.
var Modes = []Mode{Simple, Unnamed, Typed, PreparedText, PreparedBinary, SQLPrepare}

// ModesVariable is "all" to run each step in each mode.
const ModesVariable = "PGSEAL_TEST_MODES"

// pass are modes that steps take by turns.
type pass []Mode

func (p pass) name() string {
	names := make([]string, len(p))
	for i, mode := range p {
		names[i] = string(mode)
	}
	return strings.Join(names, ", ")
}

func (p pass) within(modes []Mode) bool {
	return !slices.ContainsFunc(p, func(mode Mode) bool { return !slices.Contains(modes, mode) })
}

// passes are the ways in which modes are gone through. Modes with the same format of
// results have the statement planned and answered alike, and differ in what they send
// before: a step that goes unnamed in one format goes prepared in the other.
func passes(modes []Mode) []pass {
	turns := []pass{{Unnamed, PreparedText, SQLPrepare}, {Unnamed, PreparedText}, {PreparedBinary, Typed}}
	if os.Getenv(ModesVariable) == "all" {
		turns = nil
	}
	var list []pass
	var taken []Mode
	for _, mode := range modes {
		if slices.Contains(taken, mode) {
			continue
		}
		p := pass{mode}
		for _, turn := range turns {
			if len(p) == 1 && slices.Contains(turn, mode) && turn.within(modes) {
				p = turn
			}
		}
		taken = append(taken, p...)
		list = append(list, p)
	}
	return list
}

const (
	textFormat   = 0
	binaryFormat = 1
)

// session is one side of a comparison.
type session struct {
	conn    *pgconn.PgConn
	notices []string // SQLSTATEs since last asked
	count   int      // names of prepared statements
}

func openSession(ctx context.Context, url string) (*session, error) {
	cfg, err := pgconn.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	s := &session{}
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { s.notices = append(s.notices, n.Code) }
	s.conn, err = pgconn.ConnectConfig(ctx, cfg)
	return s, err
}

// discard ends what the session has begun and forgets what it has set.
func (s *session) discard(ctx context.Context) error {
	if s.conn.TxStatus() != 'I' {
		if _, err := s.conn.Exec(ctx, "ROLLBACK").ReadAll(); err != nil {
			return err
		}
	}
	_, err := s.conn.Exec(ctx, "DISCARD ALL").ReadAll()
	s.notices = nil
	return err
}

// values are a step's arguments as one mode sends them.
type values struct {
	types   []uint32
	formats []int16
	values  [][]byte
}

// outcome is what a client sees of one statement.
type outcome struct {
	described  bool
	parameters []uint32
	columns    []pgconn.FieldDescription
	rows       [][][]byte
	tag        string
	err        *pgconn.PgError
	notices    []string
	status     byte // transaction status afterwards
}

// run sends a step in a mode. The error is a broken connection; what the server
// says stands in the outcomes.
func (s *session) run(ctx context.Context, mode Mode, step Step, v values) ([]outcome, error) {
	if step.simple {
		mode = Simple
	}
	switch mode {
	case Simple:
		return s.simple(ctx, interpolate(step.SQL, step.Args))
	case SQLPrepare:
		return s.sqlPrepare(ctx, step)
	case Unnamed:
		return s.read(s.conn.ExecParams(ctx, step.SQL, v.values, nil, nil, nil))
	case Typed:
		return s.read(s.conn.ExecParams(ctx, step.SQL, v.values, v.types, v.formats, []int16{binaryFormat}))
	case PreparedText:
		return s.prepared(ctx, step.SQL, v, nil, []int16{textFormat})
	case PreparedBinary:
		return s.prepared(ctx, step.SQL, v, v.formats, []int16{binaryFormat})
	}
	return nil, fmt.Errorf("no mode %q", mode)
}

func (s *session) simple(ctx context.Context, sql string) ([]outcome, error) {
	var list []outcome
	results := s.conn.Exec(ctx, sql)
	for results.NextResult() {
		r := results.ResultReader()
		o, err := read(r)
		if err != nil {
			return list, err
		}
		list = append(list, o)
	}
	if err := results.Close(); err != nil {
		pgErr, err := serverError(err)
		if err != nil {
			return list, err
		}
		// The failed statement may have begun to return rows.
		if n := len(list); n > 0 && list[n-1].err != nil {
			list[n-1].err = pgErr
		} else {
			list = append(list, outcome{err: pgErr})
		}
	}
	if len(list) == 0 {
		list = append(list, outcome{}) // EmptyQueryResponse
	}
	return s.finish(list), nil
}

func (s *session) read(r *pgconn.ResultReader) ([]outcome, error) {
	o, err := read(r)
	if err != nil {
		return nil, err
	}
	return s.finish([]outcome{o}), nil
}

func (s *session) prepared(ctx context.Context, sql string, v values, formats, results []int16) ([]outcome, error) {
	s.count++
	name := fmt.Sprintf("harness_%d", s.count)
	description, err := s.conn.Prepare(ctx, name, sql, nil)
	if err != nil {
		pgErr, err := serverError(err)
		if err != nil {
			return nil, err
		}
		return s.finish([]outcome{{err: pgErr}}), nil
	}
	first := outcome{described: true, parameters: description.ParamOIDs, columns: description.Fields}
	second, err := read(s.conn.ExecPrepared(ctx, name, v.values, formats, results))
	if err != nil {
		return nil, err
	}
	if err := s.conn.Deallocate(ctx, name); err != nil {
		return nil, err
	}
	if second.err != nil {
		// A literal that does not fit fails pgseal's Parse and the server's
		// Execute: both before anything is done, and the same to an application.
		return s.finish([]outcome{{err: second.err}}), nil
	}
	return s.finish([]outcome{first, second}), nil
}

// preparable are the statements that PREPARE takes.
var preparable = regexp.MustCompile(`(?is)^\s*(select|insert|update|delete|merge|values|with)\b`)

func (s *session) sqlPrepare(ctx context.Context, step Step) ([]outcome, error) {
	if !preparable.MatchString(step.SQL) {
		return s.simple(ctx, interpolate(step.SQL, step.Args))
	}
	s.count++
	name := fmt.Sprintf("harness_%d", s.count)
	list, err := s.simple(ctx, "PREPARE "+name+" AS "+step.SQL)
	if err != nil || list[len(list)-1].err != nil {
		return list, err
	}
	execute := "EXECUTE " + name
	if len(step.Args) > 0 {
		literals := make([]string, len(step.Args))
		for i, arg := range step.Args {
			literals[i] = literal(arg)
		}
		execute += "(" + strings.Join(literals, ", ") + ")"
	}
	executed, err := s.simple(ctx, execute)
	if err != nil || executed[len(executed)-1].err != nil {
		return executed, err // see prepared: it may be PREPARE that fails
	}
	return append(list, executed...), nil
}

// finish adds what belongs to the whole to the last outcome.
func (s *session) finish(list []outcome) []outcome {
	last := &list[len(list)-1]
	last.notices, s.notices = s.notices, nil
	last.status = s.conn.TxStatus()
	return list
}

func read(r *pgconn.ResultReader) (outcome, error) {
	var o outcome
	for r.NextRow() {
		row := make([][]byte, len(r.Values()))
		for i, cell := range r.Values() {
			if cell != nil {
				row[i] = append([]byte{}, cell...)
			}
		}
		o.rows = append(o.rows, row)
	}
	tag, err := r.Close()
	o.tag = tag.String()
	// pgconn forgets the columns at the next statement.
	o.columns = append(o.columns, r.FieldDescriptions()...)
	if err != nil {
		o.err, err = serverError(err)
	}
	return o, err
}

// serverError separates what the server said from a broken connection.
func serverError(err error) (*pgconn.PgError, error) {
	if pgErr := new(pgconn.PgError); errors.As(err, &pgErr) {
		return pgErr, nil
	}
	return nil, err
}

var parameter = regexp.MustCompile(`\$[0-9]+`)

// interpolate writes the arguments into the text as literals.
func interpolate(sql string, args []any) string {
	return parameter.ReplaceAllStringFunc(sql, func(p string) string {
		n, err := strconv.Atoi(p[1:])
		if err != nil || n < 1 || n > len(args) {
			return p
		}
		return literal(args[n-1])
	})
}

func literal(arg any) string {
	if arg == nil {
		return "NULL"
	}
	return "'" + strings.ReplaceAll(arg.(string), "'", "''") + "'"
}
