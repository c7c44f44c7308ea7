package session

import (
	"log/slog"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/keycache"
	"pgseal/rewrite"
	"pgseal/wire"
)

// Config is what a session is made with.
type Config struct {
	Planner *rewrite.Planner
	// Catalog gives the current snapshot of the session's database. With an
	// error beside it the snapshot may be out of date: what may touch a sealed
	// column is refused.
	Catalog func() (*catalog.Snapshot, error)
	// Behind reports that another session has committed DDL which the snapshot does
	// not know of yet, and Moved tells that this one has.
	Behind func() bool
	Moved  func()
	// Keys gives an open data key if it is there at once. It does no I/O; what
	// is not there becomes a NeedKey.
	Keys func(id uint32) (keycache.Lease, bool)
	// Logger gets what an operator should know. Nothing that a client sent or
	// a server stored goes there. nil discards.
	Logger *slog.Logger
	// MaxFrame bounds, in bytes with header, the frames that have to be looked
	// into as a whole; frames that are only relayed stream at any size. 0 means
	// the protocol's own limit of 1 GiB.
	MaxFrame int
}

// Session is the protocol state of one session. Its methods must not be called
// concurrently.
type Session struct {
	cfg Config

	// What is under way.
	fifo fifo
	// status is the transaction status of the last ReadyForQuery.
	status byte
	// segment counts the frames sent that end with ReadyForQuery (Sync, Query,
	// FunctionCall). An error skips within one, never beyond.
	segment        uint64
	client, server pending

	statements registry[*statement]
	portals    registry[portal]
	cursors    cursors
	failedRows failedRows
	// plain are the statements of all that was relayed unnamed, by their hints,
	// for one version of the catalog.
	plain [8]*statement

	settings settings
	catalog  catalogState
	// snap and snapErr are what Config.Catalog has said, if seen, in this call.
	snap    *catalog.Snapshot
	snapErr error
	seen    bool
	frame   frameState
	failure failure
	result  result

	// guards counts the Syncs and Queries under way with rows that are opened:
	// should one fail to open, the transaction must be aborted before anything
	// else of the client's is sent.
	guards int
	// opening counts the Executes under way whose rows are opened; opens and
	// writes are what the segment at hand has of them and of others.
	opening       int
	opens, writes bool
	// fallible counts those of them whose rows are computed, and may fail.
	fallible int
	// begun: it has had a frame already. inBlock: it has begun a transaction block.
	// oneSeen: what runs next sees the snapshot that a question in front of it sees.
	// repeatable: it is REPEATABLE READ for that.
	begun, inBlock, oneSeen, repeatable bool
	// effects counts the requests under way that change which prepared
	// statements there are without naming them in the protocol.
	effects int
	// closings counts the requests under way that change which cursors there are.
	closings int
	// resets counts the requests under way that can change settings.
	resets int
	// conflictLocks counts the locks that the transaction has for questions.
	conflictLocks int
	// flushed: the server has been told to answer all it has been sent.
	flushed bool

	// skipping is whether the server ignores everything before a Sync that the client
	// has not sent yet.
	skipping skipping
	// copyIn: the server reads COPY data; it ignores Sync until CopyDone or
	// CopyFail.
	copyIn  bool
	copying copying
	// swallowedSyncs counts the Syncs taken for swallowed by a COPY; if the
	// COPY failed before it read them, the server does answer them.
	swallowedSyncs int
	// raw: physical replication, nothing of which is for us.
	raw bool
	// newer: the server may have syntax that the planner does not read.
	newer bool
	// walsender: logical replication, whose commands are no SQL.
	walsender bool
	// unplannedNames: a Query passed while nothing was sealed, and may have
	// prepared statements of which nothing is known.
	unplannedNames bool
	vacant         bool   // the server may have lost names of statements: see occupy
	process        uint32 // of the server, as it was told to the client; 0 for none

	// unnamed is the text of the last unnamed Parse that was relayed; empty if it
	// was too long to keep, or may not be what the server holds.
	unnamed []byte
	// unnamedHints are its hints; unnamedIn is the snapshot that knows nothing
	// sealed in it, nil if that depends on more.
	unnamedHints hints
	executed     hints    // of what the planner has asked for
	remembers    bool     // there may be statements of PREPARE that the session knows
	peer         answerer // is it that process
	unnamedIn    *catalog.Snapshot
	// unknown is a name that the planner has asked for and of which nothing is
	// known.
	unknown string
	// outdated is a statement that the planner has asked for and that was
	// planned under an older snapshot.
	outdated *entry[*statement]
	// doomed is why a statement that the planner has asked for cannot run.
	doomed *wire.Error

	leases leases
	nonces *envelope.Nonces // for the seals of one call; nil before the first
	buf    buffers
	batch  *batch      // nil before rows are opened
	recent description // of a Query's rows
	passed description // of rows with nothing sealed, of a text that was relayed
	like   relayedText // the last one of a Query

	inserts *inserts // nil until one comes
	delayed *delayed // nil until there is something
	// beyond is how many bytes of further frames serverFrame has dealt with.
	beyond int
	// sealing is the text whose literals are being sealed.
	sealing *planning
	// rehearsing: it is only to be found whether the client's values can be sealed;
	// what the server computes has not been asked for yet.
	rehearsing bool
	// deferring: errors of literals that PostgreSQL would find only at Bind go to
	// deferred.
	deferring bool
	// wild: the text at hand is planned for patterns with wildcards.
	wild bool
	// declaring are the types of parameters that the client declares for the text being planned.
	declaring []uint32
	// foreign: the literals at hand are in UTF-8 whatever the client's encoding.
	foreign  bool
	deferred *wire.Error
	// sealFunc is sealLiteral, made once because a method value allocates.
	sealFunc func([]byte, *rewrite.Literal) ([]byte, error)
	// findPrepared is prepared, likewise.
	findPrepared rewrite.Prepared
	need         Need // of the callback that ended with errNeed
	types        []uint32
	columns      []*catalog.SealedColumn
	// sealedColumns is how many of columns are sealed.
	sealedColumns int
	// origin is where columns are said to come from, by plan.
	origin []catalog.Attribute
	// computed are those of columns that are, by plan.
	computed computedOutputs
	sent     sentValues
	spare    []*planning
}

// skipping says whether frames are worth nothing.
type skipping uint8

const (
	skipsNothing skipping = iota
	skips                 // the server has failed
	willSkip              // it will, at what has been sent in the place of a refused frame
)

// pending is the rest of a frame that is larger than what has been read of it.
type pending struct {
	left int
	drop bool
	copy bool // it is data of a COPY that is sealed
}

// New begins a session whose startup has just ended.
func New(c Config) *Session {
	if c.MaxFrame <= 0 || c.MaxFrame > wire.MaxFrame {
		c.MaxFrame = wire.MaxFrame
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Behind == nil {
		c.Behind, c.Moved = func() bool { return false }, func() {}
	}
	s := &Session{cfg: c, status: 'I'}
	s.settings.conforming, s.settings.known = true, true
	s.sealFunc, s.findPrepared = s.sealLiteral, s.prepared
	return s
}

// Idle reports that the session is outside a transaction, that nothing is
// outstanding and no frame half passed on: it may be ended without harm.
func (s *Session) Idle() bool {
	return s.status == 'I' && s.front() == nil && s.client.left == 0 && s.server.left == 0 && s.skipping == skipsNothing
}

// Answered reports that the server owes no answer: whatever is planned from here on goes
// by the catalog as it is known then.
func (s *Session) Answered() bool { return s.fifo.len() == 0 }

// ReleaseBuffers gives back what a busy session has grown, and with it the
// values that its buffers still hold.
func (s *Session) ReleaseBuffers() {
	s.fifo.release()
	s.buf, s.batch = buffers{}, nil
	s.leases.openers, s.recent, s.passed, s.like = nil, description{}, description{}, relayedText{}
	s.snap, s.seen, s.unnamedIn = nil, false, nil
	s.spare = nil
	s.inserts.release()
	s.sent = sentValues{}
	if s.copying.phase == copyNone {
		s.copying.in = nil
	}
	if s.fifo.len() == 0 {
		s.result, s.delayed = result{}, nil
	}
}

// action is what becomes of a frame that has been looked at.
type action uint8

const (
	// relay passes the frame on as it is, in as many pieces as it comes.
	relay action = iota
	// drop consumes the frame; whatever goes on in its place has been put.
	drop
	// wait leaves the frame where it is: the Need says for what.
	wait
	// convert takes the body of a CopyData piece by piece.
	convert
)

// push adds what is being sent to the requests under way.
func (s *Session) push(r *request) {
	switch {
	case !r.guard:
	case r.kind == execute:
		s.opening++
		if r.fallible {
			s.fallible++
		}
	default:
		s.guards++
	}
	if r.effects {
		s.effects++
	}
	if r.closings {
		s.closings++
	}
	if r.resets {
		s.resets++
	}
	if s.flushed = false; r.kind == query && !r.hidden {
		r.piece = s.frame.piece
		s.statements.unnamed.latest = nil // it goes with a Query
	}
	s.fifo.push(r)
	if r.kind == query || r.kind == call || r.kind == syncPoint {
		s.flushed = true // the server answers these unasked
		s.segment++
		s.opens, s.writes, s.begun, s.inBlock, s.oneSeen, s.repeatable = false, false, false, false, false, false
	} else {
		s.begun = s.begun || r.kind != copyEnd     // which the server ignores where there is no COPY
		s.oneSeen = s.oneSeen && r.kind != execute // a COMMIT, perhaps
	}
}

// finish ends the request at the front, which has been answered.
func (s *Session) finish() {
	s.done(s.fifo.at(0))
	s.fifo.pop()
}

// done undoes the counts of push when a request has been answered or skipped.
func (s *Session) done(r *request) {
	switch {
	case !r.guard:
	case r.kind == execute:
		s.opening--
		if r.fallible {
			s.fallible--
		}
	default:
		s.guards--
	}
	if r.effects {
		s.effects--
	}
	if r.closings {
		s.closings--
	}
	if r.resets {
		s.resets--
	}
	if r.planning != nil {
		s.recycle(r.planning)
	}
}

// skipped forgets a request that the server has skipped after an error.
func (s *Session) skipped(r *request) {
	if r.names != nil {
		if r.names == &s.statements.unnamed {
			s.unnamed = s.unnamed[:0]
		}
		r.names.skip()
		s.statements.tidy(r.names)
	}
	if r.portals != nil {
		r.portals.skip()
		s.portals.tidy(r.portals)
	}
	if r.kind == describeStatement && r.statement != nil {
		r.statement.described = false
	}
	if r.kind == describePortal && r.portal.statement != nil {
		r.portal.statement.described = false
	}
	s.done(r)
}
