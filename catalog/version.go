package catalog

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"pgseal/logical"
)

// version is a hash of everything in a snapshot that a plan is made from, so
// that a load which finds nothing new leaves every cached plan in use. Data keys
// are not part of it.
func version(c Contents) uint64 {
	h := sha256.New()
	var b []byte
	number := func(n uint64) { b = binary.BigEndian.AppendUint64(b, n) }
	text := func(s string) { number(uint64(len(s))); b = append(b, s...) }
	flag := func(f bool) {
		if f {
			number(1)
		} else {
			number(0)
		}
	}
	both := func(f *Folds) {
		if f == nil {
			f = &Folds{new(logical.Fold), new(logical.Fold)}
		}
		text(f.Lower.Hash())
		text(f.Upper.Hash())
	}
	for _, r := range c.Relations {
		number(uint64(r.OID))
		text(r.Schema)
		text(r.Name)
		number(uint64(r.Kind))
		flag(r.Changing)
		flag(r.Homonym)
		flag(r.Inherits)
		number(uint64(len(r.Columns)))
		for _, column := range r.Columns {
			number(uint64(column.AttNum))
			text(column.Name)
			number(uint64(column.TypeOID))
			number(uint64(uint32(column.Typmod)))
			flag(column.Generated)
			for _, name := range column.Draws {
				text(name)
			}
			if d := column.Default; d != nil {
				b = fmt.Append(b, *d)
			}
			flag(column.Sealed != nil)
			flag(column.Sealed != nil && column.HasDefault)
			if s := column.Sealed; s != nil {
				number(uint64(s.ID))
				number(uint64(s.TableID))
				number(uint64(s.Domain))
				number(uint64(s.Type.OID))
				number(uint64(s.Type.Typmod))
				if s.Type.Def != nil {
					number(s.Type.Def.Version())
				}
				number(uint64(s.Terms))
				number(uint64(s.IndexKeyID))
				text(s.Schema)
				text(s.Table)
				text(s.Name)
				text(s.Broken)
				flag(s.Loose)
				if f := s.Folding; f != nil {
					flag(f.Changed)
					both(f.Column)
				}
				for _, note := range s.Defaults {
					text(string(note))
				}
			}
		}
		flag(r.Refreshes)
		number(uint64(len(r.Uniques)))
		for _, u := range r.Uniques {
			text(u.Name)
			flag(u.Partial)
			flag(u.Made)
			number(uint64(len(u.Columns)))
			for _, name := range u.Columns {
				text(name)
			}
		}
		number(uint64(len(r.Taken)))
		for _, name := range r.Taken {
			text(name)
		}
		number(uint64(len(r.Constraints)))
		for _, name := range r.Constraints {
			text(name)
		}
		for _, t := range r.Triggers {
			text(t.Name)
			number(uint64(t.Of.OID))
			text(t.Column)
			flag(t.Anywhere)
			text(t.Keys)
			flag(t.Insert)
			flag(t.Update)
			flag(t.Delete)
		}
		number(uint64(len(r.Key)))
		for _, name := range r.Key {
			text(name)
		}
		h.Write(b)
		b = b[:0]
	}
	for _, name := range slices.Concat(c.RowFunctions, c.Sealing, c.Triggering, slices.Sorted(maps.Keys(c.Alters))) {
		text(name)
	}
	for _, names := range [][]string{c.Setters.Names, c.Setters.Runners} {
		number(uint64(len(names)))
		for _, name := range names {
			text(name)
		}
	}
	flag(c.Setters.Dynamic)
	flag(c.Reacts)
	if f := c.TextFunctions; f != nil {
		both(f.Folds)
		for _, names := range [][]string{f.Own, f.Steady} {
			number(uint64(len(names)))
			for _, name := range names {
				text(name)
			}
		}
	}
	for _, cast := range c.Casts {
		number(uint64(cast.Source)<<32 | uint64(cast.Target))
	}
	for _, name := range c.Hiding {
		text(name)
	}
	if o := c.Operators; o != nil {
		b = fmt.Append(b, o.Own) // and with them the names in o.BuiltIn
	}
	for _, oid := range slices.Sorted(maps.Keys(c.TextOrders)) {
		if number(uint64(oid)); c.TextOrders[oid] != nil {
			text(c.TextOrders[oid].Hash())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Uses)) {
		text(name)
		for _, use := range c.Uses[name] {
			number(uint64(use.Relation.OID))
			text(use.Column)
			flag(use.Anywhere)
		}
	}
	if s := c.Shown; s != nil {
		b = fmt.Append(b, s.ServerVersion, s.RowsKeepNames, s.Types, s.Storage, s.Indexes, s.Hidden)
	}
	h.Write(b)
	return binary.BigEndian.Uint64(h.Sum(nil))
}
