package rewrite

import (
	"strconv"

	"pgseal/catalog"
)

// refuseFormulaRows is for rows that are not found by conditions that the server can be
// asked for apart.
func refuseFormulaRows(c *catalog.SealedColumn, position int32, row *foundRow) *Refusal {
	r := sealedRefusal("store-expression", c, position, "cannot be computed of the row's own values for rows that are not found by their own columns and constants alone")
	r.Detail = "pgseal asks the server for what the rows have, and computes; the server could not."
	r.Hint = "Find the rows by conditions of plain columns, or of sealed ones by their terms, without functions and subqueries that call some; or select them, and update each by its primary key."
	if row.excluded != nil {
		r.Message = "sealed column " + c.String() + " cannot be computed of the values of a row that is not found by unique columns"
		r.Hint = "Insert one row of literals or parameters, with ON CONFLICT over the columns of a unique index that has no conditions."
	}
	return r
}

// refuseRows is for rows that the server cannot be asked for apart from the statement.
func (o *Operand) refuseRows(position int32) *Refusal {
	if !o.Decides {
		return refuseFormulaRows(o.Column, position, &foundRow{})
	}
	r := refuseUse(o.Column, position, "a condition")
	r.Detail = "pgseal decides the condition in front of the statement, and cannot ask the server for the rows: something else of sealed values decides which ones these are."
	r.Hint = "Find the rows by conditions of plain columns, or of sealed ones that are compared by their terms."
	return r
}

// refuseFormulaParam is for a parameter that pgseal computes with and the server, too, unless
// both are known to take it for one type.
func refuseFormulaParam(c *catalog.SealedColumn, position int32, number int) *Refusal {
	r := sealedRefusal("store-expression", c, position, "cannot be computed with parameter $"+strconv.Itoa(number)+", which stands elsewhere in the statement, too")
	r.Detail = "The client does not declare its type, and pgseal does not know it to be the same in both places."
	r.Hint = "Declare the type, compare a column with the parameter in the other place, or use a parameter of its own there."
	return r
}

// RefuseFormula is the refusal for types that pgseal does not compute with, or does not
// know.
func (o *Operand) RefuseFormula() *Refusal {
	r := sealedRefusal("store-expression", o.Column, -1, "cannot be set to this: pgseal does not compute with values of these types")
	r.Hint = "Cast constants and parameters to the types of the columns that they are computed with, or compute the value in the application."
	return r
}

// RefuseOutput is for an output that pgseal does not compute of values of their types.
func (f *Formula) RefuseOutput() *Refusal {
	r := sealedRefusal("sealed-expression", f.SealedColumn(), -1, "cannot be used in an output like this: pgseal does not compute with values of these types")
	r.Hint = "Cast parameters to the types of the columns that they are computed with, or select the columns and compute in the application."
	return r
}

// RefuseRowChanged is for a row that had other values when the statement came to it.
func RefuseRowChanged() *Refusal {
	return &Refusal{Anchor: "row-changed", Code: codeSerialization, Position: -1,
		Message: "the row has changed since pgseal computed a sealed value of it",
		Detail:  "Nothing has been stored.",
		Hint:    "Repeat the transaction.",
	}
}

// refuseFormulaExecuted is for SQL's EXECUTE of a statement that computes with what the
// row has.
func refuseFormulaExecuted(name string) *Refusal {
	return &Refusal{Anchor: "computed-argument", Code: codeNotSupported, Position: -1,
		Message: "prepared statement \"" + name + "\" computes with sealed values of its rows, which EXECUTE cannot do",
		Detail:  "pgseal reads what it computes with when the statement is bound.",
		Hint:    "Bind the statement in the extended protocol, or send it by itself."}
}

// refuseSortBehind is for an ORDER BY that sorts by what pgseal computes only where
// something else is equal, which the server cannot be asked for.
func refuseSortBehind(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("sealed-sort", c, position, "cannot be sorted by behind this expression")
	r.Detail = "pgseal sorts the rows by what it computes, and needs their rank by what stands before it from the server."
	r.Hint = "Sort by columns before it, or by outputs without parameters, or sort in the application."
	return r
}

// refuseCollation is for texts whose order pgseal does not know.
func refuseCollation(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("sealed-sort", c, position, "cannot be used in ORDER BY: the order of its texts is that of a collation which pgseal does not know")
	r.Detail = "The server holds only its encrypted values, and pgseal sorts texts by collations that go by their bytes (C, POSIX, C.UTF-8), and by those whose order it can learn from the server: not by Czech, Hungarian, Danish and others that take several characters for one letter, nor by those that find different texts equal."
	r.Hint = "Sort by it with COLLATE \"C\" if that order will do, give the column such a collation before it is sealed, or sort the opened rows in the application."
	return r
}

// refuseOrderFailure is a refusal for want of an order that pgseal will ask the server for again.
func refuseOrderFailure(r *Refusal, f *catalog.OrderFailure) *Refusal {
	return &Refusal{Anchor: "order-failure", Code: codeSystemError, Column: r.Column, Position: r.Position, probe: r.probe,
		Message: f.Message(),
		Detail:  "Without it pgseal cannot sort or compare texts of sealed columns. When it asked: " + f.Reason(),
		Hint:    "Repeat the statement: pgseal asks the server again after a pause.",
	}
}

// refuseCalled is for a function of the server's beside rows of which pgseal shows some.
func refuseCalled(c *catalog.SealedColumn, position int32, function string) *Refusal {
	r := sealedRefusal("sealed-sort", c, position, "cannot be sorted or filtered by beside function "+function)
	r.Detail = "pgseal sorts the rows and shows some of them; the server would call the function for all, in another order."
	r.Hint = "Call the function in a statement of its own, for the rows that are shown, or declare it STABLE or IMMUTABLE if it only computes."
	return r
}

// refuseCut is for a LIMIT or OFFSET that pgseal has to apply, and cannot.
func refuseCut(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("sealed-sort", c, position, "cannot be sorted or filtered by with a LIMIT or OFFSET like this")
	r.Detail = "pgseal sorts and counts the rows, and has to know how many it shall give."
	r.Hint = "Give the number as an integer or a parameter, or computed of these, without WITH TIES."
	return r
}
