package pgtest

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// SeedVariable has tests that go by chance begin at another seed than usual, to repeat a
// run, or, with random, each at one of its own.
const SeedVariable = "PGSEAL_TEST_SEED"

// Seed is that of such a test, which says how to repeat it when it has failed. It is the
// same each time: whether a change passes says nothing of what has never been tried.
func Seed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(1)
	switch text := os.Getenv(SeedVariable); text {
	case "":
	case "random":
		seed = rand.Uint64()
	default:
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
