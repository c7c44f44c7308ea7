package integration

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// What a plain column is set to depends on sealed values.
func TestPlainColumnsSetByConditionsOnSealedValues(t *testing.T) {
	schema := tasksSchema()
	schema.DDL += "; ALTER TABLE tasks ADD flag boolean"
	pair := harness.New(t, schema)
	w := pair.Env.Canaries.Text()
	all := "SELECT id, plain, status, n, flag FROM tasks ORDER BY id"
	pair.SameIn(t, formulaModes, S(taskRows), S(ownerRows),
		S("UPDATE tasks SET plain = CASE WHEN n = 2 THEN 10 ELSE 20 END"), S(all),
		S("UPDATE tasks SET plain = CASE WHEN n <= 1 THEN 11 ELSE 21 END WHERE id = 1"), S(all),
		S("UPDATE tasks SET plain = CASE WHEN n > $1 THEN 12 ELSE 22 END WHERE id < $2", "1", "4"), S(all),
		S("UPDATE tasks SET plain = CASE WHEN status = '"+w+"' THEN 1 WHEN status IN ('new', $1) THEN 2 WHEN status IS NULL THEN 3 ELSE plain END RETURNING id, plain", "paid").Unordered(), S(all),
		S("UPDATE tasks SET plain = CASE WHEN active THEN 4 WHEN NOT active THEN 5 ELSE 6 END"), S(all),
		S("UPDATE tasks SET plain = CASE WHEN n = 1 OR plain = 5 THEN 7 ELSE plain + 1 END, n = n + 1"), S(all),
		S("UPDATE tasks SET plain = CASE WHEN status LIKE 'n%' THEN 8 ELSE 9 END WHERE status = 'new' OR n > 1"), S(all),
		S("UPDATE tasks SET plain = CASE WHEN n = 2 THEN 30 ELSE 31 END WHERE keyed = 'k' RETURNING id"), S(all),
		S("UPDATE tasks SET plain = CASE WHEN n = 2 THEN 32 END WHERE id = 77"), S(all),
		S("UPDATE tasks SET plain = CASE WHEN NOT n = 2 THEN 33 END"), S(all),
		S("UPDATE tasks SET plain = CASE WHEN owners.age > 30 THEN 34 ELSE 35 END FROM owners WHERE owners.task = tasks.id AND owners.id <> 2"), S(all),
		S("UPDATE tasks SET (plain, status) = (CASE WHEN n = 2 THEN 36 ELSE 37 END, 'x') WHERE id = 3"), S(all),
		S("BEGIN"), S("UPDATE tasks SET n = 5 WHERE id = 1"), S("UPDATE tasks SET plain = CASE WHEN n = 5 THEN 38 ELSE 39 END"), S(all), S("ROLLBACK"), S(all),
		S("UPDATE tasks SET plain = CASE WHEN 10 / n > 4 THEN 1 ELSE 2 END WHERE id IN (1, 2)"), S(all),
		S("UPDATE tasks SET plain = CASE WHEN 10 / n > 4 THEN 1 ELSE 2 END WHERE n > 0"), S(all),
		S("UPDATE tasks SET plain = CASE n WHEN 1 THEN 10 WHEN $1 THEN 11 WHEN NULL THEN 12 ELSE plain END WHERE id < 5", "2"), S(all),
		S("UPDATE tasks SET plain = CASE(status)WHEN 'new' THEN CASE n WHEN 1.0 THEN 13 ELSE 14 END WHEN ('"+w+"') THEN 15 END"), S(all),
		S("UPDATE tasks SET plain = CASE n + 1 WHEN 2 THEN 16 WHEN 10 / (n - 20) THEN 17 ELSE 18 END"), S(all),
		S("UPDATE tasks SET plain = CASE 10 / (n - 1) WHEN 10 THEN 1 ELSE 2 END WHERE id = 4").Fails("22012"), S(all),
		S("UPDATE tasks SET plain = CASE lower(status) WHEN 'paid' THEN 19 ELSE plain END, n = CASE n WHEN 2 THEN 3 ELSE n END"), S(all),
		S("UPDATE tasks SET plain = CASE owners.age WHEN 30 THEN 34 ELSE 35 END FROM owners WHERE owners.task = tasks.id AND owners.id <> 2"), S(all),
		S("DELETE FROM owners WHERE id = CASE age WHEN 50 THEN 4 ELSE 0 END"), S("SELECT id FROM owners ORDER BY id"),
		S("UPDATE tasks SET plain = CASE n WHEN (SELECT 1) THEN 1 END").Refused("public.tasks.n"),
		S("UPDATE tasks SET plain = CASE n WHEN 'x' THEN 1 END").Fails("22P02"), S(all),
		S("UPDATE tasks SET flag = n > 1, plain = plain + CASE WHEN status = 'new' THEN 1 ELSE 0 END"), S(all),
		S("UPDATE tasks SET flag = (n = 1 OR NOT status = $1) WHERE id > $2", "new", "1"), S(all),
		S("UPDATE tasks SET plain = (SELECT CASE WHEN tasks.n = 1 THEN 1 END)").Refused("public.tasks.n"),
		S("UPDATE tasks SET plain = CASE WHEN n = 'x' THEN 1 ELSE 2 END").Fails("22P02"), S(all),
	)
}

// Whether ON CONFLICT changes the row that there is depends on its sealed values.
func TestConflictsDecidedBySealedValues(t *testing.T) {
	pair := harness.New(t, tasksSchema())
	w := pair.Env.Canaries.Text()
	all := "SELECT id, plain, status, n, keyed FROM tasks ORDER BY id"
	insert := "INSERT INTO tasks (id, status, n) VALUES "
	on := " ON CONFLICT (id) DO UPDATE SET status = EXCLUDED.status WHERE "
	pair.SameIn(t, formulaModes, S("DROP INDEX IF EXISTS tasks_keyed"), S(taskRows), S("UPDATE tasks SET keyed = NULL WHERE id = 4"), S("CREATE UNIQUE INDEX IF NOT EXISTS tasks_keyed ON tasks (keyed)"),
		S(insert+"(1, '"+w+"', 7)"+on+"tasks.status IS DISTINCT FROM EXCLUDED.status"), S(all),
		S(insert+"(1, '"+w+"', 7)"+on+"tasks.status IS DISTINCT FROM EXCLUDED.status"), S(all),
		S(insert+"(5, NULL, 7)"+on+"tasks.status IS DISTINCT FROM EXCLUDED.status"), S(all),
		S(insert+"($1, $2, $3)"+on+"tasks.status IS DISTINCT FROM EXCLUDED.status", "5", "some", "7"), S(all),
		S(insert+"($1, $2, $3)"+on+"tasks.status <> EXCLUDED.status", "2", "paid", "7"), S(all),
		S(insert+"($1, $2, $3)"+on+"tasks.status <> EXCLUDED.status RETURNING id, status", "2", w, "7"), S(all),
		S(insert+"(3, 'old', 7)"+on+"tasks.status = 'new'"), S(all),
		S(insert+"(3, 'older', 7)"+on+"tasks.status = 'new'"), S(all),
		S(insert+"(3, 'older', 7)"+on+"tasks.n > 1"), S(all),
		S(insert+"(3, $1, 7)"+on+"tasks.n > $2", "oldest", "2"), S(all),
		S(insert+"(3, $1, 7)"+on+"tasks.n < EXCLUDED.n", "oldest"), S(all),
		S(insert+"(10, 'fresh', 7)"+on+"tasks.n > 1"), S(all),
		S(insert+"(10, 'fresher', 7)"+on+"tasks.n > 1 AND tasks.plain IS NULL AND NOT tasks.status = 'x'"), S(all),
		S(insert+"(10, 'freshest', 7)"+on+"tasks.n > 1 AND EXCLUDED.id = 11"), S(all),
		S("INSERT INTO tasks AS t (id, n) VALUES (10, 8) ON CONFLICT (id) DO UPDATE SET n = t.n + EXCLUDED.n WHERE t.n < 20"), S(all),
		S("INSERT INTO tasks AS t (id, n) VALUES (10, 8) ON CONFLICT (id) DO UPDATE SET n = 100 / (t.n - 15) WHERE t.n > 20"), S(all),
		S("INSERT INTO tasks AS t (id, n) VALUES (10, 8) ON CONFLICT (id) DO UPDATE SET n = 100 / (t.n - 15) WHERE t.n > 10").Fails("22012"), S(all),
		S("INSERT INTO tasks AS t (id, n) VALUES (10, 8) ON CONFLICT (id) DO UPDATE SET plain = 5 WHERE 10 / (t.n - 15) > 1").Fails("22012"), S(all),
		S(insert+"(1, 'a', 1), (2, 'b', 2), (11, 'c', 3)"+on+"tasks.n = 1"), S(all),
		S(insert+"(1, 'aa', 1), (2, 'bb', 2), (6, 'cc', 3)"+on+"tasks.n <> 1 AND EXCLUDED.id > 1 AND tasks.id < 6"), S(all),
		S(insert+"(1, 'p', 1), (2, 'q', 2)"+on+"tasks.n > EXCLUDED.plain").Refused("public.tasks.n"), S(insert+"(1, 'p', 1)"+on+"tasks.n > EXCLUDED.plain").Refused("public.tasks.n"), S(all),
		S("INSERT INTO tasks (id, status) SELECT id, status FROM tasks WHERE id < 3"+on+"tasks.status <> EXCLUDED.status").Refused("public.tasks.status"), S(all),
		S(insert+"(1, 'p', 1), (2, 'q', 2), (11, 'r', 3)"+on+"tasks.status <> EXCLUDED.status").Refused("public.tasks.status"), S(all),
		S("INSERT INTO tasks (id, status, keyed) VALUES (77, 'k!', 'k') ON CONFLICT (keyed) DO UPDATE SET plain = 3 WHERE tasks.n = 1"), S(all),
		S(insert+"(1, 'p', 1)"+on+"n = 1").Refused("public.tasks.n"),
		S("BEGIN"), S(insert+"(20, 'p', 1)"), S(insert+"(20, 'q', 2)"+on+"tasks.status = 'p'"), S(all), S("ROLLBACK"), S(all),
	)
}

// A row that other sessions change meanwhile is changed once.
func TestConflictsDecidedBesideOtherSessions(t *testing.T) {
	pair := harness.New(t, tasksSchema())
	const rows, workers = 20, 4
	conn := pair.Connect(t, pair.URL())
	var wait sync.WaitGroup
	var inserted, taken atomic.Int32
	for range workers {
		own := pair.Connect(t, pair.URL())
		wait.Go(func() {
			for i := 0; i < 2*rows; {
				tag, err := own.Exec(t.Context(), "INSERT INTO tasks (id, status, n, plain) VALUES ($1, 'new', 0, 0) ON CONFLICT (id) DO UPDATE SET status = 'taken', n = tasks.n + 1, plain = tasks.plain + 1 WHERE tasks.status = EXCLUDED.status", i/2)
				if e := (*pgconn.PgError)(nil); errors.As(err, &e) && e.Code == "40001" {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				inserted.Add(int32(tag.RowsAffected()))
				i++
			}
		})
		other := pair.Connect(t, pair.URL())
		wait.Go(func() {
			for range rows {
				_, err := other.Exec(t.Context(), "UPDATE tasks SET plain = plain + CASE WHEN status = 'taken' AND n < 2 THEN 10 ELSE 0 END, n = n + 1 WHERE id = $1", taken.Add(1)%rows)
				if e := (*pgconn.PgError)(nil); err != nil && (!errors.As(err, &e) || e.Code != "40001") {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	var total, most int
	if err := conn.QueryRow(t.Context(), "SELECT count(*), max(plain % 10) FROM tasks WHERE status = 'taken'").Scan(&total, &most); err != nil {
		t.Fatal(err)
	}
	if inserted.Load() != 2*rows || total != rows || most != 1 {
		t.Errorf("%d rows were inserted or taken, %d are taken, by %d at most", inserted.Load(), total, most)
	}
}
