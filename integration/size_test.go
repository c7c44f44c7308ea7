package integration

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// sizeVariable makes the large values so many MiB.
const sizeVariable = "PGSEAL_TEST_VALUE_MIB"

// peak is the most memory that a process has had, in bytes.
func peak(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("this system does not tell the memory of a process")
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

// A value must be whole to be sealed or opened: in the frame that it comes in,
// in the clear, in the frame that goes out, and in what of that the peer has not
// taken yet. More copies it must not have. Values that pass are streamed.
func TestLargeValuesCostFewCopies(t *testing.T) {
	const mib = 1 << 20
	size := 24
	if n, err := strconv.Atoi(os.Getenv(sizeVariable)); err == nil {
		size = n
	}
	// A multiple of the value's size by which the process may grow at most: four
	// to six were measured, and when garbage is collected is not up to us.
	const atMost = 8.0
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE large (id int PRIMARY KEY, b bytea, t text, p bytea)",
		Seal: []string{"public.large.b", "public.large.t --equality"},
	})
	value := bytes.Repeat([]byte("0123456789abcdef"), size*mib/16)
	for _, c := range []struct {
		name, column string
		format       int16
		bound        float64
	}{
		{"bytea in binary", "b", 1, atMost}, {"text", "t", 0, atMost}, {"plain bytea streams", "p", 1, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			proxy, err := pair.Env.StartProxy(t.Context(), pair.Env.Sealed)
			if err != nil {
				t.Fatal(err)
			}
			defer proxy.Stop()
			ctx := t.Context()
			conn, err := pgconn.Connect(ctx, pair.ProxyURL(proxy))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(context.WithoutCancel(ctx))
			exec := func(sql string, format int16, values ...[]byte) *pgconn.Result {
				formats := make([]int16, len(values))
				for i := range formats {
					formats[i] = format
				}
				return conn.ExecParams(ctx, sql, values, nil, formats, []int16{format}).Read()
			}
			insert := fmt.Sprintf("INSERT INTO large (id, %s) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET %[1]s = EXCLUDED.%[1]s", c.column)
			query := fmt.Sprintf("SELECT %s FROM large WHERE id = 1", c.column)
			if r := exec(insert, c.format, []byte("small")); r.Err != nil {
				t.Fatal(r.Err)
			}
			if r := exec(query, c.format); r.Err != nil || string(r.Rows[0][0]) != "small" {
				t.Fatal(r.Err)
			}
			before := peak(t, proxy.PID())
			if r := exec(insert, c.format, value); r.Err != nil {
				t.Fatal(r.Err)
			}
			stored := peak(t, proxy.PID())
			r := exec(query, c.format)
			if r.Err != nil || !bytes.Equal(r.Rows[0][0], value) {
				t.Fatal("another value comes back", r.Err)
			}
			read := peak(t, proxy.PID())
			in, both := float64(stored-before)/float64(len(value)), float64(read-before)/float64(len(value))
			t.Logf("%d MiB: %.2f times its size more after storing, %.2f after reading", size, in, both)
			if os.Getenv("PGSEAL_TEST_RACE") == "" && both > c.bound {
				t.Errorf("a value of %d MiB took %.2f times its size, at most %.1f is meant", size, both, c.bound)
			}
		})
	}
}
