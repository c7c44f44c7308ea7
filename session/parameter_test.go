//go:build !race

package session

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgseal/rewrite"
)

// ORMs write a batch of rows as one INSERT with a parameter for each value, and look
// many up by one IN: up to 65535 of them, in a time that grows with their number.
func TestTheTimeForABatchGrowsWithItsParameters(t *testing.T) {
	texts := map[string]func(n int) string{
		"INSERT": func(n int) string {
			var rows []string
			for i := range n / 2 {
				rows = append(rows, fmt.Sprintf("($%d, $%d)", 2*i+1, 2*i+2))
			}
			return "INSERT INTO users (id, score) VALUES " + strings.Join(rows, ", ") + " ON CONFLICT (id) DO UPDATE SET score = excluded.score"
		},
		"IN": func(n int) string {
			var values []string
			for i := range n {
				values = append(values, fmt.Sprintf("$%d", i+1))
			}
			return "SELECT id FROM users WHERE score IN (" + strings.Join(values, ", ") + ")"
		},
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			took := func(n int) (best time.Duration) {
				for range 3 {
					request := rewrite.Request{Snapshot: testSnapshot(1), Text: []byte(text(n)), Mode: rewrite.Extended}
					start := time.Now()
					bound, err := rewrite.NewPlanner(1).Plan(&rewrite.Scratch{}, request)
					if err != nil {
						t.Fatal(err)
					}
					st := &statement{plan: &bound.Plan.Statements()[0]}
					st.inferTypes()
					if d := time.Since(start); best == 0 || d < best {
						best = d
					}
					if st.untyped || len(st.types) != n {
						t.Fatalf("%d types, want %d", len(st.types), n)
					}
				}
				return best
			}
			const few, many = 2000, 32000
			if a, b := took(few), took(many); b > 8*many/few*a { // 16 times that if it grew with the square
				t.Errorf("%d parameters take %v, %d take %v", few, a, many, b)
			}
		})
	}
}
