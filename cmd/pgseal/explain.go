package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"pgseal/catalog"
	"pgseal/rewrite"
)

func newExplain() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain 'SQL'",
		Short: "Show what the proxy would do with a statement",
		Long: `Show the plan of a statement: what would be sealed, opened, rewritten or refused,
and why. Nothing is run and nothing is unwrapped. The exit status is 1 for a
statement that would be refused.`,
		Example: `  pgseal explain "SELECT * FROM users WHERE email = \$1"
  pgseal explain "SELECT * FROM users ORDER BY ssn" --output json`,
		Args: exactly("SQL"),
	}
	url, output := databaseFlag(cmd), outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkOutput(*output); err != nil {
			return err
		}
		return withDatabase(cmd, *url, func(ctx context.Context, conn *pgx.Conn) error {
			e, err := explain(ctx, conn, args[0])
			if err != nil {
				return err
			}
			if err := e.print(cmd.OutOrStdout(), *output); err != nil {
				return err
			}
			if e.Verdict == "refused" {
				return errReported
			}
			return nil
		})
	}
	return cmd
}

// explanation is a plan, or a refusal, for people.
type explanation struct {
	Verdict string          `json:"verdict"` // relayed, planned or refused
	Actions []explainAction `json:"actions,omitempty"`
	Server  string          `json:"server_text,omitempty"` // what the server sees, values left out
	Refusal *explainRefusal `json:"refusal,omitempty"`
}

type explainAction struct {
	Do       string `json:"do"`
	Column   string `json:"column,omitempty"`
	What     string `json:"what,omitempty"`
	Position int    `json:"position,omitempty"` // character in the text, from 1
}

type explainRefusal struct {
	Code     string `json:"sqlstate"`
	Message  string `json:"message"`
	Detail   string `json:"detail,omitempty"`
	Hint     string `json:"hint,omitempty"`
	Position int    `json:"position,omitempty"`
}

func explain(ctx context.Context, conn *pgx.Conn, sql string) (*explanation, error) {
	var path []string
	if err := conn.QueryRow(ctx, `SELECT pg_catalog.current_schemas(true)`).Scan(&path); err != nil {
		return nil, err
	}
	var scratch rewrite.Scratch
	text := []byte(sql)
	plan := func(textOrders bool) (rewrite.Bound, error) {
		snap, err := catalog.Load(ctx, conn, true, textOrders)
		if err != nil {
			return rewrite.Bound{}, err
		}
		return rewrite.NewPlanner(1).Plan(&scratch, rewrite.Request{Snapshot: snap, Path: path, Text: text, Mode: rewrite.Simple, Fresh: true, Cursors: &rewrite.OpenCursors{}})
	}
	bound, err := plan(false)
	if errors.Is(err, rewrite.ErrNeedTextOrders) {
		bound, err = plan(true)
	}
	var refusal *rewrite.Refusal
	if errors.As(err, &refusal) {
		r := &explainRefusal{Code: refusal.Code, Message: refusal.Message, Detail: refusal.Detail, Hint: refusal.Hint}
		if refusal.Position >= 0 {
			r.Position = rewrite.CharacterPosition(text, refusal.Position)
		}
		return &explanation{Verdict: "refused", Refusal: r}, nil
	}
	if err != nil {
		return nil, err
	}
	e := &explanation{Verdict: "planned"}
	if bound.Plan.Relay() {
		e.Verdict = "relayed"
	}
	for _, a := range bound.Plan.Actions() {
		x := explainAction{Do: a.Do, Column: a.Column, What: a.What}
		if a.Position >= 0 {
			x.Position = rewrite.CharacterPosition(text, a.Position)
		}
		e.Actions = append(e.Actions, x)
	}
	if e.Verdict == "planned" {
		bound.Converts = true
		server, err := bound.AppendSQL(nil, func(dst []byte, l *rewrite.Literal) ([]byte, error) {
			if l.Operand.Role == rewrite.Store {
				return append(dst, "<envelope>"...), nil
			}
			return append(dst, "<term>"...), nil
		})
		if err != nil {
			return nil, err
		}
		e.Server = string(server)
	}
	return e, nil
}

func (e *explanation) print(w io.Writer, format string) error {
	if format == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(e)
	}
	switch e.Verdict {
	case "relayed":
		fmt.Fprintln(w, "relayed: touches no sealed column; passes byte for byte")
	case "refused":
		fmt.Fprintf(w, "refused: %s (SQLSTATE %s)\n", e.Refusal.Message, e.Refusal.Code)
		if e.Refusal.Detail != "" {
			fmt.Fprintf(w, "detail: %s\n", e.Refusal.Detail)
		}
		if e.Refusal.Hint != "" {
			fmt.Fprintf(w, "hint: %s\n", e.Refusal.Hint)
		}
		if e.Refusal.Position > 0 {
			fmt.Fprintf(w, "at character %d\n", e.Refusal.Position)
		}
	default:
		fmt.Fprintln(w, "planned:")
		for _, a := range e.Actions {
			fmt.Fprintf(w, "  %-7s %-30s %s\n", a.Do, a.Column, a.What)
		}
		fmt.Fprintf(w, "the server sees:\n  %s\n", e.Server)
	}
	return nil
}
