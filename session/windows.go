package session

import (
	"encoding/binary"
	"math"
	"slices"

	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// Rows of which the session computes window functions (rewrite.Windowed) are held as the server
// has given them, with what their windows are computed of. Once all are there, what each function
// gives takes the place of that, and the rows go on as if the server had computed it.

// windowedRows are the rows of a result.
type windowedRows struct {
	outputs   []windowOutput
	functions []windowFunction
	rows      []windowedRow
	order     []int // in which rows go on, nil before the functions are computed
	shown     int   // rows that have gone on
}

// windowOutput is an output with window functions, of so many behind the first one.
type windowOutput struct {
	hiddenCell
	first, end int // of functions
}

// windowFunction is a window function in an output.
type windowFunction struct {
	rewrite.WindowIn
	given   given
	results [][]byte // by row, in canonical form, nil for NULL
}

// windowedRow is a row, with what each function needs of it.
type windowedRow struct {
	body []byte // of the DataRow
	of   []windowInput
	size int // in memory, in bytes
}

// windowInput is what a row has in the arguments of a window function.
type windowInput struct {
	values    []windowValue
	partition [][]byte // in canonical form, nil for NULL
	keys      [][]byte // as well
	bounds    []windowValue
}

// windowValue is the value of an argument, or why there is none: PostgreSQL comes to those only
// that it needs.
type windowValue struct {
	data []byte // in canonical form, nil for NULL
	err  error
}

// maxWindowSteps is how many values the frames of a result may have between them.
const maxWindowSteps = 1 << 24

// errWindows is for frames with more.
var errWindows = &wire.Error{
	Code: codeProgramLimit, Message: "the frames of the windows hold too many rows between them for pgseal to aggregate sealed values over each",
	Hint: "Let the frames begin at UNBOUNDED PRECEDING, or select fewer rows.",
}

// windows are what rows are held for, nil if there is no window function that the session
// computes.
func windows(plan *rewrite.Arrangement, cells []cell) *windowedRows {
	if !plan.Windows {
		return nil
	}
	all := &windowedRows{}
	for i := range cells {
		if cells[i].output == nil {
			continue
		}
		first := len(all.functions)
		for _, f := range cells[i].output.formula.Windows(nil) {
			all.functions = append(all.functions, windowFunction{WindowIn: f, given: cells[i].output.given})
		}
		if len(all.functions) > first {
			all.outputs = append(all.outputs, windowOutput{hiddenCell{cells[i], i}, first, len(all.functions)})
		}
	}
	return all
}

// window takes a row, the body of which is given, or a group, for which conditions are true.
func (s *Session) window(g *arranged, conditions []hiddenCell, body []byte) (Need, error) {
	if stays, need, err := s.stays(g, conditions, body); err != nil || need.Kind != NeedNothing || !stays {
		return need, err
	}
	all := g.windows
	row := windowedRow{of: make([]windowInput, len(all.functions))}
	size := (2+len(all.functions))*rowOverhead + len(body)
	for i := range all.outputs {
		o := &all.outputs[i]
		value, err := s.ofServer(&o.cell, columnOf(body, o.column))
		if err != nil {
			return Need{}, err
		}
		for k := o.first; k < o.end; k++ {
			f := &all.functions[k]
			array, err := cellAt(value, f.Path)
			if err != nil {
				return Need{}, &unopened{o.sealed, 0, err}
			}
			own, err := readCells(nil, array)
			if err != nil || len(own) != len(f.Row) {
				return Need{}, &unopened{o.sealed, 0, errCells}
			}
			n, need, err := s.windowInput(f, own, &row.of[k])
			if err != nil || need.Kind != NeedNothing {
				return need, err
			}
			size += n
		}
	}
	row.body, row.size = slices.Clone(body), size
	all.rows = append(all.rows, row)
	if g.size += size; g.size+g.others > min(heldBytes, s.cfg.MaxFrame) {
		return Need{}, errArrangedRows
	}
	return Need{}, nil
}

// windowInput computes what a function needs of a row that has these cells for it, and how many
// bytes that takes.
func (s *Session) windowInput(f *windowFunction, own [][]byte, in *windowInput) (size int, need Need, err error) {
	g := f.given
	g.row = own
	s.buf.value = s.buf.value[:0]
	values, partitions, keys, bounds := f.WindowArgs()
	arg := 0
	compute := func(of *rewrite.Formula) (v computedValue) {
		v, need, err = s.formula(of, &g, f.Expected(arg, g.typeOf))
		if arg++; !v.null {
			size += rowOverhead + len(v.Data)
		}
		return v
	}
	lazy := func(list []*rewrite.Formula, to *[]windowValue) bool {
		for _, of := range list {
			value := compute(of)
			if err == nil && need.Kind == NeedNothing && f.Window.Function.GivesValue() && slices.Contains(f.Alternatives(), of) {
				value, err = s.alternative(f.Formula, &g, value)
			}
			if need.Kind != NeedNothing || err != nil && statementError(err) == nil {
				return false
			}
			one := windowValue{err: err}
			if err == nil && !value.null {
				one.data = append([]byte{}, value.Data...)
			}
			*to, err = append(*to, one), nil
		}
		return true
	}
	if !lazy(values, &in.values) {
		return 0, need, err
	}
	in.partition, in.keys = make([][]byte, len(partitions)), make([][]byte, len(keys))
	for i, of := range slices.Concat(partitions, keys) {
		v := compute(of)
		switch {
		case err != nil || need.Kind != NeedNothing:
			return 0, need, err
		case v.null:
		case i < len(partitions):
			in.partition[i] = append([]byte{}, v.Data...)
		default:
			if err := f.Window.Keys[i-len(partitions)].Order.Check(v.Value); err != nil {
				return 0, Need{}, err
			}
			in.keys[i-len(partitions)] = append([]byte{}, v.Data...)
		}
	}
	if !lazy(bounds, &in.bounds) {
		return 0, need, err
	}
	return size, Need{}, nil
}

// showWindows computes the window functions, and has the rows go on, once all are there.
func (s *Session) showWindows(g *arranged, out *Output) (Need, error) {
	all := g.windows
	if all == nil {
		return Need{}, nil
	}
	if all.order == nil {
		if !g.timed && (g.size >= largeValue || len(all.rows) >= manyRows) {
			g.timed = true
			return Need{Kind: NeedTime}, nil
		}
		steps := maxWindowSteps
		for i := range all.functions {
			if err := s.computeWindow(all, i, &steps); err != nil {
				return Need{}, err
			}
		}
		if !g.plan.InWindowOrder || len(all.functions) == 0 {
			all.order = make([]int, len(all.rows))
			for i := range all.order {
				all.order[i] = i
			}
		}
	}
	if len(all.functions) > 0 && all.functions[0].Window.Folds {
		if err := s.foldRows(g, all); err != nil {
			return Need{}, err
		}
	}
	for ; all.shown < len(all.order); all.shown++ {
		i := all.order[all.shown]
		frame, err := s.remadeRow(all.rows[i].body, len(all.outputs), func(k int) *hiddenCell { return &all.outputs[k].hiddenCell }, func(k int, array []byte) (_ []byte, err error) {
			o := &all.outputs[k]
			for _, f := range all.functions[o.first:o.end] {
				if array, err = replacedCell(array, f.Path, f.results[i]); err != nil {
					break
				}
			}
			return array, err
		})
		if err != nil {
			return Need{}, err
		}
		if need, err := s.keepRow(g, g.behind, frame, out); err != nil || need.Kind != NeedNothing {
			return need, err
		}
		g.size -= all.rows[i].size
		all.rows[i] = windowedRow{}
	}
	g.windows = nil
	return Need{}, nil
}

// computeWindow computes a function for all rows. It leaves the order of the window.
func (s *Session) computeWindow(all *windowedRows, function int, steps *int) error {
	f := &all.functions[function]
	f.results = make([][]byte, len(all.rows))
	_, partitions, keys, _ := f.WindowArgs()
	of := func(row int) *windowInput { return &all.rows[row].of[function] }
	byKeys, by := f.types(keys), f.types(partitions)
	compare := func(i, k int) int { return compareKeys(of(i).keys, of(k).keys, byKeys, f.Window.Keys) }
	lists, err := all.partitions(function, by)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(by, func(oid uint32) bool { return !logical.Sorts(oid) }) { // as PostgreSQL shows them
		ascending := make([]rewrite.WindowKey, len(by))
		slices.SortStableFunc(lists, func(v, w []int) int { return compareKeys(of(v[0]).partition, of(w[0]).partition, by, ascending) })
	}
	all.order = make([]int, 0, len(all.rows))
	for _, list := range lists {
		slices.SortStableFunc(list, compare)
		p := &partition{function: f, index: function, all: all, list: list}
		for i := range list {
			p.AddRow(i > 0 && compare(list[i-1], list[i]) == 0)
		}
		if err := s.computePartition(p, steps); err != nil {
			return err
		}
		all.order = append(all.order, list...)
	}
	return nil
}

// types are those of some of the function's arguments.
func (f *windowFunction) types(args []*rewrite.Formula) []uint32 {
	types := make([]uint32, len(args))
	for i, arg := range args {
		types[i] = arg.TypeOf(f.given.typeOf)
	}
	return types
}

// partitions are the rows of each partition of a function, whose PARTITION BY is of types.
func (all *windowedRows) partitions(function int, types []uint32) (lists [][]int, err error) {
	told, byKey := []byte(nil), map[string]int{}
	for i := range all.rows {
		told = told[:0]
		for k, value := range all.rows[i].of[function].partition {
			at := len(told)
			if told = binary.BigEndian.AppendUint32(told, math.MaxUint32); value == nil {
				continue
			}
			if told, err = (logical.Type{OID: types[k], Typmod: -1}).AppendEquality(told, value); err != nil {
				return nil, err
			}
			binary.BigEndian.PutUint32(told[at:], uint32(len(told)-at))
		}
		n, ok := byKey[string(told)]
		if !ok {
			n = len(lists)
			byKey[string(told)], lists = n, append(lists, nil)
		}
		lists[n] = append(lists[n], i)
	}
	return lists, nil
}

// compareKeys gives the order of two rows of a window.
func compareKeys(v, w [][]byte, types []uint32, keys []rewrite.WindowKey) int {
	for i, k := range keys {
		if order := compareKey(v[i], w[i], types[i], k.Order, k.Descending, k.NullsFirst); order != 0 {
			return order
		}
	}
	return 0
}

// partition are the rows of a partition, in the order of the window.
type partition struct {
	logical.Partition
	function *windowFunction
	index    int // of the function
	all      *windowedRows
	list     []int // the rows, by their place in the order
}

// value is an argument of the function in a row, by its place in the partition.
func (p *partition) value(row, arg int) ([]byte, error) {
	v := p.all.rows[p.list[row]].of[p.index].values[arg]
	return v.data, v.err
}

// integer is such an argument that is a number. It is false for NULL.
func (p *partition) integer(row, arg int) (n int64, ok bool, err error) {
	v, err := p.value(row, arg)
	if err != nil || v == nil {
		return 0, false, err
	}
	return logical.Integer(logical.Value{Data: v}), true, nil
}

// give is what the function gives for a row.
func (p *partition) give(row int, value []byte) { p.function.results[p.list[row]] = value }

// computePartition computes the function for the rows of a partition.
func (s *Session) computePartition(p *partition, steps *int) (err error) {
	switch f := p.function.Window.Function; f {
	case logical.AggregateOver:
		return s.aggregateFrames(p, steps)
	case logical.Ntile:
		return p.ntile()
	case logical.Lag, logical.Lead:
		return p.neighbours(f == logical.Lead)
	case logical.FirstValue, logical.LastValue, logical.NthValue:
		return p.valuesOfFrames(f, steps)
	default:
		for row := range p.Rows() {
			p.give(row, p.AppendRank(nil, f, row))
		}
	}
	return nil
}

// ntile gives each row the number of its bucket. It is NULL until a row has a number of them.
func (p *partition) ntile() error {
	var buckets logical.Buckets
	begun := false
	for row := range p.Rows() {
		count, ok, err := int64(0), true, error(nil)
		if !begun {
			if count, ok, err = p.integer(row, 0); err != nil {
				return err
			}
		}
		if !ok {
			continue
		}
		begun = true
		n, err := buckets.Next(p.Rows(), count)
		if err != nil {
			return err
		}
		p.give(row, binary.BigEndian.AppendUint32(nil, uint32(n)))
	}
	return nil
}

// neighbours gives each row the value of one that is so many rows before it, or behind it.
func (p *partition) neighbours(behind bool) error {
	const distance, otherwise = 1, 2
	for row := range p.Rows() {
		by := int64(1)
		if p.function.Window.Values > distance {
			n, ok, err := p.integer(row, distance)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			by = n
		}
		if !behind {
			by = -by
		}
		var value []byte
		var err error
		if at := int64(row) + by; at >= 0 && at < int64(p.Rows()) {
			value, err = p.value(int(at), 0)
		} else if p.function.Window.Values > otherwise {
			value, err = p.value(row, otherwise)
		}
		if err != nil {
			return err
		}
		p.give(row, value)
	}
	return nil
}

// frame are the rows of the frame around one.
func (p *partition) frame(row int, offsets [2]int64) (start, end int) {
	return p.function.Window.Frame.Bounds(&p.Partition, row, offsets[0], offsets[1])
}

// errFrame are PostgreSQL's errors for an offset of a frame that is NULL or negative.
func errFrame(which string, negative bool) error {
	if negative {
		return &wire.Error{Code: "22013", Message: "frame " + which + " offset must not be negative"}
	}
	return &wire.Error{Code: "22004", Message: "frame " + which + " offset must not be null"}
}

// offsets are those of the frame's bounds, which are the same in all rows.
func (p *partition) offsets() (of [2]int64, err error) {
	frame, given := p.function.Window.Frame, p.all.rows[p.list[0]].of[p.index].bounds
	for i, bound := range [...]logical.BoundKind{frame.Start, frame.End} {
		if bound != logical.Preceding && bound != logical.Following {
			continue
		}
		v, which := given[0], [...]string{"starting", "ending"}[i]
		given = given[1:]
		switch {
		case v.err != nil:
			return of, v.err
		case v.data == nil:
			return of, errFrame(which, false)
		}
		if of[i] = logical.Integer(logical.Value{Data: v.data}); of[i] < 0 {
			return of, errFrame(which, true)
		}
	}
	return of, nil
}

// valuesOfFrames gives each row the value of one of its frame.
func (p *partition) valuesOfFrames(f logical.WindowFunction, steps *int) error {
	offsets, err := p.offsets()
	if err != nil {
		return err
	}
	frame := p.function.Window.Frame
	for row := range p.Rows() {
		start, end := p.frame(row, offsets)
		if frame.Exclude != logical.ExcludeNone {
			if *steps -= max(0, end-start); *steps < 0 {
				return errWindows
			}
		}
		at := -1
		if f == logical.LastValue {
			at = frame.Last(&p.Partition, row, start, end)
		} else {
			n, ok := int64(1), true
			if f == logical.NthValue {
				if n, ok, err = p.integer(row, 1); err != nil {
					return err
				}
			}
			if !ok {
				continue
			}
			if at, err = frame.Nth(&p.Partition, row, start, end, n); err != nil {
				return err
			}
		}
		if at < 0 {
			continue
		}
		value, err := p.value(at, 0)
		if err != nil {
			return err
		}
		p.give(row, value)
	}
	return nil
}

// aggregateFrames aggregates the rows of the frame of each row. One that has all of the frame
// before it goes on from there, as in PostgreSQL, so that floats are added in the same order.
func (s *Session) aggregateFrames(p *partition, steps *int) error {
	offsets, err := p.offsets()
	if err != nil {
		return err
	}
	f, frame := p.function, p.function.Window.Frame
	oid := f.Args[0].TypeOf(f.given.typeOf)
	var made *logical.Aggregation
	from, to := 0, 0 // what has been added
	var result []byte
	for row := range p.Rows() {
		start, end := p.frame(row, offsets)
		end = max(start, end)
		same := made != nil && frame.Exclude == logical.ExcludeNone && start == from && end >= to
		if same && end == to && row > 0 {
			p.give(row, result)
			continue
		}
		if !same {
			made, from, to = f.Aggregate.Begin(oid, false, false, f.Order), start, start
		}
		if *steps -= end - to; *steps < 0 {
			return errWindows
		}
		for ; to < end; to++ {
			if frame.Excludes(&p.Partition, row, to) {
				continue
			}
			if err := s.aggregateRow(p, made, oid, to); err != nil {
				return err
			}
		}
		if result, err = made.Append([]byte{}, &s.settings.utf8); err != nil {
			return err
		}
		p.give(row, result)
	}
	return nil
}

// aggregateRow adds the value of a row.
func (s *Session) aggregateRow(p *partition, to *logical.Aggregation, oid uint32, row int) error {
	value, err := p.value(row, 0)
	if err != nil || value == nil {
		return err
	}
	var between []byte
	if p.function.Window.Values > 1 {
		if between, err = p.value(row, 1); err != nil {
			return err
		}
	}
	return to.Add(logical.Value{Data: value, Binary: true, OID: oid}, between, &s.settings.utf8)
}

// windowValue is what a window function gives for the row at hand.
func (s *Session) windowValue(f *rewrite.Formula, g *given) (computedValue, Need, error) {
	v, null, err := s.cellOf(f, g, f.TypeOf(g.typeOf))
	return computedValue{Value: v, null: null}, Need{}, err
}
