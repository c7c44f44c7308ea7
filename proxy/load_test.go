package proxy

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

const mib = 1 << 20

// TestAThousandIdleSessionsFitInFortyMebibytes is over a server that is none,
// since PostgreSQL has a process for each session. The sessions have just
// connected and asked something, and nothing has been done to free memory.
func TestAThousandIdleSessionsFitInFortyMebibytes(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector multiplies memory")
	}
	c := startChild(t, "postgres://trust@"+stubServer(t)+"/postgres?sslmode=disable")
	new(crowd).join(t, c.Addr, 1) // what is made once has been made
	before := c.memory(t, "VmRSS")
	var all crowd
	all.join(t, c.Addr, 1000)
	if len(all.in) != 1000 {
		t.Fatalf("%d sessions", len(all.in))
	}
	at := c.memory(t, "VmRSS")
	c.collect(t)
	t.Logf("%.1f MiB, %.1f MiB with 1,000 idle sessions, %.1f when collected", float64(before)/mib, float64(at)/mib, float64(c.memory(t, "VmRSS"))/mib)
	if at > 40*mib {
		t.Errorf("1,000 idle sessions take %.1f MiB", float64(at)/mib)
	}
	for _, conn := range all.in {
		conn.Close()
	}
}

func TestCopyOfTwoHundredMegabytesCostsBoundedMemory(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector multiplies memory")
	}
	c := startChild(t, upstreamPlain())
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, "postgres://trust@"+c.Addr+"/postgres?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE TEMP TABLE big (x text)"); err != nil {
		t.Fatal(err)
	}
	before := c.memory(t, "VmHWM")
	const size = 200 * mib
	in := &repeated{line: []byte(strings.Repeat("x", 1023) + "\n"), left: size}
	tag, err := conn.PgConn().CopyFrom(ctx, in, "COPY big FROM STDIN")
	if err != nil || tag.RowsAffected() != size/1024 {
		t.Fatalf("%v, %v", tag, err)
	}
	var out counted
	if _, err := conn.PgConn().CopyTo(ctx, &out, "COPY big TO STDOUT"); err != nil || out != size {
		t.Fatalf("%d bytes, %v", out, err)
	}
	grown := c.memory(t, "VmHWM") - before
	t.Logf("COPY of 200 MiB both ways: at most %.1f MiB more", float64(grown)/mib)
	if grown > 8*mib {
		t.Errorf("COPY of 200 MiB took %.1f MiB", float64(grown)/mib)
	}
}

func TestValuesOfAHundredMegabytesCostBoundedMemory(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector multiplies memory")
	}
	c := startChild(t, upstreamPlain())
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, "postgres://trust@"+c.Addr+"/postgres?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	before := c.memory(t, "VmHWM")
	const size = 100 * mib
	value := make([]byte, size)
	value[size-1] = 1
	// As a parameter in a Bind, and back in a DataRow.
	r := conn.PgConn().ExecParams(ctx, "SELECT $1::bytea", [][]byte{value}, nil, []int16{1}, []int16{1}).Read()
	if r.Err != nil || len(r.Rows) != 1 || !bytes.Equal(r.Rows[0][0], value) {
		t.Fatalf("%d rows, %v", len(r.Rows), r.Err)
	}
	// In the text of a Query.
	rows, err := conn.PgConn().Exec(ctx, "SELECT length('"+strings.Repeat("x", size)+"')").ReadAll()
	if err != nil || string(rows[0].Rows[0][0]) != strconv.Itoa(size) {
		t.Fatal(err)
	}
	grown := c.memory(t, "VmHWM") - before
	t.Logf("values of 100 MiB: at most %.1f MiB more", float64(grown)/mib)
	if grown > 8*mib {
		t.Errorf("values of 100 MiB took %.1f MiB", float64(grown)/mib)
	}
}

// repeated reads as a line over and over.
type repeated struct {
	line []byte
	left int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := 0
	for len(p)-n >= len(r.line) && r.left > 0 {
		n += copy(p[n:], r.line)
		r.left -= len(r.line)
	}
	return n, nil
}

// counted counts what is written to it.
type counted int

func (c *counted) Write(p []byte) (int, error) {
	*c += counted(len(p))
	return len(p), nil
}

func TestPgbenchRunsInEveryMode(t *testing.T) {
	p := startProxy(t, Config{ClientTLS: serverTLS(t, otherCertificate)})
	if err := cluster.CreateDatabase(context.Background(), "bench"); err != nil {
		t.Fatal(err)
	}
	dsn := strings.Replace(p.DSN("postgres", "sslmode=require"), "dbname=postgres", "dbname=bench", 1)
	run := func(args ...string) {
		t.Helper()
		out, err := exec.Command(cluster.Binaries.Program("pgbench"), append(args, dsn)...).CombinedOutput()
		if err != nil {
			t.Fatalf("pgbench %v: %v\n%s", args, err, out)
		}
	}
	run("-i", "-q", "-s", "1")
	for _, mode := range []string{"simple", "extended", "prepared"} {
		run("-n", "-S", "-M", mode, "-c", "4", "-j", "2", "-t", "200")
		run("-n", "-M", mode, "-c", "2", "-t", "50")
	}
}
