package session

import (
	"slices"

	"pgseal/catalog"
	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// statement is a prepared statement as the session knows it. The fields above
// the line do not change once its Parse has been sent.
type statement struct {
	// text is the client's own, to be planned anew from; for a statement of
	// PREPARE the text that it stood in. Empty for the unnamed statement when it
	// was relayed: see Session.unnamed.
	text     string
	foreign  bool         // text is in UTF-8, though the client's encoding was another
	mode     rewrite.Mode // in which text was sent
	escapes  bool         // standard_conforming_strings was off then
	read     bool         // text has been planned, not only been looked through for names
	name     string       // of SQL's PREPARE in the text that made it, "" for Parse
	several  bool         // the PREPARE is not alone in text
	print    uint64       // fingerprint of its plan
	declared []uint32     // parameter types as the client declared them
	plan     *rewrite.Statement
	// inner is what an EXECUTE was planned to run.
	inner *rewrite.Statement
	// opaque: what its rows hold is known only from the server's description
	// (FETCH, EXECUTE, a cursor's portal).
	opaque bool
	// cursor is what its rows are fetched from, "" for nothing.
	cursor string
	hints  hints

	// types are those of the client's parameters, 0 where the server has still
	// to say; nil if no parameter has a sealed role. untyped: one of those has
	// both a plain and a sealed role.
	types   []uint32
	untyped bool
	// readBy are the unreported settings by which the parameters are read.
	readBy unreported
	// patterns are those of its parameters that decide, by their values, how it has to be
	// prepared; wild: it is for ones with wildcards.
	patterns []pattern
	wild     bool
	// literals are the settings by which those that are computed with are read: PostgreSQL
	// reads them when it prepares the statement, also anew. nil stands for those of the session.
	literals *logical.Settings
	// planning is what a COPY was planned from: the server looks into it only when
	// it runs.
	planning *planning
	// constants are the keys under which literals in it have been sealed, nil for
	// none.
	constants []sealedUnder
	// sent are the values of those that have a term: its errors can show them each time
	// that it runs.
	sent []sentValue
	// deferred is why every Bind fails, though Parse does not; of a PREPARE why every
	// EXECUTE fails of what it prepares.
	deferred *wire.Error
	// late is why every Execute fails: a mistake that PostgreSQL finds only then.
	late *wire.Error
	// version is the snapshot's for which the plan has been found to hold.
	version uint64
	// results are the sealed columns of its rows, by plan or, if opaque, by
	// origin; nil if there are none.
	results []*catalog.SealedColumn
	// computed are those of the results of an opaque one that are.
	computed computedOutputs
	// described: the server has been asked for its rows' description, so that
	// plan and origin will have been compared before the first row.
	described bool
	// width is how many columns its rows have, 0 while that is not known: the
	// plan stops at the columns of a relation that it does not know.
	width int
	// recent is the last description of its rows.
	recent description
	// codes are the formats of a cursor's columns, as described.
	codes []int16

	// named: it has a name of the protocol, under which it can outlive a change of columns.
	named bool
	// ran: it has been executed.
	ran  bool
	told told
	// lost: the server may not hold it any more, as it is being prepared anew, or
	// could not be. again is that, of the old statement and of the new one.
	lost bool
	// vacant: nor has the server anything else under the name.
	vacant bool
	again  *remake
	// renewing: its text is being planned again.
	renewing bool
}

// sealedUnder is the data key under which a value of a table has been sealed.
type sealedUnder struct{ table, key uint32 }

// noteKey notes the key of a literal that has been sealed.
func (p *planning) noteKey(table, key uint32) {
	if u := (sealedUnder{table, key}); !slices.Contains(p.constants, u) {
		p.constants = append(p.constants, u)
	}
}

// rotated reports that one of the keys is not the active one any more: what the
// statement goes on to store would be lost with it, should it be destroyed.
func (p *statement) rotated(snap *catalog.Snapshot) bool {
	for _, u := range p.constants {
		if snap.ActiveKey(u.table) != u.key {
			return true
		}
	}
	return false
}

// failsAtBind is why every Bind fails.
func (p *statement) failsAtBind() *wire.Error {
	if p.plan != nil && p.plan.Effect == rewrite.Prepares {
		return nil
	}
	return p.deferred
}

// parameters is how many parameters the client has to bind.
func (p *statement) parameters() int {
	if p.plan == nil {
		return len(p.declared)
	}
	return max(p.plan.ClientParams, len(p.declared))
}

// opens reports that rows of the statement may have to be opened.
func (p *statement) opens() bool { return p != nil && (p.opaque || p.results != nil) }

// fallible says whether rows of it are computed, which may fail.
func (p *statement) fallible() bool {
	return p.computed.formulas != nil || p.plan != nil && (p.plan.Formulas != nil || p.plan.Arrangement != nil)
}

// copies is the COPY of sealed columns that it is, nil if it is none.
func (p *statement) copies() *rewrite.Copy {
	if p == nil || p.plan == nil {
		return nil
	}
	return p.plan.Copy
}

// anew is an opaque statement for one more portal, whose rows may be others'.
func (p *statement) anew() *statement {
	n := *p
	n.described, n.codes, n.width, n.results, n.computed = false, nil, 0, nil, computedOutputs{}
	if p.plan != nil {
		n.results = p.plan.Results
	}
	return &n
}

// portal is a bound statement; without a statement it is not known here.
type portal struct {
	statement *statement
	held      *heldRows // of what is sorted or filtered by the session: its rows, or those of the cursor that it fetches from
	formats   formats
	// asked: the server was asked for sealed columns in the format of asked().
	asked bool
	// cursor: DECLARE made it, so the server alone knows the formats.
	cursor bool
	// inputs are the values of parameters that its rows are computed with, by parameter.
	inputs *[]computedValue
}

// formats are the formats in which the client wants the result columns.
type formats struct {
	// n is how many codes the client gave; none means text, one means all.
	n int
	// valid: all codes are ones that there are.
	valid bool
	bits  uint64 // the codes of the first 64 columns
	// more has the codes of a longer list, whole. Only mixed formats of very
	// wide rows allocate it.
	more *wideFormats
}

type wideFormats struct{ codes []int16 }

// readFormats takes the result formats of a Bind.
func readFormats(list wire.Int16s) formats {
	f := formats{n: list.Len(), valid: true}
	for i := range f.n {
		f.valid = f.valid && (list.At(i) == wire.Text || list.At(i) == wire.Binary)
	}
	if f.n > 64 {
		f.more = &wideFormats{codes: make([]int16, f.n)}
		for i := range f.n {
			f.more.codes[i] = list.At(i)
		}
		return f
	}
	for i := range f.n {
		if list.At(i) == wire.Binary {
			f.bits |= 1 << i
		}
	}
	return f
}

// of is the format of column i.
func (f *formats) of(i int) int16 {
	switch {
	case f.n == 0:
		return wire.Text
	case f.n == 1:
		i = 0
	case i >= f.n:
		return wire.Text
	case f.more != nil:
		return f.more.codes[i]
	}
	return int16(f.bits >> i & 1)
}

// asked is the format in which the server is asked for a sealed column that
// the client wants in format f. Envelopes travel in binary. Only where the
// value's own text depends on bytea_output, which the server does not report,
// the envelope's text shows how the setting stands. What may not be an envelope
// passes as it is.
func asked(c *catalog.SealedColumn, f int16) int16 {
	if c == unclear || c == born || c.IsText() || c.Document != nil || c.Record != nil {
		return f
	}
	if c.Cells != nil {
		return wire.Binary
	}
	if f == wire.Text && c.Type.Scalar() == oidBytea && c.Elements == nil {
		return wire.Text
	}
	return wire.Binary
}
