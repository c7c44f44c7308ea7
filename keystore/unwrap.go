package keystore

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/jackc/pgx/v5"

	"pgseal/envelope"
	"pgseal/keycache"
)

// row is what Unwrap reads of a data key.
type row struct {
	id        uint32
	identity  identity
	state     string
	arn       string
	blob      []byte
	context   []byte // as stored
	check     []byte // nil before the first unwrap
	mayRecord bool   // whether the check value can be written here
}

// name names the key row in messages.
func (r *row) name() string {
	return fmt.Sprintf("data key %d (%s, %s, version %d)", r.id, r.identity.table, r.identity.purpose, r.identity.version)
}

// Unwrap opens a data key by having KMS decrypt its blob. It implements
// keycache.Source; the database that id names is the Store's own.
//
// A row whose encryption context is not the one that its key was made with is
// refused before KMS is asked; a key that is not the one of earlier unwraps,
// after. The errors are of kind [keycache.ErrTemporary] or [keycache.ErrFinal],
// and where it applies ErrTampered, ErrUnusable or ErrUnknownKey.
func (s *Store) Unwrap(ctx context.Context, id keycache.ID) (*envelope.Key, error) {
	r, err := s.readRow(ctx, id.Key)
	if err != nil {
		return nil, err
	}
	if err := r.admit(); err != nil {
		return nil, err
	}
	key, err := s.decrypt(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := s.verify(ctx, r, key); err != nil {
		key.Erase()
		return nil, err
	}
	return key, nil
}

func (s *Store) readRow(ctx context.Context, id uint32) (*row, error) {
	r := &row{id: id}
	err := s.db.QueryRow(ctx, `
		SELECT coalesce((SELECT max(id::text) FROM pgseal.installation), ''), k.table_id, t.name_at_creation, k.purpose, k.version,
		       k.state, k.kms_key_arn, k.ciphertext_blob, k.encryption_context::text, k.key_check,
		       pg_catalog.has_column_privilege('pgseal.data_key', 'key_check', 'UPDATE')
		           AND pg_catalog.current_setting('transaction_read_only') = 'off'
		  FROM pgseal.data_key k JOIN pgseal.sealed_table t USING (table_id)
		 WHERE k.key_id = $1::bigint`, int64(id)).Scan(
		&r.identity.installation, &r.identity.tableID, &r.identity.table, &r.identity.purpose, &r.identity.version,
		&r.state, &r.arn, &r.blob, &r.context, &r.check, &r.mayRecord)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, &Error{
			message: fmt.Sprintf("pgseal.data_key has no row for data key %d", id),
			hint:    "If the key table was restored from a backup older than the data, restore the missing rows: pgseal verify lists them.",
			kinds:   []error{keycache.ErrFinal, ErrUnknownKey},
		}
	}
	if err != nil {
		return nil, databaseError(fmt.Sprintf("read data key %d", id), err)
	}
	return r, nil
}

// admit refuses rows that KMS need not be asked about.
func (r *row) admit() error {
	switch r.state {
	case StatePending, StateActive, StateOpenOnly:
	case StateRetired:
		return &Error{
			message: r.name() + " is retired",
			hint:    "No value should be under it any more. If one is, set the key back to open-only: pgseal verify names the values.",
			kinds:   []error{keycache.ErrFinal, ErrUnusable},
		}
	default:
		return &Error{
			message: r.name() + " is " + r.state,
			hint:    "What was sealed under a destroyed key cannot be opened again.",
			kinds:   []error{keycache.ErrFinal, ErrUnusable},
		}
	}
	if r.identity.purpose != PurposeSeal && r.identity.purpose != PurposeIndex {
		return &Error{
			message: r.name() + " is of a purpose that this version of pgseal does not know",
			hint:    "Use a newer version of pgseal.",
			kinds:   []error{keycache.ErrFinal, ErrUnusable},
		}
	}
	if !r.identity.matches(r.context) {
		return &Error{
			message: r.name() + ": its encryption context is not the one that it was made with; the row was changed, or copied from another table or installation",
			hint:    "Restore this row of pgseal.data_key, and the rows of pgseal.sealed_table and pgseal.installation that it belongs to, from a backup.",
			kinds:   tampered,
		}
	}
	return nil
}

func (s *Store) decrypt(ctx context.Context, r *row) (*envelope.Key, error) {
	var p plaintext
	defer p.erase()
	out, err := s.kms.Decrypt(ctx, &kms.DecryptInput{
		// Always named, so that a blob of someone else's KMS key is refused.
		KeyId:             &r.arn,
		CiphertextBlob:    r.blob,
		EncryptionContext: r.identity.context(),
	}, p.intercept)
	if err != nil {
		return nil, kmsError(ctx, r.name()+", KMS key "+r.arn, err)
	}
	// The SDK's own copy of the key, if there should be one.
	defer clear(out.Plaintext)
	if p.err != nil {
		return nil, &Error{message: r.name(), hint: "Check that AWS_ENDPOINT_URL_KMS leads to a KMS.", kinds: temporary, cause: p.err}
	}
	if out.KeyId == nil || *out.KeyId != r.arn {
		return nil, &Error{
			message: r.name() + ": KMS used another KMS key than the one that the row names",
			hint:    "Check that AWS_ENDPOINT_URL_KMS leads to the KMS that made the key.",
			kinds:   tampered,
		}
	}
	key, err := envelope.NewKey(r.id, p.key)
	if errors.Is(err, envelope.ErrKeySize) {
		return nil, &Error{message: r.name(), kinds: tampered, cause: err}
	}
	if err != nil {
		return nil, &Error{message: r.name(), kinds: final, cause: err}
	}
	return key, nil
}

// verify holds the key against the row's check value, or records it there if
// this is the first time. Where it cannot be recorded, as on a standby, the key
// is used all the same: KMS has authenticated it with its context.
func (s *Store) verify(ctx context.Context, r *row, key *envelope.Key) error {
	check := key.Check()
	if r.check == nil && r.mayRecord {
		tag, err := s.db.Exec(ctx, `UPDATE pgseal.data_key SET key_check = $2 WHERE key_id = $1::bigint AND key_check IS NULL`, int64(r.id), check[:])
		switch {
		case err != nil:
			s.o.Logger.Warn("the check value of a data key could not be recorded", "key", r.id, "error", err)
		case tag.RowsAffected() == 0:
			// Another proxy was first, or the row is gone.
			err := s.db.QueryRow(ctx, `SELECT key_check FROM pgseal.data_key WHERE key_id = $1::bigint`, int64(r.id)).Scan(&r.check)
			if err != nil {
				return databaseError(r.name(), err)
			}
		}
	}
	if r.check != nil && subtle.ConstantTimeCompare(r.check, check[:]) != 1 {
		return &Error{
			message: r.name() + ": it is not the key that was first recorded in this row; the row was changed",
			hint:    "Restore this row of pgseal.data_key from a backup; see pgseal verify.",
			kinds:   tampered,
		}
	}
	return nil
}
