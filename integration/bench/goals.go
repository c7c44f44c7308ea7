package main

import (
	"fmt"
	"io"
)

// goal is a ratio of throughputs within one scenario that pgseal is to reach.
type goal struct {
	what, of string // the targets whose rates are divided
	least    float64
}

// verdict is what one goal came to.
type verdict struct {
	scenario       string
	goal           goal
	rounds         int
	low, mid, high float64
}

// judge divides the rates of each round, in which the two targets were driven
// one after the other, so that a disturbance that lasts longer falls on both.
func judge(s scenario, g goal, results map[string][]result) verdict {
	what, of := results[g.what], results[g.of]
	var ratios []float64
	for i := range min(len(what), len(of)) {
		ratios = append(ratios, what[i].rate/of[i].rate)
	}
	v := verdict{scenario: s.name, goal: g, rounds: len(ratios)}
	if v.rounds > 0 {
		v.low, v.mid, v.high = spread(ratios)
	}
	return v
}

// report prints a line for each goal.
func report(out io.Writer, verdicts []verdict) {
	fmt.Fprintf(out, "\nThroughput as a ratio, median of the rounds (lowest to highest), and what it is to be at least.\n\n")
	for _, v := range verdicts {
		word := "met"
		switch {
		case v.rounds == 0:
			word = "not measured"
		case v.mid < v.goal.least:
			word = "MISSED"
		}
		fmt.Fprintf(out, "%-*s%-22s%5.2f  (%.2f to %.2f)   at least %.2f   %s\n", nameWidth, v.scenario,
			v.goal.what+" / "+v.goal.of, v.mid, v.low, v.high, v.goal.least, word)
	}
}
