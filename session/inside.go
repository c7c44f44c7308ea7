package session

import (
	"bytes"

	"pgseal/catalog"
	"pgseal/rewrite"
	"pgseal/wire"
)

// What a transaction has changed of the catalog nobody else sees before it has ended.
// So the next of its statements that may have to do with something sealed waits until
// the catalog has been read inside of the transaction, on the session's own connection
// (catalog.Reading), and is planned for that. What was read serves until the next
// change, and not beyond the transaction.

// inside is what is known of that catalog.
type inside struct {
	// snap is nil until something has needed it; base is what the others see, which
	// it was read beside.
	snap, base *catalog.Snapshot
	// old: the catalog may have been changed since. spread: so that there may be
	// something sealed of which the names are not known.
	old, spread bool
	// anew: it has to be read as a whole, for something is missing in it.
	anew bool

	reading *catalog.Reading  // under way, nil for none
	last    *catalog.Question // of those that have been asked
	path    []byte            // the search path to be put back, nil while it is not known
	block   bool              // the questions are asked behind a savepoint
	synced  bool              // the questions are followed by a Sync of their own
	failed  *wire.Error
	// hid: the server has told of the questions' search path, which the client was not
	// shown.
	hid bool
}

// The session's temporary tables would stand in front of a path that does not name them.
const (
	pathQuestion = "SELECT pg_catalog.current_setting('search_path'), pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true), pg_catalog.set_config('jit', 'off', true)"
	pathAnswer   = "SELECT pg_catalog.set_config('search_path', $1, true)"
)

// A transaction keeps the locks of what it reads until it ends, and these are catalogs:
// VACUUM FULL of one would wait, and whoever wants to read it behind. In a block they
// are given back with a savepoint, which also puts the search path back.
const (
	savepoint   = "SAVEPOINT pgseal_reading"
	toSavepoint = "ROLLBACK TO SAVEPOINT pgseal_reading"
	noSavepoint = "RELEASE SAVEPOINT pgseal_reading"
)

// alters notes that statements which may change the catalog, or take back what was
// changed, are on their way to the server. h are the hints of their text.
func (c *catalogState) alters(p *rewrite.Plan, h hints, version uint64) {
	ends := false
	for i := range p.Statements() {
		c.alter(&p.Statements()[i], version)
		ends = ends || mayEnd(&p.Statements()[i])
	}
	if ends {
		c.undo(h)
	}
}

// mayEnd says whether a statement that is planned may end a transaction; hints of its
// text do not tell, for they are of the body of a function, too.
func mayEnd(st *rewrite.Statement) bool { return st.Ends || st.Effect == rewrite.Executes }

// alter is alters for one statement that ends nothing. version is that of the snapshot
// which it has been planned by.
func (c *catalogState) alter(st *rewrite.Statement, version uint64) {
	if st = runs(st); st.Effect != rewrite.ChangesCatalog && !st.Alters {
		return
	}
	if c.inside == nil {
		c.inside = new(inside)
	}
	switch {
	case !st.Quiet || st.Alters:
		c.inside.old, c.inside.spread = true, c.inside.spread || st.Spreads
	case c.quiet == 0:
		c.quiet = version
	case c.quiet != version:
		c.inside.old = true
	}
}

// undo notes that a statement is on its way which takes back what the transaction has
// changed, or some of that.
func (c *catalogState) undo(h hints) {
	if h&ends == 0 {
		return
	}
	if c.unsure = true; c.inside != nil {
		c.inside.old, c.inside.spread = true, true
	}
}

// changing reports that the transaction has changed the catalog since it was read.
func (c *catalogState) changing() bool { return c.inside != nil && c.inside.old }

// spreading reports that something may have become sealed of which the snapshot does
// not know.
func (c *catalogState) spreading() bool {
	return c.spread || c.inside != nil && c.inside.old && c.inside.spread
}

// over is the snapshot to go by, where base is what the others see now.
func (in *inside) over(base *catalog.Snapshot) *catalog.Snapshot {
	if in == nil || in.snap == nil || base == nil {
		return base
	}
	if base != in.base {
		if base.Version != in.base.Version {
			in.old, in.spread = true, true
		}
		in.snap, in.base = in.snap.Rekeyed(base), base
	}
	return in.snap
}

// outdated reports that the catalog has to be read inside of the transaction before a
// text is planned.
func (in *inside) outdated(snap *catalog.Snapshot, text []byte) bool {
	return in != nil && in.old && look(text)&controls == 0 && (in.spread || rewrite.MayName(snap, text))
}

// readInside reads it. verdict says how to go on as long as it is not there.
func (s *Session) readInside(out *Output) verdict {
	in := s.catalog.inside
	switch {
	case in.failed != nil:
		e := in.failed
		in.failed = nil
		return verdict{act: drop, refusal: e}
	case s.frame.reading:
		return verdict{act: wait, need: Need{Kind: NeedServer}}
	case s.frame.query && s.fifo.len() > 0:
		act, need, _ := s.waitServer(out)
		return verdict{act: act, need: need}
	}
	base, err := s.cfg.Catalog()
	if err != nil || base == nil {
		return verdict{act: drop, refusal: staleCatalog(err)}
	}
	s.frame.inline = s.frame.inline || s.frame.query && s.status == 'I'
	s.frame.reading = true
	in.base, in.path, in.synced = base, nil, s.frame.query && !s.frame.inline
	in.block = s.status == 'T' && s.fifo.len() == 0 && !s.catalog.unsure
	in.reading = catalog.NewReading(base, in.snap, in.anew)
	s.readOn(out)
	if in.failed != nil {
		return s.readInside(out)
	}
	return verdict{act: wait, need: Need{Kind: NeedServer}}
}

// readOn asks what is left to ask, or takes over what has been read.
func (s *Session) readOn(out *Output) {
	in := s.catalog.inside
	fresh := true
	ask, snap, err := in.reading.Next()
	if err == nil && len(ask) > 0 {
		if in.last = ask[len(ask)-1]; in.path == nil {
			first := []*catalog.Question{{SQL: savepoint}, {SQL: pathQuestion}}
			if !in.block {
				first = first[1:]
			}
			ask = append(first, ask...)
		}
		err = s.askInside(ask, out)
	}
	switch {
	case err != nil:
		in.reading, in.failed = nil, unplanned(err)
		if e := statementError(err); e != nil {
			in.failed = e
		}
	case snap == nil:
		return
	default:
		fresh = !in.reading.GivenAgain() // what was made since may be missing
		in.snap, in.reading, in.old, in.spread, in.anew = snap, nil, false, false, false
		s.catalog.later, s.catalog.quiet = s.catalog.later || s.catalog.quiet != 0, 0
	}
	in.last = nil
	s.seen, s.frame.reading, s.frame.fresh = false, false, fresh
	switch {
	case in.path == nil:
	case in.block:
		_ = s.askInside([]*catalog.Question{{SQL: toSavepoint}, {SQL: noSavepoint}}, out) // these have nothing to be encoded
	default:
		// It has been printed by the server: no other encoding is involved.
		_ = s.askInside([]*catalog.Question{{SQL: pathAnswer, Params: [][]byte{in.path}}}, out)
	}
}

// askInside sends questions.
func (s *Session) askInside(questions []*catalog.Question, out *Output) error {
	encoded := make([][][]byte, len(questions))
	for i, q := range questions {
		for _, p := range q.Params {
			if p != nil && q.SQL != pathAnswer && !rewrite.IsASCII(p) && s.settings.values.Transcodes() {
				var err error
				if p, err = s.settings.values.FromUTF8(bytes.Clone(p), 0); err != nil {
					return err
				}
			}
			encoded[i] = append(encoded[i], p)
		}
	}
	in := s.catalog.inside
	s.keepTurn(out)
	dst := wire.AppendTarget(out.server.scratch, wire.TypeClose, 'S', questionName)
	s.push(&request{kind: closeTarget, hidden: true, inside: questions[0]})
	for i, q := range questions {
		dst = wire.AppendParse(dst, questionName, q.SQL, nil)
		dst = appendTextBind(dst, questionName, encoded[i])
		dst = wire.AppendTarget(dst, wire.TypeDescribe, 'P', questionName)
		dst = wire.AppendExecute(dst, questionName, 0)
		dst = wire.AppendTarget(dst, wire.TypeClose, 'P', questionName)
		dst = wire.AppendTarget(dst, wire.TypeClose, 'S', questionName)
		for _, k := range [...]kind{parse, bind, describePortal, execute, closeTarget, closeTarget} {
			s.push(&request{kind: k, hidden: true, inside: q})
		}
	}
	if in.synced {
		dst = wire.AppendEmpty(dst, wire.TypeSync)
		s.push(&request{kind: syncPoint, hidden: true, inside: questions[0]})
	} else {
		dst = wire.AppendEmpty(dst, wire.TypeFlush)
		s.flushed = true
	}
	out.server.put(dst)
	return nil
}

// appendTextBind appends a Bind with parameters and results in text.
func appendTextBind(dst []byte, name string, params [][]byte) []byte {
	dst, start := wire.Begin(dst, wire.TypeBind)
	dst = wire.AppendCString(wire.AppendCString(dst, name), name)
	dst = wire.AppendCount(wire.AppendCount(dst, 0), len(params))
	for _, p := range params {
		if p == nil {
			dst = wire.AppendInt32(dst, wire.Null)
			continue
		}
		dst = append(wire.AppendInt32(dst, int32(len(p))), p...)
	}
	return wire.End(wire.AppendCount(dst, 0), start)
}

// hides reports that the search path which the server tells of (PostgreSQL 18 does) is
// that of the questions, or the client's own put back, which the client knows. r is what
// the server answers.
func (in *inside) hides(r *request, path []byte) bool {
	switch {
	case in == nil || in.path == nil:
		return false
	case r != nil && r.hidden && r.inside != nil:
		in.hid = !bytes.Equal(path, in.path)
		return true
	case in.hid: // a question has failed, and the transaction with it
		in.hid = false
		return bytes.Equal(path, in.path)
	}
	return false
}

// insideTypes reads the description of an answer.
func insideTypes(q *catalog.Question, body []byte) error {
	fields, err := wire.ParseRowDescription(body)
	if err != nil {
		return errUnasked
	}
	var f wire.Field
	for it := fields.Iter(); it.Next(&f); {
		q.Types = append(q.Types, f.Type)
	}
	return nil
}

// insideRow reads a row of an answer.
func (s *Session) insideRow(q *catalog.Question, body []byte) error {
	values, err := wire.ParseDataRow(body)
	if err != nil || values.Len() != len(q.Types) {
		return errUnasked
	}
	row := make([][]byte, 0, values.Len())
	for it := values.Iter(); len(row) < values.Len(); {
		v, _ := it.Next()
		if v != nil {
			if v = append([]byte{}, v...); !rewrite.IsASCII(v) && s.settings.values.Transcodes() && q.SQL != pathQuestion {
				if v, err = s.settings.values.ToUTF8(v); err != nil {
					return err
				}
			}
		}
		row = append(row, v)
	}
	q.Rows = append(q.Rows, row)
	return nil
}

// insideAnswered: an answer is there.
func (s *Session) insideAnswered(q *catalog.Question, out *Output) {
	in := s.catalog.inside
	if in == nil || in.reading == nil {
		return
	}
	if q.SQL == pathQuestion && len(q.Rows) == 1 && len(q.Rows[0]) > 0 {
		in.path = append([]byte{}, q.Rows[0][0]...)
	}
	if q == in.last {
		s.readOn(out)
	}
}

// insideFailed: the server has failed in a question. The frame that waits for the answer
// has got that error, and goes nowhere.
func (s *Session) insideFailed(f wire.ErrorFields, out *Output) {
	showAsked(f, &rewrite.Question{}, nil, "", out)
	in := s.catalog.inside
	if in == nil || in.reading == nil {
		return
	}
	in.reading, in.last = nil, nil
	s.frame.reading, s.frame.answered = false, true
	switch {
	case in.synced: // its ReadyForQuery is the client's
		for i := range s.fifo.len() {
			if r := s.fifo.at(i); r.kind == syncPoint && r.inside != nil {
				r.hidden = false
				break
			}
		}
	case s.frame.inline: // the server waits for a Sync, which the client has no reason to send
		out.server.put(wire.AppendEmpty(out.server.scratch, wire.TypeSync))
		s.push(&request{kind: syncPoint})
	}
}
