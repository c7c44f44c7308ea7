package integration

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgseal/integration/harness"
)

const accounts = `
CREATE TABLE accounts (id int PRIMARY KEY, token text UNIQUE, secret text, version int NOT NULL DEFAULT 0);
INSERT INTO accounts SELECT i, 'token ' || i, 'secret ' || i FROM generate_series(1, 2000) i`

var sealAccounts = []string{"public.accounts.token --equality", "public.accounts.secret"}

// keysInUse counts the stored values of accounts under each data key version.
const keysInUse = `
SELECT k.version, count(*) FROM accounts a
 CROSS JOIN LATERAL (VALUES (a.token::bytea), (a.secret::bytea)) v(envelope)
  JOIN pgseal.data_key k ON k.key_id = pgseal.key_id(v.envelope) GROUP BY 1`

func versions(t *testing.T, conn *pgx.Conn) map[int]int {
	t.Helper()
	rows, err := conn.Query(t.Context(), keysInUse)
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]int{}
	var version, n int
	if _, err := pgx.ForEachRow(rows, []any{&version, &n}, func() error { found[version] = n; return nil }); err != nil {
		t.Fatal(err)
	}
	return found
}

// writeAndAsk writes values in rows 1 and 2 through one connection, the second one
// as it stands in a prepared statement, and asks another for the older of the key
// versions they were sealed under.
func writeAndAsk(t *testing.T, through, direct *pgx.Conn) int {
	t.Helper()
	if _, err := through.Exec(t.Context(), "UPDATE accounts SET secret = $1 WHERE id = 1", "rewritten"); err != nil {
		t.Fatal(err)
	}
	if _, err := through.Exec(t.Context(), "UPDATE accounts SET secret = 'a constant' WHERE id = $1", 2); err != nil {
		t.Fatal(err)
	}
	var version int
	err := direct.QueryRow(t.Context(), `SELECT min(k.version) FROM accounts a JOIN pgseal.data_key k
		ON k.key_id = pgseal.key_id(a.secret) WHERE a.id IN (1, 2)`).Scan(&version)
	if err != nil {
		t.Fatal(err)
	}
	return version
}

func TestRotationReachesEveryRunningProxy(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: accounts, Seal: sealAccounts})
	second, err := pair.Env.StartProxy(t.Context(), pair.Env.Sealed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := second.Stop(); err != nil {
			t.Error(err)
		}
	})
	direct := pair.Connect(t, pair.ServerURL())
	proxies := []*pgx.Conn{pair.Connect(t, pair.URL()), pair.Connect(t, pair.ProxyURL(second))}
	for _, conn := range proxies {
		if v := writeAndAsk(t, conn, direct); v != 1 {
			t.Fatalf("version %d before any rotation", v)
		}
	}

	pair.Pgseal("key", "rotate", "public.accounts")
	for i, conn := range proxies {
		eventually(t, fmt.Sprintf("proxy %d seals under version 2", i+1), func() bool {
			return writeAndAsk(t, conn, direct) == 2
		})
	}
	// The older version still opens, in both.
	for _, conn := range proxies {
		var secret string
		if err := conn.QueryRow(t.Context(), "SELECT secret FROM accounts WHERE token = $1", "token 77").Scan(&secret); err != nil || secret != "secret 77" {
			t.Errorf("an older value reads %q, %v", secret, err)
		}
	}

	// Asked for from psql, a running proxy carries it out.
	if _, err := direct.Exec(t.Context(), "SELECT pgseal.rotate_key('public.accounts')"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a proxy rotates on request", func() bool { return writeAndAsk(t, proxies[0], direct) == 3 })
}

func TestTwoRotationsAtOnceDoNotBreakTheTable(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: accounts, Seal: sealAccounts})
	var group sync.WaitGroup
	results := make([]harness.Result, 3)
	for i := range results {
		group.Go(func() { results[i] = pair.Try("key", "rotate", "public.accounts") })
	}
	group.Wait()
	won := 0
	for _, r := range results {
		if r.Status == 0 {
			won++
		}
	}
	if won == 0 {
		t.Errorf("nobody rotated: %+v", results)
	}
	var active int
	err := pair.Connect(t, pair.ServerURL()).QueryRow(t.Context(),
		"SELECT count(*) FROM pgseal.data_key WHERE purpose = 'seal' AND state = 'active'").Scan(&active)
	if err != nil || active != 1 {
		t.Errorf("%d active data keys, want 1 (%v)", active, err)
	}
	var secret string
	if err := pair.Connect(t, pair.URL()).QueryRow(t.Context(), "SELECT secret FROM accounts WHERE id = 5").Scan(&secret); err != nil || secret != "secret 5" {
		t.Errorf("secret reads %q, %v", secret, err)
	}
}

// Values move to the new key while applications write: no update is lost, no
// value is wrong at any time.
func TestResealBesideLiveWrites(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: accounts, Seal: sealAccounts})
	pair.Pgseal("key", "rotate", "public.accounts")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	const writers = 3
	written := make([]map[int]int, writers)
	var group sync.WaitGroup
	for w := range writers {
		conn := pair.Connect(t, pair.URL())
		written[w] = map[int]int{}
		group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				id := 1 + w + writers*(n%500)
				// The counter in the clear tells what the secret must say.
				var secret string
				var version int
				err := conn.QueryRow(t.Context(),
					"UPDATE accounts SET secret = $2, version = version + 1 WHERE id = $1 RETURNING secret, version",
					id, fmt.Sprintf("secret %d of writer %d, %d", id, w, written[w][id]+1)).Scan(&secret, &version)
				if err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
				written[w][id]++
			}
		})
	}
	pair.Pgseal("key", "reseal", "public.accounts")
	stop()
	group.Wait()

	direct := pair.Connect(t, pair.ServerURL())
	if found := versions(t, direct); found[1] != 0 || found[2] != 4000 {
		t.Errorf("values by key version after reseal: %v, want 4000 under version 2", found)
	}
	conn := pair.Connect(t, pair.URL())
	rows, err := conn.Query(t.Context(), "SELECT id, token, secret, version FROM accounts ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	var id, version int
	var token, secret string
	_, err = pgx.ForEachRow(rows, []any{&id, &token, &secret, &version}, func() error {
		want := fmt.Sprintf("secret %d", id)
		if w := (id - 1) % writers; written[w][id] > 0 {
			want = fmt.Sprintf("secret %d of writer %d, %d", id, w, written[w][id])
		}
		if secret != want || token != fmt.Sprintf("token %d", id) || version != written[(id-1)%writers][id] {
			t.Errorf("row %d: token %q, secret %q, version %d; want secret %q", id, token, secret, version, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	pair.Pgseal("verify", "public.accounts")
}

func TestResealGoesOnAfterAnInterruption(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: accounts, Seal: sealAccounts})
	pair.Pgseal("key", "rotate", "public.accounts")
	direct := pair.Connect(t, pair.ServerURL())
	// Somebody holds a row: reseal moves others and waits, or passes it by.
	holder := pair.Connect(t, pair.ServerURL())
	tx, err := holder.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT 1 FROM accounts WHERE id = 1900 FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	interrupted, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := pair.Env.Command(interrupted, pair.Name, "key", "reseal", "public.accounts")
		done <- err
	}()
	eventually(t, "reseal has moved some values", func() bool { return versions(t, direct)[2] > 0 })
	cancel()
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		t.Log(err) // killed: any end is right
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	pair.Pgseal("key", "reseal", "public.accounts")
	if found := versions(t, direct); found[1] != 0 || found[2] != 4000 {
		t.Errorf("values by key version: %v, want 4000 under version 2", found)
	}
	pair.Pgseal("verify")
}
