package session

import (
	"pgseal/catalog"
	"pgseal/rewrite"
	"pgseal/wire"
)

// kind is what a request asked of the server, and so what answers end it.
type kind uint8

const (
	query             kind = iota // Query: ends with ReadyForQuery
	call                          // FunctionCall: ends with ReadyForQuery
	syncPoint                     // Sync: ends with ReadyForQuery
	parse                         // ParseComplete
	bind                          // BindComplete
	describeStatement             // ParameterDescription, then RowDescription or NoData
	describePortal                // RowDescription or NoData
	execute                       // rows, then CommandComplete and its like
	closeTarget                   // CloseComplete
	copyEnd                       // CopyDone or CopyFail: no answer of its own
)

// request is one frame that the server has been sent and has not answered. It
// is kept by value in the fifo, so that relaying allocates nothing.
type request struct {
	kind kind
	// hidden: the session asked it for itself; no answer reaches the client.
	hidden bool
	// computes: hidden, and a part of a question for what the server computes.
	computes bool
	// failing: hidden, and meant to fail, to tell the server of a failure.
	failing bool
	// ready: hidden, but its ReadyForQuery is the client's.
	ready bool
	// simple: it is a part of what a Query has become (see upgrade.go, insert.go).
	// What ends it is not shown, but for that of its rows; its errors are.
	simple bool
	// piece is what it is of the client's text.
	piece piece
	// ends: its text begins with pieceEnd, which has not been answered.
	ends bool
	// probe: it looks for a mistake in what is refused (refuse.go).
	probe bool
	// trial: should it fail, the Query goes to the server after all (insert.go).
	trial bool
	// process: hidden, processQuestion.
	process bool
	// inline: a question of ours has begun the transaction in which it runs.
	inline bool
	// guard: its rows are opened, or a COMMIT of ours may have to follow it, so the
	// client's next segment waits for it.
	guard bool
	// fallible: its rows are computed, so that they may fail though the server has given them.
	fallible bool
	// effects: it changes which prepared statements there are without naming
	// them in the protocol (PREPARE, DEALLOCATE, DISCARD).
	effects bool
	// closings: it changes which cursors there are (DECLARE, CLOSE, DISCARD).
	closings bool
	// resets: it can change settings by which values are converted.
	resets bool
	// streams: it begins a stream of logical replication whose rows are opened.
	streams bool
	// writes: it does not only read, as far as its first words tell.
	writes bool
	// extra is how many statements have ended that the server has in the place of one.
	extra uint16
	// next is the index of the statement being answered (query).
	next int32
	// rows is how many rows the client gets at most of a portal whose rows the session
	// holds, 0 for all.
	rows int32
	// question, of a Parse: the server reads it in front of a statement's.
	question *rewrite.Question

	// inside: hidden, and a part of this question of what reads the catalog inside of
	// the transaction.
	inside *catalog.Question

	plan      *rewrite.Plan      // query, or execute for one: nil if it was relayed
	planning  *planning          // query, parse: what was planned, for positions in errors
	statement *statement         // parse: what the name will hold; describeStatement
	portal    portal             // bind: what the name will hold; describePortal, execute
	names     *entry[*statement] // parse, closeTarget: the name that changes
	portals   *entry[portal]     // bind, closeTarget: the name that changes
	// refusal answers the client when the server has failed in our stead.
	refusal *wire.Error
	// computed has the values of columns that a COPY FROM adds to its data.
	computed *computed
	// copyFailure is why a COPY FROM of the request has been made to fail.
	copyFailure *copyFailure
}

// fifo holds the outstanding requests in the order in which the server will
// answer them. It is a ring that grows and never shrinks but by release.
type fifo struct {
	ring []request // its length is a power of two, or zero
	head int
	n    int
}

// firstRing is enough for a Query. Who needs more
// gets it once; most sessions of a crowd are idle and shall be small.
const firstRing = 1

func (f *fifo) len() int { return f.n }

// at returns the i-th request from the front; the pointer is valid until the
// next push.
func (f *fifo) at(i int) *request { return &f.ring[(f.head+i)&(len(f.ring)-1)] }

// push adds a request at the end and returns its place, valid until the next
// push.
func (f *fifo) push(r *request) *request {
	if f.n == len(f.ring) {
		ring := make([]request, max(firstRing, 2*len(f.ring)))
		for i := range f.n {
			ring[i] = *f.at(i)
		}
		f.ring, f.head = ring, 0
	}
	f.n++
	p := f.at(f.n - 1)
	*p = *r
	return p
}

// pop removes the request at the front.
func (f *fifo) pop() {
	*f.at(0) = request{} // let go of what it points to
	if f.n--; f.n == 0 {
		f.head = 0 // places used just now are still in the processor's cache
		return
	}
	f.head = (f.head + 1) & (len(f.ring) - 1)
}

// remove takes the i-th request out.
func (f *fifo) remove(i int) {
	for ; i > 0; i-- {
		*f.at(i) = *f.at(i - 1)
	}
	f.pop()
}

// release gives the ring back when it is empty.
func (f *fifo) release() {
	if f.n == 0 {
		*f = fifo{}
	}
}
