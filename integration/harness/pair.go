package harness

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgseal/integration/pgtest"
)

// Schema says what a pair of databases holds.
type Schema struct {
	// DDL runs in both databases, as Owner, before any column is sealed.
	DDL string
	// Seal are the columns to seal, each with its flags as on the command
	// line: "public.users.ssn --equality".
	Seal []string
	// Locale is the databases' own, "" for C; with "icu:" in front one of ICU.
	Locale string
	// Encoding is theirs, "" for UTF8.
	Encoding string
	// Key is the KMS key of the sealed database; "" is the environment's.
	Key string
}

// Pair is two databases of the same name: the plain one in the twin's cluster,
// the sealed one behind the proxy.
type Pair struct {
	Env  *Environment
	Name string

	t      testing.TB
	asides [2]*pgx.Conn // see aside
	pooled [2]*session  // see again
}

var pairs atomic.Int32

// templates are pairs that no test uses; those that are made for one of the same schema
// are copies of them, which costs a fraction of sealing anew. Most schemas are asked for
// once: the first pair of a schema is no copy.
var templates struct {
	sync.Mutex
	asked map[string]bool   // by schema
	names map[string]string // of the pair, by schema
}

// New makes a pair for a test. The databases vanish with the environment.
func New(t testing.TB, s Schema) *Pair {
	t.Helper()
	templates.Lock()
	defer templates.Unlock()
	if id := s.id(); !templates.asked[id] {
		if templates.asked == nil {
			templates.asked = map[string]bool{}
		}
		templates.asked[id] = true
		return sealed(t, s)
	}
	return create(t, "TEMPLATE "+template(t, s))
}

func (s Schema) id() string { return fmt.Sprintf("%q", s) }

// template is the name of the pair that those of a schema are copies of.
func template(t testing.TB, s Schema) string {
	t.Helper()
	id := s.id()
	if name := templates.names[id]; name != "" {
		return name
	}
	var p *Pair
	if s.DDL == "" && s.Seal == nil {
		p = installed(t, s)
	} else {
		p = sealed(t, s)
	}
	p.leave() // PostgreSQL copies no database that somebody is connected to
	if templates.names == nil {
		templates.names = map[string]string{}
	}
	templates.names[id] = p.Name
	return p.Name
}

// sealed makes a pair of a schema that is sealed anew.
func sealed(t testing.TB, s Schema) *Pair {
	t.Helper()
	p := create(t, "TEMPLATE "+template(t, Schema{Locale: s.Locale, Encoding: s.Encoding, Key: s.Key}))
	p.Both(s.DDL)
	p.seal(s.Seal)
	return p
}

// installed makes a pair in which pgseal is installed, of the schema's locale, encoding
// and key.
func installed(t testing.TB, s Schema) *Pair {
	t.Helper()
	var p *Pair
	if s.Locale == "" && s.Encoding == "" {
		p = create(t)
	} else {
		locale := fmt.Sprintf("LOCALE '%s'", cmp.Or(s.Locale, "C"))
		if of, ok := strings.CutPrefix(s.Locale, "icu:"); ok {
			locale = fmt.Sprintf("LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE '%s'", of)
		}
		p = create(t, fmt.Sprintf("%s ENCODING '%s' TEMPLATE template0", locale, cmp.Or(s.Encoding, "UTF8")))
		for _, c := range []*pgtest.Cluster{p.Env.Twin, p.Env.Sealed} {
			if err := c.Exec(t.Context(), p.Name, ownPublic); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.install(cmp.Or(s.Key, p.Env.Key))
	return p
}

// Restored makes a pair of empty databases and has the sealed one filled from a
// backup, which brings everything: it needs neither init nor seal.
func Restored(t testing.TB, restore func(url string)) *Pair {
	t.Helper()
	p := empty(t)
	restore(p.ServerURL())
	return p
}

func empty(t testing.TB) *Pair {
	t.Helper()
	return create(t)
}

// create makes a pair of databases, with clauses of CREATE DATABASE.
func create(t testing.TB, clauses ...string) *Pair {
	t.Helper()
	env := Shared(t)
	p := &Pair{Env: env, Name: fmt.Sprintf("pair%d", pairs.Add(1)), t: t}
	for _, c := range []*pgtest.Cluster{env.Twin, env.Sealed} {
		if err := c.CreateDatabase(t.Context(), p.Name, append(clauses, "OWNER "+Owner)...); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// TwinCopy makes one more empty database beside the plain one, and gives its URL.
func (p *Pair) TwinCopy() string {
	p.t.Helper()
	name := fmt.Sprintf("%s_copy%d", p.Name, pairs.Add(1))
	if err := p.Env.Twin.CreateDatabase(p.t.Context(), name, "OWNER "+Owner); err != nil {
		p.t.Fatal(err)
	}
	return p.Env.Twin.DSN(name, Owner)
}

// leaves finds SQL that may leave a session other than it was. Some of what it finds does not.
var leaves = regexp.MustCompile(`(?i)\b(set|set_config|begin|start|temp|temporary|prepare|listen|declare|authorization|currval|nextval|lock|pg_\w*lock\w*)\b`)

// execOn runs SQL past the proxy, side 0 is the twin and 1 the sealed database.
func (p *Pair) execOn(side int, sql string) {
	p.t.Helper()
	p.pooled = [2]*session{} // a new session asks what has changed
	conn := p.aside()[side]
	if _, err := conn.PgConn().Exec(p.t.Context(), sql).ReadAll(); err != nil {
		p.t.Fatalf("%v\n%s", err, sql)
	}
	if leaves.MatchString(sql) {
		conn.Close(p.t.Context())
	}
}

// leave closes the connections that aside has made.
func (p *Pair) leave() {
	for _, conn := range p.asides {
		if conn != nil {
			conn.Close(p.t.Context())
		}
	}
}

// Pgseal runs a command on the sealed database, which must succeed, and returns
// what it printed.
func (p *Pair) Pgseal(args ...string) string {
	p.t.Helper()
	r := p.Try(args...)
	if r.Status != 0 {
		p.t.Fatalf("pgseal %s: exit status %d\n%s%s", strings.Join(args, " "), r.Status, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// Try runs a command on the sealed database, which may fail.
func (p *Pair) Try(args ...string) Result {
	p.t.Helper()
	r, err := p.Env.Command(p.t.Context(), p.Name, args...)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// TwinURL is the plain database.
func (p *Pair) TwinURL() string { return p.Env.Twin.DSN(p.Name, Owner) }

// ServerURL is the sealed database past the proxy.
func (p *Pair) ServerURL() string { return p.Env.Sealed.DSN(p.Name, Owner) }

// URL is the sealed database through the environment's proxy.
func (p *Pair) URL() string { return p.ProxyURL(p.Env.Proxy) }

// ProxyURL is the sealed database through a proxy.
func (p *Pair) ProxyURL(proxy *Process) string {
	u, err := url.Parse(p.ServerURL())
	if err != nil {
		p.t.Fatal(err)
	}
	u.Host = proxy.Addr
	return u.String()
}

// Connect opens a pgx connection that the test's end closes.
func (p *Pair) Connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// aside is a connection to the plain database and one to the sealed one past the proxy,
// for what the harness itself asks and does. They are the same until the test's end, as
// making one costs more than most of what is sent there.
func (p *Pair) aside() [2]*pgx.Conn {
	p.t.Helper()
	for i, url := range [2]string{p.TwinURL(), p.ServerURL()} {
		if conn := p.asides[i]; conn == nil || conn.Ping(p.t.Context()) != nil {
			p.asides[i] = p.Connect(p.t, url)
		}
	}
	return p.asides
}

// Server runs SQL on the sealed database past the proxy, which must succeed.
func (p *Pair) Server(sql string) {
	p.t.Helper()
	p.execOn(1, sql)
}

// Both runs SQL on the twin and, past the proxy, on the sealed database.
func (p *Pair) Both(sql string) {
	p.t.Helper()
	p.execOn(0, sql)
	p.execOn(1, sql)
}

// userTables lists the tables of a database that are not pgseal's own.
const userTables = `
SELECT coalesce(string_agg(format('%I.%I', n.nspname, c.relname), ', '), '')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND n.nspname !~ '^(pg_|pgseal)' AND n.nspname <> 'information_schema'`

// Empty truncates every table on both sides and restarts the sequences.
func (p *Pair) Empty() {
	p.t.Helper()
	for _, conn := range p.aside() {
		var tables string
		if err := conn.QueryRow(p.t.Context(), userTables).Scan(&tables); err != nil {
			p.t.Fatal(err)
		}
		if tables != "" {
			if _, err := conn.Exec(p.t.Context(), "TRUNCATE "+tables+" RESTART IDENTITY CASCADE"); err != nil {
				p.t.Fatal(err)
			}
		}
	}
}
