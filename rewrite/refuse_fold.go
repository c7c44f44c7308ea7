package rewrite

import (
	"strings"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/logical"
)

// refuseNoFold is for lower or upper of a column that has no term of it.
func refuseNoFold(c *catalog.SealedColumn, kind envelope.TermFlags, position int32) *Refusal {
	name := catalog.FoldName(kind)
	r := sealedRefusal("no-fold-term", c, position, "cannot be compared by "+name+"(): it has no term of its values in "+name+" case")
	r.Detail = "The server holds only its encrypted values."
	r.Hint = "pgseal seal " + c.String() + " --equality --normalize " + foldNames(c.Terms|kind)
	return r
}

// hintPattern says which patterns are answered, and by which term, and how to get it.
func hintPattern(c *catalog.SealedColumn, operator string) string {
	h := "Without % and _, or with each of them escaped, " + operator + " is answered by the equality term"
	switch {
	case c.Folded != 0: // lower(column)
	case operator == "ILIKE" && c.FoldsTo(envelope.TermLower) == nil:
		h = strings.TrimSuffix(h, "equality term") + "term of values in lower case: pgseal seal " + c.String() + " --equality --normalize " + foldNames(c.Terms|envelope.TermLower)
	case !hasEquality(c):
		h += ": pgseal seal " + c.String() + " --equality"
	}
	return h + ". Match any other pattern in the application."
}

// foldNames is what --normalize takes for these terms.
func foldNames(terms envelope.TermFlags) string {
	switch terms & catalog.FoldTerms {
	case catalog.FoldTerms:
		return "lower,upper"
	case envelope.TermUpper:
		return "upper"
	}
	return "lower"
}

// RefuseFoldChanged is why a column cannot be written, nor compared without regard to
// case: the server folds otherwise than when its terms were made.
func RefuseFoldChanged(c *catalog.SealedColumn) *Refusal {
	r := sealedRefusal("fold-changed", c, -1, "has terms of its values in one case as another server made it")
	r.Detail = "lower() or upper() of its collation is not what it was when the column was sealed, as after an upgrade of the operating system or a restore on another one."
	r.Hint = "pgseal seal " + c.String() + " --equality --normalize " + foldNames(c.Terms)
	return r
}

// refuseOwnFold is for a database in which lower may be something else.
func refuseOwnFold(c *catalog.SealedColumn, kind envelope.TermFlags, position int32) *Refusal {
	name := catalog.FoldName(kind)
	r := sealedRefusal("no-fold-term", c, position, "cannot be compared by "+name+"(): the database has a function "+name+" of its own")
	r.Hint = "Give the function another name."
	return r
}

// refuseFoldBehind is for a text in which another lower may have been made.
func refuseFoldBehind(c *catalog.SealedColumn, kind envelope.TermFlags, position int32) *Refusal {
	name := catalog.FoldName(kind)
	r := sealedRefusal("mixed-text", c, position, "cannot be compared by "+name+"() behind a statement of the same text that may make a function of that name")
	r.Hint = hintSeparate
	return r
}

// refuseTextFunction is for lower($1) and the like that cannot be computed here.
func refuseTextFunction(op *Operand, name string, position int32, why, hint string) *Refusal {
	verb := "compared with"
	if op.Role == Store {
		verb = "set to"
	}
	r := sealedRefusal("text-function", op.Column, position, "cannot be "+verb+" "+name+"() of a value: "+why)
	r.Hint = hint
	return r
}

// refuseJoined is for a parameter that || joins, or that is split, and that is no text.
func refuseJoined(op *Operand, position int, oid uint32) *Refusal {
	r := sealedRefusal("text-function", op.Column, int32(position), "takes no value that "+op.Site.function+" makes of a parameter declared as "+logical.TypeName(oid))
	r.Hint = "Declare the parameter as text."
	return r
}

// refuseOtherFold is for a column compared with its own values in another case.
func refuseOtherFold(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("other-column", c, position, "cannot be compared with its own values in another case")
	r.Detail = "The two have different keys, so that equal values have different terms."
	r.Hint = hintApplication
	return r
}
