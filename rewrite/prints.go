package rewrite

import "pgseal/logical"

// Prints says whether a value of a type becomes a text in the operand that depends on
// settings which the server does not report.
func (o *Operand) Prints(oid uint32) bool {
	at := oid
	to := func(t logical.Type) bool {
		prints := bySettings(at, t.Shown().OID)
		at = t.Shown().OID
		return prints
	}
	if o.Via != nil && to(*o.Via) {
		return true
	}
	for _, step := range o.Then {
		if step.Function == NoFunction && to(step.Type) {
			return true
		}
	}
	return to(o.Column.Type)
}

// printsKnown is Prints of a value whose type stands in the text, or may do so.
func (o *Operand) printsKnown() bool {
	if o.Formula == nil {
		return o.Via != nil && o.Prints(o.Via.OID)
	}
	column := o.Column.Type.Shown()
	t := o.Formula.TypeOf(func(*Formula) uint32 { return 0 })
	return isCharacter(column) && (t == 0 || bySettings(t, column.OID))
}

// bySettings says whether a cast gives a text that depends on such settings.
func bySettings(from, to uint32) bool {
	return (from == logical.OIDFloat4 || from == logical.OIDFloat8 || from == logical.OIDBytea) && isCharacter(logical.Type{OID: to})
}
