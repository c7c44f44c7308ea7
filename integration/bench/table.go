package main

import (
	"fmt"
	"io"
	"slices"
)

const (
	nameWidth = 36
	cellWidth = 11
)

// headings are the columns, in order.
var headings = []string{direct, spliced, pgbouncer, relayed, pgseal, pgcrypto}

type table struct{ out io.Writer }

func newTable(out io.Writer) table {
	fmt.Fprintf(out, "%-*s", nameWidth, "")
	for _, h := range headings {
		fmt.Fprintf(out, "%*s", cellWidth, h)
	}
	fmt.Fprintf(out, "%*s\n", cellWidth+5, "direct q/s")
	return table{out}
}

func (t table) row(s scenario, results map[string][]result) {
	base := median(results[direct], func(r result) float64 { return r.rate })
	fmt.Fprintf(t.out, "%-*s", nameWidth, s.name)
	for _, h := range headings {
		cell := "-"
		if rs := results[h]; len(rs) > 0 {
			cell = fmt.Sprintf("%.2f", base/median(rs, func(r result) float64 { return r.rate }))
		}
		fmt.Fprintf(t.out, "%*s", cellWidth, cell)
	}
	fmt.Fprintf(t.out, "%*.0f\n%*s", cellWidth+5, base, nameWidth, "")
	for _, h := range headings {
		cell := ""
		if rs := results[h]; len(rs) > 0 && rs[0].proxied {
			cell = fmt.Sprintf("%.1f µs", median(rs, func(r result) float64 { return r.cpuMicros }))
		}
		fmt.Fprintf(t.out, "%*s", cellWidth, cell)
	}
	fmt.Fprintln(t.out)
}

func median(rs []result, of func(result) float64) float64 {
	if len(rs) == 0 {
		return 0
	}
	values := make([]float64, len(rs))
	for i, r := range rs {
		values[i] = of(r)
	}
	_, mid, _ := spread(values)
	return mid
}

// spread gives the lowest, the middle and the highest of some values, and
// orders them.
func spread(values []float64) (low, mid, high float64) {
	slices.Sort(values)
	n := len(values)
	return values[0], (values[(n-1)/2] + values[n/2]) / 2, values[n-1]
}
