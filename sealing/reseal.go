package sealing

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"pgseal/envelope"
	"pgseal/keycache"
)

// ResealOptions are the choices of `pgseal key reseal`.
type ResealOptions struct {
	Progress Progress
	Keys     Keys
}

const (
	// resealRows and resealBytes bound one transaction of a reseal: few, because
	// live writes to the same rows wait for it. One value may exceed the bytes.
	resealRows  = 200
	resealBytes = 8 << 20
	// resealBlocks is how much of a table, in blocks, is searched at a time.
	resealBlocks = 256
	// idlePasses is how many passes in a row may move nothing before a reseal says
	// so instead of going round for ever.
	idlePasses = 3
	// resealWait is how long a batch waits for a row that a live write holds, once
	// nothing else is left to move, in milliseconds.
	resealWait = 3000
)

// Reseal moves the values of a table that are sealed under older data keys to
// the active one, in small transactions beside live writes: those of its
// partitions and children, and copies of its columns in other tables. A row is
// moved under a lock that its writers respect, only if it still holds what was
// read, so no update is lost. What is done is done: an interrupted reseal goes on
// where it was, because it looks for old values. It returns how many values it
// moved. The error is a *Refusal if values remain that cannot be moved.
func Reseal(ctx context.Context, conn *pgx.Conn, table string, o ResealOptions) (int64, error) {
	r := &resealer{conn: conn, progress: o.Progress}
	var all []place
	err := inTransaction(ctx, conn, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		relation, err := findTable(ctx, tx, table)
		if err != nil {
			return err
		}
		all, err = places(ctx, tx, relation)
		return err
	})
	if err != nil {
		return 0, err
	}
	if len(all) == 0 {
		return 0, refuse(table, "pgseal column list shows the sealed columns", "the table has no sealed column")
	}
	store, err := o.Keys(conn)
	if err != nil {
		return 0, err
	}
	r.opener = newOpener(store)
	defer r.opener.erase()
	restore, err := r.configure(ctx)
	if err != nil {
		return 0, err
	}
	defer restore()
	return r.done, changed(table, forbidden(table, r.run(ctx, all)))
}

// changed says so of a table or column that is not what it was when the reseal began:
// what the server says then speaks of the reseal's own statements.
func changed(table string, err error) error {
	if state := sqlState(err); !strings.HasPrefix(state, classSyntaxOrAccess) && state != stateFeatureNotSupported {
		return err
	}
	return refuse(table, "run it again: what is done is done", "a column was sealed, unsealed, renamed or dropped meanwhile: %s", serverText(err))
}

type resealer struct {
	conn        *pgx.Conn
	opener      *opener
	done, total int64
	progress    Progress
	lockTimeout int64 // the session's, in milliseconds
	problems    []string
}

// configure makes sure that row security hides no row: with it off the server
// raises an error instead. The connection may be used for other things later.
func (r *resealer) configure(ctx context.Context) (restore func(), err error) {
	var rowSecurity string
	if err := r.conn.QueryRow(ctx, `SELECT pg_catalog.current_setting('row_security'), setting::bigint FROM pg_catalog.pg_settings WHERE name = 'lock_timeout'`).
		Scan(&rowSecurity, &r.lockTimeout); err != nil {
		return nil, err
	}
	if _, err := r.conn.Exec(ctx, "SET row_security = off"); err != nil {
		return nil, err
	}
	return func() {
		if !r.conn.IsClosed() {
			// If this fails, so will whatever the connection is used for next.
			_, _ = r.conn.Exec(context.WithoutCancel(ctx), "SET row_security = "+rowSecurity)
		}
	}, nil
}

func (r *resealer) run(ctx context.Context, all []place) error {
	for i := range all {
		p := &all[i]
		if !p.known {
			return refuse(p.String(), "restore pgseal.sealed_column from the backup that the table came from", "its type has no row in pgseal.sealed_column")
		}
		key, err := r.activeKey(ctx, p)
		if err != nil {
			return err
		}
		n, err := r.count(ctx, p, key)
		if err != nil {
			return err
		}
		r.total += n
	}
	for i := range all {
		if err := r.place(ctx, &all[i]); err != nil {
			return err
		}
	}
	if err := r.defaults(ctx, all); err != nil {
		return err
	}
	if len(r.problems) > 0 {
		return refuse("not all values could be moved to the active data key", "pgseal verify names values that do not open; else look for triggers, rules or long transactions; then run it again",
			"%s", strings.Join(r.problems, "; "))
	}
	return nil
}

// activeKey is the key that the values of a place are to be under.
func (r *resealer) activeKey(ctx context.Context, p *place) (uint32, error) {
	var key int64
	err := r.conn.QueryRow(ctx, `SELECT key_id FROM pgseal.data_key WHERE table_id = $1 AND purpose = 'seal' AND state = 'active'`, int64(p.sealed.tableID)).Scan(&key)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, refuse(p.String(), "pgseal key list shows the keys", "the table has no active data key")
	}
	return uint32(key), err
}

func (r *resealer) count(ctx context.Context, p *place, key uint32) (n int64, err error) {
	err = r.conn.QueryRow(ctx, fmt.Sprintf("SELECT count(*) FROM ONLY %s WHERE pgseal.key_id(%s) <> $1", p.tableSQL(), quote(p.column)), int64(key)).Scan(&n)
	return n, err
}

// place passes over one relation until a pass finds no old value: rows that live
// writes have moved or held are met in the next one.
func (r *resealer) place(ctx context.Context, p *place) error {
	if p.kind == "m" {
		return r.materialized(ctx, p)
	}
	idle := 0
	for {
		pass, err := r.pass(ctx, p, idle > 0)
		switch {
		case err != nil:
			return err
		case pass.found == 0:
			return nil
		case pass.moved > 0:
			idle = 0
		case pass.stuck == pass.found:
			idle = idlePasses
		default:
			idle++
		}
		if idle == idlePasses {
			r.problems = append(r.problems, fmt.Sprintf("%d values of %s (%s)", pass.found, p, pass.why()))
			return nil
		}
	}
}

// materialized views hold copies that only a refresh replaces.
func (r *resealer) materialized(ctx context.Context, p *place) error {
	key, err := r.activeKey(ctx, p)
	if err != nil {
		return err
	}
	n, err := r.count(ctx, p, key)
	if n > 0 {
		r.problems = append(r.problems, fmt.Sprintf("%d values of materialized view %s: REFRESH MATERIALIZED VIEW %s", n, p, p.tableSQL()))
	}
	return err
}

// pass is what came of one way through a relation.
type pass struct {
	wait                bool // for rows that others have locked
	found, moved, stuck int64
	reasons             []string // of values that are stuck, the first few
}

// maxReasons is how many values are named one by one.
const maxReasons = 3

func (p *pass) hold(format string, args ...any) {
	p.stuck++
	if len(p.reasons) < maxReasons {
		p.reasons = append(p.reasons, fmt.Sprintf(format, args...))
	}
}

func (p *pass) why() string {
	if p.stuck < p.found {
		p.reasons = append(p.reasons, "their rows are locked by others")
	}
	return strings.Join(p.reasons, ", ")
}

// pass searches the relation block by block, so that its cost is the relation's
// size. What live writes append behind its present end is under the active key,
// or met in the next pass.
func (r *resealer) pass(ctx context.Context, p *place, wait bool) (*pass, error) {
	key, err := r.activeKey(ctx, p)
	if err != nil {
		return nil, err
	}
	var blocks int64 // of one that was dropped, none
	if err := r.conn.QueryRow(ctx, `SELECT coalesce(pg_catalog.pg_relation_size($1::oid), 0) / pg_catalog.current_setting('block_size')::bigint`, p.relation).Scan(&blocks); err != nil {
		return nil, err
	}
	out := &pass{wait: wait}
	for block := int64(0); block < blocks; block += resealBlocks {
		if err := r.blocks(ctx, p, key, block, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// blocks moves what is old in a range of blocks.
func (r *resealer) blocks(ctx context.Context, p *place, key uint32, block int64, out *pass) error {
	rows, err := r.conn.Query(ctx, fmt.Sprintf(
		"SELECT ctid, pg_catalog.octet_length(%[1]s), pgseal.key_id(%[1]s) FROM ONLY %[2]s WHERE ctid >= $1 AND ctid < $2 AND pgseal.key_id(%[1]s) <> $3",
		quote(p.column), p.tableSQL()), tid(block), tid(block+resealBlocks), int64(key))
	if err != nil {
		return err
	}
	type old struct {
		CTID      pgtype.TID
		Size, Key int64
	}
	olds, err := pgx.CollectRows(rows, pgx.RowToStructByPos[old])
	if err != nil {
		return err
	}
	for i := range olds {
		// Someone has rotated meanwhile, and the values of the newer key must not
		// go back to the older.
		if olds[i].Key > int64(key) {
			if key, err = r.activeKey(ctx, p); err != nil {
				return err
			}
			break
		}
	}
	olds = slices.DeleteFunc(olds, func(o old) bool { return o.Key == int64(key) })
	out.found += int64(len(olds))
	for start := 0; start < len(olds); {
		end, bytes, limit := start, int64(0), resealRows
		if out.wait {
			limit = 1 // one that is locked holds up no other
		}
		var ctids []pgtype.TID
		for ; end < len(olds) && len(ctids) < limit && (bytes == 0 || bytes+olds[end].Size <= resealBytes); end++ {
			bytes += olds[end].Size
			ctids = append(ctids, olds[end].CTID)
		}
		if err := r.batch(ctx, p, key, ctids, out); err != nil {
			return err
		}
		if r.progress != nil {
			r.progress(r.done, max(r.total, r.done))
		}
		start = end
	}
	return nil
}

// tid is the place before the first row of a block.
func tid(block int64) pgtype.TID {
	return pgtype.TID{BlockNumber: uint32(min(block, math.MaxUint32)), Valid: true}
}

// batch moves rows in one transaction. Rows that are locked by others are left
// for the next pass, unless it waits.
func (r *resealer) batch(ctx context.Context, p *place, key uint32, ctids []pgtype.TID, out *pass) error {
	// Outside of the transaction: KMS may take its time.
	k, err := r.opener.key(ctx, key)
	if err != nil {
		return err
	}
	var moved int64
	err = inTransaction(ctx, r.conn, readCommitted, func(tx pgx.Tx) error {
		moved, err = r.move(ctx, tx, p, k, ctids, out)
		return err
	})
	if retryable(err) {
		out.wait = false // once a pass: the next one waits again
		return nil
	}
	r.done += moved
	out.moved += moved
	return err
}

// retryable reports deadlocks, serialisation failures and lock timeouts: a live
// write won, the next pass meets the rows again.
func retryable(err error) bool {
	state := sqlState(err)
	return strings.HasPrefix(state, classConflict) || state == stateLockNotAvailable
}

func (r *resealer) move(ctx context.Context, tx pgx.Tx, p *place, k *envelope.Key, ctids []pgtype.TID, out *pass) (int64, error) {
	skip := " SKIP LOCKED"
	if out.wait {
		skip = ""
		timeout := r.lockTimeout
		if timeout == 0 {
			timeout = resealWait
		}
		if err := execAll(ctx, tx, fmt.Sprintf("SET LOCAL lock_timeout = %d", timeout)); err != nil {
			return 0, err
		}
	}
	rows, err := tx.Query(ctx, fmt.Sprintf("SELECT ctid, %[1]s FROM ONLY %[2]s WHERE ctid = ANY ($1) AND pgseal.key_id(%[1]s) <> $2 FOR NO KEY UPDATE%[3]s",
		quote(p.column), p.tableSQL(), skip), ctids, int64(k.ID()))
	if err != nil {
		return 0, err
	}
	type cell struct {
		CTID  pgtype.TID
		Value []byte
	}
	cells, err := pgx.CollectRows(rows, pgx.RowToStructByPos[cell])
	if err != nil {
		return 0, err
	}
	var places []pgtype.TID
	var olds, news [][]byte
	for i := range cells {
		c := &cells[i]
		env, err := r.reseal(ctx, p, k, c.Value)
		if errors.Is(err, keycache.ErrTemporary) || ctx.Err() != nil {
			return 0, err
		}
		if err != nil {
			out.hold("ctid (%d,%d): %v", c.CTID.BlockNumber, c.CTID.OffsetNumber, err)
			continue
		}
		places, olds, news = append(places, c.CTID), append(olds, c.Value[:identifying(c.Value)]), append(news, env)
	}
	if len(places) == 0 {
		return 0, nil
	}
	tag, err := tx.Exec(ctx, fmt.Sprintf(`
UPDATE ONLY %[1]s AS t SET %[2]s = v.new FROM ROWS FROM (pg_catalog.unnest($1::tid[]), pg_catalog.unnest($2::bytea[]), pg_catalog.unnest($3::bytea[])) AS v(place, old, new)
WHERE t.ctid = v.place AND pg_catalog.substring(t.%[2]s, 1, pg_catalog.length(v.old)) = v.old`, p.tableSQL(), quote(p.column)), places, olds, news)
	if err != nil {
		return 0, err
	}
	// The rows are locked: what was not written, something else has kept from it.
	for range int64(len(places)) - tag.RowsAffected() {
		out.hold("a trigger or rule keeps a row from being updated")
	}
	return tag.RowsAffected(), nil
}

// identifying is the length of what makes an envelope unlike every other: all
// up to the end of the nonce.
func identifying(env []byte) int {
	return min(len(env), envelope.HeaderSize+len(envelope.Terms(env))+envelope.NonceSize)
}

// reseal gives the same value under another key.
func (r *resealer) reseal(ctx context.Context, p *place, k *envelope.Key, env []byte) ([]byte, error) {
	canonical, err := r.opener.open(ctx, p.sealed, nil, env)
	if err != nil {
		return nil, err
	}
	defer clear(canonical)
	// The terms stay: they were made under the index key, which did not change.
	return k.Seal(nil, p.sealed.id, p.sealed.terms, envelope.Terms(env), canonical)
}
