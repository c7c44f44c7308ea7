package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"pgseal/integration/pgtest"
)

const (
	readyTimeout = 30 * time.Second
	stopTimeout  = 30 * time.Second
	pollInterval = 10 * time.Millisecond
)

// raceVariable, when set, has the command under test built with the race
// detector. The tests themselves need none, and their search for canaries in
// gigabytes would take minutes with it.
const raceVariable = "PGSEAL_TEST_RACE"

// binaryVariable names the command under test where it has been built already: linking
// it takes longer than many a test.
const binaryVariable = "PGSEAL_TEST_BINARY"

// BuildPgseal builds the command under test into dir, unless there is one.
func BuildPgseal(ctx context.Context, dir string) (string, error) {
	if binary := os.Getenv(binaryVariable); binary != "" {
		return binary, nil
	}
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("the harness does not know where its source is")
	}
	binary := filepath.Join(dir, "pgseal")
	args := []string{"build"}
	if os.Getenv(raceVariable) != "" {
		args = append(args, "-race", "-pgo=off") // so that it shares packages with the tests under it
	}
	build := exec.CommandContext(ctx, "go", append(args, "-o", binary, "./cmd/pgseal")...)
	build.Dir = filepath.Join(filepath.Dir(file), "..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/pgseal: %w\n%s", err, out)
	}
	return binary, nil
}

// Process is a running pgseal that listens, with its output in LogFile.
type Process struct {
	Addr    string // host:port it listens on
	LogFile string

	cmd    *exec.Cmd
	exited chan struct{}
	err    error // of the end; valid once exited is closed
	guard  *pgtest.Guard
}

// StartProcess runs a command that listens on addr, and returns when it does.
func StartProcess(ctx context.Context, logFile, addr string, cmd *exec.Cmd) (*Process, error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{Addr: addr, LogFile: logFile, cmd: cmd, exited: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	if p.guard, err = pgtest.NewGuard(); err == nil {
		err = p.guard.Watch(cmd.Process.Pid, "KILL")
	}
	if err != nil {
		return nil, errors.Join(err, cmd.Process.Kill())
	}
	if err := p.waitListening(ctx); err != nil {
		return nil, errors.Join(err, p.Kill())
	}
	return p, nil
}

func (p *Process) waitListening(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.Addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.exited:
			log, readErr := os.ReadFile(p.LogFile)
			return errors.Join(fmt.Errorf("%s ended while it started (%w):\n%s", p.cmd.Args, p.err, log), readErr)
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen on %s: %w", p.cmd.Args, p.Addr, err)
		case <-tick.C:
		}
	}
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Terminate sends SIGTERM and returns without waiting.
func (p *Process) Terminate() error { return p.cmd.Process.Signal(syscall.SIGTERM) }

// Wait waits for the process to end by itself; an exit status other than 0 is
// an error.
func (p *Process) Wait() error {
	select {
	case <-p.exited:
		return errors.Join(p.err, p.guard.Dismiss())
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("%s still runs %v after it was told to stop", p.cmd.Args, stopTimeout), p.Kill())
	}
}

// Stop ends the process in the way an operator does, and reports an exit status
// other than 0.
func (p *Process) Stop() error {
	if err := p.Terminate(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return p.Wait()
}

// Kill ends the process at once.
func (p *Process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.exited
	return p.guard.Dismiss()
}

// FreeAddr is a loopback address whose port was free a moment ago.
func FreeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr := l.Addr().String()
	return addr, l.Close()
}
