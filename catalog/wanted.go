package catalog

import (
	"maps"
	"slices"
	"sync"

	"pgseal/logical"
)

// wanted are the relations that statements have named and a snapshot did not
// have. A database can have thousands of relations of which a few matter: those
// with sealed columns, those of the same names, and what is named beside them.
// The watcher loads no others. Snapshots share the watcher's set, so that
// planning can say what it lacks; the next look at the database brings it.
type wanted struct {
	mu    sync.Mutex
	names map[string]bool
	oids  map[uint32]bool
	fresh bool // something was added since the last load

	functions bool            // Contents.TextFunctions
	orders    map[uint32]bool // of Contents.TextOrders, by collation
	failures  map[uint32]*OrderFailure
	outer     *wanted // that of what others see, who can be told of those alone
}

// maxWanted bounds how many names and how many OIDs are kept: a client can name
// what it likes. Beyond it all are forgotten; what is still used is named again.
const maxWanted = 4096

func (w *wanted) name(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.names[name] {
		return
	}
	if w.names == nil || len(w.names) >= maxWanted {
		w.names = map[string]bool{}
	}
	w.names[name], w.fresh = true, true
}

func (w *wanted) oid(oid uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.oids[oid] {
		return
	}
	if w.oids == nil || len(w.oids) >= maxWanted {
		w.oids = map[uint32]bool{}
	}
	w.oids[oid], w.fresh = true, true
}

func (w *wanted) textFunctions() {
	if w.outer != nil {
		w = w.outer
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.functions, w.fresh = true, w.fresh || !w.functions
}

func (w *wanted) textOrder(collation uint32) {
	if w.outer != nil {
		w = w.outer
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.orders == nil {
		w.orders = map[uint32]bool{}
	}
	w.orders[collation], w.fresh = true, true
}

// failed notes that an order could not be learnt.
func (w *wanted) failed(collation uint32, f *OrderFailure) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failures == nil {
		w.failures = map[uint32]*OrderFailure{}
	}
	w.failures[collation] = f
}

// failure is why an order could not be learnt the last time, nil if it was not tried.
func (w *wanted) failure(collation uint32) *OrderFailure {
	if w.outer != nil {
		w = w.outer
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failures[collation]
}

// takeOrder gives one of the collations whose order is wanted, and forgets that. It is false
// if there is none.
func (w *wanted) takeOrder() (collation uint32, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for collation = range w.orders {
		delete(w.orders, collation)
		return collation, true
	}
	return 0, false
}

// take gives what is wanted, and whether there is more than the last time.
func (w *wanted) take() (names []string, oids []uint32, functions, more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	more, w.fresh = w.fresh, false
	return slices.Sorted(maps.Keys(w.names)), slices.Sorted(maps.Keys(w.oids)), w.functions, more
}

// again: the load has failed.
func (w *wanted) again() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fresh = true
}

// keep forgets what the database does not have.
func (w *wanted) keep(names []string, oids []uint32, s *Snapshot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range names {
		if len(s.Named(n)) == 0 {
			delete(w.names, n)
		}
	}
	for _, o := range oids {
		if s.Relation(o) == nil {
			delete(w.oids, o)
		}
	}
}

// remember has the snapshot note what it lacks in w.
func (s *Snapshot) remember(w *wanted) {
	s.wanted = w
	if s.strict != nil {
		s.strict.wanted = w
	}
}

// system are the relations that initdb made: they stay what they are.
func (s *Snapshot) system() map[uint32]*Relation {
	if s == nil || len(s.relations) == 0 {
		return nil
	}
	m := map[uint32]*Relation{}
	for _, r := range s.relations {
		if r.OID < firstUserOID {
			m[r.OID] = r
		}
	}
	return m
}

// MissName notes that a statement names a relation that the snapshot does not
// have, so that a later one has it.
func (s *Snapshot) MissName(name string) {
	if s.wanted != nil {
		s.wanted.name(name)
	}
}

// TextFunctions are how the server computes functions of a client's text. Where they are
// not known, that is noted, so that a later snapshot has them.
func (s *Snapshot) TextFunctions() *TextFunctions {
	if s.textFunctions == nil && s.wanted != nil {
		s.wanted.textFunctions()
	}
	return s.textFunctions
}

// TextOrder is the order of a collation, nil if it cannot be computed here. Where that is not
// known, it is noted likewise. After a failure to learn it, which is given then, it is not wanted
// again for a while.
func (s *Snapshot) TextOrder(collation uint32) (order *logical.TextOrder, known bool, failure *OrderFailure) {
	if order, known = s.textOrders[collation]; known || s.wanted == nil {
		return order, known, nil
	}
	if f := s.wanted.failure(collation); f != nil && f.pauses() {
		return nil, false, f
	}
	s.wanted.textOrder(collation)
	return nil, false, nil
}

// MissRelation notes likewise that rows come from a relation.
func (s *Snapshot) MissRelation(oid uint32) {
	if s.wanted != nil {
		s.wanted.oid(oid)
	}
}
