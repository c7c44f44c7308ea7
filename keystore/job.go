package keystore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"pgseal/keycache"
)

// RunJobs carries out the rotations that wait in pgseal.job, oldest first, and
// returns when none is left that nobody else is at. Any number of proxies may
// call it at once. A rotation that KMS refuses is marked as failed, with the
// reason for the DBA to read.
//
// An error of kind [keycache.ErrTemporary] leaves the job queued: call again
// later.
func (s *Store) RunJobs(ctx context.Context) error {
	for {
		found, err := s.runJob(ctx)
		if err != nil || !found {
			return err
		}
	}
}

// runJob carries out one rotation in one transaction: its row lock keeps others
// away, and whatever ends this process leaves the job queued and the keys as
// they were. No session-level advisory lock, which a pool could leave behind on
// a connection.
func (s *Store) runJob(ctx context.Context) (found bool, err error) {
	err = s.inTransaction(ctx, func(tx pgx.Tx) error {
		var (
			job     int64
			tableID int32
		)
		err := tx.QueryRow(ctx, `
			SELECT job_id, table_id FROM pgseal.job WHERE kind = 'rotate' AND state = 'queued'
			 ORDER BY job_id LIMIT 1 FOR UPDATE SKIP LOCKED`).Scan(&job, &tableID)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return databaseError("look for jobs", err)
		}
		found = true
		inner := *s
		inner.db = tx
		key, err := inner.Rotate(ctx, uint32(tableID))
		if errors.Is(err, keycache.ErrTemporary) {
			return err
		}
		state, message := "done", fmt.Sprintf("data key %d, version %d, is active", key.ID, key.Version)
		if err != nil {
			state, message = "failed", err.Error()
			if hint := new(Error); errors.As(err, &hint) && hint.hint != "" {
				message += ". " + hint.hint
			}
		}
		_, err = tx.Exec(ctx, `
			UPDATE pgseal.job SET state = $2, message = $3, done = CASE $2 WHEN 'done' THEN 1 ELSE 0 END, total = 1, worker = $4,
			       started_at = pg_catalog.now(), finished_at = pg_catalog.clock_timestamp()
			 WHERE job_id = $1`, job, state, message, s.o.Worker)
		if err != nil {
			return databaseError("report a job", err)
		}
		s.o.Logger.Info("rotation job carried out", "job", job, "table_id", tableID, "state", state, "message", message)
		return nil
	})
	return found && err == nil, err
}
