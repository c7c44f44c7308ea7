package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// load says how long a scenario is driven.
type load struct{ rounds, seconds, clients int }

// result is one round against one target.
type result struct {
	rate      float64 // queries a second
	cpuMicros float64 // of the proxy, a query
	proxied   bool    // cpuMicros is known
}

// drive runs a scenario's rounds; targets alternate within a round, and every
// second round goes backwards, so that what else the machine does, and what grows
// from run to run, falls on all of them. The round before the first is not
// counted: it fills caches, connection pools and plans.
func (l load) drive(ctx context.Context, b *bench, s scenario) (map[string][]result, error) {
	results := map[string][]result{}
	if err := b.cluster.Exec(ctx, database, "CHECKPOINT"); err != nil {
		return nil, err
	}
	warm := l
	warm.seconds = 1
	for n := range l.rounds + 1 {
		l, order := l, slices.Clone(headings)
		if n == 0 {
			l = warm
		}
		if n%2 == 1 {
			slices.Reverse(order)
		}
		for _, target := range order {
			script, ok := s.scripts[target]
			at, running := b.targets[s.through(target)]
			if !ok || !running {
				continue
			}
			if s.prepare != "" {
				if err := b.cluster.Exec(ctx, database, s.prepare); err != nil {
					return nil, err
				}
			}
			round := l.round
			if s.mode == copyMode {
				round = l.copyRound
			}
			r, err := round(ctx, b, s, at, script)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", target, err)
			}
			if n > 0 {
				results[target] = append(results[target], r)
			}
		}
	}
	return results, nil
}

var (
	tps       = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)
	processed = regexp.MustCompile(`number of transactions actually processed: ([0-9]+)`)
	failed    = regexp.MustCompile(`number of failed transactions: 0 `)
)

// loginTime and closingTime are the parts of a round, at its ends, in which the
// proxy's CPU time is not counted.
const (
	loginTime   = 250 * time.Millisecond
	closingTime = 100 * time.Millisecond
)

func (l load) round(ctx context.Context, b *bench, s scenario, at target, script string) (result, error) {
	file := filepath.Join(b.dir, "script.sql")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return result{}, err
	}
	clients := l.clients
	if s.clients > 0 {
		clients = s.clients
	}
	cmd := exec.CommandContext(ctx, b.pgbench, "-n", "-M", s.mode, "-c", strconv.Itoa(clients),
		"-T", strconv.Itoa(l.seconds), "-f", file, at.url)
	if s.tls && at.pid != 0 {
		cmd.Args[len(cmd.Args)-1] = strings.Replace(at.url, "sslmode=disable", "sslmode=require", 1)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return result{}, fmt.Errorf("pgbench: %w", err)
	}
	// Logging in costs a proxy more the less it keeps of its connections, and is
	// not what is measured.
	begun := time.Now()
	time.Sleep(loginTime)
	before, proxied := cpuTime(at.pid)
	from := time.Now()
	time.Sleep(time.Until(begun.Add(time.Duration(l.seconds)*time.Second - closingTime)))
	after, _ := cpuTime(at.pid)
	measured := time.Since(from)
	if err := cmd.Wait(); err != nil {
		return result{}, fmt.Errorf("pgbench: %w\n%s", err, out.String())
	}
	rate, count := tps.FindSubmatch(out.Bytes()), processed.FindSubmatch(out.Bytes())
	if rate == nil || count == nil || (bytes.Contains(out.Bytes(), []byte("failed transactions")) && !failed.Match(out.Bytes())) {
		return result{}, errors.New("pgbench failed:\n" + out.String())
	}
	r := result{proxied: proxied && at.pid != 0}
	var err error
	if r.rate, err = strconv.ParseFloat(string(rate[1]), 64); err != nil {
		return r, err
	}
	n, err := strconv.ParseFloat(string(count[1]), 64)
	if err != nil || n == 0 {
		return r, fmt.Errorf("pgbench finished no query in %d s:\n%s", l.seconds, out.String())
	}
	r.cpuMicros = float64((after - before).Microseconds()) / (r.rate * measured.Seconds())
	return r, nil
}
