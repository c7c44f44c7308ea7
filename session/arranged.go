package session

import (
	"encoding/binary"
	"slices"
	"strconv"

	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// Rows that are filtered and sorted by what is computed of sealed values
// (rewrite.Arrangement) are held as they will be shown, without the columns that the client
// does not get, until the server has sent all of them.

// arranged are the rows of a result that are held.
type arranged struct {
	plan       *rewrite.Arrangement
	first      int                 // the first hidden column
	conditions []hiddenCell        // each computes one of the conditions
	keys       []hiddenCell        // what tells groups apart
	having     []hiddenCell        // conditions on groups
	behind     []hiddenCell        // conditions on what windows give
	collecting []collecting        // where there are aggregates of groups
	groups     *groupedRows        // nil before there is a row, and once they have gone on
	windows    *windowedRows       // nil if there is no window function, and once they have gone on
	types      []uint32            // of the keys; 0 for ranks
	seen       map[string]struct{} // what tells apart rows that there have been
	rows       []arrangedRow
	size       int              // of what is held, in bytes
	formats    []int16          // of what is shown, in which it is held
	settings   logical.Settings // by which it has been written
	others     int              // size of what portals of the session hold beside it, as it began
	own        Output
	parts      bool // they are shown some at a time, so none before all are there
	timed      bool // the time to sort has been asked for
	finished   bool // they are those that are shown, in order
	// limit is how many rows are shown behind offset, -1 for all.
	limit, offset int64
	count         int64 // of rows that stay
	received      int64 // of rows that the server has given
	total         int64 // of those that it has, for a cursor
	shown         int64 // of rows that are shown as they come, since nothing sorts them
	format        int16 // in which the client gets it
}

// hiddenCell is one that pgseal reads before others, or the client does not get.
type hiddenCell struct {
	cell
	column int // from 0, of all of the server's
}

// arrangedRow is a row that is held.
type arrangedRow struct {
	frame []byte   // for the client
	keys  [][]byte // in binary, nil for NULL
}

const (
	// keptRows is how many more rows than a LIMIT needs are held, at least, before they are
	// cut.
	keptRows = 1 << 10
	// heldBytes is how much of rows is held at most, of one result or of all portals.
	heldBytes = 256 << 20
	// manyRows take time to sort.
	manyRows = 1 << 13
	// rowOverhead is what a row takes in memory beside its bytes, some of it for each key.
	rowOverhead = 96
)

// arrangement is that of the rows that a request is answered with, nil for none.
func (r *request) arrangement() *rewrite.Arrangement {
	switch {
	case r.portal.held != nil && r.portal.held.cursor != nil:
		return r.portal.held.cursor
	case r.kind == query:
		if r.plan != nil && int(r.next) < len(r.plan.Statements()) {
			return r.plan.Statements()[r.next].Arrangement
		}
	case r.kind == describeStatement:
		return r.statement.arrangement()
	default:
		return r.portal.statement.arrangement()
	}
	return nil
}

func (p *statement) arrangement() *rewrite.Arrangement {
	if p == nil || p.plan == nil {
		return nil
	}
	return p.plan.Arrangement
}

// hidden is how many columns of the server's the client does not get.
func (p *statement) hidden() int {
	if r := p.arrangement(); r != nil {
		return r.Hidden
	}
	return 0
}

// format is in which format the client gets a column, and pgseal one that the client does
// not get.
func (p *portal) format(i int) int16 {
	hides := p.statement.hidden() > 0 || p.held != nil && p.held.cursor != nil
	if hides && p.formats.n > 1 && i >= p.formats.n {
		return wire.Binary
	}
	return p.formats.of(i)
}

// checkFormats is checkCounts for the formats of columns, of which the server has more.
func (p *statement) checkFormats(m *wire.Bind) *wire.Error {
	if p.hidden() == 0 {
		return nil
	}
	return checkFormats(m, len(p.results)-p.hidden())
}

func checkFormats(m *wire.Bind, columns int) *wire.Error {
	if n := m.ResultFormats.Len(); n > 1 && n != columns {
		return &wire.Error{Code: codeProtocolViolation, Message: "bind message has " + itoa(n) + " result formats but query has " + itoa(columns) + " columns"}
	}
	return nil
}

// errArrangedInParts is for rows that are fetched some at a time.
var errArrangedInParts = &wire.Error{
	Code: codeFeatureNotSupported, Message: "rows that pgseal sorts or filters by sealed values cannot be fetched in parts",
	Hint: "Let the portal be executed by the protocol, with a row limit or without, and not by FETCH.",
}

// errArrangedRows is for more rows than can be held.
var errArrangedRows = &wire.Error{
	Code: codeProgramLimit, Message: "the rows do not fit into the memory that pgseal sorts or filters them by sealed values in",
	Hint: "Select fewer rows by conditions that the server can check, or fewer columns.",
}

// arrange begins to hold the rows of the result at hand.
func (s *Session) arrange(plan *rewrite.Arrangement, r *request) (*arranged, error) {
	if s.result.arranged != nil {
		return s.result.arranged, nil
	}
	if held := r.portal.held; held != nil {
		if held.arranged != nil {
			return nil, errCursorMoved // the server gives them once
		}
		held.begun = true
	}
	g := &arranged{plan: plan, first: len(s.result.cells) - plan.Hidden, limit: -1, parts: r.rows > 0 || r.fetches(), others: s.heldSize(), settings: s.settings.values}
	if g.first < 1 {
		return nil, errContradiction
	}
	for _, c := range s.result.cells[:g.first] {
		g.formats = append(g.formats, c.client)
	}
	hidden := s.result.cells[g.first:]
	for i := range hidden {
		if hidden[i].sealed != nil {
			hidden[i].client, hidden[i].compared = wire.Binary, true
		}
	}
	for _, k := range plan.Keys {
		oid := uint32(0)
		if c := &hidden[k.Hidden]; !k.Ranks {
			if c.output == nil || !logical.Sorts(c.sealed.Type.OID) {
				return nil, errContradiction
			}
			oid = c.sealed.Type.OID
		}
		g.types = append(g.types, oid)
	}
	if len(plan.Groups) > 0 {
		g.collecting = collects(s.result.cells)
	}
	g.windows = windows(plan, s.result.cells)
	take := func(list *[]hiddenCell, i int) cell {
		c := hidden[i]
		*list = append(*list, hiddenCell{c, g.first + i})
		hidden[i] = cell{server: c.server, client: c.server} // passes
		return c
	}
	for _, of := range [...]struct {
		hidden []int
		to     *[]hiddenCell
	}{{plan.Conditions, &g.conditions}, {plan.Having, &g.having}, {plan.Behind, &g.behind}} {
		for _, i := range of.hidden {
			if c := take(of.to, i); c.output == nil || c.sealed.Type.OID != logical.OIDBool {
				return nil, errContradiction
			}
		}
	}
	for _, i := range plan.Groups {
		take(&g.keys, i)
	}
	if plan.Limit.Known && plan.Limit.Hidden < 0 {
		g.limit = plan.Limit.Count
	}
	if plan.Offset.Known && plan.Offset.Hidden < 0 {
		g.offset = plan.Offset.Count
	}
	if plan.Counts {
		g.format = s.result.cells[0].client
	}
	s.result.arranged = g
	return g, nil
}

// heldRows are those of a portal or a cursor, once all of them are there. begun: the server
// has been asked for them, and gives them once.
type heldRows struct {
	*arranged
	begun  bool
	cursor *rewrite.Arrangement // of a cursor, nil for a portal
}

// errFetched, errFetchedFormats and errCursorMoved are for what is done with cursors whose
// rows are sorted or filtered. errFetchedApart is errFetched for what is done beside others.
var (
	errFetched = &wire.Error{
		Code: codeFeatureNotSupported, Message: "a cursor whose rows pgseal sorts or filters by sealed values goes forward only, by FETCH",
		Hint: "Use FETCH with NEXT, FORWARD and a number, or ALL, and neither MOVE nor the protocol's portal of the cursor.",
	}
	errFetchedApart = &wire.Error{
		Code: codeFeatureNotSupported, Message: "rows that pgseal sorts or filters by sealed values cannot be fetched among other statements here",
		Hint: "Send the FETCH by itself.",
	}
	errFetchedFormats = &wire.Error{
		Code: codeFeatureNotSupported, Message: "rows that pgseal sorts or filters by sealed values cannot be fetched in text and in binary",
		Hint: "Fetch all rows of a cursor in the format in which the first have been fetched.",
	}
	errFetchedSettings = &wire.Error{
		Code: codeFeatureNotSupported, Message: "rows that pgseal sorts or filters by sealed values cannot be fetched under other settings than the first of them",
		Hint: "Fetch all rows of a portal or a cursor under one DateStyle, IntervalStyle, TimeZone, bytea_output, extra_float_digits and client_encoding.",
	}
	errCursorMoved = &wire.Error{
		Code: codeFeatureNotSupported, Message: "the cursor has been moved or replaced by a function, though pgseal sorts or filters its rows by sealed values",
		Hint: "DECLARE the cursor again, and let FETCH of the application be all that moves it.",
	}
)

// errHeldRows is for rows that the server has given to an execution that has failed.
var errHeldRows = &wire.Error{
	Code: "55000", Message: "the portal cannot be run, because pgseal has failed to compute or to hold its rows before",
	Hint: "Run the query again.",
}

// heldSize is how much of rows the session's portals and cursors hold, in bytes.
func (s *Session) heldSize() (n int) {
	of := func(h *heldRows) {
		if h != nil && h.arranged != nil {
			n += h.size
		}
	}
	ofPortal := func(p *portal) {
		if p.held != nil && p.held.cursor == nil {
			of(p.held)
		}
	}
	ofPortal(&s.portals.unnamed.latest)
	for _, e := range s.portals.named {
		ofPortal(&e.latest)
	}
	for _, c := range s.cursors.named {
		of(c.rows)
	}
	return n
}

// arrangedRows are the rows of a result that has ended. A portal that has been executed
// before, or a cursor, has got them then: the server has no more of them.
func (s *Session) arrangedRows(plan *rewrite.Arrangement, r *request, out *Output) (*arranged, Need, error) {
	held := r.portal.held
	switch {
	case r.kind == execute && held == nil:
		return nil, Need{}, errContradiction
	case held != nil && held.begun && held.arranged == nil && s.result.arranged == nil:
		return nil, Need{}, errHeldRows
	case r.kind == execute && s.result.opening == undecided:
		s.begin(&r.portal)
	}
	if held != nil && held.arranged != nil {
		switch {
		case !held.formatsAre(s.result.cells):
			return nil, Need{}, errFetchedFormats
		case held.settings != s.settings.values:
			return nil, Need{}, errFetchedSettings
		}
		return held.arranged, Need{}, nil
	}
	g, err := s.arrange(plan, r)
	switch {
	case err != nil:
		return g, Need{}, err
	case plan.Total.Known && g.received > 0 && g.received != g.total:
		return nil, Need{}, errCursorMoved
	}
	need, err := s.showGroups(g, out)
	if err == nil && need.Kind == NeedNothing {
		need, err = s.showWindows(g, out)
	}
	if err == nil && need.Kind == NeedNothing && held != nil {
		held.arranged = g
	}
	return g, need, s.explained(err)
}

// formatsAre says whether the client wants what is shown in the formats in which it is held.
func (g *arranged) formatsAre(cells []cell) bool {
	return len(cells) >= len(g.formats) && slices.EqualFunc(g.formats, cells[:len(g.formats)], func(f int16, c cell) bool { return f == c.client })
}

// arrangeRow takes a row.
func (s *Session) arrangeRow(g *arranged, b []byte, out *Output) (Need, error) {
	if g.plan.Total.Known && g.received == 0 {
		if err := g.readTotal(b[wire.HeaderLen:], s.result.cells); err != nil {
			return Need{}, err
		}
	}
	var need Need
	var err error
	switch {
	case len(g.plan.Groups) > 0:
		need, err = s.group(g, b[wire.HeaderLen:])
		err = s.explained(err)
	case g.windows != nil:
		need, err = s.window(g, g.conditions, b[wire.HeaderLen:])
		err = s.explained(err)
	default:
		need, err = s.keepRow(g, g.conditions, b, out)
	}
	if err == nil && need.Kind == NeedNothing {
		g.received++
	}
	return need, err
}

// readTotal reads how many rows the server has for a cursor.
func (g *arranged) readTotal(body []byte, cells []cell) error {
	values, err := wire.ParseDataRow(body)
	if err != nil || values.Len() != len(cells) {
		return errDataRow
	}
	at := g.first + g.plan.Total.Hidden
	g.total, err = readInt8(columnOf(body, at), cells[at].server)
	return err
}

// keepRow holds a row, or shows it if nothing sorts it, or drops it.
func (s *Session) keepRow(g *arranged, conditions []hiddenCell, b []byte, out *Output) (Need, error) {
	if g.full() {
		return Need{}, nil
	}
	stays, need, err := s.stays(g, conditions, b[wire.HeaderLen:])
	if err != nil || need.Kind != NeedNothing || !stays {
		return need, s.explained(err)
	}
	if g.plan.Counts && len(g.plan.Distinct) == 0 {
		g.count++
		return Need{}, nil
	}
	g.own.reset()
	_, need, err = s.rows(b, &g.own)
	if err != nil || need.Kind != NeedNothing {
		return need, err
	}
	row := slices.Concat(g.own.ToClient()...)
	if err := g.hold(row, s.result.cells, out); err != nil {
		return Need{}, err
	}
	if g.size+g.others > min(heldBytes, s.cfg.MaxFrame) {
		return Need{}, errArrangedRows
	}
	return Need{}, nil
}

// full says whether no further row can be shown: PostgreSQL does not come to them.
func (g *arranged) full() bool {
	return len(g.plan.Keys) == 0 && g.count > 0 && g.limit >= 0 && (g.shown >= g.limit || g.parts && g.count-g.limit >= max(0, g.offset))
}

// stays computes the conditions on a row, or a group.
func (s *Session) stays(g *arranged, conditions []hiddenCell, body []byte) (bool, Need, error) {
	values, err := wire.ParseDataRow(body)
	if err != nil || values.Len() != g.first+g.plan.Hidden {
		return false, Need{}, errDataRow
	}
	for k := range conditions {
		c := &conditions[k]
		v, need, err := s.serverOutput(&c.cell, columnOf(body, c.column))
		if err != nil || need.Kind != NeedNothing || v.null || v.Data[0] == 0 {
			return false, need, err
		}
	}
	return true, Need{}, nil
}

// hold takes the frame of a row, with hidden columns, whose cells are given.
func (g *arranged) hold(frame []byte, cells []cell, out *Output) error {
	values, err := wire.ParseDataRow(frame[wire.HeaderLen:])
	if err != nil || values.Len() != len(cells) {
		return errDataRow
	}
	const count = 2 // bytes
	end := wire.HeaderLen + count
	it := values.Iter()
	var hidden [][]byte
	for i := range cells {
		v, _ := it.Next()
		if i >= g.first {
			hidden = append(hidden, v)
			continue
		}
		end += 4 + len(v)
	}
	if again, err := g.again(hidden, cells[g.first:]); err != nil || again {
		return err
	}
	if g.count++; g.count == 1 {
		for _, n := range [...]struct {
			by rewrite.RowCount
			to *int64
		}{{g.plan.Limit, &g.limit}, {g.plan.Offset, &g.offset}} {
			if n.by.Known && n.by.Hidden >= 0 && hidden[n.by.Hidden] != nil {
				if *n.to, err = readInt8(hidden[n.by.Hidden], cells[g.first+n.by.Hidden].server); err != nil {
					return err
				}
			}
		}
	}
	if g.plan.Counts {
		return nil
	}
	row := arrangedRow{keys: make([][]byte, len(g.plan.Keys))}
	for i, k := range g.plan.Keys {
		if row.keys[i] = slices.Clone(hidden[k.Hidden]); k.Ranks {
			rank, err := readInt8(hidden[k.Hidden], cells[g.first+k.Hidden].server)
			if err != nil {
				return err
			}
			row.keys[i] = binary.BigEndian.AppendUint64(nil, uint64(rank))
		} else if err := k.Order.Check(logical.Value{Data: row.keys[i], OID: g.types[i]}); err != nil {
			return err
		}
		g.size += rowOverhead + len(row.keys[i])
	}
	dst, start := wire.Begin(make([]byte, 0, end), wire.TypeDataRow)
	dst = wire.AppendCount(dst, g.first)
	row.frame = wire.End(append(dst, frame[wire.HeaderLen+count:end]...), start)
	if len(g.plan.Keys) == 0 && !g.parts {
		if g.count > g.offset && (g.limit < 0 || g.shown < g.limit) {
			g.shown++
			out.client.add(row.frame)
		}
		return nil
	}
	g.rows = append(g.rows, row)
	g.size += rowOverhead + len(row.frame)
	if g.limit >= 0 && g.offset >= 0 && g.plan.First == 0 && g.limit <= int64(len(g.rows)) && g.offset <= int64(len(g.rows)) {
		if needed := int(g.limit + g.offset); len(g.rows) >= 2*needed+keptRows {
			g.sort()
			g.release(g.rows[needed:])
			g.rows = g.rows[:needed]
		}
	}
	return nil
}

// release forgets rows that are held no more.
func (g *arranged) release(rows []arrangedRow) {
	for i := range rows {
		g.size -= rows[i].size()
	}
	clear(rows)
}

// size is what a row takes in memory, in bytes.
func (r *arrangedRow) size() int {
	n := rowOverhead + len(r.frame)
	for _, k := range r.keys {
		n += rowOverhead + len(k)
	}
	return n
}

// readInt8 reads an int8 as the server has sent it.
func readInt8(v []byte, format int16) (int64, error) {
	const size = 8 // bytes
	switch {
	case format == wire.Text:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return n, nil
		}
	case len(v) == size:
		return int64(binary.BigEndian.Uint64(v)), nil
	}
	return 0, errContradiction
}

// counted is the row that has the number of rows.
func (g *arranged) counted() []byte {
	n := binary.BigEndian.AppendUint64(nil, uint64(g.count))
	if g.format == wire.Text {
		n = strconv.AppendInt(nil, g.count, 10)
	}
	dst, start := wire.Begin(nil, wire.TypeDataRow)
	return wire.End(wire.AppendValue(wire.AppendCount(dst, 1), n), start)
}

// finish leaves the rows that are shown, in order. It is false if it takes time that has not
// been asked for.
func (g *arranged) finish() bool {
	switch {
	case g.finished:
		return true
	case len(g.rows) >= manyRows && !g.timed:
		g.timed = true
		return false
	}
	g.finished = true
	for told := range g.seen {
		g.size -= rowOverhead + len(told)
	}
	g.seen = nil // no further row comes
	if g.plan.Counts {
		g.rows = []arrangedRow{{frame: g.counted()}}
		g.size = g.rows[0].size()
	}
	if g.sort(); g.plan.First > 0 {
		g.leaveFirst()
	}
	skipped := min(int64(len(g.rows)), max(0, g.offset))
	g.release(g.rows[:skipped])
	if g.rows = g.rows[skipped:]; g.limit >= 0 {
		shown := min(int64(len(g.rows)), g.limit)
		g.release(g.rows[shown:])
		g.rows = g.rows[:shown]
	}
	return true
}

// show gives the client so many of the rows, all for 0, and tells it whether there may be
// more, if it does not fetch them.
func (g *arranged) show(rows int32, fetched bool, out *Output) {
	n := len(g.rows)
	if rows > 0 {
		n = min(n, int(rows))
	}
	for i := range g.rows[:n] {
		out.client.add(g.rows[i].frame)
	}
	g.release(g.rows[:n])
	tag := "SELECT "
	if fetched {
		tag = "FETCH "
	}
	if g.rows = g.rows[n:]; rows > 0 && n == int(rows) && !fetched { // there may be none
		out.client.put(wire.AppendEmpty(out.client.scratch, wire.TypePortalSuspended))
		return
	}
	dst, start := wire.Begin(out.client.scratch, wire.TypeCommandComplete)
	out.client.put(wire.End(wire.AppendCString(dst, tag+itoa(n+int(g.shown))), start))
	g.shown = 0
}
