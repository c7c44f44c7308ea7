package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cpuTime is the CPU time that the threads of a process have used, to the
// nanosecond: the ticks of /proc/PID/stat, a hundred a second, are too coarse for
// rounds of a second. ok is false where there is no such file.
func cpuTime(pid int) (used time.Duration, ok bool) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, false
	}
	for _, file := range threads {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		running, _, _ := strings.Cut(string(data), " ")
		n, err := strconv.ParseInt(running, 10, 64)
		if err != nil {
			return 0, false
		}
		used += time.Duration(n)
	}
	return used, len(threads) > 0
}
