package session

// delayed is what the client gets later than the server sends it, where messages of
// the extended protocol have taken the place of a Query (upgrade.go, insert.go):
// what would come in answer to that only when more has been carried out.
type delayed struct {
	// rows is the description of the rows that an INSERT returns, or a FETCH of rows that are
	// held. In answer to a Query it comes when that has been carried out.
	rows []byte
	// end is the end of a statement that has been carried out and not been
	// committed: a deferred constraint can fail yet, and then there is none.
	end []byte
}

// delay makes room for what is to be delayed.
func (s *Session) delay() *delayed {
	if s.delayed == nil {
		s.delayed = new(delayed)
	}
	return s.delayed
}

// showRows shows the description, if there is one.
func (d *delayed) showRows(out *Output) {
	if d != nil && len(d.rows) > 0 {
		out.client.put(append(out.client.scratch, d.rows...))
		d.rows = d.rows[:0]
	}
}

// showEnd shows the end: the statement has been committed.
func (d *delayed) showEnd(out *Output) {
	if d != nil && len(d.end) > 0 {
		out.client.put(append(out.client.scratch, d.end...))
		d.end = d.end[:0]
	}
}

// failed: it has not.
func (d *delayed) failed() {
	if d != nil {
		d.rows, d.end = d.rows[:0], d.end[:0]
	}
}
