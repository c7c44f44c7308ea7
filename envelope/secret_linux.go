package envelope

import (
	"os"
	"strconv"
	"syscall"
)

// scrubSignalStacks sends every thread of the process the signal by which the
// runtime preempts goroutines, and which it ignores if it did not ask for it. A
// signal that arrived in a secret section has stored the registers in the
// thread's signal stack; this one stores them anew in the same place. Threads
// that are asleep wake to handle it; none is waited for.
func scrubSignalStacks() {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return // without /proc there is nothing better to do than to wait for the next signal
	}
	pid := os.Getpid()
	for _, t := range threads {
		if id, err := strconv.Atoi(t.Name()); err == nil {
			// A thread that has ended meanwhile took its stack with it.
			_ = syscall.Tgkill(pid, id, syscall.SIGURG)
		}
	}
}
