package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"pgseal/keystore"
	"pgseal/sealing"
)

func newKey() *cobra.Command {
	list := newList("list", "List data keys and their versions", "there are no data keys yet: pgseal key create TABLE, or seal a column", `
SELECT schema_name AS schema, table_name AS "table", purpose, version, state, key_id, kms_key_arn AS kms_key, created_at
FROM pgseal.keys ORDER BY 1, 2, 3, 4`)
	list.Example = "  pgseal key list --output json"
	return group("key", "Create, rotate and list data keys", list, newKeyCreate(), newKeyRotate(), newKeyReseal())
}

func newKeyCreate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create TABLE",
		Short: "Create a table's first data keys",
		Long: `Create a table's data keys, if it has none yet, by KMS GenerateDataKeyWithoutPlaintext:
this host needs no kms:Decrypt. pgseal seal does the same on its own.`,
		Example: "  pgseal key create public.users --kms-key-id alias/pgseal",
		Args:    exactly("TABLE"),
	}
	url, kmsKey := databaseFlag(cmd), kmsKeyFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withStore(cmd, *url, *kmsKey, args[0], func(ctx context.Context, _ *pgx.Conn, store *keystore.Store, relation uint32) error {
			t, err := store.Provision(ctx, relation)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s has data keys: seal %d, index %d\n", args[0], t.Seal.ID, t.Index.ID)
			return nil
		})
	}
	return cmd
}

func newKeyRotate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate TABLE",
		Short: "Make a new data key version for new writes",
		Long: `Make a new version of a table's data key by KMS GenerateDataKeyWithoutPlaintext.
Every running proxy seals new values under it within seconds; older versions
still open what they sealed. pgseal key reseal moves stored values.`,
		Example: "  pgseal key rotate public.users\n  psql -c \"SELECT pgseal.rotate_key('public.users')\"   # a running proxy carries it out",
		Args:    exactly("TABLE"),
	}
	url, kmsKey := databaseFlag(cmd), kmsKeyFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withStore(cmd, *url, *kmsKey, args[0], func(ctx context.Context, conn *pgx.Conn, store *keystore.Store, relation uint32) error {
			var id uint32
			err := conn.QueryRow(ctx, `SELECT table_id FROM pgseal.sealed_table WHERE relation = $1`, relation).Scan(&id)
			if errors.Is(err, pgx.ErrNoRows) {
				return hint(fmt.Errorf("%s has no data keys", args[0]), "seal a column of it, or: pgseal key create "+args[0])
			}
			if err != nil {
				return err
			}
			k, err := store.Rotate(ctx, id)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: data key version %d is active\nnext: pgseal key reseal %s\n", args[0], k.Version, args[0])
			return nil
		})
	}
	return cmd
}

func newKeyReseal() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reseal TABLE",
		Short: "Move stored values to the active data key, beside live writes",
		Long: `Move the values of a table that were sealed under older versions to the active
data key, in small transactions. A value that changes meanwhile is left to its
writer. It can be interrupted and called again. Triggers on UPDATE fire.`,
		Example: "  pgseal key reseal public.users",
		Args:    exactly("TABLE"),
	}
	url := databaseFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withDatabase(cmd, *url, func(ctx context.Context, conn *pgx.Conn) error {
			open, err := keys(ctx, "")
			if err != nil {
				return err
			}
			show, end := progress(cmd.ErrOrStderr(), "resealing "+args[0])
			n, err := sealing.Reseal(ctx, conn, args[0], sealing.ResealOptions{Progress: show, Keys: open})
			end()
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %d values moved to the active data key; none is left under an older one\n", args[0], n)
			return nil
		})
	}
	return cmd
}

// withStore runs f with a key store over a direct connection and a table.
func withStore(cmd *cobra.Command, url, kmsKey, table string, f func(context.Context, *pgx.Conn, *keystore.Store, uint32) error) error {
	return withDatabase(cmd, url, func(ctx context.Context, conn *pgx.Conn) error {
		var oid *uint32
		if err := conn.QueryRow(ctx, `SELECT pg_catalog.to_regclass($1)::oid`, table).Scan(&oid); err != nil {
			return err
		}
		if oid == nil {
			return hint(fmt.Errorf("there is no table %s", table), "name it SCHEMA.TABLE, e.g. public.users")
		}
		open, err := keys(ctx, kmsKey)
		if err != nil {
			return err
		}
		store, err := open(conn)
		if err != nil {
			return err
		}
		return f(ctx, conn, store, *oid)
	})
}
