//go:build race

package harness

// raceFlags makes the pgseal under test as watchful as the tests are.
var raceFlags = []string{"-race"}
