package integration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
	"pgseal/integration/pgtest"
)

// The server authenticates every client itself, over every combination of TLS
// on the two hops, with the client's default settings.
func TestAuthenticationIsTheServers(t *testing.T) {
	env := harness.Shared(t)
	certificate, err := pgtest.NewCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, auth := range []pgtest.Auth{pgtest.Trust, pgtest.CleartextAuth, pgtest.MD5, pgtest.SCRAM} {
		cluster := startCluster(t, pgtest.Options{Auth: auth, TLS: true})
		for _, serverTLS := range []string{"disable", "verify-full"} {
			upstream := withParameter(t, cluster.DSN("postgres", harness.Owner), "sslmode", serverTLS)
			proxy, err := env.StartProxy(t.Context(), cluster,
				"--database-url", upstream, "--tls-cert", certificate.CertFile, "--tls-key", certificate.KeyFile)
			if err != nil {
				t.Fatal(err)
			}
			for _, clientTLS := range []string{"disable", "verify-full"} {
				t.Run(fmt.Sprintf("%s, TLS to server %s, from client %s", auth, serverTLS, clientTLS), func(t *testing.T) {
					client := throughProxy(t, cluster.DSN("postgres", harness.Owner), proxy)
					client = withParameter(t, client, "sslmode", clientTLS)
					client = withParameter(t, client, "sslrootcert", certificate.CAFile)
					logsIn(t, client, auth)
				})
			}
			if err := proxy.Stop(); err != nil {
				t.Error(err)
			}
		}
	}
}

func logsIn(t *testing.T, url string, auth pgtest.Auth) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var who string
	if err := conn.QueryRow(t.Context(), "SELECT current_user").Scan(&who); err != nil || who != harness.Owner {
		t.Errorf("current_user = %q, %v", who, err)
	}
	if psql := harness.Shared(t).Sealed.Binaries.Program("psql"); psql != "" {
		if out := client(t, psql, "-XAt", "-d", url, "-c", "SELECT current_user"); strings.TrimSpace(out) != harness.Owner {
			t.Errorf("psql: current_user = %q", out)
		}
	}
	_, err = pgx.Connect(t.Context(), strings.Replace(url, harness.Owner, "nobody_there", 1))
	pgErr := new(pgconn.PgError)
	if !errors.As(err, &pgErr) || !strings.HasPrefix(pgErr.Code, "28") {
		t.Errorf("an unknown role: %v, want SQLSTATE class 28", err)
	}
	if auth == pgtest.Trust {
		return
	}
	_, err = pgx.Connect(t.Context(), strings.Replace(url, pgtest.Password, "wrong", 1))
	if !errors.As(err, &pgErr) || pgErr.Code != "28P01" {
		t.Errorf("a wrong password: %v, want SQLSTATE 28P01", err)
	}
}

func TestUnknownDatabaseIsTheServersError(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: "SELECT 1"})
	_, err := pgx.Connect(t.Context(), strings.Replace(pair.URL(), "/"+pair.Name, "/no_such_database", 1))
	if pgErr := new(pgconn.PgError); !errors.As(err, &pgErr) || pgErr.Code != "3D000" {
		t.Errorf("%v, want SQLSTATE 3D000", err)
	}
}

// A database without the pgseal schema is relayed like any other server's.
func TestADatabaseWithoutPgsealIsRelayed(t *testing.T) {
	env := harness.Shared(t)
	conn, err := pgx.Connect(t.Context(), throughProxy(t, env.Sealed.DSN("template1", harness.Owner), env.Proxy))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	readsBack(t, conn, "SELECT current_database()::text", "template1")
}

func TestCancelReachesTheRunningQuery(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: "SELECT 1"})
	conn := raw(t, pair.URL())
	done := make(chan error, 1)
	go func() { done <- conn.Exec(t.Context(), "SELECT pg_sleep(300)").Close() }()
	direct := pair.Connect(t, pair.ServerURL())
	eventually(t, "the query runs", func() bool {
		var n int
		err := direct.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(300%' AND state = 'active'").Scan(&n)
		return err == nil && n == 1
	})
	if err := conn.CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if pgErr := new(pgconn.PgError); !errors.As(err, &pgErr) || pgErr.Code != "57014" {
			t.Errorf("%v, want SQLSTATE 57014", err)
		}
	case <-time.After(patience):
		t.Fatal("the query was not cancelled")
	}
	if _, err := conn.Exec(t.Context(), "SELECT 1").ReadAll(); err != nil {
		t.Errorf("after the cancellation: %v", err)
	}
}

// SIGTERM: no new sessions, running transactions end, then the process does.
func TestShutdownDrains(t *testing.T) {
	pair := harness.New(t, people)
	proxy, err := pair.Env.StartProxy(t.Context(), pair.Env.Sealed)
	if err != nil {
		t.Fatal(err)
	}
	busy := pair.Connect(t, pair.ProxyURL(proxy))
	tx, err := busy.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	word := pair.Env.Canaries.Word()
	if _, err := tx.Exec(t.Context(), "INSERT INTO people (id, name, ssn) VALUES (1, 'draining', $1)", word); err != nil {
		t.Fatal(err)
	}
	if err := proxy.Terminate(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "new connections are refused", func() bool {
		conn, err := pgx.Connect(t.Context(), pair.ProxyURL(proxy))
		if err == nil {
			conn.Close(t.Context())
		}
		return err != nil
	})
	if _, err := tx.Exec(t.Context(), "UPDATE people SET note = $1 WHERE ssn = $2", word, word); err != nil {
		t.Errorf("inside the transaction: %v", err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Errorf("COMMIT: %v", err)
	}
	if err := proxy.Wait(); err != nil {
		t.Errorf("the proxy did not end with status 0: %v", err)
	}
	readsBack(t, pair.Connect(t, pair.URL()), "SELECT note FROM people WHERE id = 1", word)
}

func TestConnectionsAreLimited(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: "SELECT 1"})
	proxy := startProxy(t, pair, "--max-connections", "2")
	for range 2 {
		pair.Connect(t, pair.ProxyURL(proxy))
	}
	_, err := pgx.Connect(t.Context(), pair.ProxyURL(proxy))
	if pgErr := new(pgconn.PgError); !errors.As(err, &pgErr) || pgErr.Code != "53300" {
		t.Errorf("%v, want SQLSTATE 53300", err)
	}
}

// Whatever a client sends, the proxy lives and serves the others.
func TestRubbishFromAClientHurtsNobody(t *testing.T) {
	pair := harness.New(t, people)
	startup := "\x00\x00\x00\x2f\x00\x03\x00\x00user\x00owner\x00database\x00" // cut short
	for name, bytes := range map[string]string{
		"nothing":              "",
		"one byte":             "\x00",
		"HTTP":                 "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"negative length":      "\xff\xff\xff\xff\x00\x03\x00\x00",
		"length of 2 GiB":      "\x7f\xff\xff\xff\x00\x03\x00\x00",
		"length too short":     "\x00\x00\x00\x03",
		"protocol 2":           "\x00\x00\x00\x08\x00\x02\x00\x00",
		"cancel of nobody":     "\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x00\x01\x00\x00\x00\x02",
		"a startup cut short":  startup,
		"SSL, then plain text": "\x00\x00\x00\x08\x04\xd2\x16\x2fhello",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", pair.Env.Proxy.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write([]byte(bytes)); err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			for {
				if _, err := conn.Read(make([]byte, 4096)); err != nil {
					if errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error("the proxy keeps a connection that can never work")
					}
					break
				}
			}
			readsBack(t, pair.Connect(t, pair.URL()), "SELECT 'alive'", "alive")
		})
	}
}

// The same after the startup, where a session's state is at stake.
func TestRubbishInsideASessionHurtsNobody(t *testing.T) {
	pair := harness.New(t, people)
	for name, bytes := range map[string]string{
		"unknown message":     "!\x00\x00\x00\x04",
		"negative length":     "Q\xff\xff\xff\xff",
		"length of zero":      "Q\x00\x00\x00\x00",
		"query without end":   "Q\x00\x00\x00\x09abcde",
		"bind of nothing":     "B\x00\x00\x00\x04",
		"bind, counts lie":    "B\x00\x00\x00\x0c\x00\x00\xff\xff\x00\x00\xff\xff",
		"bind, length lies":   "P\x00\x00\x00\x2c\x00SELECT id FROM people WHERE ssn = $1\x00\x00\x00B\x00\x00\x00\x10\x00\x00\x00\x00\x00\x01\x80\x00\x00\x00\x00\x00",
		"describe of what":    "D\x00\x00\x00\x06X\x00",
		"execute, cut short":  "E\x00\x00\x00\x05\x00",
		"copy data unasked":   "d\x00\x00\x00\x08abcd",
		"half a message":      "Q\x00\x00\x10\x00SELECT",
		"frame of 2 GiB":      "P\x7f\xff\xff\xff\x00SELECT ssn FROM people",
		"parse, counts lie":   "P\x00\x00\x00\x0b\x00\x00\x7f\xff\x00\x00\x00",
		"password after auth": "p\x00\x00\x00\x08abc\x00",
	} {
		t.Run(name, func(t *testing.T) {
			conn := raw(t, pair.URL())
			hijacked, err := conn.Hijack()
			if err != nil {
				t.Fatal(err)
			}
			defer hijacked.Conn.Close()
			if _, err := hijacked.Conn.Write([]byte(bytes)); err != nil {
				t.Fatal(err)
			}
			if err := hijacked.Conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if err := hijacked.Conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			for {
				if _, err := hijacked.Conn.Read(make([]byte, 4096)); err != nil {
					if errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error("the proxy keeps a session whose client is gone")
					}
					break
				}
			}
			readsBack(t, pair.Connect(t, pair.URL()), "SELECT 'alive'", "alive")
		})
	}
}

func startCluster(t *testing.T, opts pgtest.Options) *pgtest.Cluster {
	t.Helper()
	c, err := pgtest.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	role := fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", harness.Owner, pgtest.Password)
	if err := c.Exec(t.Context(), "postgres", role); err != nil {
		t.Fatal(err)
	}
	return c
}

func throughProxy(t *testing.T, dsn string, proxy *harness.Process) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = proxy.Addr
	return u.String()
}

func withParameter(t *testing.T, dsn, name, value string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set(name, value)
	u.RawQuery = query.Encode()
	return u.String()
}
