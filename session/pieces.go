package session

import (
	"bytes"

	"pgseal/catalog"
	"pgseal/rewrite"
	"pgseal/wire"
)

// A text of several statements is planned as a whole where that is possible. Where it
// is refused, and DDL in it may be the reason, it goes to the server in pieces, each
// up to such a statement, and what is behind is planned for the catalog that there is
// then. Where the server has to be asked for what one of them stores, or one of them can
// change settings by which values of the others are read or shown, each statement is a
// piece. To the server a text is one transaction, as it is inside of a block. Outside,
// the session puts a BEGIN in front and a COMMIT behind.

// piece is what a Query on its way is of the client's text.
type piece uint8

const (
	pieceMore   piece = 1 << iota // more of it follows
	pieceBlock                    // in a block that the session has begun
	pieceFailed                   // it has failed
)

// inlined reports that the Query at hand runs in a transaction which the session ends.
func (s *Session) inlined() bool { return s.frame.inline || s.frame.piece&pieceBlock != 0 }

// rest is what is left of a text behind the pieces that have been carried out, with
// white space in their place, so that positions stay.
func (f *frameState) rest(text []byte) []byte {
	if f.cut == 0 {
		return text
	}
	gone := rewrite.CharacterPosition(text, int(f.cut)) - 1
	return append(bytes.Repeat([]byte{' '}, gone), text[f.cut:]...)
}

// A statement that was one of several runs in their implicit block, in which DECLARE is
// possible and DISCARD ALL is not. Where it is the only one that is left, the session puts
// an END in front, in the place of what has been carried out. The client sees nothing of it.
const pieceEnd = "END;"

// ended reports that what is left needs that.
func (s *Session) ended() bool {
	return s.frame.alone && s.frame.blanks >= int32(len(pieceEnd)) && s.status == 'I' && s.frame.piece == 0 && !s.frame.inline
}

// putEnd puts it into the frame of the Query that has just been pushed.
func (s *Session) putEnd(frame []byte) {
	if s.ended() {
		copy(frame[wire.HeaderLen:], pieceEnd) // over blanks
		s.fifo.at(s.fifo.len() - 1).ends = true
	}
}

// sendPiece sends the first piece of what is left of a text that is refused as a
// whole. done is false if it cannot be cut.
func (s *Session) sendPiece(snap *catalog.Snapshot, stale error, text []byte, v *verdict, out *Output) (need Need, done bool, err error) {
	if s.frame.piece&pieceMore != 0 || !cuts(v.refusal.Code) || s.status == 'E' || s.walsender ||
		!rewrite.IsASCII(text) && !s.settings.values.UTF8() {
		return Need{}, false, nil
	}
	p := rewrite.Cut(text, !s.settings.conforming, v.apart)
	switch {
	case p.End == 0:
		return Need{}, false, nil
	case s.fifo.len() > 0:
		_, need, _ = s.waitServer(out)
		return need, true, nil
	case s.status == 'I' && !p.Begins && (!p.Plain || s.frame.cut > 0 && s.frame.piece&pieceBlock != 0):
		return Need{}, false, nil
	case s.status == 'I' && !p.Begins:
		s.frame.piece |= pieceBlock
		out.server.put(wire.AppendQuery(out.server.scratch, "BEGIN"))
		s.push(&request{kind: query, hidden: true})
		return Need{Kind: NeedServer}, true, nil
	}
	return s.sendUpTo(snap, stale, text, p, out)
}

// cuts says whether a refusal of that kind may not hold for what is behind DDL of the
// text: also what the server would have said of a type or an index that something sealed
// depends on, which can be gone by then.
func cuts(code string) bool {
	return code == codeFeatureNotSupported || code == codeDependentObjects
}

// sendEnd sends the first piece of a text that begins with the end of a transaction
// which has failed: the server answers nothing that planning what is behind may have to
// ask until that has ended. done is false for other texts.
func (s *Session) sendEnd(snap *catalog.Snapshot, stale error, text []byte, out *Output) (need Need, done bool, err error) {
	if s.walsender ||
		!s.catalog.spreading() && !rewrite.MayTouch(snap, text) || !rewrite.IsASCII(text) && !s.settings.values.UTF8() {
		return Need{}, false, nil
	}
	p := rewrite.Cut(text, !s.settings.conforming, false)
	switch {
	case p.End == 0:
		return Need{}, false, nil
	case s.fifo.len() > 0: // the transaction may be over by then
		_, need, _ = s.waitServer(out)
		return need, true, nil
	}
	return s.sendUpTo(snap, stale, text, p, out)
}

// sendUpTo sends a piece of a text as a Query of its own.
func (s *Session) sendUpTo(snap *catalog.Snapshot, stale error, text []byte, p rewrite.Piece, out *Output) (need Need, done bool, err error) {
	s.frame.piece |= pieceMore
	act, need, err := s.queryText(snap, stale, text[:p.End:p.End], nil, out)
	s.frame.piece &^= pieceMore
	if err != nil || act == wait {
		return need, true, err
	}
	// What was found out for it may be different for the rest.
	s.frame = frameState{piece: s.frame.piece, cut: s.frame.cut + int32(p.End) - s.frame.blanks, alone: p.Alone}
	return Need{Kind: NeedServer}, true, nil
}

// pieceEnds follows the ReadyForQuery of a piece. shown says that it is the client's.
func (s *Session) pieceEnds(p piece, status byte, out *Output) (shown bool) {
	failed := p&pieceFailed != 0 || s.failure.told
	if failed && p&pieceMore != 0 {
		s.frame.answered = true
	}
	switch {
	case p&pieceBlock != 0 && failed && status != 'I':
		s.closeNames(out)
		s.failure = failure{}
		out.server.put(wire.AppendQuery(out.server.scratch, "ROLLBACK"))
		s.push(&request{kind: query, hidden: true, ready: true, guard: true})
		return false
	case p&pieceMore != 0 && !failed:
		return false
	}
	return true
}
