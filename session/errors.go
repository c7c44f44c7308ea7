package session

import (
	"errors"
	"strconv"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// SQLSTATEs of the errors given here.
const (
	codeFeatureNotSupported = "0A000"
	codeProtocolViolation   = "08P01"
	codeSystemError         = "58000" // a data key cannot be had: outside PostgreSQL
	codeDataCorrupted       = "XX001"
	codeUndefinedColumn     = "42703"
	codeUndefinedObject     = "42704"
	codeDatatypeMismatch    = "42804"
	codeUndefinedFunction   = "42883" // also for operators
	codeInvalidText         = "22P02"
	codeInvalidReference    = "42P10"
	codeDependentObjects    = "2BP01"
	codeSyntaxError         = "42601"
	codeInvalidParameter    = "22023"
	codeNotNullViolation    = "23502"
	codeCheckViolation      = "23514"
	codeUniqueViolation     = "23505"
	codeExclusionViolation  = "23P01"
	codeStringTruncation    = "22001"
	codeNotInRepertoire     = "22021"
	codeUntranslatable      = "22P05"
	codeBadCopyFormat       = "22P04"
	codeProgramLimit        = "54000"
	codeCannotConnectNow    = "57P03"
	codeUndefinedStatement  = "26000"
	codeUndefinedCursor     = "34000"
	codeLockNotAvailable    = "55P03"
)

// violation is a breach of the protocol, after which nothing that the peer
// says can be trusted to be what it seems.
func violation(message string) error {
	return &wire.Error{Severity: wire.SeverityFatal, Code: codeProtocolViolation, Message: message}
}

// What PostgreSQL says of a message that has not the form of its type. The session goes on,
// for the message has its length.
const (
	endless  = "invalid string in message" // one without its zero byte
	lacking  = "insufficient data left in message"
	leftover = "invalid message format"
)

func malformed(message string) *wire.Error {
	return &wire.Error{Code: codeProtocolViolation, Message: message}
}

// malformedBind is what PostgreSQL says of a Bind with a fault behind its formats.
func malformedBind(m *wire.Bind) *wire.Error {
	switch m.Fault {
	case wire.BytesLeft:
		return malformed(leftover)
	case wire.NoValues:
		n := 0
		for it := m.Params.Iter(); ; n++ {
			if _, ok := it.Next(); !ok {
				return ofParameter(malformed(lacking), m, n, nil)
			}
		}
	}
	return malformed(lacking)
}

// statementError turns what made a statement fail into what the client reads.
// It is nil for a violation, which ends the session.
func statementError(err error) *wire.Error {
	var e *wire.Error
	if errors.As(err, &e) && e.Severity != wire.SeverityFatal {
		return e
	}
	var l *logical.Error
	if errors.As(err, &l) {
		return conversionError(l)
	}
	return nil
}

// keyError is a statement's failure for want of a data key: nothing is wrong
// with the statement or the values, so the class is system error.
func keyError(id uint32, why error) *wire.Error {
	e := &wire.Error{
		Code:    codeSystemError,
		Message: "data key " + strconv.FormatUint(uint64(id), 10) + " cannot be opened: " + why.Error(),
		Hint:    "Ask whoever runs the key management service to check the KMS key; the statement can be repeated afterwards.",
	}
	var hinted interface{ Hint() string }
	if errors.As(why, &hinted) && hinted.Hint() != "" {
		e.Hint = hinted.Hint()
	}
	return e
}

// corrupt is a stored value that does not open. It never shows a byte of it.
func (s *Session) corrupt(c *catalog.SealedColumn, key uint32, why error) *wire.Error {
	s.cfg.Logger.Error("a stored value does not open", "column", c.String(), "key", key, "reason", why)
	e := &wire.Error{
		Code:    codeDataCorrupted,
		Message: "a value of sealed column \"" + c.String() + "\" does not open",
		Detail:  why.Error(),
		Hint:    "Run pgseal verify " + c.Schema + "." + c.Table + " to find every such value.",
		Schema:  c.Schema, Table: c.Table, Column: c.Name,
	}
	if key != 0 {
		e.Detail = "data key " + strconv.FormatUint(uint64(key), 10) + ": " + e.Detail
	}
	return e
}

// valueError is a value that cannot be converted, as the server would say it.
func valueError(err error, c *catalog.SealedColumn) error {
	if e, ok := errors.AsType[*wire.Error](err); ok {
		return e
	}
	var l *logical.Error
	if errors.As(err, &l) {
		e := conversionError(l)
		if l.Stale {
			return &outdatedError{e, c.Domain}
		}
		return e
	}
	return &wire.Error{
		Code:    "XX000",
		Message: "a value of sealed column \"" + c.String() + "\" cannot be converted",
		Detail:  err.Error(),
	}
}

// conversionError is what the client reads of a value or text that cannot be converted.
func conversionError(l *logical.Error) *wire.Error {
	return &wire.Error{Code: l.Code, Message: l.Message, Detail: l.Detail, Hint: l.Hint, Where: l.Context,
		Schema: l.Schema, DataType: l.Type, Constraint: l.Constraint, Late: l.Late}
}

// within adds around what an error's context says already.
func within(inner, around string) string {
	if inner == "" {
		return around
	}
	return inner + "\n" + around
}

// outdatedError is an error that a newer catalog may take back: an enum can have
// got a label.
type outdatedError struct {
	as     *wire.Error
	domain uint32 // of the column
}

func (e *outdatedError) Error() string { return e.as.Message }
func (e *outdatedError) Unwrap() error { return e.as }

// staleError is an error as one that a newer catalog may take back, if it is one.
func staleError(err error) error {
	var l *logical.Error
	if errors.As(err, &l) && l.Stale {
		return &outdatedError{conversionError(l), 0}
	}
	return err
}

// behind reports that the frame at hand has failed and is worth another try with
// a fresh catalog.
func (s *Session) behind(err error) bool {
	var e *outdatedError
	if s.frame.fresh || !errors.As(err, &e) {
		return false
	}
	s.frame.fresh = true
	return true
}

// errContradiction: plan and server disagree about which result columns are
// sealed, so neither can be believed. The usual cause is a column that has been
// sealed or unsealed since.
var errContradiction = &wire.Error{
	Code:    codeFeatureNotSupported,
	Message: "cached plan must not change result type",
	Detail:  "The server describes other sealed result columns than the statement was planned with.",
	Routine: revalidates,
	Hint:    "Prepare the statement again.",
}

// errChanging: what the statement would mean at the server is about to change.
var errChanging = &wire.Error{
	Code:    codeLockNotAvailable,
	Message: "a column of a relation in this statement is being sealed or unsealed",
	Hint:    "Repeat the statement when that is over.",
}

// errDefaultMoved: a default that the statement needs is no longer what it was planned
// with.
var errDefaultMoved = &wire.Error{
	Code:    codeFeatureNotSupported,
	Message: "the default of a sealed column in this statement has just been changed",
	Hint:    "Commit the change first, or repeat the statement.",
}

// defaultUnfit: the server would fail where a row gets the default, and not before.
func defaultUnfit(c *catalog.SealedColumn, position int) *rewrite.Refusal {
	return &rewrite.Refusal{Anchor: "retype", Code: codeFeatureNotSupported, Column: c, Position: position,
		Message: "sealed column " + c.String() + " has a default that is no value of the new type",
		Hint:    "Set the default in the same statement, or drop it in front of it."}
}

// sealError is a value that could be converted but not sealed.
func sealError(c *catalog.SealedColumn, why error) *wire.Error {
	e := &wire.Error{
		Code:    codeSystemError,
		Message: "a value for sealed column \"" + c.String() + "\" cannot be sealed",
		Detail:  why.Error(),
	}
	switch {
	case errors.Is(why, envelope.ErrExhausted):
		e.Hint = "Run pgseal key rotate " + c.Schema + "." + c.Table + "."
	case errors.Is(why, envelope.ErrTooLong):
		e.Code = codeProgramLimit
	}
	return e
}

func noActiveKey(c *catalog.SealedColumn) *wire.Error {
	return &wire.Error{
		Code:    codeSystemError,
		Message: "table \"" + c.Schema + "." + c.Table + "\" has no active data key",
		Hint:    "Run pgseal key list, then pgseal key rotate " + c.Schema + "." + c.Table + ".",
	}
}

// catalogError is a statement that cannot be judged because the catalog of
// sealed columns cannot be trusted to be current.
func staleCatalog(why error) *wire.Error {
	return &wire.Error{
		Code:    codeCannotConnectNow,
		Message: "pgseal does not know which columns are sealed now",
		Detail:  why.Error(),
		Hint:    "Repeat the statement when pgseal reaches the database again.",
	}
}

// tooLong is a frame that would have to be looked into and is too long for it.
func tooLong(size, limit int) *wire.Error {
	return &wire.Error{
		Code:    codeProgramLimit,
		Message: "a message of " + itoa(size) + " bytes is longer than pgseal may hold",
		Hint:    "The limit for messages with sealed values is " + itoa(limit) + " bytes.",
	}
}

// errSettingsMoved is a text of several statements that changes how values are
// read or shown, and has sealed values too.
var errSettingsMoved = &wire.Error{
	Code:    codeFeatureNotSupported,
	Message: "sealed columns cannot be used in a query that also changes how values are written",
	Detail:  "The server reports the changed setting only when the whole query is over.",
	Hint:    "Change the setting in a statement of its own.",
}

func itoa(n int) string { return strconv.Itoa(n) }

// quoteType names a message type as PostgreSQL does in its errors: a number.
func quoteType(typ byte) string { return itoa(int(typ)) }
