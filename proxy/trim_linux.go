package proxy

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// TrimProcess gives back the pages of the executable that only starting has
// needed; those that are needed again come back from the system's cache. It does
// so only for parts that nothing has changed, and that nothing can change.
func TrimProcess() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return // without /proc there is nothing to know
	}
	defer maps.Close()
	var from, to uintptr // of the part at hand, if it is the executable's
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		line := lines.Text()
		var begin, end uintptr
		var rights string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &begin, &end, &rights); n == 3 {
			from, to = 0, 0
			if strings.HasSuffix(line, self) && rights[1] == '-' && rights[0] == 'r' {
				from, to = begin, end
			}
			continue
		}
		var changed int
		if n, _ := fmt.Sscanf(line, "Anonymous: %d kB", &changed); n == 1 && changed == 0 && from < to {
			// A failure leaves the pages where they are.
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED)
			from, to = 0, 0
		}
	}
}
