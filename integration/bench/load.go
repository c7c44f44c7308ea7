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
	settled   = regexp.MustCompile(`progress: ([0-9.]+) s, ([0-9.]+) tps`)
)

// settleTime and closingTime are the parts of a round, at its ends, that are not counted: a
// connection that has just been made meets caches, plans and pages of shared memory that it has not
// touched before. closingTime only the proxy's CPU time is without.
const (
	settleTime  = time.Second // what pgbench -P 1 tells first
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
		"-T", strconv.Itoa(int(settleTime/time.Second)+l.seconds), "-P", "1", "-f", file, at.url)
	if s.tls && at.pid != 0 {
		cmd.Args[len(cmd.Args)-1] = strings.Replace(at.url, "sslmode=disable", "sslmode=require", 1)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return result{}, fmt.Errorf("pgbench: %w", err)
	}
	begun := time.Now()
	time.Sleep(settleTime)
	before, proxied := cpuTime(at.pid)
	from := time.Now()
	time.Sleep(time.Until(begun.Add(settleTime + time.Duration(l.seconds)*time.Second - closingTime)))
	after, _ := cpuTime(at.pid)
	measured := time.Since(from)
	if err := cmd.Wait(); err != nil {
		return result{}, fmt.Errorf("pgbench: %w\n%s", err, out.String())
	}
	rate, count, first := tps.FindSubmatch(out.Bytes()), processed.FindSubmatch(out.Bytes()), settled.FindSubmatch(out.Bytes())
	if rate == nil || count == nil || first == nil || (bytes.Contains(out.Bytes(), []byte("failed transactions")) && !failed.Match(out.Bytes())) {
		return result{}, errors.New("pgbench failed:\n" + out.String())
	}
	r := result{proxied: proxied && at.pid != 0}
	var figures [4]float64
	for i, text := range [][]byte{rate[1], count[1], first[1], first[2]} {
		var err error
		if figures[i], err = strconv.ParseFloat(string(text), 64); err != nil {
			return r, err
		}
	}
	all, total, settling, early := figures[0], figures[1], figures[2], figures[3]
	if r.rate = (total - early*settling) / (total/all - settling); total == 0 || r.rate <= 0 {
		return r, fmt.Errorf("pgbench finished no query in %d s:\n%s", l.seconds, out.String())
	}
	r.cpuMicros = float64((after - before).Microseconds()) / (r.rate * measured.Seconds())
	return r, nil
}
