package sealing

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/jackc/pgx/v5"
)

// replacement is a change of the types of columns of one table in which every value
// changes too.
type replacement struct {
	parts    []*part
	progress Progress
	rows     int64 // that have a value of one of the columns, once counted
}

// part is a replacement's of one column.
type part struct {
	column    *column
	id        uint32  // of the sealed column
	stagedAs  string  // SQL type of the new values
	newType   string  // SQL type of the column then
	collation string  // COLLATE of the new type, "" for its own
	sealer    *sealer // nil unless a plain column is sealed
	// transform appends the new value, in the binary form of stagedAs, for one value
	// in the binary form of the present type.
	transform func(dst, value []byte) ([]byte, error)
	values    int64 // that the column has, once counted
}

// alter is the part's of ALTER TABLE.
func (p *part) alter(using string) string {
	collate := ""
	if p.collation != "" {
		collate = " COLLATE " + p.collation
	}
	return fmt.Sprintf("ALTER COLUMN %[1]s DROP DEFAULT, ALTER COLUMN %[1]s TYPE %[2]s%[3]s USING %[4]s", quote(p.column.name), p.newType, collate, using)
}

const (
	// maxStaged bounds, in bytes, the new values held in memory at a time; one
	// value may exceed it.
	maxStaged = 8 << 20
	// firstFetch and maxFetch are rows in one round trip. Rows that would exceed
	// maxStaged are read again, so it begins low.
	firstFetch = 64
	maxFetch   = 8192
)

func (r *replacement) table() *column { return r.parts[0].column }

// count counts the values of the columns, and the rows that have any.
func (r *replacement) count(ctx context.Context, tx pgx.Tx) error {
	filled := make([]string, len(r.parts))
	counts := make([]string, len(r.parts))
	for i, p := range r.parts {
		filled[i] = quote(p.column.name) + " IS NOT NULL"
		counts[i] = "count(" + quote(p.column.name) + ")"
	}
	var values []int64
	err := tx.QueryRow(ctx, fmt.Sprintf("SELECT count(*) FILTER (WHERE %s), ARRAY[%s] FROM %s",
		strings.Join(filled, " OR "), strings.Join(counts, ", "), r.table().tableSQL())).Scan(&r.rows, &values)
	if err != nil {
		return err
	}
	for i, p := range r.parts {
		p.values = values[i]
	}
	return nil
}

// run replaces types and values, which have been counted.
func (r *replacement) run(ctx context.Context, tx pgx.Tx) error {
	var alters []string
	var staged []*part
	for _, p := range r.parts {
		if p.values == 0 {
			alters = append(alters, p.alter("NULL::"+p.newType))
			continue
		}
		staged = append(staged, p)
		alters = append(alters, p.alter(p.lookup()+"(tableoid, ctid)"))
	}
	s := stager{replacement: r, parts: staged}
	if len(staged) > 0 {
		if err := s.stage(ctx, tx); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, "ALTER TABLE "+r.table().tableSQL()+" "+strings.Join(alters, ", ")); err != nil {
		return r.alterError(err)
	}
	if len(staged) == 0 {
		return nil
	}
	// A function gives NULL for a row that it does not know. There is none, and a
	// value must never be lost to a mistake.
	before := make([]int64, len(r.parts))
	for i, p := range r.parts {
		before[i] = p.values
	}
	if err := r.count(ctx, tx); err != nil {
		return err
	}
	for i, p := range r.parts {
		if p.values != before[i] {
			return mismatch(p.values, before[i])
		}
	}
	return execAll(ctx, tx, s.drops()...)
}

func mismatch(n, total int64) error {
	return fmt.Errorf("%d of %d values would have been kept: nothing is changed", n, total)
}

// alterError turns the server's refusal to change the types into ours. Its
// message names objects, never values.
func (r *replacement) alterError(err error) error {
	// Of several columns those that it names are meant, all if it names none.
	var named, all []*column
	for _, p := range r.parts {
		all = append(all, p.column)
		if strings.Contains(serverText(err)+serverDetail(err), `column "`+p.column.name+`"`) {
			named = append(named, p.column)
		}
	}
	if len(named) == 0 {
		named = all
	}
	switch state := sqlState(err); {
	case state == stateInsufficientPrivilege: // for the caller
	case state == stateDependentObjects:
		return refuse(nameAll(named), "drop what depends on it first, and create it again afterwards", "the server cannot change its type: %s: %s", serverText(err), serverDetail(err))
	case strings.HasPrefix(state, classSyntaxOrAccess), state == stateFeatureNotSupported:
		return refuse(nameAll(named), "drop or change what the message names first", "the server cannot change its type: %s", serverText(err))
	}
	return err
}

// lookup is the function that gives a row's new value of the column.
func (p *part) lookup() string { return quote("pgseal_column", fmt.Sprintf("staged_%d", p.id)) }

// stager writes the new values of every row into the staging table, by the row's place,
// and makes the functions that look them up there.
type stager struct {
	*replacement
	parts       []*part // that have values
	total, done int64   // values
	staged      int64   // rows
	copy        []byte  // one COPY in binary format
}

func (s *stager) staging() string {
	return quote("pgseal_column", fmt.Sprintf("staging_%d", s.parts[0].id))
}

func (s *stager) stage(ctx context.Context, tx pgx.Tx) error {
	columns := make([]string, len(s.parts))
	for i, p := range s.parts {
		s.total += p.values
		columns[i] = fmt.Sprintf("value_%d %s", p.id, p.stagedAs)
	}
	// Unlogged: it is dropped before the commit, and not in WAL when values
	// come back in clear.
	if err := execAll(ctx, tx, fmt.Sprintf("CREATE UNLOGGED TABLE %s (relation oid, place tid, %s) WITH (autovacuum_enabled = off)",
		s.staging(), strings.Join(columns, ", "))); err != nil {
		return err
	}
	tree := s.table().tree
	for i := range tree {
		if tree[i].stores() {
			if err := s.relation(ctx, tx, &tree[i]); err != nil {
				return err
			}
		}
	}
	if s.staged != s.rows || s.done != s.total {
		return mismatch(s.done, s.total)
	}
	statements := []string{fmt.Sprintf("ALTER TABLE %s ADD PRIMARY KEY (relation, place)", s.staging())}
	for _, p := range s.parts {
		statements = append(statements, fmt.Sprintf(`CREATE FUNCTION %[1]s(relation oid, place tid) RETURNS %[2]s STABLE LANGUAGE plpgsql AS $$
BEGIN RETURN (SELECT s.value_%[3]d FROM %[4]s s WHERE s.relation = $1 AND s.place = $2); END $$`, p.lookup(), p.stagedAs, p.id, s.staging()))
	}
	return execAll(ctx, tx, statements...)
}

// drops take away what stage has made.
func (s *stager) drops() (statements []string) {
	for _, p := range s.parts {
		statements = append(statements, "DROP FUNCTION "+p.lookup()+"(oid, tid)")
	}
	return append(statements, "DROP TABLE "+s.staging())
}

// relation reads one relation through a cursor and stages its values, batch by
// batch.
func (s *stager) relation(ctx context.Context, tx pgx.Tx, m *member) error {
	names, filled := make([]string, len(s.parts)), make([]string, len(s.parts))
	for i, p := range s.parts {
		names[i] = quote(p.column.name)
		filled[i] = names[i] + " IS NOT NULL"
	}
	_, err := tx.Exec(ctx, fmt.Sprintf("DECLARE pgseal_rows SCROLL CURSOR FOR SELECT ctid, %s FROM ONLY %s WHERE %s",
		strings.Join(names, ", "), m.sql(), strings.Join(filled, " OR ")))
	if err != nil {
		return err
	}
	var consumed int64
	for fetch := firstFetch; ; {
		taken, left, err := s.batch(ctx, tx, m, fetch)
		if err != nil {
			return err
		}
		if taken == 0 {
			break
		}
		consumed += taken
		if left > 0 {
			// Too large to hold: back to the first row that was not taken.
			if _, err := tx.Exec(ctx, fmt.Sprintf("MOVE ABSOLUTE %d IN pgseal_rows", consumed)); err != nil {
				return err
			}
			fetch = int(taken)
		} else {
			fetch = min(2*fetch, maxFetch)
		}
		if err := s.write(ctx, tx, taken); err != nil {
			return err
		}
		s.staged += taken
		if s.progress != nil {
			s.progress(s.done, s.total)
		}
	}
	_, err = tx.Exec(ctx, "CLOSE pgseal_rows")
	return err
}

// copyHeader begins every COPY in binary format: signature, flags, no extension.
var copyHeader = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")

// batch appends the next rows to the COPY. left rows were read but not taken.
func (s *stager) batch(ctx context.Context, tx pgx.Tx, m *member, fetch int) (taken, left int64, err error) {
	s.copy = append(s.copy[:0], copyHeader...)
	binaryFormat := []int16{pgx.BinaryFormatCode}
	rows := tx.Conn().PgConn().ExecParams(ctx, fmt.Sprintf("FETCH %d FROM pgseal_rows", fetch), nil, nil, nil, binaryFormat)
	for rows.NextRow() {
		if err != nil || len(s.copy) >= maxStaged {
			left++
			continue
		}
		if err = s.row(m, rows.Values()); err == nil { // valid until the next row
			taken++
		}
	}
	if _, closed := rows.Close(); closed != nil {
		return 0, 0, closed
	}
	return taken, left, err
}

// row appends one row to the COPY: its place and its values.
func (s *stager) row(m *member, values [][]byte) error {
	ctid := values[0]
	s.copy = binary.BigEndian.AppendUint16(s.copy, uint16(2+len(s.parts)))
	s.copy = binary.BigEndian.AppendUint32(s.copy, 4)
	s.copy = binary.BigEndian.AppendUint32(s.copy, m.oid)
	s.copy = binary.BigEndian.AppendUint32(s.copy, uint32(len(ctid)))
	s.copy = append(s.copy, ctid...)
	for i, p := range s.parts {
		value := values[1+i]
		if value == nil {
			s.copy = binary.BigEndian.AppendUint32(s.copy, math.MaxUint32) // NULL
			continue
		}
		at := len(s.copy)
		s.copy = append(s.copy, 0, 0, 0, 0)
		var err error
		if s.copy, err = p.transform(s.copy, value); err != nil {
			return fmt.Errorf("the value at ctid %s of %s: %w", ctidText(ctid), display(m.schema, m.table, p.column.name), err)
		}
		n := len(s.copy) - at - 4
		if n > math.MaxInt32 {
			return fmt.Errorf("the value at ctid %s of %s is longer than PostgreSQL can store", ctidText(ctid), display(m.schema, m.table, p.column.name))
		}
		binary.BigEndian.PutUint32(s.copy[at:], uint32(n))
		s.done++
	}
	return nil
}

// ctidText writes a ctid in binary form as text.
func ctidText(tid []byte) string {
	if len(tid) != 6 {
		return "?"
	}
	return fmt.Sprintf("(%d,%d)", binary.BigEndian.Uint32(tid), binary.BigEndian.Uint16(tid[4:]))
}

func (s *stager) write(ctx context.Context, tx pgx.Tx, rows int64) error {
	s.copy = binary.BigEndian.AppendUint16(s.copy, 0xffff) // end of data
	tag, err := tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(s.copy), "COPY "+s.staging()+" FROM STDIN (FORMAT binary)")
	// It held values in clear, or does on unsealing.
	clear(s.copy)
	if cap(s.copy) > 2*maxStaged {
		s.copy = nil
	}
	if err != nil {
		return err
	}
	if tag.RowsAffected() != rows {
		return mismatch(tag.RowsAffected(), rows)
	}
	return nil
}
