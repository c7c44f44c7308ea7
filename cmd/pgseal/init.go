package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"pgseal/extension"
)

func newInit() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Install or upgrade the pgseal schema in a database",
		Long: `Install the pgseal schema, or upgrade an older one; called again, it changes
nothing. The role needs CREATE on the database and need not be a superuser.
With --kms-key-id the KMS key is checked and remembered for new data keys.`,
		Example: `  pgseal init --database-url postgres://owner@db.example.com/app --kms-key-id alias/pgseal
  PGSEAL_KMS_KEY_ID=alias/pgseal pgseal init`,
		Args: exactly(),
	}
	url, kmsKey := databaseFlag(cmd), kmsKeyFlag(cmd)
	proxyRole := cmd.Flags().String("proxy-role", "", "role of the proxy's own connections, to be granted what it needs; not needed when it owns the schema")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withDatabase(cmd, *url, func(ctx context.Context, conn *pgx.Conn) error {
			return install(ctx, cmd, conn, *kmsKey, *proxyRole)
		})
	}
	return cmd
}

func install(ctx context.Context, cmd *cobra.Command, conn *pgx.Conn, kmsKey, proxyRole string) error {
	out := cmd.OutOrStdout()
	r, err := extension.Install(ctx, conn)
	if err != nil {
		return err
	}
	switch {
	case r.Previous == "":
		fmt.Fprintf(out, "pgseal schema %s installed\n", r.Version)
	case r.Previous != r.Version:
		fmt.Fprintf(out, "pgseal schema upgraded from %s to %s\n", r.Previous, r.Version)
	default:
		fmt.Fprintf(out, "pgseal schema %s is in place\n", r.Version)
	}
	if kmsKey != "" {
		open, err := keys(ctx, kmsKey)
		if err != nil {
			return err
		}
		store, err := open(conn)
		if err != nil {
			return err
		}
		k, err := store.SetKMSKey(ctx, kmsKey)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "data keys are wrapped by %s\n", k.ARN)
		if k.Foreign {
			fmt.Fprintf(out, "mind: that KMS key belongs to account %s, whose policy decides over your data\n", k.Account)
		}
	}
	if proxyRole != "" {
		if _, err := conn.Exec(ctx, `SELECT pgseal.grant_proxy($1::text::name)`, proxyRole); err != nil {
			return err
		}
		fmt.Fprintf(out, "role %s may act as the proxy\n", proxyRole)
	}
	fmt.Fprintln(out, "next: pgseal seal SCHEMA.TABLE.COLUMN [--equality]")
	return nil
}
