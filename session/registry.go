package session

// A registry maps names to what the server holds under them. The server's
// answers lag behind the client's requests, so every name has two values: what
// the server has confirmed, and what it will hold if all goes well with what
// has been sent. A request that the server skips after an error never happened.

// entry is one name. T's zero value means that the name is not known here.
type entry[T comparable] struct {
	name              string
	confirmed, latest T
	pending           int    // requests under way that change this name
	segment           uint64 // of the last of them: the number of Syncs before it
}

// registry holds the entries of one kind of name. The unnamed one has its own
// place, because most traffic uses nothing else.
type registry[T comparable] struct {
	unnamed entry[T]
	named   map[string]*entry[T]
	last    *entry[T] // of named, that find has found last; often the next as well
}

// find returns the entry of a name, nil if there is none.
func (r *registry[T]) find(name []byte) *entry[T] {
	if len(name) == 0 {
		return &r.unnamed
	}
	if r.last != nil && string(name) == r.last.name {
		return r.last
	}
	e := r.named[string(name)]
	if e != nil {
		r.last = e
	}
	return e
}

// findNamed is find for a name that is not empty.
func (r *registry[T]) findNamed(name string) *entry[T] { return r.named[name] }

// make returns the entry of a name, new if need be.
func (r *registry[T]) make(name []byte) *entry[T] {
	if e := r.find(name); e != nil {
		return e
	}
	if r.named == nil {
		r.named = make(map[string]*entry[T])
	}
	e := &entry[T]{name: string(name)}
	r.named[e.name] = e
	return e
}

// tidy forgets a name that the server does not hold and nothing will change.
func (r *registry[T]) tidy(e *entry[T]) {
	var none T
	if e.pending == 0 && e.confirmed == none && e != &r.unnamed {
		r.remove(e)
	}
}

func (r *registry[T]) remove(e *entry[T]) {
	if r.last == e {
		r.last = nil
	}
	delete(r.named, e.name)
}

// send notes a request that gives the name a new value, or none.
func (e *entry[T]) send(v T, segment uint64) {
	e.latest = v
	e.pending++
	e.segment = segment
}

// confirm: the server has done what send noted with v.
func (e *entry[T]) confirm(v T) {
	e.confirmed = v
	e.pending--
}

// skip: the server has not done what send noted.
func (e *entry[T]) skip() {
	if e.pending--; e.pending == 0 {
		e.latest = e.confirmed
	}
}

// set gives the name a value that the server already holds.
func (e *entry[T]) set(v T) {
	e.confirmed = v
	if e.pending == 0 {
		e.latest = v
	}
}

// uncertain: whether the name has its latest value is decided before an
// earlier Sync, so that an error there would not make the server skip what
// comes now. Whoever needs to know has to wait.
func (e *entry[T]) uncertain(segment uint64) bool {
	return e.pending > 0 && e.segment != segment
}

// clear forgets what the server has confirmed under all names.
func (r *registry[T]) clear() {
	var none T
	r.unnamed.set(none)
	r.clearNamed()
}

// clearNamed is clear for all but the unnamed one.
func (r *registry[T]) clearNamed() {
	if len(r.named) == 0 {
		return // as nearly always: even an empty map takes time to go through
	}
	var none T
	for _, e := range r.named {
		if e.pending == 0 {
			r.remove(e)
		} else {
			e.set(none)
		}
	}
}
