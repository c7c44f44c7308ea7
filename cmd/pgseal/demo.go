package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"pgseal/integration/pgtest"
	"pgseal/kmsdev"
)

func newDemo() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show sealing at work on a PostgreSQL of its own",
		Long: `Start a PostgreSQL server, a KMS for development and the proxy on loopback, show
what an application sees and what the server holds, and stay up to be tried.
Everything is removed at the end.`,
		Example: "  pgseal demo\n  pgseal demo --exit",
		Args:    exactly(),
	}
	exit := cmd.Flags().Bool("exit", false, "end by itself after the story")
	listen := cmd.Flags().String("listen", "127.0.0.1:6432", "address of the proxy; another port is taken if this one is in use")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return demo(cmd.Context(), cmd.OutOrStdout(), *listen, cmd.Flags().Changed("listen"), *exit)
	}
	return cmd
}

const demoKey = "alias/pgseal-demo"

// demo tells its story and cleans up after itself, whatever happens.
func demo(ctx context.Context, out io.Writer, listen string, insist, exit bool) (err error) {
	dir, err := filepath.Abs(".pgseal")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	state, err := os.MkdirTemp(dir, "demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(state), removeIfEmpty(dir)) }()

	s := &story{out: out, color: isTerminal(out)}
	s.title("Starting everything on loopback")
	cluster, err := pgtest.Start(ctx, pgtest.Options{Dir: state, Log: out, Fresh: true, LogStatements: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	direct := cluster.DSN("postgres", pgtest.Superuser)
	s.say("PostgreSQL %d listens on %s", cluster.Binaries.Major, cluster.Addr())

	// The same two pieces that `pgseal kms-dev` and `pgseal serve` run.
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	endpoint, kmsDone, err := demoKMS(background, filepath.Join(state, "kms-dev.json"))
	if err != nil {
		cancel()
		return err
	}
	s.say("KMS for development answers at %s", endpoint)
	address, proxyDone, err := demoProxy(background, direct, listen, insist)
	if err != nil {
		cancel()
		return errors.Join(err, <-kmsDone)
	}
	defer func() { cancel(); err = errors.Join(err, <-proxyDone, <-kmsDone) }()
	s.say("pgseal listens on %s", address)

	through := fmt.Sprintf("postgres://%s:%s@%s/postgres?sslmode=disable", pgtest.Superuser, pgtest.Password, address)
	if err := s.tell(ctx, direct, through, cluster.LogFile()); err != nil {
		return err
	}
	if exit {
		return nil
	}
	s.title("It is yours to play with, until Ctrl-C")
	s.say("through pgseal:   psql '%s'", through)
	s.say("past it:          psql '%s'", direct)
	s.say("e.g.  SELECT * FROM users;   on both")
	<-ctx.Done()
	fmt.Fprintln(out)
	return nil
}

func removeIfEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		return nil
	}
	return os.Remove(dir)
}

// demoKMS serves the KMS protocol and points this process's AWS SDK at it.
func demoKMS(ctx context.Context, file string) (endpoint string, done <-chan error, err error) {
	server, err := kmsdev.Open(file, kmsdev.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return "", nil, err
	}
	if _, err := server.EnsureAlias(demoKey); err != nil {
		return "", nil, errors.Join(err, server.Close())
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, errors.Join(err, server.Close())
	}
	endpoint = "http://" + ln.Addr().String()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_KMS": endpoint, "AWS_REGION": "us-east-1",
		"AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		if err := os.Setenv(name, value); err != nil {
			return "", nil, errors.Join(err, ln.Close(), server.Close())
		}
	}
	result := make(chan error, 1)
	go func() { result <- errors.Join(server.Serve(ctx, ln), server.Close()) }()
	return endpoint, result, nil
}

func demoProxy(ctx context.Context, upstream, listen string, insist bool) (address string, done <-chan error, err error) {
	ln, err := net.Listen("tcp", listen)
	if err != nil && !insist {
		ln, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return "", nil, err
	}
	server, err := newProxy(ctx, serveSettings{
		databaseURL: upstream, log: slog.New(slog.DiscardHandler), drainTimeout: time.Second,
	})
	if err != nil {
		return "", nil, errors.Join(err, ln.Close())
	}
	result := make(chan error, 1)
	go func() { result <- server.serve(ctx, ln) }()
	return ln.Addr().String(), result, nil
}

// demoConnect opens one connection of the story's application.
func demoConnect(ctx context.Context, dsn string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["application_name"] = "shop"
	return pgx.ConnectConfig(ctx, config)
}
