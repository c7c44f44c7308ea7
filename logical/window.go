package logical

import (
	"encoding/binary"
	"math"
)

// WindowFunction is a function of PostgreSQL's over the rows of a window.
type WindowFunction uint8

const (
	AggregateOver WindowFunction = iota // an Aggregate over the rows of the frame
	RowNumber
	Rank
	DenseRank
	PercentRank
	CumeDist
	Ntile
	Lag
	Lead
	FirstValue
	LastValue
	NthValue
)

var windowFunctions = map[string]WindowFunction{
	"row_number": RowNumber, "rank": Rank, "dense_rank": DenseRank, "percent_rank": PercentRank, "cume_dist": CumeDist, "ntile": Ntile,
	"lag": Lag, "lead": Lead, "first_value": FirstValue, "last_value": LastValue, "nth_value": NthValue,
}

// WindowFunctionNamed is the one of a name that is no aggregate's.
func WindowFunctionNamed(name string) (f WindowFunction, ok bool) {
	f, ok = windowFunctions[name]
	return f, ok
}

// String is its name.
func (f WindowFunction) String() string {
	for name, of := range windowFunctions {
		if of == f {
			return name
		}
	}
	return "an aggregate"
}

// Args are how many arguments it has at least, and at most.
func (f WindowFunction) Args() (least, most int) {
	switch f {
	case Ntile, FirstValue, LastValue:
		return 1, 1
	case Lag, Lead:
		return 1, 3
	case NthValue:
		return 2, 2
	}
	return 0, 0
}

// GivesValue says whether it gives what its first argument is in another row.
func (f WindowFunction) GivesValue() bool { return f >= Lag }

// Result is the type of what it gives, but for one that gives a value.
func (f WindowFunction) Result() uint32 {
	switch f {
	case Ntile:
		return OIDInt4
	case PercentRank, CumeDist:
		return OIDFloat8
	}
	return OIDInt8
}

// Partition are rows in the order of a window: which of them are peers, equal by its ORDER BY.
type Partition struct {
	groups []int // by row, the number of its peers' group, from 0
	starts []int // by group, its first row, and at the end the number of rows
}

// AddRow adds a row behind the others; peer: it is equal to the last one.
func (p *Partition) AddRow(peer bool) {
	n := len(p.groups)
	if n == 0 {
		p.starts = append(p.starts, 0)
	}
	if n == 0 || !peer {
		p.starts[len(p.starts)-1] = n
		p.starts = append(p.starts, n+1)
	} else {
		p.starts[len(p.starts)-1] = n + 1
	}
	p.groups = append(p.groups, len(p.starts)-2)
}

// Rows is how many there are.
func (p *Partition) Rows() int { return len(p.groups) }

// peers are the rows from start to end, which is none of them, that are equal to one.
func (p *Partition) peers(row int) (start, end int) {
	g := p.groups[row]
	return p.starts[g], p.starts[g+1]
}

// AppendRank appends, in canonical form, what a function gives for a row that depends on
// nothing but its place.
func (p *Partition) AppendRank(dst []byte, f WindowFunction, row int) []byte {
	start, end := p.peers(row)
	whole := func(n int) []byte { return binary.BigEndian.AppendUint64(dst, uint64(n)) }
	part := func(n, of int) []byte {
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(float64(n)/float64(of)))
	}
	switch f {
	case Rank:
		return whole(start + 1)
	case DenseRank:
		return whole(p.groups[row] + 1)
	case PercentRank:
		return part(start, max(1, p.Rows()-1))
	case CumeDist:
		return part(end, p.Rows())
	}
	return whole(row + 1)
}

// Buckets gives rows, one behind the other, the numbers of ntile.
type Buckets struct{ number, size, rest, filled int }

// errNtile and errNth are PostgreSQL's.
var (
	errNtile = newError("22014", "argument of ntile must be greater than zero")
	errNth   = newError("22016", "argument of nth_value must be greater than zero")
)

// Next is the number of the next row of so many. buckets is what ntile has for it, which
// counts in the first row.
func (b *Buckets) Next(rows int, buckets int64) (int, error) {
	if b.number == 0 {
		if buckets <= 0 {
			return 0, errNtile
		}
		b.number = 1
		if b.size = int(int64(rows) / buckets); b.size == 0 {
			b.size = 1
		} else if b.rest = int(int64(rows) % buckets); b.rest > 0 {
			b.size++
		}
	}
	if b.filled++; b.filled > b.size {
		if b.rest != 0 && b.number == b.rest {
			b.rest = 0
			b.size--
		}
		b.number, b.filled = b.number+1, 1
	}
	return b.number, nil
}

// FrameMode is by what the bounds of a frame count.
type FrameMode uint8

const (
	FrameRange FrameMode = iota // values, of which only the peers of a row are known
	FrameRows
	FrameGroups // of peers
)

// BoundKind is where a frame begins or ends.
type BoundKind uint8

const (
	Unbounded BoundKind = iota
	CurrentRow
	Preceding // by an offset
	Following
)

// Exclusion is what is left out of a frame.
type Exclusion uint8

const (
	ExcludeNone Exclusion = iota
	ExcludeRow
	ExcludeGroup
	ExcludeTies
)

// Frame are the rows around one that a function sees.
type Frame struct {
	Mode       FrameMode
	Start, End BoundKind
	Exclude    Exclusion
}

// Bounds are the rows from start to end, which is none of them, around one. The offsets are
// those of the bounds that have one, from 0.
func (f Frame) Bounds(p *Partition, row int, before, behind int64) (start, end int) {
	rows := p.Rows()
	start, end = 0, rows
	if f.Mode == FrameRows {
		if f.Start != Unbounded {
			start = moved(row, f.Start, before, rows)
		}
		if f.End != Unbounded {
			end = moved(row, f.End, behind, rows) + 1
		}
	} else {
		groups := len(p.starts) - 1
		if f.Start != Unbounded {
			start = p.starts[max(0, moved(p.groups[row], f.Start, before, groups))]
		}
		if f.End != Unbounded {
			end = p.starts[min(groups, moved(p.groups[row], f.End, behind, groups)+1)]
		}
	}
	return min(max(0, start), rows), min(max(0, end), rows)
}

// moved is the place of a bound that is so far from another one, of so many: -1 in front of
// all of them, and their number behind.
func moved(from int, bound BoundKind, by int64, of int) int {
	switch {
	case bound == Preceding && by > int64(from):
		return -1
	case bound == Preceding:
		return from - int(by)
	case bound == Following && by >= int64(of-from):
		return of
	case bound == Following:
		return from + int(by)
	}
	return from
}

// Excludes says whether a row of the frame around another one is left out of it.
func (f Frame) Excludes(p *Partition, around, row int) bool {
	switch f.Exclude {
	case ExcludeRow:
		return row == around
	case ExcludeGroup:
		return p.groups[row] == p.groups[around]
	case ExcludeTies:
		return row != around && p.groups[row] == p.groups[around]
	}
	return false
}

// Nth is the row of a frame, from 1, that nth_value gives; -1 for none.
func (f Frame) Nth(p *Partition, around, start, end int, n int64) (int, error) {
	switch {
	case n <= 0:
		return -1, errNth
	case f.Exclude == ExcludeNone && n > int64(end-start):
		return -1, nil
	case f.Exclude == ExcludeNone:
		return start + int(n) - 1, nil
	}
	for i := start; i < end; i++ {
		if !f.Excludes(p, around, i) {
			if n--; n == 0 {
				return i, nil
			}
		}
	}
	return -1, nil
}

// Last is the last row of a frame, -1 for none.
func (f Frame) Last(p *Partition, around, start, end int) int {
	for end > start && f.Excludes(p, around, end-1) {
		end--
	}
	if end <= start {
		return -1
	}
	return end - 1
}

// Integer is the value of an int2, int4 or int8 in canonical form.
func Integer(v Value) int64 { return canonicalInt(v.Data) }
