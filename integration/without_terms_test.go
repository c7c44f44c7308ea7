package integration

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

func tasksSchema() harness.Schema {
	return harness.Schema{
		DDL: `CREATE TYPE phase AS ENUM ('new', 'open', 'done');
			CREATE TABLE tasks (id int PRIMARY KEY, status text, code varchar(5), pad char(4), n int, big bigint, price numeric, cost numeric(10,2), f real, d double precision,
				active boolean, day date, at timestamp, atz timestamptz, span interval, uid uuid, raw bytea, doc jsonb, step phase, keyed text, plain int);
			CREATE TABLE owners (id int PRIMARY KEY, task int, role text, age int)`,
		Seal: []string{"public.tasks.status", "public.tasks.code", "public.tasks.pad", "public.tasks.n", "public.tasks.big", "public.tasks.price", "public.tasks.cost", "public.tasks.f",
			"public.tasks.d", "public.tasks.active", "public.tasks.day", "public.tasks.at", "public.tasks.atz", "public.tasks.span", "public.tasks.uid", "public.tasks.raw", "public.tasks.doc",
			"public.tasks.step", "public.tasks.keyed --equality", "public.owners.role", "public.owners.age"},
	}
}

const taskRows = `INSERT INTO tasks VALUES
	(1, 'new', 'a', 'x', 1, 1, 1.0, 10, 1.5, 1.5, true, '2024-01-01', '2024-01-01 10:00', '2024-01-01 10:00+00', '1 day', '53cd2483-3676-41a7-8737-e293c9d26fa3', '\x01', '{"a": 1}', 'new', 'k', 1),
	(2, 'paid', 'b', 'y', 2, 9007199254740993, 1.00, 20.5, 'NaN', 'NaN', false, '2024-01-02', '2024-01-01 10:00', '2024-01-01 11:00+01', '24 hours', '53cd2483-3676-41a7-8737-e293c9d26fa4', '\x', '{"a": 2}', 'open', 'l', 2),
	(3, 'new', 'a ', 'x', 2, 2, 'NaN', NULL, 0, '-0', true, 'infinity', NULL, NULL, '1 mon', NULL, NULL, '[]', 'done', NULL, 3),
	(4, '', '', '', 0, 0, 0, 0, '-0', 0, NULL, NULL, '-infinity', '2024-01-01 10:00+00', '30 days', '53cd2483-3676-41a7-8737-e293c9d26fa3', '\x01', '{"a": 1.0}', 'new', 'k', 1),
	(5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(6, 'Paid', 'B', 'Y', -1, -1, -1.50, 10, 16777217, 0.1, false, '2024-01-01', '2024-01-02', '2024-01-02', '1 day', NULL, '\xff', 'null', 'open', 'K', 2)`

const ownerRows = `INSERT INTO owners VALUES (1, 1, 'lead', 30), (2, 1, 'member', 40), (3, 2, 'lead', 30), (4, 4, NULL, 50), (5, 6, 'member', NULL)`

// What is equal is found in columns that keep no term of it, as in those of few values,
// whose terms would tell who has the same.
func TestEqualityWithoutATerm(t *testing.T) {
	pair := harness.New(t, tasksSchema())
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes, S(taskRows), S(ownerRows),
		S("SELECT id FROM tasks WHERE status = 'new' ORDER BY id"),
		S("SELECT id FROM tasks WHERE status = $1 ORDER BY id", "paid"),
		S("SELECT id FROM tasks WHERE status = $1 ORDER BY id", ""),
		S("SELECT id FROM tasks WHERE status = '' OR code = 'a' ORDER BY id"),
		S("SELECT id FROM tasks WHERE status <> $1 ORDER BY id", "new"),
		S("SELECT id FROM tasks WHERE $1 = status AND plain = 1", "new"),
		S("SELECT id FROM tasks WHERE status IN ('new', 'paid', '"+w+"') ORDER BY id"),
		S("SELECT id FROM tasks WHERE status IN ($1, $2) ORDER BY id", "new", w+"x"),
		S("SELECT id FROM tasks WHERE status NOT IN ($1, 'paid') ORDER BY id", w),
		S("SELECT id FROM tasks WHERE n IN ($1, $2) ORDER BY id", "1", "2"),
		S("SELECT id FROM tasks WHERE n IN ($1) ORDER BY id", "1"),
		S("SELECT id FROM tasks WHERE n = ANY (ARRAY[1, 2]) ORDER BY id"),
		S("SELECT id FROM tasks WHERE status IS DISTINCT FROM 'new' ORDER BY id"),
		S("SELECT id FROM tasks WHERE status IS NOT DISTINCT FROM NULL ORDER BY id"),
		S("SELECT id FROM tasks WHERE lower(status) = 'paid' ORDER BY id"),
		S("SELECT id FROM tasks WHERE upper(status) = upper($1) ORDER BY id", "paid"),
		S("SELECT id FROM tasks WHERE active ORDER BY id"),
		S("SELECT id FROM tasks WHERE NOT active ORDER BY id"),
		S("SELECT id FROM tasks WHERE active = $1 AND plain > 1 ORDER BY id", "true"),
		S("SELECT id FROM tasks WHERE active OR plain = 2 ORDER BY id"),
		S("SELECT id FROM tasks WHERE code = 'a' ORDER BY id"), S("SELECT id FROM tasks WHERE code = 'a ' ORDER BY id"),
		S("SELECT id FROM tasks WHERE pad = 'x  ' ORDER BY id"), S("SELECT id FROM tasks WHERE pad IN ('x', 'y ') ORDER BY id"),
		S("SELECT id FROM tasks WHERE price = 1 ORDER BY id"), S("SELECT id FROM tasks WHERE price = 'NaN' OR price = -1.5 ORDER BY id"),
		S("SELECT id FROM tasks WHERE cost = $1 ORDER BY id", "10.00"),
		S("SELECT id FROM tasks WHERE big = 9007199254740993"), S("SELECT id FROM tasks WHERE big = 9007199254740992.0"),
		S("SELECT id FROM tasks WHERE f = 0 OR d = 'nan' ORDER BY id"), S("SELECT id FROM tasks WHERE d IN (0, 1) ORDER BY id"),
		S("SELECT id FROM tasks WHERE f IN (16777217, 1)").Refused("public.tasks.f"), // as real numbers in PostgreSQL, and double precision by =
		S("SELECT id FROM tasks WHERE day = '2024-01-01' ORDER BY id"), S("SELECT id FROM tasks WHERE day = $1 OR at = 'infinity' ORDER BY id", "infinity"),
		S("SELECT id FROM tasks WHERE at = '2024-01-01 10:00' ORDER BY id"),
		S("SET TimeZone = 'Europe/Berlin'"), S("SELECT id FROM tasks WHERE atz = '2024-01-01 11:00' ORDER BY id"), S("RESET TimeZone"),
		S("SELECT id FROM tasks WHERE span = '24 hours' ORDER BY id"), S("SELECT id FROM tasks WHERE span = '1 mon' ORDER BY id"),
		S("SELECT id FROM tasks WHERE uid = $1 ORDER BY id", "53cd2483-3676-41a7-8737-e293c9d26fa3"),
		S(`SELECT id FROM tasks WHERE raw = '\x01' ORDER BY id`), S("SELECT id FROM tasks WHERE step = 'new' ORDER BY id"),
		S("SELECT id FROM tasks WHERE status = 'new' AND keyed = 'k'"),
		S("SELECT id FROM tasks WHERE status = NULL"), S("SET transform_null_equals = on"),
		S("SELECT id FROM tasks WHERE status = NULL OR plain = 3 ORDER BY id"), S("SELECT id FROM tasks WHERE NULL = keyed ORDER BY id"),
		S("SELECT id FROM tasks WHERE n = NULL").Refused("public.tasks.n"), S("RESET transform_null_equals"),
		S("SELECT id FROM tasks WHERE n = 'x'").Fails("22P02"),
		S("SELECT count(*) FROM tasks WHERE status = 'new'"),
		S("SELECT count(*), sum(cost), max(n) FROM tasks WHERE status IN ('new', 'paid')"),
		S("SELECT plain, count(*) FILTER (WHERE status = 'new'), count(*) FROM tasks GROUP BY plain ORDER BY plain"),
		S("SELECT id, status = 'new', CASE status WHEN 'new' THEN 1 WHEN 'paid' THEN 2 END, CASE WHEN active THEN 'on' ELSE 'off' END FROM tasks ORDER BY id"),
		S("SELECT t.id, o.id FROM tasks t JOIN owners o ON o.task = t.id AND o.role = 'lead' ORDER BY 1, 2"),
		S("SELECT t.id, o.id FROM tasks t LEFT JOIN owners o ON o.task = t.id AND o.role = $1 ORDER BY 1, 2", "member"),
		S("SELECT id FROM tasks WHERE id IN (SELECT task FROM owners WHERE role = 'member' OR age = 30) ORDER BY id"),
		S("SELECT id FROM tasks t WHERE EXISTS (SELECT FROM owners o WHERE o.task = t.id AND o.age = $1) ORDER BY id", "30"),
		S("SELECT id, (SELECT count(*) FROM owners o WHERE o.task = t.id AND o.role = 'lead') FROM tasks t ORDER BY id"),
		S("SELECT a.id, b.id FROM tasks a, tasks b WHERE a.status = b.status ORDER BY 1, 2"),
		S("SELECT status FROM tasks WHERE status = 'new' FOR UPDATE"),
		S("BEGIN"), S("DECLARE c CURSOR FOR SELECT id FROM tasks WHERE status = 'new' ORDER BY n DESC"), S("FETCH ALL FROM c"), S("COMMIT"),
		S("UPDATE tasks SET plain = 7 WHERE status = $1", "new"),
		S("UPDATE tasks SET status = 'done', n = n + 1 WHERE status = 'paid' RETURNING id, n"),
		S("UPDATE tasks SET status = 'closed' WHERE NOT active AND lower(status) = 'paid'"),
		S("INSERT INTO owners SELECT id + 100, id, 'copied', 1 FROM tasks WHERE status = 'done'"),
		S("DELETE FROM owners WHERE role = 'copied' AND age IN (1, 2)"),
		S("DELETE FROM tasks WHERE status = 'done'"),
		S("SELECT * FROM tasks ORDER BY id"), S("SELECT * FROM owners ORDER BY id"),
	)
}

// So are rows put into groups.
func TestGroupsWithoutATerm(t *testing.T) {
	pair := harness.New(t, tasksSchema())
	pair.SameIn(t, formulaModes, S(taskRows), S(ownerRows),
		S("SELECT status, count(*) FROM tasks GROUP BY status ORDER BY status"),
		S("SELECT price, count(*), max(id) FROM tasks GROUP BY price HAVING count(*) > 1"),
		S("SELECT active, status, sum(cost) FROM tasks GROUP BY active, status ORDER BY active, status"),
		S("SELECT plain, status, count(*) FROM tasks WHERE status <> 'x' GROUP BY plain, status ORDER BY count(*) DESC, plain, status"),
		S("SELECT id, status, count(*) FROM tasks GROUP BY id, status ORDER BY id"),
		S("SELECT span, count(*) FROM tasks GROUP BY span").Unordered(),
		S("SELECT d, count(*) FROM tasks GROUP BY d").Unordered(),
		S("SELECT DISTINCT status FROM tasks ORDER BY status"),
		S("SELECT DISTINCT plain, active FROM tasks").Unordered(),
		S("SELECT DISTINCT id, status FROM tasks ORDER BY id"),
		S("SELECT count(*) FROM (SELECT DISTINCT status FROM tasks) q"),
		S("SELECT role, count(*) FROM owners WHERE age = 30 GROUP BY role ORDER BY role"),
		S("SELECT count(DISTINCT status), count(DISTINCT price), count(DISTINCT d), count(DISTINCT pad), count(DISTINCT span), count(DISTINCT keyed), count(status) FROM tasks"),
		S("SELECT plain, count(DISTINCT status), count(DISTINCT active) FILTER (WHERE n > 0) FROM tasks GROUP BY plain HAVING count(DISTINCT status) > 0 ORDER BY plain"),
		S("SELECT status, count(DISTINCT cost) FROM tasks GROUP BY status ORDER BY status"),
		S("SELECT doc, count(*) FROM tasks GROUP BY doc").Unordered(),
	)
}

// Workers that take rows by such a condition take each row once.
func TestRowsTakenByEqualityWithoutATermBesideOtherSessions(t *testing.T) {
	pair := harness.New(t, tasksSchema())
	const rows, workers = 30, 4
	conn := pair.Connect(t, pair.URL())
	for i := range rows {
		if _, err := conn.Exec(t.Context(), "INSERT INTO tasks (id, status, n) VALUES ($1, 'new', 0)", i); err != nil {
			t.Fatal(err)
		}
	}
	var wait sync.WaitGroup
	var taken atomic.Int32
	for range workers {
		own := pair.Connect(t, pair.URL())
		wait.Go(func() {
			for i := 0; i < rows; {
				tag, err := own.Exec(t.Context(), "UPDATE tasks SET status = 'taken', n = n + 1 WHERE id = $1 AND status = 'new'", i)
				if e := (*pgconn.PgError)(nil); errors.As(err, &e) && e.Code == "40001" {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				taken.Add(int32(tag.RowsAffected()))
				i++
			}
		})
	}
	wait.Wait()
	var total, most int
	if err := conn.QueryRow(t.Context(), "SELECT count(*), max(n) FROM tasks WHERE status = 'taken'").Scan(&total, &most); err != nil {
		t.Fatal(err)
	}
	if taken.Load() != rows || total != rows || most != 1 {
		t.Errorf("%d rows were taken, %d are, by %d at most", taken.Load(), total, most)
	}
}
