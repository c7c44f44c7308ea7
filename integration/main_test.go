// Package integration holds the tests of what a user notices: real PostgreSQL,
// the real command, a KMS over HTTP, and real drivers.
package integration

import (
	"os"
	"testing"

	"pgseal/integration/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Run(m)) }

// S is a step of a comparison.
var S = harness.S
