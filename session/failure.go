package session

import (
	"strings"

	"pgseal/wire"
)

// When the server has carried a statement out but its rows cannot be shown (a
// value does not open, a key cannot be had), the client must see a failed
// statement and the server must not go on as if nothing had happened:
//
//   - The rows already sent stay; the others are swallowed, and the
//     ErrorResponse takes the place of the statement's CommandComplete.
//   - What the server answers from there to ReadyForQuery is swallowed, as it
//     would have skipped it.
//   - Extended protocol, Sync not yet sent: a Parse that fails goes to the
//     server at once, so it skips to the client's Sync, and the transaction,
//     implicit or not, is its own aborted one. So that this is the usual case,
//     the Sync of a segment that writes waits for the rows that are opened
//     (see sync), and everything but Sync for rows that are computed, which can fail
//     in the ordinary course of things: a COMMIT behind them would be the server's.
//   - Otherwise, if ReadyForQuery says that a transaction is open, it is held
//     back; a Query that fails aborts the transaction, and its ReadyForQuery
//     goes to the client. The client's later frames wait behind it (guards).
//   - In the simple protocol a text of several statements, one of which has rows that
//     are computed and others that do more than read, goes in pieces (rewrite.Plan.Apart).
//   - What is left: a statement outside a transaction block in the simple
//     protocol, or alone before its Sync and not writing by its first word, has
//     been committed when its rows are read. The error's detail says so.

// failure is the state of such a statement.
type failure struct {
	pending *wire.Error // to be told at the end of the statement's rows
	told    bool        // it has been told; the server does not know
	// names are of statements that the server has prepared since, and the
	// client must think that it has not.
	names []*entry[*statement]
}

// silent reports that answers do not reach the client.
func (f *failure) silent() bool { return f.pending != nil || f.told }

// begin notes why the statement at hand fails.
func (f *failure) begin(e *wire.Error) {
	if !f.silent() {
		f.pending = e
	}
}

// fail tells the client, and the server where that is possible at once. ran: the
// statement has been carried out.
func (s *Session) fail(ran bool, out *Output) {
	e := *s.failure.pending
	s.failure = failure{told: true}
	r := s.fifo.at(0)
	extended := r.kind != query
	if ran && r.writes && s.status == 'I' && (!extended || s.synced()) {
		if e.Detail != "" {
			e.Detail = strings.TrimSuffix(e.Detail, ".") + ". "
		}
		e.Detail += "The server has carried the statement out all the same; only its rows cannot be shown."
	}
	out.client.put(e.Append(out.client.scratch))
	s.result.end()
	if extended && !s.synced() {
		s.skipping = skips
		out.server.put(s.appendFailingParse(out.server.scratch, nil))
		s.fifo.push(&request{kind: parse, hidden: true, failing: true})
	}
}

// closeNames closes the statements that the client cannot know of, in a segment
// of our own that ends before the client's next.
func (s *Session) closeNames(out *Output) {
	if len(s.failure.names) == 0 {
		return
	}
	dst := out.server.scratch
	for _, e := range s.failure.names {
		dst = wire.AppendTarget(dst, wire.TypeClose, 'S', e.name)
		e.send(nil, s.segment)
		s.fifo.push(&request{kind: closeTarget, hidden: true, names: e})
	}
	out.server.put(wire.AppendEmpty(dst, wire.TypeSync))
	s.fifo.push(&request{kind: syncPoint, hidden: true})
}

// synced reports that a Sync is under way.
func (s *Session) synced() bool {
	for i := range s.fifo.len() {
		if s.fifo.at(i).kind == syncPoint {
			return true
		}
	}
	return false
}

// abort ends a segment in which a statement has failed for the client alone.
// It reports that the ReadyForQuery at hand has to be held back, because the
// server's transaction is still whole.
func (s *Session) abort(out *Output) bool {
	told := s.failure.told
	// Nothing else is under way, unless a statement that nobody expected to
	// have sealed rows did: then the client learns of the abort one
	// ReadyForQuery later.
	alone := s.front() == nil
	s.closeNames(out)
	s.failure = failure{}
	if !told || s.status != 'T' {
		return false
	}
	out.server.put(wire.AppendQuery(out.server.scratch, failingText))
	s.fifo.push(&request{kind: query, hidden: true, failing: true, ready: alone})
	return alone
}
