package envelopetest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
)

// Child is a process whose memory is searched. It runs the test binary again,
// with a variable set by which TestMain knows it, and goes from stage to stage
// by Receive and Stage.
type Child struct {
	t      testing.TB
	pid    int
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

// Start starts a child with variable=1 in its environment. It ends with the test.
func Start(t testing.TB, variable string) *Child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), variable+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil && !t.Failed() {
			t.Error(err)
		}
	})
	return &Child{t, cmd.Process.Pid, stdin, bufio.NewReader(stdout)}
}

// Send gives the child what it waits for with Receive.
func (c *Child) Send(b []byte) {
	c.t.Helper()
	if _, err := c.stdin.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// Read reads what the child has written to its standard output.
func (c *Child) Read(b []byte) {
	c.t.Helper()
	if _, err := io.ReadFull(c.stdout, b); err != nil {
		c.t.Fatal(err)
	}
}

// Await waits until the child stands at a stage.
func (c *Child) Await(stage string) {
	c.t.Helper()
	if line, err := c.stdout.ReadString('\n'); err != nil || line != stage+"\n" {
		c.t.Fatalf("child says %q, %v, want %q", line, err, stage)
	}
}

// Continue lets the child leave its stage.
func (c *Child) Continue() {
	c.t.Helper()
	c.Send([]byte{0})
}

// ExpectSome fails the test unless the child's memory has needles of all kinds:
// otherwise a search that finds none would prove nothing.
func (c *Child) ExpectSome(needles Needles, kinds ...string) {
	c.t.Helper()
	found := c.scan(needles)
	for _, kind := range kinds {
		if found.Count[kind] == 0 {
			c.t.Fatalf("the search does not find any %s", kind)
		}
	}
}

// ExpectNone fails the test for each needle in the child's memory. It looks
// again before it does, because threads that were asleep scrub their signal
// stacks when the system next runs them.
func (c *Child) ExpectNone(needles Needles) {
	c.t.Helper()
	found := c.scan(needles)
	for i := 0; i < 10 && len(found.Where) > 0; i++ {
		found = c.scan(needles)
	}
	for _, where := range found.Where {
		c.t.Errorf("left in memory: %s", where)
	}
}

func (c *Child) scan(needles Needles) Found {
	c.t.Helper()
	found, err := Scan(c.pid, needles)
	if err != nil {
		c.t.Fatal(err)
	}
	return found
}

// Receive is the child's: it reads what its parent sends, straight into b.
func Receive(b []byte) {
	if _, err := io.ReadFull(os.Stdin, b); err != nil {
		panic(fmt.Sprintf("envelopetest: the parent has gone: %v", err))
	}
}

// Stage is the child's: it says where it stands and waits for its parent.
func Stage(name string) {
	os.Stdout.WriteString(name + "\n")
	Receive(make([]byte, 1))
}
