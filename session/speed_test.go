//go:build !race

// The race detector allocates on its own account.

package session

import (
	"testing"

	"pgseal/catalog"
	"pgseal/wire"
)

const (
	relaySimple = `
client Query "SELECT total FROM orders WHERE id = 7"
server RowDescription total:20001:2:23:4:-1:0
server DataRow 10
server CommandComplete "SELECT 1"
server ReadyForQuery I`

	relayExtended = `
client Parse "" "SELECT total FROM orders WHERE id = $1" 23
client Bind "" "" 1 1 0x00000007
client Describe P ""
client Execute "" 0
client Sync
server ParseComplete
server BindComplete
server RowDescription total:20001:2:23:4:-1:1
server DataRow 0x0000000a
server CommandComplete "SELECT 1"
server ReadyForQuery I`

	prepareInsert = `
client Parse ins "INSERT INTO users (id, ssn, score) VALUES ($1, $2, $3)" -
client Describe S ins
client Sync
server ParseComplete
server ParameterDescription 23,17,17
server NoData
server ReadyForQuery I`

	sealedInsert = `
client Bind "" ins 1 - 0x00000007 "123-45-6789" 0x0000002a
client Execute "" 0
client Sync
server BindComplete
server CommandComplete "INSERT 0 1"
server ReadyForQuery I`

	prepareSelect = `
client Parse sel "SELECT ssn, score, born FROM users WHERE ssn = $1" -
client Describe S sel
client Sync
server ParseComplete
server ParameterDescription 17
server RowDescription ssn:20000:2:17:-1:-1:0 score:20000:4:17:-1:-1:0 born:20000:3:17:-1:-1:0
server ReadyForQuery I`

	sealedSelect = `
client Bind "" sel - 0 "123-45-6789"
client Execute "" 0
client Sync
server BindComplete
server DataRow env(ssn, 123-45-6789) env(score, 42) env(born, 2001-02-03)
server CommandComplete "SELECT 1"
server ReadyForQuery I`

	sealedSimple = `
client Query "SELECT ssn, score, born FROM users WHERE ssn = '123-45-6789'"
server RowDescription ssn:20000:2:17:-1:-1:0 score:20000:4:17:-1:-1:0 born:20000:3:17:-1:-1:0
server DataRow hex(env(ssn, 123-45-6789)) hex(env(score, 42)) hex(env(born, 2001-02-03))
server CommandComplete "SELECT 1"
server ReadyForQuery I`

	// Nothing of the text is changed.
	sealedPointSimple = `
client Query "SELECT ssn, score, born FROM users WHERE id = 7"
server RowDescription ssn:20000:2:17:-1:-1:0 score:20000:4:17:-1:-1:0 born:20000:3:17:-1:-1:0
server DataRow hex(env(ssn, 123-45-6789)) hex(env(score, 42)) hex(env(born, 2001-02-03))
server CommandComplete "SELECT 1"
server ReadyForQuery I`

	sealedInsertSimple = `
client Query "INSERT INTO users (id, ssn, score, note) VALUES (7, '123-45-6789', 42, 'some text')"
server CommandComplete "INSERT 0 1"
server ReadyForQuery I`

	prepareExecute = `
client Query "PREPARE x AS SELECT ssn, score, born FROM users WHERE ssn = $1"
server CommandComplete "PREPARE"
server ReadyForQuery I`

	sealedExecute = `
client Query "EXECUTE x('123-45-6789')"
server RowDescription ssn:20000:2:17:-1:-1:0 score:20000:4:17:-1:-1:0 born:20000:3:17:-1:-1:0
server DataRow hex(env(ssn, 123-45-6789)) hex(env(score, 42)) hex(env(born, 2001-02-03))
server CommandComplete "SELECT 1"
server ReadyForQuery I`

	preparePoint = `
client Parse sel "SELECT ssn, score, born FROM users WHERE id = $1" -
client Describe S sel
client Sync
server ParseComplete
server ParameterDescription 23
server RowDescription ssn:20000:2:17:-1:-1:0 score:20000:4:17:-1:-1:0 born:20000:3:17:-1:-1:0
server ReadyForQuery I`

	sealedPoint = `
client Bind "" sel - 0 "7"
client Describe P ""
client Execute "" 0
client Sync
server BindComplete
server RowDescription ssn:20000:2:17:-1:-1:1 score:20000:4:17:-1:-1:1 born:20000:3:17:-1:-1:1
server DataRow env(ssn, 123-45-6789) env(score, 42) env(born, 2001-02-03)
server CommandComplete "SELECT 1"
server ReadyForQuery I`

	preparePlain = `
client Parse sel "SELECT total, id, total FROM orders WHERE id = $1" -
client Sync
server ParseComplete
server ReadyForQuery I`

	relayPoint = `
client Bind "" sel - 0 "7"
client Describe P ""
client Execute "" 0
client Sync
server BindComplete
server RowDescription total:20001:2:23:4:-1:0 id:20001:1:23:4:-1:0 total:20001:2:23:4:-1:0
server DataRow "10" "7" "10"
server CommandComplete "SELECT 1"
server ReadyForQuery I`

	fetchRows = `
client Query "FETCH 1 FROM c"
server RowDescription ssn:20000:2:17:-1:-1:0 x:0:0:17:-1:-1:0
server DataRow hex(env(ssn, 123-45-6789)) "\\x00"
server CommandComplete "FETCH 1"
server ReadyForQuery I`
)

// In steady state a message costs no allocation, relayed or sealed.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	for name, c := range map[string]struct{ prepare, round string }{
		"relay, simple":        {"", relaySimple},
		"relay, extended":      {"", relayExtended},
		"sealed bind":          {prepareInsert, sealedInsert},
		"search and open rows": {prepareSelect, sealedSelect},
		"sealed, simple":       {"", sealedSimple},
		"point select":         {preparePoint, sealedPoint},
		"point select, simple": {"", sealedPointSimple},
		"EXECUTE":              {prepareExecute, sealedExecute},
		"FETCH":                {"", fetchRows},
	} {
		d := driver{world: newWorld(t)}
		d.openKeys()
		d.session.SetParameter("extra_float_digits", "1") // which FETCH would ask for, once
		d.round(t, script(t, c.prepare))
		e := script(t, c.round)
		for range 3 {
			d.round(t, e)
		}
		if n := testing.AllocsPerRun(100, func() { d.round(t, e) }); n != 0 {
			t.Errorf("%s: %v allocations a round, want none", name, n)
		}
	}
}

// Neither do values with terms in one case, nor searches by these.
func TestTermsOfCaseAllocateNothing(t *testing.T) {
	const search = `
client Parse sel "SELECT id FROM users WHERE lower(ssn) = lower($1)" -
client Describe S sel
client Sync
server ParseComplete
server ParameterDescription 17
server RowDescription id:20000:1:23:4:-1:0
server ReadyForQuery I`
	const searched = `
client Bind "" sel - 0 "Bob"
client Execute "" 0
client Sync
server BindComplete
server DataRow "7"
server CommandComplete "SELECT 1"
server ReadyForQuery I`
	for _, c := range []struct{ prepare, round string }{{prepareInsert, sealedInsert}, {search, searched}} {
		d := driver{world: newWorld(t)}
		d.openKeys()
		ssn := d.snapshot.Column(11)
		ssn.Terms |= catalog.FoldTerms
		ssn.AddFolding(catalog.Folding{Column: testFolds})
		d.round(t, script(t, c.prepare))
		e := script(t, c.round)
		for range 3 {
			d.round(t, e)
		}
		if n := testing.AllocsPerRun(100, func() { d.round(t, e) }); n != 0 {
			t.Errorf("%v allocations a round, want none", n)
		}
	}
}

// An INSERT of literals like others before it.
const (
	insertFirst = `
client Query "INSERT INTO users (id, ssn, score, note) VALUES (7, '123-45-6789', 42, 'some text')"
server CommandComplete "INSERT 0 1"
server ReadyForQuery I`

	insertAsks = `
client Query "INSERT INTO users (id, ssn, score, note) VALUES (8, '223-45-6789', 43, 'text')"
server RowDescription pg_backend_pid:0:0:23:4:-1:0
server DataRow "4711"
server CommandComplete "SELECT 1"
server ReadyForQuery I`

	insertPrepares = `
server ParseComplete
server BindComplete
server CommandComplete "INSERT 0 1"
server ReadyForQuery I`

	insertBinds = `
client Query "INSERT INTO users (id, ssn, score, note) VALUES (9, '323-45-6789', 44, 'other text')"
server BindComplete
server CommandComplete "INSERT 0 1"
server ReadyForQuery I`
)

// bindsInserts has a session bind such an INSERT; again does it once more.
func bindsInserts(t testing.TB) (again func()) {
	d := driver{world: newWorld(t)}
	d.openKeys()
	d.session.SetProcess(4711)
	for _, c := range testColumns() {
		d.snapshot.Column(c.ID).DomainName = "users_" + c.Name // by which the INSERT is guarded
	}
	// waits: the frame stays until the server has answered.
	waits := func(e exchange, server []byte) {
		if n, need, err := d.session.FromClient(e.client, &d.out); n != 0 || need.Kind != NeedServer || err != nil {
			t.Fatalf("client: %d bytes, need %v, %v", n, need, err)
		}
		if n, need, err := d.session.FromServer(server, &d.out); n != len(server) || need.Kind != NeedNothing || err != nil {
			t.Fatalf("server: %d of %d bytes, need %v, %v", n, len(server), need, err)
		}
	}
	answered := func(e exchange) {
		if n, need, err := d.session.FromClient(e.client, &d.out); n != len(e.client) || need.Kind != NeedNothing || err != nil {
			t.Fatalf("client: %d of %d bytes, need %v, %v", n, len(e.client), need, err)
		}
	}
	d.round(t, script(t, insertFirst))
	e := script(t, insertAsks)
	waits(e, e.server)
	waits(e, script(t, insertPrepares).server)
	answered(e)
	binds := script(t, insertBinds)
	return func() {
		waits(binds, binds.server)
		answered(binds)
	}
}

func TestBindingInsertsAgainAllocatesNothing(t *testing.T) {
	again := bindsInserts(t)
	again()
	if n := testing.AllocsPerRun(100, again); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkSealedInsertAgain(b *testing.B) {
	again := bindsInserts(b)
	b.ReportAllocs()
	for b.Loop() {
		again()
	}
}

func benchmark(b *testing.B, prepare, round string, messages int) {
	d := driver{world: newWorld(b)}
	d.openKeys()
	d.round(b, script(b, prepare))
	e := script(b, round)
	b.ReportAllocs()
	for b.Loop() {
		d.round(b, e)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*messages), "ns/message")
}

func BenchmarkRelaySimple(b *testing.B)       { benchmark(b, "", relaySimple, 5) }
func BenchmarkRelayExtended(b *testing.B)     { benchmark(b, "", relayExtended, 11) }
func BenchmarkRelayPoint(b *testing.B)        { benchmark(b, preparePlain, relayPoint, 9) }
func BenchmarkSealedPoint(b *testing.B)       { benchmark(b, preparePoint, sealedPoint, 9) }
func BenchmarkSealedBind(b *testing.B)        { benchmark(b, prepareInsert, sealedInsert, 6) }
func BenchmarkSealedSimple(b *testing.B)      { benchmark(b, "", sealedSimple, 5) }
func BenchmarkSealedPointSimple(b *testing.B) { benchmark(b, "", sealedPointSimple, 5) }
func BenchmarkSealedInsert(b *testing.B)      { benchmark(b, "", sealedInsertSimple, 3) }

func BenchmarkExecute(b *testing.B) { benchmark(b, prepareExecute, sealedExecute, 5) }

// BenchmarkOpenRow opens rows of three sealed cells.
func BenchmarkOpenRow(b *testing.B) {
	d := driver{world: newWorld(b)}
	d.openKeys()
	d.round(b, script(b, prepareSelect))
	d.feed(true, script(b, sealedSelect).client)
	d.feed(false, script(b, "server BindComplete").server)
	row := script(b, "server DataRow env(ssn, 123-45-6789) env(score, 42) env(born, 2001-02-03)").server
	b.ReportAllocs()
	for b.Loop() {
		if n, _, err := d.session.FromServer(row, &d.out); n != len(row) || err != nil {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkScan opens rows of three sealed cells as they come in a large read.
func BenchmarkScan(b *testing.B) {
	d := driver{world: newWorld(b)}
	d.openKeys()
	d.round(b, script(b, prepareSelect))
	d.feed(true, script(b, sealedSelect).client)
	d.feed(false, script(b, "server BindComplete").server)
	row := script(b, "server DataRow env(ssn, 123-45-6789) env(score, 42) env(born, 2001-02-03)").server
	var rows []byte
	const count = 100
	for range count {
		rows = append(rows, row...)
	}
	b.ReportAllocs()
	for b.Loop() {
		if n, _, err := d.session.FromServer(rows, &d.out); n != len(rows) || err != nil {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count), "ns/row")
}

// What a large frame made the session take is given back.
func TestSpikesAreGivenBack(t *testing.T) {
	var o Output
	o.client.put(append(o.client.scratch, make([]byte, 1<<20)...))
	o.reset()
	o.client.put(append(o.client.scratch, 1))
	o.reset()
	if n := cap(o.client.scratch); n > keptScratch {
		t.Errorf("%d bytes kept after a spike", n)
	}
	d := driver{world: newWorld(t)}
	d.openKeys()
	d.round(t, script(t, sealedSimple))
	d.session.ReleaseBuffers()
	if d.session.buf.out != nil || d.session.spare != nil || !d.session.Idle() {
		t.Error("an idle session holds buffers")
	}
	_ = wire.MaxFrame
}
