// Command bench measures what pgseal costs, in ratios to a direct connection,
// in one run on loopback: make bench.
//
// Rates on one machine on one day say little; ratios taken in alternating
// rounds say more. Each round drives every target of a scenario for a second or
// more with pgbench; the table shows medians. Many short rounds say more than few
// long ones: what else the machine does comes and goes within seconds.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"time"
)

func main() {
	if len(os.Args) == 4 && os.Args[1] == spliceCommand {
		fail(splice(os.Args[2], os.Args[3]))
		return
	}
	rounds := flag.Int("rounds", 11, "how often each target is driven in each scenario")
	duration := flag.Duration("duration", time.Second, "how long each time, whole seconds")
	clients := flag.Int("clients", 4, "connections of pgbench")
	only := flag.String("only", "", "a regular expression: the scenarios to run, all if empty")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	filter, err := regexp.Compile(*only)
	fail(err)
	fail(run(ctx, load{rounds: *rounds, seconds: max(1, int(duration.Seconds())), clients: *clients}, filter))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, l load, only *regexp.Regexp) (err error) {
	b, err := start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = stopAll(b, err) }()
	fmt.Printf("PostgreSQL %d, %d clients, median of %d rounds of %d s, behind one second each that is not counted. Time per query as a ratio to the first column;\n"+
		"below it the CPU time that the proxy spends on one query. COPY: per row. relayed: the same on plain columns through pgseal.\n\n", b.cluster.Binaries.Major, l.clients, l.rounds, l.seconds)
	table := newTable(os.Stdout)
	var verdicts []verdict
	for _, s := range scenarios(b) {
		if !only.MatchString(s.name) {
			continue
		}
		results, err := l.drive(ctx, b, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		table.row(s, results)
		for _, g := range s.goals {
			verdicts = append(verdicts, judge(s, g, results))
		}
	}
	report(os.Stdout, verdicts)
	fmt.Println("\npgcrypto: pgp_sym_encrypt with AES-256, without compression or key stretching, and an indexed HMAC for the search.")
	return nil
}
