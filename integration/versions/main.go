// Command versions runs the tests that need a server on every version of
// PostgreSQL that pgseal works with. It fetches the versions that are not on
// the machine.
//
//	go run ./integration/versions                 every version
//	go run ./integration/versions -only 14,18     some
//	go run ./integration/versions -fetch          fetch only, test nothing
//	go run ./integration/versions -- -run Seal    what follows goes to go test
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	"pgseal/integration/pgtest"
)

// packages are those whose tests ask a server.
var packages = []string{
	"./extension", "./catalog", "./keystore", "./sealing", "./logical", "./rewrite", "./session", "./proxy",
	"./cmd/...", "./integration",
}

// elsewhere are tests, most of them long, of what is the same whatever the server's
// version is: memory, load, sockets, erased keys. make test runs them.
const elsewhere = "Memory|Mebibytes|Megabytes|Allocates|TenThousand|SlowReader|ClientsThatDie|ClientsBeyond|BreaksAnywhere|InPieces" +
	"|TestPumps|TestTLS|TestLarge|TestAnnounced|ManyRows|Pgbench|Pgbouncer|TestFault"

func main() {
	fetch := flag.Bool("fetch", false, "fetch what is missing and test nothing")
	only := flag.String("only", "", "major versions, with commas between them (default all)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *only, *fetch, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "versions:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string, fetch bool, testArgs []string) error {
	wanted, err := parse(only)
	if err != nil {
		return err
	}
	var all []pgtest.Binaries
	for _, major := range wanted {
		b, err := have(ctx, major)
		if err != nil {
			return err
		}
		all = append(all, b)
	}
	if fetch {
		return nil
	}
	var report strings.Builder
	failed := false
	for _, b := range all {
		started := time.Now()
		result := "ok"
		if err := test(ctx, b, testArgs); err != nil {
			result, failed = err.Error(), true
		}
		fmt.Fprintf(&report, "PostgreSQL %d  %-8s %s\n", b.Major, time.Since(started).Round(time.Second), result)
	}
	fmt.Print("\n", report.String())
	if failed {
		return fmt.Errorf("not every version passes")
	}
	return nil
}

func parse(only string) ([]int, error) {
	if only == "" {
		return pgtest.Supported, nil
	}
	var wanted []int
	for _, word := range strings.Split(only, ",") {
		major, err := strconv.Atoi(word)
		if err != nil || !slices.Contains(pgtest.Supported, major) {
			return nil, fmt.Errorf("-only %s: pgseal works with PostgreSQL %v", only, pgtest.Supported)
		}
		wanted = append(wanted, major)
	}
	return wanted, nil
}

// have returns the version from the machine, or fetches it.
func have(ctx context.Context, major int) (pgtest.Binaries, error) {
	for _, b := range pgtest.Installed(ctx) {
		if b.Major == major {
			return b, nil
		}
	}
	return pgtest.Fetch(ctx, major, os.Stderr)
}

func test(ctx context.Context, b pgtest.Binaries, args []string) error {
	fmt.Printf("\nPostgreSQL %d in %s\n", b.Major, b.Dir)
	cmd := exec.CommandContext(ctx, "go", slices.Concat([]string{"test", "-count=1", "-timeout", "60m", "-skip", elsewhere}, packages, args)...)
	cmd.Env = append(os.Environ(), pgtest.BinDirVariable+"="+b.Dir)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
