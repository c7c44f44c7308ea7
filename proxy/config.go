package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Config is what a Server needs to know. The zero value of every field but
// Upstream and Open is usable.
type Config struct {
	// Upstream is a libpq connection URL or keyword string: the hosts that are
	// tried in order, target_session_attrs and load_balance_hosts, sslmode and
	// its files, connect_timeout; user and password are those of the proxy's
	// own role and are never used for a client. The PG* variables fill what it
	// leaves out.
	Upstream string

	// ClientTLS answers clients that ask for TLS. Nil: they are told that
	// there is none. With ClientCAs in it, a client that comes over TCP must use
	// TLS with a certificate signed by one of them.
	ClientTLS *tls.Config

	// MaxConnections is how many sessions there may be at once; further
	// clients are refused with SQLSTATE 53300. Default 1000.
	MaxConnections int

	// StartupTimeout bounds the time from accept to the first ReadyForQuery.
	// Default one minute, as PostgreSQL's authentication_timeout.
	StartupTimeout time.Duration

	// KMSTimeout bounds how long a statement waits for a data key to be
	// unwrapped or for the catalog to be read again. Default 10 seconds.
	KMSTimeout time.Duration

	// DrainTimeout is how long sessions may go on with their transaction after
	// Serve's context has ended. Default 30 seconds.
	DrainTimeout time.Duration

	// IdleTimeout ends sessions that have had nothing to do for so long, with
	// SQLSTATE 57P05. Zero: never. It is checked four times in that span.
	IdleTimeout time.Duration

	// KeepAlive is the idle time after which TCP asks whether a peer is still
	// there, on both hops. Default one minute; negative: the system's default.
	KeepAlive time.Duration

	// Logger gets connects, disconnects, refusals and failures, never a value,
	// a statement or a credential. Default slog.Default.
	Logger *slog.Logger

	// Open returns what sessions in a database need, for one session more;
	// it is called when the server has let the client in. The session calls
	// Close when it ends.
	Open func(ctx context.Context, database string) (Database, error)
}

const (
	defaultMaxConnections = 1000
	defaultStartupTimeout = time.Minute
	defaultKMSTimeout     = 10 * time.Second
	defaultDrainTimeout   = 30 * time.Second
	defaultKeepAlive      = time.Minute
	defaultConnectTimeout = 10 * time.Second
)

// validate fills the defaults, then refuses what cannot work.
func (c *Config) validate() (*pgconn.Config, error) {
	if c.MaxConnections == 0 {
		c.MaxConnections = defaultMaxConnections
	}
	setDefault(&c.StartupTimeout, defaultStartupTimeout)
	setDefault(&c.KMSTimeout, defaultKMSTimeout)
	setDefault(&c.DrainTimeout, defaultDrainTimeout)
	setDefault(&c.KeepAlive, defaultKeepAlive)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}

	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"startup timeout", c.StartupTimeout},
		{"KMS timeout", c.KMSTimeout},
		{"drain timeout", c.DrainTimeout},
		{"idle timeout", c.IdleTimeout},
	} {
		if d.value < 0 {
			return nil, fmt.Errorf("proxy: %s must not be negative", d.name)
		}
	}
	if c.MaxConnections < 0 {
		return nil, errors.New("proxy: the limit on connections must not be negative")
	}
	if c.Open == nil {
		return nil, errors.New("proxy: no way to open a database was given")
	}
	if c.ClientTLS != nil && len(c.ClientTLS.Certificates) == 0 && c.ClientTLS.GetCertificate == nil {
		return nil, errors.New("proxy: TLS for clients needs a certificate")
	}
	pg, err := parseUpstream(c.Upstream)
	if err != nil {
		return nil, fmt.Errorf("proxy: the upstream URL is not usable: %w", err)
	}
	if pg.ConnectTimeout == 0 {
		pg.ConnectTimeout = defaultConnectTimeout
	}
	return pg, nil
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// parseUpstream reads a libpq connection string. pgconn quotes the string in
// its errors, with the password blotted out where it can tell which part that
// is; our error leaves the string away.
func parseUpstream(dsn string) (*pgconn.Config, error) {
	pg, err := pgconn.ParseConfig(dsn)
	var parse *pgconn.ParseConfigError
	if errors.As(err, &parse) {
		withoutString := *parse
		withoutString.ConnString = ""
		return nil, errors.New(strings.TrimPrefix(withoutString.Error(), "cannot parse ``: "))
	}
	return pg, err
}
