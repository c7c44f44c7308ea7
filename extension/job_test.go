package extension

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/pgtest"
)

func TestRotateKeyQueuesOneJob(t *testing.T) {
	_, conn := installedDatabase(t)
	mustExec(t, conn, `CREATE TABLE plain (id int)`)
	refused := func(sql, code, word string) {
		t.Helper()
		_, err := conn.Exec(t.Context(), sql)
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != code || !strings.Contains(pg.Message, word) || pg.Hint == "" {
			t.Errorf("%s: got %v", sql, err)
		}
	}
	refused(`SELECT pgseal.rotate_key('plain')`, "55000", "public.plain has no data key")
	sealByHand(t, conn)
	id := one[int64](t, conn, `SELECT pgseal.rotate_key('users')`)
	refused(`SELECT pgseal.rotate_key('users')`, "55006", "already under way")
	if got := one[string](t, conn, `SELECT concat_ws(' ', kind, table_name, state, requested_by) FROM pgseal.jobs WHERE job_id = $1`, id); got != "rotate users queued owner" {
		t.Errorf("pgseal.jobs says %q", got)
	}
	mustExec(t, conn, `UPDATE pgseal.job SET state = 'failed'`)
	if next := one[int64](t, conn, `SELECT pgseal.rotate_key('users')`); next == id {
		t.Error("the failed job is asked for again")
	}
}

func TestRotateKeyNeedsAGrant(t *testing.T) {
	database, conn := installedDatabase(t)
	sealByHand(t, conn)
	mustExec(t, connect(t, cluster, database, pgtest.Superuser), `CREATE ROLE second_dba LOGIN`)
	dba := connect(t, cluster, database, "second_dba")
	if _, err := dba.Exec(t.Context(), `SELECT pgseal.rotate_key('users')`); err == nil {
		t.Error("anyone may rotate keys")
	}
	mustExec(t, conn, `GRANT EXECUTE ON FUNCTION pgseal.rotate_key(regclass) TO second_dba`)
	mustExec(t, dba, `SELECT pgseal.rotate_key('users')`)
	if got := one[string](t, conn, `SELECT requested_by FROM pgseal.jobs`); got != "second_dba" {
		t.Errorf("the job was requested by %q", got)
	}
}

func TestGrantProxyGivesWhatTheProxyNeedsAndNoMore(t *testing.T) {
	database, conn := installedDatabase(t)
	sealByHand(t, conn)
	mustExec(t, conn, `SELECT pgseal.rotate_key('users')`)
	mustExec(t, connect(t, cluster, database, pgtest.Superuser), `CREATE ROLE "the proxy" LOGIN`)
	proxy := connect(t, cluster, database, "the proxy")
	if _, err := proxy.Exec(t.Context(), `SELECT FROM pgseal.data_key`); err == nil {
		t.Error("anyone may read the key table")
	}
	mustExec(t, conn, `SELECT pgseal.grant_proxy('the proxy')`)
	for _, sql := range []string{
		`SELECT FROM pgseal.installation, pgseal.sealed_table, pgseal.sealed_column, pgseal.data_key, pgseal.job`,
		`SELECT FROM pgseal.columns, pgseal.keys, pgseal.jobs`,
		`UPDATE pgseal.data_key SET key_check = '\x000102030405060708090a0b0c0d0e0f', seals = seals + 5 WHERE key_id = 1`,
		`UPDATE pgseal.data_key SET state = 'open-only', superseded_at = now() WHERE key_id = 1`,
		`INSERT INTO pgseal.data_key (table_id, purpose, version, state, kms_key_arn, key_spec, ciphertext_blob, encryption_context)
		 VALUES (1, 'seal', 2, 'active', 'arn', 'AES_256', '\x01', '{}')`,
		`SELECT FROM pgseal.job FOR UPDATE SKIP LOCKED`,
		`UPDATE pgseal.job SET state = 'done', finished_at = now(), worker = 'me'`,
	} {
		mustExec(t, proxy, sql)
	}
	for _, sql := range []string{
		`UPDATE pgseal.data_key SET ciphertext_blob = '\x00'`,
		`DELETE FROM pgseal.data_key`,
		`UPDATE pgseal.sealed_column SET terms = 0`,
		`UPDATE pgseal.installation SET kms_key_id = 'mine'`,
		`SELECT pgseal.grant_proxy('owner')`,
	} {
		if _, err := proxy.Exec(t.Context(), sql); err == nil {
			t.Errorf("the proxy's role may: %s", sql)
		}
	}
}
