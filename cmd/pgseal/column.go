package main

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
)

func newColumn() *cobra.Command {
	return group("column", "Show sealed columns", newColumnList())
}

func newColumnList() *cobra.Command {
	return newList("list", "List sealed columns under their present names", "no column is sealed; seal one: pgseal seal SCHEMA.TABLE.COLUMN", `
SELECT schema_name AS schema, table_name AS "table", column_name AS "column", relation_kind AS kind, logical_type AS type,
       terms, key_version, created_at AS sealed_at
FROM pgseal.columns ORDER BY 1, 2, column_id, 3`)
}

// newList is a command that prints the rows of one query.
func newList(use, short, none, query string) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: exactly(), Example: "  pgseal column " + use + " --output json"}
	url, output := databaseFlag(cmd), outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkOutput(*output); err != nil {
			return err
		}
		return withDatabase(cmd, *url, func(ctx context.Context, conn *pgx.Conn) error {
			rows, err := conn.Query(ctx, query)
			if err != nil {
				return err
			}
			return list(cmd.OutOrStdout(), rows, *output, none)
		})
	}
	return cmd
}
