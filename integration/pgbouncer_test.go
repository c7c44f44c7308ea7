package integration

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgseal/integration/harness"
	"pgseal/integration/pgtest"
)

// pgbouncerConfig pools transactions over one server connection for each
// database, so that sessions get each other's at every turn. The superuser has sessions.
const pgbouncerConfig = `
[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = transaction
default_pool_size = %d
server_check_query = SELECT 1
server_check_delay = 0
log_connections = 0
log_disconnections = 0
ignore_startup_parameters = extra_float_digits
[users]
` + pgtest.Superuser + ` = pool_mode=session
`

// startPgbouncer starts a pgbouncer in front of a server or a proxy and gives
// its address.
func startPgbouncer(t *testing.T, upstream string, connections int) string {
	t.Helper()
	path := pgbouncerPath()
	if _, err := os.Stat(path); err != nil {
		t.Skip("pgbouncer is not installed: its tests are skipped")
	}
	host, port, err := net.SplitHostPort(upstream)
	if err != nil {
		t.Fatal(err)
	}
	addr, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil { // it gives up being root
			t.Fatal(err)
		}
	}
	users, config := filepath.Join(dir, "users.txt"), filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(users, fmt.Appendf(nil, "\"%s\" \"\"\n\"%s\" \"%s\"\n", harness.Owner, pgtest.Superuser, pgtest.Password), 0o644); err != nil {
		t.Fatal(err)
	}
	_, listen, _ := net.SplitHostPort(addr)
	if err := os.WriteFile(config, fmt.Appendf(nil, pgbouncerConfig, host, port, listen, users, connections), 0o644); err != nil {
		t.Fatal(err)
	}
	var args []string
	if os.Geteuid() == 0 { // it refuses root
		args = []string{"-u", "nobody"}
		if _, err := user.Lookup("postgres"); err == nil {
			args = []string{"-u", "postgres"}
		}
	}
	p, err := harness.StartProcess(t.Context(), filepath.Join(dir, "pgbouncer.log"), addr, exec.Command(path, append(args, config)...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			log, _ := os.ReadFile(p.LogFile)
			t.Logf("pgbouncer's log:\n%s", log)
		}
	})
	return addr
}

func pgbouncerPath() string {
	path, err := exec.LookPath("pgbouncer")
	if err != nil {
		return "/usr/sbin/pgbouncer" // Debian's, which is not on every PATH
	}
	return path
}

// at is a URL at another address.
func at(t *testing.T, dsn, addr string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = addr
	return u.String()
}

// pooledModes are the ways of sending statements that transaction pooling lets
// pass.
var pooledModes = []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec}

// pgbouncer in front of pgseal: one session of pgseal's serves all clients.
func TestPgbouncerInFront(t *testing.T) {
	pair := harness.New(t, people)
	addr := startPgbouncer(t, pair.Env.Proxy.Addr, 1)
	pooledStories(t, pair, at(t, pair.ServerURL(), addr))
}

// pgbouncer behind pgseal: every transaction can come to another server.
func TestPgbouncerBehind(t *testing.T) {
	pair := harness.New(t, people)
	u, err := url.Parse(pair.ServerURL())
	if err != nil {
		t.Fatal(err)
	}
	addr := startPgbouncer(t, u.Host, 4)
	proxy := startProxy(t, pair, "--database-url", at(t, pair.Env.Sealed.DSN("postgres", harness.Owner), addr))
	pooledStories(t, pair, pair.ProxyURL(proxy))
	pathStories(t, pair, pair.ProxyURL(proxy))
}

// A server of the pool keeps what one proxy has left on it, and comes to another.
func TestPgbouncerBehindSeveralProxies(t *testing.T) {
	pair := harness.New(t, people)
	u, err := url.Parse(pair.ServerURL())
	if err != nil {
		t.Fatal(err)
	}
	addr := startPgbouncer(t, u.Host, 7) // each of them keeps one
	for range 3 {
		proxy := startProxy(t, pair, "--database-url", at(t, pair.Env.Sealed.DSN("postgres", harness.Owner), addr))
		conn := pair.Connect(t, pair.ProxyURL(proxy))
		var n int
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM people WHERE ssn = $1", pgx.QueryExecModeExec, pair.Env.Canaries.Text()).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
}

// pooledStories has clients with different settings work in turns.
func pooledStories(t *testing.T, pair *harness.Pair, sealed string) {
	t.Helper()
	w := pair.Env.Canaries.Text()
	for _, mode := range pooledModes {
		pair.Empty()
		want, got := pooledStory(t, pair.TwinURL(), mode, w), pooledStory(t, sealed, mode, w)
		if got != want {
			t.Errorf("%v: %s\nwant\n%s", mode, got, want)
		}
	}
}

func pooledStory(t *testing.T, dsn string, mode pgx.QueryExecMode, w string) string {
	t.Helper()
	ctx := t.Context()
	var clients []*pgx.Conn
	for i, zone := range []string{"UTC", "Asia/Tokyo", "America/New_York"} {
		config, err := pgx.ParseConfig(dsn)
		if err != nil {
			t.Fatal(err)
		}
		config.DefaultQueryExecMode = mode
		config.RuntimeParams["timezone"] = zone
		config.RuntimeParams["datestyle"] = []string{"ISO, MDY", "SQL, DMY", "German"}[i]
		c, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(context.WithoutCancel(ctx))
		clients = append(clients, c)
	}
	var out strings.Builder
	say := func(client int, sql string, args ...any) {
		fmt.Fprintf(&out, "%d %s\n", client, sql)
		rows, err := clients[client].Query(ctx, sql, args...)
		if err == nil {
			for rows.Next() {
				values := rows.RawValues()
				for _, v := range values {
					fmt.Fprintf(&out, "| %q ", v)
				}
				out.WriteString("\n")
			}
			err = rows.Err()
			fmt.Fprintln(&out, rows.CommandTag())
		}
		if err != nil {
			fmt.Fprintf(&out, "error %v\n", err)
		}
	}
	for i := range clients {
		say(i, "INSERT INTO people (id, name, ssn, email, note, age) VALUES ($1, $2, $3, $4, $5, $6)",
			i+1, "client", fmt.Sprintf("%s%d", w, i), fmt.Sprintf("%s@%d", w, i), "01/02/2003", 30+i)
	}
	for i := range clients {
		say(i, "SELECT id, ssn, note, age, '2024-03-04 05:06:07+00'::timestamptz::text FROM people WHERE age = $1 OR ssn = $2 ORDER BY id", 31, w+"0")
		say(i, "SELECT now() - now(), current_setting('TimeZone'), current_setting('DateStyle')")
	}
	// Transactions of two clients at once need two servers: one after the other.
	for i := range clients {
		say(i, "BEGIN")
		say(i, "SET LOCAL timezone = 'Europe/Berlin'")
		say(i, "UPDATE people SET note = $1 WHERE ssn = $2 RETURNING note, email", "in a transaction", fmt.Sprintf("%s%d", w, i))
		say(i, "DECLARE c CURSOR FOR SELECT ssn, email FROM people ORDER BY id")
		say(i, "FETCH 2 FROM c")
		say(i, "INSERT INTO people (id, name, email) VALUES (99, 'x', $1)", w+"@0")
		say(i, "ROLLBACK")
		say(i, "FETCH c")
	}
	say(1, "INSERT INTO people (id, name, age) VALUES (9, 'x', 'no number')")
	say(2, "SELECT ssn FROM people ORDER BY id")
	return out.String()
}

// pathStories changes the search path of the servers behind the pool, as clients
// do that forget where they are: what a statement means is decided by the server
// that it comes to.
func pathStories(t *testing.T, pair *harness.Pair, sealed string) {
	t.Helper()
	pair.Empty()
	ctx := t.Context()
	w := pair.Env.Canaries.Text()
	var clients []*pgx.Conn
	for range 3 {
		config, err := pgx.ParseConfig(sealed)
		if err != nil {
			t.Fatal(err)
		}
		config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
		c, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(context.WithoutCancel(ctx))
		clients = append(clients, c)
	}
	// Three servers, of which one has another path.
	for i, c := range clients {
		if _, err := c.Exec(ctx, "BEGIN"); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			if _, err := c.Exec(ctx, "SET search_path = other, public"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range clients {
		if _, err := c.Exec(ctx, "COMMIT"); err != nil {
			t.Fatal(err)
		}
	}
	// The same text for both tables: other.people has no sealed column.
	done := make(chan error)
	for i, c := range clients {
		go func() {
			for n := range 60 {
				id := 1000*i + n
				if _, err := c.Exec(ctx, "INSERT INTO people (id, ssn, name) VALUES ($1, $2, 'n')", id, w[:4]+fmt.Sprint(id)); err != nil && !strings.Contains(err.Error(), `column "name"`) {
					done <- err
					return
				}
				var ssn string
				err := c.QueryRow(ctx, "SELECT ssn FROM people WHERE id = $1", id).Scan(&ssn)
				if err != nil && err != pgx.ErrNoRows || err == nil && ssn != w[:4]+fmt.Sprint(id) {
					done <- fmt.Errorf("%q, %w", ssn, err)
					return
				}
			}
			done <- nil
		}()
	}
	for range clients {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	conn := pair.Connect(t, pair.ServerURL())
	var envelopes int
	if err := conn.QueryRow(ctx, `SELECT count(*) FROM other.people WHERE ssn LIKE '\\xe5%'`).Scan(&envelopes); err != nil || envelopes > 0 {
		t.Errorf("%d envelopes in a plain column, %v", envelopes, err)
	}
}
