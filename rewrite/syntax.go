package rewrite

import (
	"errors"
	"strings"

	"github.com/pganalyze/pg_query_go/v6/parser"
)

// Syntax errors are PostgreSQL's own to the letter, the text near the error
// included: only the client sees it, and it is the client's.

// near is how PostgreSQL quotes the text at an error, s if there is some.
func near(message string, s []byte) string {
	if len(s) == 0 {
		return message + " at end of input"
	}
	return message + ` at or near "` + string(s) + `"`
}

// refuseLex is for a text that the scanner does not take, at a position.
func refuseLex(e lexError, text []byte, position int) *Refusal {
	rest := text[position:]
	message := "syntax error"
	switch e {
	case lexUnterminatedString:
		message = "unterminated quoted string"
	case lexUnterminatedName:
		message = "unterminated quoted identifier"
	case lexUnterminatedComment:
		message = "unterminated /* comment"
	case lexUnterminatedDollar:
		message = "unterminated dollar-quoted string"
	case lexEmptyName:
		message, rest = "zero-length delimited identifier", rest[:min(len(rest), 2)]
	case lexJunk:
		message, rest = "trailing junk after numeric literal", junk(rest)
		if rest[0] == '$' {
			message = "trailing junk after parameter"
		}
	case lexByte:
		rest = rest[:min(len(rest), 1)]
	}
	return &Refusal{Anchor: "syntax", Code: codeSyntax, Message: near(message, rest), Position: position}
}

// junk is the number or parameter at the start of a text with all of the name
// that follows, as part of a name may be part of a character.
func junk(text []byte) []byte {
	of := func(i int, wanted uint8) bool { return i < len(text) && class[text[i]]&wanted != 0 }
	end := 1
	for of(end, classDigit) || end < len(text) && text[end] == '.' {
		end++
	}
	exponent := end
	for of(end, className) {
		end++
	}
	if end == exponent+1 && text[exponent]|0x20 == 'e' && end < len(text) && (text[end] == '+' || text[end] == '-') {
		end++
		for digits := of(end, classDigit); digits && of(end, className); {
			end++
		}
	}
	return text[:end]
}

const (
	nearQuote = ` at or near "`
	maxNear   = 1 << 10 // bytes of the text that an error repeats
)

// refuseCommands is what PostgreSQL says of several statements in one Parse.
func refuseCommands() *Refusal {
	return &Refusal{Anchor: "syntax", Code: codeSyntax, Message: "cannot insert multiple commands into a prepared statement", Position: -1}
}

// refuseSyntax is for a text that the parser does not take. The parser has seen
// it masked, so what it quotes of it is put right.
func refuseSyntax(err error, text, masked []byte) *Refusal {
	message := err.Error()
	if strings.Contains(message, "maximum recursion depth") || strings.Contains(message, "memory exhausted") {
		return refuseNesting(-1)
	}
	r := &Refusal{Anchor: "syntax", Code: codeSyntax, Message: message, Position: -1}
	var e *parser.Error
	if errors.As(err, &e) && e.Cursorpos > 0 {
		r.Position = characterOffset(masked, e.Cursorpos)
	}
	if before, quoted, ok := strings.Cut(message, nearQuote); ok {
		// The quoted text begins where the error is.
		end := r.Position + len(quoted) - 1
		if r.Position >= 0 && end <= len(text) && string(masked[r.Position:end]) == quoted[:len(quoted)-1] {
			r.Message = near(before, text[r.Position:min(end, r.Position+maxNear)])
		} else {
			r.Message = before
		}
	}
	for _, more := range grammarErrors {
		if strings.HasPrefix(message, more.message) {
			if more.code != "" {
				r.Code = more.code
			}
			r.Detail, r.Hint = more.detail, more.hint
		}
	}
	return r
}

// grammarErrors are what PostgreSQL's grammar says of an error besides its
// message, which is all that the parser passes on.
var grammarErrors = []struct{ message, code, detail, hint string }{
	{message: "missing argument", hint: "Use NONE to denote the missing argument of a unary operator."},
	{message: "unrecognized row security option", hint: "Only PERMISSIVE or RESTRICTIVE policies are supported currently."},
	{message: "LIMIT #,# syntax is not supported", hint: "Use separate LIMIT and OFFSET clauses."},
	{message: "invalid publication object list", detail: "One of TABLE or TABLES IN SCHEMA must be specified before a standalone table or schema name."},
	{message: "UNENCRYPTED PASSWORD is no longer supported", code: codeNotSupported, hint: "Remove UNENCRYPTED to store the password in encrypted form instead."},
	{message: "RECHECK is no longer required", code: codeNotSupported, hint: "Update your data type."},
	{message: "CREATE SCHEMA IF NOT EXISTS cannot include schema elements", code: codeNotSupported},
	{message: "current database cannot be changed", code: codeNotSupported},
	{message: "MATCH PARTIAL not yet implemented", code: codeNotSupported},
	{message: "a column list with ", code: codeNotSupported},
	{message: "CREATE EXTENSION ... FROM is no longer supported", code: codeNotSupported},
	{message: "CREATE OR REPLACE CONSTRAINT TRIGGER is not supported", code: codeNotSupported},
	{message: "CREATE ASSERTION is not yet implemented", code: codeNotSupported},
	{message: "aggregates cannot have output arguments", code: codeNotSupported},
	{message: "WITH CHECK OPTION not supported on recursive views", code: codeNotSupported},
	{message: "UNIQUE predicate is not yet implemented", code: codeNotSupported},
	{message: "an ordered-set aggregate with a VARIADIC direct argument", code: codeNotSupported},
	{message: "CHECK constraints cannot be marked DEFERRABLE", code: codeNotSupported},
	{message: "NOT NULL constraints cannot be marked ", code: codeNotSupported},
}
