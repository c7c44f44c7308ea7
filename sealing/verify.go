package sealing

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"pgseal/keycache"
)

// VerifyOptions are the choices of `pgseal verify`.
type VerifyOptions struct {
	Progress Progress
	Keys     Keys
	// Found is told of each value that does not open.
	Found func(Damage)
}

// Damage is one stored value that does not open. It never holds the value.
type Damage struct {
	Column string // SCHEMA.TABLE.COLUMN
	CTID   string // where the row stands now; empty for what concerns the whole column
	Why    string
}

// Verify opens every stored value of a table, or of the whole database when
// table is empty, recomputes its terms, and reports what does not open. It
// changes nothing. It returns how many values it opened and how many it could
// not. The error is about what keeps it from looking at all: a KMS that cannot
// be reached for the moment says nothing of the values.
func Verify(ctx context.Context, conn *pgx.Conn, table string, o VerifyOptions) (opened, damaged int64, err error) {
	// One snapshot for the whole run: a reseal beside it changes nothing. Read
	// only, so that unwrapping a key for the first time records nothing, which
	// could fail and take the transaction along.
	v := verifier{o: o, folds: foldsFound{}}
	err = inTransaction(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return v.run(ctx, tx, table)
	})
	return v.opened, v.damaged, forbidden(table, err)
}

// forbidden says what to do about rows that a role may not see.
func forbidden(what string, err error) error {
	if sqlState(err) != stateInsufficientPrivilege {
		return err
	}
	if what == "" {
		what = "the database"
	}
	return refuse(what, "connect as a role that may: the owner of table and schema pgseal; where row security is forced, a superuser or a role with BYPASSRLS",
		"the role may not see or change all rows: %s", serverText(err))
}

type verifier struct {
	o                      VerifyOptions
	op                     *opener
	total, opened, damaged int64
	plain                  []byte // one opened value
	folds                  foldsFound
}

func (v *verifier) run(ctx context.Context, tx pgx.Tx, table string) error {
	relation, err := findTable(ctx, tx, table)
	if err != nil {
		return err
	}
	if err := execAll(ctx, tx, "SET LOCAL row_security = off", "SET LOCAL search_path = pg_catalog, pg_temp",
		`SELECT pg_catalog.set_config(name, '0', true) FROM pg_catalog.pg_settings
		  WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')`); err != nil {
		return err
	}
	all, err := places(ctx, tx, relation)
	if err != nil {
		return err
	}
	if len(all) == 0 && table != "" {
		return refuse(table, "pgseal column list shows the sealed columns", "the table has no sealed column")
	}
	store, err := v.o.Keys(tx)
	if err != nil {
		return err
	}
	v.op = newOpener(store)
	defer v.op.erase()
	defer func() { clear(v.plain[:cap(v.plain)]) }()
	counts := make([]int64, len(all))
	for i := range all {
		if err := tx.QueryRow(ctx, fmt.Sprintf("SELECT count(%s) FROM ONLY %s", quote(all[i].column), all[i].tableSQL())).Scan(&counts[i]); err != nil {
			return err
		}
		v.total += counts[i]
	}
	checked := map[uint32]bool{}
	for i := range all {
		p := &all[i]
		if !p.known {
			v.damaged += counts[i]
			v.found(p, "", errors.New("its type has no row in pgseal.sealed_column: restore that from the backup that the table came from"))
			continue
		}
		if err := v.column(ctx, tx, p); err != nil {
			return err
		}
		if !checked[p.sealed.id] {
			checked[p.sealed.id] = true
			if err := v.originals(ctx, p); err != nil {
				return err
			}
			if err := v.defaults(ctx, tx, p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *verifier) found(p *place, ctid string, why error) {
	if v.o.Found != nil {
		v.o.Found(Damage{Column: p.String(), CTID: ctid, Why: why.Error()})
	}
}

// progressRows is how many values pass between two reports.
const progressRows = 1000

func (v *verifier) column(ctx context.Context, tx pgx.Tx, p *place) error {
	// All keys first: the connection is busy while the values are read.
	if err := v.op.prefetch(ctx, tx, "ONLY "+p.tableSQL(), p.column); err != nil {
		return err
	}
	if p.sealed.terms != 0 {
		if _, err := v.op.key(ctx, p.sealed.indexKey); errors.Is(err, keycache.ErrTemporary) {
			return err
		}
	}
	if err := p.sealed.findFolds(ctx, tx, v.folds); err != nil {
		return err
	}
	rows := tx.Conn().PgConn().ExecParams(ctx, fmt.Sprintf("SELECT ctid, %[1]s FROM ONLY %[2]s WHERE %[1]s IS NOT NULL",
		quote(p.column), p.tableSQL()), nil, nil, nil, []int16{pgx.BinaryFormatCode})
	for n := 1; rows.NextRow(); n++ {
		cell := rows.Values()
		if err := v.value(ctx, p, cell[1]); err != nil {
			v.damaged++
			v.found(p, ctidText(cell[0]), err)
		} else {
			v.opened++
		}
		if n%progressRows == 0 {
			v.progress()
		}
	}
	if _, err := rows.Close(); err != nil {
		return err
	}
	v.progress()
	return nil
}

func (v *verifier) progress() {
	if v.o.Progress != nil {
		v.o.Progress(v.opened+v.damaged, v.total)
	}
}

func (v *verifier) value(ctx context.Context, p *place, env []byte) (err error) {
	if v.plain, err = v.op.open(ctx, p.sealed, v.plain[:0], env); err != nil {
		return err
	}
	if cap(v.plain) > 2*maxStaged {
		defer func() { clear(v.plain); v.plain = nil }()
	}
	return v.op.checkTerms(ctx, p.sealed, env, v.plain)
}

// originals opens what unsealing would bring back.
func (v *verifier) originals(ctx context.Context, p *place) error {
	for _, env := range p.sealed.original.Defaults {
		_, err := v.op.note(ctx, p.sealed, env)
		switch {
		case errors.Is(err, keycache.ErrTemporary):
			return err
		case err != nil:
			v.damaged++
			v.found(p, "", fmt.Errorf("the original default, in pgseal.sealed_column: %w", err))
		}
	}
	return nil
}

// defaults opens what rows get that are inserted without a value.
func (v *verifier) defaults(ctx context.Context, tx pgx.Tx, p *place) error {
	found, err := sealedDefaults(ctx, tx, p)
	if err != nil {
		return err
	}
	for i := range found {
		err := v.value(ctx, &found[i].place, found[i].env)
		switch {
		case errors.Is(err, keycache.ErrTemporary):
			return err
		case err != nil:
			v.damaged++
			v.found(&found[i].place, "", fmt.Errorf("its default: %w", err))
		}
	}
	return nil
}
