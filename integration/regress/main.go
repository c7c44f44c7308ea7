// Command regress runs PostgreSQL's own regression and isolation suites twice,
// against a server and through pgseal, and compares what they print: make
// test-regress. The difference must be empty.
//
// The suites come from the distribution's source package. Each pass starts from
// fresh clusters: first with pgseal not installed in the database, then with
// columns sealed on pgseal's side in tables beside the suites' own, under the
// same names, so that statements are planned and not only relayed.
//
//	go run ./integration/regress                        everything
//	go run ./integration/regress -suite isolation       regress or isolation
//	go run ./integration/regress -pass plain            plain or sealed
//	go run ./integration/regress -tests "test_setup copy"
//
// What was printed stays in -out for reading.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
)

func main() {
	suite := flag.String("suite", "regress,isolation", "suites to run")
	pass := flag.String("pass", "plain,sealed", "passes to make")
	tests := flag.String("tests", "", "tests to run instead of the suite's schedule, with spaces between them")
	out := flag.String("out", filepath.Join(".pgseal", "regress"), "directory for what the suites print")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *suite, *pass, *tests, *out); err != nil {
		fmt.Fprintln(os.Stderr, "regress:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, names, passes, tests, out string) (err error) {
	w, err := newWorkplace(ctx, out)
	if err != nil {
		return err
	}
	defer func() { err = w.close(err) }()
	differ := 0
	for _, name := range strings.Split(names, ",") {
		s, ok := suites[name]
		if !ok {
			return fmt.Errorf("there is no suite %q", name)
		}
		s.tests = strings.Fields(tests)
		for _, pass := range strings.Split(passes, ",") {
			p, ok := passesByName[pass]
			if !ok {
				return fmt.Errorf("there is no pass %q", pass)
			}
			same, err := w.compare(ctx, s, p)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", name, pass, err)
			}
			if !same {
				differ++
			}
		}
	}
	if differ > 0 {
		return fmt.Errorf("%d comparisons differ", differ)
	}
	return nil
}
