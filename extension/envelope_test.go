package extension

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/envelope"
	"pgseal/integration/pgtest"
)

// newEnvelope seals with the program's own code, so that SQL and Go agree.
func newEnvelope(t *testing.T, columnID, keyID uint32, terms envelope.TermFlags, value string) []byte {
	t.Helper()
	key, err := envelope.NewKey(keyID, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	defer key.Erase()
	var term []byte
	for _, kind := range []envelope.TermFlags{envelope.TermEquality, envelope.TermLower, envelope.TermUpper} {
		if terms&kind != 0 {
			if term, err = key.Term(term, kind, columnID, []byte(value)); err != nil {
				t.Fatal(err)
			}
		}
	}
	env, err := key.Seal(nil, columnID, terms, term, []byte(value))
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// sealByHand makes what `pgseal seal` makes for a new table users (id, ssn):
// column 1, data key 1, index key 2.
func sealByHand(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for _, sql := range []string{
		`CREATE TABLE public.users (id int PRIMARY KEY, ssn bytea)`,
		`INSERT INTO pgseal.sealed_table (relation, name_at_creation) VALUES ('public.users', 'public.users')`,
		`INSERT INTO pgseal.data_key (table_id, purpose, version, state, kms_key_arn, key_spec, ciphertext_blob, encryption_context, activated_at)
		 VALUES (1, 'seal', 1, 'active', 'arn:aws:kms:eu-central-1:000000000000:key/a', 'AES_256', '\x01', '{"pgseal:table":"public.users"}', now()),
		        (1, 'index', 1, 'active', 'arn:aws:kms:eu-central-1:000000000000:key/a', 'AES_256', '\x02', '{}', now())`,
		`CREATE DOMAIN pgseal_column.public_users_ssn AS bytea CHECK (pgseal.is_envelope(VALUE, 1, 1))`,
		`INSERT INTO pgseal.sealed_column (table_id, domain, schema_name, table_name, column_name, logical_type, typmod, terms, index_key_id)
		 VALUES (1, 'pgseal_column.public_users_ssn', 'public', 'users', 'ssn', 'varchar', 15, 1, 2)`,
		`ALTER TABLE public.users ALTER ssn TYPE pgseal_column.public_users_ssn`,
		`CREATE UNIQUE INDEX users_ssn_key ON public.users (pgseal.eq(ssn))`,
	} {
		mustExec(t, conn, sql)
	}
}

func TestEnvelopeFunctionsAgreeWithGo(t *testing.T) {
	_, conn := installedDatabase(t)
	// The last two have the bytes that mean something in a pattern of LIKE.
	for _, columnID := range []uint32{1<<31 - 1, 0x255f5c25, 0x5c255f5c} {
		for _, terms := range []envelope.TermFlags{0, 1, 1 | envelope.TermLower, 1 | envelope.TermUpper, 1 | envelope.TermLower | envelope.TermUpper} {
			checkEnvelopeFunctions(t, conn, columnID, terms)
		}
	}
	if !one[bool](t, conn, `SELECT pgseal.is_envelope(NULL, 1, 1) IS NULL`) {
		t.Error("NULL does not pass")
	}
}

func checkEnvelopeFunctions(t *testing.T, conn *pgx.Conn, columnID uint32, terms envelope.TermFlags) {
	t.Helper()
	const keyID = 1<<32 - 1
	env := newEnvelope(t, columnID, keyID, terms, "")
	if got := one[int64](t, conn, `SELECT pgseal.column_id($1)`, env); got != int64(columnID) {
		t.Errorf("column_id is %d", got)
	}
	if got := one[int64](t, conn, `SELECT pgseal.key_id($1)`, env); got != keyID {
		t.Errorf("key_id is %d", got)
	}
	if terms != 0 {
		for kind, function := range map[envelope.TermFlags]string{envelope.TermEquality: "eq", envelope.TermLower: "lower", envelope.TermUpper: "upper"} {
			if got := one[[]byte](t, conn, `SELECT pgseal.`+function+`($1)`, env); terms&kind != 0 && string(got) != string(envelope.Term(env, kind)) {
				t.Errorf("terms %d: %s is %x", terms, function, got)
			}
		}
	}
	for n := range len(env) + 1 {
		if got := one[bool](t, conn, `SELECT pgseal.is_envelope($1, $2, $3)`, env[:n], columnID, int(terms)); got != (n == len(env)) {
			t.Errorf("terms %d, %d of %d bytes: is_envelope says %t", terms, n, len(env), got)
		}
		one[any](t, conn, `SELECT ROW(pgseal.eq($1), pgseal.lower($1), pgseal.upper($1), pgseal.is_envelope($1, 1))::text`, env[:n]) // no error for any length
	}
	for i := range envelope.HeaderSize {
		flipped := append([]byte(nil), env...)
		flipped[i] ^= 1
		want := i >= 6 && i < 10 // the key id is not the column's business
		if got := one[bool](t, conn, `SELECT pgseal.is_envelope($1, $2, $3)`, flipped, columnID, int(terms)); got != want {
			t.Errorf("byte %d flipped: is_envelope says %t", i, got)
		}
	}
	if !one[bool](t, conn, `SELECT pgseal.is_envelope($1, $2)`, env, columnID) {
		t.Error("the form without terms refuses an envelope")
	}
}

// TestACheckComparesOnce: a CHECK of several functions costs the preparation of
// each in every statement that stores something.
func TestACheckComparesOnce(t *testing.T) {
	_, conn := installedDatabase(t)
	for _, call := range []string{"pgseal.is_envelope(v, 7, 1)", "pgseal.is_envelope(v, 7)"} {
		rows, err := conn.Query(t.Context(), "EXPLAIN (VERBOSE, COSTS OFF) SELECT "+call+" FROM (VALUES ('a'::bytea), ('b')) t (v)")
		if err != nil {
			t.Fatal(err)
		}
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(plan, " "); !regexp.MustCompile(`Output: \(\S+ ~~ '\\x[0-9a-f]+'::bytea\)`).MatchString(text) {
			t.Errorf("%s becomes %s", call, text)
		}
	}
}

func TestDomainRefusesWhatIsNoEnvelopeOfTheColumn(t *testing.T) {
	_, conn := installedDatabase(t)
	sealByHand(t, conn)
	const insert = `INSERT INTO users VALUES ($1, $2)`
	mustExec(t, conn, insert, 1, newEnvelope(t, 1, 1, envelope.TermEquality, "123-45-6789"))
	mustExec(t, conn, insert, 2, nil)
	for name, value := range map[string][]byte{
		"plaintext":      []byte("123-45-6789 123-45-6789 123-45-6789 123-45-6789 123-45-6789"),
		"empty":          {},
		"another column": newEnvelope(t, 2, 1, envelope.TermEquality, "123-45-6789"),
		"without term":   newEnvelope(t, 1, 1, 0, "123-45-6789 long enough for a term"),
	} {
		_, err := conn.Exec(t.Context(), insert, 3, value)
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != "23514" {
			t.Errorf("%s: got %v, want a check violation", name, err)
		}
	}
}

func TestEqualityIndexServes(t *testing.T) {
	database, conn := installedDatabase(t)
	sealByHand(t, conn)
	batch := &pgx.Batch{}
	for i := range 500 {
		batch.Queue(`INSERT INTO users VALUES ($1, $2)`, i, newEnvelope(t, 1, 1, envelope.TermEquality, time.Duration(i).String()))
	}
	if err := conn.SendBatch(t.Context(), batch).Close(); err != nil {
		t.Fatal(err)
	}
	mustExec(t, conn, `ANALYZE users`)
	mustExec(t, conn, `GRANT SELECT, INSERT, UPDATE ON users TO PUBLIC`)

	// An application's role, with nothing granted on pgseal, and a search_path
	// that does not help.
	mustExec(t, connect(t, cluster, database, pgtest.Superuser), `CREATE ROLE legacy LOGIN`)
	app := connect(t, cluster, database, "legacy")
	mustExec(t, app, `SET search_path = ''`)
	for _, plan := range []string{"force_generic_plan", "force_custom_plan"} {
		mustExec(t, app, `SELECT set_config('plan_cache_mode', $1, false)`, plan)
		for _, sql := range []string{
			`SELECT * FROM public.users WHERE pgseal.eq(ssn) = $1`,
			`SELECT * FROM public.users WHERE pgseal.eq(ssn) = ANY (ARRAY[$1::bytea, $1])`,
			`SELECT b.* FROM (SELECT * FROM public.users WHERE id = 5 OFFSET 0) a JOIN public.users b ON pgseal.eq(a.ssn) = pgseal.eq(b.ssn) WHERE $1 <> '\x'`,
			`INSERT INTO public.users AS u VALUES (1, NULL) ON CONFLICT (pgseal.eq(ssn)) DO UPDATE SET id = u.id WHERE $1 <> '\x'`,
		} {
			if got := planOf(t, app, sql, []byte{1}); !strings.Contains(got, "users_ssn_key") {
				t.Errorf("%s (%s) does not use the index:\n%s", sql, plan, got)
			}
		}
	}
	mustExec(t, app, `SET enable_hashagg = off`)
	mustExec(t, app, `SET enable_sort = off`)
	if got := planOf(t, app, `SELECT pgseal.eq(ssn), count(*) FROM public.users GROUP BY pgseal.eq(ssn)`); !strings.Contains(got, "users_ssn_key") {
		t.Errorf("GROUP BY does not use the index:\n%s", got)
	}
	const again = `INSERT INTO public.users VALUES (-1, $1) ON CONFLICT (pgseal.eq(ssn)) DO UPDATE SET id = -1 RETURNING id`
	if id := one[int](t, app, again, newEnvelope(t, 1, 7, envelope.TermEquality, time.Duration(7).String())); id != -1 {
		t.Errorf("the row of the same value was not updated: id %d", id)
	}
	if n := one[int](t, app, `SELECT count(*) FROM public.users`); n != 500 {
		t.Errorf("%d rows", n)
	}
}

func planOf(t *testing.T, conn *pgx.Conn, sql string, args ...any) string {
	t.Helper()
	rows, err := conn.Query(t.Context(), `EXPLAIN `+sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return strings.Join(lines, "\n")
}
