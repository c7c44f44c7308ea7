package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childUpstream in the environment makes the test binary a proxy to that URL,
// so that its memory and CPU can be told from the test's.
const childUpstream = "PGSEAL_TEST_CHILD_UPSTREAM"

// childLimit is how many sessions it takes.
const childLimit = 8000

// runChild is the main function of that proxy. It prints its address and serves
// until SIGTERM.
func runChild(upstream string) int {
	s, err := New(Config{
		Upstream:       upstream,
		Open:           openRelaying,
		MaxConnections: childLimit,
		DrainTimeout:   time.Second,
		Logger:         slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	collect := make(chan os.Signal, 1)
	signal.Notify(collect, syscall.SIGUSR1)
	go func() {
		for range collect {
			// A stack shrinks by half at each collection.
			for range 4 {
				runtime.GC()
			}
			debug.FreeOSMemory()
			fmt.Println("collected", runtime.NumGoroutine())
		}
	}()
	fmt.Println(l.Addr())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	TrimProcess() // as pgseal serve does
	if err := s.Serve(ctx, l); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// child is a proxy in a process of its own.
type child struct {
	Addr string
	cmd  *exec.Cmd
	out  *bufio.Reader
}

func startChild(t testing.TB, upstream string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childUpstream+"="+upstream)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	addr, err := lines.ReadString('\n')
	if err != nil {
		t.Fatalf("the child did not start: %v", err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the child: %v", err)
		}
	})
	return &child{strings.TrimSpace(addr), cmd, lines}
}

// collect gives back the memory that nothing refers to, as time would, and
// returns the number of goroutines.
func (c *child) collect(t testing.TB) (goroutines int) {
	t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	line, err := c.out.ReadString('\n')
	if _, scanErr := fmt.Sscanf(line, "collected %d\n", &goroutines); err != nil || scanErr != nil {
		t.Fatalf("%q, %v", line, errors.Join(err, scanErr))
	}
	return goroutines
}

// memory returns a figure of the process in bytes, such as VmRSS or VmHWM.
func (c *child) memory(t testing.TB, name string) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatalf("no %s in\n%s", name, status)
	return 0
}
