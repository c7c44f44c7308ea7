package keystore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"pgseal/keycache"
)

// Rotate gives a table a new version of its seal key, which seals all new
// values from its commit on; the former version goes on opening. KMS makes the
// key without showing it: no kms:Decrypt is needed.
//
// Of two rotations at once one wins; the other gets ErrConcurrentRotation and
// has changed nothing.
func (s *Store) Rotate(ctx context.Context, tableID uint32) (Key, error) {
	former, next, err := s.nextVersion(ctx, s.db, tableID)
	if err != nil {
		return Key{}, err
	}
	// Before the transaction: nobody shall wait for KMS.
	w, err := s.generate(ctx, s.db, next)
	if err != nil {
		return Key{}, err
	}
	var k Key
	err = s.inTransaction(ctx, func(tx pgx.Tx) (err error) {
		k, err = s.supersede(ctx, tx, former, w)
		return err
	})
	if err != nil {
		return Key{}, err
	}
	return k, nil
}

// nextVersion returns the active seal key of a table and what the next one will
// be bound to.
func (s *Store) nextVersion(ctx context.Context, db DB, tableID uint32) (former int32, next identity, err error) {
	err = db.QueryRow(ctx, `
		SELECT k.key_id, k.table_id, t.name_at_creation, i.id::text,
		       1 + (SELECT max(version) FROM pgseal.data_key WHERE table_id = k.table_id AND purpose = k.purpose)
		  FROM pgseal.data_key k JOIN pgseal.sealed_table t USING (table_id) CROSS JOIN pgseal.installation i
		 WHERE k.table_id = $1::bigint AND k.purpose = 'seal' AND k.state = 'active'`, int64(tableID)).
		Scan(&former, &next.tableID, &next.table, &next.installation, &next.version)
	next.purpose = PurposeSeal
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, identity{}, &Error{
			message: fmt.Sprintf("pgseal.data_key has no active key for table %d", tableID),
			hint:    "See pgseal.keys, or: pgseal key list",
			kinds:   []error{keycache.ErrFinal, ErrUnknownKey},
		}
	}
	if err != nil {
		return 0, identity{}, databaseError("read the active data key", err)
	}
	return former, next, nil
}

// supersede enters the new key in place of the former, unless someone else has
// done so meanwhile.
func (s *Store) supersede(ctx context.Context, tx pgx.Tx, former int32, w *wrappedKey) (Key, error) {
	tag, err := tx.Exec(ctx, `
		UPDATE pgseal.data_key SET state = 'open-only', superseded_at = pg_catalog.now()
		 WHERE key_id = $1 AND state = 'active'`, former)
	if err != nil {
		return Key{}, databaseError("close the former data key", err)
	}
	if tag.RowsAffected() == 0 {
		return Key{}, lostRace(w.identity)
	}
	return s.enter(ctx, tx, w)
}

func lostRace(i identity) error {
	return &Error{
		message: fmt.Sprintf("version %d of the %s key of %s was made by someone else at the same time", i.version, i.purpose, i.table),
		hint:    "Look at pgseal.keys: if that is the rotation you wanted, nothing is left to do.",
		kinds:   []error{ErrConcurrentRotation},
	}
}
