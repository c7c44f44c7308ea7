package proxy

import (
	"os"
	"strings"
	"testing"
)

// residentFile is how much of files, such as its executable, this process has in
// memory, as /proc says it.
func residentFile(t *testing.T) (kib int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "RssFile:"); ok {
			for _, c := range strings.TrimSpace(rest) {
				if c < '0' || c > '9' {
					break
				}
				kib = 10*kib + int(c-'0')
			}
		}
	}
	return kib
}

func TestPagesOfTheExecutableAreGivenBack(t *testing.T) {
	before := residentFile(t)
	TrimProcess()
	if after := residentFile(t); after >= before {
		t.Errorf("%d KiB of files in memory, then %d", before, after)
	}
	startProxy(t, Config{}).raw().login() // and what is needed comes back
}
