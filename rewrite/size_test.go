package rewrite

import (
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// reached walks what a value keeps in memory, and gives its size in bytes. What shared has
// seen is not counted; what belongs to a text's analysis is told.
type reached struct {
	seen   map[reachedAt]bool
	shared bool
	bytes  int
	held   map[string]bool
}

type reachedAt struct {
	at uintptr
	of reflect.Type
}

func (w *reached) visit(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		at := reachedAt{v.Pointer(), v.Type()}
		if w.seen[at] {
			return
		}
		w.seen[at] = true
		name := v.Type().Elem().String()
		if strings.HasPrefix(name, "pg_query.") || name == "rewrite.analysis" || name == "rewrite.scope" || name == "rewrite.formulaDraft" {
			if !w.shared {
				w.held[path+" "+name] = true
			}
			return
		}
		w.bytes += int(v.Type().Elem().Size())
		w.visit(v.Elem(), path+"/"+name)
	case reflect.Interface:
		if !v.IsNil() {
			w.visit(v.Elem(), path)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			w.visit(v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	case reflect.Slice:
		if v.IsNil() {
			return
		}
		at := reachedAt{v.Pointer(), v.Type()}
		if w.seen[at] {
			return
		}
		w.seen[at] = true
		w.bytes += v.Cap() * int(v.Type().Elem().Size())
		fallthrough
	case reflect.Array:
		switch v.Type().Elem().Kind() {
		case reflect.Uint8, reflect.Int32, reflect.Int, reflect.Uint32, reflect.Bool:
			return
		}
		for i := range v.Len() {
			w.visit(v.Index(i), path+"[]")
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			w.bytes += int(v.Type().Key().Size() + v.Type().Elem().Size())
			w.visit(it.Value(), path+"{}")
		}
	case reflect.String:
		w.bytes += v.Len()
	case reflect.Func:
		if !v.IsNil() && !w.shared {
			w.held[path+" func"] = true
		}
	}
}

// What clients send bounds itself: long texts that compute much fill the cache's bytes, and no
// more memory than those.
func TestTheCacheIsBoundedInBytes(t *testing.T) {
	p, s, snap := NewPlanner(10_000), &Scratch{}, testSnapshot()
	used := func() uint64 {
		var m runtime.MemStats
		for range 3 { // pools keep things for two
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := used()
	outputs := strings.Repeat(", (name || 'x') || name, age * 2", 100)
	for i := range 300 {
		served(t, p, s, Request{Snapshot: snap, Text: fmt.Appendf(nil, "SELECT id AS c%d%s FROM users WHERE age > 3 ORDER BY name", i, outputs), Mode: Extended})
	}
	if grown := used() - min(before, used()); grown > maxCacheBytes*3/2 {
		t.Errorf("the heap has grown by %d MiB for %d MiB of plans", grown>>20, p.bytes>>20)
	} else {
		t.Logf("%d MiB, %d estimated, %d plans", grown>>20, p.bytes>>20, p.plans.Len())
	}
	runtime.KeepAlive(p)
}

// The cache of plans is bounded by what they take, which is not known exactly: a plan keeps
// nothing of the analysis it is from, and its estimate is not far below what it keeps.
func TestPlansKeepWhatTheirSizeSays(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	shared := reached{seen: map[reachedAt]bool{}, shared: true}
	snap := testSnapshot()
	shared.visit(reflect.ValueOf(snap), "")
	shared.visit(reflect.ValueOf(relayed), "")
	held := map[string]string{}
	for _, file := range files {
		cases, _ := readGolden(t, file)
		for _, c := range cases {
			built, err := build(Request{Snapshot: snap, Path: []string{"pg_catalog", "public"}, Text: []byte(c.sql), Mode: c.mode(), Fresh: true, Cursors: &OpenCursors{}, mark: "m"}, nil)
			if err != nil || built.plan == relayed {
				continue
			}
			w := reached{seen: map[reachedAt]bool{}, held: map[string]bool{}}
			for at := range shared.seen {
				w.seen[at] = true
			}
			w.visit(reflect.ValueOf(built), "")
			for what := range w.held {
				held[what] = c.sql
			}
			if w.bytes > 4096 && built.size*5/2 < w.bytes {
				t.Errorf("%s: %d bytes estimated, %d found", c.sql, built.size, w.bytes)
			}
		}
	}
	for what, sql := range held {
		t.Errorf("%s is kept by the plan of %s", what, sql)
	}
}
