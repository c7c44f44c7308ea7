package integration

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

var formulaSchema = harness.Schema{
	DDL: `CREATE TABLE accounts (id int PRIMARY KEY, n int, small smallint, big bigint, price numeric(10,2), free numeric, r real, d double precision,
		name text, label varchar(10), pad char(6), day date, at timestamp, atz timestamptz, gap interval, ok boolean, plain int, updated timestamptz, other text);
		CREATE TABLE lines (order_id uuid, "No" text, quantity int, PRIMARY KEY ("No", order_id))`,
	Seal: []string{"public.accounts.n --equality", "public.accounts.small", "public.accounts.big", "public.accounts.price", "public.accounts.free", "public.accounts.r", "public.accounts.d",
		"public.accounts.name --equality", "public.accounts.label", "public.accounts.pad", "public.accounts.day", "public.accounts.at", "public.accounts.atz", "public.accounts.gap", "public.accounts.ok", "public.accounts.other",
		"public.lines.quantity"},
}

var formulaModes = []harness.Mode{harness.Simple, harness.Unnamed, harness.Typed, harness.PreparedText, harness.PreparedBinary}

const accountRows = `INSERT INTO accounts (id, n, small, big, price, free, r, d, name, label, pad, day, at, atz, gap, ok, plain) VALUES
	(1, 40, 7, 9000000000, 19.99, 0.10, 1.5, 0.1, 'ann', 'x', 'pad', '2024-01-31', '2024-01-31 12:00', '2024-03-30 12:00+01', '1 day', true, 1),
	(2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`

// A sealed column can be set to what is computed of the row's own values, where the row
// is found by its primary key, as applications count, charge and append.
func TestFormulas(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	const all = "SELECT * FROM accounts ORDER BY id"
	pair.SameIn(t, formulaModes,
		S("SET timezone = 'Europe/Berlin'"),
		S(accountRows),
		S("UPDATE accounts SET label = $1::text || COALESCE('b ', other) WHERE id = 77", "too long by far"), // known before there is a row
		S("UPDATE accounts SET small = COALESCE(99999, n) WHERE id = 77"), S("UPDATE accounts SET price = COALESCE(1e20, n) WHERE id = 77"),
		S("UPDATE accounts SET n = n + 1 WHERE id = 1"),
		S("UPDATE accounts SET n = n - $1 WHERE id = $2 RETURNING n, id", "3", "1"),
		S("UPDATE \"accounts\" SET \"n\" = (\"accounts\".\"n\" + 5), \"plain\" = 7 WHERE \"accounts\".\"id\" = 1"),
		S("UPDATE accounts a SET n = 2 * (a.n - 1) - -3, small = a.small * 2::smallint WHERE a.id = $1 AND plain = $2", "1", "7"),
		S("SELECT id FROM accounts WHERE n = $1", "87"),
		S("UPDATE accounts SET n = COALESCE(n, 0) + 1 WHERE id = 2 RETURNING n"),
		S("UPDATE accounts SET n = COALESCE(\"accounts\".\"n\", $1) + $2, updated = NULL WHERE \"accounts\".\"id\" = $3 RETURNING n", "0", "1", "2"),
		S("UPDATE accounts SET n = n + 1, big = big + n, price = price * 1.1, free = free + price, r = r / 3, d = d * 3 WHERE id = 1"),
		S("UPDATE accounts SET price = price - $1, free = free / 7, big = big / 2, small = small + 1 WHERE id = 1 RETURNING price, free, big, small", "0.995"),
		S("UPDATE accounts SET name = name || ' b', label = label || $1, other = 'to: ' || name WHERE id = 1 RETURNING name, label, other", "yz"),
		S("UPDATE accounts SET other = name, name = other WHERE id = 1 RETURNING name, other"),
		S("UPDATE accounts SET pad = pad || 'q', name = pad || label WHERE id = 1 RETURNING name, pad"),
		S("UPDATE accounts SET day = day + 1, at = at + interval '1 month', atz = atz + '1 day'::interval, gap = gap + gap WHERE id = 1 RETURNING day, at, atz, gap"),
		S("UPDATE accounts SET day = day - 40, at = at - $1::interval, atz = day + gap WHERE id = 1 RETURNING day, at, atz", "1 hour"),
		S("UPDATE accounts SET n = GREATEST(n - 1000, $1), small = LEAST(small, 3, NULL), day = GREATEST(day, '2024-05-05') WHERE id = 1 RETURNING n, small, day", "12"),
		S("UPDATE accounts SET ok = NOT ok, n = -n WHERE id = 1 RETURNING ok, n"),
		S("UPDATE accounts SET small = n::smallint, big = CAST(price AS bigint) + 1, other = n::text || '!', plain = 3 WHERE id = 1 RETURNING small, big, other"),
		S(all),
		// A row without values, and no row.
		S("UPDATE accounts SET n = NULL WHERE id = 2"),
		S("UPDATE accounts SET n = n + 1, name = name || 'x', ok = NOT ok, big = COALESCE(big, n) WHERE id = 2 RETURNING n, name, ok, big"),
		S("UPDATE accounts SET n = n + 1 WHERE id = 3 RETURNING n"),
		S("UPDATE accounts SET n = n + $1 WHERE id = $2", "1", nil),
		S("UPDATE accounts SET n = n + $1 WHERE id = 1 RETURNING n", nil),
		// What the key does not decide.
		S("UPDATE accounts SET n = 1 WHERE id = 1"),
		S("UPDATE accounts SET n = n + 1 WHERE id = 1 AND plain = 99"),
		S("UPDATE accounts SET n = n + 1 WHERE id = 1 AND n = $1 RETURNING n", "1"),
		S("UPDATE accounts SET small = n * 40000 WHERE id = 1 AND plain = $1", "99"),
		S("UPDATE accounts SET small = n * 40000 WHERE id = 1 AND (plain = 99 AND n = $1)", "2"),
		S("UPDATE accounts SET small = n * 40000 WHERE id = 1 AND n IN (5, 6) AND name = ANY ($1) AND plain IS NOT NULL", "{a,b}"),
		S("UPDATE accounts SET small = n * 40000 WHERE id = 1 AND n > 7 AND day < $1", "1999-01-01"),
		S("UPDATE accounts SET small = n * 40000 WHERE id = 1 AND id = 1 AND n < 7").Fails("22003"),
		S("UPDATE accounts SET n = n + 1 WHERE id = 1 AND n < $1 AND plain IN (3, $2) RETURNING n, small", "7", "7"),
		S("UPDATE accounts SET n = 1 WHERE id = 1"),
		S("UPDATE accounts SET n = n + 1 FROM (VALUES (3)) v (x) WHERE accounts.id = 1 AND plain = x RETURNING n"),
		// In a block the row is as the statements before have left it.
		S("BEGIN"),
		S("UPDATE accounts SET n = n + 1, updated = now() WHERE id = 1 RETURNING updated = now()"),
		S("UPDATE accounts SET n = n + 1, at = now() WHERE id = 1"),
		S("SAVEPOINT a"), S("UPDATE accounts SET n = n * 10 WHERE id = 1"), S("ROLLBACK TO a"),
		S("UPDATE accounts SET n = n + 1 WHERE id = 1 RETURNING n"),
		S("UPDATE accounts SET updated = NULL, at = NULL WHERE id = 1"),
		S("COMMIT"),
		S("INSERT INTO lines VALUES ('0f8fad5b-d9cb-469f-a165-70867728950e', 'ä''1', 5)"),
		S("UPDATE lines SET quantity = quantity - 1 WHERE order_id = $1 AND \"No\" = $2 RETURNING quantity", "0f8fad5b-d9cb-469f-a165-70867728950e", "ä'1"),
		S("UPDATE lines SET quantity = quantity - 1 WHERE \"No\" = 'ä''1' AND order_id = '0f8fad5b-d9cb-469f-a165-70867728950e'::uuid RETURNING quantity"),
		// Errors are PostgreSQL's, and nothing is stored.
		S("UPDATE accounts SET n = 2147483647, small = 32767, big = 9223372036854775807, price = 99999999.99, d = 1e308, label = '123456789', pad = 'p' WHERE id = 1"),
		S("UPDATE accounts SET n = n + 1 WHERE id = 1").Fails("22003"),
		S("UPDATE accounts SET small = small + 1 WHERE id = 1").Fails("22003"),
		S("UPDATE accounts SET big = big + $1 WHERE id = 1", "1").Fails("22003"),
		S("UPDATE accounts SET price = price + 0.01 WHERE id = 1").Fails("22003"),
		S("UPDATE accounts SET d = d * 10 WHERE id = 1").Fails("22003"),
		S("UPDATE accounts SET n = n / 0 WHERE id = 1").Fails("22012"),
		S("UPDATE accounts SET label = label || '12' WHERE id = 1").Fails("22001"),
		S("UPDATE accounts SET n = ok WHERE id = 1").Fails("42804"),
		S("UPDATE accounts SET n = n + $1 WHERE id = 1", "many").Fails("22P02"),
		S("UPDATE accounts SET n = n + 1 WHERE id = 'one'").Fails("22P02"),
		S("UPDATE accounts SET n = n + 1 WHERE id = $1", "one").Fails("22P02"),
		S(all))
	pair.SameIn(t, []harness.Mode{harness.Simple},
		S(accountRows),
		S("UPDATE accounts SET n = n + 1 WHERE id = 1; UPDATE accounts SET n = n + 1 WHERE id = 1; SELECT n FROM accounts WHERE id = 1"),
		S("BEGIN; UPDATE accounts SET n = n + 1 WHERE id = 1; UPDATE accounts SET n = n * 2, name = name || 'x' WHERE id = 1; COMMIT"),
		S("UPDATE accounts SET n = n + 1 WHERE id = 1; SELECT 1/0").Fails("22012"),
		S(all))
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary},
		S(accountRows),
		S("UPDATE accounts SET n = n + 1 WHERE abs(plain) = 1").Refused("public.accounts.n"),
		S("UPDATE accounts SET n = n + 1 WHERE id IN (SELECT 1)"),
		S("UPDATE accounts SET n = n + 1 FROM (VALUES (1)) v (x) WHERE plain = x").Refused("public.accounts.n"),
		S("UPDATE accounts SET n = cbrt(n) WHERE id = 1").Refused("public.accounts.n"),
		S("UPDATE accounts SET plain = n + 1 WHERE id = 1").Refused("public.accounts.n"),
		S("WITH x AS (UPDATE accounts SET n = n + 1 WHERE id = 1 RETURNING id) SELECT * FROM x").Refused("public.accounts.n"),
		S(all))
	// A Query has no parameters; the session goes on.
	conn := raw(t, pair.URL())
	if err := conn.Exec(t.Context(), "UPDATE accounts SET n = n + 1 WHERE id = $1").Close(); err == nil {
		t.Error("a parameter in a Query was taken")
	}
	if err := conn.Exec(t.Context(), "UPDATE accounts SET n = n + 1 WHERE id = 1").Close(); err != nil {
		t.Error(err)
	}
	pair.SameIn(t, []harness.Mode{harness.SQLPrepare},
		S("UPDATE accounts SET n = n + $1 WHERE id = 1", "1").Refused("public.accounts.n"))
}

// Plain columns of the row are computed with as well, and alone.
func TestFormulasOfPlainColumns(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE DOMAIN amount AS int; CREATE TABLE bills (id int PRIMARY KEY, total numeric(10,2), n int, label text, at timestamptz, day date, ok boolean, u uuid,
			price numeric(8,3), qty int, first varchar(20), last char(6), born date, seen timestamp, wait interval, paid boolean, ratio float8, own amount, list int[], key uuid)`,
		Seal: []string{"public.bills.total --equality", "public.bills.n", "public.bills.label", "public.bills.at", "public.bills.day", "public.bills.ok", "public.bills.u"},
	})
	pair.SameIn(t, formulaModes,
		S("SET timezone = 'Europe/Berlin'"),
		S("INSERT INTO bills VALUES (1, 10.00, 5, 'x', '2024-05-01 12:00Z', '2024-05-01', true, NULL, 1.999, 3, 'Ann', 'é', '2000-02-29', '2024-03-31 02:30', '1 mon', false, 0.1, 4, '{1}', '0f8fad5b-d9cb-469f-a165-70867728950e'); INSERT INTO bills (id) VALUES (2)").Simple(),
		S("UPDATE bills SET total = price * qty WHERE id = 1 RETURNING total"),
		S("UPDATE bills SET total = total + price * $1, n = qty WHERE id = $2 RETURNING total, n", "2", "1"),
		S("UPDATE bills b SET label = b.first || ' ' || b.last || '!', u = key, ok = NOT paid, day = born + qty, at = seen + wait WHERE b.id = 1 RETURNING label, u, ok, day, at"),
		S("UPDATE bills SET n = COALESCE(n, 0) + qty, qty = qty + 1, total = GREATEST(total, price), label = COALESCE(first, label) WHERE id = 1 RETURNING n, qty, total, label"),
		S("UPDATE bills SET n = n - qty, total = COALESCE(price, 1.005), label = first || 'x', at = seen, ok = paid WHERE id = 2 RETURNING n, total, label, at, ok"),
		S("UPDATE bills SET n = qty::int + 1, total = ratio::numeric WHERE id = 1 RETURNING n, total"),
		S("UPDATE bills SET n = qty WHERE id = 7"),
		S("UPDATE bills SET n = id WHERE id = 2 RETURNING n"),
		S("INSERT INTO bills (id, n) VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET n = bills.qty + EXCLUDED.n RETURNING n"),
		S("UPDATE bills SET qty = 2147483647 WHERE id = 1"),
		S("UPDATE bills SET n = qty + 1 WHERE id = 1").Fails("22003"),
		S("UPDATE bills SET total = 99999999 + price * 1000 WHERE id = 1").Fails("22003"),
		S("UPDATE bills SET n = first WHERE id = 1").Fails("42804"),
		S("BEGIN"), S("UPDATE bills SET qty = 7 WHERE id = 1"), S("UPDATE bills SET n = qty, qty = 8 WHERE id = 1 RETURNING n"), S("COMMIT"),
		S("SELECT * FROM bills ORDER BY id"))
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary},
		S("INSERT INTO bills (id) VALUES (1)"),
		S("UPDATE bills SET n = own WHERE id = 1").Refused("public.bills.n"),
		S("UPDATE bills SET label = upper(first) WHERE id = 1").Refused("public.bills.label"))
}

// A column can have got another type on a direct connection.
func TestFormulasKnowNewTypesOfPlainColumns(t *testing.T) {
	for _, where := range []string{" WHERE id = 1", ""} {
		pair := harness.New(t, harness.Schema{DDL: "CREATE TABLE bills (id int PRIMARY KEY, n bigint, qty int)", Seal: []string{"public.bills.n"}})
		ctx := t.Context()
		conn, direct := pair.Connect(t, pair.URL()), pair.Connect(t, pair.ServerURL())
		update := "UPDATE bills SET n = qty + 1" + where
		for _, sql := range []string{"INSERT INTO bills VALUES (1, 1, 5)", update} {
			if _, err := conn.Exec(ctx, sql); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := direct.Exec(ctx, "ALTER TABLE bills ALTER qty TYPE bigint; UPDATE bills SET qty = 3000000000"); err != nil {
			t.Fatal(err)
		}
		// Until the catalog is read again the error names the types.
		for deadline := time.Now().Add(20 * time.Second); ; {
			_, err := conn.Exec(ctx, update)
			if err == nil {
				break
			}
			if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "42883" || time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
		var n int64
		if err := conn.QueryRow(ctx, "SELECT n FROM bills").Scan(&n); err != nil || n != 3000000001 {
			t.Errorf("%d, %v", n, err)
		}
	}
}

// Of several rows each has its own value, whatever finds them, as long as that is plain.
func TestFormulasOfManyRows(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE goods (id int PRIMARY KEY, kind text, price numeric(10,2), stock int, name text, ok boolean, until timestamptz, qty smallint, factor float8, label varchar(8), since timestamp);
			CREATE TABLE logs (n int, k int, note text); CREATE TABLE kept (LIKE goods) PARTITION BY LIST (id); CREATE TABLE kept_1 PARTITION OF kept FOR VALUES IN (1, 2); CREATE TABLE kept_2 PARTITION OF kept DEFAULT`,
		Seal: []string{"public.goods.price --equality", "public.goods.stock", "public.goods.name", "public.goods.ok", "public.goods.until", "public.logs.n", "public.logs.note", "public.kept.price"},
	})
	pair.SameIn(t, formulaModes,
		S("SET timezone = 'Europe/Berlin'"),
		S("INSERT INTO goods VALUES (1, 'a', 10.00, 5, 'x', true, '2024-03-30 12:00', 2, 0.1, 'l', '2024-01-01'), (2, 'a', 0.99, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (3, 'b', NULL, 7, 'z''y', false, 'infinity', 3, 1.5, 'm', 'infinity'), (4, 'a', 10.00, 5, 'x', true, '2024-03-30 12:00', 2, 0.1, 'l', NULL)"),
		S("UPDATE goods SET price = price * 1.1"),
		S("UPDATE goods SET price = price * $1, stock = COALESCE(stock, 0) + $2 WHERE kind = $3", "1.055", "3", "a"),
		S("UPDATE goods g SET price = g.price - 1 WHERE g.kind IN ('a', 'b') AND g.qty IS NOT NULL AND (g.factor > 0.05 OR NOT g.id = ANY ('{1}'))"),
		S("UPDATE public.goods SET stock = stock - 1 WHERE id BETWEEN $1 AND $2", "1", "3"),
		S("UPDATE goods SET stock = stock * qty, qty = qty + 1 WHERE since > '2023-01-01'::timestamp"),
		S("UPDATE goods SET name = name || '-' || label, ok = NOT ok, until = until + interval '1 day' WHERE kind LIKE 'a%'"),
		S("UPDATE goods SET name = label WHERE id > 1"),
		S("UPDATE goods SET stock = qty"),
		S("UPDATE goods SET price = stock, until = since WHERE id IN ($1, $2, NULL)", "1", "4"),
		S("UPDATE goods SET price = price + 1 WHERE id = -1 OR kind = 'none' RETURNING *"),
		S("UPDATE goods SET price = price + 1, until = now() + interval '1 hour' WHERE id = 3 OR id = 33 RETURNING price, until IS NULL"),
		S("UPDATE goods SET until = NULL WHERE id < 4"),
		S("BEGIN"), S("UPDATE goods SET price = price + 1 WHERE kind = 'a'"), S("UPDATE goods SET price = price * 2 WHERE kind = 'a'"), S("SAVEPOINT s"), S("UPDATE goods SET price = price * 2"), S("ROLLBACK TO s"), S("COMMIT"),
		S("SELECT id FROM goods WHERE price = $1 ORDER BY id", "25.18"),
		S("UPDATE goods SET price = 99999999 WHERE id = 3"),
		S("UPDATE goods SET price = price + 1").Fails("22003"),
		S("UPDATE goods SET stock = stock / 0 WHERE kind = 'b'").Fails("22012"),
		S("UPDATE goods SET stock = stock + $1 WHERE kind = 'b'", "x").Fails("22P02"),
		S("UPDATE goods SET stock = stock + 1 WHERE qty = $1", "x").Fails("22P02"),
		S("UPDATE goods SET stock = stock + 1 WHERE qty = 'x'").Fails("22P02"),
		S("SELECT * FROM goods ORDER BY id"),
		// Without a primary key, with equal rows, and of partitions.
		S("INSERT INTO logs VALUES (1, 1, 'a'), (1, 1, 'a'), (NULL, 2, NULL), (NULL, 2, NULL)"),
		S("UPDATE logs SET n = COALESCE(n, 10) + k, note = COALESCE(note, '') || '!'"),
		S("UPDATE logs SET n = k, note = 'k' WHERE k = 2"),
		S("SELECT n, k, note FROM logs ORDER BY k"),
		S("INSERT INTO kept (id, price) VALUES (1, 1), (2, 2), (3, 3)"),
		S("UPDATE kept SET price = price / 3, id = id + 1 WHERE kind IS NULL"),
		S("UPDATE ONLY kept SET price = price + 1"),
		S("SELECT id, price FROM kept ORDER BY id"))
	pair.SameIn(t, []harness.Mode{harness.Simple},
		S("INSERT INTO logs VALUES (1, 1, 'a'), (2, 2, 'b')"),
		S("UPDATE logs SET n = n + 1 WHERE k > 0; UPDATE logs SET n = n * 2 WHERE k > 0; SELECT n FROM logs ORDER BY k"),
		S("BEGIN; UPDATE logs SET n = n + k; UPDATE logs SET n = n + k; COMMIT"),
		S("SELECT n FROM logs ORDER BY k"))
}

// Rows are found by sealed columns, too, as accounts are by an address.
func TestFormulasOfRowsFoundBySealedColumns(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE members (id int PRIMARY KEY, email varchar(40) UNIQUE, city text, points int, active boolean, born date, note text, plain int)`,
		Seal: []string{"public.members.email --equality --normalize lower", "public.members.city --equality", "public.members.points --equality", "public.members.active --equality",
			"public.members.born --equality", "public.members.note"},
	})
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes,
		S("INSERT INTO members VALUES (1, 'Ann@"+w+"', 'Bern', 5, true, '2000-01-01', '', 1), (2, 'bob@x', 'Bern', 7, false, NULL, 'n', 2), (3, NULL, NULL, NULL, NULL, NULL, NULL, 3)"),
		S("UPDATE members SET points = points + $1 WHERE email = $2 RETURNING id, points", "3", "Ann@"+w),
		S("UPDATE members SET points = points + 3 WHERE email = 'Ann@"+w+"' AND plain = 1 RETURNING id, points"),
		S("UPDATE members SET points = points * 2 WHERE city = $1 AND active AND born IN ('2000-01-01', $2)", "Bern", "1999-01-01"),
		S("UPDATE members m SET points = COALESCE(m.points, 0) + m.plain WHERE m.email IS NULL OR m.city <> $1 RETURNING id, points", "Genf"),
		S("UPDATE members SET points = points - 1 WHERE lower(email) = lower($1) RETURNING points", "ANN@"+w),
		S("UPDATE members SET points = points - 1, note = note || '!' WHERE email IN ($1, $2, 'bob@x') AND NOT (active IS TRUE) RETURNING points, note", "a", "Bob@x"),
		S("UPDATE members SET points = points + 1 WHERE points = 5 OR points = ANY ($1)", "{6,7,8}"),
		S("UPDATE members SET points = points + 1 WHERE note = '' AND city IS NOT DISTINCT FROM $1 RETURNING points", "Bern"),
		S("UPDATE members SET points = points + 1 WHERE city = $1", nil),
		S("UPDATE members SET points = points + 1 WHERE (city, plain) = ('Bern', $1) RETURNING points", "2"),
		S("UPDATE members SET points = points + 1 WHERE born = $1", "someday").Fails("22007"),
		S("UPDATE members SET points = points + 1 WHERE born = 'someday'").Fails("22007"),
		S("UPDATE members SET points = points + 1 WHERE points = $1", "x").Fails("22P02"),
		S("SELECT * FROM members ORDER BY id"))
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary},
		S("INSERT INTO members (id, email, points) VALUES (1, 'a', 1)"),
		S("UPDATE members SET points = points + 1 WHERE email = current_user").Refused("public.members.points"),
		S("UPDATE members SET points = points + 1 WHERE EXISTS (SELECT FROM members o WHERE o.city = members.city)"))
	pair.SameIn(t, formulaModes,
		S("UPDATE members SET points = points + $1 WHERE points = $1 RETURNING id, points", "1"))
}

// More rows than can be held are refused, and stay as they are.
func TestFormulasOfTooManyRows(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: "CREATE TABLE counts (id int PRIMARY KEY, n int)", Seal: []string{"public.counts.n"}})
	ctx := t.Context()
	conn := pair.Connect(t, pair.URL())
	if _, err := conn.Exec(ctx, "INSERT INTO counts SELECT i, 5 FROM generate_series(1, 10001) i"); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeCacheStatement} {
		_, err := conn.Exec(ctx, "UPDATE counts SET n = n + 1", mode)
		if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "54000" || e.Hint == "" {
			t.Errorf("%v", err)
		}
		if _, err := conn.Exec(ctx, "UPDATE counts SET n = n + 1 WHERE id > 1", mode); err != nil {
			t.Error(err)
		}
	}
	seen := map[int]int{}
	rows, err := conn.Query(ctx, "SELECT n FROM counts")
	for err == nil && rows.Next() {
		var n int
		err = rows.Scan(&n)
		seen[n]++
	}
	if err != nil || seen[5] != 1 || seen[7] != 10000 {
		t.Errorf("%v, %v", seen, err)
	}
}

// An INSERT that finds its row there can count in it.
func TestFormulasOfConflictingRows(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	const all = "SELECT * FROM accounts ORDER BY id"
	pair.SameIn(t, formulaModes,
		S("INSERT INTO accounts (id, n) VALUES ($1, 1) ON CONFLICT (id) DO UPDATE SET n = accounts.n + 1 RETURNING n", "1"),
		S("INSERT INTO accounts (id, n) VALUES ($1, 1) ON CONFLICT (id) DO UPDATE SET n = accounts.n + 1 RETURNING n", "1"),
		S("INSERT INTO accounts AS a (n, id, price) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET n = a.n + EXCLUDED.n, price = COALESCE(a.price, 1) + excluded.price RETURNING n, price", "5", "1", "1.009"),
		S("INSERT INTO accounts AS a (n, id, price) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n - a.n * $4, price = a.price * EXCLUDED.price WHERE a.id < 2 RETURNING n, price", "50", "1", "2.005", "2"),
		S("INSERT INTO accounts (id, label, name, pad) VALUES (1, 'abc   ', 'x', 'p'), (2, NULL, 'y', NULL) ON CONFLICT (id) DO NOTHING"),
		S("INSERT INTO accounts (id, label, name, pad) VALUES ($1, $2, $3, 'p') ON CONFLICT (id) DO UPDATE SET label = accounts.label || EXCLUDED.label, name = COALESCE(accounts.name, '') || EXCLUDED.pad || $4 RETURNING label, name", "2", "abc", "x", "!"),
		S("INSERT INTO accounts (id, label) VALUES (2, 'abc') ON CONFLICT (id) DO UPDATE SET label = COALESCE(accounts.label, EXCLUDED.label) || '1234567' RETURNING label"),
		S("INSERT INTO accounts (id, label) VALUES (2, 'abc') ON CONFLICT (id) DO UPDATE SET label = accounts.label || EXCLUDED.label").Fails("22001"),
		S("INSERT INTO accounts (id, n) VALUES (2, NULL) ON CONFLICT (id) DO UPDATE SET n = accounts.n + EXCLUDED.n RETURNING n"),
		S("INSERT INTO lines VALUES ('0f8fad5b-d9cb-469f-a165-70867728950e', $1, $2) ON CONFLICT (order_id, \"No\") DO UPDATE SET quantity = lines.quantity + EXCLUDED.quantity RETURNING quantity", "1", "4"),
		S("INSERT INTO lines VALUES ('0f8fad5b-d9cb-469f-a165-70867728950e', $1, $2) ON CONFLICT (order_id, \"No\") DO UPDATE SET quantity = lines.quantity + EXCLUDED.quantity RETURNING quantity", "1", "4"),
		S("UPDATE accounts SET n = n + 1 WHERE id IN ($1) RETURNING n", "1"),
		S(all))
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary},
		S("INSERT INTO accounts (id, n) VALUES (1, 1), (2, 2) ON CONFLICT (id) DO UPDATE SET n = accounts.n + 1").Refused("public.accounts.n"),
		S("INSERT INTO accounts (id, n) SELECT 1, 2 ON CONFLICT (id) DO UPDATE SET n = accounts.n + 1").Refused("public.accounts.n"),
		S("INSERT INTO accounts (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = accounts.n + EXCLUDED.n").Refused("public.accounts.n"),
		S("INSERT INTO accounts (id, n) VALUES (1, 2) ON CONFLICT ON CONSTRAINT accounts_pkey DO UPDATE SET n = accounts.n + 1").Refused("public.accounts.n"))
}

// What an INSERT finds by other unique columns than the primary key it can count in, too.
func TestFormulasOfConflictsOfUniqueColumns(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE visits (id int GENERATED BY DEFAULT AS IDENTITY, email varchar(40) UNIQUE, site text, code int, n int, last timestamptz, UNIQUE (site, code));
			CREATE UNIQUE INDEX ON visits (n) WHERE id < 0`,
		Seal: []string{"public.visits.email --equality", "public.visits.code --equality", "public.visits.n --equality"},
	})
	w := pair.Env.Canaries.Text()
	const byEmail = "INSERT INTO visits (id, email, n) VALUES (1, $1, $2) ON CONFLICT (email) DO UPDATE SET n = visits.n + EXCLUDED.n RETURNING n"
	const bySite = "INSERT INTO visits AS v (id, site, code, n) VALUES (3, $1, $2, 1) ON CONFLICT (code, site) DO UPDATE SET n = COALESCE(v.n, 0) + 1 WHERE v.id > 2 RETURNING n"
	pair.SameIn(t, formulaModes,
		S(byEmail, "a"+w, "1"), S(byEmail, "a"+w, "2"), S(byEmail, nil, "4"), S(byEmail, nil, "5"),
		S("INSERT INTO visits (id, email, n) VALUES (2, 'a"+w+"', 7) ON CONFLICT (email) DO UPDATE SET n = visits.n * 2, email = 'b' || 'c'"),
		S(bySite, "s", "-5"), S(bySite, "s", "-5"), S(bySite, "t", "-5"),
		S("INSERT INTO visits (id, site, code, n) VALUES (5, 's', -5, 3) ON CONFLICT (site, code) DO UPDATE SET n = visits.n + visits.id RETURNING n"),
		S("SELECT * FROM visits ORDER BY id, n IS NULL"),
		S(byEmail, "an address that is longer than its column allows", "1").Fails("22001"),
		S(bySite, "s", "five").Fails("22P02"))
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary},
		S("INSERT INTO visits (id, n) VALUES (1, 1) ON CONFLICT (n) WHERE id < 0 DO UPDATE SET n = visits.n + 1").Refused("public.visits.n"),
		S("INSERT INTO visits (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = visits.n + 1").Fails("42P10"),
		S("INSERT INTO visits (nothing, n) VALUES (1, 1) ON CONFLICT (nothing) DO UPDATE SET n = visits.n + 1").Fails("42703"))
}

// Types of one's own, arrays and documents are computed with as far as they can be: a
// domain as what it is over, the others as they are.
func TestFormulasOfOtherTypes(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE DOMAIN stock AS int CHECK (VALUE >= 0); CREATE TYPE mood AS ENUM ('sad', 'glad');
			CREATE TABLE things (id int PRIMARY KEY, n stock, now mood, before mood, tags text[], old text[], doc jsonb, was jsonb, u uuid, v uuid, words text);
			CREATE TABLE parts (id int, kind int, n int, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
			CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1); CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2)`,
		Seal: []string{"public.things.n", "public.things.now", "public.things.before", "public.things.tags", "public.things.old", "public.things.doc", "public.things.was",
			"public.things.u", "public.things.v", "public.things.words", "public.parts.n"},
	})
	pair.SameIn(t, formulaModes,
		S("INSERT INTO things VALUES (1, 5, 'sad', NULL, '{a,b}', NULL, '{\"a\": 1}', NULL, '0f8fad5b-d9cb-469f-a165-70867728950e', NULL, 'x')"),
		S("UPDATE things SET n = n - $1, before = now, old = tags, was = doc, v = u, now = 'glad', tags = '{}' WHERE id = 1 RETURNING n, before, old, was, v, now", "5"),
		S("UPDATE things SET n = n - 1 WHERE id = 1").Fails("23514"),
		S("UPDATE things SET before = COALESCE(NULL, now, before), tags = COALESCE(tags, old), old = NULL WHERE id = 1 RETURNING before, tags"),
		S("UPDATE things SET old = COALESCE(old, tags), was = COALESCE(was, doc) WHERE id = 1 RETURNING old, was"),
		S("UPDATE things SET before = COALESCE(before, now), words = COALESCE(words, u::text) || n WHERE id = 1 RETURNING before, words"),
		S("UPDATE things SET words = u::text || '/' || now::text WHERE id = 1 RETURNING words").Refused("public.things.words"),
		S("INSERT INTO parts VALUES (1, 1, 10), (1, 2, 20)"),
		S("UPDATE parts SET n = n + 1 WHERE id = $1 AND kind = 2 RETURNING n", "1"),
		S("UPDATE parts SET n = n * 2 WHERE kind = 1 AND id = 1 RETURNING n"),
		S("UPDATE parts SET n = n + 1, kind = 2 WHERE kind = 1 AND id = 2"),
		S("CREATE TEMP TABLE own (LIKE things INCLUDING ALL)"),
		S("INSERT INTO own SELECT * FROM things"),
		S("UPDATE own SET n = n + 3 WHERE id = 1 RETURNING n"),
		S("DROP TABLE own"),
		S("SELECT * FROM things"), S("SELECT * FROM parts ORDER BY kind"))
}

// What is stored of a float as a text depends on a setting that the server does not
// report.
func TestFormulasPrintFloatsByTheSettings(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE sizes (id int PRIMARY KEY, t text, d float8, p float8, b bytea)",
		Seal: []string{"public.sizes.t --equality", "public.sizes.d"},
	})
	for _, update := range []string{"UPDATE sizes SET t = d WHERE id = 1", "UPDATE sizes SET t = b"} { // the first that asks
		pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary},
			S(`INSERT INTO sizes VALUES (1, 'x', 0.30000000000000004, 0.1, '\xff41')`),
			S("SET extra_float_digits = 0"), S("SET bytea_output = 'escape'"),
			S(update), S("SELECT t FROM sizes"),
			S("UPDATE sizes SET t = COALESCE(p, d) * 3"), S("SELECT t FROM sizes"))
	}
}

// Texts are joined in whatever encoding they come.
func TestFormulasInAnotherEncoding(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	for _, url := range []string{pair.TwinURL(), pair.URL()} {
		conn := raw(t, url)
		for _, sql := range []string{accountRows, "SET client_encoding = LATIN1", "UPDATE accounts SET name = name || '\xe9' WHERE id = 1"} {
			if err := conn.Exec(t.Context(), sql).Close(); err != nil {
				t.Fatal(err)
			}
		}
		r := conn.ExecParams(t.Context(), "UPDATE accounts SET name = '\xe8' || name || $1 WHERE id = 1 RETURNING name", [][]byte{[]byte("\xe0")}, nil, nil, nil).Read()
		if r.Err != nil || len(r.Rows) != 1 || string(r.Rows[0][0]) != "\xe8ann\xe9\xe0" {
			t.Errorf("%q %v", r.Rows, r.Err)
		}
	}
}
