package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"pgseal/keystore"
	"pgseal/sealing"
)

// databaseFlag is the flag of every command that talks to PostgreSQL directly.
func databaseFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("database-url", "",
		"PostgreSQL itself, not the proxy: postgres://user:password@host:5432/database?sslmode=verify-full; without it the PG* variables")
}

// connect opens a direct connection. An empty URL leaves all to the PG*
// variables, as libpq does.
func connect(ctx context.Context, url string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, &usageError{fmt.Errorf("database URL: %w", err)}
	}
	// libpq's; pgx does not know it and would send it to the server.
	delete(config.RuntimeParams, "load_balance_hosts")
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "pgseal"
	}
	return pgx.ConnectConfig(ctx, config)
}

// keys opens key stores on what a command does to the key table.
func keys(ctx context.Context, kmsKeyID string) (sealing.Keys, error) {
	client, err := keystore.NewKMS(ctx)
	if err != nil {
		return nil, err
	}
	return func(db keystore.DB) (*keystore.Store, error) {
		return keystore.New(db, client, keystore.Options{KMSKeyID: kmsKeyID})
	}, nil
}

// kmsKeyFlag names the KMS key that wraps new data keys.
func kmsKeyFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("kms-key-id", "",
		"KMS key that wraps data keys: id, ARN, alias or alias ARN (default: what pgseal init was given)")
}

// withDatabase runs f on a direct connection.
func withDatabase(cmd *cobra.Command, url string, f func(context.Context, *pgx.Conn) error) error {
	ctx := cmd.Context()
	conn, err := connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return f(ctx, conn)
}

// exactly is cobra.ExactArgs with our exit status and words.
func exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return &usageError{fmt.Errorf("%s is missing", names[len(args)])}
		}
		if len(args) > len(names) {
			return &usageError{fmt.Errorf("unexpected argument %q", args[len(names)])}
		}
		return nil
	}
}

// atLeast wants one argument of that name or more.
func atLeast(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return &usageError{fmt.Errorf("%s is missing", name)}
		}
		return nil
	}
}

// atMost is exactly, with the last name optional.
func atMost(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > 1 {
			return &usageError{fmt.Errorf("unexpected argument %q; only %s can be given", args[1], name)}
		}
		return nil
	}
}

// group is a command that only holds others.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return &usageError{fmt.Errorf("there is no command %q", args[0])}
		}
		return &usageError{errors.New("name what to do")}
	}, RunE: func(*cobra.Command, []string) error { return nil }}
	cmd.AddCommand(children...)
	return cmd
}

// isTerminal is whether w is a terminal that a person looks at.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
