package rewrite

import (
	"crypto/rand"
	"slices"
	"strings"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"pgseal/catalog"
)

// Mode is how a text reaches the server.
type Mode uint8

const (
	// Simple is Query: several statements, values mostly in literals.
	Simple Mode = iota
	// Extended is Parse: one statement, values mostly in parameters.
	Extended
	// Kept is Extended for a statement that stands for texts: the server keeps it,
	// but the names in it must stand for what they do each time that it runs. An
	// INSERT that is Guarded does, and fails with GuardMarker.
	Kept
)

// Request asks for the plan of one text.
type Request struct {
	Snapshot *catalog.Snapshot
	// Path is current_schemas(true) of the session, nil when it is not known.
	// It matters only to texts for which ErrNeedSearchPath was returned.
	Path []string
	Text []byte // without a terminating zero
	Mode Mode
	// Idle says that the text begins outside of any transaction, so that what one
	// of its statements ends has begun in it.
	Idle bool
	// Fresh says that Snapshot was loaded after the text arrived, so that a
	// relation it does not have is none that others can see.
	Fresh bool
	// Cursors are those that are open, nil when that is not known. They matter only
	// to texts for which ErrNeedCursors was returned.
	Cursors *OpenCursors
	// Escapes says that standard_conforming_strings is off: '…' is read as E'…'.
	Escapes bool
	// Wild says that parameters which are patterns have wildcards, so that no term answers
	// them. Without it they have none, but where Pattern.Wild says so.
	Wild bool
	// Declared are the types that the client declares for parameters, by index, 0 or unknown
	// for none.
	Declared []uint32

	mark    string // see Planner
	unwraps bool   // see unwrap
}

const (
	// maxCachedText bounds the length in bytes of a text whose plan is kept:
	// an INSERT of a thousand rows is, a migration rarely seen twice is not.
	maxCachedText = 256 << 10
	// maxCacheBytes bounds the memory of both caches together, roughly: clients
	// choose what is cached.
	maxCacheBytes = 64 << 20
	// maxEntryBytes is what one text or shape may take of them.
	maxEntryBytes = maxCacheBytes / 16
	// maxVariants bounds how many plans of one text or shape are kept, for
	// other search paths and other literals that steer planning.
	maxVariants = 8
)

// Planner plans texts and remembers the plans. It is safe for concurrent use
// and may serve several databases, because a snapshot's version covers all that
// a plan is made from.
type Planner struct {
	plans *lru.Cache[cacheKey, *cacheEntry]
	// mark is at the head of sealed values in JSON. Nobody can know it before, so
	// that no value has it that was stored.
	mark string

	adding sync.Mutex // one at a time, so that bytes follows the cache
	bytes  int        // of all entries, roughly
}

// cacheKey is a text or a shape with the snapshot it was planned from.
type cacheKey struct {
	version uint64
	mode    Mode
	text    string
	// executes: the plans are those of Execute.
	executes bool
	escapes  bool // as in Request
	wild     bool // as in Request
}

// cacheEntry is immutable: adding a variant replaces it.
type cacheEntry struct {
	variants []variant
	literals []span // of the text; nil for a shape
	size     int
}

// variant is the plan for one search path and one set of steering literals.
type variant struct {
	plan       *Plan
	pathIsUsed bool
	path       []string
	prepared   []prepared
}

// prepared is what a plan of Execute was made from.
type prepared struct {
	name      string
	statement *Statement
	types     []uint32
}

// Prepared gives what a session prepared under a name, by PREPARE
// (Statement.Inner) or by Parse, with the types of its parameters (0: not
// known); nil when there is none of that name or nothing is known of it.
type Prepared func(name string) (*Statement, []uint32)

// still says whether a name stands for what it did.
func (p *prepared) still(find Prepared) bool {
	statement, types := find(p.name)
	return statement == p.statement && slices.Equal(types, p.types)
}

// NewPlanner makes a planner that keeps the plans of size texts and shapes.
func NewPlanner(size int) *Planner {
	p := &Planner{mark: "pgseal:" + rand.Text() + ":"}
	// Only add evicts, so that the callback runs under its lock.
	plans, err := lru.NewWithEvict(max(size, 1), func(_ cacheKey, e *cacheEntry) { p.bytes -= e.size })
	if err != nil {
		panic(err) // only for a size below 1
	}
	p.plans = plans
	return p
}

// relayed is the plan of every text that needs no planning.
var relayed = &Plan{cacheable: true}

// Plan gives the plan of a text. The error is a *Refusal, ErrStaleCatalog,
// ErrChanging or ErrNeedSearchPath. The Bound uses the scratch and the text: it
// is valid until either is used again. A hit does not allocate. Texts for which
// MayTouch is false are relayed; asking it first costs less.
func (p *Planner) Plan(s *Scratch, r Request) (Bound, error) {
	if flux := r.Snapshot.InFlux(); flux != nil && MayTouch(flux, r.Text) {
		return Bound{}, ErrChanging
	}
	if len(r.Text) > maxCachedText {
		return p.miss(s, r, cacheKey{})
	}
	key := cacheKey{version: r.Snapshot.Version, mode: r.Mode, wild: r.Wild}
	if r.Mode != Simple {
		key.text, key.escapes = view(r.Text), r.Escapes
	} else if s.shape(r.Text, r.Escapes) {
		key.text = view(s.key)
	} else {
		return p.miss(s, r, cacheKey{})
	}
	if e, ok := p.plans.Get(key); ok {
		if r.Mode != Simple {
			s.literals = append(s.literals[:0], e.literals...)
		}
		if plan := e.find(&r, s.literals, nil); plan != nil {
			return Bound{Plan: plan, text: r.Text, scratch: s}, nil
		}
	}
	return p.miss(s, r, key)
}

// find gives the plan that fits the path, what is prepared, and the literals and types that
// steer planning.
func (e *cacheEntry) find(r *Request, literals []span, find Prepared) *Plan {
next:
	for i := range e.variants {
		v := &e.variants[i]
		if v.pathIsUsed && !slices.Equal(v.path, r.Path) || r.Path != nil && len(v.plan.presumed) > 0 {
			continue
		}
		for k := range v.prepared {
			if !v.prepared[k].still(find) {
				continue next
			}
		}
		if v.plan.fits(r.Text, literals, r.Declared) {
			return v.plan
		}
	}
	return nil
}

// miss parses the text and keeps the plan under the key, if it has one.
func (p *Planner) miss(s *Scratch, r Request, key cacheKey) (Bound, error) {
	if !MayTouch(r.Snapshot, r.Text) {
		return Bound{Plan: relayed, text: r.Text, scratch: s}, nil
	}
	r.mark = p.mark
	built, err := build(r, nil)
	if err != nil {
		return Bound{}, err
	}
	s.literals = append(s.literals[:0], built.literals...)
	if key.text != "" && built.plan.cacheable {
		p.add(key, r, built, nil)
	}
	return Bound{Plan: built.plan, text: r.Text, scratch: s}, nil
}

// add keeps a plan, beside others for the same key.
func (p *Planner) add(key cacheKey, r Request, built built, from []prepared) {
	v := variant{plan: built.plan, pathIsUsed: built.pathIsUsed, prepared: from}
	if v.pathIsUsed {
		v.path = slices.Clone(r.Path)
	}
	e := &cacheEntry{variants: []variant{v}}
	if r.Mode != Simple {
		e.literals = built.literals
	}
	key.text = strings.Clone(key.text) // it was a view of the caller's memory
	p.adding.Lock()
	defer p.adding.Unlock()
	if old, ok := p.plans.Peek(key); ok {
		e.variants = append(e.variants, old.variants[:min(len(old.variants), maxVariants-1)]...)
		p.plans.Remove(key)
	}
	if e.size = len(key.text) + len(e.variants)*built.size; e.size > maxEntryBytes {
		return
	}
	p.bytes += e.size
	p.plans.Add(key, e)
	for p.bytes > maxCacheBytes && p.plans.Len() > 0 {
		p.plans.RemoveOldest()
	}
}

// Execute gives the plan of a text that executes prepared statements, when
// Plan.NeedsPrepared says so. It is remembered as long as the names stand for
// the same.
func (p *Planner) Execute(s *Scratch, r Request, find Prepared) (Bound, error) {
	key := cacheKey{version: r.Snapshot.Version, mode: r.Mode, executes: true, wild: r.Wild}
	switch {
	case len(r.Text) > maxCachedText:
	case r.Mode != Simple:
		key.text, key.escapes = view(r.Text), r.Escapes
	case s.shape(r.Text, r.Escapes):
		key.text = view(s.key)
	}
	if e, ok := p.plans.Get(key); ok && key.text != "" {
		if r.Mode != Simple {
			s.literals = append(s.literals[:0], e.literals...)
		}
		if plan := e.find(&r, s.literals, find); plan != nil {
			return Bound{Plan: plan, text: r.Text, scratch: s}, nil
		}
	}
	var from []prepared
	r.mark = p.mark
	built, err := build(r, func(name string) (*Statement, []uint32) {
		statement, types := find(name)
		from = append(from, prepared{name, statement, slices.Clone(types)})
		return statement, types
	})
	if err != nil {
		return Bound{}, err
	}
	s.literals = append(s.literals[:0], built.literals...)
	if key.text != "" && built.plan.cacheable {
		p.add(key, r, built, from)
	}
	return Bound{Plan: built.plan, text: r.Text, scratch: s}, nil
}
