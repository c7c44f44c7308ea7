package session

import (
	"slices"
	"strings"
	"testing"

	"pgseal/rewrite"
)

func TestTextsAlikeDifferInNumbersOnly(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"SELECT 1", "SELECT 1", true},
		{"SELECT 1", "SELECT 23456", true},
		{"SELECT 12, 3", "SELECT 4, 567", true},
		{"SELECT 1.5", "SELECT 12.25", true},
		{"SELECT a1 FROM t1 WHERE x=1", "SELECT a1 FROM t1 WHERE x=99", true},
		{"SELECT a1", "SELECT a2", false},
		{"SELECT a1", "SELECT a11", false},
		{"SELECT a11", "SELECT a1", false},
		{"SELECT 1", "SELECT 1 ", false},
		{"SELECT 1", "SELECT ", false},
		{"SELECT ", "SELECT 1", false},
		{"SELECT 1", "SELECT x", false},
		{"SELECT 1", "SELECT 1x", false},
		{"SELECT 1e5", "SELECT 2e5", true},
		{"SELECT 1e5", "SELECT 1e6", false},
		{"SELECT 1_0", "SELECT 1_1", false},
	} {
		if got := alike([]byte(c.a), []byte(c.b)); got != c.want {
			t.Errorf("%q, %q: %v", c.a, c.b, got)
		}
	}
}

// A text like one that was relayed is relayed, whatever came between; one that
// touches something sealed is planned.
func TestTextsLikeARelayedOneAreRelayed(t *testing.T) {
	d := driver{world: newWorld(t)}
	d.openKeys()
	answer := "\nserver CommandComplete \"SELECT 0\"\nserver ReadyForQuery I"
	for _, sql := range []string{
		"SELECT note FROM things WHERE id = 1", "SELECT note FROM things WHERE id = 22",
		"SELECT 1 FROM things", "SELECT 2 FROM things", "SELECT note FROM things WHERE id = 3", "SELECT note FROM things WHERE id = 4",
	} {
		d.toServer = nil
		e := script(t, `client Query "`+sql+`"`+answer)
		d.feed(true, e.client)
		d.feed(false, e.server)
		if !strings.Contains(string(d.toServer), sql) {
			t.Fatalf("%s becomes %q", sql, d.toServer)
		}
	}
	d.toServer = nil
	d.feed(true, script(t, `client Query "SELECT id FROM users WHERE ssn = 5"`).client)
	d.feed(true, script(t, `client Query "SELECT note FROM things WHERE id = 5"`).client)
	if strings.Contains(string(d.toServer), "ssn = 5") {
		t.Errorf("a plaintext went to the server: %q", d.toServer)
	}
}

// FuzzAlike: what is said of a text holds for every one that is like it.
func FuzzAlike(f *testing.F) {
	f.Add("SELECT a FROM users1 WHERE b=1", "SELECT a FROM users1 WHERE b=2")
	f.Add("SELECT ssn FROM users WHERE id = 1 ORDER BY 1", "SELECT ssn FROM users WHERE id = 2 ORDER BY 2")
	f.Add("SELECT ssn, 1 FROM users WHERE id = 1", "SELECT ssn, 99999999999 FROM users WHERE id = 2")
	f.Add("SELECT 1users", "SELECT 2users")
	f.Add("SELECT 1.e1 FETCH 1", "SELECT 2.e1 FETCH 22")
	f.Add("-- 1\nSELECT 1", "-- 2\nSELECT 7")
	w := newWorld(f)
	snap, err := w.session.cfg.Catalog()
	if err != nil {
		f.Fatal(err)
	}
	planner := rewrite.NewPlanner(64)
	f.Fuzz(func(t *testing.T, a, b string) {
		var r relayedText
		r.relayed(snap, []byte(a), look([]byte(a)), nil)
		if r.snapshot == nil || !alike(r.text, []byte(b)) {
			return
		}
		var scratch rewrite.Scratch
		planned, err := planner.Plan(&scratch, rewrite.Request{Snapshot: snap, Text: []byte(a)})
		if err == nil && showsAlike(planned.Plan) {
			like, err := planner.Plan(&scratch, rewrite.Request{Snapshot: snap, Text: []byte(b)})
			if err != nil || !slices.Equal(like.Plan.Statements()[0].Results, planned.Plan.Statements()[0].Results) || !showsAlike(like.Plan) {
				t.Errorf("%q is planned otherwise than %q: %v", b, a, err)
			}
		}
		if rewrite.MayTouch(snap, []byte(a)) != rewrite.MayTouch(snap, []byte(b)) || look([]byte(a)) != look([]byte(b)) {
			t.Errorf("%q and %q", a, b)
		}
	})
}
