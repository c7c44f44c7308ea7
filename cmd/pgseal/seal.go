package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"pgseal/envelope"
	"pgseal/sealing"
)

func newSeal() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "seal SCHEMA.TABLE.COLUMN ...",
		Short: "Seal columns, empty or filled",
		Long: `Seal a column in one transaction: its values become envelopes, its default,
NOT NULL and (with --equality) its UNIQUE constraints and indexes are carried
over, dependent views are made again. What cannot be carried over is named, and
nothing is changed. The table is locked until it is done. A column that is
sealed already gets the term that it lacks.

Columns of one table are sealed together, in one transaction that rewrites the
table once: all of them or, if one cannot be, none. Tables are sealed one after
another, in the order named, until one cannot be.

--equality keeps a term beside each value so that =, IN and UNIQUE work. It lets
whoever reads the server see which rows have equal values.

--normalize lower keeps a second term, of lower(value), so that lower(column) =
lower($1) works, and indexes over lower(column); --normalize upper does the same
for upper, which Django's iexact uses, and lower,upper for both. Each lets whoever
reads the server see which rows have equal values in that case.`,
		Example: `  pgseal seal public.users.ssn --equality
  pgseal seal public.users.email --equality --normalize lower
  pgseal seal public.users.name public.users.address
  pgseal seal 'public."Users"."Birth date"'`,
		Args: atLeast("SCHEMA.TABLE.COLUMN"),
	}
	url, kmsKey := databaseFlag(cmd), kmsKeyFlag(cmd)
	equality := cmd.Flags().Bool("equality", false, "keep an equality term: =, <>, IN, = ANY, UNIQUE and ON CONFLICT work; leaks which rows are equal")
	normalize := cmd.Flags().StringSlice("normalize", nil, "with --equality: lower, upper or both: lower(column) = lower($1) works; leaks which rows are equal in that case")
	timeout := lockFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		terms, err := normalizations(*normalize)
		switch {
		case err != nil:
			return err
		case terms != 0 && !*equality:
			return &usageError{errors.New("--normalize needs --equality")}
		}
		return withDatabase(cmd, *url, func(ctx context.Context, conn *pgx.Conn) error {
			open, err := keys(ctx, *kmsKey)
			if err != nil {
				return err
			}
			targets := make([]sealing.Target, len(args))
			for i, column := range args {
				targets[i] = sealing.Target{Column: column, Equality: *equality, Normalize: terms}
			}
			return seal(ctx, cmd, conn, targets, sealing.SealOptions{Lock: lock(cmd, *timeout), Keys: open})
		})
	}
	return cmd
}

// seal seals columns, of one table after the other, and names those that it did not.
func seal(ctx context.Context, cmd *cobra.Command, conn *pgx.Conn, targets []sealing.Target, o sealing.SealOptions) error {
	notSealed := func(tables [][]sealing.Target) {
		if len(targets) > 1 {
			fmt.Fprintf(cmd.ErrOrStderr(), "not sealed: %s\n", strings.Join(columnNames(slices.Concat(tables...)), " "))
		}
	}
	tables, err := sealing.ByTable(ctx, conn, targets)
	if err != nil {
		notSealed([][]sealing.Target{targets})
		return err
	}
	for i, table := range tables {
		show, end := progress(cmd.ErrOrStderr(), "sealing "+strings.Join(columnNames(table), " "))
		o.Progress = show
		reports, err := sealing.Seal(ctx, conn, table, o)
		end()
		if err != nil {
			notSealed(tables[i:])
			return err
		}
		for _, report := range reports {
			printSealed(cmd.OutOrStdout(), report)
		}
	}
	return nil
}

func columnNames(targets []sealing.Target) []string {
	names := make([]string, len(targets))
	for i := range targets {
		names[i] = targets[i].Column
	}
	return names
}

// normalizations are the terms behind the values of --normalize.
func normalizations(names []string) (terms envelope.TermFlags, err error) {
	for _, name := range names {
		switch name {
		case "lower":
			terms |= envelope.TermLower
		case "upper":
			terms |= envelope.TermUpper
		default:
			return 0, &usageError{fmt.Errorf("--normalize takes lower, upper or lower,upper, not %q", name)}
		}
	}
	return terms, nil
}

// lockFlag bounds the wait for the table.
func lockFlag(cmd *cobra.Command) *time.Duration {
	return cmd.Flags().Duration("lock-timeout", 0, "how long to wait for the table while others use it; 0 for until interrupted")
}

// lock tells who keeps the table while the command waits for it.
func lock(cmd *cobra.Command, timeout time.Duration) sealing.Lock {
	return sealing.Lock{Timeout: timeout, Waiting: func(holders string) {
		fmt.Fprintf(cmd.ErrOrStderr(), "waiting for the table, in use by %s\n", holders)
	}}
}

func printSealed(out io.Writer, r *sealing.Report) {
	fmt.Fprintf(out, "%s is sealed: %d values\n", r.Column, r.Rows)
	printCarried(out, r)
	if len(r.Triggers) > 0 {
		fmt.Fprintf(out, "look at the functions of these triggers, they see envelopes now, and pgseal refuses writes that fire one which could use the column: %s\n", strings.Join(r.Triggers, ", "))
	}
	if len(r.Remains) > 0 {
		fmt.Fprintln(out, "plaintext from before may still stand in:")
		for _, m := range r.Remains {
			fmt.Fprintf(out, "  - %s: %s\n", m.Where, m.Command)
		}
	}
}

func printCarried(out io.Writer, r *sealing.Report) {
	if len(r.Indexes) > 0 {
		fmt.Fprintf(out, "indexes carried over: %s\n", strings.Join(r.Indexes, ", "))
	}
	if len(r.Views) > 0 {
		fmt.Fprintf(out, "views made again: %s\n", strings.Join(r.Views, ", "))
	}
}

func newUnseal() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "unseal SCHEMA.TABLE.COLUMN",
		Short: "Bring a sealed column back to its original type, in clear",
		Long: `Unseal a column in one transaction: its values, type, default, constraints and
indexes become again what they were before sealing. The table is locked until it
is done.`,
		Example: `  pgseal unseal public.users.ssn`,
		Args:    exactly("SCHEMA.TABLE.COLUMN"),
	}
	url, timeout := databaseFlag(cmd), lockFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withDatabase(cmd, *url, func(ctx context.Context, conn *pgx.Conn) error {
			open, err := keys(ctx, "")
			if err != nil {
				return err
			}
			show, end := progress(cmd.ErrOrStderr(), "unsealing "+args[0])
			report, err := sealing.Unseal(ctx, conn, args[0], sealing.UnsealOptions{
				Lock: lock(cmd, *timeout), Progress: show, Keys: open})
			end()
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is plain again: %d values\n", report.Column, report.Rows)
			printCarried(cmd.OutOrStdout(), report)
			return nil
		})
	}
	return cmd
}
