package session

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"pgseal/wire"
)

// Some statements cannot be planned or shown without settings that the server
// does not report. It is asked on this very session, invisibly to the client.
const (
	question = "SELECT pg_catalog.current_schemas(true), pg_catalog.current_setting('extra_float_digits')," +
		" pg_catalog.current_setting('bytea_output'), pg_catalog.current_setting('DateStyle')," +
		" pg_catalog.current_setting('TimeZone'), pg_catalog.current_setting('client_encoding')," +
		" pg_catalog.current_setting('standard_conforming_strings'), pg_catalog.current_setting('IntervalStyle')"
	cursorsQuestion = ", ARRAY(SELECT name FROM pg_catalog.pg_cursors ORDER BY name), ARRAY(SELECT statement FROM pg_catalog.pg_cursors ORDER BY name)"
	// questionName is the statement and the portal of the question. It is closed
	// before and both are after, so that they are free whatever happened before.
	questionName = "pgseal_question"
)

// askedSettings are the settings that the question asks for, behind the search path.
var askedSettings = [...]string{"extra_float_digits", "bytea_output", "DateStyle", "TimeZone", "client_encoding", "standard_conforming_strings", "IntervalStyle"}

// ask asks the server, or waits for its answer. alone: in a Query.
func (s *Session) ask(alone bool, out *Output) (action, Need, error) {
	if s.frame.asking {
		return wait, Need{Kind: NeedServer}, nil
	}
	s.frame.asking = true
	question := question
	if s.frame.showCursors {
		question += cursorsQuestion
	}
	// A Query would end the transaction of what is in front of it without a Sync.
	if alone && (!s.begun || s.status != 'I') {
		out.server.put(wire.AppendQuery(out.server.scratch, question))
		s.push(&request{kind: query, hidden: true})
		return wait, Need{Kind: NeedServer}, nil
	}
	s.frame.behind = alone
	s.keepTurn(out)
	dst := wire.AppendTarget(out.server.scratch, wire.TypeClose, 'S', questionName)
	dst = wire.AppendParse(dst, questionName, question, nil)
	dst = appendPlainBind(dst, questionName, questionName)
	dst = wire.AppendExecute(dst, questionName, 0)
	dst = wire.AppendTarget(dst, wire.TypeClose, 'P', questionName)
	dst = wire.AppendTarget(dst, wire.TypeClose, 'S', questionName)
	// Flush and not Sync, which would end the client's implicit transaction.
	dst = wire.AppendEmpty(dst, wire.TypeFlush)
	out.server.put(dst)
	for _, k := range [...]kind{closeTarget, parse, bind, execute, closeTarget, closeTarget} {
		s.push(&request{kind: k, hidden: true})
	}
	s.flushed = true
	return wait, Need{Kind: NeedServer}, nil
}

// appendPlainBind appends a Bind without parameters, all results in text.
func appendPlainBind(dst []byte, portal, statement string) []byte {
	dst, start := wire.Begin(dst, wire.TypeBind)
	dst = wire.AppendCString(dst, portal)
	dst = wire.AppendCString(dst, statement)
	dst = append(dst, 0, 0, 0, 0, 0, 0) // no formats, no parameters, no result formats
	return wire.End(dst, start)
}

// answerRow reads the answer.
func (s *Session) answerRow(body []byte) error {
	values, err := wire.ParseDataRow(body)
	cursors := err == nil && values.Len() == 1+len(askedSettings)+2
	if err != nil || values.Len() != 1+len(askedSettings) && !cursors {
		return errUnasked
	}
	it := values.Iter()
	schemas, _ := it.Next()
	path, ok := readNames(schemas)
	if !ok {
		return errUnasked
	}
	for _, name := range askedSettings {
		value, _ := it.Next()
		s.settings.asked(name, string(value))
	}
	if cursors {
		names, _ := it.Next()
		texts, _ := it.Next()
		if s.frame.cursors = s.openCursors(names, texts); s.frame.cursors == nil {
			return errUnasked
		}
	}
	s.frame.path, s.settings.path = path, path
	s.distrust(path)
	s.frame.answer = true
	s.settings.known = true
	return nil
}

// distrust has the catalog read again if the path has temporary relations of which the
// snapshot may know: a pooler drops those of one client before the next one gets the server.
func (s *Session) distrust(path []string) {
	if s.peer == onePeer || s.frame.fresh || !slices.ContainsFunc(path, func(name string) bool { return strings.HasPrefix(name, "pg_temp_") }) {
		return
	}
	if snap, _ := s.current(); snap != nil && snap.HasTemporary() {
		s.catalog.stale, s.catalog.spread = true, true
	}
}

// unanswered: the server's own error goes to the client in answer to the frame
// that waits for the question, which then goes nowhere.
func (s *Session) unanswered(out *Output) {
	if !s.frame.asking {
		return
	}
	s.frame.answered = true
	if s.frame.inline || s.frame.behind { // the server waits for a Sync, which the client has no reason to send
		out.server.put(wire.AppendEmpty(out.server.scratch, wire.TypeSync))
		s.push(&request{kind: syncPoint})
	}
}

// joins reports that a Query can run in a transaction that a question has begun:
// it neither begins one itself, which must not have seen anything yet, nor is one
// of the commands that run outside of any, nor of those that fail there.
func joins(text []byte) bool {
	if needsBlock(text) {
		return false
	}
	for i := 0; i < len(text); i++ {
		if !nameByte(text[i]) {
			continue
		}
		switch text[i] | 0x20 {
		case 'b', 't', 'c':
			if foldedPrefix(text[i:], "begin") || foldedPrefix(text[i:], "transaction") || foldedPrefix(text[i:], "concurrently") {
				return false
			}
		}
		for i+1 < len(text) && nameByte(text[i+1]) {
			i++
		}
	}
	return true
}

// needsBlock reports a command that fails outside of a transaction block. Newer
// servers take for one what a question has begun.
func needsBlock(text []byte) bool {
	text = afterComments(text)
	return foldedPrefix(text, "declare") || foldedPrefix(text, "lock")
}

// readNames reads the text of a name[].
func readNames(text []byte) (names []string, ok bool) {
	if len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' {
		return nil, false
	}
	names = []string{} // an empty path is known to be empty
	for rest := text[1 : len(text)-1]; len(rest) > 0; {
		var name []byte
		if rest[0] == '"' {
			i := 1
			for ; i < len(rest) && rest[i] != '"'; i++ {
				if rest[i] == '\\' {
					i++
				}
				if i < len(rest) {
					name = append(name, rest[i])
				}
			}
			if i >= len(rest) {
				return nil, false
			}
			rest = rest[i+1:]
		} else {
			i := bytes.IndexByte(rest, ',')
			if i < 0 {
				i = len(rest)
			}
			name, rest = rest[:i], rest[i:]
		}
		names = append(names, string(name))
		if len(rest) > 0 {
			if rest[0] != ',' || len(rest) == 1 {
				return nil, false
			}
			rest = rest[1:]
		}
	}
	return names, true
}

// unplanned is a text that the planner could not judge for a reason that is not
// the client's: it is refused rather than passed.
func unplanned(why error) *wire.Error {
	return &wire.Error{Code: "XX000", Message: "pgseal cannot plan this statement: " + strconv.Quote(why.Error())}
}
