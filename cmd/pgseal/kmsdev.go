package main

import (
	"fmt"
	"log/slog"
	"net"

	"github.com/spf13/cobra"

	"pgseal/kmsdev"
)

func newKMSDev() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kms-dev",
		Short: "Serve the AWS KMS protocol from a file, for development",
		Long: `Serve the AWS KMS JSON protocol on loopback, with keys kept in a file. It is for
development and tests: whoever reads the file has the keys. Point the AWS SDK at
it with AWS_ENDPOINT_URL_KMS.`,
		Example: `  pgseal kms-dev --listen 127.0.0.1:4599 --store kms-dev.json --alias alias/pgseal
  AWS_ENDPOINT_URL_KMS=http://127.0.0.1:4599 AWS_REGION=us-east-1 \
  AWS_ACCESS_KEY_ID=dev AWS_SECRET_ACCESS_KEY=dev pgseal init --kms-key-id alias/pgseal`,
		Args: exactly(),
	}
	listen := cmd.Flags().String("listen", "127.0.0.1:4599", "address to serve on")
	store := cmd.Flags().String("store", "kms-dev.json", "file that keeps the keys; made if it is not there")
	alias := cmd.Flags().String("alias", "", "make a key of this alias if there is none, e.g. alias/pgseal")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
		server, err := kmsdev.Open(*store, kmsdev.Options{Logger: log})
		if err != nil {
			return err
		}
		defer server.Close()
		if *alias != "" {
			arn, err := server.EnsureAlias(*alias)
			if err != nil {
				return err
			}
			log.Info("key is there", "alias", *alias, "key", arn)
		}
		ln, err := net.Listen("tcp", *listen)
		if err != nil {
			return hint(fmt.Errorf("listen: %w", err), "another process may hold the address: give --listen another port")
		}
		log.Info("listening", "endpoint", "http://"+ln.Addr().String())
		return server.Serve(cmd.Context(), ln)
	}
	return cmd
}
