package session

import (
	"bytes"
	"encoding/binary"
	"strings"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/rewrite"
	"pgseal/wire"
)

// rowStream is a stream of logical replication in the form of pgoutput, PostgreSQL's own
// plugin, of versions 1 to 4 of its protocol, whose rows are opened. The rows come from
// the WAL, and with them the types that their columns had when they were written.
type rowStream struct {
	sealed    map[uint32]*catalog.SealedColumn   // by the OIDs of their domains
	relations map[uint32][]*catalog.SealedColumn // those described; nil for one, or a column, that is plain
	own       map[uint32]bool                    // relations of pgseal's, which are not there
	// chunk: what comes is of a transaction that has not ended, and is numbered.
	chunk bool
	value cell // the one being opened
}

// opensStream says whether START_REPLICATION asks for pgoutput: the others take no such
// options.
func opensStream(command []byte) bool {
	options := bytes.ToLower(command)
	return bytes.Contains(options, []byte("proto_version")) && bytes.Contains(options, []byte("publication_names"))
}

// streamHeader is what stands in front of a message of the plugin in a CopyData: 'w',
// where it begins and ends in the WAL, and the time.
const streamHeader = 1 + 3*8

// errStream is a message that is not what pgoutput sends.
var errStream = violation("malformed message of logical replication from the server")

// errUnknownStreamed: the domain of the column is not there any more, or not in order.
var errUnknownStreamed = &wire.Error{
	Severity: wire.SeverityFatal,
	Code:     codeFeatureNotSupported,
	Message:  "the stream has rows of a sealed column that pgseal does not know",
	Detail:   "The column has been unsealed or dropped since they were written, or pgseal verify finds a fault in it.",
	Hint:     "Begin the stream behind these rows, or read them on a direct connection, encrypted.",
}

// streamed opens the CopyData of a size at the head of b.
func (s *Session) streamed(size int, b []byte, out *Output) (action, Need, error) {
	switch {
	case size > s.cfg.MaxFrame:
		return wait, Need{}, fatal(tooLong(size, s.cfg.MaxFrame))
	case len(b) < size:
		return s.incomplete(size)
	}
	body := b[wire.HeaderLen:size]
	switch {
	case len(body) > 0 && body[0] == 'k': // a keepalive
		return relay, Need{}, nil
	case len(body) <= streamHeader || body[0] != 'w':
		return wait, Need{}, errStream
	}
	st, m := s.copying.stream, streamReader{rest: body[streamHeader:]}
	typ := m.take(1)[0]
	switch typ {
	case 'S', 'E':
		st.chunk = typ == 'S'
		return relay, Need{}, nil
	case 'B', 'C', 'O', 'T', 'M', 'A', 'c', 'b', 'P', 'K', 'r', 'p':
		return relay, Need{}, nil
	case 'Y', 'R', 'I', 'U', 'D':
	default:
		return wait, Need{}, errStream
	}
	if st.chunk {
		m.take(4)
	}
	dst := out.client.scratch
	if size >= largeValue {
		dst = out.room(dst, size)
	}
	dst, start := wire.Begin(dst, wire.TypeCopyData)
	dst = append(dst, body[:len(body)-len(m.rest)]...)
	var act action
	var need Need
	var err error
	switch typ {
	case 'Y':
		dst, act, need, err = s.streamedType(dst, &m)
	case 'R':
		dst, act = st.streamedRelation(dst, &m)
	default:
		dst, act, need, err = s.streamedRow(dst, &m)
	}
	switch {
	case m.short && err == nil:
		return wait, Need{}, errStream
	case s.unknownYet(err):
		return wait, Need{Kind: NeedCatalog}, nil
	case err != nil:
		if e := statementError(err); e != nil {
			err = fatal(e)
		}
		return wait, Need{}, err
	case need.Kind != NeedNothing:
		return wait, need, nil
	}
	if act == relay {
		out.client.put(wire.End(append(dst, m.rest...), start))
	}
	return drop, Need{}, nil
}

// fatal is an error behind which a stream cannot go on.
func fatal(e *wire.Error) *wire.Error {
	ends := *e
	ends.Severity = wire.SeverityFatal
	return &ends
}

// streamedType puts the type of a sealed column in the place of its domain, which goes
// if that is one that everybody knows. Of a domain the server names what it is over.
func (s *Session) streamedType(dst []byte, m *streamReader) ([]byte, action, Need, error) {
	whole := m.rest
	oid := m.number()
	schema, name := string(m.text()), string(m.text())
	switch {
	case m.short:
		return dst, drop, Need{}, nil
	case schema == domainSchema: // of arrays, say
		return dst, drop, Need{}, errUnknownStreamed
	case schema != "" || name != "bytea":
		return append(dst, whole[:len(whole)-len(m.rest)]...), relay, Need{}, nil
	}
	snap, err := s.snapshot()
	if snap == nil {
		return dst, drop, Need{}, fatal(staleCatalog(err))
	}
	c := snap.OfDomain(oid)
	if c == nil && err == nil && s.catalog.ask(oid, snap.Version) {
		return dst, drop, Need{Kind: NeedCatalog}, nil
	}
	st := s.copying.stream
	if st.sealed == nil {
		st.sealed = map[uint32]*catalog.SealedColumn{}
	}
	if c == nil {
		st.sealed[oid] = unknownStreamed
		return append(dst, whole[:len(whole)-len(m.rest)]...), relay, Need{}, nil
	}
	st.sealed[oid] = c
	t := s.typeNow(c, c.Type)
	if t.Def == nil {
		return dst, drop, Need{}, nil
	}
	base := t.Shown()
	schema, name = "", rewrite.TypeName(base.OID)
	if base.Def != nil {
		schema, name = base.Def.Schema, base.Def.Name
	}
	dst = binary.BigEndian.AppendUint32(dst, t.OID)
	return wire.AppendCString(wire.AppendCString(dst, schema), name), relay, Need{}, nil
}

// unknownStreamed is the column of a domain that is the user's own, or that of a column
// which is not there any more.
var unknownStreamed = &catalog.SealedColumn{Broken: "unknown"}

// streamedRelation shows the columns of a relation with their types. Those of pgseal's
// own, which FOR ALL TABLES publishes as well, go.
func (st *rowStream) streamedRelation(dst []byte, m *streamReader) ([]byte, action) {
	whole := m.rest
	relation := m.number()
	schema := string(m.text())
	m.text()
	m.take(1) // the replica identity
	count := int(binary.BigEndian.Uint16(m.take(2)))
	dst = append(dst, whole[:len(whole)-len(m.rest)]...)
	var columns []*catalog.SealedColumn
	for i := 0; i < count && !m.short; i++ {
		from := m.rest
		m.take(1) // whether it is a part of the key
		m.text()
		dst = append(dst, from[:len(from)-len(m.rest)]...)
		typ := m.take(8)
		c := st.sealed[binary.BigEndian.Uint32(typ)]
		if c != nil && columns == nil {
			columns = make([]*catalog.SealedColumn, count)
		}
		if c != nil {
			columns[i] = c
		}
		if c == nil || c.Broken != "" {
			dst = append(dst, typ...)
			continue
		}
		dst = binary.BigEndian.AppendUint32(dst, c.Type.OID)
		dst = binary.BigEndian.AppendUint32(dst, uint32(c.Type.Typmod))
	}
	if m.short {
		return dst, drop
	}
	if st.relations == nil {
		st.relations, st.own = map[uint32][]*catalog.SealedColumn{}, map[uint32]bool{}
	}
	st.relations[relation] = columns
	if st.own[relation] = schema == "pgseal" || schema == domainSchema; st.own[relation] {
		return dst, drop
	}
	return dst, relay
}

// streamedRow opens the rows of an INSERT, UPDATE or DELETE: the new one, and of the old
// one the key, or all.
func (s *Session) streamedRow(dst []byte, m *streamReader) ([]byte, action, Need, error) {
	st := s.copying.stream
	relation := m.number()
	columns, described := st.relations[relation]
	dst = binary.BigEndian.AppendUint32(dst, relation)
	switch {
	case !described: // it is no row, or not one of pgoutput's
		return dst, drop, Need{}, errStream
	case st.own[relation]:
		return dst, drop, Need{}, nil
	}
	for columns != nil && len(m.rest) > 0 {
		what := m.take(3) // 'N', 'O' or 'K', and the number of columns
		if !strings.ContainsRune("NOK", rune(what[0])) || int(binary.BigEndian.Uint16(what[1:])) != len(columns) {
			return dst, drop, Need{}, errStream
		}
		dst = append(dst, what...)
		for _, c := range columns {
			var need Need
			var err error
			if dst, need, err = s.streamedValue(dst, m, c); err != nil || need.Kind != NeedNothing || m.short {
				return dst, drop, need, err
			}
		}
	}
	return dst, relay, Need{}, nil
}

// streamedValue opens one value, if its column is sealed and it is there: not NULL, nor
// a large one that an UPDATE has left as it was.
func (s *Session) streamedValue(dst []byte, m *streamReader, c *catalog.SealedColumn) ([]byte, Need, error) {
	kind := m.take(1)[0]
	dst = append(dst, kind)
	switch kind {
	case 'n', 'u':
		return dst, Need{}, nil
	case 't', 'b':
	default:
		return dst, Need{}, errStream
	}
	stored := m.take(int(m.number()))
	if m.short {
		return dst, Need{}, nil
	}
	if c == nil {
		return wire.AppendValue(dst, stored), Need{}, nil
	}
	value := stored
	opened := &s.copying.stream.value
	*opened = cell{sealed: c, server: wire.Binary, client: wire.Binary}
	if kind == 't' {
		opened.client = wire.Text
		var err error
		if stored, err = s.readByteaText(value); err != nil {
			return dst, Need{}, s.corrupt(c, 0, err)
		}
	}
	if c.Broken != "" {
		if _, err := envelope.Parse(stored); err == nil {
			return dst, Need{}, errUnknownStreamed
		}
		return wire.AppendValue(dst, value), Need{}, nil
	}
	if need, err := s.openStored(c, stored); err != nil || need.Kind != NeedNothing {
		return dst, need, err
	}
	dst, at := wire.BeginValue(dst)
	dst, err := s.appendOpened(dst, opened, s.buf.plain)
	if err != nil {
		return dst, Need{}, err
	}
	return wire.EndValue(dst, at), Need{}, nil
}

// openStored opens an envelope into s.buf.plain.
func (s *Session) openStored(c *catalog.SealedColumn, stored []byte) (Need, error) {
	h, err := envelope.Parse(stored)
	if err != nil {
		return Need{}, s.corrupt(c, 0, err)
	}
	k, need, err := s.key(h.KeyID)
	if k == nil {
		return need, err
	}
	if s.buf.plain, err = appendOpen(k, s.buf.plain, c.ID, stored); err != nil {
		return Need{}, s.corrupt(c, h.KeyID, err)
	}
	return Need{}, nil
}

// streamReader reads a message of the plugin. short: it has ended too early, and what has
// been read since is zero.
type streamReader struct {
	rest  []byte
	short bool
}

func (m *streamReader) take(n int) []byte {
	if n < 0 || n > len(m.rest) {
		m.short, m.rest = true, nil
		return make([]byte, min(max(n, 0), 8))
	}
	b := m.rest[:n]
	m.rest = m.rest[n:]
	return b
}

func (m *streamReader) number() uint32 { return binary.BigEndian.Uint32(m.take(4)) }

// text reads a string that ends with a zero byte.
func (m *streamReader) text() []byte {
	end := bytes.IndexByte(m.rest, 0)
	if end < 0 {
		m.short, m.rest = true, nil
		return nil
	}
	return m.take(end + 1)[:end]
}
