package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

const vault = `
CREATE TABLE vault (id int PRIMARY KEY, a text, b text, n int);
CREATE TABLE second (id int PRIMARY KEY, a text);`

var sealVault = []string{"public.vault.a --equality", "public.vault.b", "public.vault.n --equality", "public.second.a --equality"}

// newVault has three rows in vault and one in second, written through a proxy.
func newVault(t *testing.T, key string) (*harness.Pair, *pgx.Conn) {
	t.Helper()
	pair := harness.New(t, harness.Schema{DDL: vault, Seal: sealVault, Key: key})
	conn := pair.Connect(t, pair.URL())
	for _, sql := range []string{
		"INSERT INTO vault VALUES (1, 'one', 'uno', 1), (2, 'two', 'due', 2), (3, 'three', 'tre', 3)",
		"INSERT INTO second VALUES (1, 'first')",
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	return pair, conn
}

// clearError expects a statement to fail with a message for people, and the
// session to live on.
func clearError(t *testing.T, conn *pgx.Conn, sql string) *pgconn.PgError {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql)
	if err == nil {
		for rows.Next() {
			values, _ := rows.Values()
			t.Errorf("%s: returned %v", sql, values)
		}
		err = rows.Err()
	}
	pgErr := new(pgconn.PgError)
	if !errors.As(err, &pgErr) {
		t.Fatalf("%s: %v, want an error with SQLSTATE", sql, err)
	}
	if pgErr.Message == "" || strings.HasPrefix(pgErr.Code, "00") {
		t.Errorf("%s: %+v", sql, pgErr)
	}
	var one int
	if err := conn.QueryRow(t.Context(), "SELECT 1").Scan(&one); err != nil || one != 1 {
		t.Fatalf("after %s the session is dead: %v", sql, err)
	}
	return pgErr
}

func readsBack(t *testing.T, conn *pgx.Conn, sql, want string) {
	t.Helper()
	var got string
	if err := conn.QueryRow(t.Context(), sql).Scan(&got); err != nil || got != want {
		t.Errorf("%s: %q, %v; want %q", sql, got, err, want)
	}
}

func TestFlippedBytesAreAnErrorAndNothingElse(t *testing.T) {
	pair, conn := newVault(t, "")
	var length int
	direct := pair.Connect(t, pair.ServerURL())
	if err := direct.QueryRow(t.Context(), "SELECT length(a) FROM vault WHERE id = 1").Scan(&length); err != nil {
		t.Fatal(err)
	}
	var original []byte
	if err := direct.QueryRow(t.Context(), "SELECT a::bytea FROM vault WHERE id = 1").Scan(&original); err != nil {
		t.Fatal(err)
	}
	refusedByServer := 0
	for at := range length {
		_, err := direct.Exec(t.Context(), fmt.Sprintf("UPDATE vault SET a = set_byte(a, %d, get_byte(a, %[1]d) # 1) WHERE id = 1", at))
		if err != nil {
			refusedByServer++ // the domain's CHECK sees the header
			continue
		}
		clearError(t, conn, "SELECT a FROM vault WHERE id = 1")
		if _, err := direct.Exec(t.Context(), "UPDATE vault SET a = $1 WHERE id = 1", original); err != nil {
			t.Fatal(err)
		}
	}
	if refusedByServer == 0 || refusedByServer == length {
		t.Errorf("the server refused %d of %d flipped bytes: the header, and nothing but the header, is its to check", refusedByServer, length)
	}
	readsBack(t, conn, "SELECT a FROM vault WHERE id = 1", "one")
	readsBack(t, conn, "SELECT b FROM vault WHERE id = 1", "uno")

	if _, err := direct.Exec(t.Context(), "UPDATE vault SET a = set_byte(a, length(a) - 1, get_byte(a, length(a) - 1) # 1) WHERE id = 2"); err != nil {
		t.Fatal(err)
	}
	if r := pair.Try("verify", "public.vault"); r.Status != 1 || !strings.Contains(r.Stdout+r.Stderr, "vault") {
		t.Errorf("verify: exit status %d, want 1\n%s%s", r.Status, r.Stdout, r.Stderr)
	}
	// Rows before the damaged one may have arrived; the damaged one never does.
	err := conn.QueryRow(t.Context(), "SELECT a FROM vault WHERE id = 2").Scan(new(string))
	if pgErr := new(pgconn.PgError); !errors.As(err, &pgErr) {
		t.Errorf("the damaged value: %v", err)
	}
}

func TestTruncatedAndExtendedValuesAreErrors(t *testing.T) {
	pair, conn := newVault(t, "")
	pair.Server("UPDATE vault SET b = substring(b::bytea, 1, length(b) - 1) WHERE id = 1; UPDATE vault SET b = b::bytea || '\\x00' WHERE id = 2")
	clearError(t, conn, "SELECT b FROM vault WHERE id = 1")
	clearError(t, conn, "SELECT b FROM vault WHERE id = 2")
	readsBack(t, conn, "SELECT b FROM vault WHERE id = 3", "tre")
}

func TestAValueMovedToAnotherColumnIsRefused(t *testing.T) {
	pair, _ := newVault(t, "")
	direct := pair.Connect(t, pair.ServerURL())
	_, err := direct.Exec(t.Context(), "UPDATE vault SET b = a::bytea WHERE id = 1")
	if pgErr := new(pgconn.PgError); !errors.As(err, &pgErr) || pgErr.Code != "23514" {
		t.Errorf("%v, want SQLSTATE 23514", err)
	}
}

// A key row copied from another table is refused before KMS is asked.
func TestSwappedKeyRowsAreRefused(t *testing.T) {
	pair, _ := newVault(t, "")
	pair.Server(`
WITH v AS (SELECT k.* FROM pgseal.data_key k JOIN pgseal.sealed_table USING (table_id) WHERE relation = 'vault'::regclass AND purpose = 'seal'),
     s AS (SELECT k.* FROM pgseal.data_key k JOIN pgseal.sealed_table USING (table_id) WHERE relation = 'second'::regclass AND purpose = 'seal')
UPDATE pgseal.data_key k
   SET ciphertext_blob = o.ciphertext_blob, encryption_context = o.encryption_context, key_check = o.key_check
  FROM (SELECT v.key_id AS id, s.* FROM v, s UNION ALL SELECT s.key_id, v.* FROM v, s) o
 WHERE k.key_id = o.id`)
	// A proxy that has no key open yet.
	fresh := startProxy(t, pair)
	conn := pair.Connect(t, pair.ProxyURL(fresh))
	clearError(t, conn, "SELECT a FROM vault WHERE id = 1")
	clearError(t, conn, "SELECT a FROM second WHERE id = 1")
	clearError(t, conn, "INSERT INTO second VALUES (2, 'new')")
	readsBack(t, conn, "SELECT count(*)::text FROM second", "1")
	if r := pair.Try("verify"); r.Status != 1 {
		t.Errorf("verify: exit status %d, want 1\n%s%s", r.Status, r.Stdout, r.Stderr)
	}
}

func TestADisabledKMSKeyIsAClearError(t *testing.T) {
	env := harness.Shared(t)
	key, err := env.KMS.CreateKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pair, _ := newVault(t, key)
	if err := env.KMS.Disable(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	fresh := startProxy(t, pair)
	conn := pair.Connect(t, pair.ProxyURL(fresh))
	word := env.Canaries.Word()
	clearError(t, conn, "SELECT a FROM vault WHERE id = 1")
	clearError(t, conn, "INSERT INTO vault VALUES (9, '"+word+"')")
	clearError(t, conn, "SELECT id FROM vault WHERE a = '"+word+"'")
	// Statements that touch no sealed column go on.
	readsBack(t, conn, "SELECT count(*)::text FROM vault", "3")
	if r := pair.Try("key", "rotate", "public.vault"); r.Status != 1 || !strings.Contains(r.Stderr, "hint: ") {
		t.Errorf("rotating under a disabled key: exit status %d\n%s", r.Status, r.Stderr)
	}

	if err := env.KMS.Enable(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the enabled key serves again", func() bool {
		var a string
		return conn.QueryRow(t.Context(), "SELECT a FROM vault WHERE id = 1").Scan(&a) == nil && a == "one"
	})
}

func TestAValueWithoutItsKeyIsAClearError(t *testing.T) {
	pair, _ := newVault(t, "")
	pair.Server("UPDATE pgseal.data_key SET ciphertext_blob = NULL, state = 'destroyed' WHERE purpose = 'seal' AND table_id IN (SELECT table_id FROM pgseal.sealed_table WHERE relation = 'second'::regclass)")
	conn := pair.Connect(t, pair.ProxyURL(startProxy(t, pair)))
	clearError(t, conn, "SELECT a FROM second")
	readsBack(t, conn, "SELECT a FROM vault WHERE id = 1", "one")
}

// An error of ours in the middle of a pipeline keeps the order and skips to
// Sync, as an error of the server's own.
func TestErrorsInsideAPipelineKeepTheOrder(t *testing.T) {
	pair, _ := newVault(t, "")
	for _, side := range []struct{ name, url, bad string }{
		{"refused by pgseal", pair.URL(), "SELECT quote_ident(a) FROM vault"},
		{"value that does not fit", pair.URL(), "INSERT INTO vault (id, n) VALUES (7, 'x')"},
		{"failed by the server", pair.URL(), "SELECT 1/0"},
		{"plain", pair.TwinURL(), "SELECT 1/0"},
	} {
		t.Run(side.name, func(t *testing.T) {
			conn, err := pgconn.Connect(t.Context(), side.url)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(context.WithoutCancel(t.Context()))
			var batch pgconn.Batch
			batch.ExecParams("SELECT 1", nil, nil, nil, nil)
			batch.ExecParams("INSERT INTO vault (id, a) VALUES (8, 'pipelined')", nil, nil, nil, nil)
			batch.ExecParams(side.bad, nil, nil, nil, nil)
			batch.ExecParams("SELECT 2", nil, nil, nil, nil)
			results := conn.ExecBatch(t.Context(), &batch)
			done := 0
			for results.NextResult() {
				if _, err := results.ResultReader().Close(); err == nil {
					done++
				}
			}
			if err := results.Close(); err == nil {
				t.Error("the pipeline did not fail")
			}
			if done != 2 {
				t.Errorf("%d statements done, want the two before the failed one", done)
			}
			rows := conn.ExecParams(t.Context(), "SELECT count(*) FROM vault WHERE id = 8", nil, nil, nil, nil).Read()
			if rows.Err != nil || string(rows.Rows[0][0]) != "0" {
				t.Errorf("the pipeline's implicit transaction left its insert: %v", rows.Err)
			}
		})
	}
}

func startProxy(t *testing.T, pair *harness.Pair, flags ...string) *harness.Process {
	t.Helper()
	proxy, err := pair.Env.StartProxy(t.Context(), pair.Env.Sealed, flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Stop(); err != nil {
			t.Error(err)
		}
	})
	return proxy
}
