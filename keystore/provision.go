package keystore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Table is a table that owns data keys.
type Table struct {
	ID       uint32
	Relation uint32 // OID
	Name     string // at creation, quoted as SQL needs it: the name in its keys' context
	Seal     Key    // active keys
	Index    Key
}

// Provision gives a table, by its OID, what sealing a column of it needs: a row
// of pgseal.sealed_table and an active data key of each purpose. What is there
// already stays. KMS makes the keys without showing them, so this needs
// kms:GenerateDataKeyWithoutPlaintext and not kms:Decrypt.
//
// All of it happens in one transaction, or within the caller's if the Store's DB
// is one. Two at once for the same table give the same keys.
func (s *Store) Provision(ctx context.Context, relation uint32) (Table, error) {
	t := Table{Relation: relation}
	err := s.inTransaction(ctx, func(tx pgx.Tx) error {
		var id int32
		// DO UPDATE, so that the row is locked and returned also if it was there.
		err := tx.QueryRow(ctx, `
			INSERT INTO pgseal.sealed_table AS t (relation, name_at_creation)
			SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname)
			  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
			 WHERE c.oid = $1
			ON CONFLICT (relation) DO UPDATE SET relation = t.relation
			RETURNING table_id, name_at_creation`, relation).Scan(&id, &t.Name)
		if errors.Is(err, pgx.ErrNoRows) {
			return &Error{message: fmt.Sprintf("there is no table with OID %d", relation)}
		}
		if err != nil {
			return databaseError("enter the table among those with data keys", err)
		}
		t.ID = uint32(id)
		installation, err := s.installation(ctx, tx)
		if err != nil {
			return err
		}
		for _, k := range []struct {
			purpose string
			key     *Key
		}{{PurposeSeal, &t.Seal}, {PurposeIndex, &t.Index}} {
			active, err := queryKeys(ctx, tx, selectKeys+` WHERE k.table_id = $1 AND k.purpose = $2 AND k.state = 'active'`, id, k.purpose)
			if err != nil {
				return databaseError("read the keys of "+t.Name, err)
			}
			if len(active) == 0 {
				w, err := s.generate(ctx, tx, identity{installation: installation, tableID: id, table: t.Name, purpose: k.purpose, version: 1})
				if err != nil {
					return err
				}
				made, err := s.enter(ctx, tx, w)
				if err != nil {
					return err
				}
				active = []Key{made}
			}
			*k.key = active[0]
		}
		return nil
	})
	if err != nil {
		return Table{}, err
	}
	return t, nil
}

// installation returns the id of the installation, and gives it one where the
// extension was made without `pgseal init`.
func (s *Store) installation(ctx context.Context, tx pgx.Tx) (id string, err error) {
	const read = `SELECT id::text FROM pgseal.installation`
	err = tx.QueryRow(ctx, read).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		if _, err := tx.Exec(ctx, `INSERT INTO pgseal.installation DEFAULT VALUES ON CONFLICT DO NOTHING`); err != nil {
			return "", databaseError("name the installation", err)
		}
		err = tx.QueryRow(ctx, read).Scan(&id)
	}
	if err != nil {
		return "", databaseError("read the installation", err)
	}
	return id, nil
}

// wrappedKey is a data key as KMS made it, not yet in the key table.
type wrappedKey struct {
	identity identity
	arn      string
	blob     []byte
}

// enter writes a new data key into the key table, active.
func (s *Store) enter(ctx context.Context, tx pgx.Tx, w *wrappedKey) (Key, error) {
	encryptionContext, err := json.Marshal(w.identity.context())
	if err != nil {
		return Key{}, err
	}
	var id int32
	err = tx.QueryRow(ctx, `
		INSERT INTO pgseal.data_key (table_id, purpose, version, state, kms_key_arn, key_spec, ciphertext_blob, encryption_context, activated_at)
		VALUES ($1, $2, $3, 'active', $4, $5, $6, $7::text::jsonb, pg_catalog.now()) RETURNING key_id`,
		w.identity.tableID, w.identity.purpose, w.identity.version, w.arn, string(s.spec), w.blob, string(encryptionContext)).Scan(&id)
	const uniqueViolation = "23505"
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == uniqueViolation {
		return Key{}, lostRace(w.identity)
	}
	if err != nil {
		return Key{}, databaseError("enter the new data key", err)
	}
	keys, err := queryKeys(ctx, tx, selectKeys+` WHERE k.key_id = $1`, id)
	if err != nil {
		return Key{}, databaseError("read the new data key", err)
	}
	if len(keys) != 1 {
		return Key{}, databaseError("read the new data key", pgx.ErrNoRows)
	}
	return keys[0], nil
}

const (
	minRetry = 200 * time.Millisecond
	maxRetry = 2 * time.Second
)

// generate has KMS make a data key, and asks again for a while if KMS does not
// know the KMS key: it may just have been made.
func (s *Store) generate(ctx context.Context, db DB, i identity) (*wrappedKey, error) {
	kmsKeyID, err := s.kmsKeyID(ctx, db)
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("make a data key for %s under KMS key %s", i.table, kmsKeyID)
	deadline := time.Now().Add(s.o.Patience)
	for wait := minRetry; ; wait = min(2*wait, maxRetry) {
		out, err := s.kms.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{
			KeyId:             &kmsKeyID,
			KeySpec:           s.spec,
			EncryptionContext: i.context(),
		})
		if err == nil {
			if out.KeyId == nil || *out.KeyId == "" || len(out.CiphertextBlob) == 0 {
				return nil, &Error{
					message: what + ": the answer lacks the wrapped key or the ARN of the KMS key",
					hint:    "Check that AWS_ENDPOINT_URL_KMS leads to a KMS.",
					kinds:   temporary,
				}
			}
			return &wrappedKey{identity: i, arn: *out.KeyId, blob: out.CiphertextBlob}, nil
		}
		if !notFound(err) || time.Now().Add(wait).After(deadline) {
			return nil, kmsError(ctx, what, err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, kmsError(ctx, what, err)
		}
	}
}
