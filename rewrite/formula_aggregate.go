package rewrite

import (
	"slices"
	"strconv"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"pgseal/logical"
)

// An aggregate in an output that is computed: the server gives what all rows of a group
// have, as an array (or, of one that has nothing sealed in it, its value).
// See docs/decisions/0033-aggregates.md.

// formulaAggregated is an aggregate of a formula in the making.
type formulaAggregated struct {
	*Formula
	call *pg.FuncCall
	bare bool // its name has no schema
	kept bool // the server computes it
}

// formulaAggregate is a call of an aggregate function.
func (a *analysis) formulaAggregate(of logical.Aggregate, x *pg.FuncCall, d *formulaDraft) *Formula {
	for _, made := range d.aggregates {
		if made.call == x { // BETWEEN, IN and CASE compare one value several times
			return made.Formula
		}
	}
	parts := names(x.Funcname)
	ordered := of.IsOrdered()
	if d.row != nil || d.collects || !ofPostgreSQL(parts) || x.AggWithinGroup != ordered || x.Over != nil || x.FuncVariadic || len(x.Args) == 0 && !x.AggStar && !ordered || x.AggStar && of != logical.Count {
		return nil
	}
	first := a.tokenAt(x.Location)
	open := first + 2*(len(parts)-1) + 1
	end := a.closing(open)
	if !a.is(open, "(") || end < 0 {
		return nil
	}
	f := &Formula{Kind: Aggregated, Aggregate: of, Distinct: x.AggDistinct}
	args := x.Args
	if ordered {
		if args = f.orderedArgs(x); args == nil || !a.is(end+1, "within") || !a.is(end+3, "(") {
			return nil
		}
		if end = a.closing(end + 3); end < 0 {
			return nil
		}
	}
	last := end
	if x.AggFilter != nil {
		if last = a.closing(end + 2); !a.is(end+1, "filter") || last < 0 {
			return nil
		}
		f.filter = term{int(a.tokens[end+1].start), int(a.tokens[last].end)}
	}
	if !d.covers(first, last) {
		return nil
	}
	f.at = term{int(a.tokens[first].start), int(a.tokens[last].end)}
	inner := &formulaDraft{computation: d.computation, scope: d.scope, collects: true}
	for _, n := range args {
		arg := a.formula(n, inner)
		if arg == nil {
			return nil
		}
		f.Args = append(f.Args, arg)
	}
	if !f.placeAggregated() {
		return nil
	}
	if of == logical.Count && len(f.Args) == 1 && f.Args[0].Kind == LiteralValue {
		f.Args[0] = trueValue() // which is counted as well: COUNT('*')
	}
	a.computedFilter(f, x, inner)
	if !a.inRanges(f, inner) {
		return nil
	}
	made := &formulaAggregated{Formula: f, call: x, bare: len(parts) == 1}
	sorts := of == logical.Joined && (f.Distinct || d.scope.regroups != nil && len(x.AggOrder) == 1 && f.Args[0].Kind == ColumnValue && (&Formula{}).sortsAs(x))
	f.SortsTexts = sorts
	keyed := !sorts && (of == logical.Gathered && f.Distinct || d.scope.regroups != nil && x.AggOrder != nil && (of == logical.Gathered || of == logical.Joined))
	nulls := x.AggFilter != nil && (d.scope.regroups != nil || f.filter == (term{})) // of the rows that it leaves out
	if of == logical.Gathered && (nulls || len(d.scope.ranges) > 0 || slices.ContainsFunc(f.Args, (*Formula).hasOwnTypes)) || keyed && nulls {
		return nil
	}
	if d.scope.regroups != nil {
		if x.AggOrder != nil && !sorts && !ordered && !keyed || len(f.Args) > 0 && f.Args[0].Kind == ParameterValue { // whose type is for the server to say
			return nil
		}
		if f.collects = true; len(f.Args) == 0 {
			f.Args = []*Formula{trueValue()}
		}
		const behindFilter = 3 // filter ( where
		if f.filter != (term{}) {
			f.filter = term{int(a.tokens[end+1+behindFilter].start), int(a.tokens[last-1].end)}
		}
	} else if !f.hasSealed() || of == logical.Count && f.Args[0].Kind == ColumnValue && (!f.Distinct || f.Args[0].isTerm()) {
		if ordered {
			return nil
		}
		return a.keptAggregate(made, d)
	}
	two := of == logical.Joined || of.TakesFraction()
	if of.OfPairs() {
		if len(f.Args) != 2 || f.Distinct || x.AggOrder != nil || f.Args[0].isUntyped() || f.Args[1].isUntyped() {
			return nil
		}
	} else if len(f.Args) != 1 && (!two || !f.Args[1].IsConstant() || f.Args[1].Kind == NullValue) || len(f.Args) != 2 && two {
		return nil
	}
	switch {
	case sorts && !f.sortsAs(x), of == logical.Reached && f.Args[1].TypeOf(f.givenType) == 0:
		return nil
	case (of == logical.Reached || of == logical.MostFrequent) && f.Args[0].TypeOf(f.givenType) == logical.OIDNumeric && !f.Args[0].isDistinguished():
		return nil // of values that are equal and look different it may be any
	case keyed && !a.aggregateKeys(f, x, inner):
		return nil
	case f.Distinct && !sorts && !keyed && !f.Args[0].isDistinguished() && (of != logical.Count || !a.isCountable(f.Args[0])):
		return nil
	}
	if x.AggOrder != nil && !sorts && !ordered && !keyed {
		at := slices.IndexFunc(a.tokens[open:end], func(t token) bool { return int32(t.start) >= firstOrder(x) }) + open
		for !a.is(at, "order") {
			if at--; at <= open {
				return nil
			}
		}
		f.order = term{int(a.tokens[at].start), int(a.tokens[end-1].end)}
	}
	if f.Row = f.Args[0].columns(nil); of.OfPairs() {
		f.Row = f.Args[1].columns(f.Row)
	}
	for _, key := range f.Args[len(f.Args)-len(f.SortKeys):] {
		f.Row = key.columns(f.Row)
	}
	slices.SortFunc(f.Row, func(a, b *Formula) int { return a.at.start - b.at.start })
	for i, of := range f.Row {
		of.Cell = i
	}
	for _, arg := range f.Args {
		arg.number(f.Row)
	}
	d.take(inner)
	if of == logical.Maximum || of == logical.Minimum || sorts || ordered {
		d.compared = append(d.compared, f)
	}
	d.aggregates = append(d.aggregates, made)
	return f
}

// orderedArgs are what an ordered-set aggregate sorts, and its fraction; nil for several or none.
func (f *Formula) orderedArgs(x *pg.FuncCall) []*pg.Node {
	if len(x.AggOrder) != 1 || x.AggOrder[0].GetSortBy().GetSortbyDir() == pg.SortByDir_SORTBY_USING {
		return nil
	}
	key := x.AggOrder[0].GetSortBy()
	f.Descending = key.GetSortbyDir() == pg.SortByDir_SORTBY_DESC
	return append([]*pg.Node{key.GetNode()}, x.Args...)
}

// sortsAs says whether string_agg sorts by nothing but the text that it joins, and in which
// direction. Without ORDER BY it does so for DISTINCT.
func (f *Formula) sortsAs(x *pg.FuncCall) bool {
	if len(x.AggOrder) == 0 {
		return true
	}
	key := x.AggOrder[0].GetSortBy()
	text, by := proto.Clone(x.Args[0]).(*pg.Node), proto.Clone(key.GetNode()).(*pg.Node)
	unplace(text.ProtoReflect())
	unplace(by.ProtoReflect())
	f.Descending = key.GetSortbyDir() == pg.SortByDir_SORTBY_DESC
	return len(x.AggOrder) == 1 && key.GetSortbyDir() != pg.SortByDir_SORTBY_USING && proto.Equal(text, by)
}

// computedFilter makes a FILTER that the session has to compute a CASE around what is
// aggregated, since none of these aggregates does anything with NULL.
func (a *analysis) computedFilter(f *Formula, x *pg.FuncCall, inner *formulaDraft) {
	if x.AggFilter == nil || x.AggOrder != nil || len(f.Args) > 0 && f.Args[0].Kind == ParameterValue { // CASE would give it a type
		return
	}
	own := &formulaDraft{computation: inner.computation, scope: inner.scope, collects: true}
	condition := a.formula(x.AggFilter, own)
	if condition == nil || !condition.computes() && (condition.Kind != ColumnValue || condition.isTerm()) {
		return
	}
	inner.take(own)
	if x.AggStar {
		f.Args = []*Formula{trueValue()}
	}
	f.Args[0], f.filter = &Formula{Kind: Choice, Args: []*Formula{condition, f.Args[0], {Kind: NullValue}}}, term{}
}

// firstOrder is where the first key of an aggregate's ORDER BY stands.
func firstOrder(x *pg.FuncCall) int32 { return firstLocation(x.AggOrder[0].ProtoReflect()) }

// keptAggregate is one whose value the server gives.
func (a *analysis) keptAggregate(made *formulaAggregated, d *formulaDraft) *Formula {
	f, x := made.Formula, made.call
	var of uint32
	if len(f.Args) > 0 {
		of = f.Args[0].TypeOf(f.givenType)
	}
	result := f.Aggregate.Result(of)
	if f.Aggregate != logical.Count && (of == 0 || result == 0) || len(x.Args) > 1 {
		return nil
	}
	made.kept = true
	d.aggregates = append(d.aggregates, made)
	// Its name is its place: another one of the same text has other literals in other
	// texts of the shape.
	made.Formula = &Formula{Kind: PlainValue, Type: logical.Type{OID: result, Typmod: -1}, Name: "aggregate at " + strconv.Itoa(f.at.start), at: f.at}
	return made.Formula
}

// isCountable says whether the session knows which values of a formula are equal, whatever
// they look like.
func (a *analysis) isCountable(f *Formula) bool {
	t := logical.Type{OID: f.TypeOf(f.givenType), Typmod: -1}
	return t.OID != 0 && t.HasEquality() && a.comparesBytes(f)
}

// isDistinguished says whether two of its values are equal only if they are the same.
func (f *Formula) isDistinguished() bool {
	switch t := f.TypeOf(f.givenType); t {
	case logical.OIDInt2, logical.OIDInt4, logical.OIDInt8, logical.OIDDate, logical.OIDTimestamp, logical.OIDTimestamptz, logical.OIDBool:
		return true
	case logical.OIDNumeric:
		return f.Kind == ColumnValue && f.Column.Type.Typmod != -1
	}
	return false
}

// keeps says whether a value of the formula is an aggregate that the server computes.
func (d *formulaDraft) keeps(f *Formula) bool {
	return slices.ContainsFunc(d.aggregates, func(of *formulaAggregated) bool { return of.Formula == f })
}

// aggregated analyses what of aggregates and windows the server gets as it is.
func (a *analysis) aggregated(d *formulaDraft, sc *scope) {
	for _, n := range d.plain {
		a.in("a window definition", func() { a.plain(n, sc) })
	}
	for _, of := range d.aggregates {
		if of.kept {
			a.plain(&pg.Node{Node: &pg.Node_FuncCall{FuncCall: of.call}}, sc)
			continue
		}
		a.in("aggregate function", func() {
			switch {
			case of.SortsTexts, of.SortKeys != nil, of.Aggregate.IsOrdered(): // which the session sorts
			case of.call.AggDistinct:
				a.sortKeys(of.call.AggOrder, sc)
			default:
				a.rankKeys(of.call.AggOrder, sc, false)
			}
		})
		if of.filter != (term{}) {
			a.filters(of.call.AggFilter, sc)
		}
	}
}
