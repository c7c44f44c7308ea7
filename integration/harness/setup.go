package harness

import (
	"errors"
	"fmt"
	"strings"

	"pgseal/envelope"
	"pgseal/extension"
	"pgseal/keystore"
	"pgseal/sealing"
)

// What is installed and sealed before a test begins is so by the packages behind the
// commands, over the connection that the harness has anyway: processes and connections of
// their own would cost more than most tests. cmd/pgseal and the tests that call Pgseal and
// Try test the commands themselves.

// install is `pgseal init`.
func (p *Pair) install(kmsKey string) {
	p.t.Helper()
	ctx, conn := p.t.Context(), p.aside()[1]
	if _, err := extension.Install(ctx, conn); err != nil {
		p.t.Fatal(err)
	}
	store, err := p.Env.keys(conn)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := store.SetKMSKey(ctx, kmsKey); err != nil {
		p.t.Fatal(err)
	}
}

// seal is `pgseal seal` of columns with their flags. Unlike the command it seals those of
// one table together that differ in their flags.
func (p *Pair) seal(columns []string) {
	p.t.Helper()
	targets := make([]sealing.Target, len(columns))
	for i, column := range columns {
		var err error
		if targets[i], err = parseTarget(column); err != nil {
			p.t.Fatal(err)
		}
	}
	if len(targets) == 0 {
		return
	}
	ctx, conn := p.t.Context(), p.aside()[1]
	tables, err := sealing.ByTable(ctx, conn, targets)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, table := range tables {
		reports, err := sealing.Seal(ctx, conn, table, sealing.SealOptions{Keys: p.Env.keys})
		if err != nil {
			if refusal, ok := errors.AsType[*sealing.Refusal](err); ok {
				err = fmt.Errorf("%w\nhint: %s", err, refusal.Hint)
			}
			p.t.Fatal(err)
		}
		for _, report := range reports {
			if err := p.Env.record([]string{"seal", report.Column}, Result{Stdout: fmt.Sprintf("%+v\n", *report)}); err != nil {
				p.t.Fatal(err)
			}
		}
	}
}

// keys opens the key table with this environment's KMS.
func (env *Environment) keys(db keystore.DB) (*keystore.Store, error) {
	return keystore.New(db, env.KMS.client, keystore.Options{})
}

// parseTarget reads a column with its flags as on the command line.
func parseTarget(column string) (sealing.Target, error) {
	name, flags, _ := strings.Cut(column, " --")
	target := sealing.Target{Column: name}
	if flags == "" {
		return target, nil
	}
	for i, words := 0, strings.Fields(flags); i < len(words); i++ {
		switch word := strings.TrimPrefix(words[i], "--"); {
		case word == "equality":
			target.Equality = true
		case word == "normalize" && i+1 < len(words):
			i++
			for name := range strings.SplitSeq(words[i], ",") {
				switch name {
				case "lower":
					target.Normalize |= envelope.TermLower
				case "upper":
					target.Normalize |= envelope.TermUpper
				default:
					return target, fmt.Errorf("%s: the harness knows no case %s", column, name)
				}
			}
		default:
			return target, fmt.Errorf("%s: the harness knows no flag %s", column, word)
		}
	}
	return target, nil
}
