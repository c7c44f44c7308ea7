package pgtest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// guardScript reads what to do from its standard input, which the kernel closes
// when the guarded test process is gone, however it went. Then it stops the
// child that it was told to watch, waits until it is gone, and deletes the
// directories.
const guardScript = `
pid= signal=
while read -r word argument1 argument2; do
	case $word in
	watch) pid=$argument1 signal=$argument2 ;;
	dismissed) exit 0 ;;
	esac
done
if [ -n "$pid" ]; then
	kill -s "$signal" "$pid" 2>/dev/null
	n=0
	while kill -0 "$pid" 2>/dev/null; do
		n=$((n+1))
		[ $n -gt 100 ] && kill -s KILL "$pid" 2>/dev/null
		sleep 0.1
	done
fi
[ $# -eq 0 ] || rm -rf -- "$@"
`

// Guard stops a child process and deletes directories should this process be
// killed before it can do so itself.
type Guard struct {
	cmd   *exec.Cmd
	input io.WriteCloser
}

// NewGuard deletes the directories when this process ends without calling
// Dismiss.
func NewGuard(directories ...string) (*Guard, error) {
	cmd := exec.Command("/bin/sh", append([]string{"-c", guardScript, "pgseal-guard"}, directories...)...)
	// A session of its own: what ends this process's group must not end the
	// guard with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Dir = os.TempDir()
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	return &Guard{cmd: cmd, input: input}, nil
}

// Watch has the guard end a process too, by signal (QUIT, TERM, KILL), before
// it deletes. It watches one process at a time, the last it was told of.
func (g *Guard) Watch(pid int, signal string) error {
	_, err := fmt.Fprintf(g.input, "watch %d %s\n", pid, signal)
	return err
}

// Dismiss ends the guard and leaves the process and the directories alone.
func (g *Guard) Dismiss() error {
	if _, err := io.WriteString(g.input, "dismissed\n"); err != nil {
		return err
	}
	if err := g.input.Close(); err != nil {
		return err
	}
	return g.cmd.Wait()
}
