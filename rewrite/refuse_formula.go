package rewrite

import (
	"strconv"

	"pgseal/catalog"
)

// refuseFormulaParam is for a parameter that pgseal computes with and the server would
// have to know, too.
func refuseFormulaParam(c *catalog.SealedColumn, position int32, number int) *Refusal {
	r := sealedRefusal("store-expression", c, position, "cannot be computed with parameter $"+strconv.Itoa(number)+", which stands elsewhere in the statement, too")
	r.Detail = "pgseal computes the value, and the server does not get the parameter."
	r.Hint = "Use a parameter of its own for the other place."
	return r
}

// refuseFormulaExecuted is for SQL's EXECUTE of a statement that computes with what the
// row has.
func refuseFormulaExecuted(name string) *Refusal {
	return &Refusal{Anchor: "computed-argument", Code: codeNotSupported, Position: -1,
		Message: "prepared statement \"" + name + "\" computes with sealed values of the row that it changes, which EXECUTE cannot do",
		Detail:  "pgseal asks the server for them when the statement is bound.",
		Hint:    "Bind the statement in the extended protocol, or send the UPDATE itself."}
}
