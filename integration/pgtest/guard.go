package pgtest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// guardScript waits for the end of its standard input, which the kernel closes
// when the guarded test process is gone, however it went. Then it stops the
// child, waits until it is gone, and deletes its directories.
const guardScript = `
while read -r word; do [ "$word" = dismissed ] && exit 0; done
pid=$1; signal=$2; shift 2
kill -s "$signal" "$pid" 2>/dev/null
n=0
while kill -0 "$pid" 2>/dev/null; do
	n=$((n+1))
	[ $n -gt 100 ] && kill -s KILL "$pid" 2>/dev/null
	sleep 0.1
done
rm -rf -- "$@"
`

// Guard stops a child process and deletes its directories should this process
// be killed before it can do so itself.
type Guard struct {
	cmd   *exec.Cmd
	input io.WriteCloser
}

// NewGuard guards the process pid, which gets signal (QUIT, TERM, KILL) when
// this process ends without calling Dismiss. The directories are deleted after
// the process is gone.
func NewGuard(pid int, signal string, directories ...string) (*Guard, error) {
	args := append([]string{"-c", guardScript, "pgseal-guard", strconv.Itoa(pid), signal}, directories...)
	cmd := exec.Command("/bin/sh", args...)
	// A session of its own: what ends this process's group must not end the
	// guard with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Dir = os.TempDir()
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("guard of process %d: %w", pid, err)
	}
	return &Guard{cmd: cmd, input: input}, nil
}

// Dismiss ends the guard and leaves the process and its directories alone.
func (g *Guard) Dismiss() error {
	if _, err := io.WriteString(g.input, "dismissed\n"); err != nil {
		return err
	}
	if err := g.input.Close(); err != nil {
		return err
	}
	return g.cmd.Wait()
}
