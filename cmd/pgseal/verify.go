package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"pgseal/sealing"
)

func newVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify [SCHEMA.TABLE]",
		Short: "Open every stored value and report what does not open",
		Long: `Open every stored value of a table, or of the whole database, and recompute its
terms. Nothing is changed. The exit status is 1 if any value does not open.`,
		Example: "  pgseal verify\n  pgseal verify public.users",
		Args:    atMost("SCHEMA.TABLE"),
	}
	url := databaseFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		table := ""
		if len(args) == 1 {
			table = args[0]
		}
		return withDatabase(cmd, *url, func(ctx context.Context, conn *pgx.Conn) error {
			open, err := keys(ctx, "")
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			show, end := progress(cmd.ErrOrStderr(), "verifying")
			opened, damaged, err := sealing.Verify(ctx, conn, table, sealing.VerifyOptions{Progress: show, Keys: open,
				Found: func(d sealing.Damage) { fmt.Fprintf(out, "%s at ctid %s does not open: %s\n", d.Column, d.CTID, d.Why) }})
			end()
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "%d values open, %d do not\n", opened, damaged)
			if damaged > 0 {
				return errReported
			}
			return nil
		})
	}
	return cmd
}
