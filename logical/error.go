package logical

import (
	"errors"
	"strconv"
)

// SQLSTATEs of the errors given here.
const (
	codeFeatureNotSupported = "0A000"
	codeProtocolViolation   = "08P01"
	codeDataException       = "22000"
	codeStringTruncation    = "22001"
	codeNumericOutOfRange   = "22003"
	codeInvalidDatetime     = "22007"
	codeDatetimeOverflow    = "22008"
	codeZoneDisplacement    = "22009"
	codeNullNotAllowed      = "22004"
	codeSyntaxError         = "42601"
	codeNotInRepertoire     = "22021"
	codeStringLength        = "22026"
	codeSubstring           = "22011"
	codeDivisionByZero      = "22012"
	codeInvalidPower        = "2201F"
	codeBucket              = "2201G"
	codeIntervalOverflow    = "22015"
	codeInvalidParameter    = "22023"
	codeInvalidText         = "22P02"
	codeInvalidBinary       = "22P03"
	codeUntranslatable      = "22P05"
	codeArraySubscript      = "2202E"
	codeProgramLimit        = "54000"
	codeTooComplex          = "54001"
	codeNotNullViolation    = "23502"
	codeCheckViolation      = "23514"
	codeDatatypeMismatch    = "42804"
	codeUndefinedFunction   = "42883"
	codeCannotCoerce        = "42846"
	codeNameTooLong         = "42622"
	codeInternal            = "XX000"
	codeDataCorrupted       = "XX001"
	codeAmbiguous           = "42725"
	hintAmbiguous           = "Could not choose a best candidate operator. You might need to add explicit type casts."
	hintDateStyle           = `Perhaps you need a different "datestyle" setting.`
	hintCastColumn          = "You will need to rewrite or cast the expression."
	hintCastOperator        = "No operator matches the given name and argument types. You might need to add explicit type casts."
)

// Error carries what the server would have said. All texts are UTF-8.
// Message and Detail may repeat the client's own value, as PostgreSQL does:
// they are for the client, never for a log.
type Error struct {
	Code, Message, Detail, Hint string
	// Context is where in the value something is wrong.
	Context string
	// Stale: a newer catalog may know better, because types can get new labels.
	Stale bool
	// Late: the value could be read, and a cast, a length or precision, or a CHECK does
	// not take it. PostgreSQL finds that when it plans or runs the statement, and does not
	// say where the literal stands.
	Late bool
	// Schema, Type and Constraint are the domain and its constraint that refuse a
	// value.
	Schema, Type, Constraint string

	left, right string // the types of a comparison for which there is no operator
}

// Comparing is the error of a comparison with an operator other than =, or with
// the value before the operator and the column behind it. Of any other error it
// is that error.
func (e *Error) Comparing(operator string, valueFirst bool) *Error {
	if e.left == "" {
		return e
	}
	left, right := e.left, e.right
	if valueFirst {
		left, right = right, left
	}
	c := *e
	c.Message = "operator does not exist: " + left + " " + operator + " " + right
	return &c
}

// Error gives the SQLSTATE alone, so that no value reaches a log by accident.
func (e *Error) Error() string { return "logical: SQLSTATE " + e.Code }

// late marks the error of what comes after the reading of a value.
func late(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.Late = true
	}
	return err
}

func newError(code, message string) *Error { return &Error{Code: code, Message: message} }

// invalidSyntax is what an input function says of text it cannot read.
func invalidSyntax(typeName string, text []byte) error {
	return newError(codeInvalidText, "invalid input syntax for type "+typeName+`: "`+string(text)+`"`)
}

// outOfRange is what integer input functions say of too large a number.
func outOfRange(typeName string, text []byte) error {
	return newError(codeNumericOutOfRange, `value "`+string(text)+`" is out of range for type `+typeName)
}

// shortBinary is what the server says when a binary value ends too early.
func shortBinary() error {
	return newError(codeProtocolViolation, "insufficient data left in message")
}

// trailingBinary is what the server says when a binary value goes on too long;
// in a Bind message it adds " in bind parameter N", which is not known here.
func trailingBinary() error {
	return newError(codeInvalidBinary, trailingMessage)
}

const trailingMessage = "incorrect binary data format"

// corrupt reports canonical bytes that no AppendCanonical has written.
func corrupt(c *codec) error {
	return newError(codeDataCorrupted, "the opened value is not of type "+c.name)
}

// refuse reports what the server could do and pgseal cannot do exactly.
func refuse(message, hint string) *Error {
	return &Error{Code: codeFeatureNotSupported, Message: message, Hint: hint}
}

func unsupportedType(oid uint32) error {
	return refuse("pgseal does not support the type with OID "+utoa(oid)+" for sealed columns", "")
}

func itoa(n int) string { return strconv.Itoa(n) }

func utoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// exactly checks the length of a binary value of fixed size.
func exactly(data []byte, n int) error {
	switch {
	case len(data) < n:
		return shortBinary()
	case len(data) > n:
		return trailingBinary()
	}
	return nil
}
