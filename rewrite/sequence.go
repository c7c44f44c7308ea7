package rewrite

import (
	"bytes"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// countingFunctions are those that nextval goes before.
var countingFunctions = []string{"nextval", "setval", "currval", "lastval"}

// sequenceNamed is the name of a sequence without its schema, "" if the argument of
// nextval is no string, or has quotes in it.
func (a *analysis) sequenceNamed(arg *pg.Node) string {
	if cast := arg.GetTypeCast(); cast != nil {
		arg = cast.Arg
	}
	i := a.tokenAt(arg.GetAConst().GetLocation())
	if arg.GetAConst().GetSval() == nil || i < 0 || !a.tokens[i].kind.isVerbatim() {
		return ""
	}
	s, _ := appendString(nil, a.text, a.tokens[i])
	if bytes.IndexByte(s, '"') >= 0 {
		return ""
	}
	return string(fold(nil, s[bytes.LastIndexByte(s, '.')+1:]))
}

// countsBeside refuses a sequence in what an INSERT stores if the default of another
// column counts it, too: the server would take turns.
func (a *analysis) countsBeside(into *item, since int) {
	for _, x := range a.asked[min(since, len(a.asked)):] {
		for _, name := range x.counts {
			for i := range into.relation.Columns {
				c := &into.relation.Columns[i]
				if c.Sealed != x.operand.Column && (slices.Contains(c.Draws, name) || slices.Contains(c.Draws, "") || name == "" && len(c.Draws) > 0) {
					a.fail(refuseComputedBeside(x.operand.Column, int32(x.start), "the default of column "+c.Name))
				}
			}
		}
	}
}
