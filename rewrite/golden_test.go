package rewrite

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pgseal/catalog"
	"pgseal/copyformat"
	"pgseal/logical"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A golden file is a list of cases: lines that begin with # (comments, and the
// settings path:, prepared:, functions:, since: and fresh), the SQL, a line ----, and what becomes
// of it, up to an empty line.
type goldenCase struct {
	head     []string // comments and settings
	sql      string
	path     []string
	prepared []string
	fresh    bool
	// functions are those of text of the server.
	functions *catalog.TextFunctions
	since     int // the first version of PostgreSQL that has it; 0 for all
}

const goldenSeparator = "----"

func readGolden(t testing.TB, file string) (cases []goldenCase, content string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var c goldenCase
	var sql []string
	inPlan := false
	for _, line := range strings.Split(string(raw), "\n") {
		switch {
		case inPlan && line == "":
			cases = append(cases, c)
			c, sql, inPlan = goldenCase{}, nil, false
		case inPlan:
		case line == goldenSeparator:
			c.sql = strings.Join(sql, "\n")
			inPlan = true
		case strings.HasPrefix(line, "#"):
			c.head = append(c.head, line)
			setting := strings.TrimSpace(line[1:])
			if v, ok := strings.CutPrefix(setting, "path:"); ok {
				c.path = strings.Fields(v)
			} else if v, ok := strings.CutPrefix(setting, "prepared:"); ok {
				c.prepared = append(c.prepared, strings.TrimSpace(v))
			} else if v, ok := strings.CutPrefix(setting, "since:"); ok {
				c.since, err = strconv.Atoi(strings.TrimSpace(v))
				if err != nil {
					t.Fatalf("%s: %s: %v", file, line, err)
				}
			} else if v, ok := strings.CutPrefix(setting, "functions:"); ok {
				switch strings.TrimSpace(v) {
				case "own":
					c.functions = &catalog.TextFunctions{Folds: ascii, Own: []string{"btrim", "lower"}}
				case "contextual":
					c.functions = &catalog.TextFunctions{}
				}
			} else if setting == "fresh" {
				c.fresh = true
			}
		case line == "" && len(sql) > 0 && len(sql[0]) > 0:
			c.sql = strings.Join(sql, "\n")
			cases = append(cases, c)
			c, sql = goldenCase{}, nil
		case line != "":
			sql = append(sql, line)
		}
	}
	return cases, string(raw)
}

func TestPlansAreAsDocumented(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			cases, want := readGolden(t, file)
			var out strings.Builder
			for _, c := range cases {
				for _, h := range c.head {
					fmt.Fprintln(&out, h)
				}
				fmt.Fprintf(&out, "%s\n%s\n%s\n", c.sql, goldenSeparator, describe(t, c))
			}
			if *update {
				if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got := out.String(); got != want {
				t.Errorf("plans differ from %s; run with -update and look at the difference\n%s", file, firstDifference(got, want))
			}
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			from := max(0, i-6)
			return "got:\n" + strings.Join(g[from:min(len(g), i+6)], "\n") + "\nwant:\n" + strings.Join(w[min(from, len(w)):min(len(w), i+6)], "\n")
		}
	}
	return "got is shorter"
}

// mode is how a client would send a text.
func (c *goldenCase) mode() Mode {
	if strings.Contains(c.sql, "$1") && !strings.Contains(strings.ToLower(c.sql), "prepare") {
		return Extended
	}
	return Simple
}

// plan plans a case, through Execute where it needs that.
func (c *goldenCase) plan(p *Planner, s *Scratch) (Bound, error) {
	snap := testSnapshot()
	if c.functions != nil {
		snap = snapshotWith(c.functions)
	}
	r := Request{Snapshot: snap, Path: c.path, Text: []byte(c.sql), Mode: c.mode(), Fresh: c.fresh, Cursors: &OpenCursors{}}
	b, err := p.Plan(s, r)
	if err != nil || !b.Plan.NeedsPrepared() {
		return b, err
	}
	known := map[string]*Statement{}
	for _, text := range c.prepared {
		b, err := p.Plan(&Scratch{}, Request{Snapshot: r.Snapshot, Text: []byte(text), Mode: Simple})
		if err != nil {
			return Bound{}, fmt.Errorf("prepared: %w", err)
		}
		for _, st := range b.Plan.Statements() {
			known[st.Name] = st.Inner
		}
	}
	return p.Execute(s, r, func(name string) (*Statement, []uint32) {
		if st := known[name]; st != nil {
			return st, st.Types
		}
		return nil, nil
	})
}

// describe says what becomes of a case, ending with an empty line.
func describe(t testing.TB, c goldenCase) string {
	var out strings.Builder
	planner, scratch := NewPlanner(8), &Scratch{}
	planner.mark = "mark:"
	b, err := c.plan(planner, scratch)
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		describeRefusal(&out, refusal, c.sql)
		return out.String()
	case err != nil:
		fmt.Fprintf(&out, "error: %v\n", err)
		return out.String()
	}
	b.Converts = true
	server, err := b.AppendSQL(nil, showLiteral)
	if errors.As(err, &refusal) {
		describeRefusal(&out, refusal, c.sql)
		return out.String()
	}
	if err != nil {
		t.Fatalf("%s: %v", c.sql, err)
	}
	again, err := c.plan(planner, scratch)
	if err != nil {
		t.Fatalf("%s: the second time: %v", c.sql, err)
	}
	again.Converts = true
	if second, _ := again.AppendSQL(nil, showLiteral); string(second) != string(server) {
		t.Errorf("%s: the second time the text is\n%s\nnot\n%s", c.sql, second, server)
	}
	if string(server) == c.sql {
		fmt.Fprintln(&out, "relay")
	} else {
		fmt.Fprintf(&out, "%s\n", server)
	}
	for _, s := range b.Plan.Statements() {
		describeStatement(&out, "", &s)
	}
	return out.String()
}

func describeRefusal(out *strings.Builder, r *Refusal, sql string) {
	fmt.Fprintf(out, "refused %s: %s\n", r.Code, r.Message)
	if r.Position >= 0 && r.Position < len(sql) {
		rest := sql[r.Position:]
		fmt.Fprintf(out, "  at: %s\n", strings.SplitN(rest[:min(len(rest), 40)], "\n", 2)[0])
	}
	if r.Detail != "" {
		fmt.Fprintf(out, "  detail: %s\n", r.Detail)
	}
	if r.Hint != "" {
		fmt.Fprintf(out, "  hint: %s\n", r.Hint)
	}
}

func describeStatement(out *strings.Builder, indent string, s *Statement) {
	effects := map[Effect]string{Prepares: "prepares", Executes: "executes", Deallocates: "deallocates", Discards: "discards", ChangesCatalog: "changes the catalog",
		Declares: "declares", Fetches: "fetches from", Closes: "closes"}
	if s.Effect != NoEffect {
		fmt.Fprintf(out, "%s  effect: %s %s\n", indent, effects[s.Effect], s.Name)
	}
	if s.Question != nil {
		fmt.Fprintf(out, "%s  asks: %s\n", indent, s.Question.Text)
	}
	for i, p := range s.Params {
		fmt.Fprintf(out, "%s  $%d = ", indent, i+1)
		switch {
		case p.Answer > 0:
			fmt.Fprintf(out, "%s\n", showOperand(p.Operand, fmt.Sprintf("answer %d", p.Answer)))
		case p.Operand != nil:
			fmt.Fprintf(out, "%s\n", showOperand(p.Operand, fmt.Sprintf("client's $%d", p.Client+1)))
		default:
			fmt.Fprintf(out, "client's $%d", p.Client+1)
			if p.Infer != 0 {
				fmt.Fprintf(out, ", inferred as %s", logical.Type{OID: p.Infer, Typmod: -1}.Name())
			}
			if p.Hidden {
				fmt.Fprint(out, ", hidden")
			}
			fmt.Fprintln(out)
		}
	}
	if s.Results != nil {
		fmt.Fprintf(out, "%s  opens:", indent)
		for i, r := range s.Results {
			if r == nil {
				fmt.Fprint(out, " -")
			} else {
				fmt.Fprintf(out, " %s.%s", r.Table, r.Name)
				for i := range r.Casts {
					to := r.Type
					if i+1 < len(r.Casts) {
						to = r.Casts[i+1]
					}
					fmt.Fprintf(out, "::%s", to.Name())
				}
			}
			if r != nil && r.Elements != nil {
				fmt.Fprintf(out, "(in %s)", r.Type.Name())
			}
			if r != nil && r.Cells != nil {
				fmt.Fprintf(out, "[%s of %s]", r.Type.Name(), showFormula(s.Formulas[i]))
			}
			if r != nil && r.Record != nil {
				for i, in := range r.Record {
					fmt.Fprintf(out, "%s", map[bool]string{true: "(", false: ", "}[i == 0])
					if in != nil {
						fmt.Fprintf(out, "%s.%s %s", in.Table, in.Name, in.Type.Name())
					}
				}
				fmt.Fprint(out, " in a row)")
			}
			if r != nil && r.Document != nil {
				for i, p := range r.Document.Parts {
					fmt.Fprintf(out, "%s%s.%s %s", map[bool]string{true: "(", false: ", "}[i == 0], p.Column.Table, p.Column.Name, p.Column.Type.Name())
				}
				fmt.Fprintf(out, " in %s)", r.Type.Name())
			}
		}
		fmt.Fprintln(out)
	}
	if r := s.Arrangement; r != nil {
		fmt.Fprintf(out, "%s  arranges: %+v\n", indent, *r)
	}
	if s.Copy != nil {
		describeCopy(out, s.Copy)
	}
	if s.Inner != nil {
		describeStatement(out, indent+"  ", s.Inner)
	}
}

func describeCopy(out *strings.Builder, c *Copy) {
	verb := "opens"
	if c.In {
		verb = "seals"
	}
	f := c.Format
	fmt.Fprintf(out, "  copy %s %s, delimiter %q, null %q", verb, []string{"text", "csv", "binary"}[f.Kind], f.Delimiter, f.Null)
	if f.Quote != 0 {
		fmt.Fprintf(out, ", quote %q, escape %q", f.Quote, f.Escape)
	}
	if f.HasDefault {
		fmt.Fprintf(out, ", default %q", f.Default)
	}
	if f.Header != copyformat.NoHeader {
		fmt.Fprintf(out, ", header %s", []string{"", "line", "match"}[f.Header])
	}
	if c.Encoding != "" {
		fmt.Fprintf(out, ", encoding %s", c.Encoding)
	}
	if c.Skips {
		fmt.Fprint(out, ", skips errors")
	}
	if c.Converts {
		fmt.Fprint(out, ", converts")
	}
	if c.Writes {
		fmt.Fprint(out, ", writes")
	}
	fmt.Fprint(out, ":")
	for _, column := range c.Columns {
		fmt.Fprintf(out, " %s", column.Name)
		if column.Operand != nil {
			fmt.Fprint(out, "*")
		}
		for _, force := range []struct {
			on   bool
			name string
		}{{column.ForceQuote, "quote"}, {column.ForceNull, "null"}, {column.ForceNotNull, "notnull"}} {
			if force.on {
				fmt.Fprintf(out, "(%s)", force.name)
			}
		}
	}
	for _, added := range c.Added {
		what := fmt.Sprintf("answer %d", added.Answer)
		if added.UUID {
			what = "a random UUID"
		}
		fmt.Fprintf(out, ", adds %s", showOperand(added.Operand, what))
	}
	fmt.Fprintln(out)
}

// showFormula writes a formula as SQL.
func showFormula(f *Formula) string {
	var args []string
	for _, arg := range f.Args {
		args = append(args, showFormula(arg))
	}
	switch f.Kind {
	case PlainValue:
		return "the row's plain " + f.Name
	case ColumnValue:
		if f.Answer == 0 {
			return f.Name + " opened"
		}
		return fmt.Sprintf("answer %d opened", f.Answer)
	case ParameterValue:
		return fmt.Sprintf("client's $%d", f.Client+1)
	case LiteralValue:
		if f.text.literal < 0 {
			return fmt.Sprintf("%q", f.text.value)
		}
		return "a literal"
	case NullValue:
		return "NULL"
	case Collated:
		return args[0] + " by its bytes"
	case Asked:
		return fmt.Sprintf("what answer %d comes to: %s", f.Answer, showFormula(f.Args[0]))
	case Inner:
		return f.Name + ", which is " + args[0] + ","
	case Aggregated:
		return f.Aggregate.String() + " of (" + strings.Join(args, ", ") + ")"
	case Windowed:
		values, partitions, keys, bounds := f.WindowArgs()
		name := f.Window.Function.String()
		if f.Window.Function == logical.AggregateOver {
			name = f.Aggregate.String()
		}
		text := name + " of (" + strings.Join(args[:len(values)], ", ") + ") over ("
		if len(partitions) > 0 {
			text += "by " + strings.Join(args[len(values):][:len(partitions)], ", ")
		}
		for i, key := range args[len(values)+len(partitions):][:len(keys)] {
			text += fmt.Sprintf(" sorted by %s%+v", key, f.Window.Keys[i])
		}
		return text + fmt.Sprintf(" frame %+v %v)", f.Window.Frame, args[len(args)-len(bounds):])
	case Negative:
		return "-" + args[0]
	case Inverse:
		return "NOT " + args[0]
	case FirstOf:
		return "COALESCE(" + strings.Join(args, ", ") + ")"
	case Greatest, Least:
		return map[FormulaKind]string{Greatest: "GREATEST(", Least: "LEAST("}[f.Kind] + strings.Join(args, ", ") + ")"
	case CastTo:
		return args[0] + "::" + f.Type.Name()
	case AssignedTo:
		return args[0] + " as " + f.Column.Name
	case Both, Either:
		return "(" + strings.Join(args, map[FormulaKind]string{Both: " AND ", Either: " OR "}[f.Kind]) + ")"
	case IsNull:
		return args[0] + " IS NULL"
	case IsNotNull:
		return args[0] + " IS NOT NULL"
	case Choice:
		text := "CASE"
		for i := 0; i+1 < len(args); i += 2 {
			text += " WHEN " + args[i] + " THEN " + args[i+1]
		}
		return text + " ELSE " + args[len(args)-1] + " END"
	case Called:
		return f.Function.String() + "(" + strings.Join(args, ", ") + ")"
	}
	return "(" + args[0] + " " + f.Operator.String() + " " + args[1] + ")"
}

func showOperand(o *Operand, what string) string {
	switch {
	case o.AsAnswered:
		return what
	case o.Formula != nil:
		what = showFormula(o.Formula)
	case o.Records != nil:
		var members []string
		for i, member := range o.Records.Members {
			members = append(members, showOperand(member, o.Records.Replaced[i]))
		}
		one := map[bool]string{true: "one record ", false: "records "}[o.Records.One]
		return one + what + " with " + strings.Join(members, ", ") + " and " + strings.Join(o.Records.Plain, ", ")
	}
	if o.Ranks {
		return "rank of " + what
	}
	s := o.verb() + " "
	if o.Array {
		s += "each of "
	}
	if o.Split != "" {
		s += fmt.Sprintf("split at %q of ", o.Split)
	}
	name := o.Column.Table + "." + o.Column.Name
	if o.Column.Folded != 0 {
		name = catalog.FoldName(o.Column.Folded) + " of " + name
	}
	if o.Column.IsCast() {
		name = "text of " + name
	}
	if o.Pattern != nil {
		if what = "pattern " + what; o.Pattern.Fold != nil {
			what = "lower of " + what
		}
	}
	s += what + " as " + name
	if o.Null != nil {
		s += fmt.Sprintf(" unless %q", *o.Null)
	}
	if o.Via != nil {
		s += " via " + o.Via.Name()
	}
	for i, step := range o.Then {
		if o.Null != nil && i == o.Nulled {
			s += ";"
		}
		if step.Function == NoFunction {
			s += ", " + step.Type.Name()
			continue
		}
		if step.Function == Moment {
			s += ", " + momentFunction
		}
		if step.Function == Split {
			s += fmt.Sprintf(", split at %q", step.Before)
		}
		if step.Function == Join {
			s += fmt.Sprintf(", between %q and %q", step.Before, step.Behind)
		}
		for name, f := range textFunctions {
			if f == step.Function {
				s += ", " + name
			}
		}
	}
	return s
}

func showLiteral(dst []byte, l *Literal) ([]byte, error) {
	if l.Answer > 0 {
		return fmt.Appendf(dst, "‹%s›", showOperand(l.Operand, fmt.Sprintf("answer %d", l.Answer))), nil
	}
	return fmt.Appendf(dst, "‹%s›", showOperand(l.Operand, fmt.Sprintf("%q:%d", l.Value, l.OID))), nil
}
