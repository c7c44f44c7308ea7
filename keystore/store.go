// Package keystore keeps the data keys of a database: rows of pgseal.data_key
// that hold each key as AWS KMS wrapped it. It makes new ones, rotates them, and
// has them unwrapped. It is the only package that talks to KMS.
package keystore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The purposes of data keys in use.
const (
	PurposeSeal  = "seal"  // values are sealed under it
	PurposeIndex = "index" // search terms are computed under it
)

// The states of a data key.
const (
	StatePending   = "pending"   // made, not yet used for new values
	StateActive    = "active"    // seals new values; one for each table and purpose
	StateOpenOnly  = "open-only" // opens what it has sealed
	StateRetired   = "retired"   // no value is under it any more
	StateDestroyed = "destroyed" // its wrapped bytes are gone
)

// DB is where the key table is: *pgx.Conn, *pgxpool.Pool, or a pgx.Tx of the
// caller's, in which all changes then stay until it commits.
type DB interface {
	Begin(ctx context.Context) (pgx.Tx, error)
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Options are the settings of a Store; zero values mean the defaults.
type Options struct {
	// KMSKeyID names the KMS key that wraps new data keys: key id, ARN, alias or
	// alias ARN. Empty means the one that `pgseal init` wrote into the database.
	KMSKeyID string
	// KeySpec is AES_256, the default, or AES_128.
	KeySpec string
	// Patience is how long the making of a key waits for a KMS key, alias or
	// grant that KMS does not know yet: it takes a few seconds until all of KMS
	// knows a new one. 20 seconds by default, negative for none.
	Patience time.Duration
	// Worker names this process in pgseal.jobs.
	Worker string
	// Logger is told of jobs carried out.
	Logger *slog.Logger
}

// Store is the key table of one database. It is safe for concurrent use if its
// DB is.
type Store struct {
	db   DB
	kms  KMS
	o    Options
	spec types.DataKeySpec
}

// New makes a Store. Nothing is read yet. The error is about o.
func New(db DB, k KMS, o Options) (*Store, error) {
	s := &Store{db: db, kms: k, o: o, spec: types.DataKeySpec(o.KeySpec)}
	switch s.spec {
	case types.DataKeySpecAes256, types.DataKeySpecAes128:
	case "":
		s.spec = types.DataKeySpecAes256
	default:
		return nil, &Error{
			message: fmt.Sprintf("a data key cannot be %s", o.KeySpec),
			hint:    "It is AES_256 or AES_128.",
			kinds:   []error{ErrConfiguration},
		}
	}
	if s.o.Patience == 0 {
		s.o.Patience = 20 * time.Second
	}
	if s.o.Logger == nil {
		s.o.Logger = slog.New(slog.DiscardHandler)
	}
	return s, nil
}

// Key is a row of the key table without its wrapped bytes.
type Key struct {
	ID        uint32
	TableID   uint32
	Table     string // present name, quoted as SQL needs it; the name at creation if the table is gone
	Purpose   string
	Version   uint32
	State     string
	KMSKeyARN string
	Spec      string // AES_256 or AES_128
	Checked   bool   // has been unwrapped at least once, and its check value recorded
	Seals     uint64 // values sealed under it, as far as reported
	CreatedAt time.Time
	CreatedBy string
}

const selectKeys = `
	SELECT k.key_id, k.table_id,
	       coalesce(quote_ident(n.nspname) || '.' || quote_ident(c.relname), t.name_at_creation),
	       k.purpose, k.version, k.state, k.kms_key_arn, k.key_spec, k.key_check IS NOT NULL, k.seals,
	       k.created_at, k.created_by
	  FROM pgseal.data_key k
	  JOIN pgseal.sealed_table t USING (table_id)
	  LEFT JOIN pg_catalog.pg_class c ON c.oid = t.relation
	  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`

func scanKey(row pgx.CollectableRow) (k Key, err error) {
	var id, table, version int32
	var seals int64
	err = row.Scan(&id, &table, &k.Table, &k.Purpose, &version, &k.State, &k.KMSKeyARN, &k.Spec, &k.Checked, &seals,
		&k.CreatedAt, &k.CreatedBy)
	k.ID, k.TableID, k.Version, k.Seals = uint32(id), uint32(table), uint32(version), uint64(seals)
	return k, err
}

// Keys returns all keys of the database, table by table.
func (s *Store) Keys(ctx context.Context) ([]Key, error) {
	keys, err := queryKeys(ctx, s.db, selectKeys+` ORDER BY 3, k.table_id, k.purpose DESC, k.version`)
	if err != nil {
		return nil, databaseError("read the key table", err)
	}
	return keys, nil
}

func queryKeys(ctx context.Context, db DB, sql string, args ...any) ([]Key, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanKey)
}

// kmsKeyID is the KMS key that wraps new data keys.
func (s *Store) kmsKeyID(ctx context.Context, db DB) (string, error) {
	if s.o.KMSKeyID != "" {
		return s.o.KMSKeyID, nil
	}
	var id string
	err := db.QueryRow(ctx, `SELECT coalesce(max(kms_key_id), '') FROM pgseal.installation`).Scan(&id)
	if err != nil {
		return "", databaseError("read the KMS key of the installation", err)
	}
	if id == "" {
		return "", &Error{
			message: "no KMS key is set for new data keys",
			hint:    "Name one with --kms-key-id, PGSEAL_KMS_KEY_ID, or for good with: pgseal init --kms-key-id ID",
			kinds:   misused,
		}
	}
	return id, nil
}

// inTransaction runs f in a transaction, or in a savepoint of the caller's.
func (s *Store) inTransaction(ctx context.Context, f func(pgx.Tx) error) error {
	tx, err := s.db.Begin(ctx)
	if err != nil {
		return databaseError("begin a transaction", err)
	}
	if err := f(tx); err != nil {
		// Whatever ended ctx must not keep the transaction open.
		if undo := tx.Rollback(context.WithoutCancel(ctx)); undo != nil && !errors.Is(undo, pgx.ErrTxClosed) {
			s.o.Logger.Debug("rollback", "error", undo)
		}
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return databaseError("commit", err)
	}
	return nil
}
