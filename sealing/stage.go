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

// replacement is a change of a column's type in which every value changes too.
type replacement struct {
	column    *column
	tree      []member
	id        uint32 // of the sealed column: names the staging table
	stagedAs  string // SQL type of the new values
	newType   string // SQL type of the column then
	collation string // COLLATE of the new type, "" for its own
	progress  Progress
	// transform appends the new value, in the binary form of stagedAs, for one value
	// in the binary form of the present type.
	transform func(dst, value []byte) ([]byte, error)
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

// rows counts the values of the column.
func (r *replacement) rows(ctx context.Context, tx pgx.Tx) (n int64, err error) {
	err = tx.QueryRow(ctx, fmt.Sprintf("SELECT count(%s) FROM %s", quote(r.column.name), r.column.tableSQL())).Scan(&n)
	return n, err
}

// run replaces type and values. total is what rows counted.
func (r *replacement) run(ctx context.Context, tx pgx.Tx, total int64) error {
	using := "NULL::" + r.newType
	if total > 0 {
		if err := r.stage(ctx, tx, total); err != nil {
			return err
		}
		using = r.staging() + "(tableoid, ctid)"
	}
	collate := ""
	if r.collation != "" {
		collate = " COLLATE " + r.collation
	}
	_, err := tx.Exec(ctx, fmt.Sprintf("ALTER TABLE %[1]s ALTER COLUMN %[2]s DROP DEFAULT, ALTER COLUMN %[2]s TYPE %[3]s%[4]s USING %[5]s",
		r.column.tableSQL(), quote(r.column.name), r.newType, collate, using))
	if err != nil {
		return alterError(r.column, err)
	}
	if total == 0 {
		return nil
	}
	// The function gives NULL for a row that it does not know. There is none,
	// and a value must never be lost to a mistake.
	if n, err := r.rows(ctx, tx); err != nil || n != total {
		return mismatch(err, n, total)
	}
	return execAll(ctx, tx, "DROP FUNCTION "+r.staging()+"(oid, tid)", "DROP TABLE "+r.staging())
}

func mismatch(err error, n, total int64) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%d of %d values would have been kept: nothing is changed", n, total)
}

// alterError turns the server's refusal to change the type into ours. Its
// message names objects, never values.
func alterError(c *column, err error) error {
	switch state := sqlState(err); {
	case state == stateInsufficientPrivilege: // for the caller
	case state == stateDependentObjects:
		return refuse(c.String(), "drop what depends on it first, and create it again afterwards", "the server cannot change its type: %s: %s", serverText(err), serverDetail(err))
	case strings.HasPrefix(state, classSyntaxOrAccess), state == stateFeatureNotSupported:
		return refuse(c.String(), "drop or change what the message names first", "the server cannot change its type: %s", serverText(err))
	}
	return err
}

func (r *replacement) staging() string {
	return quote("pgseal_column", fmt.Sprintf("staging_%d", r.id))
}

// stage writes the new value of every row into the staging table, by the row's
// place, and makes the function that looks it up there.
func (r *replacement) stage(ctx context.Context, tx pgx.Tx, total int64) error {
	// Unlogged: it is dropped before the commit, and not in WAL when values
	// come back in clear.
	if err := execAll(ctx, tx,
		fmt.Sprintf("CREATE UNLOGGED TABLE %s (relation oid, place tid, value %s) WITH (autovacuum_enabled = off)", r.staging(), r.stagedAs)); err != nil {
		return err
	}
	s := stager{replacement: r, total: total}
	for i := range r.tree {
		if r.tree[i].stores() {
			if err := s.relation(ctx, tx, &r.tree[i]); err != nil {
				return err
			}
		}
	}
	if s.done != total {
		return mismatch(nil, s.done, total)
	}
	return execAll(ctx, tx,
		fmt.Sprintf("ALTER TABLE %s ADD PRIMARY KEY (relation, place)", r.staging()),
		fmt.Sprintf(`CREATE FUNCTION %[1]s(relation oid, place tid) RETURNS %[2]s STABLE LANGUAGE plpgsql AS $$
BEGIN RETURN (SELECT s.value FROM %[1]s s WHERE s.relation = $1 AND s.place = $2); END $$`, r.staging(), r.stagedAs))
}

type stager struct {
	*replacement
	total, done int64
	copy        []byte // one COPY in binary format
}

// relation reads one relation through a cursor and stages its values, batch by
// batch.
func (s *stager) relation(ctx context.Context, tx pgx.Tx, m *member) error {
	_, err := tx.Exec(ctx, fmt.Sprintf("DECLARE pgseal_rows SCROLL CURSOR FOR SELECT ctid, %[1]s FROM ONLY %[2]s WHERE %[1]s IS NOT NULL",
		quote(s.column.name), m.sql()))
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
		s.done += taken
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
		v := rows.Values() // valid until the next row
		s.copy = binary.BigEndian.AppendUint16(s.copy, 3)
		s.copy = binary.BigEndian.AppendUint32(s.copy, 4)
		s.copy = binary.BigEndian.AppendUint32(s.copy, m.oid)
		s.copy = binary.BigEndian.AppendUint32(s.copy, uint32(len(v[0])))
		s.copy = append(s.copy, v[0]...)
		at := len(s.copy)
		s.copy = append(s.copy, 0, 0, 0, 0)
		if s.copy, err = s.transform(s.copy, v[1]); err != nil {
			err = fmt.Errorf("the value at ctid %s of %s: %w", ctidText(v[0]), m, err)
			continue
		}
		if n := len(s.copy) - at - 4; n <= math.MaxInt32 {
			binary.BigEndian.PutUint32(s.copy[at:], uint32(n))
		} else {
			err = fmt.Errorf("the value at ctid %s of %s is longer than PostgreSQL can store", ctidText(v[0]), m)
		}
		taken++
	}
	if _, closed := rows.Close(); closed != nil {
		return 0, 0, closed
	}
	return taken, left, err
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
		return mismatch(nil, tag.RowsAffected(), rows)
	}
	return nil
}
