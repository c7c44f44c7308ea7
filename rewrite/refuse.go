package rewrite

import (
	"strconv"

	"pgseal/catalog"
	"pgseal/logical"
)

// SQLSTATEs of the refusals.
const (
	codeNotSupported       = "0A000"
	codeInvalidText        = "22025" // invalid_escape_sequence
	codeSyntax             = "42601"
	codeUndefined          = "42703" // undefined_column
	codeGrouping           = "42803" // grouping_error
	codeNoTable            = "42P01" // undefined_table
	codeNoParameter        = "42P02" // undefined_parameter
	codeNoFunction         = "42883" // undefined_function, also for operators
	codeSerialization      = "40001" // serialization_failure
	codeUndefinedObject    = "42704" // undefined_object
	codeTooComplex         = "54001"
	codeSystemError        = "58000"
	codeInvalidEncoded     = "22021"
	codeWrongObjectType    = "42809"
	codeDatatypeMismatch   = "42804"
	codeAmbiguousParameter = "42P08"
	codeIndeterminateType  = "42P18"
	codeDependents         = "2BP01" // dependent_objects_still_exist
	codeDuplicateColumn    = "42701"
	codeDuplicateObject    = "42710"
)

// The hints that several refusals share.
const (
	hintComparisons = "A sealed column can be selected, stored, tested with IS [NOT] NULL, counted, and, with an equality term, compared with =, <>, IN and = ANY."
	hintApplication = "Select the column and compute the expression in the application: what pgseal returns is opened."
	hintSeparate    = "Send the statements one at a time."
)

func sealedRefusal(anchor string, c *catalog.SealedColumn, position int32, message string) *Refusal {
	return &Refusal{
		Anchor: anchor, Code: codeNotSupported, Column: c, Position: int(position),
		Message: "sealed column " + c.String() + " " + message,
	}
}

// refuseUse is for a sealed value where only plain ones are understood.
func refuseUse(c *catalog.SealedColumn, position int32, within string) *Refusal {
	if within == "" {
		within = "this expression"
	}
	r := sealedRefusal("sealed-expression", c, position, "cannot be used in "+within)
	r.Detail = "The server holds only its encrypted values."
	r.Hint = hintApplication
	switch within {
	case "ORDER BY", "GROUP BY", "DISTINCT", "a window definition":
		r.Anchor = "sealed-sort"
		r.Hint = "Sort or group the opened rows in the application."
	case "operator ANY or ALL":
		insideArray(c, r)
	case coalesceNull:
		r.Detail = "The server leaves the NULL out and describes the result in more than one way because of it."
		r.Hint = "Leave the NULL out of COALESCE."
	case caseConstant:
		r.Detail = "The server leaves the CASE out and describes the result in more than one way because of it."
		r.Hint = "Cast the results to a type without a length, or compare a column in each condition."
	case "a condition":
		if isBool(c) {
			r.Hint = "Compare it with a value: " + c.Name + " = true."
		}
	}
	return r
}

// refuseOwnType is for a table that is to be the child, or the parent, of one in which a
// column of the same name is not this sealed one.
func refuseOwnType(c *catalog.SealedColumn, position int32, other string) *Refusal {
	r := sealedRefusal("own-type", c, position, "cannot be one column with that of "+other)
	r.Detail = "To PostgreSQL every sealed column has a type of its own."
	r.Hint = "Make the child by CREATE TABLE … PARTITION OF, or INHERITS, which gives it the parent's column, and move the rows through the application."
	return r
}

func refuseOperator(c *catalog.SealedColumn, position int32, operator string) *Refusal {
	r := sealedRefusal("sealed-operator", c, position, "cannot be an operand of "+operator)
	r.Detail = "The server holds only its encrypted values."
	r.Hint = hintComparisons
	switch operator {
	case "@>", "<@", "&&":
		insideArray(c, r)
	case "LIKE", "ILIKE":
		if foldable(c.Type) {
			r.Hint = hintPattern(c, operator)
		}
	}
	return r
}

// insideArray says of a search inside a sealed array why it cannot be.
func insideArray(c *catalog.SealedColumn, r *Refusal) {
	if c.Type.IsArray() {
		r.Detail = "The server holds only encrypted arrays, each with one term at most: for the array as a whole."
		r.Hint = "Put values that are searched into a table of their own, a row each, sealed with --equality; or select the column and look into the arrays in the application."
	}
}

// refuseNoTerm is for a comparison with a column that has no equality term.
func refuseNoTerm(c *catalog.SealedColumn, position int32) *Refusal {
	if c.Type.OwnEquality() {
		r := sealedRefusal("own-equality", c, position, "cannot be compared: which values of its type are equal only the server knows")
		r.Detail = "Values of type " + c.Type.Name() + " are equal by the rules of the database's locale."
		return r
	}
	if !c.Type.HasEquality() {
		name := c.Type.Name()
		return &Refusal{
			Anchor: "no-operator", Code: codeNoFunction, Column: c, Position: int(position),
			Message: "operator does not exist: " + name + " = " + name,
			Hint:    "No operator matches the given name and argument types. You might need to add explicit type casts.",
		}
	}
	r := sealedRefusal("no-equality-term", c, position, "cannot be compared: it has no equality term")
	r.Hint = "pgseal seal " + c.String() + " --equality"
	return r
}

// refuseUngrouped is what PostgreSQL says of values that it would have to group.
func refuseUngrouped(c *catalog.SealedColumn, position int32) *Refusal {
	return &Refusal{
		Anchor: "no-operator", Code: codeNoFunction, Column: c, Position: int(position),
		Message: "could not identify an equality operator for type " + c.Type.Name(),
	}
}

// refuseArrayOfArrays is what PostgreSQL says of x = ANY (…) when x is an array.
func refuseArrayOfArrays(c *catalog.SealedColumn, position int32) *Refusal {
	return &Refusal{
		Anchor: "type", Code: codeUndefinedObject, Column: c, Position: int(position),
		Message: "could not find array type for data type " + c.Type.Name(),
	}
}

func refuseOtherColumn(c, other *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("other-column", c, position, "cannot be compared with "+other.String())
	r.Detail = "The two have different keys, so that equal values have different terms."
	r.Hint = "Select the values of one side first and search for them in the other, with IN (…) or = ANY ($1); or join over plain keys."
	return r
}

func refuseComputed(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("compared-with-expression", c, position, "can be compared with literals, parameters and itself only")
	r.Detail = "The server would have to compute the other side, and cannot seal it."
	r.Hint = "Compute or select the other side first and pass it as a parameter or literal; several values with IN (…) or = ANY ($1)."
	return r
}

func refuseStore(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("store-expression", c, position, "can be set to a literal, a parameter, NULL or DEFAULT only")
	r.Detail = "The server would have to compute the value in clear."
	r.Hint = "Compute the value first and pass it as a parameter or literal."
	return r
}

// refuseComputedRows is for a value that the server would compute for each row.
func refuseComputedRows(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("store-expression", c, position, "cannot be set to a value that is another one in each row")
	r.Detail = "pgseal asks the server for it once."
	r.Hint = "Write the rows as VALUES, or find the row to change by its primary key."
	return r
}

// refuseComputedBeside is for a value that is computed a moment before another one
// in the same statement.
func refuseComputedBeside(c *catalog.SealedColumn, position int32, name string) *Refusal {
	r := sealedRefusal("store-expression", c, position, "cannot be set to this in a statement that uses "+name+", too")
	r.Detail = "pgseal asks the server for it in front of the statement."
	r.Hint = "Use now() for both, or compute the value first."
	return r
}

// refuseComputedAmong is for a value that the server computes in one of several
// statements.
func refuseComputedAmong(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("store-expression", c, position, "cannot be set to what the server computes in a text of several statements")
	r.Detail = "pgseal asks the server for it in front of the text."
	r.Hint = hintSeparate
	r.Apart = true
	return r
}

// refuseComputedMany is for more computed values than the server can be asked for.
func refuseComputedMany(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("store-expression", c, position, "cannot be set to what the server computes for so many rows at once")
	r.Detail = "pgseal asks the server for all values in front of the statement, in one SELECT."
	r.Hint = "Insert fewer rows at a time: a thousand, with one such column."
	return r
}

// refuseAnswerExecuted is for SQL's EXECUTE, sent in the extended protocol, of what
// has to be computed anew each time: its text goes to the server at Parse.
func refuseAnswerExecuted(c *catalog.SealedColumn) *Refusal {
	r := sealedRefusal("computed-argument", c, -1, "takes a value that the server computes, which EXECUTE cannot hand over in the extended protocol")
	r.Hint = "Send EXECUTE in the simple protocol, or bind the statement itself."
	return r
}

// refuseCopyExecuted is for SQL's EXECUTE of a COPY that the protocol has prepared.
func refuseCopyExecuted(c *Copy, name string) *Refusal {
	r := &Refusal{Anchor: "copy-executed", Code: codeNotSupported, Position: -1,
		Message: "prepared statement \"" + name + "\" is a COPY of sealed columns, which EXECUTE cannot run",
		Hint:    "Send COPY itself, or bind the statement."}
	for i := range c.Columns {
		if op := c.Columns[i].Operand; op != nil && r.Column == nil {
			r.Column = op.Column
		}
	}
	return r
}

func refuseStoreOther(c, other *catalog.SealedColumn, position int32) *Refusal {
	for _, m := range other.Mixed {
		if m.ID != c.ID {
			other = m
		}
	}
	r := sealedRefusal("store-other-column", c, position, "cannot take a value of "+other.String()+" on the server")
	r.Detail = "An envelope opens only as a value of the column it was sealed for."
	r.Hint = "Select the value and store it from the application."
	return r
}

func refuseStorePlain(c *catalog.SealedColumn, position int32, target string) *Refusal {
	r := sealedRefusal("store-into-plain", c, position, "cannot be stored into "+target+", which is not the same sealed column")
	r.Detail = "The server would store the encrypted value."
	r.Hint = "Select the value and store it from the application."
	return r
}

func refuseStoreUnknown(c *catalog.SealedColumn, position int32, relation string) *Refusal {
	r := sealedRefusal("store-into-unknown", c, position, "cannot be stored into relation \""+relation+"\", which pgseal does not know")
	r.Hint = "Create and commit the relation first."
	return r
}

func refuseStoreQuery(c *catalog.SealedColumn, position int32, why string) *Refusal {
	r := sealedRefusal("store-query", c, position, "cannot be filled from a query with "+why)
	r.Hint = "Insert the rows with VALUES, or select constants and parameters directly."
	return r
}

func refuseRow(c *catalog.SealedColumn, position int32, row string) *Refusal {
	r := sealedRefusal("whole-row", c, position, "is part of the row \""+row+"\", which is used as one value")
	r.Hint = "Name the columns, or write " + row + ".* as an output of its own."
	return r
}

func refuseRowFunction(name string, position int32) *Refusal {
	return &Refusal{
		Anchor: "row-function", Code: codeNotSupported, Position: int(position),
		Message: "function " + name + " can return rows with sealed columns",
		Detail:  "pgseal cannot tell which values it returns.",
		Hint:    "Select from the table itself.",
	}
}

func refuseReach(name, relation string, position int32) *Refusal {
	r := &Refusal{
		Anchor: "query-in-text", Code: codeNotSupported, Position: int(position),
		Message: "function " + name + " runs a query that pgseal cannot see",
		Hint:    "Send the query itself.",
	}
	if relation != "" {
		r.Message = "function " + name + " reads relation \"" + relation + "\", which has sealed columns, unseen by pgseal"
	}
	return r
}

// refuseReturning is for a constructor of JSON that gives json or jsonb, depending on
// the types of its arguments.
func refuseReturning(c *catalog.SealedColumn, position int32, name string) *Refusal {
	r := sealedRefusal("sealed-expression", c, position, "cannot be used in "+name+" without RETURNING beside jsonb, or what may be")
	r.Detail = "Whether it gives json or jsonb depends on the types of all its arguments."
	r.Hint = "Write RETURNING json or RETURNING jsonb."
	return r
}

// refuseTwoForms is for a json document of which a part would have to be written in
// two ways.
func refuseTwoForms(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("sealed-expression", c, position, "is in a document that is used as json and as jsonb")
	r.Hint = "Make the document twice, or use it as one of both."
	return r
}

func refuseCast(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("sealed-cast", c, position, "cannot be cast to another type than "+c.Type.Name())
	r.Detail = "The server holds only its encrypted values."
	r.Hint = "Select the column as it is and convert it in the application."
	return r
}

func refuseValueCast(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("value-cast", c, position, "does not take a value with this cast")
	r.Hint = "Cast the value to " + c.Type.Name() + ", or leave the cast out."
	return r
}

// refuseNullIf is for a value that NULLIF does not compare as text.
func refuseNullIf(c *catalog.SealedColumn, position int, oid uint32) *Refusal {
	r := sealedRefusal("value-cast", c, int32(position), "does not take NULLIF of a value of type "+logical.TypeName(oid))
	r.Hint = "Pass the value as text, or NULL instead of it."
	return r
}

// refuseBeside is for a value that would give COALESCE or CASE another type than
// the column's.
func refuseBeside(c *catalog.SealedColumn, position int, oid uint32) *Refusal {
	r := sealedRefusal("value-cast", c, int32(position), "does not take a value of type "+logical.TypeName(oid)+" beside it")
	r.Hint = "Cast the value to " + c.Type.Name() + "."
	return r
}

func refuseValue(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("value-form", c, position, "does not take a literal of this form")
	r.Hint = "Write a decimal number or a string, or use a parameter."
	return r
}

// RefuseCut is why a value cannot be stored that is Compared.
func (o *Operand) RefuseCut() *Refusal { return refuseTwoRoles(o.Column, -1) }

func refuseMixedList(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("mixed-list", c, position, "does not take a list of values of different types")
	r.Hint = "Cast all of them to " + c.Type.Name() + ", or none."
	return r
}

// RefuseUnsure is why a value cannot be compared whose type is Unsure.
func (o *Operand) RefuseUnsure() *Refusal { return refuseMixedList(o.Column, -1) }

func refuseStar(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("star-position", c, position, "stands behind columns whose number pgseal does not know")
	r.Hint = "Name the output columns instead of *."
	return r
}

func refuseShownStar(name string, position int32) *Refusal {
	return &Refusal{
		Anchor: "catalog-star", Code: codeNotSupported, Position: int(position),
		Message: "* of " + name + " cannot stand in a statement that names a system column",
		Detail:  "pgseal shows the catalogs as subqueries, which have tableoid, ctid and their like only among the columns that * stands for.",
		Hint:    "Name the columns instead of *.",
	}
}

func refuseJoinColumn(c *catalog.SealedColumn, position int32, how string) *Refusal {
	r := sealedRefusal("join-column", c, position, "cannot be joined with "+how)
	r.Hint = "Join a table with itself with ON x." + c.Name + " = y." + c.Name + ", two tables with ON over plain keys."
	return r
}

func refuseUnion(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("set-operation", c, position, "cannot be an output of UNION, INTERSECT or EXCEPT")
	r.Detail = "Equal values are stored as different envelopes, which can be compared by equality terms of the same column in simple queries only."
	r.Hint = "Use UNION ALL of sealed columns of one type, or combine the opened rows in the application."
	return r
}

func refusePersistent(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("persistent-value", c, position, "cannot be compared or combined with a constant inside a stored object")
	r.Detail = "The constant would stand sealed in the object's definition, which the rotation of keys does not reach."
	r.Hint = "Leave the constant out of the object and put it into the queries."
	return r
}

func refuseDefinition(c *catalog.SealedColumn, position int32, what string) *Refusal {
	r := sealedRefusal("definition", c, position, "cannot be part of "+what)
	r.Detail = "The server would evaluate it over encrypted values."
	r.Hint = "Unseal the column first (pgseal unseal " + c.String() + "), or do without."
	return r
}

func refuseStatement(relation string, position int32, what string) *Refusal {
	return &Refusal{
		Anchor: "statement", Code: codeNotSupported, Position: int(position),
		Message: what + " on relation \"" + relation + "\" is not possible through pgseal: it has sealed columns",
		Hint:    "Run it on a direct connection if it does not need the values.",
	}
}

// RefuseFetched is the refusal for a fetched row with a value that looks sealed
// where neither a DECLARE nor the server says of which column.
func RefuseFetched() *Refusal {
	return &Refusal{
		Anchor: "cursor", Code: codeNotSupported, Position: -1,
		Message: "this cursor returns a sealed value of which pgseal does not know the column",
		Detail:  "A function opened the cursor, or columns have been sealed or unsealed since, and the server does not say where the value comes from.",
		Hint:    "DECLARE the cursor through pgseal, or have it select the column itself.",
	}
}

func refuseBroken(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("broken-column", c, position, "cannot be used: "+c.Broken)
	r.Hint = "pgseal column list shows the state of each sealed column."
	return r
}

func refuseBody(relation, column, what string) *Refusal {
	return &Refusal{
		Anchor: "body", Code: codeNotSupported, Position: -1,
		Message: what + " names relation \"" + relation + "\" and its sealed column \"" + column + "\"",
		Detail:  "What it does on the server would see encrypted values.",
		Hint:    "Send the statements themselves through pgseal.",
	}
}

func refuseRowType(relation string, position int32) *Refusal {
	return &Refusal{
		Anchor: "row-type", Code: codeNotSupported, Position: int(position),
		Message: "the row type of relation \"" + relation + "\" cannot be used: it has sealed columns",
		Hint:    "Name the columns instead.",
	}
}

func refuseTwoRoles(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("two-roles", c, position, "shares these values with another use of them")
	r.Detail = "The server would need them sealed for the one use and not, or otherwise, for the other."
	r.Hint = "Give the values twice, in two columns of the list."
	return r
}

func refuseNoTarget(relation, name string, position int32) *Refusal {
	return &Refusal{
		Anchor: "no-column", Code: codeUndefined, Position: int(position),
		Message: "column \"" + name + "\" of relation \"" + relation + "\" does not exist",
	}
}

func refuseDoubtful(name, item string, position int32, c *catalog.SealedColumn) *Refusal {
	return &Refusal{
		Anchor: "doubtful-name", Code: codeNotSupported, Position: int(position), Column: c,
		Message: "\"" + name + "\" may be sealed column " + c.String() + " or a column of \"" + item + "\", whose columns pgseal does not know",
		Hint:    "Qualify the name with its table or alias.",
	}
}

func refuseMixedText(relation string, position int32) *Refusal {
	return &Refusal{
		Anchor: "mixed-text", Code: codeNotSupported, Position: int(position),
		Message: "relation \"" + relation + "\" is used behind a statement of the same text that may change what the name stands for",
		Hint:    hintSeparate,
	}
}

func refuseByPlace(relation string, position int32) *Refusal {
	return &Refusal{
		Anchor: "uncommitted-relation", Code: codeNotSupported, Position: int(position),
		Message: "a column of relation \"" + relation + "\" has been dropped in this transaction, and the statement does not name its columns",
		Hint:    "Name the columns, or commit first.",
	}
}

// RefuseBorn is the refusal for rows of a relation that nothing is known of, because
// it was made in this transaction, in a way that was not seen.
func RefuseBorn() *Refusal {
	return &Refusal{
		Anchor: "uncommitted-relation", Code: codeNotSupported, Position: -1,
		Message: "a relation in this statement got its sealed columns in this transaction",
		Detail:  "pgseal knows relations when they are committed.",
		Hint:    "Commit first.",
	}
}

func refuseFunctionCode(function string, c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("function-code", c, position, "may be used in the code of function "+function+", which runs on the server")
	r.Detail = "It would compute from encrypted values."
	r.Hint = "Send the statements of the function themselves, or have it leave the column out and name the columns that it needs."
	return r
}

func refuseTriggerCode(trigger string, c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("trigger-code", c, position, "may be used in the code of trigger "+trigger+", which runs on the server")
	r.Detail = "It would compute from encrypted values."
	r.Hint = "Drop the trigger, or have its function leave the column out; NEW and OLD as a whole hold it, too."
	return r
}

// RefuseMoved is the refusal for a statement that the server has found to be
// planned for another relation or column than its names stand for.
func RefuseMoved() *Refusal {
	return &Refusal{
		Anchor: "moved-name", Code: codeNotSupported, Position: -1,
		Message: "a name in this statement stands for something else than when pgseal last read the catalog",
		Detail:  "A table or column was made, renamed or dropped at the same time. Nothing has been stored.",
		Hint:    "Repeat the statement.",
	}
}

// RefuseReached is the refusal for a statement that was relayed, because the name in it
// stood for nothing that is sealed, and has met something that is.
func RefuseReached() *Refusal {
	r := RefuseMoved()
	r.Detail = "A table with sealed columns has got the name at the same time, and the server may have compared them with what is not sealed."
	r.Hint = "Look at what has become of it, and repeat the statement."
	return r
}

func refuseEscape(position int) *Refusal {
	return &Refusal{
		Anchor: "escape", Code: codeInvalidText, Position: position,
		Message: "invalid escape in a string literal",
	}
}

func refuseNesting(position int) *Refusal {
	return &Refusal{
		Anchor: "nesting", Code: codeTooComplex, Position: position,
		Message: "stack depth limit exceeded",
		Hint:    "The statement nests too deeply to be planned. Split it.",
	}
}

func refuseNameEncoding() *Refusal {
	return &Refusal{
		Anchor: "name-encoding", Code: codeNotSupported, Position: -1,
		Message: "a name in this statement is not in UTF-8, and the statement may touch a sealed column",
		Hint:    "Set client_encoding to UTF8, or use names in ASCII.",
	}
}

func refuseDefect() *Refusal {
	return &Refusal{
		Anchor: "defect", Code: codeNotSupported, Position: -1,
		Message: "this statement touches sealed columns in a way that pgseal cannot rewrite",
		Hint:    "Please report the statement.",
	}
}

// refuseUnicodeString is PostgreSQL's refusal of U&'…' while
// standard_conforming_strings is off.
func refuseUnicodeString(position int) *Refusal {
	return &Refusal{
		Anchor: "syntax", Code: codeNotSupported, Position: position,
		Message: "unsafe use of string constant with Unicode escapes",
		Detail:  "String constants with Unicode escapes cannot be used when standard_conforming_strings is off.",
	}
}

// RefuseEncoding is the refusal for TraitNonASCII.
func RefuseEncoding(encoding string) *Refusal {
	return &Refusal{
		Anchor: "client-encoding", Code: codeNotSupported, Position: -1,
		Message: "this statement may touch a sealed column, and cannot be read reliably in client_encoding " + encoding,
		Hint:    "SET client_encoding = 'UTF8'.",
	}
}

func refuseSubquery(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("subquery", c, position, "must be named as an output of this subquery to be compared")
	r.Hint = "SELECT " + c.Name + " in the subquery, without *, or use EXISTS with =."
	return r
}

func refuseComputedArgument(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("computed-argument", c, position, "takes its value from this argument, which must be a literal")
	r.Hint = "Compute the value first."
	return r
}

func refuseUniqueConstraint(c *catalog.SealedColumn, position int32) *Refusal {
	r := sealedRefusal("unique-constraint", c, position, "cannot be part of this UNIQUE constraint: the server would compare encrypted values")
	r.Hint = "Send ALTER TABLE … ADD CONSTRAINT … UNIQUE (…) as a statement of its own, without options, over columns with equality terms: pgseal puts it on the terms."
	return r
}

// refuseUnused is for EXECUTE of a statement for which the protocol has declared
// parameters that it does not use.
func refuseUnused(name string) *Refusal {
	return &Refusal{Anchor: "arguments", Code: codeNotSupported, Position: -1,
		Message: "prepared statement \"" + name + "\" has parameters that it does not use, which EXECUTE cannot hand over beside sealed columns",
		Hint:    "Bind the statement itself, or declare only the parameters that it uses."}
}

func refuseArguments(name string, expected, got int) *Refusal {
	return &Refusal{
		Anchor: "arguments", Code: codeSyntax, Position: -1,
		Message: "wrong number of parameters for prepared statement \"" + name + "\"",
		Detail:  "Expected " + strconv.Itoa(expected) + " parameters but got " + strconv.Itoa(got) + ".",
	}
}

func refuseNoParameter(number int, position int32) *Refusal {
	return &Refusal{
		Anchor: "no-parameter", Code: codeNoParameter, Position: int(position),
		Message: "there is no parameter $" + strconv.Itoa(number),
	}
}
