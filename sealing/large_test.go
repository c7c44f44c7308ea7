//go:build !race

// The race detector multiplies the memory that is measured here.

package sealing

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// many is enough rows to see whether the work grows faster than they do.
const many = 30_000

func TestManyRowsTakeSeconds(t *testing.T) {
	w := newWorld(t, fmt.Sprintf(`CREATE TABLE t (id int PRIMARY KEY, v text NOT NULL UNIQUE, w text); CREATE INDEX ON t (w);
		INSERT INTO t SELECT i, 'value ' || i, 'w' FROM generate_series(1, %d) i`, many))
	lap := func(what string, f func()) {
		start := time.Now()
		f()
		t.Logf("%s %d rows: %v", what, many, time.Since(start).Round(time.Millisecond))
		if d := time.Since(start); d > 60*time.Second {
			t.Errorf("%s took %v", what, d)
		}
	}
	lap("sealing", func() {
		if n := w.seal("t.v", true).Rows; n != many {
			t.Errorf("%d values were sealed", n)
		}
	})
	w.rotate("t")
	lap("resealing", func() {
		if n := w.reseal("t"); n != many {
			t.Errorf("%d values were resealed", n)
		}
	})
	lap("verifying", func() {
		if opened, damages := w.verify("t"); opened != many || len(damages) > 0 {
			t.Errorf("%d open, %d do not", opened, len(damages))
		}
	})
	lap("unsealing", func() { w.unseal("t.v") })
	if n := one[int](w, `SELECT count(*) FROM t WHERE v = 'value ' || id`); n != many {
		t.Errorf("%d values came back", n)
	}
}

// Large values pass one by one, whatever their number.
func TestLargeValues(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (id int, v bytea); ALTER TABLE t ALTER v SET STORAGE EXTERNAL;
		INSERT INTO t SELECT i, repeat(chr(97 + i), 3000000)::bytea FROM generate_series(1, 24) i;
		INSERT INTO t SELECT i, ('small' || i)::bytea FROM generate_series(25, 2000) i`)
	sum := func() string { return one[string](w, `SELECT md5(string_agg(md5(v), '' ORDER BY id)) FROM t`) }
	before := sum()
	peak := peakHeap(func() { w.seal("t.v", false) })
	// A few batches and what the collector has not met yet, not all of it.
	if limit := uint64(48 << 20); peak > limit {
		t.Errorf("the heap grew to %d MB while 72 MB were sealed", peak>>20)
	}
	w.unseal("t.v")
	w.same("the values", before, sum())
	w.exec(`DELETE FROM t WHERE id < 1000; INSERT INTO t VALUES (0, decode(repeat('00ff', 25 * 1024 * 1024), 'hex'))`)
	before = sum()
	w.seal("t.v", true)
	w.rotate("t")
	if n := w.reseal("t"); n != 1002 {
		t.Errorf("%d values were resealed", n)
	}
	if opened, damages := w.verify("t"); opened != 1002 || len(damages) > 0 {
		t.Errorf("%d open, %v do not", opened, damages)
	}
	w.unseal("t.v")
	w.same("the values", before, sum())
}

// peakHeap is how much more memory f had in use at most, in bytes.
func peakHeap(f func()) (peak uint64) {
	// Little garbage, so that what is in use is what is needed.
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	runtime.GC()
	var base runtime.MemStats
	runtime.ReadMemStats(&base)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapInuse)
		select {
		case <-done:
			return peak - min(peak, base.HeapInuse)
		case <-tick.C:
		}
	}
}
