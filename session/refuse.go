package session

import (
	"pgseal/wire"
)

// What is refused here must fail on the server too, so that the order of
// answers, the skip to Sync and the aborted transaction are the server's own.
// In its place goes a statement that fails at parse analysis and needs nothing
// installed; when its error arrives, the client gets the reason of the refusal
// instead. If it fails with another error (25P02 in an aborted transaction),
// that is what the client's own statement would have got, and is passed on.
const (
	failingColumn = "pgseal_refused_this_statement"
	failingText   = "SELECT " + failingColumn
	// failingName never names a statement, because its Parse always fails.
	failingName = "pgseal_refused"
)

func appendFailingParse[S ~string | ~[]byte](dst []byte, name S) []byte {
	return wire.AppendParse(dst, name, failingText, nil)
}

// refuseQuery puts a failing Query in the place of the client's.
func (s *Session) refuseQuery(e *wire.Error, out *Output) (action, Need, error) {
	out.server.put(wire.AppendQuery(out.server.scratch, failingText))
	s.push(&request{kind: query, refusal: e})
	return drop, Need{}, nil
}

// refuse puts a failing Parse in the place of a frame of the extended protocol.
func (s *Session) refuse(e *wire.Error, out *Output) (action, Need, error) {
	out.server.put(appendFailingParse(out.server.scratch, failingName))
	s.push(&request{kind: parse, refusal: e})
	return drop, Need{}, nil
}

// refuseParse is refuse for a Parse. PostgreSQL forgets the unnamed statement
// when a new one fails, so the failing one is unnamed too.
func (s *Session) refuseParse(name []byte, e *wire.Error, out *Output) (action, Need, error) {
	if len(name) > 0 {
		return s.refuse(e, out)
	}
	out.server.put(appendFailingParse(out.server.scratch, name))
	names := s.statements.find(name)
	names.send(nil, s.segment)
	s.push(&request{kind: parse, refusal: e, names: names})
	return drop, Need{}, nil
}
