package proxy

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// hardenChild in the environment makes the test binary harden itself and print
// what /proc says of it then.
const hardenChild = "PGSEAL_TEST_CHILD_HARDEN"

func TestAHardenedProcessLeavesNoCoreAndIsNotDebugged(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), hardenChild+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "core 0 0 dumpable 0" {
		t.Errorf("%q, %v", out, err)
	}
}

// runHarden is the main function of a process that hardens itself.
func runHarden() int {
	if err := HardenProcess(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var core unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("core", core.Cur, core.Max, "dumpable", dumpable)
	return 0
}
