package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "github.com/lib/pq"
)

// hops are the ways in which a client can reach the server through the proxy.
func hops(t *testing.T) []struct {
	name   string
	config Config
	client string // for the client's connection string
} {
	own := serverTLS(t, otherCertificate)
	same := serverTLS(t, cluster.Certificate)
	ownRoot := "sslmode=verify-full sslrootcert=" + otherCertificate.CAFile
	sameRoot := "sslmode=verify-full sslrootcert=" + cluster.Certificate.CAFile
	return []struct {
		name   string
		config Config
		client string
	}{
		{"clear-clear", Config{Upstream: upstreamPlain()}, "sslmode=disable"},
		{"tls-clear", Config{Upstream: upstreamPlain(), ClientTLS: own}, ownRoot},
		{"clear-tls", Config{Upstream: upstreamTLS()}, "sslmode=disable"},
		{"tls-tls", Config{Upstream: upstreamTLS(), ClientTLS: own}, ownRoot},
		{"tls-tls-same-certificate", Config{Upstream: upstreamTLS(), ClientTLS: same}, sameRoot},
		{"tls-socket", Config{Upstream: upstreamSocket(), ClientTLS: own}, ownRoot},
	}
}

// clients run a statement with different drivers.
var clients = map[string]func(t *testing.T, dsn string) (string, error){
	"psql": func(t *testing.T, dsn string) (string, error) {
		return psql(t, dsn, "SELECT 'logged in as ' || current_user")
	},
	"pgx": func(t *testing.T, dsn string) (string, error) {
		ctx := context.Background()
		c, err := pgx.Connect(ctx, strings.Replace(dsn, "hostaddr=127.0.0.1 ", "", 1))
		if err != nil {
			return err.Error(), err
		}
		defer c.Close(ctx)
		var s string
		err = c.QueryRow(ctx, "SELECT 'logged in as ' || current_user || $1", "").Scan(&s)
		return s, err
	},
	"lib/pq": func(t *testing.T, dsn string) (string, error) {
		db, err := sql.Open("postgres", strings.Replace(dsn, "hostaddr=127.0.0.1 ", "", 1))
		if err != nil {
			return err.Error(), err
		}
		defer db.Close()
		var s string
		if err := db.QueryRow("SELECT 'logged in as ' || current_user || $1", "").Scan(&s); err != nil {
			return err.Error(), err
		}
		return s, nil
	},
}

func TestEveryAuthenticationWorksOverEveryHop(t *testing.T) {
	for _, hop := range hops(t) {
		t.Run(hop.name, func(t *testing.T) {
			p := startProxy(t, hop.config)
			for name, run := range clients {
				for _, user := range []string{"trust", "password", "md5", "scram"} {
					got, err := run(t, p.DSN(user, hop.client))
					if err != nil || got != "logged in as "+user {
						t.Errorf("%s as %s: %q, %v", name, user, got, err)
					}
				}
			}
		})
	}
}

func TestAWrongPasswordIsRefusedInTheServersWords(t *testing.T) {
	for _, hop := range hops(t) {
		if hop.name == "tls-socket" {
			continue // the socket trusts everyone
		}
		t.Run(hop.name, func(t *testing.T) {
			p := startProxy(t, hop.config)
			for _, user := range []string{"password", "md5", "scram"} {
				dsn := strings.Replace(p.DSN(user, hop.client), "pw-", "wrong-", 1)
				for name, run := range clients {
					got, err := run(t, dsn)
					if err == nil || !strings.Contains(got, `password authentication failed for user "`+user+`"`) {
						t.Errorf("%s as %s: %q, %v", name, user, got, err)
					}
				}
			}
			eventually(t, "all sessions gone", func() bool { return p.places.Load() == 0 })
		})
	}
}

func TestChannelBindingCanBeRequiredWithTheServersOwnCertificate(t *testing.T) {
	p := startProxy(t, Config{Upstream: upstreamTLS(), ClientTLS: serverTLS(t, cluster.Certificate)})
	got, err := psql(t, p.DSN("scram", "channel_binding=require sslmode=verify-full sslrootcert="+cluster.Certificate.CAFile), "SELECT 'bound'")
	if err != nil || got != "bound" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestChannelBindingThatCannotBeIsRefusedByTheClient(t *testing.T) {
	p := startProxy(t, Config{Upstream: upstreamTLS(), ClientTLS: serverTLS(t, otherCertificate)})
	got, err := psql(t, p.DSN("scram", "channel_binding=require sslmode=verify-full sslrootcert="+otherCertificate.CAFile), "SELECT 1")
	if err == nil || !strings.Contains(got, "channel binding required") {
		t.Errorf("%q, %v", got, err)
	}
	eventually(t, "the log says why and what to do", func() bool {
		return strings.Contains(p.Log.String(), "pgseal's certificate is not the server's") && strings.Contains(p.Log.String(), "give pgseal the server's certificate")
	})
	// The proxy is none the worse.
	if got, err := psql(t, p.DSN("trust", "sslmode=require"), "SELECT 2"); err != nil || got != "2" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTheProxysCertificateIsNoCredentialOfItsClients(t *testing.T) {
	withCert := upstreamTLS() + "&sslcert=" + clientCert + "&sslkey=" + clientKey
	p := startProxy(t, Config{Upstream: withCert})
	got, err := psql(t, p.DSN("certified", "sslmode=disable"), "SELECT 1")
	if err == nil || !strings.Contains(got, "pgseal's own client certificate") {
		t.Errorf("%q, %v", got, err)
	}
	dsn := strings.Replace(p.DSN("certified_scram", "sslmode=disable"), "pw-certified_scram", "pw-certified", 1)
	if got, err := psql(t, dsn, "SELECT 1"); err != nil || got != "1" {
		t.Errorf("with a password of its own: %q, %v", got, err)
	}
}

func TestClientsShowACertificateWhereTheyMust(t *testing.T) {
	config := serverTLS(t, otherCertificate)
	pem, err := os.ReadFile(clientCert)
	if err != nil {
		t.Fatal(err)
	}
	config.ClientCAs = x509.NewCertPool()
	config.ClientCAs.AppendCertsFromPEM(pem)
	p := startProxy(t, Config{ClientTLS: config})
	strangerCert, strangerKey := filepath.Join(t.TempDir(), "cert"), filepath.Join(t.TempDir(), "key")
	if err := writeClientCertificate(strangerCert, strangerKey, "postgres"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ options, want string }{
		"with one":              {"sslmode=require sslcert=" + clientCert + " sslkey=" + clientKey, "1"},
		"without one":           {"sslmode=require sslcert=/nonexistent", "connection requires a valid client certificate"},
		"without TLS":           {"sslmode=disable", "connection requires a valid client certificate"},
		"with a stranger's own": {"sslmode=require sslcert=" + strangerCert + " sslkey=" + strangerKey, "SSL"},
	} {
		got, err := psql(t, p.DSN("trust", c.options), "SELECT 1")
		if (err == nil) != (c.want == "1") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if got, err := psql(t, "host="+p.Socket+" port="+p.Port()+" user=trust dbname=postgres", "SELECT 1"); err != nil || got != "1" {
		t.Errorf("over the socket: %q, %v", got, err)
	}
}

func TestPreferFallsBackAsLibpqDoes(t *testing.T) {
	for user, mode := range map[string]string{"clear": "prefer", "encrypted": "allow"} {
		p := startProxy(t, Config{Upstream: "postgres://postgres@" + cluster.Addr() + "/postgres?sslmode=" + mode})
		got, err := psql(t, p.DSN(user, "sslmode=disable"), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
		want := map[string]string{"prefer": "f", "allow": "t"}[mode]
		if err != nil || got != want {
			t.Errorf("%s under sslmode=%s: %q, %v", user, mode, got, err)
		}
	}
	p := startProxy(t, Config{Upstream: "postgres://postgres@" + cluster.Addr() + "/postgres?sslmode=require"})
	got, err := psql(t, p.DSN("clear", "sslmode=disable"), "SELECT 1")
	if err == nil || !strings.Contains(got, "no pg_hba.conf entry") {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTheServersCertificateIsCheckedAsSslmodeSays(t *testing.T) {
	wrongRoot := "postgres://postgres@" + cluster.Addr() + "/postgres?sslrootcert=" + otherCertificate.CAFile + "&sslmode="
	for _, mode := range []string{"verify-ca", "verify-full"} {
		p := startProxy(t, Config{Upstream: wrongRoot + mode})
		got, err := psql(t, p.DSN("trust", "sslmode=disable"), "SELECT 1")
		if err == nil || !strings.Contains(got, "pgseal could not connect to the PostgreSQL server") {
			t.Errorf("%s: %q, %v", mode, got, err)
		}
		if !strings.Contains(p.Log.String(), "certificate") {
			t.Errorf("the log does not say that it was the certificate:\n%s", p.Log)
		}
	}
}

func TestTheNextHostIsTriedWhenOneIsDown(t *testing.T) {
	p := startProxy(t, Config{Upstream: "postgres://postgres@127.0.0.1:1," + cluster.Addr() + "/postgres?sslmode=disable"})
	if got, err := psql(t, p.DSN("trust", "sslmode=disable"), "SELECT 'reached'"); err != nil || got != "reached" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAClientIsToldThatTheServerCannotBeReached(t *testing.T) {
	p := startProxy(t, Config{Upstream: "postgres://postgres:secret@127.0.0.1:1/postgres?sslmode=disable"})
	got, err := psql(t, p.DSN("trust", "sslmode=disable"), "SELECT 1")
	if err == nil || !strings.Contains(got, "FATAL:  pgseal could not connect to the PostgreSQL server") {
		t.Errorf("%q, %v", got, err)
	}
	if strings.Contains(p.Log.String(), "secret") {
		t.Error("the role's password stands in the log")
	}
}

func TestUnixSocketsWorkOnBothSides(t *testing.T) {
	p := startProxy(t, Config{Upstream: upstreamSocket()})
	got, err := psql(t, "host="+p.Socket+" port="+p.Port()+" user=trust dbname=postgres", "SELECT inet_client_addr() IS NULL")
	if err != nil || got != "t" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestDirectTLSNeedsTheProtocolsName(t *testing.T) {
	p := startProxy(t, Config{ClientTLS: serverTLS(t, otherCertificate)})
	for _, c := range []struct {
		name   string
		protos []string
		want   byte
	}{
		{"named", []string{"postgresql"}, 'R'},
		{"unnamed", nil, 'E'},
	} {
		config := trusting(t, otherCertificate)
		config.NextProtos = c.protos
		conn, err := tls.Dial("tcp", p.Addr, config)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		defer conn.Close()
		if _, err := conn.Write(startupPacket(3<<16, "user", "trust", "database", "postgres")); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		f, err := (&peeked{Conn: conn}).frame(1000)
		if err != nil || f[0] != c.want {
			t.Errorf("%s: got %q, %v", c.name, f, err)
		}
	}
	config := trusting(t, otherCertificate)
	config.NextProtos = []string{"h2"}
	if conn, err := tls.Dial("tcp", p.Addr, config); err == nil {
		conn.Close()
		t.Error("TLS of another protocol was accepted")
	}
}
