package rewrite

import (
	"testing"
)

const (
	benchSelect = `SELECT id, name, ssn, email FROM users WHERE ssn = $1 AND name = $2 ORDER BY id LIMIT 10`
	benchInsert = `INSERT INTO users (name, ssn, email, age) VALUES ('Ann Example', '123-45-6789', 'ann@example.org', 42) RETURNING id`
	benchPlain  = `SELECT o.id, o.total, p.a FROM sales o JOIN plain p ON p.id = o.id WHERE o.customer = 4711 AND o.state IN ('open', 'paid')`
)

func benchmarkPlan(b *testing.B, r Request, size int) {
	p, s := NewPlanner(size), &Scratch{}
	b.SetBytes(int64(len(r.Text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Plan(s, r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPlanHitByText(b *testing.B) {
	benchmarkPlan(b, Request{Snapshot: testSnapshot(), Text: []byte(benchSelect), Mode: Extended}, 100)
}

func BenchmarkPlanHitByShape(b *testing.B) {
	benchmarkPlan(b, Request{Snapshot: testSnapshot(), Text: []byte(benchInsert)}, 100)
}

func BenchmarkPlanMiss(b *testing.B) {
	r := Request{Snapshot: testSnapshot(), Text: []byte(benchInsert)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := build(r, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendSQL(b *testing.B) {
	p, s := NewPlanner(10), &Scratch{}
	bound, err := p.Plan(s, Request{Snapshot: testSnapshot(), Text: []byte(benchInsert)})
	if err != nil {
		b.Fatal(err)
	}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		if dst, err = bound.AppendSQL(dst[:0], func(dst []byte, l *Literal) ([]byte, error) { return AppendBytea(dst, l.Value), nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMayTouch(b *testing.B) {
	snap, text := testSnapshot(), []byte(benchPlain)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if MayTouch(snap, text) {
			b.Fatal("must not touch")
		}
	}
}

func TestHitsDoNotAllocate(t *testing.T) {
	p, s, snap := NewPlanner(10), &Scratch{}, testSnapshot()
	var dst []byte
	seal := func(dst []byte, l *Literal) ([]byte, error) { return AppendBytea(dst, l.Value), nil }
	for _, r := range []Request{
		{Snapshot: snap, Text: []byte(benchSelect), Mode: Extended},
		{Snapshot: snap, Text: []byte(benchInsert)},
		{Snapshot: snap, Text: []byte(`SELECT ssn FROM users WHERE ssn = E'a\nb' AND name = U&'\0041'`)},
	} {
		run := func() {
			b, err := p.Plan(s, r)
			if err != nil {
				t.Fatal(err)
			}
			if dst, err = b.AppendSQL(dst[:0], seal); err != nil {
				t.Fatal(err)
			}
		}
		run()
		if n := testing.AllocsPerRun(100, run); n > 0 {
			t.Errorf("%s: %v allocations", r.Text, n)
		}
	}
	text := []byte(benchPlain + ` WHERE "Ünï" = 'x'`)
	if n := testing.AllocsPerRun(100, func() { MayTouch(snap, text) }); n > 0 {
		t.Errorf("MayTouch: %v allocations", n)
	}
}
