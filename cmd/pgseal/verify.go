package main

import (
	"context"
	"fmt"
	"io"

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
			found := damages{out: out, of: map[[2]string]int{}}
			show, end := progress(cmd.ErrOrStderr(), "verifying")
			opened, damaged, err := sealing.Verify(ctx, conn, table, sealing.VerifyOptions{Progress: show, Keys: open,
				Found: found.add})
			end()
			if err != nil {
				return err
			}
			found.rest()
			fmt.Fprintf(out, "%d values open, %d do not\n", opened, damaged)
			if damaged > 0 {
				return errReported
			}
			return nil
		})
	}
	return cmd
}

// damages prints what does not open: the first values of each column and
// reason, and how many more there are. A data key that is gone damages them all.
type damages struct {
	out   io.Writer
	of    map[[2]string]int // by column and reason
	order [][2]string
}

const damagesShown = 20

func (d *damages) add(x sealing.Damage) {
	key := [2]string{x.Column, x.Why}
	if d.of[key] == 0 {
		d.order = append(d.order, key)
	}
	if d.of[key]++; d.of[key] <= damagesShown {
		fmt.Fprintf(d.out, "%s at ctid %s does not open: %s\n", x.Column, x.CTID, x.Why)
	}
}

func (d *damages) rest() {
	for _, key := range d.order {
		if more := d.of[key] - damagesShown; more > 0 {
			fmt.Fprintf(d.out, "%s: %d more values do not open: %s\n", key[0], more, key[1])
		}
	}
}
