package session

import (
	"context"
	"errors"
	"sync"
	"testing"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/keycache"
	"pgseal/logical"
	"pgseal/rewrite"
)

// The relations of the scripted tests. Data key 1 seals, index key 2 makes
// terms; key 9 exists nowhere.
const (
	usersOID  = 20000
	ordersOID = 20001
	wideOID   = 20002
	keyActive = 1
	keyIndex  = 2
	keyLost   = 9
)

func sealedColumn(id uint32, name string, t logical.Type, terms envelope.TermFlags) *catalog.SealedColumn {
	c := &catalog.SealedColumn{
		ID: id, TableID: 1, Domain: 30000 + id, Type: t, Terms: terms,
		Schema: "public", Table: "users", Name: name,
	}
	if terms != 0 {
		c.IndexKeyID = keyIndex
	}
	return c
}

func testColumns() []*catalog.SealedColumn {
	return []*catalog.SealedColumn{
		sealedColumn(11, "ssn", logical.Type{OID: logical.OIDVarchar, Typmod: 15}, envelope.TermEquality),
		sealedColumn(12, "born", logical.Type{OID: logical.OIDDate, Typmod: -1}, 0),
		sealedColumn(13, "score", logical.Type{OID: logical.OIDInt4, Typmod: -1}, envelope.TermEquality),
		sealedColumn(14, "photo", logical.Type{OID: logical.OIDBytea, Typmod: -1}, 0),
		sealedColumn(15, "weight", logical.Type{OID: logical.OIDFloat8, Typmod: -1}, 0),
	}
}

// testSnapshot has users(id int4, ssn, born, score, photo, weight, note text)
// and orders(id int4, total int4), of which only users has sealed columns.
func testSnapshot(version uint64, more ...*catalog.Relation) *catalog.Snapshot {
	columns := testColumns()
	users := &catalog.Relation{OID: usersOID, Schema: "public", Name: "users", Kind: 'r'}
	users.Columns = append(users.Columns, catalog.Column{AttNum: 1, Name: "id", TypeOID: logical.OIDInt4})
	for i, c := range columns {
		users.Columns = append(users.Columns, catalog.Column{AttNum: int16(2 + i), Name: c.Name, TypeOID: c.Domain, Sealed: c})
	}
	users.Columns = append(users.Columns, catalog.Column{AttNum: 7, Name: "note", TypeOID: logical.OIDText})
	orders := &catalog.Relation{OID: ordersOID, Schema: "public", Name: "orders", Kind: 'r', Columns: []catalog.Column{
		{AttNum: 1, Name: "id", TypeOID: logical.OIDInt4},
		{AttNum: 2, Name: "total", TypeOID: logical.OIDInt4},
	}}
	return catalog.New(version, catalog.Contents{
		Relations:     append(more, users, orders),
		ActiveKeys:    map[uint32]uint32{1: keyActive},
		TextFunctions: &catalog.TextFunctions{Folds: testFolds},
	})
}

// testFolds fold a single letter.
var testFolds = &catalog.Folds{Lower: logical.NewFold([]rune{'B'}, []rune{'b'}), Upper: logical.NewFold([]rune{'b'}, []rune{'B'})}

// archive has a table of the same name in another schema.
func archive() *catalog.Relation {
	return &catalog.Relation{OID: 20009, Schema: "archive", Name: "users", Kind: 'r', Columns: []catalog.Column{
		{AttNum: 1, Name: "ssn", TypeOID: logical.OIDText},
	}}
}

// testKey is a data key whose material the tests know.
func testKey(id uint32) *envelope.Key {
	m := make([]byte, 32)
	m[0] = byte(id)
	k, err := envelope.NewKey(id, m)
	if err != nil {
		panic(err)
	}
	return k
}

// keySource unwraps every key but keyLost.
type keySource struct{}

var errNoKey = errors.New("AccessDeniedException: the key may not be used")

func (keySource) Unwrap(_ context.Context, id keycache.ID) (*envelope.Key, error) {
	if id.Key == keyLost {
		return nil, errNoKey
	}
	return testKey(id.Key), nil
}

// world is what a session of a test lives in.
type world struct {
	t        testing.TB
	cache    *keycache.Cache
	snapshot *catalog.Snapshot
	stale    error
	behind   bool   // another session has moved something
	moved    func() // this one has
	session  *Session
	clear    map[uint32]*envelope.Key
}

var planner = sync.OnceValue(func() *rewrite.Planner { return rewrite.NewPlanner(1000) })

func newWorld(t testing.TB) *world {
	cache, err := keycache.New(keySource{}, keycache.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cache.Close)
	w := &world{t: t, cache: cache, snapshot: testSnapshot(1), clear: map[uint32]*envelope.Key{}, moved: func() {}}
	for _, id := range []uint32{keyActive, keyIndex, 3} {
		w.clear[id] = testKey(id)
	}
	w.session = New(Config{
		Planner: planner(),
		Catalog: func() (*catalog.Snapshot, error) { return w.snapshot, w.stale },
		Behind:  func() bool { return w.behind },
		Moved:   func() { w.moved() },
		Keys:    func(id uint32) (keycache.Lease, bool) { return cache.Try(keycache.ID{Key: id}) },
	})
	return w
}

// openKeys opens the keys that most tests do not want to be asked for.
func (w *world) openKeys() {
	for _, id := range []uint32{keyActive, keyIndex} {
		w.openKey(id)
	}
}

func (w *world) openKey(id uint32) {
	lease, err := w.cache.Get(context.Background(), keycache.ID{Key: id})
	if err != nil {
		w.session.KeyFailed(id, err)
		return
	}
	lease.Release()
}

// column finds a sealed column of users.
func (w *world) column(name string) *catalog.SealedColumn {
	for _, r := range w.snapshot.Named("users") {
		if c := r.Column(name); c != nil && c.Sealed != nil {
			return c.Sealed
		}
	}
	for _, c := range testColumns() {
		if c.Name == name {
			return c
		}
	}
	w.t.Fatalf("no sealed column %s", name)
	return nil
}

// canonical is the canonical form of a text.
func (w *world) canonical(c *catalog.SealedColumn, text string) []byte {
	b, err := c.Type.AppendCanonical(nil, logical.Value{Data: []byte(text), OID: c.Type.OID}, logical.Assign, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *world) term(c *catalog.SealedColumn, text string) []byte {
	b, err := c.Type.AppendEquality(nil, w.canonical(c, text))
	if err != nil {
		w.t.Fatal(err)
	}
	return w.clear[keyIndex].AppendEquality(nil, c.ID, b)
}

// seal makes the envelope of a text under a key.
func (w *world) seal(c *catalog.SealedColumn, key uint32, text string) []byte {
	var term []byte
	if c.Terms != 0 {
		term = w.term(c, text)
	}
	k := w.clear[key]
	if k == nil {
		k = testKey(key)
	}
	b, err := k.Seal(nil, c.ID, c.Terms, term, w.canonical(c, text))
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// unsealedSnapshot is testSnapshot where ssn is not sealed.
func unsealedSnapshot(version uint64) *catalog.Snapshot {
	users := testSnapshot(version).Named("users")[0]
	ssn := users.Column("ssn")
	ssn.Sealed, ssn.TypeOID = nil, logical.OIDVarchar
	return catalog.New(version, catalog.Contents{
		Relations:  []*catalog.Relation{users},
		ActiveKeys: map[uint32]uint32{1: keyActive},
	})
}

// emptySnapshot is a database in which nothing is sealed.
func emptySnapshot() *catalog.Snapshot { return catalog.New(1000, catalog.Contents{}) }
