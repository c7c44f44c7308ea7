// Package drivers is the third oracle: applications of real drivers, ORMs and
// tools, each in its own language (testdata), print the same through pgseal on
// sealed columns as they do on plain ones. It has tests only.
package drivers

import (
	"os"
	"testing"

	"pgseal/integration/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Run(m)) }
