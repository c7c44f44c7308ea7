package session

import (
	"encoding/binary"
	"math"
	"slices"

	"pgseal/logical"
	"pgseal/wire"
)

// Rows whose groups the session makes (rewrite.Arrangement.Groups) are put together as they
// come: of a group there is its first row, and what its rows have in the columns of aggregates.
// Once all are there each group goes on as one row of the server's, with an array for each
// aggregate as the server makes them for groups of its own.

// groupedRows are the groups of a result.
type groupedRows struct {
	byKey  map[string]int
	groups []rowGroup
	told   []byte // of the row at hand
	shown  int    // groups that have gone on
}

// collecting is an output in which there are aggregates, with the cells that they collect.
type collecting struct {
	hiddenCell
	paths [][]int // to their cells
}

// collects are those of a result.
func collects(cells []cell) (list []collecting) {
	for i := range cells {
		if cells[i].output == nil {
			continue
		}
		if of := cells[i].output.formula.Collected(nil); of != nil {
			slices.SortFunc(of, slices.Compare[[]int])
			list = append(list, collecting{hiddenCell{cells[i], i}, slices.CompactFunc(of, slices.Equal[[]int])})
		}
	}
	return list
}

// rowGroup is one group.
type rowGroup struct {
	row       []byte      // the body of the first DataRow
	collected []collected // by collecting and its cells
}

// size is what a group takes in memory, in bytes, but for its key.
func (r *rowGroup) size() int {
	n := rowOverhead + len(r.row)
	for i := range r.collected {
		n += rowOverhead + len(r.collected[i].elements)
	}
	return n
}

// collected are elements of an array, each with its length in front.
type collected struct {
	n        int
	elements []byte
}

// group puts a row, the body of which is given, into its group.
func (s *Session) group(g *arranged, body []byte) (Need, error) {
	if g.groups == nil {
		g.groups = &groupedRows{byKey: map[string]int{}}
	}
	all := g.groups
	if stays, need, err := s.stays(g, g.conditions, body); err != nil || need.Kind != NeedNothing || !stays {
		return need, err
	}
	if need, err := s.tellGroup(g, body); err != nil || need.Kind != NeedNothing {
		return need, err
	}
	i, ok := all.byKey[string(all.told)]
	if !ok {
		i = len(all.groups)
		n := 0
		for _, c := range g.collecting {
			n += len(c.paths)
		}
		all.groups = append(all.groups, rowGroup{row: append([]byte(nil), body...), collected: make([]collected, n)})
		all.byKey[string(all.told)] = i
		g.size += all.groups[i].size() + rowOverhead + len(all.told)
	}
	if err := s.collect(g, &all.groups[i], body); err != nil {
		return Need{}, err
	}
	if g.size+g.others > min(heldBytes, s.cfg.MaxFrame) {
		return Need{}, errArrangedRows
	}
	return Need{}, nil
}

// tellGroup computes what tells the group of a row from others.
func (s *Session) tellGroup(g *arranged, body []byte) (Need, error) {
	told := g.groups.told[:0]
	for i := range g.keys {
		at := len(told)
		told = binary.BigEndian.AppendUint32(told, 0)
		c := &g.keys[i].cell
		value := columnOf(body, g.keys[i].column)
		if c.output == nil {
			told = append(told, value...) // a rank
		} else {
			v, need, err := s.serverOutput(c, value)
			switch {
			case err != nil || need.Kind != NeedNothing:
				return need, err
			case v.null:
				binary.BigEndian.PutUint32(told[at:], math.MaxUint32)
				continue
			}
			if told, err = (logical.Type{OID: c.sealed.Type.OID, Typmod: -1}).AppendEquality(told, v.Data); err != nil {
				return Need{}, err
			}
		}
		binary.BigEndian.PutUint32(told[at:], uint32(len(told)-at))
	}
	g.groups.told = told
	return Need{}, nil
}

// columnOf is the value of a column, from 0, in the body of a DataRow; nil for NULL.
func columnOf(body []byte, column int) (value []byte) {
	values, err := wire.ParseDataRow(body)
	if err != nil {
		return nil
	}
	for it, i := values.Iter(), 0; i <= column; i++ {
		value, _ = it.Next()
	}
	return value
}

// serverOutput is the value of an output, of what the server gives in its format.
func (s *Session) serverOutput(c *cell, value []byte) (computedValue, Need, error) {
	value, err := s.ofServer(c, value)
	if err != nil {
		return nullValue, Need{}, err
	}
	return s.outputValue(c.sealed, c.output, value)
}

// ofServer is what the server gives for an output, in binary. It is there until the next one.
func (s *Session) ofServer(c *cell, value []byte) ([]byte, error) {
	if c.server != wire.Text {
		return value, nil
	}
	var err error
	if s.buf.out, err = s.appendByteaText(s.buf.out[:0], value); err != nil {
		return nil, &unopened{c.sealed, 0, err}
	}
	return s.buf.out, nil
}

// collect takes what a row has in the columns of aggregates.
func (s *Session) collect(g *arranged, to *rowGroup, body []byte) error {
	next := 0
	for k := range g.collecting {
		from := &g.collecting[k]
		c := &from.cell
		value, err := s.ofServer(c, columnOf(body, from.column))
		if err != nil {
			return err
		}
		row, err := readCells(s.buf.row[:0], value)
		if s.buf.row = row[:0]; err != nil || len(row) != len(c.sealed.Cells) {
			return &unopened{c.sealed, 0, errCells}
		}
		for _, path := range from.paths {
			of := &to.collected[next]
			next++
			before := len(of.elements)
			cell := row[path[0]]
			if len(path) > 1 {
				if cell, err = cellAt(cell, path[1:]); err != nil {
					return &unopened{c.sealed, 0, errCells}
				}
			}
			if len(cell) > 0 {
				_, err = logical.Elements(logical.Value{Data: cell, Binary: true}, func(elem []byte, null bool) error {
					if of.n++; null {
						elem = nil
					}
					of.elements = wire.AppendValue(of.elements, elem)
					return nil
				})
			}
			if err != nil {
				return &unopened{c.sealed, 0, errCells}
			}
			g.size += len(of.elements) - before
		}
		clear(row)
	}
	return nil
}

// showGroups has the groups go on as rows, once all are there.
func (s *Session) showGroups(g *arranged, out *Output) (Need, error) {
	switch {
	case g.groups == nil:
		return Need{}, nil
	case g.size >= largeValue && !g.timed:
		g.timed = true
		return Need{Kind: NeedTime}, nil
	}
	for all := g.groups; all.shown < len(all.groups); all.shown++ {
		of := &all.groups[all.shown]
		next := 0
		frame, err := s.remadeRow(of.row, len(g.collecting), func(i int) *hiddenCell { return &g.collecting[i].hiddenCell }, func(i int, array []byte) (_ []byte, err error) {
			for _, path := range g.collecting[i].paths {
				if array, err = replacedCell(array, path, of.collected[next].array()); err != nil {
					break
				}
				next++
			}
			return array, err
		})
		if err != nil {
			return Need{}, err
		}
		var need Need
		if g.windows != nil {
			need, err = s.window(g, g.having, frame[wire.HeaderLen:])
		} else {
			need, err = s.keepRow(g, g.having, frame, out)
		}
		if err != nil || need.Kind != NeedNothing {
			return need, err
		}
		g.size -= of.size()
		*of = rowGroup{}
	}
	g.groups = nil
	return Need{}, nil
}

// remadeRow is the frame of a row, the body of which is given, with some outputs, in their order,
// made anew of what the server has given for them.
func (s *Session) remadeRow(body []byte, outputs int, output func(int) *hiddenCell, remake func(i int, array []byte) ([]byte, error)) ([]byte, error) {
	values, err := wire.ParseDataRow(body)
	if err != nil {
		return nil, errDataRow
	}
	dst, start := wire.Begin(nil, wire.TypeDataRow)
	dst = wire.AppendCount(dst, values.Len())
	next := 0
	for it, i := values.Iter(), 0; i < values.Len(); i++ {
		value, _ := it.Next()
		if next == outputs || output(next).column != i {
			dst = wire.AppendValue(dst, value)
			continue
		}
		c := &output(next).cell
		if value, err = s.ofServer(c, value); err != nil {
			return nil, err
		}
		if value, err = remake(next, value); err != nil {
			return nil, &unopened{c.sealed, 0, errCells}
		}
		if c.server == wire.Text {
			value = logical.EncodeHex([]byte(`\x`), value)
		}
		dst, next = wire.AppendValue(dst, value), next+1
	}
	return wire.End(dst, start), nil
}

// cellAt is the cell at the end of a path through arrays.
func cellAt(array []byte, path []int) ([]byte, error) {
	for _, i := range path {
		cells, err := readCells(nil, array)
		if err != nil || i >= len(cells) {
			return nil, errCells
		}
		array = cells[i]
	}
	return array, nil
}

// replacedCell is an array of cells with another one at the end of a path through arrays in it.
func replacedCell(array []byte, path []int, with []byte) ([]byte, error) {
	row, err := readCells(nil, array)
	if err != nil || path[0] >= len(row) {
		return nil, errCells
	}
	at := path[0]
	if path = path[1:]; len(path) > 0 {
		if with, err = replacedCell(row[at], path, with); err != nil {
			return nil, err
		}
	}
	row[at] = with
	whole, maker := byteaArray.BeginArray(nil, len(row))
	for _, elem := range row {
		whole = maker.Append(whole, elem)
	}
	return whole, nil
}

// byteaArray is the type of what the server gives of several values.
var byteaArray = logical.Type{OID: oidByteaArray, Typmod: -1}

// array is the binary form of an array of the elements, empty for none.
func (c *collected) array() []byte {
	if c.n == 0 {
		return []byte{}
	}
	b, _ := byteaArray.BeginArray(make([]byte, 0, arrayHeader+arrayDimension+len(c.elements)), c.n)
	return append(b, c.elements...)
}
