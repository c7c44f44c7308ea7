package rewrite

import (
	"encoding/binary"
	"fmt"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// FormulaKind is what one node of a Formula is.
type FormulaKind uint8

const (
	ColumnValue    FormulaKind = iota // Column, of the row before it is changed: Answer
	ParameterValue                    // Client
	LiteralValue                      // see Formula.Literal
	NullValue                         // NULL
	Operation                         // Operator, of two Args
	Negative                          // -, of one
	Inverse                           // NOT, of one
	FirstOf                           // COALESCE, of all Args
	Greatest                          // GREATEST, of all Args
	Least                             // LEAST, of all Args
	CastTo                            // Type, of one
	AssignedTo                        // Column, of one: what is stored of a value
	PlainValue                        // a plain column, Name, of the row: Answer
	Called                            // Function, of all Args
	Both                              // AND, of all Args
	Either                            // OR, of all Args
	IsNull                            // of one
	IsNotNull                         // of one
	Aggregated                        // Aggregate, of the first of Args in each of any number of rows, the second behind it in each, or beside it
	Inner                             // what the one of Args comes to, of the row of a query in FROM that has it as an output
	Collated                          // one, which is compared by its bytes: COLLATE "C"
	Windowed                          // Aggregate or a function over the rows of a Window
	Asked                             // what a subquery comes to that does not depend on the row: the one of Args, of a row that is an answer
	Choice                            // CASE: conditions, each with the value behind it, and at the end the value if none holds
	Placed                            // the place of the one of Args among the labels of the enum Type
	Labelled                          // the label of the enum Type at the place that the one of Args is
)

// Quantifier says for which elements of an array an operation has to be true.
type Quantifier uint8

const (
	OneValue    Quantifier = iota // there is no array
	AnyElement                    // = ANY
	AllElements                   // <> ALL
)

// Formula is an expression over columns of a row. The server cannot compute it: the
// session opens what the row has, and computes. Of a row that a statement changes it asks
// in front of the statement; of one that is shown the server gives it in the place of the
// output. See docs/decisions/0031-formulas.md and 0032-computed-outputs.md.
type Formula struct {
	Kind       FormulaKind
	Operator   logical.Operator
	Function   logical.Function
	Fold       *logical.Fold      // of lower, upper and initcap
	First      *logical.Fold      // of initcap
	Order      *logical.TextOrder // by which it compares texts
	Args       []*Formula
	Quantifier Quantifier // of an Operation whose second operand is an array
	// FoldsElements: these are brought into lower case, as the first operand is.
	FoldsElements bool
	// Aggregate is that of Aggregated; Row are the columns that it has of each row, by Cell.
	Aggregate  logical.Aggregate
	Distinct   bool
	SortsTexts bool // string_agg, by the texts themselves
	Descending bool // what it sorts, from the last one on
	// SortKeys are those of its rows, of the last Args: they are aggregated in that order.
	SortKeys  []WindowKey
	Row       []*Formula
	Window    *Window               // of Windowed, which has a Row as well
	Column    *catalog.SealedColumn // of some kinds, or that it is computed for
	Answer    int                   // number, from 1, of the Question's answer that the column's envelope is, or its value
	Cell      int                   // index of the column among those that the answer has of each row, if there can be several
	Image     int                   // of a plain column: the answer that is NULL if there is no such row
	Name      string
	Client    int // index, from 0, of the client's parameter
	Type      logical.Type
	in        *item    // the entry of FROM that a column of an output is in
	sql       string   // of a PlainValue: what the server computes, if that is no column
	served    *pg.Node // that, if it is a condition of the client's
	text      formulaLiteral
	ranged    bool // a Choice of the value of a row that is in a range, and of NULL
	wild      bool // a parameter that has wildcards where it is a pattern, or LIKE that no term answers
	compared  bool // IsNull of what IS DISTINCT FROM compares, too
	listed    bool // Either or Both of what IN compares, of one type
	implied   bool // a CastTo that nobody has written, of a value beside others
	nullIf    bool // a Choice of NULL and of the value that is compared
	grouped   bool // a column of an output that the query groups by: any value of the group is it
	ranks     bool // a PlainValue that is the rank of what the server sorts by, in a direction
	direction string
	Subquery  bool // it is a subquery's in an output, of which each row may have all again
	Envelope  bool // of Asked: the answer is an envelope, or empty, and not an array
	within    bool // it stands in brackets whose text has edits of its own
	collects  bool // an aggregate of which the server gives what each row has, and the session those of a group
	sorted    bool // an aggregate of which the server gives what its rows have in an order of its own
	// at is where a column of an output is named first, or an aggregate stands; order and
	// filter are its clauses, zero if it has none.
	at, order, filter term
	// document is the type that a function takes, of its call that is an Operation, 0 for none.
	document uint32
}

// formulaLiteral is a literal of a formula: a place in every text of the shape, or,
// where a text is planned for itself, what stands there.
type formulaLiteral struct {
	literal  int32 // index; -1 for value
	negative bool
	value    []byte
	oid      uint32
}

// Literal gives a literal's value and the type that PostgreSQL gives it, unknown for a
// string. l is what is being put in its place in the simple protocol, nil in the
// extended protocol. kept says that the value is in UTF-8 and not in the encoding of the
// text at hand.
func (f *Formula) Literal(l *Literal) (value []byte, oid uint32, kept bool, err error) {
	if f.text.literal < 0 {
		return f.text.value, f.text.oid, true, nil
	}
	if l == nil {
		return nil, 0, false, refuseDefect()
	}
	value, oid, err = literalValue(l.text, l.literals[f.text.literal], f.text.negative)
	return value, oid, false, err
}

// literalValue is what a literal stands for, and its type.
func literalValue(text []byte, n span, negative bool) (value []byte, oid uint32, err error) {
	if n.kind.isString() {
		value, ok := appendString([]byte{}, text, token{n.kind, n.start, n.end})
		if !ok {
			return nil, 0, refuseEscape(int(n.start))
		}
		return value, oidUnknown, nil
	}
	if negative {
		value = append(value, '-')
	}
	value = append(value, text[n.start:n.end]...)
	return value, numberType(value), nil
}

// TypeOf is the type of the formula's value, 0 where it is not known. given is that of
// a parameter or a literal, 0 for none.
func (f *Formula) TypeOf(given func(*Formula) uint32) uint32 {
	switch f.Kind {
	case ColumnValue, AssignedTo:
		return f.Column.Type.Shown().OID
	case ParameterValue, LiteralValue:
		return given(f)
	case NullValue:
		return 0
	case PlainValue:
		return f.Type.OID
	}
	if slices.ContainsFunc(f.Args, func(arg *Formula) bool { return !arg.isUntyped() && arg.TypeOf(given) == 0 }) {
		return 0
	}
	switch f.Kind {
	case CastTo:
		t := f.Args[0].TypeOf(given)
		if t != 0 && t != f.Type.OID && f.implied && !(isAnyText(t) && isAnyText(f.Type.OID)) {
			return 0
		}
		if t != 0 && t != f.Type.OID && f.Type.IsArray() && !castsElements(logical.ElementOID(t), logical.ElementOID(f.Type.OID)) {
			return 0
		}
		if t != 0 && (!logical.Supported(t) && t != f.Type.OID || bySettings(t, f.Type.OID) || f.Type.CheckOID(t, logical.Cast) != nil) {
			return 0
		}
		return f.Type.OID
	case Placed:
		if t := f.Args[0].TypeOf(given); t != 0 && t != f.Type.Shown().OID {
			return 0
		}
		return placeType.OID
	case Labelled:
		return f.Type.Shown().OID
	case Inverse:
		if t := f.Args[0].TypeOf(given); t != 0 && t != logical.OIDBool {
			return 0
		}
		return logical.OIDBool
	case Called:
		return f.Function.Result(f.argTypes(given))
	case Aggregated:
		if f.Aggregate.TakesFraction() && !f.takesFraction(f.Args[1].TypeOf(given)) {
			return 0
		}
		if f.Aggregate.OfPairs() && !isNumber(f.Args[1].TypeOf(given)) {
			return 0
		}
		if !f.joinsBy(given) {
			return 0
		}
		return f.Aggregate.Result(f.Args[0].TypeOf(given))
	case Windowed:
		return f.windowType(given)
	case Inner, Asked:
		return f.Args[0].TypeOf(given)
	case Collated:
		if t := f.Args[0].TypeOf(given); t != 0 {
			return t
		}
		return logical.OIDText
	case Both, Either:
		if f.listed && !f.listsOneType(given) {
			return 0
		}
		if slices.ContainsFunc(f.argTypes(given), func(t uint32) bool { return t != 0 && t != logical.OIDBool }) {
			return 0
		}
		return logical.OIDBool
	case IsNull, IsNotNull:
		return logical.OIDBool
	case Choice:
		return f.chosen(given)
	case Negative:
		if t := f.Args[0].TypeOf(given); isNumber(t) {
			return t
		}
		return 0
	case FirstOf:
		return f.common(given)
	case Greatest, Least:
		if t := f.common(given); logical.Less.Result(t, t) != 0 {
			return t
		}
		return 0
	}
	left, right := f.operands(given)
	if left == 0 || right == 0 || f.document != 0 && left != f.document {
		return 0
	}
	return f.Operator.Result(left, right)
}

// castsElements says whether arrays of a type are cast to those of another one here: where that is
// the same whatever the settings are.
func castsElements(from, to uint32) bool {
	return from != 0 && to != 0 && (logical.Type{OID: from}).CastsAlike(logical.Type{OID: to})
}

// joinsBy says whether string_agg, if the formula is that, puts texts between texts.
func (f *Formula) joinsBy(given func(*Formula) uint32) bool {
	if f.Aggregate != logical.Joined || len(f.Args) < 2 {
		return true
	}
	t := f.Args[1].TypeOf(given)
	return t == 0 || t == oidUnknown || isAnyText(t)
}

// listsOneType says whether IN compares as = would: all values have the type of what they are
// compared with, or one that loses nothing in it. PostgreSQL looks for a type that all have in
// common, as which it reads strings.
func (f *Formula) listsOneType(given func(*Formula) uint32) bool {
	of := f.Args[0].Args[0].TypeOf(given)
	if of == logical.OIDCidr { // whose = is that of inet, which reads other strings
		return false
	}
	strings, wider := false, false
	return !slices.ContainsFunc(f.Args, func(one *Formula) bool {
		t := one.Args[1].TypeOf(given)
		switch {
		case t == 0 || t == oidUnknown:
			strings = strings || one.Args[1].Kind == LiteralValue
		case t == of:
		case isInteger(t) && (isInteger(of) || of == logical.OIDNumeric || of == logical.OIDFloat8):
			wider = wider || CommonType(of, t) != of
		case t == logical.OIDNumeric && isInteger(of):
			wider = true
		case t == logical.OIDNumeric && of == logical.OIDFloat8:
		case (t == logical.OIDText || t == logical.OIDVarchar) && (of == logical.OIDText || of == logical.OIDVarchar):
		default:
			return true
		}
		return strings && wider
	})
}

// commonListed is the type that the values of IN have in common, 0 where that is the one that = gives
// to one without a type.
func (f *Formula) commonListed(given func(*Formula) uint32) uint32 {
	of := f.Args[0].Args[0].TypeOf(given)
	common := of
	for _, one := range f.Args {
		if t := one.Args[1].TypeOf(given); isNumber(common) && isNumber(t) {
			common = CommonType(common, t)
		}
	}
	if common == of {
		return 0
	}
	return common
}

// takesFraction says whether the fraction of an ordered-set aggregate can be of a type, 0 for a string:
// percentile_disc takes that for an array as well.
func (f *Formula) takesFraction(oid uint32) bool {
	return isNumber(oid) || oid == 0 && f.Aggregate == logical.Between
}

// argTypes are the types of all Args.
func (f *Formula) argTypes(given func(*Formula) uint32) []uint32 {
	types := make([]uint32, len(f.Args))
	for i, arg := range f.Args {
		types[i] = arg.TypeOf(given)
	}
	return types
}

// isUntyped says whether it is for what stands around the formula to give it a type.
func (f *Formula) isUntyped() bool {
	return f.Kind == ParameterValue || f.Kind == LiteralValue || f.Kind == NullValue
}

// ReadsLiterals says whether a string in the formula is read as of its type at once.
func (f *Formula) ReadsLiterals() bool { return f.Kind == CastTo || f.Kind == AssignedTo }

// operands are the types of an operation's operands. One without gets its own from the
// other.
func (f *Formula) operands(given func(*Formula) uint32) (left, right uint32) {
	left, right = f.Args[0].TypeOf(given), f.Args[1].TypeOf(given)
	if f.Quantifier != OneValue && right != 0 {
		if right = logical.ElementOID(right); right == 0 { // without a known element it has no operator
			return left, 0
		}
	}
	switch {
	case left == 0 && right != 0:
		left = f.Operator.Untyped(right, true)
	case right == 0 && left != 0:
		right = f.Operator.Untyped(left, false)
	case left == 0 && (f.Operator == logical.Concatenate || (f.Operator.Compares() || f.Operator.Matches()) && f.Args[0].isUntyped() && f.Args[1].isUntyped()):
		return logical.OIDText, logical.OIDText
	}
	return left, right
}

// common is the type that the alternatives have in common, 0 if they are not all
// numbers, all texts or all of one type.
func (f *Formula) common(given func(*Formula) uint32) uint32 { return commonOfAll(f.Args, given) }

// chosen is the type of a Choice. The last value is looked at first, as by PostgreSQL,
// and where no value has a type it is a text.
func (f *Formula) chosen(given func(*Formula) uint32) uint32 {
	values := []*Formula{f.Args[len(f.Args)-1]}
	for i := 0; i+1 < len(f.Args); i += 2 {
		if t := f.Args[i].TypeOf(given); t != 0 && t != logical.OIDBool {
			return 0
		}
		values = append(values, f.Args[i+1])
	}
	if !slices.ContainsFunc(values, func(v *Formula) bool { return v.TypeOf(given) != 0 }) {
		return logical.OIDText
	}
	return commonOfAll(values, given)
}

func commonOfAll(args []*Formula, given func(*Formula) uint32) (common uint32) {
	for _, arg := range args {
		t := arg.TypeOf(given)
		switch {
		case t == 0 || t == common:
		case common == 0:
			common = t
		case isNumber(common) && isNumber(t):
			if first := CommonType(common, t); first != common {
				common = t
			}
		case isAnyText(common) && isAnyText(t): // the first one's
		default:
			return 0
		}
	}
	return common
}

func isAnyText(oid uint32) bool { return oid == logical.OIDText || oid == logical.OIDVarchar }

// Expected is the type that PostgreSQL gives the formula's arg, if that has none by
// itself.
func (f *Formula) Expected(arg int, given func(*Formula) uint32) uint32 {
	switch f.Kind {
	case Operation:
		left, right := f.operands(given)
		if f.Quantifier != OneValue && arg == 1 {
			return logical.Type{OID: right}.ArrayOID()
		}
		return [...]uint32{left, right}[arg]
	case FirstOf, Greatest, Least:
		return f.common(given)
	case Called:
		if f.Function.OfAny() && f.Args[arg].Kind == ParameterValue && arg >= f.Function.Texts() {
			return 0 // which takes any type, so that it has none
		}
		return f.Function.Param(f.argTypes(given), arg)
	case Aggregated:
		if f.Aggregate.TakesFraction() || f.Aggregate.OfPairs() {
			return logical.OIDFloat8
		}
		return logical.OIDText // between two texts
	case Collated:
		return logical.OIDText
	case Windowed:
		return f.windowExpects(arg, given)
	case Choice:
		if arg%2 == 0 && arg < len(f.Args)-1 {
			return logical.OIDBool
		}
		return f.chosen(given)
	case Inverse, Both, Either:
		return logical.OIDBool
	case IsNull, IsNotNull:
		if f.Args[arg].Kind == ParameterValue {
			return oidUnknown // PostgreSQL wants to have a type by then
		}
		return logical.OIDText
	case CastTo, Placed:
		return f.Type.Shown().OID
	case AssignedTo:
		return f.Column.Type.Shown().OID
	}
	return 0
}

// Infer is the type that a parameter, by its index from 0, gets by its first use in the
// formula, 0 for none that is known. given does not know it.
func (f *Formula) Infer(client int, given func(*Formula) uint32) uint32 {
	for i, arg := range f.Args {
		if arg.Kind == ParameterValue && arg.Client == client {
			return f.Expected(i, given)
		}
		if t := f.inferListed(arg, client, given); t != 0 {
			return t
		}
		if t := arg.Infer(client, given); t != 0 {
			return t
		}
	}
	return 0
}

// IsStrict says whether it is NULL if one of Args is.
func (f *Formula) IsStrict() bool {
	switch f.Kind {
	case Called:
		return f.Function.Strict()
	case Operation:
		return f.Quantifier == OneValue // nothing is in an empty array, not even NULL
	case Negative, Inverse, CastTo, Placed, Labelled:
		return true
	}
	return false
}

// Infers appends the types that all uses of a parameter in the formula would give it.
func (f *Formula) Infers(list []uint32, client int, given func(*Formula) uint32) []uint32 {
	for i, arg := range f.Args {
		if arg.Kind == ParameterValue && arg.Client == client {
			list = append(list, f.Expected(i, given))
		}
		if t := f.inferListed(arg, client, given); t != 0 {
			list = append(list, t)
			continue
		}
		list = arg.Infers(list, client, given)
	}
	return list
}

// inferListed is the type that a parameter gets by one comparison of IN if that is another one than
// it would get by itself, 0 for none.
func (f *Formula) inferListed(one *Formula, client int, given func(*Formula) uint32) uint32 {
	if !f.listed || one.Args[1].Kind != ParameterValue || one.Args[1].Client != client {
		return 0
	}
	return f.commonListed(given)
}

// OfRow says whether it is a column.
func (f *Formula) OfRow() bool { return f.Kind == ColumnValue || f.Kind == PlainValue }

// isCell says whether the server gives what it is computed of: it is a column, or has
// columns of its own.
func (f *Formula) isCell() bool { return f.OfRow() || f.hasOwnRow() && f.Kind != Asked }

// hasOwnRow says whether its Args have other columns than the formula that it stands in.
func (f *Formula) hasOwnRow() bool {
	return f.Kind == Aggregated || f.Kind == Inner || f.Kind == Windowed || f.Kind == Asked
}

// Aggregates says whether there is an aggregate in it, or in what it computes with.
func (f *Formula) Aggregates() bool {
	return f != nil && (f.Kind == Aggregated || slices.ContainsFunc(f.Args, (*Formula).Aggregates))
}

// Collected appends the paths (see WindowIn) of the cells of aggregates of which the server gives
// what each row has.
func (f *Formula) Collected(paths [][]int, path ...int) [][]int {
	switch {
	case f.collects:
		return append(paths, append(path[:len(path):len(path)], f.Cell))
	case f.Kind == Windowed:
		path = append(path[:len(path):len(path)], f.Cell)
	case f.hasOwnRow():
		return paths
	}
	for _, arg := range f.Args {
		paths = arg.Collected(paths, path...)
	}
	return paths
}

// IsConstant says whether the formula has nothing of the row in it.
func (f *Formula) IsConstant() bool {
	return !f.isCell() && !slices.ContainsFunc(f.Args, func(arg *Formula) bool { return !arg.IsConstant() })
}

// columns appends the columns of the formula, each once, and what has columns of its own.
func (f *Formula) columns(list []*Formula) []*Formula {
	if f.isCell() && !slices.ContainsFunc(list, f.sameColumn) {
		list = append(list, f)
	}
	if f.hasOwnRow() {
		return list
	}
	for _, arg := range f.Args {
		list = arg.columns(list)
	}
	return list
}

func (f *Formula) sameColumn(other *Formula) bool {
	return f == other || f.Kind != Aggregated && f.Kind != Windowed && f.isCell() && f.Kind == other.Kind && f.Column == other.Column && f.Name == other.Name && f.sql == other.sql
}

// AppendPrint appends what tells whether two formulas of one text are the same.
func (f *Formula) AppendPrint(b []byte) []byte {
	b = append(b, byte(f.Kind), byte(f.Operator), byte(f.Quantifier), byte(f.Function), byte(f.Aggregate), byte(f.Type.OID>>8), byte(f.Type.OID))
	b = append(append(b, f.Name...), 0)
	if w := f.Window; w != nil {
		b = fmt.Appendf(b, "%d %d %d %v %v", w.Function, w.Values, w.Partitions, w.Keys, w.Frame)
	}
	for _, k := range f.SortKeys {
		b = fmt.Appendf(b, "%v %v", k.Descending, k.NullsFirst)
	}
	b = append(append(b, f.direction...), 0)
	b = append(append(b, f.sql...), 0)
	if f.Fold != nil {
		b = append(b, f.Fold.Hash()...)
	}
	if f.First != nil {
		b = append(b, f.First.Hash()...)
	}
	if f.Column != nil {
		for _, c := range append([]*catalog.SealedColumn{f.Column}, f.Column.Mixed...) {
			for _, n := range [...]uint32{c.ID, c.Type.OID, uint32(c.Type.Typmod)} {
				b = binary.BigEndian.AppendUint32(b, n)
			}
		}
	}
	for _, arg := range f.Args {
		b = arg.AppendPrint(b)
	}
	return append(b, 0xff)
}
