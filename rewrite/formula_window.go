package rewrite

import (
	"slices"
	"strconv"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/logical"
)

// A window function of sealed values (rank() OVER (ORDER BY salary DESC)): the server gives
// with each row what its arguments, PARTITION BY and ORDER BY are computed of, and the session,
// once it has all rows, computes what the function gives for each. See
// docs/decisions/0039-windows.md.

// Window is what a Windowed formula is computed over. Its Args are, one behind the other, those
// of the function, PARTITION BY, ORDER BY and the offsets of the frame's bounds that have one.
type Window struct {
	Function   logical.WindowFunction
	Values     int         // how many Args are the function's
	Partitions int         // how many are PARTITION BY
	Keys       []WindowKey // what else is said of those of ORDER BY
	Frame      logical.Frame
	// Folds: it is an aggregate of all rows, of which one is shown, also if there are none.
	Folds bool
	call  *pg.FuncCall
}

// WindowKey is in which order the rows of a window are.
type WindowKey struct {
	Descending, NullsFirst bool
	Order                  *logical.TextOrder // of texts
}

// WindowArgs are Args by what they are for. bounds has one for each bound that has an offset.
func (f *Formula) WindowArgs() (values, partitions, keys, bounds []*Formula) {
	w := f.Window
	values, rest := f.Args[:w.Values], f.Args[w.Values:]
	partitions, rest = rest[:w.Partitions], rest[w.Partitions:]
	return values, partitions, rest[:len(w.Keys)], rest[len(w.Keys):]
}

// WindowIn is a window function in a formula: Path is its cell among those that the formula has
// of a row, behind those of the outputs of queries in FROM that it stands in.
type WindowIn struct {
	*Formula
	Path []int
}

// Windows appends the window functions in a formula, each once.
func (f *Formula) Windows(list []WindowIn, path ...int) []WindowIn {
	switch f.Kind {
	case Windowed, Inner:
		if path = append(path[:len(path):len(path)], f.Cell); slices.ContainsFunc(list, func(w WindowIn) bool { return slices.Equal(w.Path[:min(len(path), len(w.Path))], path) }) {
			return list
		}
		if f.Kind == Windowed {
			return append(list, WindowIn{f, path})
		}
	case Aggregated:
		return list
	}
	for _, arg := range f.Args {
		list = arg.Windows(list, path...)
	}
	return list
}

// hasWindow says whether there is a window function in an expression.
func hasWindow(n *pg.Node) bool {
	return anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
		x, ok := m.Interface().(*pg.FuncCall)
		return ok && x.Over != nil
	})
}

// formulaWindow is a window function that the server cannot compute.
func (a *analysis) formulaWindow(x *pg.FuncCall, d *formulaDraft) *Formula {
	for _, made := range d.windows {
		if made.Window.call == x {
			return made
		}
	}
	parts := names(x.Funcname)
	if d.row != nil || d.collects || d.windowed || d.scope.windows == nil || !ofPostgreSQL(parts) || x.AggDistinct || x.AggOrder != nil || x.AggWithinGroup || x.FuncVariadic {
		return nil
	}
	first, last := a.windowSpan(x, len(parts))
	if !d.covers(first, last) {
		return nil
	}
	w := &Window{call: x, Folds: a.isFolded(x)}
	f := &Formula{Kind: Windowed, Window: w, at: term{int(a.tokens[first].start), int(a.tokens[last].end)}}
	own := &formulaDraft{computation: computation{first: len(a.tokens), last: -1}, scope: d.scope, windowed: true}
	if !a.windowValues(f, x, own) {
		return nil
	}
	over, clause := x.Over, d.scope.windows.WindowClause
	if over.Name != "" {
		if over, clause = windowNamed(over.Name, clause); over == nil {
			return nil
		}
	}
	partition, order, frame, ok := windowOf(over, clause)
	if !ok || !frameOf(frame, len(order), &w.Frame) {
		return nil
	}
	sealed := d.scope.regroups != nil || a.needsSession(f)
	for _, n := range partition {
		key := a.windowKey(n, own)
		if key == nil {
			return nil
		}
		if key = key.placed(); !a.isCountable(key) || a.collation(key).differs {
			return nil
		}
		sealed = sealed || key.hasSealed() && !key.hasTerm()
		f.Args, w.Partitions = append(f.Args, key), w.Partitions+1
	}
	for _, n := range order {
		by := n.GetSortBy()
		key := a.windowKey(n, own)
		if key == nil || by.SortbyDir == pg.SortByDir_SORTBY_USING {
			return nil
		}
		if key = key.placed(); !logical.Sorts(key.TypeOf(key.givenType)) {
			return nil
		}
		texts, ok := a.orderOf(key)
		if !ok {
			return nil
		}
		sealed = sealed || key.hasSealed()
		in := WindowKey{by.SortbyDir == pg.SortByDir_SORTBY_DESC, nullsFirst(by), texts}
		if key.ranks {
			in = WindowKey{} // in the order of which the ranks are
		}
		f.Args, w.Keys = append(f.Args, key), append(w.Keys, in)
	}
	for _, n := range []*pg.Node{frame.StartOffset, frame.EndOffset} {
		if n == nil {
			continue
		}
		bound := a.formula(n, own)
		if bound == nil || !bound.IsConstant() {
			return nil
		}
		f.Args = append(f.Args, bound)
	}
	if !sealed || f.TypeOf(f.givenType) == 0 || !a.getsRows(d.scope) {
		return nil
	}
	for _, arg := range f.Args {
		f.Row = arg.columns(f.Row)
	}
	if d.scope.groupsByExpression && slices.ContainsFunc(f.Row, func(of *Formula) bool { return of.OfRow() && !of.ranks && !own.keeps(of) }) {
		return nil // which may be an expression that the query groups by
	}
	slices.SortFunc(f.Row, func(a, b *Formula) int { return a.at.start - b.at.start })
	for i, of := range f.Row {
		of.Cell = i
	}
	for _, arg := range f.Args {
		arg.number(f.Row)
	}
	if len(parts) == 1 {
		own.named = append(own.named, parts[0])
	}
	d.take(own)
	d.windows = append(d.windows, f)
	return f
}

// take adds what the parts of another formula need.
func (d *formulaDraft) take(of *formulaDraft) {
	d.params, d.calls, d.named = append(d.params, of.params...), append(d.calls, of.calls...), append(d.named, of.named...)
	d.operated, d.casted = append(d.operated, of.operated...), append(d.casted, of.casted...)
	d.compared, d.literals = append(d.compared, of.compared...), append(d.literals, of.literals...)
	d.aggregates, d.plain, d.windows = append(d.aggregates, of.aggregates...), append(d.plain, of.plain...), append(d.windows, of.windows...)
}

// windowSpan are the first and the last token of a call with OVER.
func (a *analysis) windowSpan(x *pg.FuncCall, parts int) (first, last int) {
	const missing = -1
	first = a.tokenAt(x.Location)
	end := a.closing(first + 2*(parts-1) + 1)
	if first < 0 || end < 0 {
		return first, missing
	}
	if a.is(end+1, "filter") {
		if end = a.closing(end + 2); end < 0 {
			return first, missing
		}
	}
	switch {
	case a.isFolded(x):
		return first, end
	case !a.is(end+1, "over"):
		return first, missing
	case a.is(end+2, "("):
		return first, a.closing(end + 2)
	}
	return first, end + 2
}

// windowValues are the function and its arguments.
func (a *analysis) windowValues(f *Formula, x *pg.FuncCall, own *formulaDraft) bool {
	name := last(names(x.Funcname))
	for _, n := range x.Args {
		arg := a.formula(n, own)
		if arg == nil {
			return false
		}
		f.Args = append(f.Args, arg)
	}
	f.Window.Values = len(f.Args)
	var ok bool
	if f.Window.Function, ok = logical.WindowFunctionNamed(name); ok {
		least, most := f.Window.Function.Args()
		return len(f.Args) >= least && len(f.Args) <= most && x.AggFilter == nil && !x.AggStar && (!f.Window.Function.GivesValue() || logical.Supported(f.Args[0].TypeOf(f.givenType)) || f.Args[0].enum().Def != nil)
	}
	if f.Aggregate, ok = logical.AggregateNamed(name); !ok || f.Aggregate.OfPairs() {
		return false
	}
	if x.AggStar && f.Aggregate != logical.Count {
		return false
	}
	if x.AggStar {
		f.Args, f.Window.Values = []*Formula{trueValue()}, 1
	}
	if len(f.Args) != 1 && (f.Aggregate != logical.Joined || len(f.Args) != 2 || !f.Args[1].IsConstant() || f.Args[1].Kind == NullValue) || f.Aggregate == logical.Joined && len(f.Args) != 2 {
		return false
	}
	if f.Args[0].isUntyped() && !x.AggStar { // whose type is for the server to say
		return false
	}
	if !f.placeAggregated() {
		return false
	}
	if f.Aggregate == logical.Maximum || f.Aggregate == logical.Minimum {
		if f.Order, ok = a.orderOf(f.Args[0]); !ok {
			return false
		}
	}
	if x.AggFilter == nil {
		return true
	}
	condition := a.formulaDecision(x.AggFilter, own)
	if condition == nil || hasAggregate(x.AggFilter) || condition.TypeOf(condition.givenType) != logical.OIDBool {
		return false
	}
	// None of these aggregates does anything with NULL.
	f.Args[0] = &Formula{Kind: Choice, Args: []*Formula{condition, f.Args[0], {Kind: NullValue}}}
	return true
}

// count is the argument in which lag, lead, ntile and nth_value count, nil for none.
func (f *Formula) count() *Formula {
	switch fn := f.Window.Function; {
	case fn == logical.Ntile:
		return f.Args[0]
	case fn.GivesValue() && f.Window.Values > 1:
		return f.Args[1]
	}
	return nil
}

// isWhole says whether a type is one of integers of at most so many bytes, or not known.
func isWhole(oid uint32, bytes int) bool {
	switch oid {
	case 0, logical.OIDInt2, logical.OIDInt4:
		return true
	}
	return oid == logical.OIDInt8 && bytes == 8
}

// needsSession says whether the function is computed of values that the server does not have.
// It gives one row's value for another's as it is.
func (a *analysis) needsSession(f *Formula) bool {
	values := f.Args[:f.Window.Values]
	switch {
	case f.Window.Function.GivesValue():
		return slices.ContainsFunc(values, (*Formula).computes)
	case f.Window.Function == logical.AggregateOver && f.Aggregate == logical.Count && values[0].Kind == ColumnValue:
		return false
	}
	return slices.ContainsFunc(values, (*Formula).hasSealed)
}

// windowKey is an item of PARTITION BY or ORDER BY: of a plain one its rank, as it is for the
// server to say which of its values are equal, and in which order they are.
func (a *analysis) windowKey(n *pg.Node, own *formulaDraft) *Formula {
	by := n.GetSortBy()
	direction := ""
	if by != nil {
		n, direction = by.Node, directionOf(by)
	}
	key := &formulaDraft{computation: computation{first: len(a.tokens), last: -1}, scope: own.scope, windowed: true}
	if f := a.formula(n, key); f != nil && f.hasSealed() {
		own.take(key)
		return f
	}
	first, end, ok := a.tokensOf(n)
	if !ok || a.mentionsSealed(n, own.scope) || own.scope.regroups != nil && hasAggregate(n) {
		return nil
	}
	own.plain = append(own.plain, n)
	at := term{int(a.tokens[first].start), int(a.tokens[end].end)}
	return &Formula{Kind: PlainValue, Type: logical.Type{OID: logical.OIDInt8, Typmod: -1}, Name: "rank at " + strconv.Itoa(at.start), at: at, ranks: true, direction: direction}
}

// windowNamed is a window of some of the WINDOW clause, and those in front of it, of which it can
// be made; nil if there is none of the name.
func windowNamed(name string, clause []*pg.Node) (w *pg.WindowDef, before []*pg.Node) {
	for i, n := range clause {
		if w := n.GetWindowDef(); w.Name == name {
			return w, clause[:i]
		}
	}
	return nil, nil
}

// framed is what is set in the options of a window that says how large its frame is.
const framed = 1

// windowOf are PARTITION BY and ORDER BY of a window, which may be made of one in the clause, and
// what has its frame.
func windowOf(w *pg.WindowDef, clause []*pg.Node) (partition, order []*pg.Node, frame *pg.WindowDef, ok bool) {
	if w.Refname == "" {
		return w.PartitionClause, w.OrderClause, w, true
	}
	of, before := windowNamed(w.Refname, clause)
	if of == nil || of.FrameOptions&framed != 0 || len(w.PartitionClause) > 0 {
		return nil, nil, nil, false
	}
	partition, order, _, ok = windowOf(of, before)
	if len(order) > 0 && len(w.OrderClause) > 0 {
		return nil, nil, nil, false
	}
	return partition, append(order[:len(order):len(order)], w.OrderClause...), w, ok
}

// The options of a frame that PostgreSQL's parser knows (nodes/parsenodes.h).
const (
	frameRows      = 0x4
	frameGroups    = 0x8
	startUnbounded = 0x20
	endUnbounded   = 0x100
	startCurrent   = 0x200
	endCurrent     = 0x400
	startPreceding = 0x800
	endPreceding   = 0x1000
	startFollowing = 0x2000
	endFollowing   = 0x4000
	excludeCurrent = 0x8000
	excludeGroup   = 0x10000
	excludeTies    = 0x20000
	frameOffsets   = startPreceding | endPreceding | startFollowing | endFollowing
)

// frameOf reads the frame of a window with so many keys. It is false for one whose bounds count
// in values, and for what PostgreSQL refuses.
func frameOf(w *pg.WindowDef, keys int, to *logical.Frame) bool {
	o := w.FrameOptions
	switch {
	case o&frameRows != 0:
		to.Mode = logical.FrameRows
	case o&frameGroups != 0:
		if to.Mode = logical.FrameGroups; keys == 0 {
			return false
		}
	case o&frameOffsets != 0:
		return false
	}
	bound := func(current, preceding, following int32) logical.BoundKind {
		switch {
		case o&current != 0:
			return logical.CurrentRow
		case o&preceding != 0:
			return logical.Preceding
		case o&following != 0:
			return logical.Following
		}
		return logical.Unbounded
	}
	to.Start, to.End = bound(startCurrent, startPreceding, startFollowing), bound(endCurrent, endPreceding, endFollowing)
	switch {
	case o&excludeCurrent != 0:
		to.Exclude = logical.ExcludeRow
	case o&excludeGroup != 0:
		to.Exclude = logical.ExcludeGroup
	case o&excludeTies != 0:
		to.Exclude = logical.ExcludeTies
	}
	return (to.Start == logical.Unbounded) == (o&startUnbounded != 0) && (to.End == logical.Unbounded) == (o&endUnbounded != 0)
}

// windowType is the type of what a window function gives.
func (f *Formula) windowType(given func(*Formula) uint32) uint32 {
	const whole = 8 // bytes of the largest integers
	if n := f.count(); n != nil && !isWhole(n.TypeOf(given), whole/2) {
		return 0
	}
	if _, _, _, bounds := f.WindowArgs(); slices.ContainsFunc(bounds, func(b *Formula) bool { return !isWhole(b.TypeOf(given), whole) }) {
		return 0
	}
	switch fn := f.Window.Function; {
	case fn == logical.AggregateOver && !f.joinsBy(given):
		return 0
	case fn == logical.AggregateOver:
		return f.Aggregate.Result(f.Args[0].TypeOf(given))
	case fn.GivesValue():
		return commonOfAll(f.Alternatives(), given)
	default:
		return fn.Result()
	}
}

// Alternatives are the value that a window function gives of another row, and the one that lag
// and lead have where there is none.
func (f *Formula) Alternatives() []*Formula {
	const value, otherwise = 0, 2
	if f.Window.Values > otherwise {
		return []*Formula{f.Args[value], f.Args[otherwise]}
	}
	return f.Args[:1]
}

// windowExpects is the type that PostgreSQL gives an arg of a window function that has none.
func (f *Formula) windowExpects(arg int, given func(*Formula) uint32) uint32 {
	const between = 1 // of string_agg
	values, w := f.Window.Values, f.Window
	switch {
	case arg >= values+w.Partitions+len(w.Keys):
		return logical.OIDInt8
	case w.Function == logical.AggregateOver && arg == between:
		return logical.OIDText
	case w.Function.GivesValue() && arg != 1 && arg < values:
		return f.windowType(given)
	}
	return logical.OIDInt4
}

// windowParts are what the server gives of a row for a window function: an array.
func (f *Formula) windowParts() (parts []cellPart) {
	if len(f.Row) == 0 { // row_number() OVER () of groups
		return []cellPart{{at: term{f.at.start, f.at.start}, before: "pg_catalog.array_send('{}'::" + serverType + "[])"}}
	}
	for i, of := range f.Row {
		more := of.parts()
		if i > 0 {
			more[0].before = ", " + more[0].before
		}
		parts = append(parts, more...)
	}
	parts[0].before = arrayStart + parts[0].before
	parts[len(parts)-1].behind += arrayEnd
	return parts
}

// over is the window of a function that the server computes.
func (a *analysis) over(w *pg.WindowDef, sc *scope) {
	if w == nil {
		return
	}
	if name := w.Name + w.Refname; name != "" { // either of them
		sc.servedWindows = append(sc.servedWindows, name)
	}
	a.window(w, sc)
}

// windowClause is the WINDOW clause of a query. What is sealed in a window that no function of
// the server's has the server does not sort by.
func (a *analysis) windowClause(s *pg.SelectStmt, sc *scope) {
	for i := len(s.WindowClause) - 1; i >= 0; i-- {
		w := s.WindowClause[i].GetWindowDef()
		if slices.Contains(sc.servedWindows, w.Name) && w.Refname != "" {
			sc.servedWindows = append(sc.servedWindows, w.Refname)
		}
	}
	for _, n := range s.WindowClause {
		w := n.GetWindowDef()
		if slices.Contains(sc.servedWindows, w.Name) || a.arranged == nil || !a.arranged.plan.Windows || a.arranged.query != s {
			a.window(w, sc)
			continue
		}
		a.in("a window definition", func() {
			for _, key := range slices.Concat(w.PartitionClause, w.OrderClause) {
				if by := key.GetSortBy(); by != nil {
					key = by.Node
				}
				if first, end, ok := a.tokensOf(key); ok && (sc.regroups != nil || a.mentionsSealed(key, sc)) {
					a.edit(int(a.tokens[first].start), int(a.tokens[end].end), noOrder, nil)
				} else {
					a.plain(key, sc)
				}
			}
			a.plain(w.StartOffset, sc)
			a.plain(w.EndOffset, sc)
		})
	}
}
