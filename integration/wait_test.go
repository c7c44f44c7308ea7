package integration

import (
	"testing"
	"time"
)

// patience bounds what must happen within seconds, on a slow machine.
const patience = 60 * time.Second

// eventually waits for something that another process brings about.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}
