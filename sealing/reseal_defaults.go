package sealing

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"pgseal/envelope"
)

// defaults moves what stands in the catalog under older keys: defaults of the
// columns, and the notes of the original ones.
func (r *resealer) defaults(ctx context.Context, all []place) error {
	seen := map[uint32]bool{}
	for i := range all {
		p := &all[i]
		if seen[p.sealed.id] {
			continue
		}
		seen[p.sealed.id] = true
		key, err := r.activeKey(ctx, p)
		if err != nil {
			return err
		}
		if err := r.notes(ctx, p, key); err != nil {
			return err
		}
		found, err := sealedDefaults(ctx, r.conn, p)
		if err != nil {
			return err
		}
		for k := range found {
			if err := r.setDefault(ctx, &found[k], key); err != nil {
				return err
			}
		}
	}
	return nil
}

// setDefault gives a column the same default under the active key. That takes a
// short lock on the table, for which it does not queue long.
func (r *resealer) setDefault(ctx context.Context, d *sealedDefault, key uint32) error {
	h, err := envelope.Parse(d.env)
	if err == nil && h.KeyID == key {
		return nil
	}
	k, err := r.opener.key(ctx, key)
	if err != nil {
		return err
	}
	env, err := r.reseal(ctx, &d.place, k, d.env)
	if err != nil {
		return fmt.Errorf("the default of %s: %w", &d.place, err)
	}
	timeout := r.lockTimeout
	if timeout == 0 {
		timeout = resealWait
	}
	for attempt := 1; ; attempt++ {
		err = inTransaction(ctx, r.conn, readCommitted, func(tx pgx.Tx) error {
			if err := execAll(ctx, tx, fmt.Sprintf("SET LOCAL lock_timeout = %d", timeout),
				fmt.Sprintf("LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE", d.tableSQL())); err != nil {
				return err
			}
			// Someone may have given it another one meanwhile.
			now, err := sealedDefaults(ctx, tx, &d.place)
			if err != nil {
				return err
			}
			for i := range now {
				if now[i].relation == d.relation && now[i].attnum == d.attnum && string(now[i].env) == string(d.env) {
					return execAll(ctx, tx, fmt.Sprintf("ALTER TABLE ONLY %s ALTER COLUMN %s SET DEFAULT %s", d.tableSQL(), quote(d.column), byteaSQL(env)))
				}
			}
			return nil
		})
		switch {
		case retryable(err) && attempt < idlePasses:
			continue
		case retryable(err):
			r.problems = append(r.problems, fmt.Sprintf("the default of %s (its table is locked by others)", &d.place))
			return nil
		case sqlState(err) == stateInsufficientPrivilege:
			r.problems = append(r.problems, fmt.Sprintf("the default of %s (the role does not own its table)", &d.place))
			return nil
		}
		return err
	}
}

// notes moves the notes of the column's original defaults.
func (r *resealer) notes(ctx context.Context, p *place, key uint32) error {
	if len(p.sealed.original.Defaults) == 0 {
		return nil
	}
	k, err := r.opener.key(ctx, key)
	if err != nil {
		return err
	}
	err = inTransaction(ctx, r.conn, readCommitted, func(tx pgx.Tx) error {
		found, err := sealedRows(ctx, tx, `WHERE column_id = $1 FOR UPDATE`, p.sealed.id)
		if err != nil || len(found) == 0 { // none: unsealed meanwhile
			return err
		}
		s := found[0]
		changed := false
		for i, env := range s.original.Defaults {
			if h, err := envelope.Parse(env); err == nil && h.KeyID == key {
				continue
			}
			n, err := r.opener.note(ctx, s, env)
			if err != nil {
				r.problems = append(r.problems, fmt.Sprintf("the original default of %s (%v)", p, err))
				continue
			}
			plain := n.Plaintext(s.id)
			s.original.Defaults[i], err = k.Seal(nil, noteColumn, 0, nil, plain)
			clear(plain)
			if err != nil {
				return err
			}
			changed = true
		}
		if !changed {
			return nil
		}
		return writeOriginal(ctx, tx, s.id, s.original)
	})
	if sqlState(err) == stateInsufficientPrivilege {
		r.problems = append(r.problems, fmt.Sprintf("the original default of %s (the role may not update pgseal.sealed_column)", p))
		return nil
	}
	return err
}
