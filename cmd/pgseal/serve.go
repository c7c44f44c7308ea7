package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/keycache"
	"pgseal/keystore"
	"pgseal/proxy"
)

// serveSettings are what the proxy is told, by flags or by the demo. Zero
// values mean the defaults of the packages.
type serveSettings struct {
	databaseURL    string
	clientTLS      *tls.Config
	maxConnections int
	startupTimeout time.Duration
	kmsTimeout     time.Duration
	drainTimeout   time.Duration
	idleTimeout    time.Duration
	keyTTL         time.Duration
	keyGrace       time.Duration
	keyCacheSize   int
	log            *slog.Logger
}

func newServe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the proxy",
		Long: `Run the proxy. Clients connect to --listen as they would to PostgreSQL and choose
the database and role; the server authenticates them. The role of --database-url
is the proxy's own: it reads the catalog and the key table of each database that
clients use. SIGTERM drains: sessions finish their transaction, then end.`,
		Example: `  pgseal serve --listen 127.0.0.1:6432 --database-url 'postgres://pgseal@db.example.com/app?sslmode=verify-full'
  pgseal serve --config /etc/pgseal.yaml
  pgseal serve --listen 127.0.0.1:6432,/run/pgseal/.s.PGSQL.6432`,
		Args: exactly(),
	}
	f := cmd.Flags()
	var s serveSettings
	listen := f.StringSlice("listen", []string{"127.0.0.1:6432"}, "addresses to listen on: HOST:PORT, or the path of a Unix socket; comma-separated")
	f.StringVar(&s.databaseURL, "database-url", "", "PostgreSQL, with the proxy's own role; without it the PG* variables")
	certificate := f.String("tls-cert", "", "certificate chain for clients, PEM; without it clients are offered no TLS")
	key := f.String("tls-key", "", "key of --tls-cert, PEM")
	clientCA := f.String("tls-client-ca", "", "authorities, PEM: clients over TCP must use TLS with a certificate signed by one")
	admin := f.String("admin-listen", "", "address for /healthz, /readyz and /metrics, e.g. 127.0.0.1:6433; empty for none")
	f.IntVar(&s.maxConnections, "max-connections", 1000, "sessions at once; further clients are refused with SQLSTATE 53300")
	f.DurationVar(&s.startupTimeout, "startup-timeout", time.Minute, "time for a client to log in")
	f.DurationVar(&s.idleTimeout, "idle-timeout", 0, "end sessions idle for so long outside a transaction; 0 for never")
	f.DurationVar(&s.drainTimeout, "drain-timeout", 30*time.Second, "time for sessions to finish their transaction on SIGTERM")
	f.DurationVar(&s.kmsTimeout, "kms-timeout", 10*time.Second, "how long a statement waits for a data key")
	f.DurationVar(&s.keyTTL, "key-ttl", 5*time.Minute, "how long an open data key is used before KMS is asked again")
	f.DurationVar(&s.keyGrace, "key-grace", 0, "how long beyond --key-ttl an open data key serves while KMS is out of reach")
	f.IntVar(&s.keyCacheSize, "key-cache-size", 1024, "data keys open at once")
	logFormat := f.String("log-format", "text", "text or json")
	logLevel := f.String("log-level", "info", "debug, info, warn or error")
	f.String("config", "", "YAML file of KEY: VALUE lines; keys are the names of these flags")

	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var err error
		if s.log, err = newLogger(cmd.ErrOrStderr(), *logFormat, *logLevel); err != nil {
			return err
		}
		if s.clientTLS, err = clientTLS(*certificate, *key, *clientCA); err != nil {
			return err
		}
		if err := proxy.HardenProcess(); err != nil {
			return err
		}
		server, err := newProxy(cmd.Context(), s)
		if err != nil {
			return err
		}
		listeners, err := listenAll(*listen)
		if err != nil {
			server.databases.Close()
			return err
		}
		if *admin != "" {
			stop, err := server.serveAdmin(*admin)
			if err != nil {
				server.databases.Close()
				return errors.Join(err, closeAll(listeners))
			}
			defer stop()
		}
		for _, l := range listeners {
			s.log.Info("listening", slog.String("address", l.Addr().String()), slog.Bool("tls", s.clientTLS != nil))
		}
		return server.serve(cmd.Context(), listeners...)
	}
	return cmd
}

// runningProxy is the proxy with what it keeps of its databases.
type runningProxy struct {
	server    *proxy.Server
	databases *proxy.Databases
	log       *slog.Logger
}

func newProxy(ctx context.Context, s serveSettings) (*runningProxy, error) {
	client, err := keystore.NewKMS(ctx)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname() // only to be recognised by in pgseal.jobs
	databases, err := proxy.NewDatabases(proxy.DatabasesConfig{
		Upstream: s.databaseURL,
		KMS:      client,
		Keystore: keystore.Options{Worker: fmt.Sprintf("proxy %s %d", host, os.Getpid())},
		Cache:    keycache.Config{Size: s.keyCacheSize, TTL: s.keyTTL, Grace: s.keyGrace, UnwrapTimeout: s.kmsTimeout},
		Watch:    catalog.WatchOptions{},
		Logger:   s.log,
	})
	if err != nil {
		return nil, &usageError{err}
	}
	server, err := proxy.New(proxy.Config{
		Upstream: s.databaseURL, ClientTLS: s.clientTLS, MaxConnections: s.maxConnections,
		StartupTimeout: s.startupTimeout, KMSTimeout: s.kmsTimeout, DrainTimeout: s.drainTimeout, IdleTimeout: s.idleTimeout,
		Logger: s.log, Open: databases.Open,
	})
	if err != nil {
		databases.Close()
		return nil, &usageError{err}
	}
	warnOfUpstream(s)
	warnOfDescriptors(s)
	if !envelope.MemoryLocked() {
		s.log.Warn("memory for keys cannot be locked: keys could reach swap space", slog.String("hint", "raise the limit: ulimit -l, LimitMEMLOCK="))
	}
	return &runningProxy{server, databases, s.log}, nil
}

// serve takes clients until ctx ends and all sessions are over.
func (p *runningProxy) serve(ctx context.Context, listeners ...net.Listener) error {
	defer p.databases.Close()
	// The database of the URL is watched from the start; that it cannot be
	// reached yet is no reason not to listen.
	if err := p.databases.Hold(ctx); err != nil && ctx.Err() == nil {
		p.log.Warn("the database is not ready yet", slog.Any("error", err))
	}
	proxy.TrimProcess()
	return p.server.Serve(ctx, listeners...)
}

func (p *runningProxy) serveAdmin(address string) (stop func(), err error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, hint(fmt.Errorf("listen: %w", err), "another process may hold the address: give --admin-listen another port")
	}
	server := &http.Server{Handler: proxy.AdminHandler(p.server, p.databases), ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	go func() {
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			p.log.Error("admin listener failed", slog.Any("error", err))
		}
	}()
	p.log.Info("admin listening", slog.String("address", ln.Addr().String()))
	return func() { server.Close() }, nil
}

// spareDescriptors are for listeners, logins under way and the proxy's own
// connections.
const spareDescriptors = 200

// warnOfDescriptors tells when the process may not open as many as it may take
// sessions: the rest of the clients would wait to be accepted, without a word.
func warnOfDescriptors(s serveSettings) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return // nothing to tell
	}
	if needed := uint64(2*s.maxConnections + spareDescriptors); uint64(limit.Cur) < needed {
		s.log.Warn("too few file descriptors for --max-connections", slog.Uint64("limit", uint64(limit.Cur)), slog.Uint64("needed", needed),
			slog.String("hint", "raise the limit: ulimit -n, LimitNOFILE="))
	}
}

// warnOfUpstream tells when the server's identity is not checked: whoever
// stands between could then read what is not sealed.
func warnOfUpstream(s serveSettings) {
	config, err := pgconn.ParseConfig(s.databaseURL)
	if err != nil || strings.HasPrefix(config.Host, "/") || isLoopback(config.Host) {
		return
	}
	if config.TLSConfig == nil || config.TLSConfig.InsecureSkipVerify && config.TLSConfig.VerifyPeerCertificate == nil {
		s.log.Warn("the server's certificate is not checked", slog.String("hint", "add sslmode=verify-full to the database URL"))
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func clientTLS(certificate, key, clientCA string) (*tls.Config, error) {
	if certificate == "" && key == "" && clientCA == "" {
		return nil, nil
	}
	if certificate == "" || key == "" {
		return nil, &usageError{errors.New("--tls-cert and --tls-key go together, and --tls-client-ca needs them")}
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, &usageError{fmt.Errorf("certificate for clients: %w", err)}
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if clientCA == "" {
		return config, nil
	}
	authorities, err := os.ReadFile(clientCA)
	if err != nil {
		return nil, &usageError{fmt.Errorf("authorities of clients' certificates: %w", err)}
	}
	config.ClientCAs = x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(authorities) {
		return nil, &usageError{fmt.Errorf("--tls-client-ca %s: there is no certificate in it", clientCA)}
	}
	return config, nil
}

func newLogger(w io.Writer, format, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, &usageError{fmt.Errorf("--log-level %s: debug, info, warn or error", level)}
	}
	options := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, &usageError{fmt.Errorf("--log-format %s: text or json", format)}
}
