package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Times of the day are computed with: opening hours, shifts.
func TestTimesOfTheDay(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE shifts (id int PRIMARY KEY, day date, begins time, ends time, pause interval, plain time)",
		Seal: []string{"public.shifts.day", "public.shifts.begins", "public.shifts.ends", "public.shifts.pause"},
	})
	pair.SameIn(t, formulaModes,
		S("INSERT INTO shifts VALUES (1, '2024-02-29', '08:00', '16:30', '30 min', '09:00'), (2, '2024-12-31', '22:00', '06:00:00.5', '1 day 01:00', '00:00'), (3, NULL, '23:59:59.999999', '24:00', NULL, NULL), (4, 'infinity', NULL, '00:00', '-26:00', '12:00')"),
		S("SELECT id, ends - begins, ends - begins - pause, begins + pause, ends - pause, pause + begins, day + begins, begins + day, plain - begins, plain + pause FROM shifts ORDER BY id"),
		S("SELECT id FROM shifts WHERE ends - begins > $1::interval ORDER BY ends - begins, id", "1 minute"),
		S("SELECT id, (day + ends) - (day + begins), begins + interval '2 hours', ends - time '01:00', sum(ends - begins) OVER (ORDER BY id) FROM shifts WHERE id < 4 ORDER BY id"),
		S("UPDATE shifts SET ends = ends + interval '15 min' WHERE id = 1"), S("SELECT ends FROM shifts WHERE id = 1"))
}
