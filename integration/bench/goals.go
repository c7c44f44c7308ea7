package main

import (
	"fmt"
	"io"
)

// goal is a ratio of throughputs within one scenario that pgseal is to reach, or
// of the CPU time of a query that it is not to exceed.
type goal struct {
	what, of string  // the targets whose figures are divided
	least    float64 // of throughput
	mostCPU  float64 // 0: it is a goal of throughput
}

// verdict is what one goal came to.
type verdict struct {
	scenario       string
	goal           goal
	rounds         int
	low, mid, high float64
}

// judge divides the figures of each round, in which the two targets were driven
// one after the other, so that a disturbance that lasts longer falls on both.
func judge(s scenario, g goal, results map[string][]result) verdict {
	what, of := results[g.what], results[g.of]
	var ratios []float64
	for i := range min(len(what), len(of)) {
		switch {
		case g.mostCPU == 0:
			ratios = append(ratios, what[i].rate/of[i].rate)
		case what[i].proxied && of[i].cpuMicros > 0:
			ratios = append(ratios, what[i].cpuMicros/of[i].cpuMicros)
		}
	}
	v := verdict{scenario: s.name, goal: g, rounds: len(ratios)}
	if v.rounds > 0 {
		v.low, v.mid, v.high = spread(ratios)
	}
	return v
}

// report prints a line for each goal.
func report(out io.Writer, verdicts []verdict) {
	fmt.Fprintf(out, "\nRatios of throughput, or of the proxy's CPU time for a query: median of the rounds (lowest to highest), and what is to be reached.\n\n")
	for _, v := range verdicts {
		word := "met"
		switch {
		case v.rounds == 0:
			word = "not measured"
		case v.mid < v.goal.least, v.goal.mostCPU > 0 && v.mid > v.goal.mostCPU:
			word = "MISSED"
		}
		what, bound := v.goal.what+" / "+v.goal.of, fmt.Sprintf("at least %.2f", v.goal.least)
		if v.goal.mostCPU > 0 {
			what, bound = what+", CPU", fmt.Sprintf("at most %.2f", v.goal.mostCPU)
		}
		fmt.Fprintf(out, "%-*s%-24s%5.2f  (%.2f to %.2f)   %-13s   %s\n", nameWidth, v.scenario,
			what, v.mid, v.low, v.high, bound, word)
	}
}
