package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
)

// outputFlag is the flag of everything that lists.
func outputFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("output", "table", "table or json")
}

func checkOutput(format string) error {
	if format != "table" && format != "json" {
		return &usageError{fmt.Errorf("--output %s: table or json", format)}
	}
	return nil
}

// list prints the rows of a query under the names of its columns.
func list(w io.Writer, rows pgx.Rows, format, none string) error {
	defer rows.Close()
	fields := rows.FieldDescriptions()
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	var lines [][]any
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return err
		}
		lines = append(lines, values)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if format == "json" {
		return listJSON(w, names, lines)
	}
	if len(lines) == 0 {
		_, err := fmt.Fprintln(w, none)
		return err
	}
	return listTable(w, names, lines)
}

func listJSON(w io.Writer, names []string, lines [][]any) error {
	out := make([]map[string]any, len(lines))
	for i, line := range lines {
		out[i] = map[string]any{}
		for j, name := range names {
			out[i][name] = line[j]
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

func listTable(w io.Writer, names []string, lines [][]any) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	heads := make([]string, len(names))
	for i, n := range names {
		heads[i] = strings.ToUpper(strings.ReplaceAll(n, "_", " "))
	}
	fmt.Fprintln(tw, strings.Join(heads, "\t"))
	for _, line := range lines {
		cells := make([]string, len(line))
		for i, v := range line {
			cells[i] = display(v)
		}
		fmt.Fprintln(tw, strings.Join(cells, "\t"))
	}
	return tw.Flush()
}

func display(v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case time.Time:
		return v.Local().Format(time.DateTime)
	case string:
		if v == "" {
			return "-"
		}
		return v
	default:
		return fmt.Sprint(v)
	}
}
