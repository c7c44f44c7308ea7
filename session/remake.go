package session

import (
	"encoding/binary"
	"slices"

	"pgseal/catalog"
	"pgseal/wire"
)

// A prepared statement outlives what it was planned for: a column that it names is
// sealed or unsealed, gets a term, or the key of a value in its text is rotated. To the
// client none of that changes anything, and the plaintext database would go on. So
// before it is bound the next time, the statement is prepared anew at the server under
// its name, invisibly, and described: only if its parameters or rows are not what the
// client has been told has it to prepare the statement itself, as after DDL that
// changes their types.

// told are prints of the descriptions of a statement that the client has got, 0 for
// none.
type told struct{ params, rows uint64 }

// noRows is the print of rows that there are none of.
const noRows = 1

// remake is the preparation of a statement anew.
type remake struct {
	name      []byte
	old, made *statement
	told      told // of made
	answered  bool // made is not what old was to the client
}

// renewal is what looking at a statement again came to.
type renewal struct {
	act     action // relay: it may be used as it is; wait: see need
	need    Need
	refusal *wire.Error
	// changed: the text has to be prepared anew, as planned, or as it is if that is nil.
	changed  bool
	text     []byte
	planning *planning
}

// renewed lets a statement be used that the server holds as it has to be, and makes it so
// if it does not. ok is false while it waits, and when it has been refused.
func (s *Session) renewed(name []byte, st *statement, snap *catalog.Snapshot, stale error, out *Output) (act action, need Need, err error, ok bool) {
	if m := st.again; m != nil && s.remaking(m) {
		act, need, err = s.waitServer(out)
		return act, need, err, false
	} else if m != nil {
		st.again = nil
		if m.answered {
			act, need, err = s.refuse(errReplan, out)
			return act, need, err, false
		}
	}
	r := s.renew(st, len(name) == 0, snap, stale, out)
	switch {
	case r.changed:
		act, need, err = s.remake(name, st, &r, snap, out)
	case r.refusal != nil:
		act, need, err = s.refuse(r.refusal, out)
	case r.act == wait:
		act, need = wait, r.need
	default:
		return relay, Need{}, nil, true
	}
	return act, need, err, false
}

// remake prepares a statement anew.
func (s *Session) remake(name []byte, st *statement, r *renewal, snap *catalog.Snapshot, out *Output) (action, Need, error) {
	if st.told.rows == 0 && st.hints&readsOnly != 0 {
		if r.planning != nil {
			s.recycle(r.planning)
		}
		return s.refuse(errReplan, out) // what its rows were cannot be told any more
	}
	dst := out.server.scratch
	if len(name) > 0 {
		dst = wire.AppendTarget(dst, wire.TypeClose, 'S', name)
	}
	var made *statement
	if p := r.planning; p != nil {
		made = s.planned(r.text, st.declared, snap, p)
		types, refusal := s.typeParameters(made, p, r.text)
		if made.copies() != nil {
			refusal = errReplan
		}
		var need Need
		if refusal == nil {
			dst, need, refusal = s.appendDeferring(dst, name, made, p, types)
		}
		if refusal != nil || need.Kind != NeedNothing {
			s.recycle(p)
			if refusal != nil {
				return s.refuse(refusal, out)
			}
			return wait, need, nil
		}
	} else {
		made = s.unplannedText(string(r.text), false, st.declared, s.look(r.text), snap)
		dst = wire.AppendParse(dst, name, made.text, st.declared)
	}
	dst = wire.AppendTarget(dst, wire.TypeDescribe, 'S', name)
	// Flush and not Sync, which would end the client's implicit transaction.
	out.server.put(wire.AppendEmpty(dst, wire.TypeFlush))
	if len(name) > 0 {
		s.push(&request{kind: closeTarget, simple: true})
	}
	s.push(&request{kind: parse, simple: true, statement: made, planning: r.planning})
	s.push(&request{kind: describeStatement, simple: true, statement: made})
	st.lost = true
	st.again = &remake{name: slices.Clone(name), old: st, made: made}
	made.again = st.again
	s.flushed = true
	return wait, Need{Kind: NeedServer}, nil
}

// remaking reports that the server has not answered all of it; an error makes it skip
// the rest.
func (s *Session) remaking(m *remake) bool {
	for i := range s.fifo.len() {
		if r := s.fifo.at(i); r.remakes() && r.statement == m.made {
			return true
		}
	}
	return false
}

// remakes reports that the request ends the preparation of a statement anew.
func (r *request) remakes() bool { return r.kind == describeStatement && r.simple }

// subject is the statement that a request has described, nil for none of its own.
func (r *request) subject() *statement {
	st := r.portal.statement
	if r.kind == describeStatement {
		st = r.statement
	}
	if st == nil || st.text == "" || st.cursor != "" {
		return nil
	}
	return st
}

// tellsRows reports that the print of the rows' description has not been taken yet.
func (r *request) tellsRows() bool {
	st := r.subject()
	return st != nil && (st.told.rows == 0 || r.remakes())
}

// tellsParams is tellsRows for the parameters.
func (r *request) tellsParams() bool {
	st := r.subject()
	return st != nil && (st.told.params == 0 && !r.hidden || r.remakes())
}

// toldRows takes the print of rows.
func (s *Session) toldRows(r *request, print uint64) {
	st := r.subject()
	switch {
	case st == nil:
	case r.remakes():
		st.again.told.rows = print
		s.remade(st.again)
	case st.told.rows == 0:
		st.told.rows = print
	}
}

// toldParams takes the print of parameters.
func (r *request) toldParams(print uint64) {
	st := r.subject()
	switch {
	case st == nil:
	case r.remakes():
		st.again.told.params = print
	case st.told.params == 0:
		st.told.params = print
	}
}

// remade puts the statement in the place of the old one, if it is the same to the
// client.
func (s *Session) remade(m *remake) {
	old := m.old.told
	sameParams := old.params == 0 || old.params == m.told.params
	sameRows := old.rows == m.told.rows || m.told.rows == noRows
	if m.made.again = nil; !sameParams || !sameRows {
		m.answered = true
		return
	}
	m.made.told = old
	if e := s.statements.find(m.name); e != nil {
		e.set(m.made)
	}
}

// A print is an FNV-1a hash.
const (
	printStart uint64 = 14695981039346656037
	printPrime uint64 = 1099511628211
)

func printBytes(h uint64, b []byte) uint64 {
	for _, c := range b {
		h = (h ^ uint64(c)) * printPrime
	}
	return h
}

// printFields is the print of rows as the client is shown them: names, types and
// lengths of types, which is what PostgreSQL compares. columns are the sealed ones.
func printFields(fields wire.Fields, columns []*catalog.SealedColumn) uint64 {
	h := printStart
	var number [9]byte
	var f wire.Field
	for i, it := 0, fields.Iter(); it.Next(&f); i++ {
		if i < len(columns) {
			showField(&f, columns[i])
		}
		h = printBytes(h, f.Name)
		binary.BigEndian.PutUint32(number[1:], f.Type)
		binary.BigEndian.PutUint32(number[5:], uint32(f.TypMod))
		h = printBytes(h, number[:])
	}
	return max(h, noRows+1)
}

// printTypes is the print of parameters.
func printTypes(types []uint32) uint64 {
	h := printStart
	var number [4]byte
	for _, t := range types {
		binary.BigEndian.PutUint32(number[:], t)
		h = printBytes(h, number[:])
	}
	return max(h, 1)
}
