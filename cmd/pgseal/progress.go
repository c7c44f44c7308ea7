package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"pgseal/sealing"
)

// progress shows how far a long work is: a bar on a terminal, a line every few
// seconds elsewhere. The returned function ends it.
func progress(w io.Writer, what string) (sealing.Progress, func()) {
	const barWidth = 30
	interval := 5 * time.Second
	terminal := isTerminal(w)
	if terminal {
		interval = 100 * time.Millisecond
	}
	start := time.Now()
	last := start
	drawn := false
	draw := func(done, total int64) {
		share := 1.0
		if total > 0 {
			share = min(1, float64(done)/float64(total))
		}
		rate := float64(done) / max(time.Since(start).Seconds(), 0.001)
		if terminal {
			full := int(share * barWidth)
			fmt.Fprintf(w, "\r%s [%s%s] %3.0f%%  %d of %d values, %.0f/s\x1b[K", what,
				strings.Repeat("#", full), strings.Repeat(".", barWidth-full), share*100, done, total, rate)
			drawn = true
			return
		}
		fmt.Fprintf(w, "%s: %d of %d values (%.0f%%), %.0f/s\n", what, done, total, share*100, rate)
	}
	return func(done, total int64) {
			if now := time.Now(); now.Sub(last) >= interval || terminal && done >= total {
				last = now
				draw(done, total)
			}
		}, func() {
			if drawn {
				fmt.Fprintln(w)
			}
		}
}
