package pgtest

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// SeedVariable has a test that goes by chance repeat a run.
const SeedVariable = "PGSEAL_TEST_SEED"

// Seed is that of such a test, which says how to repeat it when it has failed.
func Seed(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv(SeedVariable); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("to repeat: %s=%d", SeedVariable, seed)
		}
	})
	return seed
}
