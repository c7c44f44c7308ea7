package integration

import (
	"bytes"
	"context"
	"fmt"
	"io"
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

// A value must be whole to be sealed or opened: it stands in the frame that it
// comes in and in the frame that it goes out in. More copies it must not have,
// where its form is that of a parameter and a row. Values that pass are streamed.
func TestLargeValuesCostFewCopies(t *testing.T) {
	const mib = 1 << 20
	size := 12
	if n, err := strconv.Atoi(os.Getenv(sizeVariable)); err == nil {
		size = n
	}
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE large (id int PRIMARY KEY, b bytea, t text, p bytea)",
		Seal: []string{"public.large.b", "public.large.t --equality"},
	})
	value := bytes.Repeat([]byte("0123456789abcdef"), size*mib/16)
	ctx := t.Context()
	for _, c := range []struct {
		name, column string
		format       int16
		copies       bool
		bound        float64 // times the value's size
	}{
		{"bytea in binary", "b", 1, false, 2},
		{"text", "t", 0, false, 2},
		{"plain bytea streams", "p", 1, false, 0},
		{"COPY of text", "t", 0, true, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			proxy, err := pair.Env.StartProxy(ctx, pair.Env.Sealed)
			if err != nil {
				t.Fatal(err)
			}
			defer proxy.Stop()
			conn, err := pgconn.Connect(ctx, pair.ProxyURL(proxy))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(context.WithoutCancel(ctx))
			exec := func(sql string, values ...[]byte) *pgconn.Result {
				formats := make([]int16, len(values))
				for i := range formats {
					formats[i] = c.format
				}
				return conn.ExecParams(ctx, sql, values, nil, formats, []int16{c.format}).Read()
			}
			store := func(value []byte) error {
				if !c.copies {
					insert := fmt.Sprintf("INSERT INTO large (id, %s) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET %[1]s = EXCLUDED.%[1]s", c.column)
					return exec(insert, value).Err
				}
				if err := exec("TRUNCATE large").Err; err != nil {
					return err
				}
				_, err := conn.CopyFrom(ctx, io.MultiReader(strings.NewReader("1\t"), bytes.NewReader(value), strings.NewReader("\n")), "COPY large (id, t) FROM STDIN")
				return err
			}
			read := func() ([]byte, error) {
				if !c.copies {
					r := exec(fmt.Sprintf("SELECT %s FROM large WHERE id = 1", c.column))
					if r.Err != nil {
						return nil, r.Err
					}
					return r.Rows[0][0], nil
				}
				var out bytes.Buffer
				_, err := conn.CopyTo(ctx, &out, "COPY large (t) TO STDOUT")
				return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
			}
			if err := store([]byte("small")); err != nil {
				t.Fatal(err)
			}
			if got, err := read(); err != nil || string(got) != "small" {
				t.Fatal(err)
			}
			before := peak(t, proxy.PID())
			if err := store(value); err != nil {
				t.Fatal(err)
			}
			stored := peak(t, proxy.PID())
			if got, err := read(); err != nil || !bytes.Equal(got, value) {
				t.Fatal("another value comes back", err)
			}
			in, both := float64(stored-before)/float64(len(value)), float64(peak(t, proxy.PID())-before)/float64(len(value))
			t.Logf("%d MiB: %.2f times its size more after storing, %.2f after reading", size, in, both)
			const beside = 8 * mib
			if limit := c.bound + beside/float64(len(value)); os.Getenv("PGSEAL_TEST_RACE") == "" && both > limit {
				t.Errorf("a value of %d MiB took %.2f times its size, at most %.1f is meant", size, both, limit)
			}
		})
	}
}

// A frame takes the memory of what has come of it, whatever length it announces.
func TestAnnouncedFramesCostNothing(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE announced (id int PRIMARY KEY, b bytea)",
		Seal: []string{"public.announced.b"},
	})
	ctx := t.Context()
	proxy, err := pair.Env.StartProxy(ctx, pair.Env.Sealed)
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Stop()
	connect := func() *pgconn.PgConn {
		t.Helper()
		conn, err := pgconn.Connect(ctx, pair.ProxyURL(proxy))
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	other := connect()
	defer other.Close(context.WithoutCancel(ctx))
	// Of each kind there is one that must be whole: the longest that may be.
	const size = "\x3f\xff\xff\xff"
	frames := []string{
		"Q" + size + "INSERT INTO announced VALUES (1, '",
		"P" + size + "\x00INSERT INTO announced VALUES (1, '",
		"B" + size + "\x00s\x00\x00\x01\x00\x01\x00\x02\x00\x00\x00\x04\x00\x00\x00\x01\x3f\xff\xff\x00",
	}
	var waiting []*pgconn.HijackedConn
	defer func() {
		for _, h := range waiting {
			h.Conn.Close()
		}
	}()
	for range 30 {
		conn := connect()
		if _, err := conn.Prepare(ctx, "s", "INSERT INTO announced VALUES ($1, $2)", nil); err != nil {
			t.Fatal(err)
		}
		h, err := conn.Hijack()
		if err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, h)
	}
	before := peak(t, proxy.PID())
	for i, h := range waiting {
		// More than what is read at once has to come before there is a larger buffer.
		if _, err := io.WriteString(h.Conn, frames[i%len(frames)]+strings.Repeat("x", 100<<10)); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 { // on the same loops
		if r := other.ExecParams(ctx, "SELECT b FROM announced", nil, nil, nil, nil).Read(); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	each := (peak(t, proxy.PID()) - before) / len(waiting)
	t.Logf("%d KiB for each frame of 1 GiB of which 100 KiB have come", each>>10)
	if os.Getenv("PGSEAL_TEST_RACE") == "" && each > 1<<20 {
		t.Errorf("%d KiB for each frame of 1 GiB of which 100 KiB have come", each>>10)
	}
}
