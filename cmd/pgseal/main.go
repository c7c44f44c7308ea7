// Command pgseal seals columns of PostgreSQL tables: their values are encrypted
// before they reach the server and decrypted before they reach the application.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

const (
	statusDone   = 0
	statusFailed = 1
	statusUsage  = 2
)

// run is main without the process: the status is what the shell sees.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	// The first signal ends the work in order, the second ends the process.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() { <-ctx.Done(); stop() }()

	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return statusDone
	}
	if errors.Is(err, errReported) {
		return statusFailed
	}
	what, why, hint := describe(cmd, err)
	fmt.Fprintf(stderr, "pgseal: %s: %s\n", what, why)
	if hint != "" {
		fmt.Fprintf(stderr, "hint: %s\n", hint)
	}
	var usage *usageError
	if errors.As(err, &usage) {
		return statusUsage
	}
	return statusFailed
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "pgseal",
		Short: "Seal columns of PostgreSQL tables",
		Long: `pgseal stands between applications and PostgreSQL. A sealed column's values are
encrypted before they reach the server and decrypted before they reach the
application, which changes nothing but the port.`,
		Example: `  pgseal demo                                       see it at work
  pgseal init --kms-key-id alias/pgseal             install the pgseal schema
  pgseal seal public.users.ssn --equality           seal a column
  pgseal serve --listen 127.0.0.1:6432              start the proxy`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Errorf("there is no command %q", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return settle(cmd) }
	root.AddCommand(
		newDemo(), newServe(), newInit(), newSeal(), newUnseal(), newColumn(), newKey(), newExplain(), newVerify(),
		newKMSDev(), newVersion(),
	)
	return root
}
