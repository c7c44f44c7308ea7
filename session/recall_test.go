//go:build !race

// Its driver counts allocations, which the race detector disturbs.

package session

import (
	"strings"
	"testing"
)

// A description that has been shown is shown again for the same bytes only: what
// is described otherwise is compared with the plan, and other formats are shown
// as they are.
func TestDescriptionsAreRecalledForTheSameBytesOnly(t *testing.T) {
	const (
		right   = "ssn:20000:2:17:-1:-1:1 score:20000:4:17:-1:-1:1 born:20000:3:17:-1:-1:1"
		swapped = "ssn:20000:4:17:-1:-1:1 score:20000:2:17:-1:-1:1 born:20000:3:17:-1:-1:1"
		plain   = "ssn:20000:7:25:-1:-1:1 score:20000:4:17:-1:-1:1 born:20000:3:17:-1:-1:1"
	)
	for name, other := range map[string]string{"swapped": swapped, "another column": plain} {
		d := driver{world: newWorld(t)}
		d.openKeys()
		d.round(t, script(t, preparePoint))
		show := func(round string) string {
			d.toClient = nil
			e := script(t, round)
			d.feed(true, e.client)
			d.feed(false, e.server)
			if d.err != nil {
				t.Fatalf("%s: %v", name, d.err)
			}
			return string(d.toClient)
		}
		first := show(sealedPoint)
		if !strings.Contains(first, "123-45-6789") || show(sealedPoint) != first {
			t.Errorf("%s: the same description is shown otherwise", name)
		}
		binary := strings.Replace(sealedPoint, `sel - 0 "7"`, `sel - 1 "7"`, 1)
		if asBinary := show(binary); asBinary == first || asBinary != show(binary) {
			t.Errorf("%s: formats are not heeded", name)
		}
		if show(sealedPoint) != first {
			t.Errorf("%s: formats of before are shown", name)
		}
		wrong := show(strings.Replace(sealedPoint, right, other, 1))
		if !strings.Contains(outline([]byte(wrong)), " E") || strings.Contains(wrong, "123-45-6789") {
			t.Errorf("%s: rows of a description that contradicts the plan: %q", name, wrong)
		}
	}
	d := driver{world: newWorld(t)}
	d.openKeys()
	for range 2 {
		d.round(t, script(t, sealedSimple))
	}
	for old, other := range map[string]string{"ssn:20000:2:17": "ssn:20000:5:17", "score:20000:4:17": "score:20001:2:17"} {
		e := script(t, strings.Replace(sealedSimple, old, other, 1))
		d.toClient = nil
		d.feed(true, e.client)
		d.feed(false, e.server)
		if got := outline(d.toClient); d.err != nil || !strings.Contains(got, " E") || strings.Contains(got, " D") {
			t.Errorf("%s: %v %s", other, d.err, got)
		}
		d.round(t, script(t, "client Query ROLLBACK\nserver CommandComplete ROLLBACK\nserver ReadyForQuery I"))
	}
}
