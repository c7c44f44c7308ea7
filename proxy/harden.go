package proxy

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// HardenProcess keeps the process's memory, which holds plaintext keys and
// values, out of core dumps and, where the system has a switch for it, away
// from debuggers of the same user. Call it before the first key is opened.
func HardenProcess() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	if err := forbidDebugging(); err != nil {
		return fmt.Errorf("keep debuggers away: %w", err)
	}
	return nil
}
